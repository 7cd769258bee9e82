"""Export: the trained network in files that other programs run, without PyTorch.

An ONNX file is the network alone, from an image to its probabilities. A bioimage.io package holds
it together with what else one must know to use it: how gray values are scaled, which sizes fit,
what comes out for an example, whom to cite.
"""

from unet_book.export.graph import margin, to_onnx
from unet_book.export.package import settings, to_bioimageio

__all__ = ["to_onnx", "margin", "to_bioimageio", "settings"]
