"""From masks to cells: what the numbers in somebody's masks mean, judged before it is believed.

A mask may number its cells, or paint them all white, or name kinds of tissue, and the file does not
say which. Read as the wrong one it trains a network that is wrong in silence. So the masks of a
folder are looked at together: what is certain is read, what is doubtful is said, and what is
neither is refused, with the file and what to do.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import scipy  # which loads ndimage and sparse when they are first used

from unet_book._arrays import is_ragged, like, to_images

FEW = 9  # classes of tissue are not more; cells in an image usually are
SPECK = 4  # pixels, of a piece that is no cell
FAR = 0.25  # of the largest number: below it, and above 1 - FAR, lie the two levels of a soft mask


def instances(cells):
    """Number the parts of a mask, so that each becomes one cell.

    Parts are 4-connected: pixels that share only a corner belong to two of them. The metrics of the
    ISBI 2012 challenge do the same. `cells` is (H, W), true or above 0 inside cells. Returns int32,
    (H, W), numpy or torch; 0 outside, 1 … K in reading order of the parts' first pixels. Of a stack
    (N, H, W), or a list of (H, W) of any sizes, each image is numbered on its own.

    Raises ValueError for other axes.

    >>> instances([[1, 0, 1], [1, 0, 1]]).tolist()
    [[1, 0, 2], [1, 0, 2]]
    """
    if is_ragged(cells):
        return [instances(image) for image in cells]
    parts = [scipy.ndimage.label(image > 0)[0] for image in to_images(cells)]
    return like(np.reshape(parts, np.shape(cells)).astype(np.int32), cells)


@dataclass(frozen=True)
class Look:
    """What one mask holds: its numbers above 0, of each the pixels and the 4-connected pieces."""

    name: str
    numbers: np.ndarray
    sizes: np.ndarray
    pieces: np.ndarray
    background: float  # share of pixels that are 0

    @property
    def only(self) -> str:
        """Its numbers in words, at most five."""
        some = ", ".join(map(str, self.numbers[:5]))
        return f"{some}, …" if len(self.numbers) > 5 else some


def look(name, mask) -> Look:
    """What the mask (H, W), int, holds."""
    numbers, sizes = np.unique(mask[mask > 0], return_counts=True)
    parts = pieces(mask)
    first = np.unique(parts[parts > 0], return_index=True)[1]
    owners = np.searchsorted(numbers, mask[parts > 0][first])
    count = np.bincount(owners, minlength=len(numbers))
    return Look(str(name), numbers, sizes, count, float(np.mean(mask == 0)))


def pieces(mask):
    """The 4-connected pieces of equal numbers above 0, numbered anew; (H, W) int32."""
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


def to_cells(masks, names, classes=(), ignore=None) -> list[np.ndarray]:
    """Instance labels of the masks of one data set; a list of (H, W) int32.

    Parameters
    ----------
    masks : the numbers of each mask, (H, W) int, as `files.read_labels` gives them.
    names : what errors call them, a path each.
    classes : numbers that mean "cell": their 4-connected pieces are the cells, and any other
        number is background. Without it the numbers are judged.
    ignore : a number that means "not annotated"; it becomes -1.

    Raises ValueError, with the file, what was found and what to do, for masks that are neither
    instance labels nor black and white. Warns of what is read in another way than it stands there.
    """
    if ignore is not None:
        masks = [np.where(mask == ignore, -1, mask) for mask in masks]
    if classes:
        _refuse_absent(classes, masks, names)
        chosen = [np.where(np.isin(mask, classes), mask, 0) for mask in masks]
        return [_with_unknown(pieces(cells), mask) for cells, mask in zip(chosen, masks)]
    looks = [look(name, mask) for name, mask in zip(names, masks)]
    full = [one for one in looks if len(one.numbers)]
    if not full:
        return masks
    _refuse_no_background(full)
    if all(len(one.numbers) == 1 for one in full):
        _refuse_outlines(full, masks, looks)
        return [_with_unknown(instances(mask > 0), mask) for mask in masks]
    soft = [one for one in full if _is_soft(one, masks[looks.index(one)])]
    if soft and all(one in soft or len(one.numbers) == 1 for one in full):
        return _halved(masks, soft[0])
    many = sum(one.pieces.sum() for one in full) > 1.5 * sum(len(one.numbers) for one in full)
    for one in full:
        _refuse_no_instances(one, soft, many)
    _warn_of_a_huge_number(full)
    return masks


# ---- each trait


def _with_unknown(cells, mask):
    return np.where(mask == -1, -1, cells).astype(np.int32)


def _refuse_absent(classes, masks, names):
    """Classes of which no mask has one are a slip."""
    found = sorted({int(number) for mask in masks for number in np.unique(mask)})
    if not set(classes) & set(found):
        some = ", ".join(map(str, found[:5])) + ", …" * (len(found) > 5)
        raise ValueError(
            f"{names[0]}: no mask holds {', '.join(map(str, classes))}; the numbers are {some}"
        )


def _refuse_no_background(looks):
    """Tissue without a gap may have none; two or three numbers in many pieces must."""
    one = looks[0]
    if all(look.background == 0 and len(look.numbers) <= FEW for look in looks):
        raise ValueError(
            f"{one.name}: no pixel of any mask is background (0); the numbers are {one.only}. "
            "Make the background 0, or say which numbers are cells: --classes 1"
        )


def _refuse_outlines(full, masks, looks):
    """White that encloses more than it covers is the outline of cells, or the net between them."""
    for one in full:
        white = masks[looks.index(one)] > 0
        filled = np.count_nonzero(scipy.ndimage.binary_fill_holes(white))
        if filled > 2 * np.count_nonzero(white):
            raise ValueError(
                f"{one.name}: white encloses {filled:,} pixels and covers "
                f"{np.count_nonzero(white):,}; these are outlines, or the gaps between cells. A "
                "mask has its cells filled: fill the outlines, or exchange black and white"
            )


def _is_soft(one, mask):
    """Whether it is black and white with gray edges, as JPEG and resizing leave it."""
    top = one.numbers[-1]
    between = (mask > FAR * top) & (mask < (1 - FAR) * top)
    if 2 < len(one.numbers) <= FEW:  # the best JPEG leaves few levels, in specks near the two
        specks = one.sizes[:-1].sum() < SPECK * one.pieces[:-1].sum()
        return bool(specks and one.numbers[0] < FAR * top and not between.any())
    scattered = one.pieces.sum() > 3 * len(one.numbers) and np.median(one.sizes) < 0.01 * mask.size
    return len(one.numbers) > FEW and scattered and between.mean() < 0.1


def _halved(masks, example):
    half = example.numbers[-1] / 2
    warnings.warn(
        f"{example.name}: black and white with gray edges ({len(example.numbers)} levels), as "
        f"after JPEG or resizing; read as cell above {half:g}. Save masks as PNG or TIFF, and "
        "resize them without interpolation",
        stacklevel=5,
    )
    tops = [mask.max(initial=0) for mask in masks]
    return [_with_unknown(instances(mask > top / 2), mask) for mask, top in zip(masks, tops)]


def _refuse_no_instances(one, soft, many):
    """`many`: whether in all masks together a number has more pieces than torn cells explain."""
    count, parts = len(one.numbers), int(one.pieces.sum())
    said = f"{one.name}: {count} numbers ({one.only}) in {parts:,} pieces"
    if one in soft:
        raise ValueError(f"{said}: gray edges, which the other masks have not. Save it as they are")
    if count == 1 and parts > 2:
        raise ValueError(
            f"{one.name}: one number, {one.only}, in {parts} pieces, where the other masks number "
            "their cells. Number its cells, too"
        )
    if _is_wrapped(one):
        raise ValueError(
            f"{said}: 8 bits number 255 cells at most, and these have begun anew. Save masks with "
            "16 bits"
        )
    scattered = parts > 3 * count or (many and parts > count)
    if 1 < count <= FEW and scattered:
        raise ValueError(
            f"{said}: these look like classes, not like cells with a number each. Say which are "
            f"cells, for instance --classes {one.numbers[0]}: then each piece is one"
        )
    if scattered:
        raise ValueError(f"{said}: a cell has one number and is of one piece. What wrote it?")


def _is_wrapped(one):
    return one.numbers[-1] == 255 and len(one.numbers) >= 250 and np.mean(one.pieces > 1) > 0.1


def _warn_of_a_huge_number(looks):
    """One number far from the others that covers much may mean "not annotated"."""
    for one in looks:
        top, rest = one.numbers[-1], one.numbers[:-1]
        far = len(rest) and (top in (255, 65535) or top > 4 * rest[-1])
        if far and one.sizes[-1] > 10 * np.median(one.sizes[:-1]):
            warnings.warn(
                f"{one.name}: the number {top} covers {one.sizes[-1]:,} pixels, and is read as one "
                f'cell. If it means "not annotated", say so: --ignore {top}',
                stacklevel=5,
            )
            return
