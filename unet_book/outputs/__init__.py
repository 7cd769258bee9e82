"""What others open: label images, tables of cells, pictures, regions for Fiji and for QuPath.

A label image is where most tools end. Whoever counts cells wants a table; whoever doubts them wants
to see the outlines on the image; and whoever corrects them does it in Fiji or in QuPath.
"""

from unet_book.outputs.frames import Frame, Origin
from unet_book.outputs.measures import measure, pixel_size
from unet_book.outputs.outlines import outlines
from unet_book.outputs.overlay import overlay
from unet_book.outputs.results import is_result
from unet_book.outputs.table import Table, csv_line
from unet_book.outputs.writers import (
    fiji_rois,
    label_tiff,
    overlay_picture,
    probability_tiff,
    qupath_geojson,
)

__all__ = [
    "outlines",
    "measure",
    "pixel_size",
    "overlay",
    "Origin",
    "Frame",
    "Table",
    "csv_line",
    "label_tiff",
    "probability_tiff",
    "overlay_picture",
    "fiji_rois",
    "qupath_geojson",
    "is_result",
]
