"""How an image is cut into tiles, what it wastes, and whether it leaves seams."""

from IPython.display import HTML

from unet_book.pages.explorers.frame import DRAWING, Button, Choice, Slider, figure

__all__ = ["tiling"]

COLORS = {"blue": "in phase", "orange": "out of phase", "ink": "first tile, with its border"}
LEGEND = " ".join(
    f'<span style="color: var(--{c}, currentColor)">{"□" if c == "ink" else "■"}</span> {text}'
    for c, text in COLORS.items()
)
BODY = f'{DRAWING}<div class="legend">{LEGEND}</div>'


def tiling(
    name: str = "tiling", size: int = 1024, tile: int = 572, step: int = 388, depth: int = 4
) -> HTML:
    """Image, tile and step in; tiles, overlap, waste and the phase of each tile's pooling out.

    The arithmetic is `overlap_tile.tile_step` and `overlap_tile.even_tiles`, for square images and
    valid convolutions. The corners of image and tile and the second tile are dragged. A tile that
    does not fit the depth is made smaller until it does. A step that is no multiple of 2^depth is
    allowed: the figure shows which tiles then pool other pixels than one pass would. One larger
    than a tile's answer is cut to it, and the figure says so.

    Parameters
    ----------
    name : str
        The figure's id on the page.
    size : int
        Side of the image at first, px: a multiple of 4 from 64 to 2048.
    tile : int
        Side of the input, px: 4 (mod 8), from 116 to 1212.
    step : int
        From tile to tile, px, from 24 to 1124.
    depth : int
        Poolings, 3 or 4.

    Returns
    -------
    IPython.display.HTML

    Raises
    ------
    ValueError
        For a number that is none of these.
    """
    controls = [
        Slider("size", "image", 64, 2048, size, 4, " px"),
        Slider("tile", "tile, at most", 116, 1212, tile, 8, " px"),
        Slider("step", "step", 24, 1124, step, 1, " px"),
        Choice("depth", "poolings", {4: "4", 3: "3"}, depth),
        Button("even", "as the package does it"),
    ]
    alt = (
        "A square image cut into squares by the steps of the tiles, each in the color of its "
        "phase; around the first of them the tile that the network reads, with its border."
    )
    tries = (
        "Take a step of 384 instead of 388: all tiles are in phase. Then drag the second tile "
        "and look for a step below 388 that is in phase at every second tile."
    )
    return figure(name, "tiling.js", controls, alt, tries, body=BODY)
