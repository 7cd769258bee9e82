"""Thirty images are millions of pixels, and most of them repeat what their neighbors said.

This room counts what a data set holds: cells, contacts, gray values, and how far from a pixel its
neighbors still know it. `describe` puts all of it into numbers that may be passed on where the
images may not. Labels are instance labels as `datasets` gives them: 0 background or membrane,
1 … K cells, -1 not annotated. What takes a stack (N, H, W) takes a list of images (H, W) of
different sizes, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, ndimage

from unet_book._arrays import ArrayLike, to_images, to_numpy
from unet_book.datasets import train_count

if TYPE_CHECKING:
    from unet_book.datasets import Stack

__all__ = [
    "touching",
    "outline",
    "correlations",
    "autocorrelation",
    "correlation_area",
    "copied",
    "describe",
]

REACH = 100  # px; how far `describe` follows a correlation
LAGS = 40  # and over how many images
LEVELS = 5  # 8-bit gray levels in one bin of its histograms


def touching(labels: ArrayLike) -> int:
    """The number of cells that share an edge with another cell.

    Parameters
    ----------
    labels : array_like of int, (H, W) or (N, H, W), or a list of (H, W)
        Instance labels. Pixels that meet at a corner only don't count.

    Returns
    -------
    int

    Examples
    --------
    >>> touching(np.array([[1, 1, 2], [0, 0, 0], [3, 0, 4]]))
    2
    """
    return sum(len(_in_contact(image)) for image in to_images(labels))


def _in_contact(labels: np.ndarray) -> set[int]:
    """The numbers of the cells of one image that have a pixel beside another cell's."""
    found = set()
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        contact = (a > 0) & (b > 0) & (a != b)
        found |= {*a[contact].tolist(), *b[contact].tolist()}
    return found


def outline(labels: ArrayLike) -> tuple[int, int]:
    """How many pixels lie along the outlines.

    If the background everywhere reached one pixel further, the first number of pixels would change
    their class; if the cells did, the second.

    Parameters
    ----------
    labels : array_like of int, (H, W) or (N, H, W), or a list of (H, W)
        Instance labels; pixels that share an edge are neighbors.

    Returns
    -------
    cells : int
        Pixels of cells beside background.
    ground : int
        Pixels of background beside a cell.

    Examples
    --------
    >>> outline(np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]))
    (2, 6)
    """
    images = to_images(labels)
    cells = _count((image > 0) & _beside(image == 0) for image in images)
    ground = _count((image == 0) & _beside(image > 0) for image in images)
    return cells, ground


def _beside(mask: np.ndarray) -> np.ndarray:
    """The mask and what shares an edge with it."""
    return ndimage.binary_dilation(mask)  # 4-connected, like all of this book


def correlations(
    values: ArrayLike, known: ArrayLike | None = None, reach: int = REACH, lags: int = 0
) -> np.ndarray:
    """How much two pixels have in common, by their distance and by the images between them.

    Entry [k, r] of the result is the correlation of all pairs of a pixel of one image and a pixel
    of the k-th image after it whose places lie r px apart, rounded: the mean of
    (v(x) - m)(v(y) - m) over the pairs, over the variance. Mean and variance are those of all known
    pixels of all images together. Computed by Fourier transforms (Wiener and Khinchin).

    Parameters
    ----------
    values : array_like, (H, W) or (N, H, W), or a list of (H, W)
        Gray values, or classes 0 and 1.
    known : array_like of bool, same shape, or None
        Which pixels count; None is all of them.
    reach : int
        The largest distance, px; less than H and W of each image.
    lags : int
        The largest number of images from one to the other; less than N, and 0 where the images
        differ in size, since then no place is the same.

    Returns
    -------
    ndarray of float64, (lags + 1, reach + 1)
        Entry [0, 0] is 1.

    Raises
    ------
    ValueError
        If `reach` or `lags` is too large or if all known values are equal.
    """
    _check_reach([image.shape for image in to_images(values)], reach, lags)
    values, known = _framed(values, known)
    mean, variance = values[known].mean(), values[known].var()
    if not variance > 0:
        raise ValueError("all values are equal; nothing can correlate with a constant")
    # Padded, so that no offset wraps around to the other side.
    shape = [
        fft.next_fast_len(n + more, real=True)
        for n, more in zip(values.shape, (lags, reach, reach))
    ]
    products = _with_itself(np.where(known, values - mean, 0), shape)[: lags + 1]
    pairs = np.rint(_with_itself(known.astype(float), shape)[: lags + 1])
    rings = _distance(*(fft.fftfreq(n, 1 / n) for n in shape[1:]))
    near = rings <= reach
    total = np.array([np.bincount(rings[near], product[near]) for product in products])
    count = np.array([np.bincount(rings[near], pair[near]) for pair in pairs])
    return total / np.maximum(count, 1) / variance


def _check_reach(shapes: list[tuple[int, int]], reach: int, lags: int) -> None:
    """Refuse a reach or lags that the images don't have."""
    smallest = tuple(map(min, zip(*shapes)))
    if not 0 <= reach < min(smallest):
        raise ValueError(f"reach={reach}: images of {smallest} need 0 <= reach < H and W")
    if not 0 <= lags < len(shapes):
        raise ValueError(f"lags={lags}: {len(shapes)} images need 0 <= lags < {len(shapes)}")
    if lags and len(set(shapes)) > 1:
        raise ValueError(f"lags={lags}: images of different sizes share no places; lags is 0 then")


def _framed(values: ArrayLike, known: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """All images, and what is known of each, as arrays (N, H, W); unknown beyond a smaller one."""
    images = to_images(values)
    masks = [np.ones(image.shape, bool) for image in images] if known is None else to_images(known)
    if [mask.shape for mask in masks] != [image.shape for image in images]:
        raise ValueError("values and known are of one shape: what is known of each image")
    shape = len(images), *map(max, zip(*(image.shape for image in images)))
    framed, inside = np.zeros(shape), np.zeros(shape, bool)
    for image, mask, into, where in zip(images, masks, framed, inside):
        height, width = image.shape
        into[:height, :width], where[:height, :width] = image, mask
    return framed, inside


def autocorrelation(
    values: ArrayLike, known: ArrayLike | None = None, reach: int = REACH
) -> np.ndarray:
    """How much two pixels of one image have in common, by their distance.

    Parameters
    ----------
    values : array_like, (H, W) or (N, H, W), or a list of (H, W)
        As for `correlations`.
    known : array_like of bool, same shape, or None
        As for `correlations`.
    reach : int
        The largest distance, px.

    Returns
    -------
    ndarray of float64, (reach + 1,)
        The first row of `correlations`, beginning with 1.

    Raises
    ------
    ValueError
        As `correlations` does.
    """
    return correlations(values, known, reach)[0]


def _with_itself(stack: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """For each offset the sum over pixels of stack(x) stack(x + offset)."""
    return fft.irfftn(np.abs(fft.rfftn(stack, shape)) ** 2, shape)


def _distance(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The length of each offset (row, column), rounded to whole pixels."""
    return np.rint(np.hypot(rows[:, None], columns[None, :])).astype(int)


def correlation_area(curve: ArrayLike) -> float:
    """The number of pixels that together are worth one independent pixel, for an average.

    The sum of the correlation over all offsets (row, column) of the plane, up to the distance at
    which it first falls to 0 or below. Beyond, an estimate is mostly noise. An average over A
    pixels with variance s^2 then has the variance s^2 correlation_area / A (Bayley and Hammersley
    1946).

    Parameters
    ----------
    curve : array_like, (reach + 1,)
        As `autocorrelation` gives it.

    Returns
    -------
    float
        In pixels.

    Examples
    --------
    >>> correlation_area([1.0, 0.0])
    1.0
    """
    curve = np.asarray(curve, dtype=float)
    end = np.argmax(curve <= 0) if (curve <= 0).any() else len(curve)
    offsets = np.arange(-end, end + 1)
    rings = np.bincount(_distance(offsets, offsets).ravel())
    return float(rings[:end] @ curve[:end])


def copied(classes: ArrayLike, train: ArrayLike) -> float:
    """The pixel error of copying the class of the nearest training pixel.

    That is a model that never looks at the image.

    Parameters
    ----------
    classes : array_like of int or bool, (H, W)
        The truth.
    train : array_like of bool, (H, W)
        Where it was given.

    Returns
    -------
    float
        Counted on the other pixels.

    Raises
    ------
    ValueError
        If `train` is all true or all false.
    """
    classes, train = to_numpy(classes), to_numpy(train).astype(bool)
    if train.all() or not train.any():
        raise ValueError("some pixels must be for training and some for testing")
    nearest = ndimage.distance_transform_edt(~train, return_distances=False, return_indices=True)
    return float(np.mean((classes[tuple(nearest)] != classes)[~train]))


# --- everything at once ---------------------------------------------------------------------------


def describe(stack: Stack, margin: int = 0, reach: int = REACH, lags: int = LAGS) -> dict:
    """What a data set holds, in numbers that JSON can keep; no pixel can be read from them.

    Of whole images:

    - Images, cells, and pixels marked unknown. What is left when the cells' numbers are forgotten:
      pieces with 4 and with 8 neighbors, and crumbs, pieces smaller than any cell, of both. Cells
      that are not one 4-connected piece (chipped) or not even one 8-connected piece (torn).
    - Diameters of disks of the cells' areas, px: the 5th, 25th, 50th, 75th and 95th percentile.
    - Cells that are gone for one image (see `_gone_for_one`).

    Of the part of each image that lies at least `margin` px from its edge:

    - Pixels that are known, those of cells, those along the `outline`. Where only background is
      marked unknown near the edge, as in the Cell Tracking Challenge's sets, a share of cells would
      be too large without a margin.
    - Histograms of the gray values of background and cells, in bins of 5 of 255 levels.
    - The `autocorrelation` of class and gray value; from image to image the class's correlation at
      the same place, and its sum over the plane (`correlation_area`), up to `lags` images on.
    - The test images' error when all is called what most training pixels are, and when the classes
      of another image are copied.

    Two stacks with the same fingerprints have the same labels, and the same images.

    Parameters
    ----------
    stack : Stack
        Images may differ in size: then H and W of the shape are None, and nothing is compared from
        image to image but cells that are gone, where three in a row are of one size.
    margin : int
        How far from its edge an image is left out, px.
    reach : int
        How far the correlations are followed, px.
    lags : int
        And over how many images.

    Returns
    -------
    dict
        The numbers by name.

    Raises
    ------
    ValueError
        For a stack without a cell, and as `correlations` does.
    """
    labels = stack.labels
    if not stack.cell_count():
        raise ValueError(f"{stack.name}: no cell in {len(stack)} images, and nothing to describe")
    cells = [np.unique(image[image > 0], return_counts=True) for image in labels]
    areas = np.concatenate([counts for _, counts in cells])
    pieces = {
        corners: np.concatenate([_pieces(image > 0, corners) for image in labels])
        for corners in (False, True)
    }
    diameters = 2 * np.sqrt(areas / np.pi)
    return {
        "fingerprint": _fingerprint(labels),
        "image_fingerprint": _fingerprint(stack.images),
        "shape": [len(stack), *(_the_only(sides) for sides in zip(*map(np.shape, labels)))],
        "unknown": _count(image < 0 for image in labels),
        "cells": len(areas),
        "per_image": [len(ids) for ids, _ in cells],
        "touching": touching(labels),
        "pieces": len(pieces[False]),
        "crumbs": int(np.count_nonzero(pieces[False] < areas.min())),
        "pieces_8": len(pieces[True]),
        "crumbs_8": int(np.count_nonzero(pieces[True] < areas.min())),
        "chipped": sum(_torn(image, corners=False) for image in labels),
        "torn": sum(_torn(image, corners=True) for image in labels),
        "diameters": np.percentile(diameters, [5, 25, 50, 75, 95]).round(1).tolist(),
        "gone_for_one": _gone_for_one(labels),
        **_inside(stack.images, labels, margin, reach, lags),
    }


def _the_only(values: Sequence) -> object:
    """What all of them are; None where they differ."""
    return values[0] if len(set(values)) == 1 else None


def _fingerprint(images: Sequence[np.ndarray]) -> str:
    """Sixteen digits that other pixels, or other sizes, would change."""
    found = hashlib.sha256(b"".join(image.tobytes() for image in images))
    if _the_only([image.shape for image in images]) is None:
        found.update(str([image.shape for image in images]).encode())
    return found.hexdigest()[:16]


def _pieces(mask: np.ndarray, corners: bool) -> np.ndarray:
    """The number of pixels of each piece of a mask; `corners`: with 8 neighbors, else with 4."""
    return np.bincount(ndimage.label(mask, np.ones((3, 3)) if corners else None)[0].ravel())[1:]


def _torn(labels: np.ndarray, corners: bool) -> int:
    """How many cells of one image are not one piece."""
    boxes = enumerate(ndimage.find_objects(np.maximum(labels, 0)), start=1)
    return sum(len(_pieces(labels[box] == i, corners)) > 1 for i, box in boxes if box is not None)


def _gone_for_one(labels: Sequence[np.ndarray]) -> int:
    """How many cells are gone in the next image of a film and back in the one after.

    Counted are cells that don't touch the image's edge. Gone is a cell if less than a fifth of its
    pixels belongs to any cell, and back if more than four fifths do.
    """
    found = 0
    for image, following, third in zip(labels, labels[1:], labels[2:]):
        if not image.shape == following.shape == third.shape:
            continue
        rim = np.unique(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]))
        for i in np.setdiff1d(image[image > 0], rim):
            cell = image == i
            gone, back = np.mean(following[cell] > 0) < 0.2, np.mean(third[cell] > 0) > 0.8
            found += int(gone and back)
    return found


def _inside(
    images: Sequence[np.ndarray], labels: Sequence[np.ndarray], margin: int, reach: int, lags: int
) -> dict:
    """The numbers of `describe` that leave the margin out."""
    images, labels = ([_within(image, margin) for image in part] for part in (images, labels))
    known, cell = [image >= 0 for image in labels], [image > 0 for image in labels]
    alike = _the_only([image.shape for image in labels]) is not None
    curves = correlations(cell, known, reach, min(lags, len(labels) - 1) if alike else 0)
    ground = [image == 0 for image in labels]
    return {
        "margin": margin,
        "pixels": _count(known),
        "cell_pixels": _count(cell),
        "outline": list(outline(labels)),
        "gray": {"background": _histogram(images, ground), "cell": _histogram(images, cell)},
        "class_correlation": curves[0].round(4).tolist(),
        "gray_correlation": autocorrelation(images, known, reach).round(4).tolist(),
        "image_correlation": curves[:, 0].round(4).tolist(),
        "image_areas": [round(correlation_area(curve), 1) for curve in curves],
        **(_copying(cell, known, alike) if len(labels) > 1 else {}),
    }


def _count(masks: Iterable[np.ndarray]) -> int:
    """How many pixels the masks of all images hold."""
    return sum(int(np.count_nonzero(mask)) for mask in masks)


def _within(image: np.ndarray, margin: int) -> np.ndarray:
    """The image without its margin."""
    return image[margin : image.shape[0] - margin, margin : image.shape[1] - margin]


def _histogram(images: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[int]:
    """The gray values where the masks are true, counted in bins of `LEVELS`."""
    gray = np.concatenate([image[mask] for image, mask in zip(images, masks)])
    levels = np.rint(gray * 255).astype(int)
    return np.bincount(np.minimum(levels // LEVELS, 255 // LEVELS - 1), minlength=51).tolist()


def _copying(cell: list[np.ndarray], known: list[np.ndarray], alike: bool) -> dict:
    """Errors on the last fifth of the images: of guessing one class, of copying another image."""
    trained = train_count(len(cell))
    seen = [classes[there] for classes, there in zip(cell[:trained], known[:trained])]
    mostly_cell = np.concatenate(seen).mean() > 0.5

    def error(answer: Callable[[int], tuple]) -> float:
        """The mean over the test images; `answer(i)` is the class of each pixel and where known."""
        wrong = []
        for i in range(trained, len(cell)):
            classes, given = answer(i)
            wrong.append(np.mean((cell[i] != classes)[known[i] & given]))
        return round(float(np.mean(wrong)), 4)

    guessed = {"guessed": error(lambda i: (mostly_cell, True))}
    if not alike:
        return guessed
    return guessed | {
        "copied_previous": error(lambda i: (cell[i - 1], known[i - 1])),
        "copied_last_training": error(lambda i: (cell[trained - 1], known[trained - 1])),
    }
