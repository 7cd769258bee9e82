"""Two cells that can be moved, and the border term between them."""

import matplotlib
import numpy as np
from IPython.display import HTML

from unet_book.pages.explorers.frame import Choice, Slider, figure

__all__ = ["two_cells"]

WIDTH, HEIGHT, RADIUS = 96, 44, 12.5  # px
CENTERS = (34, 22), (62, 22)  # (x, y), px

BODY = """\
<svg class="drawing map" aria-label="{alt}"></svg>
<svg class="drawing profile" role="img"
 aria-label="The border term along the line from center to center."></svg>"""


def two_cells(name: str = "two-cells") -> HTML:
    """The border term of eq. (2) between two cells, on the pixel grid, and its profile.

    Both cells are dragged; they don't overlap. Sliders set w_0 and sigma (px); a choice puts
    another quantity in the place of d_1 + d_2: twice d_2, or twice the root of d_1 d_2, which both
    equal the sum in the middle of a gap. Drawn are the map and the term along the line from center
    to center, at whole pixels. The text says the smallest sum, the largest term, and how many
    pixels the term reaches with more than 1.

    Parameters
    ----------
    name : str
        The figure's id on the page.

    Returns
    -------
    IPython.display.HTML
    """
    places = [
        Slider(axis + str(k), "", 13, size - 13, start, seen=False)
        for k, center in enumerate(CENTERS, start=1)
        for axis, size, start in zip("xy", (WIDTH, HEIGHT), center)
    ]
    looks_at = {
        "sum": "d\u2081 + d\u2082",
        "second": "2 d\u2082",
        "product": "2 \u221a(d\u2081 d\u2082)",
    }
    controls = [
        *places,
        Slider("w0", "w\u2080", 0, 50, 10, 1),
        Slider("sigma", "\u03c3", 1, 12, 5, 0.5, unit=" px"),
        Choice("of", "the term looks at", looks_at),
    ]
    alt = (
        "Two gray discs on black and between them a spot, brightest where they are nearest; below, "
        "the term's height along the line from center to center."
    )
    tries = (
        "Drag one cell away until the centers are 40 px apart, a gap of 15: the sum's term is "
        "gone. Then let the term look at 2 \u221a(d\u2081 d\u2082): it comes back, along the rims."
    )
    data = {"width": WIDTH, "height": HEIGHT, "radius": RADIUS, "colors": _heat()}
    return figure(name, "two_cells.js", controls, alt, tries, data, BODY)


def _heat(steps: int = 64) -> list[list[int]]:
    """The colors of chapter 6's maps, from nothing to much, in RGB up to 255."""
    colors = matplotlib.colormaps["inferno"](np.linspace(0, 1, steps))[:, :3]
    return np.round(255 * colors).astype(int).tolist()
