"""What a folder holds, and everything that is wrong or doubtful in it, before minutes are spent.

Most trainings that go wrong went wrong in the folder: masks that are inverted, images that were
padded, a copy of a training image among those that test. None of these stops a training, and some
give it the finest numbers. So each pair is looked at, one after the other, and nothing that is
found ends the search. What `folder.read_folder` refuses comes from the very functions that it
calls; what can only be seen beside the other images is added here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from os import PathLike
from pathlib import Path

import numpy as np

from unet_book.datasets.checks import Problem, listed
from unet_book.datasets.files import Picture
from unet_book.datasets.folder import mask_of, names_of, no_cells, paired, read_pair
from unet_book.datasets.masks import SPECK, Look, absent, choose, judge, look_at
from unet_book.datasets.splits import FEW, named, too_few, turns, unfit

__all__ = ["Entry", "Findings", "inspect"]

TYPES = {"b1": "1 bit", "u1": "8 bit", "u2": "16 bit"}
TORN = 0.25  # of a cell apart from the rest of it: it may be another cell
MOST = 0.5  # of an image: a cell that covers more may be the background
CLEAR = 0.3  # a correlation of gray values with cells that leaves no doubt which is brighter
NONE = 0.06  # one that masks turned over have, too; phase contrast and DIC, as we saw them, 0.08 up
BURNT = 0.01  # of the pixels at the largest value
ALIKE = 0.99  # of the pixels have one value: there is next to nothing
PADDED = 0.1  # of the pixels lie in rows and columns of one value at the edges


@dataclass(frozen=True)
class Entry:
    """One image with its mask.

    Parameters
    ----------
    name : str
        What it is called.
    image, mask : Path
        The files; of a mask a cell, their folder.
    shape : tuple of int
        Height and width, px.
    type : str
        Of the gray values: "8 bit", "float32", ...
    axes : str
        Those of the file: "YX", "YXS" with colors.
    channels : int
        How many the file has.
    low, high : float
        The smallest and the largest gray value.
    levels : int
        How many gray values there are, three at most.
    same : float
        Share of the pixels that have the most frequent value.
    burnt : float
        Share of the pixels that have the largest value.
    frame : float
        Share of the pixels in rows and columns of one value at the image's edges.
    contrast : float
        Correlation of gray values and cells, -1 to 1: above 0 where cells are brighter.
    digest : bytes
        The same for two images with the same gray values.
    look : Look
        What its mask holds.
    areas : ndarray of int, (cells,)
        Pixels of each cell.
    """

    name: str
    image: Path
    mask: Path
    shape: tuple[int, int]
    type: str
    axes: str
    channels: int
    low: float
    high: float
    levels: int
    same: float
    burnt: float
    frame: float
    contrast: float
    digest: bytes
    look: Look
    areas: np.ndarray

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return len(self.areas)

    @property
    def diameters(self) -> np.ndarray:
        """The diameters of discs as large as the cells, px."""
        return 2 * np.sqrt(self.areas / np.pi)

    @property
    def foreground(self) -> float:
        """Share of the pixels that lie in cells."""
        return float(self.areas.sum() / self.look.pixels)


@dataclass(frozen=True)
class Findings:
    """What a folder holds.

    Parameters
    ----------
    folder : Path
        The folder.
    names : list of str
        Of all images that have a mask.
    entries : list of Entry
        The pairs that could be read.
    reading : {"numbers", "white", "halves", "classes"}
        What a cell is in the masks, as `masks.judge` says it; or a piece of the classes that were
        named.
    held_out : list of list of str
        Which images each training keeps from it: one training, or each of a cross-validation.
    problems : list of Problem
        Errors, with which no training begins, and doubts.
    """

    folder: Path
    names: list[str]
    entries: list[Entry]
    reading: str
    held_out: list[list[str]]
    problems: list[Problem]

    @property
    def errors(self) -> list[Problem]:
        """What stops a training."""
        return [problem for problem in self.problems if problem.error]

    @property
    def doubts(self) -> list[Problem]:
        """What does not, and should perhaps."""
        return [problem for problem in self.problems if not problem.error]

    @property
    def diameters(self) -> np.ndarray:
        """Of all cells, px."""
        return np.concatenate([entry.diameters for entry in self.entries] or [np.zeros(0)])


def inspect(
    folder: str | PathLike,
    classes: Sequence[int] = (),
    ignore: int | None = None,
    hold_out: Sequence[str] = (),
) -> Findings:
    """Look at every pair of a folder, one after the other, and list all that is wrong or doubtful.

    Parameters
    ----------
    folder : str or PathLike
        As for `folder.read_folder`.
    classes : sequence of int
        As for `masks.to_cells`.
    ignore : int or None
        As for `masks.to_cells`.
    hold_out : sequence of str
        Names, or patterns of names, of images to keep from the training; none: `splits.turns`.

    Returns
    -------
    Findings

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    ValueError
        For classes that are no whole numbers.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: no such folder")
    pairs, problems = paired(folder)
    names = names_of(folder, pairs)
    entries, numbers = [], set()
    for name, (image, masks) in zip(names, pairs):
        pair = read_pair(image, masks)
        problems += pair.problems
        if pair.picture is not None and pair.numbers is not None:
            mask = choose(pair.numbers, classes, ignore)
            entries.append(_entry(name, image, mask_of(masks), pair.picture, mask))
            numbers.update(np.unique(pair.numbers).tolist() if np.size(classes) else ())
    reading, more = "classes", []
    if not np.size(classes):
        reading, more = judge([entry.look for entry in entries])
    elif entries:
        more = absent(entries[0].mask, [numbers], classes)
    entries = [replace(entry, areas=_areas(entry.look, reading)) for entry in entries]
    kept, unknown = _kept(names, hold_out)
    found = Findings(folder, names, entries, reading, kept, [*problems, *more, *unknown])
    return replace(found, problems=[*found.problems, *_further(found)])


def _kept(names: list[str], hold_out: Sequence[str]) -> tuple[list[list[str]], list[Problem]]:
    """The names of the images that each training keeps from it."""
    chosen, problems = named(names, hold_out) if names else ([], [])
    kept = [chosen] if chosen else turns(len(names))
    return [[names[i] for i in turn] for turn in kept], problems


def _entry(name: str, image: Path, mask: Path, picture: Picture, numbers: np.ndarray) -> Entry:
    """What is told of one pair, but for the cells, which depend on the other masks."""
    gray, look = picture.gray, look_at(mask, numbers)
    values, counts = _histogram(gray)
    inside = numbers > (look.numbers[-1] / 2 if look.halved else 0)
    return Entry(
        name=name,
        image=image,
        mask=mask,
        shape=gray.shape,
        type=TYPES.get(gray.dtype.str[1:], str(gray.dtype)),
        axes=picture.axes,
        channels=picture.channels,
        low=float(values[0]),
        high=float(values[-1]),
        levels=min(3, len(values)),
        same=float(counts.max() / gray.size),
        burnt=float(counts[-1] / gray.size),
        frame=_frame(gray),
        contrast=_contrast(gray, inside, numbers >= 0),
        digest=blake2b(repr(gray.shape).encode() + gray.astype(np.float32).tobytes()).digest(),
        look=look,
        areas=np.zeros(0, int),
    )


def _histogram(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values of an image, in order, and how many pixels have each."""
    if gray.dtype.kind != "u" or gray.itemsize > 2:
        values, counts = np.unique(gray, return_counts=True)
        return values.astype(np.float64), counts
    counts = np.bincount(gray.ravel())
    values = np.flatnonzero(counts)
    return values, counts[values]


def _frame(gray: np.ndarray) -> float:
    """The share of an image that lies in rows and columns of one value at its edges."""
    shares = []
    for value in {gray[0, 0], gray[-1, -1]}:
        kept = 1.0
        for axis in (0, 1):
            lines = np.flatnonzero((gray != value).any(1 - axis))
            kept *= (lines[-1] + 1 - lines[0]) / gray.shape[axis] if lines.size else 0
        shares.append(1 - kept)
    return float(max(shares))


def _contrast(gray: np.ndarray, inside: np.ndarray, known: np.ndarray) -> float:
    """The correlation of gray values and cells where it is annotated; 0 where one is constant."""
    if not known.all():
        gray, inside = gray[known], inside[known]
    if inside.all() or not inside.any():
        return 0.0
    values, counts = _histogram(gray)
    mean = np.average(values, weights=counts)
    spread = np.sqrt(np.average((values - mean) ** 2, weights=counts))
    share = np.mean(inside)
    apart = gray[inside].mean(dtype=np.float64) - mean
    return float(apart * np.sqrt(share / (1 - share)) / spread) if spread > 0 else 0.0


def _areas(look: Look, reading: str) -> np.ndarray:
    """Pixels of each cell of a mask."""
    if reading in ("numbers", "classes"):
        return look.sizes
    return (look.halved or look).parts


# ---- what only the other images, or the images beside their masks, can show


def _further(found: Findings) -> Iterator[Problem]:
    """All that does not come from reading alone; of masks that can't be told nothing more is."""
    wrong = {str(problem.file) for problem in found.errors}
    clear = [entry for entry in found.entries if str(entry.mask) not in wrong]
    if any(problem.kind == "absent" for problem in found.errors):
        clear = []
    yield from _of_parts(found, clear)
    for entry in found.entries:
        yield from _of_gray(entry)
    for entry in clear:
        yield from _of_cells(entry)
    sound = replace(found, entries=clear)
    for doubts in (_large, _classes_perhaps, _odd_contrast, _beside_the_cells):
        yield from doubts(sound)
    yield from _copies(found)


def _of_parts(found: Findings, clear: list[Entry]) -> Iterator[Problem]:
    """Whether there are enough images, and cells among those that train and those that test."""
    count, name = len(found.names), found.folder.name
    yield from too_few(name, count)
    if 1 < len(found.held_out):
        said = f"{count} images; of fewer than {FEW} each is held out in turn (cross-validation)"
        yield Problem(found.folder, said, error=None)
    if not count or len(clear) < count:
        return  # it depends on those that can't be read
    yield from no_cells(found.folder, any(entry.cells for entry in clear))
    for kept in found.held_out:
        train = [bool(entry.cells) for entry in clear if entry.name not in kept]
        test = [entry for entry in clear if entry.name in kept]
        if len(found.held_out) > 1:  # where each takes its turn, all together test
            test = []
        known = [entry.look.unknown < 1 for entry in test]
        if any(entry.cells for entry in clear):  # else that was said
            yield from unfit(name, train, [bool(entry.cells) for entry in test], known)


def _of_gray(entry: Entry) -> Iterator[Problem]:
    """Doubts about the gray values of one image."""
    if entry.levels == 1:
        said = f"every pixel is {entry.low:g}, and there is nothing to see. Was it exported right?"
        yield Problem(entry.image, said, None, "constant")
    elif entry.levels == 2:
        said = f"the only gray values are {entry.low:g} and {entry.high:g}; is it a mask?"
        yield Problem(entry.image, said, None, "two values")
    elif entry.same > ALIKE:
        said = f"{entry.same:.1%} of the pixels have one and the same value; it is nearly empty"
        yield Problem(entry.image, said, None, "nearly empty")
    elif entry.burnt > BURNT and _is_limit(entry):
        said = f"{entry.burnt:.1%} of the pixels are at the largest value, {entry.high:g}, where "
        said += "all detail is lost. Expose less, or save without raising the contrast"
        yield Problem(entry.image, said, None, "saturated")
    if entry.levels > 2 and entry.same <= ALIKE and entry.frame > PADDED:
        said = f"{entry.frame:.0%} of it is a frame of one value: was it padded? Images may have "
        said += "any sizes; take them as they are, since a frame teaches what no other image has"
        yield Problem(entry.image, said, None, "frame")


def _is_limit(entry: Entry) -> bool:
    """Whether file or camera counts no further: at 255, 4095, ... or, of floats, anywhere."""
    return "float" in entry.type or entry.high >= 255 and np.log2(entry.high + 1) % 1 == 0


def _of_cells(entry: Entry) -> Iterator[Problem]:
    """Doubts about the cells of one mask."""
    if entry.look.unknown == 1:
        yield Problem(entry.mask, "no pixel is annotated (all -1)", None, "unknown")
    elif not entry.cells:
        said = "no cell in it. Right if the image shows none; if nobody drew them, leave it out"
        yield Problem(entry.mask, said, None, "no cell")
    look = entry.look
    torn = look.numbers[look.sizes - look.main > TORN * look.sizes]
    if torn.size and entry.areas is look.sizes:
        said = f"{listed(map(str, torn))}: numbers in more than one piece. Are these several cells?"
        yield Problem(entry.mask, said, None, "torn")
    specks = np.count_nonzero(entry.areas <= SPECK)
    if specks and entry.areas.max() <= MOST * look.pixels:  # else it is not cells that are counted
        said = f"{specks} of {entry.cells} cells have {SPECK} pixels or fewer: slips of the pen?"
        yield Problem(entry.mask, said, None, "specks")


def _large(found: Findings) -> Iterator[Problem]:
    """A cell that covers most of an image is more often its background."""
    told = {str(problem.file) for problem in found.problems if problem.kind == "huge number"}
    for entry in found.entries:
        share = entry.areas.max(initial=0) / entry.look.pixels
        if share <= MOST or str(entry.mask) in told:
            continue
        said = f"one object covers {share:.0%} of the image. "
        if found.reading in ("white", "halves"):
            said += "Is the mask inverted? Cells are white in it: exchange black and white"
            said += ", or say --classes 0" * (found.reading == "white")
        else:
            said += "Is it the background, or not annotated? Make it 0 or -1"
        yield Problem(entry.mask, said, None, "large")


def _classes_perhaps(found: Findings) -> Iterator[Problem]:
    """The same two numbers in all masks may be classes of which each has one piece by chance."""
    full = [entry.look for entry in found.entries if entry.cells]
    numbers = {int(number) for look in full for number in look.numbers[:4]}
    if found.reading != "numbers" or len(full) < 3 or len(numbers) != 2:
        return
    said = f"the only numbers in all masks are {listed(map(str, sorted(numbers)))}. If these are "
    said += f"classes and not cells, say so: --classes {','.join(map(str, sorted(numbers)))}"
    yield Problem(found.entries[0].mask.parent, said, error=None)


def _odd_contrast(found: Findings) -> Iterator[Problem]:
    """Dark cells among images with bright ones, or bright ones among dark."""
    for entry in found.entries:
        usual = [other.contrast for other in found.entries if other is not entry and other.cells]
        usual = np.median(usual) if len(usual) > 1 else 0.0
        if min(abs(usual), abs(entry.contrast)) < CLEAR or usual * entry.contrast > 0:
            continue
        here, there = ("darker", "brighter") if usual > 0 else ("brighter", "darker")
        said = f"its cells are {here} than what is around them, and {there} in the other images. "
        said += "Is the image or its mask inverted?"
        yield Problem(entry.image, said, None, f"contrast {here}")


def _beside_the_cells(found: Findings) -> Iterator[Problem]:
    """Masks that don't lie on what is seen: gray values are the same inside and outside of them."""
    contrasts = [entry.contrast for entry in found.entries if entry.cells]
    if len(contrasts) > 2 and abs(np.median(contrasts)) < NONE:
        said = "inside the cells it is as bright as outside, here and in the other images. Do the "
        said += "masks lie on their cells, or upside down, mirrored or shifted? Look at some"
        first = next(entry for entry in found.entries if entry.cells)
        yield Problem(first.mask, said, None)


def _copies(found: Findings) -> Iterator[Problem]:
    """What was learned should not be tested."""
    first: dict[bytes, Entry] = {}
    for entry in found.entries:
        other = first.setdefault(entry.digest, entry)
        if other is entry or entry.levels == 1:
            continue
        said = f"the same gray values as {other.image.name}. "
        if any((entry.name in kept) != (other.name in kept) for kept in found.held_out):
            said += "One of them is held out, and would test what was learned by heart. "
        yield Problem(entry.image, said + "Remove one of the two", error=None)
