"""Thirty images are millions of pixels, and most of them repeat what their neighbors said.

This room counts what a data set holds: cells, contacts, gray values, and how far from a pixel its
neighbors still know it. `describe` puts all of it into numbers that may be passed on where the
images may not. Labels are instance labels as `datasets` gives them: 0 background or membrane,
1 … K cells, -1 not annotated.
"""

import hashlib

import numpy as np
from scipy import fft, ndimage

from unet_book.datasets import instances, train_count

__all__ = [
    "touching", "outline", "autocorrelation", "correlation_area", "copied", "describe",
]  # fmt: skip

REACH = 100  # px; how far `describe` follows a correlation
LEVELS = 5  # 8-bit gray levels in one bin of its histograms


def touching(labels) -> int:
    """The number of cells that share an edge with another cell.

    `labels` is (H, W) or a stack (N, H, W), int. Pixels that meet at a corner only don't count.

    >>> touching(np.array([[1, 1, 2], [0, 0, 0], [3, 0, 4]]))
    2
    """
    stack = np.asarray(labels).reshape(-1, *np.shape(labels)[-2:])
    return sum(len(_in_contact(one)) for one in stack)


def _in_contact(labels):
    """The numbers of the cells of one image that have a pixel beside another cell's."""
    found = set()
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        contact = (a > 0) & (b > 0) & (a != b)
        found |= {*a[contact].tolist(), *b[contact].tolist()}
    return found


def outline(labels):
    """How many pixels lie along the outlines: (cell beside background, background beside cell).

    If the background everywhere reached one pixel further, the first number of pixels would change
    their class; if the cells did, the second. `labels` is (H, W) or (N, H, W), int; pixels that
    share an edge are neighbors.

    >>> outline(np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]))
    (2, 6)
    """
    stack = np.asarray(labels).reshape(-1, *np.shape(labels)[-2:])
    cells = sum(np.count_nonzero((one > 0) & _beside(one == 0)) for one in stack)
    ground = sum(np.count_nonzero((one == 0) & _beside(one > 0)) for one in stack)
    return int(cells), int(ground)


def _beside(mask):
    return ndimage.binary_dilation(mask)  # 4-connected, like all of this book


def autocorrelation(values, known=None, reach: int = REACH):
    """How much two pixels have in common, by their distance.

    Entry r of the result is the correlation of all pairs of pixels of one image whose distance
    rounds to r px: the mean of (v(x) - m)(v(y) - m) over the pairs, over the variance. Mean and
    variance are those of all known pixels of all images together.

    Parameters
    ----------
    values : (H, W) or (N, H, W), gray values, or classes 0 and 1.
    known : bool, same shape: which pixels count; all of them if not given.
    reach : the largest distance, px; less than H and W.

    Returns float64, (reach + 1,), beginning with 1. Raises ValueError if `reach` is too large or if
    all known values are equal. Computed by Fourier transforms (Wiener and Khinchin).
    """
    values = np.asarray(values, dtype=float)
    values = values.reshape(-1, *values.shape[-2:])
    known = np.broadcast_to(True if known is None else known, values.shape)
    if not 0 <= reach < min(values.shape[1:]):
        size = values.shape[1:]
        raise ValueError(f"reach={reach}: images of {size} need 0 <= reach < H and W")
    mean, variance = values[known].mean(), values[known].var()
    if not variance > 0:
        raise ValueError("all values are equal; nothing can correlate with a constant")
    # Padded by `reach`, so that no offset up to it wraps around to the other side.
    shape = [fft.next_fast_len(n + reach, real=True) for n in values.shape[1:]]
    products, pairs = np.zeros(shape), np.zeros(shape)
    for image, counts in zip(values, known):
        products += _with_itself(np.where(counts, image - mean, 0), shape)
        pairs += _with_itself(counts, shape)
    rings = _distance(*(fft.fftfreq(n, 1 / n) for n in shape))
    near = rings <= reach
    total = np.bincount(rings[near], products[near])
    count = np.bincount(rings[near], np.rint(pairs)[near])
    return total / np.maximum(count, 1) / variance


def _with_itself(image, shape):
    """For each offset the sum over pixels of image(x) image(x + offset)."""
    return fft.irfft2(np.abs(fft.rfft2(image.astype(float), shape)) ** 2, shape)


def _distance(rows, columns):
    """The length of each offset (row, column), rounded to whole pixels."""
    return np.rint(np.hypot(rows[:, None], columns[None, :])).astype(int)


def correlation_area(curve) -> float:
    """The number of pixels that together are worth one independent pixel, for an average.

    The sum of the correlation over all offsets (row, column) of the plane, up to the distance at
    which `curve`, as `autocorrelation` gives it, first falls to 0. Beyond, an estimate is mostly
    noise. An average over A pixels with variance s^2 then has the variance s^2 correlation_area / A
    (Bayley and Hammersley 1946).

    >>> correlation_area([1.0, 0.0])
    1.0
    """
    curve = np.asarray(curve, dtype=float)
    end = np.argmax(curve <= 0) if (curve <= 0).any() else len(curve)
    offsets = np.arange(-end, end + 1)
    rings = np.bincount(_distance(offsets, offsets).ravel())
    return float(rings[:end] @ curve[:end])


def copied(classes, train) -> float:
    """The pixel error of copying the class of the nearest training pixel.

    That is a model that never looks at the image. `classes` is (H, W), int or bool; `train`, bool
    (H, W), is where the truth was given. The error is counted on the other pixels. Raises
    ValueError if `train` is all true or all false.
    """
    classes, train = np.asarray(classes), np.asarray(train, dtype=bool)
    if train.all() or not train.any():
        raise ValueError("some pixels must be for training and some for testing")
    nearest = ndimage.distance_transform_edt(
        ~train, return_distances=False, return_indices=True)
    return float(np.mean((classes[tuple(nearest)] != classes)[~train]))


# --- everything at once ---------------------------------------------------------------------------


def describe(stack, reach: int = REACH) -> dict:
    """What a `datasets.Stack` holds, in numbers that JSON can keep; no pixel can be read from them.

    - Images, pixels and cells. What is left when the cells' numbers are forgotten: pieces, with 4
      and with 8 neighbors, and crumbs, pieces smaller than any cell. Torn cells, which are not one
      piece. Pixels along the `outline`.
    - Diameters of disks of the cells' areas, px: the 5th, 25th, 50th, 75th and 95th percentile.
    - Histograms of the gray values of background and cells, in bins of 5 of 255 levels.
    - The `autocorrelation` of class and gray value, and the class's from image to image; how wrong
      it is to copy another image's classes.

    Two stacks with the same fingerprint have the same labels.
    """
    labels, known = stack.labels, stack.labels >= 0
    cells = [np.unique(one[one > 0], return_counts=True) for one in labels]
    areas = np.concatenate([counts for _, counts in cells])
    diameters = 2 * np.sqrt(areas / np.pi)
    pieces = [np.bincount(instances(one > 0).ravel())[1:] for one in labels]  # pixels of each
    return {
        "fingerprint": hashlib.sha256(labels.tobytes()).hexdigest()[:16],
        "shape": list(labels.shape),
        "pixels": int(np.count_nonzero(known)),
        "cell_pixels": int(np.count_nonzero(labels > 0)),
        "cells": len(areas),
        "per_image": [len(ids) for ids, _ in cells],
        "touching": touching(labels),
        "pieces": sum(map(len, pieces)),
        "crumbs": int(np.count_nonzero(np.concatenate(pieces) < areas.min())),
        "pieces_8": sum(ndimage.label(one > 0, np.ones((3, 3)))[1] for one in labels),
        "torn": sum(_torn(one) for one in labels),
        "outline": list(outline(labels)),
        "diameters": np.percentile(diameters, [5, 25, 50, 75, 95]).round(1).tolist(),
        "gray": {name: _histogram(stack.images[chosen]) for name, chosen in
                 (("background", labels == 0), ("cell", labels > 0))},
        "class_correlation": autocorrelation(labels > 0, known, reach).round(4).tolist(),
        "gray_correlation": autocorrelation(stack.images, known, reach).round(4).tolist(),
        **(_from_image_to_image(labels) if len(labels) > 1 else {}),
    }  # fmt: skip


def _torn(labels):
    """How many cells of one image are not one 4-connected piece."""
    compact = np.maximum(labels, 0)
    boxes = enumerate(ndimage.find_objects(compact), start=1)
    return sum(ndimage.label(labels[box] == i)[1] > 1 for i, box in boxes if box is not None)


def _histogram(gray):
    levels = np.rint(gray * 255).astype(int)
    return np.bincount(np.minimum(levels // LEVELS, 255 // LEVELS - 1), minlength=51).tolist()


def _from_image_to_image(labels):
    """Correlation of the class with the k-th next image; the error of copying other images."""
    known, cell = labels >= 0, labels > 0
    mean, variance = cell[known].mean(), cell[known].var()

    def correlation(lag):
        both = known[lag:] & known[: len(labels) - lag]
        one, other = cell[lag:][both] - mean, cell[: len(labels) - lag][both] - mean
        return round(float(np.mean(one * other) / variance), 4)

    def copying(origin):
        """The mean error on the test images, each with the classes of image `origin(i)`."""
        wrong = [np.mean((cell[i] != cell[origin(i)])[known[i] & known[origin(i)]])
                 for i in range(trained, len(labels))]
        return round(float(np.mean(wrong)), 4)

    trained = train_count(len(labels))
    return {
        "image_correlation": [correlation(lag) for lag in range(min(len(labels), 41))],
        "copied_previous": copying(lambda i: i - 1),
        "copied_last_training": copying(lambda i: trained - 1),
    }
