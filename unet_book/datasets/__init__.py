"""Thirty images are what the 2015 paper had, and what most readers have.

They come in as many forms as there are microscopes: a TIFF of thirty slices with a second TIFF of
black lines; numbered frames beside folders of "gold" and "silver" truth; a folder of PNGs that a
colleague outlined by hand. A network wants one form, and this room brings everything to it:

- ``images``: float32 in [0, 1], (N, H, W), or a list of (H, W) where they differ in size;
- ``labels``: int32, of the same shapes; 0 is background or membrane, 1 … K are the cells of one
  image (gaps in the numbering are allowed), -1 is "nobody annotated this".

``load("nuclei")`` needs no network: the image is part of the package. ``load("isbi2012")``,
``load("phc-u373")`` and ``load("dic-hela")`` look in the folder that ``UNET_BOOK_DATA`` names, then
in the user's cache, then at the official address. ``load("my/folder")`` reads a folder of your own.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unet_book.datasets.challenges import CTC as CTC
from unet_book.datasets.challenges import CTC_MARGIN as CTC_MARGIN
from unet_book.datasets.challenges import load_ctc, load_isbi2012
from unet_book.datasets.download import ORIGINS, data_folder, fetch, find
from unet_book.datasets.files import SUFFIXES as SUFFIXES
from unet_book.datasets.files import (
    normalized,
    read_gray,
    read_image,
    read_labels,
    to_unit,
    write_labels,
)
from unet_book.datasets.folder import read_folder
from unet_book.datasets.masks import instances
from unet_book.datasets.splits import cut as cut
from unet_book.datasets.splits import train_count

if TYPE_CHECKING:
    from unet_book.datasets.stack import Stack

__all__ = [
    "Stack",
    "load",
    "fetch",
    "names",
    "is_here",
    "data_folder",
    "read_folder",
    "to_unit",
    "instances",
    "read_image",
    "read_gray",
    "read_labels",
    "write_labels",
    "train_count",
]


def __getattr__(name: str) -> type:
    """`Stack` when it is asked for: it is a Dataset of torch, whose import takes seconds.

    A command line that is wrong should be told so in less than one.
    """
    if name == "Stack":
        from unet_book.datasets.stack import Stack

        return Stack
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The names, with `Stack`, so that completion and the API page find it."""
    return sorted({*globals(), "Stack"})


def load(
    name: str | PathLike,
    split: str = "train",
    truth: str | None = None,
    classes: Sequence[int] = (),
    ignore: int | None = None,
    percentiles: Sequence[float] | None = (),
) -> Stack:
    """Bring a data set to the one form.

    ==================== ===================== ====================== ============================
    name                 what                  "train"                "test"
    ==================== ===================== ====================== ============================
    "nuclei"             1 image, 512 x 512    columns 0 … 319        columns 320 … 511
    "phantom"            drawn cells           16 images, seed 0      4 images, seed 1
    "phantom-membranes"  drawn tissue          16 images, seed 0      4 images, seed 1
    "isbi2012"           30 EM slices          slices 0 … 23          slices 24 … 29
    "phc-u373"           phase contrast        first 4/5 in time      the rest
    "dic-hela"           DIC                   first 4/5 in time      the rest
    a folder             images/ and masks/    first 4/5 by name      the rest, at least one
    ==================== ===================== ====================== ============================

    For "phc-u373" and "dic-hela" that is the annotated frames of each sequence, in time.

    "all" is both together (for "nuclei" the uncut image, with 125 nuclei; a nucleus on the cut has
    a part in both). "isbi2012" has a fourth split, "challenge": its 30 test slices, whose labels
    were never published and are -1 here.

    "phc-u373" and "dic-hela" mark the unlabeled pixels within 50 px of the image's edge as
    not annotated (-1): the challenge annotates no cell that lies wholly there. Cells that reach
    into the margin keep their pixels, so its known pixels are cell only; to count shares, or to
    train without that bias, leave the margin out: ``labels[:, 50:-50, 50:-50]``. Even further in,
    gold truth may leave out a cell; such pixels can't be told from background and stay 0.

    Parameters
    ----------
    name : str or PathLike
        One of the names above, or a folder. Where both a data set and a folder have the name, the
        folder is reached as ``./name``, and the name alone is refused.
    split : {"train", "test", "all", "challenge"}
        Which part.
    truth : {"gold", "silver"} or None
        For the two sets of the Cell Tracking Challenge: drawn by people, or voted by programs. None
        is the kind that covers more cells: gold for "phc-u373", silver for "dic-hela", and the
        other one if that is not there.
    classes : sequence of int
        How to read the masks of a folder, as for `masks.to_cells`.
    ignore : int or None
        As for `masks.to_cells`.
    percentiles : sequence of float, or None
        Which gray values of each image become 0 and 1, as for `gray.stretch`. None: `to_unit`. (),
        the usual: 1 and 99.8 for a folder, None for the sets of the book.

    Returns
    -------
    Stack
        Images and instance labels.

    Raises
    ------
    ValueError
        If name, split or truth is none of those, or a file's content is not as it should be.
    OSError
        If a file is missing, or can be neither found nor downloaded.

    Examples
    --------
    >>> load("nuclei", "train").images.shape
    (1, 512, 320)
    """
    key = str(name).lower()
    splits = ("train", "test", "all") + (("challenge",) if key == "isbi2012" else ())
    if split not in splits:
        raise ValueError(f"split={split!r}: {name} has {', '.join(map(repr, splits))}")
    if key in names() and Path(name).is_dir() and Path(name).name == str(name):
        raise ValueError(
            f"{name!r} is a data set of the book and a folder here: say ./{name} for the folder"
        )
    if key in names() and (np.size(classes) or ignore is not None):
        raise ValueError(f"classes and ignore are for the masks of a folder; {name!r} has labels")
    if key in CTC:
        return _stretched(load_ctc(key, split, truth), percentiles)
    if truth is not None:
        raise ValueError(f"truth={truth!r}: only {' and '.join(map(repr, CTC))} offer a choice")
    if key in READERS:
        return _stretched(READERS[key](split), percentiles)
    if not Path(name).is_dir():
        known = ", ".join(map(repr, names()))
        raise ValueError(
            f"{str(name)!r} is neither a data set nor a folder. Data sets: {known}. "
            "A folder of your own holds images/ and masks/"
        )
    usual = {} if percentiles == () else {"percentiles": percentiles}
    return cut(read_folder(name, classes, ignore, **usual), split)


def _stretched(stack: Stack, percentiles: Sequence[float] | None) -> Stack:
    """A set of the book, each image stretched if percentiles are given."""
    if not percentiles:
        return stack
    images = [normalized(image, percentiles) for image in stack.images]
    return type(stack)(stack.name, images, stack.labels, stack.source, stack.names)


def names() -> list[str]:
    """The names that `load` knows.

    Returns
    -------
    list of str
    """
    return [*READERS, *CTC]


def is_here(name: str) -> bool:
    """Whether `load` gives a data set without downloading anything.

    Parameters
    ----------
    name : str
        One of `names`; any other is not here.

    Returns
    -------
    bool

    Raises
    ------
    FileNotFoundError
        If UNET_BOOK_DATA names no folder.

    Examples
    --------
    >>> is_here("nuclei")
    True
    """
    key = str(name).lower()
    return key in names() and (key not in ORIGINS or find(ORIGINS[key]) is not None)


def _load_nuclei(split: str) -> Stack:
    """The embedded image, or a part of it."""
    from unet_book.datasets.stack import Stack

    folder = data_folder() / "nuclei"
    image, labels = read_image(folder / "image.tif"), read_labels(folder / "labels.tif")
    columns = {"train": slice(0, 320), "test": slice(320, 512), "all": slice(None)}[split]
    source = "2018 Data Science Bowl (BBBC038, CC0), by way of StarDist; data/nuclei/README.md"
    return Stack("nuclei", image[None, :, columns], labels[None, :, columns], source)


def _load_phantom(name: str, kind: str, split: str) -> Stack:
    """Drawn images, the same each time."""
    from unet_book.datasets import phantom
    from unet_book.datasets.stack import Stack

    parts = {"train": [(16, 0)], "test": [(4, 1)], "all": [(16, 0), (4, 1)]}[split]
    drawn = [phantom.stack(kind, count=n, seed=seed) for n, seed in parts]
    images, labels = (np.concatenate(arrays) for arrays in zip(*drawn, strict=True))
    return Stack(name, images, labels, "drawn by unet_book.datasets.phantom")


READERS = {
    "nuclei": _load_nuclei,
    "phantom": lambda split: _load_phantom("phantom", "cells", split),
    "phantom-membranes": lambda split: _load_phantom("phantom-membranes", "membranes", split),
    "isbi2012": load_isbi2012,
}
