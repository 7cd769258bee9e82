"""From masks to cells: what the numbers in somebody's masks mean, judged before it is believed.

A mask may number its cells, or paint them all white, or name kinds of tissue, and the file does not
say which. Read as the wrong one it trains a network that is wrong in silence. So the masks of a
folder are looked at together: what is certain is read, what is doubtful is said, and what is
neither is refused, with the file and what to do.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # which loads ndimage and sparse when they are first used

from unet_book._arrays import Array, ArrayLike, is_ragged, like, to_images

__all__ = ["instances", "Look", "look_at", "pieces", "to_cells"]

FEW = 9  # classes of tissue are not more; cells in an image usually are
SPECK = 4  # pixels, of a piece that is no cell
FAR = 0.25  # of the largest number: below it, and above 1 - FAR, lie the two levels of a soft mask


def instances(cells: ArrayLike) -> Array | list[Array]:
    """Number the parts of a mask, so that each becomes one cell.

    Parts are 4-connected: pixels that share only a corner belong to two of them. The metrics of the
    ISBI 2012 challenge do the same.

    Parameters
    ----------
    cells : array_like, (H, W) or (N, H, W), or a sequence of (H, W)
        numpy or torch; true or above 0 inside cells. Each image of a stack, or of images of any
        sizes, is numbered on its own.

    Returns
    -------
    ndarray or Tensor of int32, or a list of them
        As `cells` is; 0 outside, 1 … K in reading order of the parts' first pixels.

    Raises
    ------
    ValueError
        For other axes.

    Examples
    --------
    >>> instances([[1, 0, 1], [1, 0, 1]]).tolist()
    [[1, 0, 2], [1, 0, 2]]
    """
    if is_ragged(cells):
        return [instances(image) for image in cells]
    parts = [scipy.ndimage.label(image > 0)[0] for image in to_images(cells)]
    return like(np.reshape(parts, np.shape(cells)).astype(np.int32), cells)


@dataclass(frozen=True)
class Look:
    """What one mask holds.

    Parameters
    ----------
    name : str
        What errors call it.
    numbers : ndarray of int, (n,)
        Those above 0, in order.
    sizes : ndarray of int, (n,)
        How many pixels each number has.
    pieces : ndarray of int, (n,)
        Of how many 4-connected pieces each is.
    background : float
        Share of pixels that are 0.
    pixels : int
        How many the mask has.
    """

    name: str
    numbers: np.ndarray
    sizes: np.ndarray
    pieces: np.ndarray
    background: float
    pixels: int

    @property
    def largest(self) -> tuple[int, int]:
        """The number above 0 that covers most, and its pixels."""
        at = np.argmax(self.sizes)
        return int(self.numbers[at]), int(self.sizes[at])

    @property
    def only(self) -> str:
        """Its numbers in words, at most five."""
        some = ", ".join(map(str, self.numbers[:5]))
        return f"{some}, …" if len(self.numbers) > 5 else some


def look_at(name: object, mask: np.ndarray) -> Look:
    """What a mask holds.

    Parameters
    ----------
    name : object
        What errors call it.
    mask : ndarray of int, (H, W)
        Its numbers.

    Returns
    -------
    Look
    """
    numbers, sizes = np.unique(mask[mask > 0], return_counts=True)
    parts = pieces(mask)
    first = np.unique(parts[parts > 0], return_index=True)[1]
    owners = np.searchsorted(numbers, mask[parts > 0][first])
    count = np.bincount(owners, minlength=len(numbers))
    return Look(str(name), numbers, sizes, count, float(np.mean(mask == 0)), mask.size)


def pieces(mask: np.ndarray) -> np.ndarray:
    """The 4-connected pieces of equal numbers above 0, numbered anew.

    Parameters
    ----------
    mask : ndarray of int, (H, W)
        Any numbers.

    Returns
    -------
    ndarray of int32, (H, W)
        0 where the mask is not above 0.
    """
    place = np.arange(mask.size).reshape(mask.shape)
    down = (mask[1:] == mask[:-1]) & (mask[1:] > 0)
    right = (mask[:, 1:] == mask[:, :-1]) & (mask[:, 1:] > 0)
    start = np.concatenate([place[:-1][down], place[:, :-1][right]])
    end = np.concatenate([place[1:][down], place[:, 1:][right]])
    graph = scipy.sparse.coo_array(
        (np.ones(len(start), bool), (start, end)), (mask.size, mask.size)
    )
    parts = scipy.sparse.csgraph.connected_components(graph, directed=False)[1].reshape(mask.shape)
    return np.where(mask > 0, parts + 1, 0).astype(np.int32)


def to_cells(
    masks: Sequence[np.ndarray],
    names: Sequence[object],
    classes: int | Sequence[int] = (),
    ignore: int | None = None,
) -> list[np.ndarray]:
    """Instance labels of the masks of one data set.

    It warns of what is read in another way than it stands there.

    Parameters
    ----------
    masks : sequence of ndarray of int, (H, W)
        The numbers of each mask, as `files.read_labels` gives them.
    names : sequence of object
        What errors call them, a path each.
    classes : int or sequence of int
        Numbers, 0 or more, that mean "cell": their 4-connected pieces are the cells, and any other
        number is background. Without it the numbers are judged.
    ignore : int or None
        A number that means "not annotated"; it becomes -1.

    Returns
    -------
    list of ndarray of int32, (H, W)

    Raises
    ------
    ValueError
        With the file, what was found and what to do, for masks that are neither instance labels nor
        black and white.
    """
    if ignore is not None:
        masks = [np.where(mask == ignore, -1, mask) for mask in masks]
    if np.size(classes):
        classes = _checked(classes)
        _refuse_absent(classes, masks, names)
        # One more, since 0 may be a class, too: of masks whose cells are black.
        chosen = [np.where(np.isin(mask, classes), mask + 1, 0) for mask in masks]
        return [_with_unknown(pieces(cells), mask) for cells, mask in zip(chosen, masks)]
    looks = [look_at(name, mask) for name, mask in zip(names, masks)]
    full = [look for look in looks if len(look.numbers)]
    if not full:
        return masks
    _refuse_no_background(full)
    if all(len(look.numbers) == 1 for look in full):
        _refuse_outlines(full, masks, looks)
        return [_with_unknown(instances(mask > 0), mask) for mask in masks]
    soft = [look for look in full if _is_soft(look, masks[looks.index(look)])]
    if soft and all(look in soft or len(look.numbers) == 1 for look in full):
        return _halved(masks, soft[0])
    many = sum(look.pieces.sum() for look in full) > 1.5 * sum(len(look.numbers) for look in full)
    for look in full:
        _refuse_no_instances(look, soft, many)
    _refuse_numbered_background(full)
    _warn_of_a_huge_number(full)
    return masks


# ---- each trait


def _with_unknown(cells: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Cells, with -1 where the mask has it."""
    return np.where(mask == -1, -1, cells).astype(np.int32)


def _checked(classes: int | Sequence[int]) -> list[int]:
    """The numbers of classes, one or several, as a list; ValueError for what is no such number."""
    numbers = np.ravel(classes)
    if numbers.dtype.kind not in "iu" or numbers.min() < 0:
        raise ValueError(f"classes are whole numbers, 0 or more, not {classes!r}")
    return numbers.tolist()


def _refuse_absent(
    classes: Sequence[int], masks: Sequence[np.ndarray], names: Sequence[object]
) -> None:
    """Classes of which no mask has one are a slip."""
    found = sorted({int(number) for mask in masks for number in np.unique(mask)})
    if not set(classes) & set(found):
        some = ", ".join(map(str, found[:5])) + ", …" * (len(found) > 5)
        raise ValueError(
            f"{names[0]}: no mask holds {', '.join(map(str, classes))}; the numbers are {some}"
        )


def _refuse_no_background(looks: list[Look]) -> None:
    """Tissue without a gap may have none; two or three numbers in many pieces must."""
    first = looks[0]
    if all(look.background == 0 and len(look.numbers) <= FEW for look in looks):
        raise ValueError(
            f"{first.name}: no pixel of any mask is background (0); the numbers are {first.only}. "
            "Make the background 0, or say which numbers are cells: --classes 1"
        )


def _refuse_outlines(full: list[Look], masks: Sequence[np.ndarray], looks: list[Look]) -> None:
    """White that encloses more than it covers is the outline of cells, or the net between them."""
    for look in full:
        white = masks[looks.index(look)] > 0
        filled = np.count_nonzero(scipy.ndimage.binary_fill_holes(white))
        if filled > 2 * np.count_nonzero(white):
            raise ValueError(
                f"{look.name}: white encloses {filled:,} pixels and covers "
                f"{np.count_nonzero(white):,}; these are outlines, or the gaps between cells. A "
                "mask has its cells filled: fill the outlines, or exchange black and white"
            )


def _is_soft(look: Look, mask: np.ndarray) -> bool:
    """Whether it is black and white with gray edges, as JPEG and resizing leave it."""
    top = look.numbers[-1]
    between = (mask > FAR * top) & (mask < (1 - FAR) * top)
    if 2 < len(look.numbers) <= FEW:  # the best JPEG leaves few levels, in specks near the two
        specks = look.sizes[:-1].sum() < SPECK * look.pieces[:-1].sum()
        return bool(specks and look.numbers[0] < FAR * top and not between.any())
    scattered = (
        look.pieces.sum() > 3 * len(look.numbers) and np.median(look.sizes) < 0.01 * mask.size
    )
    return len(look.numbers) > FEW and scattered and between.mean() < 0.1


def _halved(masks: Sequence[np.ndarray], example: Look) -> list[np.ndarray]:
    """Cells are what is brighter than half of each mask's maximum; it warns of that."""
    half = example.numbers[-1] / 2
    warnings.warn(
        f"{example.name}: black and white with gray edges ({len(example.numbers)} levels), as "
        f"after JPEG or resizing; read as cell above {half:g}. Save masks as PNG or TIFF, and "
        "resize them without interpolation",
        stacklevel=5,
    )
    tops = [mask.max(initial=0) for mask in masks]
    return [_with_unknown(instances(mask > top / 2), mask) for mask, top in zip(masks, tops)]


def _refuse_no_instances(look: Look, soft: list[Look], many: bool) -> None:
    """Refuse numbers that are not one a cell.

    `many` says whether in all masks together a number has more pieces than torn cells explain.
    """
    count, parts = len(look.numbers), int(look.pieces.sum())
    said = f"{look.name}: {count} numbers ({look.only}) in {parts:,} pieces"
    if look in soft:
        raise ValueError(f"{said}: gray edges, which the other masks have not. Save it as they are")
    if count == 1 and parts > 2:
        raise ValueError(
            f"{look.name}: one number, {look.only}, in {parts} pieces, where the other masks "
            "number their cells. Number its cells, too"
        )
    if _is_wrapped(look):
        raise ValueError(
            f"{said}: 8 bits number 255 cells at most, and these have begun anew. Save masks with "
            "16 bits"
        )
    scattered = parts > 3 * count or (many and parts > count)
    if 1 < count <= FEW and scattered:
        raise ValueError(
            f"{said}: these look like classes, not like cells with a number each. Say which are "
            f"cells, for instance --classes {look.numbers[0]}: then each piece is one"
        )
    if scattered:
        raise ValueError(f"{said}: a cell has one number and is of one piece. What wrote it?")


def _refuse_numbered_background(looks: Sequence[Look]) -> None:
    """A number that covers more than 0, and in every mask far more than a cell, is no cell."""
    number, covered = looks[0].largest
    if all(look.largest[0] == number and _is_ground(look) for look in looks):
        raise ValueError(
            f"{looks[0].name}: the number {number} covers {covered:,} pixels, more than 0 does, "
            "and it is the largest in every mask; it looks like the background. Make that 0, as "
            f"mask[mask == {number}] = 0, or if nobody annotated it, say so: --ignore {number}"
        )


def _is_ground(look: Look) -> bool:
    """Whether its largest number covers more than 0 does, and far more than a cell."""
    number, covered = look.largest
    cells = look.sizes[look.numbers != number]
    far = len(cells) and covered > 10 * np.median(cells)
    return bool(far and covered > look.background * look.pixels)


def _is_wrapped(look: Look) -> bool:
    """Whether 8 bits were too few, so that the numbering began anew."""
    return look.numbers[-1] == 255 and len(look.numbers) >= 250 and np.mean(look.pieces > 1) > 0.1


def _warn_of_a_huge_number(looks: list[Look]) -> None:
    """One number far from the others that covers much may mean "not annotated"."""
    for look in looks:
        top, rest = look.numbers[-1], look.numbers[:-1]
        far = len(rest) and (top in (255, 65535) or top > 4 * rest[-1])
        if far and look.sizes[-1] > 10 * np.median(look.sizes[:-1]):
            warnings.warn(
                f"{look.name}: the number {top} covers {look.sizes[-1]:,} pixels, and is read as "
                f'one cell. If it means "not annotated", say so: --ignore {top}',
                stacklevel=5,
            )
            return
