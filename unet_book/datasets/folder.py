"""A folder of your own: images, and a mask for each of them."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unet_book.datasets.files import SUFFIXES, read_image, read_labels
from unet_book.datasets.masks import to_cells
from unet_book.datasets.splits import cut
from unet_book.gray import HIGH, LOW

if TYPE_CHECKING:
    from unet_book.datasets.stack import Stack

__all__ = ["read_folder", "image_files", "natural"]

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
    pairs = _pairs(folder)
    images = [read_image(image, percentiles=percentiles) for image, _ in pairs]
    numbers = [_read_mask(masks) for _, masks in pairs]
    for image, labels, (image_path, masks) in zip(images, numbers, pairs):
        if labels.shape != image.shape:
            raise ValueError(
                f"{masks[0]}: the mask is {_size(labels)} but its image {image_path.name} is "
                f"{_size(image)}; both must have the same height x width"
            )
    labels = to_cells(numbers, [masks[0] for _, masks in pairs], classes, ignore)
    if all(cells.max() <= 0 for cells in labels):
        where = pairs[0][1][0].parent
        raise ValueError(f"{where}: no mask holds a cell; every pixel is background or ignored")
    from unet_book.datasets.stack import Stack  # and torch: what is wrong was told before

    return Stack(folder.name, images, labels, str(folder), _names(folder, pairs))


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
    pairs = _pairs(Path(folder))
    names = _names(Path(folder), pairs)
    return cut([(name, image) for name, (image, _) in zip(names, pairs)], split)


def _names(folder: Path, pairs: Sequence[tuple[Path, list[Path]]]) -> list[str]:
    """What the images are called: as their files, with their folders where files share a name."""
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


def _pairs(folder: Path) -> list[tuple[Path, list[Path]]]:
    """(image, its masks) of a folder: a mask an image, or a folder an image and a mask a cell."""
    if not (folder / "images").is_dir():
        parts = [part for part in sorted(folder.iterdir(), key=natural) if part.is_dir()]
        inside = [part for part in parts if (part / "images").is_dir()]
        _warn_of_parts([part for part in parts if part not in inside] if inside else [])
        if inside:
            return [pair for part in inside for pair in _pairs_of(part, at_least=1)]
    return _pairs_of(folder, at_least=2)


def _pairs_of(folder: Path, at_least: int) -> list[tuple[Path, list[Path]]]:
    """The pairs of images/ and masks/; one image with `at_least` other names has a mask a cell."""
    images, masks = _files(folder / "images"), _files(folder / "masks")
    if len(images) == 1 and len(masks) >= at_least and not set(images) & set(masks):
        return [(*images.values(), [*masks.values()])]
    return [(image, [mask]) for image, mask in _matched(images, masks, folder)]


def _warn_of_parts(left_out: Sequence[Path]) -> None:
    """Folders beside those that were read may be a slip."""
    names = [part.name for part in left_out if not part.name.startswith(".")]
    if names:
        some = ", ".join(names[:3]) + ", …" * (len(names) > 3)
        warnings.warn(
            f"{left_out[0].parent}: {some} left out, since no images/ is in it", stacklevel=4
        )


def _files(folder: Path) -> dict[str, Path]:
    """The images of a folder, and of folders in it, by their names without what programs add."""
    if not folder.is_dir():
        said = _said_of_outlines(folder.parent.glob("*"))
        raise FileNotFoundError(
            f"{folder} is missing; a data folder holds images/ and masks/{said}"
        )
    found = [path for path in _walk(folder) if not path.name.startswith(".") and path.is_file()]
    paths = [path for path in found if path.suffix.lower() in SUFFIXES]
    if not paths:
        said = _said_of_outlines(found)
        raise FileNotFoundError(f"{folder}: no image in it; known are {', '.join(SUFFIXES)}{said}")
    named = {}
    for path in sorted(paths, key=natural):
        name = _key(path.relative_to(folder))
        if name in named:
            raise ValueError(f"{folder}: more than one file is called {name!r}; keep one")
        named[name] = path
    return named


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


def _matched(
    images: dict[str, Path], masks: dict[str, Path], folder: Path
) -> list[tuple[Path, Path]]:
    """Each image beside the mask of its name."""
    for name, path in images.items():
        if name not in masks:
            raise FileNotFoundError(
                f"{path}: no mask for it; expected {folder / 'masks' / name}.tif"
            )
    for name, path in masks.items():
        if name not in images:
            raise FileNotFoundError(
                f"{path}: no image for it; expected {folder / 'images' / name}.tif"
            )
    return [(path, masks[name]) for name, path in images.items()]


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
