"""Which tile fits, and what each of its maps costs."""

from IPython.display import HTML

from unet_book.pages.explorers.frame import DRAWING, Choice, Slider, figure, swatch
from unet_book.pages.sheet import FAINT, INK, OURS, SHEET, WRONG, themed

__all__ = ["tile_sizes"]

COLORS = {  # as in `plots.u_shape`
    "tile": themed(INK),
    "convolved": themed(OURS),
    "pooled": themed(WRONG),
    "up-convolved": themed(SHEET["green"].light),
    "copied": themed(FAINT),
}
LEGEND = " ".join(swatch(f"background: {color}", text) for text, color in COLORS.items())
BODY = f'{DRAWING}<div class="legend">{LEGEND}</div><table class="levels"></table>'


def tile_sizes(
    name: str = "tile-sizes", tile: int = 572, depth: int = 4, base_channels: int = 64
) -> HTML:
    """Tile and depth in; every map's size, the crops, parameters, memory and work out.

    The arithmetic is `sizes.feature_map_sizes`, `sizes.crop_offsets` and `costs.layer_costs`, for
    one gray image, two classes and 4 bytes a value. Of a tile that does not fit it says which
    pooling meets an odd map, and the nearest tiles that do.

    Parameters
    ----------
    name : str
        The figure's id on the page.
    tile : int
        Side of the input at first, px, from 16 to 1100.
    depth : int
        Poolings at first, 1 to 6.
    base_channels : int
        Channels of the first level: 16, 32 or 64.

    Returns
    -------
    IPython.display.HTML

    Raises
    ------
    ValueError
        For another tile, depth or number of channels.
    """
    controls = [
        Slider("tile", "tile", 16, 1100, tile, 1, " px"),
        Slider("depth", "depth", 1, 6, depth),
        Choice(
            "base", "channels of the first level", {n: str(n) for n in (16, 32, 64)}, base_channels
        ),
    ]
    alt = (
        "The feature maps of a U-Net as bars, down on the left and up on the right: as high as "
        "their side is long, wider where they have more channels; skips cross from left to right."
    )
    tries = (
        "Move the tile by one pixel with an arrow key, and see at which pooling it breaks. Then "
        "set the depth to 6: the smallest tile that fits is 764 px, 760 of which are border."
    )
    return figure(name, "sizes.js", controls, alt, tries, COLORS, BODY)
