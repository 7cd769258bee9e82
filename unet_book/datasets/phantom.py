"""A phantom is an image whose truth is known because we drew it.

Real truth is drawn by hand, and it is late, scarce and disputed: two experts who outline the same
membranes disagree. A phantom has none of these troubles, weighs nothing and starts no download.
What it must have are the troubles of the *task*: cells that touch, so that a classifier of pixels
would merge them; shapes that no circle fits; texture inside, noise everywhere, light that falls
off to one side. ``cells`` draws such an image in the manner of a fluorescence microscope,
``membranes`` in the manner of an electron microscope.

Both draw the labels first and the picture from them, so each pixel's label is exact. The seed
decides everything: the same seed gives the same image, bit for bit, and no global random state is
read or set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from scipy import ndimage
from scipy.spatial import cKDTree

from unet_book.sizes import whole_number

__all__ = ["cells", "membranes", "stack"]

Seed: TypeAlias = int | Sequence[int]


def cells(
    shape: Sequence[int] = (256, 256),
    count: int | None = None,
    seed: Seed = 0,
    radius: float = 14.0,
    noise: float = 0.03,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw bright cells on dark ground, many of them touching.

    Each cell is a smooth closed curve around its center; where two overlap, the border between
    them runs where both are equally deep. With two cells or more, some always share a border.

    Parameters
    ----------
    shape : sequence of int
        (H, W) in pixels, each at least ``3 * radius``.
    count : int, optional
        Number of cells; by default as many as cover about two fifths of the image.
    seed : int or sequence of int
        Not negative; anything else that ``numpy.random.default_rng`` takes as a seed, too.
    radius : float
        Mean radius of a cell in pixels, at least 4.
    noise : float
        Standard deviation of the noise in the brightest pixels, as a share of full scale.

    Returns
    -------
    image : ndarray of float32, (H, W)
        In [0, 1].
    labels : ndarray of int32, (H, W)
        0 is background, 1 … count the cells, each one connected.

    Raises
    ------
    ValueError
        If an argument is out of range, or if ``count`` cells do not fit.

    Examples
    --------
    >>> image, labels = cells((128, 128), count=12, seed=1)
    >>> image.shape, int(labels.max())
    ((128, 128), 12)
    """
    _check(shape, noise, minimum=3 * _at_least(radius, "radius", 4))
    rng = np.random.default_rng(seed)
    if count is None:
        count = max(2, round(0.4 * shape[0] * shape[1] / (np.pi * radius**2)))
    outlines = _place(shape, whole_number("count", count, least=1), radius, rng)
    labels, depth = _draw(shape, outlines)
    image = _fluorescence(labels, depth, noise, rng)
    return image, labels


def membranes(
    shape: Sequence[int] = (256, 256), seed: Seed = 0, spacing: float = 36.0, noise: float = 0.07
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a section through tissue as an electron microscope shows it: dark membranes, gray cells.

    The cells are the regions of a Voronoi diagram of jittered points, some of them joined and all
    of them bent; the membranes between them are dark and of varying thickness. Mitochondria and
    vesicles are as dark as membranes, and belong to the cell around them: the trap of real data.

    Parameters
    ----------
    shape : sequence of int
        (H, W) in pixels, each at least ``2 * spacing``.
    seed : int or sequence of int
        Not negative; anything else that ``numpy.random.default_rng`` takes as a seed, too.
    spacing : float
        Mean distance of neighboring points in pixels, at least 12; sets the cells' size.
    noise : float
        Standard deviation of the noise, as a share of full scale.

    Returns
    -------
    image : ndarray of float32, (H, W)
        In [0, 1].
    labels : ndarray of int32, (H, W)
        0 is membrane, 1 … K the cells, each one 4-connected.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> image, labels = membranes((128, 128), seed=1)
    >>> image.shape, int(labels.min()), labels.dtype.name
    ((128, 128), 0, 'int32')
    """
    _check(shape, noise, minimum=2 * _at_least(spacing, "spacing", 12))
    rng = np.random.default_rng(seed)
    gap, owner = _bent_voronoi(shape, spacing, rng)
    half_width = 1.0 + 0.4 * np.exp(0.8 * _smooth_noise(shape, spacing / 3, rng)).clip(0, 5)
    labels = _components(gap > half_width, smallest=30)
    image = _electron(gap - half_width, owner, labels, noise, rng)
    return image, labels


def stack(
    kind: str = "cells", count: int = 8, shape: Sequence[int] = (256, 256), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw ``count`` phantoms of one kind; image i has the seed ``(seed, i)``.

    Parameters
    ----------
    kind : str
        "cells" or "membranes".
    count : int
        Number of images, at least 1.
    shape : sequence of int
        (H, W) of each, in pixels.
    seed : int
        Not negative. Stacks of different seeds share no image.

    Returns
    -------
    images : ndarray of float32, (count, H, W)
        In [0, 1].
    labels : ndarray of int32, (count, H, W)
        As `cells` and `membranes` give them.

    Raises
    ------
    ValueError
        If ``kind`` is neither of the two, or another argument is out of range.
    """
    kinds = {"cells": cells, "membranes": membranes}
    if kind not in kinds:
        raise ValueError(f"kind={kind!r}: a phantom is one of {', '.join(map(repr, kinds))}")
    count, seed = whole_number("count", count, least=1), whole_number("seed", seed, least=0)
    drawn = [kinds[kind](shape, seed=(seed, i)) for i in range(count)]
    images, labels = zip(*drawn, strict=True)
    return np.stack(images), np.stack(labels)


# --- cells: outlines first, then depth, then light -----------------------------------------------


class _Outline:
    """A smooth closed curve around a center: its radius as a function of the angle."""

    def __init__(self, center: np.ndarray, radius: float, rng: Generator) -> None:
        self.center = np.asarray(center, dtype=float)
        self.radius = radius * rng.uniform(0.75, 1.2)
        # The second harmonic makes the cell oblong, the higher ones make it irregular. Together
        # they stay below 0.5, so the curve neither crosses its center nor itself.
        self.amplitude = rng.uniform([0.05, 0.0, 0.0, 0.0], [0.25, 0.10, 0.07, 0.04])
        self.phase = rng.uniform(0, 2 * np.pi, 4)

    def reach(self, angle: np.ndarray | float) -> np.ndarray | float:
        """Distance from the center to the curve in the direction ``angle``, in pixels."""
        waves = np.cos(np.multiply.outer(angle, np.arange(2, 6)) + self.phase)
        return self.radius * (1 + waves @ self.amplitude)

    def window(self, shape: Sequence[int]) -> tuple[slice, slice]:
        """The rectangle of the image that holds the curve, as two slices."""
        r = 1.5 * self.radius
        low = np.maximum(np.floor(self.center - r), 0).astype(int)
        high = np.minimum(np.ceil(self.center + r) + 1, shape).astype(int)
        return tuple(slice(a, b) for a, b in zip(low, high, strict=True))


def _place(shape: Sequence[int], count: int, radius: float, rng: Generator) -> list[_Outline]:
    """Choose ``count`` outlines: most beside an earlier one and touching it, some on their own."""
    placed = [_Outline(rng.uniform(0.25, 0.75, 2) * shape, radius, rng)]
    misses = 0
    while len(placed) < count and misses < 1000:
        new = _Outline(rng.uniform(0, 1, 2) * shape, radius, rng)
        if len(placed) == 1 or rng.random() < 0.6:
            _move_beside(new, placed[rng.integers(len(placed))], rng)
        inside = np.all((new.center >= 0) & (new.center <= np.asarray(shape) - 1))
        if inside and all(_apart(new, old) for old in placed):
            placed.append(new)
            misses = 0
        else:
            misses += 1
    if len(placed) == count:
        return placed
    raise ValueError(
        f"count={count}: only {len(placed)} cells of radius {radius:g} px fit in {tuple(shape)}; "
        "ask for fewer or smaller cells, or a larger image"
    )


def _move_beside(new: _Outline, old: _Outline, rng: Generator) -> None:
    """Put the new outline beside the old one, in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    # A tenth of overlap: enough for a border several pixels long, too little to swallow a cell.
    distance = 0.9 * (old.reach(angle) + new.reach(angle + np.pi))
    new.center = old.center + distance * np.array([np.sin(angle), np.cos(angle)])


def _apart(a: _Outline, b: _Outline) -> bool:
    """Whether two outlines are far enough from each other that both keep most of their area."""
    return np.hypot(*(a.center - b.center)) > 0.75 * (a.radius + b.radius)


def _draw(shape: Sequence[int], outlines: list[_Outline]) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and for each pixel how deep it lies: 0 at a cell's center, 1 at its outline."""
    labels = np.zeros(shape, dtype=np.int32)
    depth = np.ones(shape, dtype=np.float32)
    for i, outline in enumerate(outlines, start=1):
        window = outline.window(shape)
        row, column = np.ogrid[window]
        dy, dx = row - outline.center[0], column - outline.center[1]
        relative = np.hypot(dy, dx) / outline.reach(np.arctan2(dy, dx))
        nearer = relative < depth[window]
        labels[window][nearer] = i
        depth[window][nearer] = relative[nearer]
    return _keep_largest_parts(labels), depth


def _keep_largest_parts(labels: np.ndarray) -> np.ndarray:
    """A later neighbor can cut a corner off a cell; such corners become background."""
    for i, window in enumerate(ndimage.find_objects(labels), start=1):
        parts, n = ndimage.label(labels[window] == i)
        if n > 1:
            largest = 1 + np.argmax(np.bincount(parts.ravel())[1:])
            labels[window][(parts > 0) & (parts != largest)] = 0
    return labels


def _fluorescence(
    labels: np.ndarray, depth: np.ndarray, noise: float, rng: Generator
) -> np.ndarray:
    """Cells that glow, out-of-focus light around them, and the noise of counting photons."""
    shape, cell = labels.shape, labels > 0
    brightness = np.concatenate([[0.0], rng.uniform(0.35, 0.95, labels.max())])[labels]
    dome = np.sqrt(np.clip(1 - 0.75 * depth**2, 0, 1))  # a round cell is thicker in its middle
    texture = 1 + 0.10 * _smooth_noise(shape, 2.5, rng) + 0.06 * _smooth_noise(shape, 1.0, rng)
    signal = ndimage.gaussian_filter(np.where(cell, brightness * dome * texture, 0.0), 1.0)
    haze = 0.06 + 0.12 * ndimage.gaussian_filter(signal, 12.0)  # light from out of focus
    signal = (signal + haze) * _uneven_light(shape, rng)
    # Photons are counted: the variance grows with the signal; the camera adds a little of its own.
    spread = noise * np.sqrt(np.clip(signal, 0, 1) + 0.05)
    return _finish(signal + spread * rng.standard_normal(shape))


# --- membranes: a bent Voronoi diagram, then what electrons would make of it ---------------------


def _bent_voronoi(
    shape: Sequence[int], spacing: float, rng: Generator, rounding: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each pixel to the border of its region, in pixels, and the region's number."""
    points = _jittered_points(shape, spacing, rng)
    region = _join_some(points, spacing, rng)
    grid = np.stack(np.mgrid[: shape[0], : shape[1]]).astype(float)
    for scale, size in ((0.7, 0.22), (0.25, 0.06)):  # a slow bend and a fine one
        grid += np.stack(
            [spacing * size * _smooth_noise(shape, scale * spacing, rng) for _ in range(2)]
        )
    distance, nearest = cKDTree(points).query(grid.reshape(2, -1).T, k=8)
    own = region[nearest[:, 0]]
    closest = points[nearest[:, 0]]
    room = np.zeros(len(nearest))
    for d, other in zip(distance.T[1:], nearest.T[1:], strict=True):
        apart = np.maximum(np.linalg.norm(closest - points[other], axis=1), 1e-9)
        # Distance to the perpendicular bisector of the two points, unless one region holds both.
        bisector = (d**2 - distance[:, 0] ** 2) / (2 * apart)
        room += np.where(region[other] != own, np.exp(-bisector / rounding), 0.0)
    # A smooth minimum of those distances: it rounds the corners, as surface tension does.
    gap = -rounding * np.log(np.maximum(room, np.exp(-spacing / rounding)))
    return gap.reshape(shape), own.reshape(shape)


def _jittered_points(shape: Sequence[int], spacing: float, rng: Generator) -> np.ndarray:
    """A grid that reaches beyond the image, each point moved by up to half a step."""
    steps = [np.arange(-2, size / spacing + 2) * spacing for size in shape]
    points = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 2)
    points = points + rng.uniform(-0.5, 0.5, points.shape) * spacing
    # Some points go and others get company: small axons beside large cell bodies.
    points = points[rng.random(len(points)) < 0.6]
    extra = np.repeat(points[rng.random(len(points)) < 0.25], 3, axis=0)
    return np.concatenate([points, extra + rng.normal(0, 0.35, extra.shape) * spacing])


def _join_some(points: np.ndarray, spacing: float, rng: Generator) -> np.ndarray:
    """Give some neighboring points one number: their regions become one, no longer convex."""
    region = np.arange(len(points))
    _, neighbor = cKDTree(points).query(points, k=2)
    for i in np.flatnonzero(rng.random(len(points)) < 0.3):
        region[i] = region[neighbor[i, 1]]
    return region


def _components(inside: np.ndarray, smallest: int) -> np.ndarray:
    """Number the 4-connected parts of ``inside``; parts under ``smallest`` pixels become 0."""
    labels, n = ndimage.label(inside)
    keep = np.bincount(labels.ravel(), minlength=n + 1) >= smallest
    keep[0] = False
    return np.where(keep, np.cumsum(keep), 0)[labels].astype(np.int32)


def _electron(
    inner: np.ndarray, owner: np.ndarray, labels: np.ndarray, noise: float, rng: Generator
) -> np.ndarray:
    """Gray values from ``inner``, the distance to the nearest membrane (negative inside it)."""
    shape = labels.shape
    gray = 0.62 + 0.05 * rng.standard_normal(owner.max() + 1)[owner]
    gray = gray + 0.05 * _smooth_noise(shape, 3.0, rng) + 0.05 * _smooth_noise(shape, 1.2, rng)
    gray -= _organelles(inner, rng)
    membrane = 1 / (1 + np.exp(1.6 * inner))  # 1 in the membrane, 0 in the cell, soft between
    darkness = 0.36 + 0.08 * _smooth_noise(shape, 8.0, rng)
    gray = ndimage.gaussian_filter(gray - darkness * membrane, 0.8)
    # Part of the noise is the section's own grain and is blurred with it, part the detector's.
    grain = 0.6 * _smooth_noise(shape, 0.9, rng) + 0.8 * rng.standard_normal(shape)
    return _finish(gray * _uneven_light(shape, rng) + noise * grain)


def _organelles(inner: np.ndarray, rng: Generator) -> np.ndarray:
    """How much darker organelles make each pixel: mitochondria with a rim, and small vesicles."""
    shape, area = inner.shape, inner.size
    darker = np.zeros(shape)
    roomy = np.argwhere(inner > 7)  # a mitochondrion needs a cell that it fits into
    for _ in range(round(area / 9000) if len(roomy) else 0):
        center, size = roomy[rng.integers(len(roomy))], rng.uniform([5, 8], [9, 16])
        window, u, v = _ellipse(shape, center, size, rng.uniform(0, np.pi))
        r = np.hypot(u, v)
        stripes = 0.05 * np.sin(v * size[1] * 1.3 + rng.uniform(0, 6))  # the folds inside
        body = (0.22 + stripes + 0.12 * np.exp(-(((r - 0.88) / 0.12) ** 2))) * (r < 1)
        darker[window] = np.maximum(darker[window], body)
    for _ in range(round(area / 700)):
        window, u, v = _ellipse(shape, rng.uniform(0, 1, 2) * shape, rng.uniform(1, 2.5, 2), 0.0)
        darker[window] = np.maximum(darker[window], rng.uniform(0.05, 0.22) * (np.hypot(u, v) < 1))
    # They keep off the membrane: the part that would cross it fades out over three pixels.
    return darker * np.clip((inner - 1.5) / 3, 0, 1)


def _ellipse(
    shape: Sequence[int], center: np.ndarray, size: np.ndarray, angle: float
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """A window of the image and in it the coordinates whose unit circle is the ellipse."""
    r = max(size) + 1
    low = np.maximum(np.floor(center - r), 0).astype(int)
    high = np.minimum(np.ceil(center + r) + 1, shape).astype(int)
    window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    row, column = np.ogrid[window]
    dy, dx = row - center[0], column - center[1]
    cos, sin = np.cos(angle), np.sin(angle)
    return window, (cos * dy - sin * dx) / size[0], (sin * dy + cos * dx) / size[1]


# --- what both share ------------------------------------------------------------------------------


def _smooth_noise(shape: Sequence[int], sigma: float, rng: Generator) -> np.ndarray:
    """Gaussian noise of correlation length ``sigma`` px, mean 0 and standard deviation 1."""
    # Coarse noise is made small and enlarged: its cost would otherwise grow with sigma.
    step = max(1, int(sigma // 2))
    small = [size // step + 5 for size in shape]
    field = ndimage.gaussian_filter(rng.standard_normal(small), sigma / step, mode="wrap")
    field /= np.sqrt(np.mean(field**2)) + 1e-12
    if step > 1:
        field = ndimage.zoom(field, step, order=1)
    return field[: shape[0], : shape[1]]


def _uneven_light(shape: Sequence[int], rng: Generator) -> np.ndarray:
    """A factor of 0.6 to 1.1 that falls off from one side, with a slow ripple."""
    row, column = np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    slope = 0.14 * (np.sin(angle) * row + np.cos(angle) * column)
    ripple = 0.03 * np.cos(3 * row + rng.uniform(0, 6)) * np.cos(3 * column + rng.uniform(0, 6))
    return 0.9 + slope + ripple


def _finish(image: np.ndarray) -> np.ndarray:
    """Gray values in [0, 1], float32."""
    return np.clip(image, 0, 1).astype(np.float32)


def _check(shape: Sequence[int], noise: float, minimum: float) -> None:
    """Refuse a shape that is not two whole numbers of at least ``minimum``, and bad noise."""
    if np.shape(shape) != (2,):
        raise ValueError(f"shape={shape!r}: give two whole numbers, (H, W) in pixels")
    if min(whole_number("a side of shape", side) for side in shape) < minimum:
        raise ValueError(
            f"shape={shape!r}: each side must be at least {int(np.ceil(minimum))} px "
            "for cells of this size"
        )
    if not (np.isfinite(noise) and 0 <= noise <= 1):
        raise ValueError(f"noise={noise!r}: give a standard deviation between 0 and 1")


def _at_least(value: float, name: str, minimum: float) -> float:
    """`value`; ValueError unless it is a finite number of at least `minimum`."""
    if not (isinstance(value, Real) and minimum <= value < math.inf):
        raise ValueError(f"{name}={value!r}: give a number of at least {minimum}")
    return value
