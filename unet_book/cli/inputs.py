"""What a command is given, looked at before torch is imported."""

from __future__ import annotations

import math
import os
import warnings
from argparse import Namespace
from collections.abc import Iterable, Sequence
from glob import glob
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unet_book import _header, datasets, outputs
from unet_book.datasets.checks import settle
from unet_book.datasets.files import read_axes, read_gray, read_resolution
from unet_book.datasets.folder import image_files, natural
from unet_book.datasets.splits import FEW, cut, named
from unet_book.run import check_place, find_model

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
    "part",
    "images",
    "frames",
    "check_results",
    "check_scores",
    "places",
]

TABLE = "cells.csv"
ENDINGS = {  # of the results for one image
    "cells": "_cells.tif",
    "probability": "_probability.tif",
    "overlay": "_overlay.png",
    "rois": "_rois.zip",
    "geojson": "_cells.geojson",
}


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


def part(choice: Namespace) -> str:
    """Which images a command takes: those that were asked for, or else what suits the data.

    A set of the book has a part that is kept for testing. A folder is the user's, and all of it is
    meant.

    Parameters
    ----------
    choice : Namespace
        With `data` and `split`.

    Returns
    -------
    str
        "train", "test" or "all".
    """
    return choice.split or ("test" if choice.data.lower() in datasets.names() else "all")


def images(choice: Namespace) -> list[tuple[str, Path | np.ndarray]]:
    """The files, or the data set's images, that were asked for.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book predict``.

    Returns
    -------
    list of tuple of str and Path or ndarray
        Name, and file or, of a set of the book, the image (H, W) in [0, 1].
    """
    if choice.images:
        return [(_stem(path), path) for path in _image_files(choice.images)]
    if choice.data.lower() not in datasets.names() and Path(choice.data).is_dir():
        return image_files(choice.data, part(choice))
    stack = load(choice, part(choice))
    return list(zip(stack.names, stack.images))


def frames(
    source: Path | np.ndarray, channel: int | None
) -> tuple[Sequence[np.ndarray], outputs.Origin]:
    """The gray images of a file, or the one of a data set, and what the file says of them.

    Parameters
    ----------
    source : Path or ndarray of float32, (H, W)
        As `images` gives it.
    channel : int or None
        Of colored images the one to take, from 0.

    Returns
    -------
    frames : sequence of ndarray, (H, W)
        With the file's gray values, or the data set's.
    origin : Origin
        Of one image without a size if it is a data set's.
    """
    if not isinstance(source, Path):
        return [source], outputs.Origin()
    found = read_gray(source, channel)
    said = read_resolution(source), read_axes(source)
    return found, outputs.Origin(len(found), *said, channel or 0)


def check_results(choice: Namespace) -> None:
    """Refuse what no image could be predicted with, before any is.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book predict``.

    Raises
    ------
    ValueError
        For a threshold, a size or a diameter that can't be.
    ImportError
        If a package for the results is missing.
    FileExistsError
        If somebody's own file is where the table should go.
    """
    if choice.threshold is not None and not 0 < choice.threshold < 1:
        raise ValueError(f"--threshold is above 0 and below 1, not {choice.threshold}")
    if choice.min_size is not None and choice.min_size < 0:
        raise ValueError(f"--min-size counts pixels, from 0, not {choice.min_size}")
    if choice.diameter is not None and not 0 < choice.diameter < math.inf:
        raise ValueError(f"--diameter is a number of pixels above 0, not {choice.diameter}")
    if choice.rois and find_spec("roifile") is None:
        raise ImportError(
            "--rois needs the package roifile: pip install roifile, or unet_book[rois]"
        )
    if choice.table:
        _check_free(choice.out / TABLE)


def check_scores(choice: Namespace) -> None:
    """Refuse a place where the table of scores can't go.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book evaluate``.
    """
    if choice.csv is not None:
        from unet_book.scores import HEADER

        check_place(choice.csv.parent)
        _check_free(choice.csv, outputs.csv_line(HEADER))


def places(choice: Namespace, name: str, count: int) -> dict[str, Path]:
    """Where the results for an image go.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book predict``.
    name : str
        The image's.
    count : int
        How many frames it has.

    Returns
    -------
    dict of str to Path
        Of "cells", and of "probability", "overlay", "rois" and "geojson" if they are asked for.

    Raises
    ------
    FileExistsError
        If somebody's own file is there.
    """
    endings = ENDINGS | ({"overlay": "_overlay.tif"} if count > 1 else {})
    asked = {"cells": True, "overlay": choice.overlay or choice.numbers}
    asked |= {kind: getattr(choice, kind) for kind in ("probability", "rois", "geojson")}
    paths = {kind: choice.out / (name + end) for kind, end in endings.items() if asked[kind]}
    for path in paths.values():
        _check_free(path)
    return paths


def _check_free(path: Path, *header: bytes) -> None:
    """Refuse the place of a result if a file is there that this program did not make."""
    if os.path.lexists(path) and not outputs.is_result(path, *header):
        raise FileExistsError(f"{path} is not of this program, and is not replaced")


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
    parts = [path for path in inside if path.is_dir()]
    if not found:
        instead = f"; name one of the folders in it, such as {parts[0]}" if parts else ""
        raise ValueError(
            f"{folder}: no image in it{instead}; known are {', '.join(datasets.SUFFIXES)}"
        )
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
    return path.name.endswith((*ENDINGS.values(), "_overlay.tif")) and outputs.is_result(path)
