"""What every metric asks of its two arrays, and the segments of a mask."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from unet_book._arrays import ArrayLike, is_ragged, to_images, to_numpy

__all__ = ["alike", "pair", "images", "slices", "warn_of_mask", "segments"]


def alike(truth: ArrayLike, prediction: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction as numpy arrays of one shape.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, any shape
        Classes or labels.

    Returns
    -------
    tuple of ndarray
        Both.

    Raises
    ------
    ValueError
        For shapes that differ.
    TypeError
        For values that are not integers.
    """
    truth, prediction = to_numpy(truth), to_numpy(prediction)
    if truth.shape != prediction.shape:
        raise ValueError(f"truth and prediction differ in shape: {truth.shape}, {prediction.shape}")
    for array in (truth, prediction):
        if array.dtype != bool and not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"expected classes or labels of integer type, got {array.dtype}")
    return truth, prediction


def pair(truth: ArrayLike, prediction: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction as `alike` has them; of lists of images all pixels, in a row.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, any shape
        Classes or labels; or lists of (H, W) of any sizes.

    Returns
    -------
    tuple of ndarray
        Both.

    Raises
    ------
    ValueError
        As `alike` does, and if no pixel of the truth is annotated.
    TypeError
        As `alike` does.
    """
    if is_ragged(truth) or is_ragged(prediction):
        sides = zip(*images(truth, prediction))
        truth, prediction = (np.concatenate([image.ravel() for image in side]) for side in sides)
    truth, prediction = alike(truth, prediction)
    if not (truth != -1).any():
        raise ValueError("the truth has no annotated pixel")
    return truth, prediction


def images(truth: ArrayLike, prediction: ArrayLike) -> list[tuple[np.ndarray, np.ndarray]]:
    """Truth and prediction image by image.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, (H, W) or (N, H, W)
        Classes or labels; or lists of (H, W) of any sizes.

    Returns
    -------
    list of tuple of ndarray
        Both of each image, (H, W).

    Raises
    ------
    ValueError
        As `pair` does, for other axes, and for numbers of images that differ.
    TypeError
        As `alike` does.
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


def slices(truth: ArrayLike, prediction: ArrayLike) -> list[tuple[np.ndarray, np.ndarray]]:
    """Truth and prediction slice by slice, with a warning of masks.

    What asks for them is a metric that a user has called: its warnings point at the user's line.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, (H, W) or (N, H, W)
        As in `images`.

    Returns
    -------
    list of tuple of ndarray
        As `images` gives them.

    Raises
    ------
    ValueError, TypeError
        As `images` does.
    """
    pairs = images(truth, prediction)
    for labels, name in zip(zip(*pairs), ("truth", "prediction")):
        warn_of_mask(labels, name, stacklevel=4)
    return pairs


def warn_of_mask(labels: Sequence[np.ndarray], name: str, stacklevel: int) -> None:
    """Warn if labels hold a single number for several parts: they look like a mask.

    All parts would be one segment, and a prediction that joins them would pay nothing for it.

    Parameters
    ----------
    labels : sequence of ndarray
        Of all images.
    name : str
        What the warning calls them.
    stacklevel : int
        As `warnings.warn` takes it.
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


def segments(cells: np.ndarray) -> np.ndarray:
    """The labels of an image's segments.

    Parameters
    ----------
    cells : ndarray of int or bool, (H, W)
        Labels, or a mask.

    Returns
    -------
    ndarray of int, (H, W)
        0 outside: the labels given, or those of the 4-connected parts of the mask.
    """
    if cells.dtype == bool:
        return ndimage.label(cells)[0].astype(np.int32, copy=False)
    return cells
