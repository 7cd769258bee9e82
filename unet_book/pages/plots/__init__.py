"""The book's static figures: pictures, charts and drawings, on one sheet of colors.

Each function gives a `Panels`: end a cell with it, and the cell shows it. `gallery` is for
pictures; with `chart` matplotlib draws, and the result is an SVG with text as text. Colors stand
for the same thing in every figure: CELL, BORDER (of a cell, and between cells that touch), WRONG,
OURS, PAPER; INK, MUTED and FAINT are for all that isn't data. Where more are needed, SERIES has
five.
"""

from unet_book.pages import sheet
from unet_book.pages.plots import curves, pictures
from unet_book.pages.plots.curves import box, error_curves, label, powers
from unet_book.pages.plots.drawings import (
    crops,
    overlapping_tiles,
    three_vectors,
    two_candidates,
    valid_convolutions,
    windows,
)
from unet_book.pages.plots.network import u_shape
from unet_book.pages.plots.panels import Panel, Panels, chart, gallery
from unet_book.pages.plots.pictures import (
    brightened,
    colored,
    heat,
    mistakes,
    outlined,
    scale,
    tint_numbers,
    tinted,
)
from unet_book.pages.plots.source import source

CELL, BORDER, WRONG = sheet.CELL, sheet.BORDER, sheet.WRONG
OURS, PAPER = sheet.OURS, sheet.PAPER
INK, MUTED, FAINT, WHITE = sheet.INK, sheet.MUTED, sheet.FAINT, sheet.WHITE
PALETTE = pictures.PALETTE
SERIES = curves.SERIES
BLUE, VERMILION, GREEN, PURPLE, AMBER = SERIES

__all__ = [
    "Panel",
    "Panels",
    "box",
    "brightened",
    "chart",
    "colored",
    "crops",
    "error_curves",
    "gallery",
    "heat",
    "label",
    "mistakes",
    "outlined",
    "overlapping_tiles",
    "powers",
    "scale",
    "source",
    "three_vectors",
    "tint_numbers",
    "tinted",
    "two_candidates",
    "u_shape",
    "valid_convolutions",
    "windows",
]
