"""From masks to cells: what the numbers in somebody's masks mean, judged before it is believed.

A mask may number its cells, or paint them all white, or name kinds of tissue, and the file does not
say which. Read as the wrong one it trains a network that is wrong in silence. So the masks of a
folder are looked at together: what is certain is read, what is doubtful is said, and what is
neither is refused, with the file and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy  # which loads ndimage when it is first used

from unet_book._arrays import Array, ArrayLike, is_ragged, like, to_images
from unet_book.datasets.checks import Problem, settle

__all__ = [
    "instances",
    "Look",
    "look_at",
    "pieces",
    "to_cells",
    "choose",
    "absent",
    "judge",
    "cell_sizes",
]

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
    """What one mask holds; what is judged of a mask, is judged by this.

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
    main : ndarray of int, (n,)
        How many pixels the largest piece of each has.
    parts : ndarray of int, (sum of pieces,)
        How many pixels each piece has.
    touching : int
        How many numbers have a pixel beside one of another number.
    background : float
        Share of pixels that are 0.
    unknown : float
        Share of pixels that are -1.
    filled : int
        How many pixels are above 0, or enclosed by such; 0 where there are several numbers.
    shape : tuple of int
        Height and width of the mask.
    halved : Look or None
        If it is black and white with gray edges, what it holds once these are cut at half.
    """

    name: str
    numbers: np.ndarray
    sizes: np.ndarray
    pieces: np.ndarray
    main: np.ndarray
    parts: np.ndarray
    touching: int
    background: float
    unknown: float
    filled: int
    shape: tuple[int, int]
    halved: Look | None = None

    @property
    def pixels(self) -> int:
        """How many the mask has."""
        return self.shape[0] * self.shape[1]

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
    run, starts, part = _runs(mask)
    lengths = np.diff(starts, append=mask.size)
    above = mask.ravel()[starts] > 0
    numbers, owner = np.unique(mask.ravel()[starts][above], return_inverse=True)
    parts, first = np.unique(part[above], return_index=True)
    areas = np.bincount(part[above], lengths[above])[parts].astype(int) if parts.size else parts
    main = np.zeros(len(numbers), int)
    np.maximum.at(main, owner[first], areas)
    look = Look(
        name=str(name),
        numbers=numbers,
        sizes=np.bincount(owner, lengths[above], len(numbers)).astype(int),
        pieces=np.bincount(owner[first], minlength=len(numbers)),
        main=main,
        parts=areas,
        touching=_touching(mask),
        background=float(np.mean(mask == 0)),
        unknown=float(np.mean(mask == -1)),
        filled=_filled(mask) if len(numbers) == 1 else 0,
        shape=mask.shape,
    )
    soft = _is_soft(look, mask)
    return replace(look, halved=look_at(name, _above_half(mask))) if soft else look


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
    run, _, part = _runs(mask)
    return np.where(mask > 0, part[run] + 1, 0).astype(np.int32)


def _runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels of one number side by side in a row: runs, far fewer than pixels to join to pieces.

    The run of each pixel; the place where each run begins, in the raveled mask; the piece of each.
    Runs of numbers that are not above 0 are each a piece of their own.
    """
    begins = np.ones(mask.shape, bool)
    begins[:, 1:] = mask[:, 1:] != mask[:, :-1]
    run = np.cumsum(begins, dtype=np.int32).reshape(mask.shape) - 1
    meet = (mask[1:] == mask[:-1]) & (mask[1:] > 0)
    meet[:, 1:] &= begins[1:, 1:] | begins[:-1, 1:]  # two runs that meet are joined once
    starts = np.flatnonzero(begins)
    return run, starts, _joined(len(starts), run[:-1][meet], run[1:][meet])


def _joined(count: int, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """For each of `count` things the first of those that pairs (one, other) join it with.

    Each round the firsts of a pair are made one, so that a chain needs few rounds.
    (scipy.sparse.csgraph does it, too, and to import it takes longer than to look at ten masks.)
    """
    first = np.arange(count)
    while len(one):
        np.minimum.at(first, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(first, first[first]):
            first = first[first]
        one, other = first[one], first[other]
        apart = one != other
        one, other = one[apart], other[apart]
    return first


def _touching(mask: np.ndarray) -> int:
    """How many numbers above 0 are beside another one, left, right, above or below."""
    found = []
    for one, other in ((mask[1:], mask[:-1]), (mask[:, 1:], mask[:, :-1])):
        both = (one > 0) & (other > 0) & (one != other)
        found += [one[both], other[both]]
    return len(np.unique(np.concatenate(found)))


def _filled(mask: np.ndarray) -> int:
    """How many pixels are above 0, or can't be reached from the edge without crossing such."""
    holes = pieces((mask <= 0).astype(np.int32))
    edge = np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]])
    outside = np.isin(holes, edge[edge > 0])
    return int(mask.size - np.count_nonzero(outside))


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
    chosen = [choose(mask, classes, ignore) for mask in masks]
    if np.size(classes):
        settle(absent(names[0], map(np.unique, masks), classes))
        return chosen
    reading, problems = judge([look_at(name, mask) for name, mask in zip(names, chosen)])
    settle(problems, stacklevel=4)
    if reading == "numbers":
        return chosen
    cut = _above_half if reading == "halves" else np.sign
    return [_with_unknown(instances(cut(mask)), mask) for mask in chosen]


def choose(
    mask: np.ndarray, classes: int | Sequence[int] = (), ignore: int | None = None
) -> np.ndarray:
    """One mask, with the pieces of the classes as its cells if there are any.

    Parameters
    ----------
    mask : ndarray of int, (H, W)
        Its numbers.
    classes : int or sequence of int
        As for `to_cells`.
    ignore : int or None
        As for `to_cells`.

    Returns
    -------
    ndarray of int, (H, W)

    Raises
    ------
    ValueError
        For classes that are no such numbers.
    """
    if ignore is not None:
        mask = np.where(mask == ignore, -1, mask)
    if not np.size(classes):
        return mask
    # One more, since 0 may be a class, too: of masks whose cells are black.
    return _with_unknown(pieces(np.where(np.isin(mask, _checked(classes)), mask + 1, 0)), mask)


def absent(
    name: object, numbers: Iterable[Iterable[int]], classes: int | Sequence[int]
) -> list[Problem]:
    """Classes of which no mask has one are a slip.

    Parameters
    ----------
    name : object
        What the error calls the masks.
    numbers : iterable of iterable of int
        Those that each mask holds.
    classes : int or sequence of int
        As for `to_cells`.

    Returns
    -------
    list of Problem
        None or one.
    """
    classes, found = _checked(classes), sorted({int(n) for held in numbers for n in held})
    if set(classes) & set(found):
        return []
    some = ", ".join(map(str, found[:5])) + ", …" * (len(found) > 5)
    said = f"no mask holds {', '.join(map(str, classes))}; the numbers are {some}"
    return [Problem(name, said, kind="absent")]


def judge(looks: Sequence[Look]) -> tuple[str, list[Problem]]:
    """What the numbers of the masks of one data set mean, and what is wrong or doubtful in them.

    Parameters
    ----------
    looks : sequence of Look
        Of each mask.

    Returns
    -------
    reading : {"numbers", "white", "halves"}
        A cell is what has one number, what is white and in one piece, or what is brighter than half
        of the mask's maximum and in one piece.
    problems : list of Problem
    """
    full = [look for look in looks if len(look.numbers)]
    if _have_no_background(full):
        return "numbers", [*map(_no_background, full)]
    if full and all(len(look.numbers) == 1 for look in full):
        return "white", [*_outlines(full)]
    soft = any(look.halved for look in full)
    if soft and all(look.halved or len(look.numbers) == 1 for look in full):
        edges = [_gray_edges(look) for look in full if look.halved]
        return "halves", [*_outlines(look.halved or look for look in full), *edges]
    hard = [look for look in full if not look.halved]
    many = sum(look.pieces.sum() for look in hard) > 1.5 * sum(len(look.numbers) for look in hard)
    problems = [problem for look in full for problem in _no_instances(look, soft, many)]
    if full and _have_one_ground(full):
        return "numbers", [*problems, *map(_numbered_background, full)]
    huge = [_huge_number(look) for look in hard if _has_a_huge_number(look)]
    return "numbers", [*problems, *huge]


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


def _have_no_background(full: Sequence[Look]) -> bool:
    """Tissue without a gap may have none; two or three numbers in many pieces must."""
    none = all(look.background == 0 and len(look.numbers) <= FEW for look in full)
    return bool(full) and none


def _no_background(look: Look) -> Problem:
    """No mask has it."""
    return Problem(
        look.name,
        f"no pixel of any mask is background (0); the numbers are {look.only}. Make the background "
        "0, or say which numbers are cells: --classes 1",
        kind="no background",
    )


def _outlines(looks: Iterable[Look]) -> Iterator[Problem]:
    """White that encloses more than it covers is the outline of cells, or the net between them."""
    for look in looks:
        covered = int(look.sizes.sum())
        if look.filled > 2 * covered:
            yield Problem(
                look.name,
                f"white encloses {look.filled:,} pixels and covers {covered:,}; these are outlines,"
                " or the gaps between cells. A mask has its cells filled: fill the outlines, or "
                "exchange black and white",
                kind="outlines",
            )


def _is_soft(look: Look, mask: np.ndarray) -> bool:
    """Whether it is black and white with gray edges, as JPEG and resizing leave it."""
    if len(look.numbers) <= 2:
        return False
    top = look.numbers[-1]
    between = (mask > FAR * top) & (mask < (1 - FAR) * top)
    if len(look.numbers) <= FEW:  # the best JPEG leaves few levels, in specks near the two
        specks = look.sizes[:-1].sum() < SPECK * look.pieces[:-1].sum()
        return bool(specks and look.numbers[0] < FAR * top and not between.any())
    scattered = (
        look.pieces.sum() > 3 * len(look.numbers) and np.median(look.sizes) < 0.01 * mask.size
    )
    return bool(scattered and between.mean() < 0.1)


def _above_half(mask: np.ndarray) -> np.ndarray:
    """1 where a mask is brighter than half of its maximum, else 0; int32."""
    return (mask > mask.max(initial=0) / 2).astype(np.int32)


def _gray_edges(look: Look) -> Problem:
    """A doubt: levels between black and white say neither."""
    return Problem(
        look.name,
        f"black and white with gray edges ({len(look.numbers)} levels), as after JPEG or resizing; "
        f"read as cell above {look.numbers[-1] / 2:g}. Save masks as PNG or TIFF, and resize them "
        "without interpolation",
        error=None,
        kind="gray edges",
    )


def _no_instances(look: Look, soft: bool, many: bool) -> Iterator[Problem]:
    """Numbers that are not one a cell.

    `soft` says whether gray edges are told of, `many` whether in all masks together a number has
    more pieces than torn cells explain.
    """
    count, parts = len(look.numbers), int(look.pieces.sum())
    said = f"{count} numbers ({look.only}) in {parts:,} pieces"
    scattered = parts > 3 * count or (many and parts > count)
    if soft and look.halved:
        said += ": gray edges, which the other masks have not. Save it as they are"
        yield Problem(look.name, said, kind="gray edges")
    elif count == 1 and parts > 2:
        said = f"one number, {look.only}, in {parts} pieces, where the other masks number their "
        yield Problem(look.name, said + "cells. Number its cells, too", kind="one number")
    elif _is_wrapped(look):
        said += ": 8 bits number 255 cells at most, and these have begun anew. Save masks with "
        yield Problem(look.name, said + "16 bits", kind="wrapped")
    elif 1 < count <= FEW and scattered:
        said += ": these look like classes, not like cells with a number each. Say which are cells,"
        said += f" for instance --classes {look.numbers[0]}: then each piece is one"
        yield Problem(look.name, said, kind="classes")
    elif scattered:
        said += ": a cell has one number and is of one piece. What wrote it?"
        yield Problem(look.name, said, kind="pieces")


def _have_one_ground(looks: Sequence[Look]) -> bool:
    """Whether one number covers more than 0, and in every mask far more than a cell."""
    number, _ = looks[0].largest
    return all(look.largest[0] == number and _is_ground(look) for look in looks)


def _numbered_background(look: Look) -> Problem:
    """It is no cell."""
    number, covered = look.largest
    return Problem(
        look.name,
        f"the number {number} covers {covered:,} pixels, more than 0 does, and it is the largest in"
        f" every mask; it looks like the background. Make that 0, as mask[mask == {number}] = 0, or"
        f" if nobody annotated it, say so: --ignore {number}",
        kind="numbered background",
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


def _has_a_huge_number(look: Look) -> bool:
    """Whether the last number is far from the others, and covers much."""
    top, rest = look.numbers[-1], look.numbers[:-1]
    far = len(rest) and (top in (255, 65535) or top > 4 * rest[-1])
    return bool(far and look.sizes[-1] > 10 * np.median(look.sizes[:-1]))


def _huge_number(look: Look) -> Problem:
    """A doubt: it may mean "not annotated"."""
    top = look.numbers[-1]
    return Problem(
        look.name,
        f"the number {top} covers {look.sizes[-1]:,} pixels, and is read as one cell. If it means "
        f'"not annotated", say so: --ignore {top}',
        error=None,
        kind="huge number",
    )


def cell_sizes(labels: Iterable[np.ndarray]) -> np.ndarray:
    """How many pixels each cell has.

    Parameters
    ----------
    labels : iterable of ndarray of int, (H, W)
        Instance labels of some images.

    Returns
    -------
    ndarray of int, (K,)
        Of all cells of all images.

    Raises
    ------
    ValueError
        If there is no cell.

    Examples
    --------
    >>> cell_sizes([np.array([[0, 1, 1]]), np.array([[7, -1, 2]])]).tolist()
    [2, 1, 1]
    """
    sizes = [np.unique(cells[cells > 0], return_counts=True)[1] for cells in labels]
    sizes = np.concatenate([np.zeros(0, int), *sizes])
    if not sizes.size:
        raise ValueError("there is no cell on these images, and so no size of one")
    return sizes
