"""A network's classes beside the true ones."""

from collections.abc import Sequence

import numpy as np

from unet_book.datasets import Stack
from unet_book.metrics import pixel_error
from unet_book.overlap_tile import predict
from unet_book.training.tiles import classes
from unet_book.unet import UNet
from unet_book.weight_map import part_touching_cells

__all__ = ["held_out_error", "true_classes", "predicted_classes", "all_pixels"]


def held_out_error(model: UNet, stack: Stack, tile: int = 572) -> float:
    """Pixel error of the more probable class, over all annotated pixels of `stack`.

    Parameters
    ----------
    model : UNet
        A network of two classes.
    stack : Stack
        Images that it has not seen, of any sizes, and their labels.
    tile : int
        The side of the tiles in which it sees them, px.

    Returns
    -------
    float
        In [0, 1].
    """
    truth = true_classes(stack.labels)
    found = predicted_classes(model, stack.images, tile)
    return pixel_error(all_pixels(truth), all_pixels(found))


def true_classes(labels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """For each image the classes that a training is asked for: cells parted where they touch.

    Parameters
    ----------
    labels : sequence of ndarray of int, (H, W)
        Instance labels, of any sizes.

    Returns
    -------
    list of ndarray of int32, (H, W)
        0 background, 1 cell, -1 not annotated.
    """
    return [classes(parted) for parted in part_touching_cells(labels)]


def predicted_classes(model: UNet, images: Sequence[np.ndarray], tile: int) -> list[np.ndarray]:
    """For each image the more probable class of each pixel.

    Parameters
    ----------
    model : UNet
        A network.
    images : sequence of ndarray of float32, (H, W)
        Gray values in [0, 1], of any sizes.
    tile : int
        The side of the tiles in which it sees them, px.

    Returns
    -------
    list of ndarray of int, (H, W)
    """
    return [predict(model, image, tile).argmax(0) for image in images]


def all_pixels(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The pixels of images of any sizes in one row.

    Parameters
    ----------
    arrays : sequence of ndarray
        Of any shapes.

    Returns
    -------
    ndarray, (pixels,)
    """
    return np.concatenate([array.ravel() for array in arrays])
