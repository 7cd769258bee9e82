"""The same weights in whole-array operations of torch: for a batch of labels that is on a GPU.

No loop over pixels and none over cells: running maxima find the cells of a column, and each offset
along the rows is one operation on the whole batch. The number of operations depends on how far to
look and on nothing else.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

FAR = 2**30  # beyond the square of any distance looked for; one more square fits an int32


def on_device(labels) -> bool:
    """Whether `labels` is a tensor in the memory of something other than the CPU."""
    return isinstance(labels, Tensor) and labels.device.type != "cpu"


def read(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Where labels are annotated, as bool, and the cells' numbers, 0 elsewhere, as int64.

    torch keeps uint16, uint32 and uint64, but hardly computes with them. Of a uint64 the bits are
    taken: a number from 2^63 on then looks negative, and is a number of its own all the same.

    Raises TypeError for labels that are not integers.
    """
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"instance labels are integers (0 background, 1 ... cells): {labels.dtype}")
    if labels.dtype == torch.uint64:
        return torch.ones_like(labels, dtype=torch.bool), labels.view(torch.int64)
    cells = labels.long()
    return cells >= 0, cells.clamp(min=0)


def weight_map(labels: Tensor, w0: float = 10.0, sigma: float = 5.0, balance: bool = True):
    """Eq. (2) for labels (H, W) or (N, H, W) on any device; float32, balanced as a whole."""
    base = class_balance(labels) if balance else read(labels)[0]
    return base + border_term(labels, w0, sigma)


def class_balance(labels: Tensor) -> Tensor:
    """w_c of labels (H, W) or (N, H, W), counted over all annotated pixels given."""
    annotated, cells = read(labels)
    weights = torch.zeros(labels.shape, device=labels.device)
    for members in (annotated & (cells == 0), cells != 0):
        weights = torch.where(members, annotated.sum() / (2 * members.sum()), weights)
    return weights


def border_term(labels: Tensor, w0: float = 10.0, sigma: float = 5.0) -> Tensor:
    """The border term of labels (H, W) or (N, H, W), each image on its own; float32."""
    d1, d2 = two_nearest_distances(labels, farthest_sum(w0, sigma))
    term = w0 * torch.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    annotated, cells = read(labels)
    return torch.where(annotated & (cells == 0), term, 0)


def farthest_sum(w0: float, sigma: float) -> float:
    """The d_1 + d_2 (px) beyond which the term is under 1e-6, and is left out."""
    return sigma * math.sqrt(2 * math.log(max(w0, 1e-5) / 1e-6))


def two_nearest_distances(labels: Tensor, within: float = math.inf) -> tuple[Tensor, Tensor]:
    """d_1 and d_2 of labels (H, W) or (N, H, W), float32; inf where there is none `within` px."""
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


def _along_columns(cells, reach):
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


def _last_two(cells):
    """Looking back along a column: the last cell and the last different one, and how far ago."""
    row = torch.arange(cells.shape[1], device=cells.device)[:, None].expand_as(cells)
    last = torch.where(cells != 0, row, -1).cummax(1).values
    before = F.pad(last, [0, 0, 1, 0], value=-1)[:, :-1]
    turned = (cells != 0) & (before >= 0) & (cells != cells.gather(1, before.clamp(min=0)))
    other = torch.where(turned, before, -1).cummax(1).values
    which = [torch.where(at < 0, 0, cells.gather(1, at.clamp(min=0))) for at in (last, other)]
    how_far = [torch.where(at < 0, FAR, row - at) for at in (last, other)]
    return list(zip(which, how_far))


def _along_rows(nearest, near, other, reach):
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
