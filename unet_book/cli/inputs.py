"""What a command is given, looked at before torch is imported."""

from __future__ import annotations

import warnings
from argparse import Namespace
from collections.abc import Iterable, Sequence
from glob import glob
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unet_book import _header, datasets
from unet_book.datasets.checks import settle
from unet_book.datasets.files import SOFTWARE, Resolution, read_gray, read_resolution, written_by
from unet_book.datasets.folder import natural
from unet_book.datasets.splits import FEW, cut, named
from unet_book.run import find_model

if TYPE_CHECKING:
    from unet_book.datasets.stack import Stack

__all__ = [
    "check_numbers",
    "check_minutes",
    "cell_network",
    "percentiles",
    "parts",
    "held_out",
    "load",
    "images",
    "frames",
    "places",
]


def check_numbers(choice: Namespace) -> None:
    """Refuse numbers of a training that are out of range.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book train``.

    Raises
    ------
    ValueError
        For steps below 1, minutes that are not above 0, both of them, or a seed that PyTorch does
        not take.
    """
    if choice.minutes is not None and choice.steps is not None:
        raise ValueError("give --minutes or --steps, not both")
    check_minutes(choice.minutes)
    if choice.steps is not None and choice.steps < 1:
        raise ValueError(f"steps must be a whole number, 1 or more, not {choice.steps}")
    if not 0 <= choice.seed < 2**63:
        raise ValueError(f"seed is a whole number from 0 to 2^63 - 1, not {choice.seed}")


def check_minutes(minutes: float | None) -> None:
    """Refuse minutes in which nothing could be trained, or that never end.

    Parameters
    ----------
    minutes : float or None
        Those of a training; None are the usual ones.

    Raises
    ------
    ValueError
        For such.
    """
    if minutes is not None and not 0 < minutes < np.inf:
        raise ValueError(f"minutes must be above 0, and finite: {minutes}")


def cell_network(path: Path) -> Path:
    """The network's file that a path means; it must know two classes: background and cell.

    Parameters
    ----------
    path : Path
        A file, or the folder of a run.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is damaged, or knows other classes.
    """
    file = find_model(path)
    classes = _header.read(file)["network"].get("num_classes", 2)
    if classes != 2:
        raise ValueError(f"{path} knows {classes} classes; cells are found with two")
    return file


def percentiles(file: Path) -> tuple | None:
    """How gray values reach the network of a file.

    Parameters
    ----------
    file : Path
        As `cell_network` gives it.

    Returns
    -------
    tuple or None
        As for `finder.CellFinder`.
    """
    found = _header.read(file)["state"].get("finder", {}).get("percentiles")
    return found and tuple(found)


def parts(choice: Namespace, percentiles: tuple) -> tuple[Stack, Stack | None]:
    """The images to learn from, and those kept from the training.

    Parameters
    ----------
    choice : Namespace
        With `data`, `classes`, `ignore` and `hold_out`.
    percentiles : tuple
        As for `datasets.load`.

    Returns
    -------
    data : Stack
    held_out : Stack or None
        None where there are so few images that each should take its turn: less than ten in a
        folder, if none are named.

    Raises
    ------
    ValueError
        If a name fits no image, or all of them.
    """
    if choice.data.lower() in datasets.names() and not choice.hold_out:
        return load(choice, "train", percentiles), load(choice, "test", percentiles)
    whole = load(choice, "all", percentiles)
    if choice.hold_out:
        return held_out(whole, choice.hold_out)
    if 1 < len(whole) < FEW:
        return whole, None
    return cut(whole, "train"), cut(whole, "test")


def held_out(stack: Stack, names: Sequence[str]) -> tuple[Stack, Stack]:
    """A stack without the named images, and these.

    Parameters
    ----------
    stack : Stack
        All images.
    names : sequence of str
        Names of images, or patterns such as ``day3*``.

    Returns
    -------
    rest : Stack
    held_out : Stack

    Raises
    ------
    ValueError
        If a name fits no image, or all of them.
    """
    kept, problems = named(stack.names, names)
    settle(problems)
    return stack.pick(i for i in range(len(stack)) if i not in kept), stack.pick(kept)


def load(choice: Namespace, split: str, percentiles: tuple | None = None) -> Stack:
    """The data set or the folder that was asked for.

    Parameters
    ----------
    choice : Namespace
        With `data`, `classes` and `ignore`.
    split : str
        Which part.
    percentiles : tuple or None
        As for `datasets.load`.

    Returns
    -------
    Stack
    """
    how = {"classes": choice.classes, "ignore": choice.ignore, "percentiles": percentiles}
    return datasets.load(choice.data, split, **how)


def images(choice: Namespace, percentiles: tuple | None) -> list[tuple[str, Path | np.ndarray]]:
    """The files, or the data set's images, that were asked for.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book predict``.
    percentiles : tuple or None
        As for `datasets.load`.

    Returns
    -------
    list of tuple of str and Path or ndarray
        Name, and file or normalized image (H, W).
    """
    if choice.images:
        return [(_stem(path), path) for path in _image_files(choice.images)]
    stack = load(choice, choice.split, percentiles)
    return list(zip(stack.names, stack.images))


def frames(
    source: Path | np.ndarray, channel: int | None
) -> tuple[list[np.ndarray], Resolution | None]:
    """The gray images of a file, or the one of a data set, and their pixels' size.

    Parameters
    ----------
    source : Path or ndarray of float32, (H, W)
        As `images` gives it.
    channel : int or None
        Of colored images the one to take, from 0.

    Returns
    -------
    frames : list of ndarray, (H, W)
        With the file's gray values, or the data set's normalized ones.
    resolution : tuple or None
        If the file has one.
    """
    if isinstance(source, Path):
        return read_gray(source, channel), read_resolution(source)
    return [source], None


def places(choice: Namespace, name: str) -> dict[str, Path]:
    """Where the results for an image go.

    Parameters
    ----------
    choice : Namespace
        With `out` and `probability`.
    name : str
        The image's.

    Returns
    -------
    dict of str to Path
        Of "cells", and of "probability" if it is asked for.

    Raises
    ------
    FileExistsError
        If somebody's own file is there.
    """
    kinds = ["cells", *["probability"] * choice.probability]
    paths = {kind: choice.out / f"{name}_{kind}.tif" for kind in kinds}
    for path in paths.values():
        if path.exists() and not _is_ours(path):
            raise FileExistsError(f"{path} is not of this program, and is not replaced")
    return paths


def _image_files(paths: Iterable[Path]) -> list[Path]:
    """The files that `paths` are, hold if folders, or mean if they have wildcards; each once.

    Results of this program are no images. Raises ValueError where two would give one result, or if
    there is none.
    """
    named = [file for path in paths for file in _files_of(path)]
    files = [file for file in dict.fromkeys(named) if not _is_ours(file)]
    if not files:
        raise ValueError(f"{named[0]} is a result of this program, and no image to predict")
    for file, other in pairwise(sorted(files, key=lambda file: _stem(file))):
        if _stem(file) == _stem(other):
            raise ValueError(
                f"{file} and {other} would both give {_stem(file)}_cells.tif; "
                "predict them into two folders"
            )
    return files


def _files_of(path: Path) -> list[Path]:
    """The files that one path stands for; ValueError if there is none."""
    if path.is_dir():
        return _images_in(path)
    if path.exists() or not set("*?[") & set(str(path)):
        return [path]
    found = [Path(name) for name in sorted(glob(str(path)), key=natural)]  # a shell passed it on
    found = [file for file in found if not file.is_dir()]
    if not found:
        raise ValueError(f"{path}: no file has such a name")
    return found


def _images_in(folder: Path) -> list[Path]:
    """The images of a folder, hidden ones and results apart; a warning of folders in it."""
    inside = [path for path in sorted(folder.iterdir(), key=natural) if path.name[0] != "."]
    files = [path for path in inside if path.suffix.lower() in datasets.SUFFIXES]
    found = [file for file in files if not file.is_dir() and not _is_ours(file)]
    if not found:
        raise ValueError(f"{folder}: no image in it; known are {', '.join(datasets.SUFFIXES)}")
    parts = [path for path in inside if path.is_dir()]
    if parts:
        warnings.warn(
            f"{folder}: what is in {parts[0].name}{', …' * (len(parts) > 1)} is left out; name the "
            "folders within it, too",
            stacklevel=2,
        )
    return found


def _stem(path: Path) -> str:
    """The file's name without what says its kind."""
    return path.stem.removesuffix(".ome")


def _is_ours(path: Path) -> bool:
    """Whether a file is a result of `predict`, by its name and by what is written in it."""
    if not path.stem.endswith(("_cells", "_probability")) or not path.is_file():
        return False
    return written_by(path) == SOFTWARE
