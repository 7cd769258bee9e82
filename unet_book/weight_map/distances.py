"""How far the nearest and the second nearest cell are, in one pass down and up and one along rows.

Two candidates are enough for each pixel of a column: the nearest cell in it, and the nearest other
cell in it. From a pixel dx columns away both are dx^2 farther (squared), so neither can overtake
the other on the way, and a third cell of that column is behind two already.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numba import njit

from unet_book._arrays import Array, ArrayLike, like, to_numpy
from unet_book._compiled import compiled
from unet_book.weight_map import tensors

__all__ = ["two_nearest_distances", "search", "check", "check_axes", "to_int32"]

FAR = np.int32(2**30)  # beyond any square below; one more square on top still fits an int32
LARGEST = 23_000  # px; the square of a diagonal of such an image is below FAR
ONE = np.int32(1)  # numba adds int32 and int64 as int64, which halves the lanes of a vector


def two_nearest_distances(labels: ArrayLike, within: float = math.inf) -> tuple[Array, Array]:
    """d_1 and d_2: the distances to the nearest and to the second nearest cell (Section 3).

    Euclidean, from pixel center to the nearest pixel center of the cell; d_1 is 0 inside a cell.
    (That distances are counted to the cell's pixels is this book's choice.)

    Parameters
    ----------
    labels : array_like of int, (H, W)
        Instances.
    within : float
        Pixels; distances beyond are given as inf, which saves work where cells are far apart.

    Returns
    -------
    tuple of ndarray or Tensor, (H, W), float32
        d_1 and d_2 in pixels; inf where there is no such cell.

    Raises
    ------
    TypeError
        For labels that are not integers.
    ValueError
        If they are not (H, W), if `within` is negative or NaN, or if it exceeds 23,000 px in an
        image as large as that.
    """
    if tensors.on_device(labels):
        check_axes(labels.shape, axes=(2,))
        _check_reach(within, labels.shape)
        return tensors.two_nearest_distances(labels, within)
    cells = to_int32(check(labels, axes=(2,)))
    reach = _check_reach(within, cells.shape)
    d1, d2 = search(cells, reach, reach, gaps=False)
    for d in (d1, d2):
        d[d > within] = np.inf
    return like(d1, labels), like(d2, labels)


def search(
    cells: np.ndarray, reach1: int, reach2: int, gaps: bool
) -> tuple[np.ndarray, np.ndarray]:
    """d_1 and d_2 as far as somebody asks for them.

    Parameters
    ----------
    cells : ndarray of int32, (H, W)
        As `to_int32` gives them.
    reach1, reach2 : int
        Pixels up to which d_1 and d_2 are wanted; farther ones are given as they are, or inf.
    gaps : bool
        Whether d_1 may be inf in cells and where no cell is within `reach1`: nobody will ask there.

    Returns
    -------
    tuple of ndarray, (H, W), float32
        d_1 and d_2 in pixels.
    """
    height = len(cells)
    d1, d2 = np.empty((2, *cells.shape), np.float32)
    band = max(256, 2 * reach2)  # few rows at a time stay in the cache, and fill no fresh memory

    def fill(top: int) -> None:
        rows, first = slice(top, top + band), max(0, top - reach2)
        which, far = _along_columns(cells[first : min(height, top + band + reach2)])
        _along_rows(cells[rows], which, far, top - first, reach1, reach2, gaps, d1[rows], d2[rows])

    # No band needs another's result, and compiled loops without the GIL run side by side.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(fill, range(0, height, band)))
    return d1, d2


@compiled
def _along_columns(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In its column, for each pixel: the nearest cell and the nearest other; which and how far."""
    height, width = cells.shape
    which = np.zeros((2, height, width), np.int32)
    far = np.full((2, height, width), FAR, np.int32)
    for y in range(height):
        for x in range(width):
            if cells[y, x] > 0:
                which[0, y, x], far[0, y, x] = cells[y, x], 0
    (cell1, cell2), (d1, d2) = which, far
    for y in range(1, height):
        before = cell1[y - 1], d1[y - 1], cell2[y - 1], d2[y - 1]
        _pass_on(before, cell1[y], d1[y], cell2[y], d2[y])
    for y in range(height - 2, -1, -1):
        before = cell1[y + 1], d1[y + 1], cell2[y + 1], d2[y + 1]
        _pass_on(before, cell1[y], d1[y], cell2[y], d2[y])
    return which, far


@compiled
def _pass_on(
    before: tuple[np.ndarray, ...],
    c1: np.ndarray,
    d1: np.ndarray,
    c2: np.ndarray,
    d2: np.ndarray,
) -> None:
    """Both candidates of the row before, one pixel farther, compete with those of this row."""
    a1, e1, a2, e2 = before
    for x in range(c1.size):
        p, i, q, j = c1[x], d1[x], c2[x], d2[x]
        first, i1, second, i2 = a1[x], np.int32(e1[x] + ONE), a2[x], np.int32(e2[x] + ONE)
        p, i, q, j = _insert(p, i, q, j, first, i1)
        c1[x], d1[x], c2[x], d2[x] = _insert(p, i, q, j, second, i2)


@njit(inline="always")
def _insert(
    first: int, d1: int, second: int, d2: int, cell: int, d: int
) -> tuple[int, int, int, int]:
    """The nearest two of three candidates, of two different cells; selects instead of branches."""
    nearer, other = d < d1, cell != first
    pushed, placed = nearer & other, other & (d < d2)
    return (
        cell if nearer else first,
        d if nearer else d1,
        first if pushed else cell if placed else second,
        d1 if pushed else d if placed else d2,
    )


@compiled
def _along_rows(
    cells: np.ndarray,
    which: np.ndarray,
    far: np.ndarray,
    first: int,
    reach1: int,
    reach2: int,
    gaps: bool,
    d1: np.ndarray,
    d2: np.ndarray,
) -> None:
    """The best of the columns to the left and right: first d_1 and its cell, then d_2."""
    height, width = cells.shape
    for y in range(height):
        cell, near, other = which[0, first + y], far[0, first + y], far[1, first + y]
        near, other = _squared(near, reach2), _squared(other, reach2)
        square1, at = near.copy(), np.zeros(width, np.int32)
        for dx in range(1, min(reach1 + 1, width)):
            if dx % 4 == 0 and dx**2 >= _largest(square1):
                break  # no column as far away as this can be nearer
            _nearest(square1[dx:], at[dx:], near[:-dx], -dx)
            _nearest(square1[:-dx], at[:-dx], near[dx:], dx)
        mine, square2 = np.empty(width, np.int32), np.empty(width, np.int32)
        for x in range(width):
            mine[x] = cell[x + at[x]]
            square2[x] = other[x] if cell[x] == mine[x] else near[x]
            if gaps and (cells[y, x] != 0 or square1[x] > reach1**2):
                square1[x], square2[x] = FAR, 0  # nothing to look for
        for dx in range(1, min(reach2 + 1, width)):
            if dx % 4 == 0 and dx**2 >= _largest(square2):
                break
            _second(square2[dx:], mine[dx:], cell[:-dx], near[:-dx], other[:-dx], dx)
            _second(square2[:-dx], mine[:-dx], cell[dx:], near[dx:], other[dx:], dx)
        _root(square1, d1[y])
        _root(square2, d2[y])


@compiled
def _nearest(square1: np.ndarray, at: np.ndarray, near: np.ndarray, dx: int) -> None:
    """Where the nearest cell of the column `dx` away is nearer, take it, and note where it was."""
    plus, dx = np.int32(dx**2), np.int32(dx)
    for x in range(near.size):
        best, found, was = square1[x], np.int32(near[x] + plus), at[x]
        square1[x] = found if found < best else best
        at[x] = dx if found < best else was


@compiled
def _second(
    square2: np.ndarray,
    mine: np.ndarray,
    cell: np.ndarray,
    near: np.ndarray,
    other: np.ndarray,
    dx: int,
) -> None:
    """Of the column `dx` away, the nearest cell that is not the pixel's own nearest."""
    plus = np.int32(dx**2)
    for x in range(near.size):
        c, n, o, m, best = cell[x], near[x], other[x], mine[x], square2[x]
        found = np.int32((o if c == m else n) + plus)
        square2[x] = found if found < best else best


@compiled
def _squared(far: np.ndarray, reach: int) -> np.ndarray:
    """The squares of distances up to `reach`, FAR beyond."""
    squares = np.full(far.size, FAR, np.int32)
    for x in range(far.size):
        if far[x] <= reach:
            squares[x] = far[x] ** 2
    return squares


@compiled
def _largest(squares: np.ndarray) -> int:
    """The largest of some squares."""
    largest = np.int32(0)
    for x in range(squares.size):
        largest = squares[x] if squares[x] > largest else largest
    return largest


@compiled
def _root(squares: np.ndarray, d: np.ndarray) -> None:
    """Distances from their squares; inf from FAR on."""
    for x in range(squares.size):
        d[x] = np.sqrt(squares[x]) if squares[x] < FAR else np.inf


def check(labels: ArrayLike, axes: Sequence[int] = (2, 3)) -> np.ndarray:
    """Instance labels as a numpy array.

    Parameters
    ----------
    labels : array_like of int
        What a function was given.
    axes : sequence of int
        How many it may have.

    Returns
    -------
    ndarray
        The labels.

    Raises
    ------
    TypeError
        For labels that are not integers.
    ValueError
        As `check_axes` does.
    """
    cells = to_numpy(labels)
    if not np.issubdtype(cells.dtype, np.integer):
        raise TypeError(f"instance labels are integers (0 background, 1 ... cells): {cells.dtype}")
    check_axes(cells.shape, axes)
    return cells


def check_axes(shape: Sequence[int], axes: Sequence[int] = (2, 3)) -> None:
    """Refuse labels that are neither an image nor a stack.

    Parameters
    ----------
    shape : sequence of int
        Of the labels.
    axes : sequence of int
        How many it may have: 2 for an image, 3 for a stack.

    Raises
    ------
    ValueError
        For another number of axes, or one that is empty.
    """
    if len(shape) not in axes or 0 in shape:
        shapes = " or ".join({2: "(H, W)", 3: "(N, H, W)"}[n] for n in axes)
        raise ValueError(f"labels must be {shapes} and not empty, got {tuple(shape)}")


def _check_reach(within: float, shape: Sequence[int]) -> int:
    """The whole number of pixels that a search for distances up to `within` must look."""
    if not within >= 0:
        raise ValueError(f"within is a distance in pixels, 0 or more, got {within}")
    reach = math.ceil(min(within, sum(shape)))
    if min(reach, max(shape)) > LARGEST:
        raise ValueError(
            f"in an image of {tuple(shape)} give within, at most {LARGEST} px, got {within}"
        )
    return reach


def to_int32(cells: np.ndarray) -> np.ndarray:
    """The same cells under numbers that fit an int32, in memory as the loops read it.

    Parameters
    ----------
    cells : ndarray of int
        Instance labels.

    Returns
    -------
    ndarray of int32
        Cells above 0, and nothing below 0 that would wrap around.
    """
    if cells.max() > np.iinfo(np.int32).max:
        numbers, compact = np.unique(np.maximum(cells, 0), return_inverse=True)
        cells = compact.reshape(cells.shape) + (numbers[0] > 0)  # 0 stays the background
    if cells.dtype != np.int32:
        cells = np.where(cells > 0, cells, 0)  # a very negative number would wrap around
    return np.require(cells, np.int32, ["C", "A"])
