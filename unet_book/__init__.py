"""U-Net, taken apart: one room for each idea of Ronneberger, Fischer and Brox (2015).

Two shelves. The rooms beside this file hold the ideas, along the data's path: ``datasets`` gives
images with instance labels (``gray`` one range of gray values, ``magnification`` one size of
cells), ``weight_map`` and ``augmentation`` (with ``elastic``) make training tiles of them, ``unet``
(with ``sizes`` and ``costs``),
``initialization`` and ``loss`` are the network and its energy, ``training`` fits it,
``checkpoint``, ``run`` and ``provenance`` keep what it leaves, ``overlap_tile`` applies it to any
image, ``instances`` makes cells of its answer (``otsu`` without a network), ``metrics`` says how
good they are, ``transform`` lends the augmentation to torchvision, and ``cli`` is all of it on the
command line. ``pages`` holds what only the book's pages need.
"""

__version__ = "0.1.0"
