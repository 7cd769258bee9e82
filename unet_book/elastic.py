"""Smooth random deformations from a handful of random vectors.

Tissue bends. A network that has seen thirty images has not seen it bend in every way, so the paper
(Section 3.1) bends it: random displacement vectors on a coarse 3 x 3 grid, from a Gaussian of
standard deviation 10 px, and between them a displacement for each pixel by bicubic interpolation.
Interpolation is linear in the vectors and works on one axis at a time, so a whole field is two
small matrix products.

On a CPU the pixels are pulled by loops that numba compiles; on a GPU, for bicubic interpolation and
where a gradient is asked for, by PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from unet_book._arrays import Array, like, to_numpy, to_torch
from unet_book._compiled import compiled

__all__ = [
    "spline_matrix",
    "dense_displacement",
    "random_displacement",
    "jacobian",
    "deform",
    "pixel_grid",
    "resample",
    "deform_pair",
    "place_factors",
]

ORDERS = {0: "nearest", 1: "bilinear", 3: "bicubic"}


@lru_cache(maxsize=64)
def spline_matrix(size: int, grid: int = 3) -> np.ndarray:
    """The matrix that takes values on a coarse line to its pixels (Section 3.1).

    Cubic spline interpolation through the values, which lie evenly from the first pixel to the
    last; at both ends the spline is flat, as if the values were mirrored. Each column is the
    response to a single 1. Rows sum to 1.

    Parameters
    ----------
    size : int
        Pixels of the line.
    grid : int
        Values on it.

    Returns
    -------
    ndarray of float64, (size, grid)
        It is kept for the next call, and can't be written to.

    Raises
    ------
    ValueError
        If `grid` is below 2 or `size` below 1.
    """
    if grid < 2 or size < 1:
        raise ValueError(f"need a grid of at least 2 points and a size of 1, got {grid} and {size}")
    places = np.linspace(0, grid - 1, size)[None]
    impulses = np.eye(grid)
    columns = [ndimage.map_coordinates(x, places, order=3, mode="mirror") for x in impulses]
    matrix = np.stack(columns, axis=1)
    matrix.setflags(write=False)
    return matrix


def dense_displacement(vectors: Array, shape: Sequence[int]) -> Array:
    """The displacement of each pixel, from vectors on a coarse grid (Section 3.1).

    D = B_rows V B_columns^T for each component, with `spline_matrix` B: bicubic interpolation.

    Parameters
    ----------
    vectors : ndarray or Tensor, (2, grid, grid)
        In pixels, order (row, column).
    shape : sequence of int
        (H, W) in pixels.

    Returns
    -------
    ndarray or Tensor, (2, H, W)
        As `vectors` is, in its precision; integers count as float64.

    Raises
    ------
    ValueError
        Unless `vectors` is (2, grid, grid), of a grid of 2 or more.
    """
    v = to_torch(vectors)
    v = v if v.is_floating_point() else v.double()
    _check_vectors(v)
    rows, columns = (torch.tensor(spline_matrix(n, v.shape[1])).to(v) for n in shape)
    return like(rows @ v @ columns.T, vectors)


def _check_vectors(vectors: Tensor) -> None:
    """ValueError unless `vectors` is (2, grid, grid)."""
    shape = tuple(vectors.shape)
    if len(shape) != 3 or shape[0] != 2 or shape[1] != shape[2]:
        raise ValueError(f"vectors are (2, grid, grid), got {shape}")


def random_displacement(
    shape: Sequence[int],
    grid: int = 3,
    sigma: float = 10.0,
    generator: torch.Generator | np.random.Generator | None = None,
) -> Array:
    """A smooth random displacement of each pixel (Section 3.1).

    Gaussian vectors on a coarse grid from the first to the last pixel; bicubic between them.

    Parameters
    ----------
    shape : sequence of int
        (H, W) in pixels.
    grid : int
        Points a side of the grid.
    sigma : float
        Standard deviation of each component of a vector, in pixels.
    generator : torch.Generator or np.random.Generator, optional
        By default one of numpy's with fresh entropy.

    Returns
    -------
    ndarray or Tensor, (2, H, W), float32
        In pixels, order (row, column). A `torch.Generator` gives a tensor on its device.

    Raises
    ------
    ValueError
        For a negative `sigma` or a `grid` below 2.
    """
    if not 0 <= sigma < math.inf or grid < 2:
        raise ValueError(f"need a finite sigma >= 0 and a grid >= 2, got {sigma} and {grid}")
    if isinstance(generator, torch.Generator):
        vectors = torch.randn(2, grid, grid, generator=generator, device=generator.device)
    else:
        generator = np.random.default_rng(generator)
        vectors = generator.standard_normal((2, grid, grid)).astype(np.float32)
    return dense_displacement(sigma * vectors, shape)


def jacobian(displacement: Array) -> Array:
    """The determinant of x -> x + displacement(x) at each pixel, from differences.

    It is the area that a pixel of the result is pulled from, in pixels: 1 where nothing is
    stretched or squeezed. Where it is 0 or less the field folds: neighbors look in turned order.

    Parameters
    ----------
    displacement : ndarray or Tensor, (2, H, W)
        In pixels; H and W at least 2.

    Returns
    -------
    ndarray or Tensor, (H, W)
        The determinants.

    Raises
    ------
    ValueError
        For another shape.

    Examples
    --------
    >>> jacobian(np.zeros((2, 2, 3))).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    d = to_numpy(displacement)
    if d.ndim != 3 or d.shape[0] != 2 or min(d.shape) < 2:
        raise ValueError(f"a displacement is (2, H, W), of 2 pixels or more a side, got {d.shape}")
    (row_down, row_right), (column_down, column_right) = (np.gradient(part) for part in d)
    area = (1 + row_down) * (1 + column_right) - row_right * column_down
    return like(area, displacement)


def deform(image: Array, displacement: Array, order: int = 1) -> Array:
    """The image sampled at x + displacement(x): what each output pixel sees (Section 3.1).

    Outside, the image is mirrored without repeating its edge.

    Parameters
    ----------
    image : ndarray or Tensor, (H, W) or (C, H, W)
        Of float type, or of any with `order` 0.
    displacement : ndarray or Tensor, (2, H, W)
        In pixels, order (row, column).
    order : int
        0 takes the nearest pixel, for labels; 1 is bilinear; 3 bicubic.

    Returns
    -------
    ndarray or Tensor, as `image`
        In its shape, dtype and library.

    Raises
    ------
    ValueError
        If the shapes disagree, the displacement holds NaN or infinite values, or `order` is
        another.
    TypeError
        For an integer image with an order other than 0.

    Examples
    --------
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
    return _sample(image, displacement, order, relative=True)


def pixel_grid(shape: Sequence[int]) -> Tensor:
    """The coordinates of the pixels of an image.

    Parameters
    ----------
    shape : sequence of int
        (H, W).

    Returns
    -------
    Tensor, (2, H, W), float64
        Row and column of each.
    """
    axes = (torch.arange(n, dtype=torch.float64) for n in shape)
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))


def resample(image: Array, coordinates: Array, order: int = 1) -> Array:
    """The image at any coordinates (Section 3.1).

    Parameters
    ----------
    image : ndarray or Tensor, (H, W) or (C, H, W)
        As in `deform`, and so is what lies outside.
    coordinates : ndarray or Tensor, (2, h, w)
        In its pixels, order (row, column).
    order : int
        As in `deform`.

    Returns
    -------
    ndarray or Tensor, (h, w) or (C, h, w)
        In the image's dtype and library.

    Raises
    ------
    ValueError, TypeError
        As `deform` does.
    """
    return _sample(image, coordinates, order, relative=False)


def _sample(image: Array, places: Array, order: int, relative: bool) -> Array:
    """`image` at `places` (2, h, w), counted from each pixel if `relative`, else from (0, 0)."""
    pixels, places = to_torch(image), to_torch(places)
    if places.dtype not in (torch.float32, torch.float64):
        places = places.double()
    _check_sampling(pixels, places, order)
    on_gpu = "cpu" not in (pixels.device.type, places.device.type)
    wants_gradient = order and (pixels.requires_grad or places.requires_grad)
    if order == 3 or wants_gradient or (order and (on_gpu or pixels.element_size() < 4)):
        sampled = _interpolate(pixels, _absolute(places, relative), ORDERS[order])
    elif on_gpu:
        sampled = _pick(pixels, _absolute(places, relative))
    else:
        sampled = _pull(pixels.detach(), places.detach(), order, relative)
    return like(sampled, image)


def _check_sampling(pixels: Tensor, places: Tensor, order: int) -> None:
    """The errors of `resample`."""
    if order not in ORDERS:
        raise ValueError(f"order is 0 (nearest), 1 (bilinear) or 3 (bicubic), not {order!r}")
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(f"an image is (H, W) or (C, H, W), not empty, got {tuple(pixels.shape)}")
    if places.ndim != 3 or places.shape[0] != 2:
        raise ValueError(f"coordinates are (2, h, w), got {tuple(places.shape)}")
    # (On a GPU looking at values would make it wait.)
    if places.device.type == "cpu" and not _all_finite(places.detach().flatten()):
        raise ValueError("the coordinates, or the displacement, hold NaN or infinite values")
    if order and not pixels.is_floating_point():
        raise TypeError(f"{pixels.dtype} can't be interpolated: use order=0, or a float image")


def _all_finite(values: Tensor) -> bool:
    """Whether no value of the vector is NaN or infinite."""
    # The sum of squares is the quickest look; if it overflows, each value has to be looked at.
    return math.isfinite(values @ values) or bool(values.isfinite().all())


def _absolute(places: Tensor, relative: bool) -> Tensor:
    """`places`, counted from (0, 0)."""
    if not relative:
        return places
    # In float32 a place at pixel 500 would be known to 3e-5 px only.
    return places.double() + pixel_grid(places.shape[1:]).to(places.device)


def deform_pair(image: Array, labels: Array, vectors: Array) -> tuple[Array, Array]:
    """Image and labels, both deformed by the field of some vectors (Section 3.1).

    The same as `deform` of each, the image bilinear and the labels nearest, with
    `dense_displacement(vectors, image.shape)`, and quicker: the field is never stored.

    Parameters
    ----------
    image : ndarray or Tensor, (H, W), float
        The image.
    labels : ndarray or Tensor, (H, W)
        Its labels.
    vectors : ndarray or Tensor, (2, grid, grid)
        In pixels, order (row, column).

    Returns
    -------
    tuple of ndarray or Tensor
        Image and labels, each in the dtype and library of what it was.

    Raises
    ------
    ValueError
        As `deform` does, and if the shapes differ.
    TypeError
        As `deform` does.

    Examples
    --------
    >>> image, labels = np.eye(8), np.eye(8, dtype=np.int32)
    >>> deform_pair(image, labels, np.zeros((2, 3, 3)))[1].dtype
    dtype('int32')
    """
    pixels, cells, vectors = to_torch(image), to_torch(labels), to_torch(vectors)
    _check_vectors(vectors)
    if pixels.ndim != 2 or pixels.shape != cells.shape:
        raise ValueError(
            "image and labels share one shape (H, W), "
            f"got {tuple(pixels.shape)} and {tuple(cells.shape)}"
        )
    gradient = pixels.requires_grad or vectors.requires_grad
    simple = pixels.dtype in (torch.float32, torch.float64) and not gradient
    if not simple or 0 in pixels.shape or {pixels.device.type, cells.device.type} != {"cpu"}:
        field = dense_displacement(vectors.to(pixels.device), pixels.shape)
        return deform(image, like(field, image)), deform(labels, like(field, labels), order=0)
    if not torch.isfinite(vectors).all():
        raise ValueError("the vectors hold NaN or infinite values")
    rows, columns = place_factors(vectors, pixels.shape)
    sources = pixels.contiguous(), _as_integers(cells)
    gray, seen = map(torch.empty_like, sources)
    _pull_pair(*(tensor.numpy() for tensor in sources), rows, columns, gray.numpy(), seen.numpy())
    return like(gray, image), like(seen.view(cells.dtype), labels)


def place_factors(vectors: Array, shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel looks, x + displacement(x), as a product of two thin matrices.

    ``rows @ columns`` is ``pixel_grid(shape) + dense_displacement(vectors, shape)``. The first two
    of the grid + 2 hold the pixel itself: its row times 1, and 1 times its column.

    Parameters
    ----------
    vectors : ndarray or Tensor, (2, grid, grid)
        In pixels, order (row, column).
    shape : sequence of int
        (H, W) in pixels.

    Returns
    -------
    tuple of ndarray
        rows (2, H, grid + 2) and columns (grid + 2, W), float64.
    """
    v, (height, width) = to_numpy(vectors), shape
    grid = v.shape[-1]
    rows = np.zeros((2, height, grid + 2))
    rows[0, :, 0], rows[1, :, 1] = np.arange(height), 1
    rows[:, :, 2:] = spline_matrix(height, grid) @ v
    return rows, np.stack([np.ones(width), np.arange(width), *spline_matrix(width, grid).T])


# On a CPU: loops, compiled. They work on one row of the result at a time: first on the places, with
# no branch, so that the processor takes several pixels at once; then they read.


@compiled
def _mirrored(x: float, last: float) -> float:
    """Where in [0, last] to look for what a mirror at 0 and one at `last` show at x."""
    period = max(2 * last, 1.0)
    turns = np.floor(x * (1 / period) + 0.5)
    return min(abs(x - period * turns), last)


@compiled
def _corners(
    row: float,
    ys: np.ndarray,
    columns: np.ndarray,
    xs: np.ndarray,
    shape: tuple[int, int],
    at: np.ndarray,
    vs: np.ndarray,
    us: np.ndarray,
) -> None:
    """The upper left of the four pixels around each place, and how far the place is from it.

    The place is (row + ys[c], columns[c] + xs[c]), mirrored. The pixel goes to `at` as its number
    in an image of `shape`, row by row; the distances, from 0 to 1, to `vs` and `us`.
    """
    bottom, right = shape[0] - 1.0, shape[1] - 1.0
    for c in range(at.size):
        y, x = _mirrored(row + ys[c], bottom), _mirrored(columns[c] + xs[c], right)
        i, j = np.floor(min(y, max(bottom - 1, 0.0))), np.floor(min(x, max(right - 1, 0.0)))
        vs[c], us[c] = y - i, x - j
        at[c] = int(i * shape[1] + j)


@compiled
def _bilinear(
    image: np.ndarray, at: np.ndarray, vs: np.ndarray, us: np.ndarray, result: np.ndarray
) -> None:
    """`image` between four pixels each, as `_corners` tells."""
    pixels, (height, width) = image.reshape(-1), image.shape
    below, beside = _index(width if height > 1 else 0), _index(1 if width > 1 else 0)
    for c in range(at.size):
        k, v, u = _index(at[c]), vs[c], us[c]
        upper = pixels[k] + u * (pixels[k + beside] - pixels[k])
        lower = pixels[k + below] + u * (pixels[k + below + beside] - pixels[k + below])
        result[c] = upper + v * (lower - upper)


@compiled
def _nearest(
    labels: np.ndarray,
    row: float,
    ys: np.ndarray,
    columns: np.ndarray,
    xs: np.ndarray,
    at: np.ndarray,
    result: np.ndarray,
) -> None:
    """The labels of the pixels nearest to the places, which are those of `_corners`."""
    pixels, (height, width) = labels.reshape(-1), labels.shape
    for c in range(at.size):
        y, x = _mirrored(row + ys[c], height - 1.0), _mirrored(columns[c] + xs[c], width - 1.0)
        at[c] = int(np.floor(y + 0.5) * width + np.floor(x + 0.5))
    for c in range(at.size):
        result[c] = pixels[_index(at[c])]


@compiled
def _index(k: int) -> np.uintp:
    """k >= 0 as an unsigned number, so that no index can count from the end."""
    return np.uintp(k)


@compiled
def _pull_bilinear(
    image: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    places: np.ndarray,
    result: np.ndarray,
) -> None:
    """result[r, c] = image at places[:, r, c], counted from rows[r] and columns[c]."""
    at = np.empty(columns.size, np.int64)
    vs, us = np.empty(at.size, image.dtype), np.empty(at.size, image.dtype)
    for r in range(rows.size):
        _corners(rows[r], places[0, r], columns, places[1, r], image.shape, at, vs, us)
        _bilinear(image, at, vs, us, result[r])


@compiled
def _pull_nearest(
    labels: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    places: np.ndarray,
    result: np.ndarray,
) -> None:
    """result[r, c] = the label nearest to places[:, r, c], counted from rows[r] and columns[c]."""
    at = np.empty(columns.size, np.int64)
    for r in range(rows.size):
        _nearest(labels, rows[r], places[0, r], columns, places[1, r], at, result[r])


@compiled
def _pull_pair(
    image: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    gray: np.ndarray,
    seen: np.ndarray,
) -> None:
    """Both at the places rows @ columns, which are computed a row at a time."""
    size = gray.shape[1]
    at, ys, xs, zero = np.empty(size, np.int64), np.empty(size), np.empty(size), np.zeros(size)
    vs, us = np.empty(size, image.dtype), np.empty(size, image.dtype)
    for r in range(gray.shape[0]):
        _combine(rows[0, r], columns, ys)
        _combine(rows[1, r], columns, xs)
        _corners(0.0, ys, zero, xs, image.shape, at, vs, us)
        _bilinear(image, at, vs, us, gray[r])
        _nearest(labels, 0.0, ys, zero, xs, at, seen[r])


@compiled
def _combine(factors: np.ndarray, columns: np.ndarray, result: np.ndarray) -> None:
    """result = factors @ columns."""
    for c in range(result.size):
        result[c] = factors[0] * columns[0, c]
    for k in range(1, factors.size):
        for c in range(result.size):
            result[c] += factors[k] * columns[k, c]


def _pull(pixels: Tensor, places: Tensor, order: int, relative: bool) -> Tensor:
    """`pixels` (H, W) or (C, H, W) at `places` (2, h, w), by the loops above."""
    values = pixels.contiguous() if order else _as_integers(pixels)
    result = values.new_empty(*values.shape[:-2], *places.shape[1:])
    loop = _pull_bilinear if order else _pull_nearest
    rows, columns = (relative * np.arange(n, dtype=np.float64) for n in places.shape[1:])
    where = places.contiguous().numpy()
    channels = values.reshape(-1, *values.shape[-2:]), result.reshape(-1, *places.shape[1:])
    for channel, out in zip(*channels, strict=True):
        loop(channel.numpy(), rows, columns, where, out.numpy())
    return result.view(pixels.dtype)


def _as_integers(labels: Tensor) -> Tensor:
    """The same bytes as integers: labels are moved, not computed with, so four loops do for all."""
    sizes = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return labels.contiguous().view(sizes[labels.element_size()])


# Elsewhere: PyTorch


def _pick(pixels: Tensor, places: Tensor) -> Tensor:
    """The nearest pixels, by indexing."""
    lasts = [max(size - 1, 1) for size in pixels.shape[-2:]]
    inside = [last - ((x % (2 * last)) - last).abs() for x, last in zip(places, lasts)]
    i, j = ((x + 0.5).long().clamp(max=n - 1) for x, n in zip(inside, pixels.shape[-2:]))
    return pixels[..., i, j]


def _interpolate(pixels: Tensor, places: Tensor, mode: str) -> Tensor:
    """Bilinear or bicubic, by grid_sample, which wants places as (x, y) from -1 to 1."""
    (rows, columns), (height, width) = places, pixels.shape[-2:]
    # Half precision holds neither a place to a tenth of a pixel nor, on a CPU, a large image's.
    work = pixels if pixels.element_size() >= 4 else pixels.float()
    x, y = 2 * columns / max(width - 1, 1) - 1, 2 * rows / max(height - 1, 1) - 1
    sampled = F.grid_sample(
        work.reshape(1, -1, height, width),
        torch.stack([x, y], dim=-1)[None].to(work),
        mode=mode,
        padding_mode="reflection",
        align_corners=True,
    )
    return sampled.reshape(*pixels.shape[:-2], *places.shape[1:]).to(pixels)
