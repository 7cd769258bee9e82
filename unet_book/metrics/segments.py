"""What every metric asks of its two arrays, and the segments of a mask."""

import numpy as np
from scipy import ndimage

from unet_book._arrays import to_numpy


def pair(truth, prediction):
    """Both as numpy arrays of classes or labels; errors where they are not of one shape or type."""
    truth, prediction = to_numpy(truth), to_numpy(prediction)
    if truth.shape != prediction.shape:
        raise ValueError(f"truth and prediction differ in shape: {truth.shape}, {prediction.shape}")
    for array in (truth, prediction):
        if array.dtype != bool and not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"expected classes or labels of integer type, got {array.dtype}")
    if not (truth != -1).any():
        raise ValueError("the truth has no annotated pixel")
    return truth, prediction


def stacked(array):
    """(N, H, W), of one slice if it was (H, W); ValueError for other axes."""
    if array.ndim not in (2, 3):
        raise ValueError(f"labels must be (H, W) or (N, H, W), got {array.shape}")
    return array.reshape(-1, *array.shape[-2:])


def slices(truth, prediction):
    """Truth and prediction slice by slice, each (H, W), after all checks."""
    return list(zip(*map(stacked, pair(truth, prediction))))


def segments(cells):
    """Labels int32 (H, W), 0 outside: those given, or the 4-connected parts of a mask of bool."""
    if cells.dtype == bool:
        return ndimage.label(cells)[0].astype(np.int32, copy=False)
    return cells
