"""The same weights in whole-array operations of torch: for a batch of labels that is on a GPU.

No loop over pixels and none over cells: running maxima find the cells of a column, and each offset
along the rows is one operation on the whole batch. The number of operations depends on how far to
look and on nothing else.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "on_device",
    "read",
    "weight_map",
    "class_balance",
    "border_term",
    "farthest_sum",
    "two_nearest_distances",
]

FAR = 2**30  # beyond the square of any distance looked for; one more square fits an int32


def on_device(labels: Any) -> bool:
    """Whether labels are a tensor in the memory of something other than the CPU.

    Parameters
    ----------
    labels : any
        What a function was given.

    Returns
    -------
    bool
        False for arrays.
    """
    return isinstance(labels, Tensor) and labels.device.type != "cpu"


def read(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Where labels are annotated, and the cells' numbers.

    torch keeps uint16, uint32 and uint64, but hardly computes with them. Of a uint64 the bits are
    taken: a number from 2^63 on then looks negative, and is a number of its own all the same.

    Parameters
    ----------
    labels : Tensor of integers
        Instances, of any shape.

    Returns
    -------
    tuple of Tensor, as `labels`
        Where they are annotated, bool; the cells' numbers, 0 elsewhere, int64.

    Raises
    ------
    TypeError
        For labels that are not integers.
    """
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"instance labels are integers (0 background, 1 ... cells): {labels.dtype}")
    if labels.dtype == torch.uint64:
        return torch.ones_like(labels, dtype=torch.bool), labels.view(torch.int64)
    cells = labels.long()
    return cells >= 0, cells.clamp(min=0)


def weight_map(
    labels: Tensor, w0: float = 10.0, sigma: float = 5.0, balance: bool = True
) -> Tensor:
    """What `weight_map.weight_map` gives, on any device (Section 3, eq. (2)).

    Parameters
    ----------
    labels : Tensor of integers, (H, W) or (N, H, W)
        Instances; a stack is balanced as a whole.
    w0 : float
        The border term where two cells meet.
    sigma : float
        How far it reaches, in pixels.
    balance : bool
        Without, w_c is 1 on annotated pixels.

    Returns
    -------
    Tensor, as `labels`, float32
        The weights.

    Raises
    ------
    TypeError
        As `read` does.
    """
    base = class_balance(labels) if balance else read(labels)[0]
    return base + border_term(labels, w0, sigma)


def class_balance(labels: Tensor) -> Tensor:
    """w_c, counted over all annotated pixels given (Section 3).

    Parameters
    ----------
    labels : Tensor of integers, (H, W) or (N, H, W)
        Instances.

    Returns
    -------
    Tensor, as `labels`, float32
        The weights.

    Raises
    ------
    TypeError
        As `read` does.
    """
    annotated, cells = read(labels)
    weights = torch.zeros(labels.shape, device=labels.device)
    for members in (annotated & (cells == 0), cells != 0):
        weights = torch.where(members, annotated.sum() / (2 * members.sum()), weights)
    return weights


def border_term(labels: Tensor, w0: float = 10.0, sigma: float = 5.0) -> Tensor:
    """The border term, each image on its own (Section 3, eq. (2)).

    Parameters
    ----------
    labels : Tensor of integers, (H, W) or (N, H, W)
        Instances.
    w0 : float
        The term where two cells meet.
    sigma : float
        How far it reaches, in pixels.

    Returns
    -------
    Tensor, as `labels`, float32
        The term.

    Raises
    ------
    TypeError
        As `read` does.
    """
    d1, d2 = two_nearest_distances(labels, farthest_sum(w0, sigma))
    term = w0 * torch.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    annotated, cells = read(labels)
    return torch.where(annotated & (cells == 0), term, 0)


def farthest_sum(w0: float, sigma: float) -> float:
    """The d_1 + d_2 beyond which the border term is under 1e-6, and is left out.

    Parameters
    ----------
    w0 : float
        The term where two cells meet.
    sigma : float
        How far it reaches, in pixels.

    Returns
    -------
    float
        Pixels.
    """
    return sigma * math.sqrt(2 * math.log(max(w0, 1e-5) / 1e-6))


def two_nearest_distances(labels: Tensor, within: float = math.inf) -> tuple[Tensor, Tensor]:
    """d_1 and d_2 of each image (Section 3).

    Parameters
    ----------
    labels : Tensor of integers, (H, W) or (N, H, W)
        Instances.
    within : float
        Pixels; distances beyond are given as inf.

    Returns
    -------
    tuple of Tensor, as `labels`, float32
        d_1 and d_2 in pixels; inf where there is no such cell.

    Raises
    ------
    TypeError
        As `read` does.
    """
    cells = read(labels)[1].reshape(-1, *labels.shape[-2:])
    reach = math.ceil(min(within, sum(labels.shape[-2:])))
    nearest, near, other = _along_columns(cells, reach)
    squares = _along_rows(nearest, near, other, reach)
    distances = (
        torch.where(s < FAR, s.double(), math.inf).sqrt().float().reshape(labels.shape)
        for s in squares
    )
    d1, d2 = (torch.where(d <= within, d, math.inf) for d in distances)
    return d1, d2


def _along_columns(cells: Tensor, reach: int) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest cell in each pixel's column, its squared distance, and the nearest other's."""
    above = _last_two(cells)
    below = [(cell.flip(1), d.flip(1)) for cell, d in _last_two(cells.flip(1))]
    (up, d_up), (down, d_down) = above[0], below[0]
    nearest = torch.where(d_up <= d_down, up, down)
    near = torch.minimum(d_up, d_down)
    others = [torch.where(cell == nearest, FAR, d) for cell, d in above + below]
    other = torch.stack(others).amin(0)
    squares = (torch.where(d <= reach, d**2, FAR) for d in (near, other))
    return nearest, *squares


def _last_two(cells: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Looking back along a column: the last cell and the last different one, and how far ago."""
    row = torch.arange(cells.shape[1], device=cells.device)[:, None].expand_as(cells)
    last = torch.where(cells != 0, row, -1).cummax(1).values
    before = F.pad(last, [0, 0, 1, 0], value=-1)[:, :-1]
    turned = (cells != 0) & (before >= 0) & (cells != cells.gather(1, before.clamp(min=0)))
    other = torch.where(turned, before, -1).cummax(1).values
    which = [torch.where(at < 0, 0, cells.gather(1, at.clamp(min=0))) for at in (last, other)]
    how_far = [torch.where(at < 0, FAR, row - at) for at in (last, other)]
    return list(zip(which, how_far))


def _along_rows(nearest: Tensor, near: Tensor, other: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """The smallest squared distance and where it is, in one integer; then the smallest of another.

    The integer is the square times 2^32 plus the number of the offset, so a cell's own number may
    be as large as it likes.
    """
    width = nearest.shape[-1]
    offsets = range(-min(reach, width - 1), min(reach, width - 1) + 1)
    pad = [len(offsets) // 2] * 2
    keys = F.pad(near * 2**32, pad, value=FAR * 2**32)
    best = torch.full_like(nearest, FAR * 2**32)
    for start, dx in enumerate(offsets):
        here = keys[..., start : start + width] + (dx**2 * 2**32 + start)
        best = torch.minimum(best, here)
    square1, start = best >> 32, best & (2**32 - 1)
    nearest = F.pad(nearest, pad)
    near, other = (F.pad(squares, pad, value=FAR) for squares in (near, other))
    mine = nearest.gather(-1, start + torch.arange(width, device=start.device))
    square2 = torch.full_like(mine, FAR)
    for start, dx in enumerate(offsets):
        there = slice(start, start + width)
        found = torch.where(nearest[..., there] == mine, other[..., there], near[..., there])
        square2 = torch.minimum(square2, found + dx**2)
    return square1, square2
