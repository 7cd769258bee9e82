"""The network as an ONNX graph, which runs without PyTorch: onnxruntime, Fiji, ilastik, a browser.

The graph is written down layer by layer, in the order of `UNet.forward`, with the mirror of the
overlap-tile before it and the softmax behind it. PyTorch's own exporter follows free sizes as
symbols through every layer; some versions refuse that here, others take half a minute. It can be
had for nothing: `sizes` knows how much each layer takes off, whatever the size.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor, nn

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise ImportError("export needs the package onnx: pip install onnx") from error

from unet_book._files import write_atomically
from unet_book.overlap_tile import even_tiles, tile_step
from unet_book.sizes import crop_offsets
from unet_book.unet import UNet

__all__ = ["to_onnx", "margin"]

OPSET, IR = 15, 8  # of 2021: nothing newer is needed, and older programs read these
PRODUCER = "unet_book"  # what a file says of who wrote it
ABOUT = (
    "A U-Net (Ronneberger, Fischer and Brox 2015). An image of any height and width, float32 gray "
    "values in [0, 1], becomes the probability of each class at each pixel. Beyond its edge the "
    "image is mirrored."
)


def to_onnx(model: UNet, path: str | Path, notes: dict | None = None) -> Path:
    """Write a network as an ONNX file that answers as `overlap_tile.predict` does.

    Its input "image" is (N, in_channels, H, W), float32 in [0, 1], and its output "probability"
    (N, num_classes, H, W); N, H and W are free. The whole image is one tile, so the memory grows
    with it. Who cuts a large image into parts leaves `margin` around each and starts them at
    multiples of 2^depth pixels: then the parts together are the whole.

    Parameters
    ----------
    model : UNet
        The network; no subclass, whose layers are not known here.
    path : str or Path
        The file. The weights are in it, as float32.
    notes : dict, optional
        What JSON can hold, for the metadata under "unet_book", such as the percentiles that became
        0 and 1 in the images that the network learned from.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TypeError
        For a subclass of `UNet`.
    OSError
        If the file can't be written.
    """
    if type(model) is not UNet:
        raise TypeError(f"the layers of UNet are known, not those of {type(model).__name__}")
    graph = _Graph()
    _probability(graph, model)
    file = helper.make_model(
        graph.between(("image", model.in_channels), ("probability", model.num_classes)),
        producer_name=PRODUCER,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        doc_string=ABOUT,
    )
    helper.set_model_props(file, {PRODUCER: json.dumps(notes or {})})
    onnx.checker.check_model(file, full_check=True)
    write_atomically(path, file.SerializeToString(deterministic=True))
    return Path(path)


def margin(model: UNet) -> int:
    """Pixels around a part of an image that its answer needs, a multiple of 2^depth.

    Parameters
    ----------
    model : UNet
        The network.

    Returns
    -------
    int
        For the paper's network 96: its border of 92, and the next multiple of 16.
    """
    _, cut = _smallest_tile(model)
    block = 2**model.depth
    return -(-cut // block) * block


class _Graph:
    """Nodes and numbers, each known by the name of its result."""

    def __init__(self) -> None:
        self.nodes, self.numbers = [], []

    def add(self, kind: str, *inputs: str, result: str = "", **attributes: object) -> str:
        """One more node; the name of its result."""
        result = result or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [result], result, **attributes))
        return result

    def hold(self, value: int | Sequence[int] | Tensor, name: str = "") -> str:
        """Whole numbers, or the weights of some name, that the graph holds."""
        name = name or f"number_{len(self.numbers)}"
        is_weight = isinstance(value, Tensor)
        array = value.detach().cpu().float().numpy() if is_weight else np.array(value, np.int64)
        self.numbers.append(numpy_helper.from_array(array, name))
        return name

    def between(self, *ends: tuple[str, int]) -> onnx.GraphProto:
        """The graph from its input to its output; of each the name and the channels."""
        inputs, outputs = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, "H", "W"])]
            for name, channels in ends
        )
        return helper.make_graph(self.nodes, "unet", inputs, outputs, self.numbers, ABOUT)


def _probability(graph: _Graph, model: UNet) -> None:
    """The whole way from "image" to "probability"."""
    mirrored = _mirror(graph, _mirror(graph, "image", 2, model), 3, model)
    logits = _network(graph, mirrored, model)
    # The first pixels wanted lie behind the border, which valid convolutions have taken already.
    first = _smallest_tile(model)[1] if model.variant == "same" else 0
    start = graph.hold([first, first])
    end = graph.add("Add", start, graph.add("Shape", "image", start=2, end=4))
    seen = graph.add("Slice", logits, start, end, graph.hold([2, 3]))
    graph.add("Softmax", seen, result="probability", axis=1)


def _smallest_tile(model: UNet) -> tuple[int, int]:
    """The tile that answers one block of 2^depth pixels, and its border; px."""
    block, depth, variant = 2**model.depth, model.depth, model.variant
    tile, _ = even_tiles(block, 32 * block, depth, variant)
    return tile, tile_step(tile, depth, variant)[1]


def _mirror(graph: _Graph, image: str, axis: int, model: UNet) -> str:
    """The image with what the network needs around it, as `overlap_tile.mirror_index` has it.

    ONNX's own padding by reflection folds an index once, and a small image needs more.
    """
    one, block = graph.hold(1), graph.hold(2**model.depth)
    tile, cut = _smallest_tile(model)
    size = graph.add("Squeeze", graph.add("Shape", "image", start=axis, end=axis + 1))
    # As many pixels as whole blocks have, and around them what one block needs around it.
    blocks = graph.add("Div", graph.add("Add", size, graph.hold(2**model.depth - 1)), block)
    pixels = graph.add("Mul", blocks, block)
    end = graph.add("Add", pixels, graph.hold(tile - 2**model.depth - cut))
    index = graph.add("Range", graph.hold(-cut), end, one)
    last = graph.add("Sub", size, one)
    period = graph.add("Max", graph.add("Add", last, last), one)  # of one pixel, all are the same
    folded = graph.add("Mod", index, period)
    folded = graph.add("Min", folded, graph.add("Sub", period, folded))
    return graph.add("Gather", image, folded, axis=axis)


def _network(graph: _Graph, x: str, model: UNet) -> str:
    """`UNet.forward`; the name of the logits."""
    skips = []
    for level, encoder in enumerate(model.encoders):
        x = _layers(graph, x, encoder, f"encoders.{level}")
        skips.append(x)
        x = graph.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = _layers(graph, x, model.bottom, "bottom")
    offsets = crop_offsets(model.depth, model.variant)
    for step, (up_convolution, decoder) in enumerate(zip(model.up_convolutions, model.decoders)):
        x = _layers(graph, x, [up_convolution, model.up_activation], f"up_convolutions.{step}")
        x = _join(graph, skips.pop(), x, offsets.pop(), model.variant)
        x = _layers(graph, x, decoder, f"decoders.{step}")
    return _layers(graph, x, [model.classifier], "classifier")


def _layers(graph: _Graph, x: str, layers: Sequence[nn.Module], name: str) -> str:
    """Convolutions and ReLUs, one after the other."""
    for number, layer in enumerate(layers):
        if isinstance(layer, nn.ReLU):
            x = graph.add("Relu", x)
        elif not isinstance(layer, nn.Identity):
            kind = "ConvTranspose" if isinstance(layer, nn.ConvTranspose2d) else "Conv"
            weights = (
                graph.hold(weight, f"{name}.{number}.{which}")
                for which, weight in layer.named_parameters()
            )
            pads = [*layer.padding, *layer.padding]
            x = graph.add(kind, x, *weights, strides=list(layer.stride), pads=pads)
    return x


def _join(graph: _Graph, skip: str, upsampled: str, cut: int, variant: str) -> str:
    """`UNet.join`: the skip without its border, and the upsampled map."""
    if cut:
        start, end = graph.hold([cut, cut]), graph.hold([-cut, -cut])
        skip = graph.add("Slice", skip, start, end, graph.hold([2, 3]))
    pair = [upsampled, skip] if variant == "released" else [skip, upsampled]
    return graph.add("Concat", *pair, axis=1)
