"""What every metric asks of its two arrays, and the segments of a mask."""

import warnings

import numpy as np
from scipy import ndimage

from unet_book._arrays import to_numpy


def alike(truth, prediction):
    """Both as numpy arrays of classes or labels; errors where they are not of one shape or type."""
    truth, prediction = to_numpy(truth), to_numpy(prediction)
    if truth.shape != prediction.shape:
        raise ValueError(f"truth and prediction differ in shape: {truth.shape}, {prediction.shape}")
    for array in (truth, prediction):
        if array.dtype != bool and not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"expected classes or labels of integer type, got {array.dtype}")
    return truth, prediction


def pair(truth, prediction):
    """Both as `alike` has them; ValueError if no pixel of the truth is annotated."""
    truth, prediction = alike(truth, prediction)
    if not (truth != -1).any():
        raise ValueError("the truth has no annotated pixel")
    return truth, prediction


def stacked(array):
    """(N, H, W), of one slice if it was (H, W); ValueError for other axes."""
    if array.ndim not in (2, 3):
        raise ValueError(f"labels must be (H, W) or (N, H, W), got {array.shape}")
    return array.reshape(-1, *array.shape[-2:])


def slices(truth, prediction):
    """Truth and prediction slice by slice, each (H, W), after all checks.

    What asks for them is a metric that a user has called: its warnings point at the user's line.
    """
    truth, prediction = map(stacked, pair(truth, prediction))
    warn_of_mask(truth, "truth", stacklevel=4)
    warn_of_mask(prediction, "prediction", stacklevel=4)
    return list(zip(truth, prediction))


def warn_of_mask(labels, name, stacklevel):
    """Warn if labels (N, H, W) hold one number for several parts: they look like a mask.

    All parts would be one segment, and a prediction that joins them would pay nothing for it.
    """
    number = labels.max(initial=0)
    if labels.dtype == bool or number <= 0 or ((labels > 0) & (labels < number)).any():
        return
    parts = np.array([ndimage.label(one > 0)[1] for one in labels])
    if parts.max() > 1:
        way = "pass `mask > 0`" if labels.min() >= 0 else "number its parts (scipy.ndimage.label)"
        warnings.warn(
            f"the {name} holds one number, {number}, in {parts.sum()} separate parts (segments "
            f"counted: {(parts > 0).sum()}, not {parts.sum()}). If it is a mask, {way}, and each "
            "part is a segment",
            stacklevel=stacklevel,
        )


def segments(cells):
    """Labels int32 (H, W), 0 outside: those given, or the 4-connected parts of a mask of bool."""
    if cells.dtype == bool:
        return ndimage.label(cells)[0].astype(np.int32, copy=False)
    return cells
