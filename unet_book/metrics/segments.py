"""What every metric asks of its two arrays, and the segments of a mask."""

import warnings

import numpy as np
from scipy import ndimage

from unet_book._arrays import is_ragged, to_images, to_numpy


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
    """Both as `alike` has them; of lists of images all pixels, in a row.

    Raises ValueError if no pixel of the truth is annotated.
    """
    if is_ragged(truth) or is_ragged(prediction):
        sides = zip(*images(truth, prediction))
        truth, prediction = (np.concatenate([image.ravel() for image in side]) for side in sides)
    truth, prediction = alike(truth, prediction)
    if not (truth != -1).any():
        raise ValueError("the truth has no annotated pixel")
    return truth, prediction


def images(truth, prediction):
    """Truth and prediction of each image, (H, W), of one, of a stack, or of a list of any sizes.

    Raises as `alike` and `pair` do, and ValueError for other axes.
    """
    sides = to_images(truth), to_images(prediction)
    if len(sides[0]) != len(sides[1]):
        raise ValueError(
            f"truth and prediction differ in number: {len(sides[0])} and {len(sides[1])} images"
        )
    pairs = [alike(*both) for both in zip(*sides)]
    if not any((truth != -1).any() for truth, _ in pairs):
        raise ValueError("the truth has no annotated pixel")
    return pairs


def slices(truth, prediction):
    """Truth and prediction slice by slice, as `images` has them, with a warning of masks.

    What asks for them is a metric that a user has called: its warnings point at the user's line.
    """
    pairs = images(truth, prediction)
    for labels, name in zip(zip(*pairs), ("truth", "prediction")):
        warn_of_mask(labels, name, stacklevel=4)
    return pairs


def warn_of_mask(labels, name, stacklevel):
    """Warn if the labels of all images hold one number for several parts: they look like a mask.

    All parts would be one segment, and a prediction that joins them would pay nothing for it.
    """
    number = max(image.max(initial=0) for image in labels)
    masks = any(image.dtype == bool for image in labels)
    if masks or number <= 0 or any(((image > 0) & (image < number)).any() for image in labels):
        return
    parts = np.array([ndimage.label(image > 0)[1] for image in labels])
    if parts.max() > 1:
        signed = any(image.min(initial=0) < 0 for image in labels)
        way = "number its parts (scipy.ndimage.label)" if signed else "pass `mask > 0`"
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
