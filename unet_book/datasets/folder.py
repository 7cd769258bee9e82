"""A folder of your own: images, and a mask for each of them."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unet_book.datasets.checks import Problem, listed, settle
from unet_book.datasets.files import SUFFIXES, Picture, normalized, read_labels, read_picture
from unet_book.datasets.masks import to_cells
from unet_book.datasets.splits import cut
from unet_book.gray import HIGH, LOW

if TYPE_CHECKING:
    from unet_book.datasets.stack import Stack

__all__ = [
    "read_folder",
    "image_files",
    "no_cells",
    "mask_of",
    "names_of",
    "natural",
    "paired",
    "Pair",
    "read_pair",
]

# What programs add to an image's name for its mask, and to a channel's image.
ADDED = re.compile(
    r"(\.ome)?([ _-](cp_masks?|masks?|labels?|segmentation|seg|gt|cells|0000))*$", re.IGNORECASE
)
OTHER = (".json", ".geojson", ".zip", ".roi", ".xml")  # outlines, which are no label images


def read_folder(
    folder: str | PathLike,
    classes: Sequence[int] = (),
    ignore: int | None = None,
    percentiles: tuple[float, float] | None = (LOW, HIGH),
) -> Stack:
    """Read your own images: ``images/`` and ``masks/``, a mask for each image by its name.

    Images are gray, of any sizes, in any file that `files.read_image` reads, in folders within
    these two as well. A mask has its image's name, or that name with what programs add: "_mask",
    "_labels", "_seg", "_cp_masks". What a mask's numbers mean, `masks.to_cells` judges. In a signed
    mask, -1 is "not annotated". An inverted mask, cells black, can't be told from a right one: look
    at it. The layout of the 2018 Data Science Bowl, a folder an image with a mask a cell, is read,
    too.

    Parameters
    ----------
    folder : str or PathLike
        The one that holds ``images/`` and ``masks/``.
    classes : sequence of int
        As for `masks.to_cells`.
    ignore : int or None
        As for `masks.to_cells`.
    percentiles : tuple of two float, or None
        Which gray values of each image become 0 and 1, as for `gray.stretch`, whatever the type of
        the file. None: `files.to_unit`.

    Returns
    -------
    Stack
        All pairs, in the order of their names, numbers in them as numbers.

    Raises
    ------
    FileNotFoundError
        If a folder, a mask or an image is missing.
    ValueError
        If a file can't be read, an image is not gray, a mask has another size than its image or
        can't be told, or no mask holds a cell. Each message names the file.
    """
    folder = Path(folder)
    pairs, problems = paired(folder)
    settle(problems, stacklevel=3)
    masks, images, numbers, problems = [mask_of(masks) for _, masks in pairs], [], [], []
    for image, of_image in pairs:
        pair = read_pair(image, of_image)
        problems += pair.problems
        if all(problem.error is None for problem in problems):  # else nobody wants the images
            images.append(normalized(pair.picture.gray, percentiles))
            numbers.append(pair.numbers)
    settle(problems, stacklevel=3)
    labels = to_cells(numbers, masks, classes, ignore)
    settle(no_cells(folder, any(cells.max() > 0 for cells in labels)))
    from unet_book.datasets.stack import Stack  # and torch: what is wrong was told before

    return Stack(folder.name, images, labels, str(folder), names_of(folder, pairs))


def image_files(folder: str | PathLike, split: str = "all") -> list[tuple[str, Path]]:
    """The image files of a folder as `read_folder` reads it, without reading them.

    Parameters
    ----------
    folder : str or PathLike
        The one that holds ``images/`` and ``masks/``.
    split : {"train", "test", "all"}
        Which part, as for `datasets.load`.

    Returns
    -------
    list of tuple of str and Path
        What each image is called, and its file.

    Raises
    ------
    FileNotFoundError
        If a folder, a mask or an image is missing.
    ValueError
        For another split, or if a single image is to be cut.
    """
    pairs, problems = paired(Path(folder))
    settle(problems, stacklevel=3)
    names = names_of(Path(folder), pairs)
    return cut([(name, image) for name, (image, _) in zip(names, pairs)], split)


def no_cells(folder: Path, any_cell: bool) -> list[Problem]:
    """Masks of which none holds a cell.

    Parameters
    ----------
    folder : Path
        The one that holds them.
    any_cell : bool
        Whether one does.

    Returns
    -------
    list of Problem
        None or one.
    """
    said = "no mask holds a cell; every pixel is background or ignored"
    return [] if any_cell else [Problem(folder, said)]


def mask_of(masks: Sequence[Path]) -> Path:
    """What stands for the mask of one image: its file, or of a mask a cell the folder.

    Parameters
    ----------
    masks : sequence of Path
        The files.

    Returns
    -------
    Path
    """
    return masks[0] if len(masks) == 1 else masks[0].parent


def names_of(folder: Path, pairs: Sequence[tuple[Path, list[Path]]]) -> list[str]:
    """What the images are called: as their files, with their folders where files share a name.

    Parameters
    ----------
    folder : Path
        The one that holds them.
    pairs : sequence of tuple of Path and list of Path
        As `paired` gives them.

    Returns
    -------
    list of str
    """
    paths = [image for image, _ in pairs]
    if len({path.stem for path in paths}) == len(paths):
        return [path.stem for path in paths]
    return [path.relative_to(folder).with_suffix("").as_posix() for path in paths]


def natural(path: object) -> list:
    """A key that sorts names with numbers by the numbers: t2 before t10.

    Parameters
    ----------
    path : object
        A path or a name.

    Returns
    -------
    list of int and str
    """
    return [
        int(part) if part.isdecimal() else part.lower() for part in re.split(r"(\d+)", str(path))
    ]


def paired(folder: Path) -> tuple[list[tuple[Path, list[Path]]], list[Problem]]:
    """The images of a folder with their masks: a mask an image, or a folder an image.

    Parameters
    ----------
    folder : Path
        As for `read_folder`.

    Returns
    -------
    pairs : list of tuple of Path and list of Path
        An image, and its mask or a mask for each of its cells.
    problems : list of Problem
        What is missing, left over or left out.
    """
    if (folder / "images").is_dir():
        return _pairs_of(folder, at_least=2)
    parts = [part for part in sorted(folder.iterdir(), key=natural) if part.is_dir()]
    parts = [part for part in parts if not part.name.startswith(".")]
    inside = [part for part in parts if (part / "images").is_dir()]
    if not inside:
        return _pairs_of(folder, at_least=2)
    found = [_pairs_of(part, at_least=1) for part in inside]
    problems = _left_out(folder, [part.name for part in parts if part not in inside])
    problems += [problem for _, of_part in found for problem in of_part]
    return [pair for pairs, _ in found for pair in pairs], problems


def _pairs_of(folder: Path, at_least: int) -> tuple[list[tuple[Path, list[Path]]], list[Problem]]:
    """The pairs of images/ and masks/; one image with `at_least` other names has a mask a cell."""
    (images, problems), (masks, more) = _files(folder / "images"), _files(folder / "masks")
    problems += more
    if not images or not masks:
        return [], problems
    if len(images) == 1 and len(masks) >= at_least and not set(images) & set(masks):
        return [(*images.values(), [*masks.values()])], problems
    pairs = [(path, [masks[name]]) for name, path in images.items() if name in masks]
    return pairs, [*problems, *_unpaired(images, masks, folder)]


def _left_out(folder: Path, names: Sequence[str]) -> list[Problem]:
    """Folders beside those that were read may be a slip."""
    said = f"{listed(names, 3)} left out, since no images/ is in it" if names else ""
    return [Problem(folder, said, error=None)] if names else []


def _files(folder: Path) -> tuple[dict[str, Path], list[Problem]]:
    """The images of a folder, and of folders in it, by their names without what programs add."""
    if not folder.is_dir():
        return {}, [_missing(folder)]
    found = [path for path in _walk(folder) if not path.name.startswith(".") and path.is_file()]
    paths = [path for path in found if path.suffix.lower() in SUFFIXES]
    if not paths:
        said = f"no image in it; known are {', '.join(SUFFIXES)}{_said_of_outlines(found)}"
        return {}, [Problem(folder, said, FileNotFoundError)]
    named, problems = {}, []
    for path in sorted(paths, key=natural):
        name = _key(path.relative_to(folder))
        if name in named:
            problems.append(Problem(folder, f"more than one file is called {name!r}; keep one"))
        named.setdefault(name, path)
    return named, problems


def _missing(part: Path) -> Problem:
    """That a folder holds no images/ or masks/; and what it holds instead."""
    folder, said = part.parent, f"{part.name} is missing; a data folder holds images/ and masks/"
    said += _said_of_outlines(folder.glob("*"))
    deeper = sorted({path.parents[1].name for path in folder.glob("*/*/images")})
    others = [path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
    others = [name for name in sorted(others) if name not in ("images", "masks")]
    if deeper:
        said += f". Such folders are in {listed(deeper)}: give that"
    elif others:
        said += f"; here {'are' if len(others) > 1 else 'is'} {listed(others)}"
    return Problem(folder, said, FileNotFoundError)


def _walk(folder: Path, within: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """All files of a folder and of those in it, linked ones too; a link back leads nowhere."""
    within = within | {folder.resolve()}
    for path in folder.iterdir():
        if not path.is_dir():
            yield path
        elif path.resolve() not in within:
            yield from _walk(path, within)


def _said_of_outlines(paths: Iterable[Path]) -> str:
    """What to say where one of the files holds outlines in words instead of pixels."""
    other = next((path.name for path in paths if path.suffix.lower() in OTHER), None)
    return f" ({other} is not read: export label images)" if other else ""


def _key(path: Path) -> str:
    """What an image and its mask have in common: place and name, in one form of Unicode."""
    stem = ADDED.sub("", path.stem)
    return unicodedata.normalize("NFC", (path.parent / stem).as_posix())


def _unpaired(images: dict[str, Path], masks: dict[str, Path], folder: Path) -> Iterator[Problem]:
    """Images without a mask, and masks without an image."""
    alone = {name for name in masks if name not in images}
    for name, path in images.items():
        if name in masks:
            continue
        begin = re.compile(re.escape(name) + r"[^0-9A-Za-z]")
        parts = [mask for mask in masks if mask in alone and begin.match(mask)]
        said = f"no mask for it; expected {folder / 'masks' / name}.tif"
        kind = "no mask"
        if len(parts) > 1:
            said = (
                f"no mask of its name, but {len(parts)} that begin with it, {listed(parts, 2)}. If "
                f"that is a mask a cell, give each image a folder: {name}/images/{path.name}, and "
                f"its masks in {name}/masks/"
            )
            kind, alone = "mask a cell", alone - set(parts)
        yield Problem(path, said, FileNotFoundError, kind)
    for name, path in masks.items():
        if name in alone:
            said = f"no image for it; expected {folder / 'images' / name}.tif"
            yield Problem(path, said, FileNotFoundError, "no image")


@dataclass(frozen=True)
class Pair:
    """An image and the numbers of its mask, as far as they could be read.

    Parameters
    ----------
    picture : Picture or None
        The image.
    numbers : ndarray of int32, (H, W), or None
        Those of its mask.
    problems : list of Problem
        Why something is None, and what is doubtful.
    """

    picture: Picture | None
    numbers: np.ndarray | None
    problems: list[Problem]


def read_pair(image: Path, masks: list[Path]) -> Pair:
    """Read an image and its mask.

    Parameters
    ----------
    image : Path
        The image's file.
    masks : list of Path
        The mask's, or one for each cell.

    Returns
    -------
    Pair
        Both None where they don't fit.
    """
    picture, problems = _tried(read_picture, image)
    numbers, more = _tried(_read_mask, masks)
    problems += more
    if picture is None or numbers is None or picture.gray.shape == numbers.shape:
        return Pair(picture, numbers, problems)
    said = (
        f"the mask is {_size(numbers)} but its image is {_size(picture.gray)}; both must have the "
        "same height x width"
    )
    return Pair(None, None, [*problems, Problem(masks[0], said, kind="size")])


def _tried(read: Callable, source: Path | list[Path]) -> tuple[Any, list[Problem]]:
    """What a file holds, or None; and what reading it raised or warned of."""
    paths, result, problems = [source] if isinstance(source, Path) else source, None, []
    with warnings.catch_warnings(record=True) as told:
        try:
            result = read(source)
        except (ValueError, OSError) as error:
            kind = ValueError if isinstance(error, ValueError) else type(error)
            problems.append(_problem(paths, str(error), kind))
    for warning in told:
        problems.append(_problem(paths, str(warning.message), None))
    return result, problems


def _problem(paths: list[Path], said: str, error: type[Exception] | None) -> Problem:
    """What was said of one of the files; where only numbers differ, others may have the same."""
    path = next((path for path in paths if said.startswith(f"{path}: ")), paths[0])
    said = said.removeprefix(f"{path}: ")
    return Problem(path, said, error, re.sub(r"\d+", "#", said.replace(str(path), "")))


def _read_mask(paths: list[Path]) -> np.ndarray:
    """The numbers of a mask; of a mask a cell, each file's white under a number of its own."""
    if len(paths) == 1:
        return read_labels(paths[0])
    numbers = read_labels(paths[0]) * 0
    for number, path in enumerate(paths, start=1):
        cell = read_labels(path) > 0
        if cell.shape != numbers.shape:
            raise ValueError(f"{path}: {_size(cell)}, but {paths[0].name} is {_size(numbers)}")
        numbers[cell & (numbers == 0)] = number
    return numbers


def _size(array: np.ndarray) -> str:
    """Height x width, in words."""
    return " x ".join(map(str, array.shape))
