"""Two cells that can be moved, and the border term between them."""

from IPython.display import HTML

from unet_book.pages.explorers.frame import Choice, Slider, figure

__all__ = ["two_cells"]

WIDTH, HEIGHT, RADIUS, FIRST = 116, 72, 12.5, (22, 36)  # px; the first cell's center is (x, y)

BODY = """\
<canvas class="map" width="116" height="72" role="img" aria-label="{alt}"
 style="display: block; width: 100%; image-rendering: pixelated"></canvas>
<svg class="drawing" aria-hidden="true"></svg>"""


def two_cells(name: str = "two-cells") -> HTML:
    """The border term of eq. (2) between two cells, on the pixel grid, and its profile.

    Sliders move the second cell (px from the first one's center, right and down) and set w_0 and
    sigma (px); a choice puts another quantity in the place of d_1 + d_2: twice d_2, or twice the
    root of d_1 d_2, which both equal the sum in the middle of a gap. Drawn are the map and the
    term along the line from center to center, at whole pixels. The text says the smallest sum, the
    largest term, and how many pixels the term reaches with more than 1.

    Parameters
    ----------
    name : str
        The figure's id on the page.

    Returns
    -------
    IPython.display.HTML
    """
    controls = [
        Slider("right", "second cell, right", 26, 50, 28, unit=" px"),
        Slider("down", "second cell, down", -20, 20, 0, unit=" px"),
        Slider("w0", "w\u2080", 0, 50, 10, 1),
        Slider("sigma", "\u03c3", 1, 12, 5, 0.5, unit=" px"),
        Choice(
            "of",
            "the term looks at",
            {
                "sum": "d\u2081 + d\u2082",
                "second": "2 d\u2082",
                "product": "2 \u221a(d\u2081 d\u2082)",
            },
        ),
    ]
    alt = (
        "Two gray discs and between them an orange spot, strongest where they are nearest; below, "
        "the term's height along the line from center to center."
    )
    data = {"width": WIDTH, "height": HEIGHT, "radius": RADIUS, "first": FIRST}
    return figure(name, "two_cells.js", controls, alt, data=data, body=BODY)
