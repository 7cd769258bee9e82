"""Two cells and the membrane between them, predicted wrong in four ways; every metric beside it."""

import numpy as np
from IPython.display import HTML

from unet_book.pages.explorers.frame import Slider, figure

__all__ = ["one_membrane", "masks"]

WIDTH, HEIGHT, COLUMN, ROW = 17, 12, 8, 3  # px; the true membrane's column, the false wall's row

BODY = """\
<svg class="drawing" aria-label="{alt}"></svg>"""


def one_membrane(name: str = "one-membrane") -> HTML:
    """All metrics of a prediction of 17 x 12 pixels with two true cells, left and right.

    The predicted membrane is dragged to the side, made thicker, opened in its middle, and a false
    wall grows from the left edge (all in px); there is a slider for each. Drawn are the predicted
    segments, the wrong pixels, and a bar for each metric's error (for V_Rand, V_Info, IoU and SEG
    one minus it). The text says the same in numbers.

    Parameters
    ----------
    name : str
        The figure's id on the page.

    Returns
    -------
    IPython.display.HTML
    """
    controls = [
        Slider("gap", "gap in the membrane", 0, HEIGHT, 1, unit=" px"),
        Slider("shift", "membrane moved by", -3, 3, 0, unit=" px"),
        Slider("thick", "its thickness", 1, 5, 1, unit=" px"),
        Slider("wall", "wall from the left", 0, COLUMN, 0, unit=" px"),
    ]
    alt = (
        "A grid of pixels with two cells and a membrane between them, as predicted; wrong pixels "
        "are marked. Below, a bar for the error that each metric gives to it."
    )
    data = {"width": WIDTH, "height": HEIGHT, "column": COLUMN, "row": ROW}
    tries = (
        "Close the gap, then move the membrane by one pixel and by two: one pixel costs nothing "
        "in warping error, two cost 13 pixels."
    )
    return figure(name, "one_membrane.js", controls, alt, tries, data, BODY)


def masks(gap: int, shift: int, thick: int, wall: int) -> np.ndarray:
    """Truth and prediction of the figure.

    Parameters
    ----------
    gap : int
        In the membrane, px.
    shift : int
        Of the membrane to the right, px.
    thick : int
        The membrane, px.
    wall : int
        Length of the false wall, px.

    Returns
    -------
    truth : ndarray of bool, (HEIGHT, WIDTH)
    found : ndarray of bool, (HEIGHT, WIDTH)
    """
    truth, found = np.ones((2, HEIGHT, WIDTH), bool)
    truth[:, COLUMN] = False
    first, top = COLUMN + shift - (thick - 1) // 2, (HEIGHT - gap) // 2
    found[:, first : first + thick] = False
    found[top : top + gap, first : first + thick] = True
    found[ROW, :wall] = False
    return truth, found
