"""Smooth random deformations from a handful of random vectors.

Tissue bends. A network that has seen thirty images has not seen it bend in every way, so the paper
(Section 3.1) bends it: random displacement vectors on a coarse 3 x 3 grid, from a Gaussian of
standard deviation 10 px, and between them a displacement for each pixel by bicubic interpolation.
Interpolation is linear in the vectors and works on one axis at a time, so a whole field is two
small matrix products.
"""

import math

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from unet_book._arrays import like, to_torch

ORDERS = {0: "nearest", 1: "bilinear", 3: "bicubic"}


def spline_matrix(size: int, grid: int = 3) -> np.ndarray:
    """The (size, grid) float64 matrix that takes `grid` values on a line to `size` pixels.

    Cubic spline interpolation through the values, which lie evenly from the first pixel to the
    last; each column is the response to a single 1. Rows sum to 1. Raises ValueError if `grid` is
    below 2 or `size` below 1.
    """
    if grid < 2 or size < 1:
        raise ValueError(f"need a grid of at least 2 points and a size of 1, got {grid} and {size}")
    places = np.linspace(0, grid - 1, size)[None]
    unit = np.eye(grid)
    columns = [ndimage.map_coordinates(one, places, order=3, mode="mirror") for one in unit]
    return np.stack(columns, axis=1)


def dense_displacement(vectors, shape):
    """The displacement of each pixel, (2, H, W), from vectors (2, grid, grid) in pixels.

    D = B_rows V B_columns^T for each component, with `spline_matrix` B: bicubic interpolation
    (Section 3.1). numpy or torch, as `vectors` is, in its precision; integers count as float64.
    Raises ValueError unless `vectors` is (2, grid, grid).
    """
    v = to_torch(vectors)
    v = v if v.is_floating_point() else v.double()
    if v.ndim != 3 or v.shape[0] != 2 or v.shape[1] != v.shape[2]:
        raise ValueError(f"vectors are (2, grid, grid), got {tuple(v.shape)}")
    rows, columns = (torch.as_tensor(spline_matrix(n, v.shape[1])).to(v) for n in shape)
    return like(rows @ v @ columns.T, vectors)


def random_displacement(shape, grid: int = 3, sigma: float = 10.0, generator=None):
    """A smooth random displacement field (2, H, W), float32, in pixels, order (row, column).

    Vectors on a `grid` x `grid` raster from the first to the last pixel of `shape` (H, W), each
    component Gaussian of standard deviation `sigma` pixels; bicubic between them (Section 3.1).
    A `torch.Generator` gives a tensor on its device; a `numpy.random.Generator`, or None for fresh
    entropy, a numpy array. Raises ValueError for a negative `sigma` or a `grid` below 2.
    """
    if not 0 <= sigma < math.inf or grid < 2:
        raise ValueError(f"need a finite sigma >= 0 and a grid >= 2, got {sigma} and {grid}")
    if isinstance(generator, torch.Generator):
        vectors = torch.randn(2, grid, grid, generator=generator, device=generator.device)
    else:
        generator = np.random.default_rng(generator)
        vectors = generator.standard_normal((2, grid, grid)).astype(np.float32)
    return dense_displacement(sigma * vectors, shape)


def deform(image, displacement, order: int = 1):
    """`image` sampled at x + displacement(x): what each output pixel sees, pulled from the input.

    `image` is (H, W) or (C, H, W), `displacement` (2, H, W) in pixels; the result has the image's
    shape, dtype and library. `order` 0 takes the nearest pixel, for labels; 1 is bilinear; 3
    bicubic. Outside, the image is mirrored without repeating its edge.

    Raises ValueError if the shapes disagree, the displacement holds NaN or infinite values, or
    `order` is another; TypeError for an integer image with an order other than 0.

    >>> deform(np.eye(3), np.zeros((2, 3, 3))).round(4)[0]
    array([1., 0., 0.])
    """
    if len(image.shape) not in (2, 3):
        raise ValueError(f"an image is (H, W) or (C, H, W), got {tuple(image.shape)}")
    height, width = image.shape[-2:]
    if tuple(displacement.shape) != (2, height, width):
        raise ValueError(
            f"an image of {height} x {width} needs a displacement (2, {height}, {width}), "
            f"got {tuple(displacement.shape)}"
        )
    d = to_torch(displacement)
    return resample(image, like(d + pixel_grid((height, width)).to(d), displacement), order)


def pixel_grid(shape) -> Tensor:
    """The coordinates (2, H, W) of the pixels of an image of `shape` (H, W), float64."""
    axes = (torch.arange(n, dtype=torch.float64) for n in shape)
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))


def resample(image, coordinates, order: int = 1):
    """`image` (H, W) or (C, H, W) at `coordinates` (2, h, w), in its pixels, order (row, column).

    The result is (h, w) or (C, h, w), in the image's dtype and library. `order` and the mirrored
    outside as in `deform`, and so are the errors.
    """
    if order not in ORDERS:
        raise ValueError(f"order is 0 (nearest), 1 (bilinear) or 3 (bicubic), not {order!r}")
    pixels, places = to_torch(image), to_torch(coordinates)
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(f"an image is (H, W) or (C, H, W), not empty, got {tuple(pixels.shape)}")
    if places.ndim != 3 or places.shape[0] != 2:
        raise ValueError(f"coordinates are (2, h, w), got {tuple(places.shape)}")
    # (On a GPU looking at values would make it wait.)
    if places.device.type == "cpu" and not math.isfinite(places.sum()):
        raise ValueError("the coordinates, or the displacement, hold NaN or infinite values")
    if order and not pixels.is_floating_point():
        raise TypeError(f"{pixels.dtype} can't be interpolated: use order=0, or a float image")
    # Every int32 is a float64, so labels come through unchanged.
    values = pixels if pixels.is_floating_point() else pixels.double()
    sampled = F.grid_sample(
        values.reshape(1, -1, *pixels.shape[-2:]),
        _normalized(places, pixels.shape[-2:]).to(values),
        mode=ORDERS[order],
        padding_mode="reflection",
        align_corners=True,
    )
    h, w = places.shape[-2:]
    return like(sampled.reshape(*pixels.shape[:-2], h, w).to(pixels.dtype), image)


def _normalized(coordinates, shape):
    """Pixel coordinates (2, h, w) as grid_sample wants them: (1, h, w, 2), (x, y), -1 to 1."""
    (rows, columns), (height, width) = coordinates, shape
    return torch.stack(
        [2 * columns / max(width - 1, 1) - 1, 2 * rows / max(height - 1, 1) - 1], dim=-1
    )[None]
