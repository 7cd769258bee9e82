"""What is measured of each cell: size, place, and gray values.

Lengths are given in pixels, and in micrometers where the file says how large a pixel is. Places
count from the outer corner of the image's first pixel, whose center is (0.5, 0.5): as Fiji's X and
Y, and as the outlines.
"""

import numpy as np
import scipy  # which loads ndimage when it is first used

from unet_book._arrays import ArrayLike, to_numpy
from unet_book.datasets.files import Resolution

__all__ = ["pixel_size", "measure"]

UNITS = {2: 25400, 3: 10000}  # micrometers in TIFF's units: inch, centimeter
LARGEST = 20  # µm; larger pixels are a printer's dots (1200 an inch are 21 µm), and show no cells

# The columns of the table, in turn: what is counted in pixels, and what in micrometers.
COLUMNS = (
    "cell",
    "area_px",
    "area_um2",
    "x_px",
    "y_px",
    "x_um",
    "y_um",
    "left_px",
    "top_px",
    "width_px",
    "height_px",
    "diameter_px",
    "diameter_um",
    "mean_gray",
    "min_gray",
    "max_gray",
    "sum_gray",
    "touches_edge",
)


def pixel_size(resolution: Resolution | None) -> tuple[float, float] | None:
    """How wide and how high a pixel is, if the file says so.

    A TIFF without a microscope's size often says how it would be printed: 72 or 300 dots an inch.
    Pixels of more than 20 µm are taken for such, and for not known.

    Parameters
    ----------
    resolution : tuple or None
        As `datasets.files.read_resolution` gives it.

    Returns
    -------
    tuple of float, or None
        Width and height, µm; None where it is not known.

    Examples
    --------
    >>> pixel_size(((20000.0, 20000.0), 3))
    (0.5, 0.5)
    """
    if resolution is None or resolution[1] not in UNITS:
        return None
    width, height = (UNITS[resolution[1]] / per_unit for per_unit in resolution[0])
    return (width, height) if max(width, height) <= LARGEST else None


def measure(
    labels: ArrayLike, image: ArrayLike, size: tuple[float, float] | None = None
) -> dict[str, np.ndarray]:
    """Measure each cell of an image.

    Parameters
    ----------
    labels : array_like of int, (H, W)
        Instance labels; 0 and below are no cells.
    image : array_like, (H, W)
        Gray values as the camera gave them.
    size : tuple of float, or None
        A pixel's width and height, µm.

    Returns
    -------
    dict of str to ndarray, (cells,)
        By the order of the labels: "cell", its label; "area_px"; "x_px" and "y_px", its centroid;
        "left_px", "top_px", "width_px" and "height_px" of its bounding box; "diameter_px" of the
        circle of its area; "mean_gray", "min_gray", "max_gray" and "sum_gray" over its pixels;
        "touches_edge", 1 where the image's edge may have cut it, else 0. With a size also
        "area_um2", "x_um", "y_um" and "diameter_um".

    Raises
    ------
    ValueError
        If the two are not of one shape (H, W).

    Examples
    --------
    >>> found = measure([[0, 0, 0], [0, 5, 5]], [[9, 9, 9], [9, 1, 2]])
    >>> found["x_px"], found["y_px"], found["sum_gray"]
    (array([2.]), array([1.5]), array([3.]))
    """
    labels, image = np.maximum(to_numpy(labels), 0), to_numpy(image)
    if labels.ndim != 2 or labels.shape != image.shape:
        raise ValueError(f"labels {labels.shape} and image {image.shape} must be one shape (H, W)")
    boxes = scipy.ndimage.find_objects(labels)
    cells = np.array([i for i, box in enumerate(boxes, start=1) if box is not None], np.int64)
    found = {"cell": cells} | _places(labels, cells) | _box(boxes, labels.shape)
    found |= _gray(labels, image, cells)
    return found | (_micrometers(found, *size) if size else {})


def _places(labels: np.ndarray, cells: np.ndarray) -> dict[str, np.ndarray]:
    """Area, diameter and centroid."""
    rows, columns = np.nonzero(labels)
    which = labels[rows, columns]
    counts = np.bincount(which)[cells]
    x, y = (np.bincount(which, at + 0.5)[cells] / counts for at in (columns, rows))
    return {"area_px": counts, "x_px": x, "y_px": y, "diameter_px": np.sqrt(4 / np.pi * counts)}


def _box(boxes: list[tuple[slice, slice] | None], shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """The bounding boxes, and whether they reach the image's edge."""
    ends = [(y.start, y.stop, x.start, x.stop) for y, x in filter(None, boxes)]
    top, bottom, left, right = np.array(ends, np.int64).reshape(-1, 4).T
    at_edge = (top == 0) | (left == 0) | (bottom == shape[0]) | (right == shape[1])
    return {
        "left_px": left,
        "top_px": top,
        "width_px": right - left,
        "height_px": bottom - top,
        "touches_edge": at_edge.astype(np.int64),
    }


def _gray(labels: np.ndarray, image: np.ndarray, cells: np.ndarray) -> dict[str, np.ndarray]:
    """Gray values, summed in double precision."""
    image = image.astype(np.float64)
    functions = {
        "mean": scipy.ndimage.mean,
        "min": scipy.ndimage.minimum,
        "max": scipy.ndimage.maximum,
        "sum": scipy.ndimage.sum_labels,
    }
    each = {f"{name}_gray": of(image, labels, cells) for name, of in functions.items()}
    return {name: np.asarray(values, np.float64) for name, values in each.items()}


def _micrometers(
    found: dict[str, np.ndarray], width: float, height: float
) -> dict[str, np.ndarray]:
    """The same in micrometers."""
    return {
        "area_um2": found["area_px"] * width * height,
        "x_um": found["x_px"] * width,
        "y_um": found["y_px"] * height,
        "diameter_um": found["diameter_px"] * np.sqrt(width * height),
    }
