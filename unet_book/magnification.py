"""Cells of one size: images resampled until their cells are as large as the network knows them.

A folder may hold cells of 10 px and cells of 90. A network that has to know both learns each from
fewer examples, and its window, which holds two cells of the one kind, ends within one of the other.
So where the images of a training differ in the size of their cells, each is resampled until its
cell in the middle is as large as that of all of them; and an image to come is answered twice, the
first time only to see how large its cells are.
"""

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch.nn.functional import interpolate

from unet_book.datasets import Stack
from unet_book.datasets.masks import cell_sizes
from unet_book.instances import Rule, find_cells

__all__ = [
    "middle_diameter",
    "common_diameter",
    "largest_side",
    "factor",
    "seen_diameter",
    "resize",
    "resampled",
    "scaled_shape",
]

# In trials on 10 images kept from 30, twice, with cells of 9 to 52 px, one size raised the score of
# the best rule from 0.825 to 0.837 and from 0.754 to 0.773. What is seen of the size was as good as
# the size itself (0.839, 0.777).
LEAST, MOST = 1 / 4, 2.0  # a factor; enlarged twice an image takes four times as long already
NEAR = 1.2  # a factor between 1 / NEAR and NEAR is none: every resampling blurs
SPECK = 12  # px that a piece has at least to be counted as a cell


def middle_diameter(labels: np.ndarray) -> float | None:
    """The diameter of an image's cell in the middle, by size.

    Parameters
    ----------
    labels : ndarray of int, (H, W)
        Instance labels.

    Returns
    -------
    float or None
        px, of a circle with as many pixels; None without a cell.
    """
    if not (labels > 0).any():
        return None
    return 2 * math.sqrt(float(np.median(cell_sizes([labels]))) / math.pi)


def common_diameter(stack: Stack) -> float | None:
    """The diameter to which the images of a training are to be brought.

    Parameters
    ----------
    stack : Stack
        The images that train.

    Returns
    -------
    float or None
        px: of the cell in the middle of all. None where all images come near it as they are.

    Examples
    --------
    >>> squares = [np.pad(np.ones((side, side), int), 1) for side in (10, 11)]
    >>> common_diameter(Stack("alike", [square * 1.0 for square in squares], squares)) is None
    True
    """
    if not stack.cell_count():
        return None
    common = 2 * math.sqrt(float(np.median(cell_sizes(stack.labels))) / math.pi)
    factors = {factor(middle_diameter(labels), common) for labels in stack.labels}
    return None if factors == {1.0} else common


def largest_side(
    shapes: Iterable[tuple[int, int]], diameters: Iterable[float | None], common: float
) -> int:
    """The shorter side of the largest image, once all are brought to one size of cells.

    Parameters
    ----------
    shapes : iterable of tuple of int
        (H, W) of each image.
    diameters : iterable of float or None
        Of each image's cell in the middle, px.
    common : float
        What it is to be, px.

    Returns
    -------
    int
        px.
    """
    factors = (factor(diameter, common) for diameter in diameters)
    return max(min(scaled_shape(shape, by)) for shape, by in zip(shapes, factors))


def factor(diameter: float | None, common: float | None) -> float:
    """By how much an image is enlarged.

    Parameters
    ----------
    diameter : float or None
        Of its cell in the middle, px; None if it has no cell.
    common : float or None
        What it is to be, px; None if images stay as they are.

    Returns
    -------
    float
        From 1/4 to 2; 1 where the cells are near the common size.

    Examples
    --------
    >>> factor(48, 24), factor(25, 24), factor(5, 24), factor(None, 24)
    (0.5, 1.0, 2.0, 1.0)
    """
    if diameter is None or common is None:
        return 1.0
    exact = common / diameter
    return 1.0 if 1 / NEAR <= exact <= NEAR else min(max(exact, LEAST), MOST)


def seen_diameter(probability: np.ndarray) -> float | None:
    """How large the cells of an image seem to be, by a first answer.

    Parameters
    ----------
    probability : ndarray, (H, W)
        The network's answer to the image as it is.

    Returns
    -------
    float or None
        px, of the piece in the middle; None where there is none.
    """
    return middle_diameter(find_cells(probability, Rule(smallest=SPECK)))


def resize(image: np.ndarray, shape: tuple[int, int], mode: str = "bicubic") -> np.ndarray:
    """An image with more or fewer pixels, smoothed first where it shrinks.

    Parameters
    ----------
    image : ndarray of float, (H, W)
        In [0, 1].
    shape : tuple of int
        (H, W) of the result.
    mode : {"bicubic", "bilinear"}
        How it is read between pixels.

    Returns
    -------
    ndarray of float32, (H, W)
        In [0, 1].
    """
    pixels = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]
    return interpolate(pixels, shape, mode=mode, antialias=True)[0, 0].clamp(0, 1).numpy()


def resampled(stack: Stack, common: float | None) -> Stack:
    """Images with their labels, brought to one size of cells by the labels themselves.

    Parameters
    ----------
    stack : Stack
        The images.
    common : float or None
        What the diameter of the cell in the middle is to be, px. None: they stay as they are.

    Returns
    -------
    Stack
        With the same names. An image without a cell stays as it is.
    """
    factors = [factor(middle_diameter(labels), common) for labels in stack.labels]
    if set(factors) == {1.0}:
        return stack
    images, labels = [], []
    for (image, cells), by in zip(stack, factors):
        shape = scaled_shape(image.shape, by)
        images.append(image if by == 1 else resize(image, shape))
        labels.append(cells if by == 1 else _nearest(cells, shape))
    return Stack(stack.name, images, labels, stack.source, stack.names)


def scaled_shape(shape: tuple[int, int], by: float) -> tuple[int, int]:
    """Height and width, enlarged by a factor, of one pixel at least.

    Parameters
    ----------
    shape : tuple of int
        (H, W).
    by : float
        The factor.

    Returns
    -------
    tuple of int
        (H, W).
    """
    height, width = (max(1, round(side * by)) for side in shape)
    return height, width


def _nearest(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Labels with more or fewer pixels: each takes what lies under its center."""
    rows, columns = (
        ((2 * np.arange(new) + 1) * old // (2 * new)) for new, old in zip(shape, labels.shape)
    )
    return labels[np.ix_(rows, columns)]
