"""Live figures: plain HTML and JavaScript that a page computes by itself, with no kernel.

The same cell works in the rendered book, in JupyterLab and in Colab. What a figure is about is
dragged, by mouse, finger or arrow keys; every other control is a native one. `frame` holds what the
figures share; each figure is a short function with a script beside it, `NAME.py` and `NAME.js`, and
a test that moves it in a browser and compares what it says with the package's own numbers.
"""

from unet_book.pages.explorers.cells import cells
from unet_book.pages.explorers.energy import pixel_energy
from unet_book.pages.explorers.films import film
from unet_book.pages.explorers.nine_vectors import nine_vectors
from unet_book.pages.explorers.one_membrane import one_membrane
from unet_book.pages.explorers.samples import spaced_samples
from unet_book.pages.explorers.signal import signal
from unet_book.pages.explorers.sizes import tile_sizes
from unet_book.pages.explorers.thresholds import thresholds
from unet_book.pages.explorers.tiling import tiling
from unet_book.pages.explorers.two_cells import two_cells
from unet_book.pages.explorers.valley import valley

__all__ = [
    "cells",
    "film",
    "nine_vectors",
    "one_membrane",
    "pixel_energy",
    "spaced_samples",
    "signal",
    "thresholds",
    "tile_sizes",
    "tiling",
    "two_cells",
    "valley",
]
