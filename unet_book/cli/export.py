"""``unet-book export``: what is looked at before torch is imported, and the writing."""

from __future__ import annotations

import re
import zipfile
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unet_book import _header
from unet_book._package import shipped
from unet_book.cli import inputs
from unet_book.cli.terminal import say
from unet_book.datasets.files import read_gray
from unet_book.gray import DEEP
from unet_book.run import check_place

if TYPE_CHECKING:
    from unet_book.finder import CellFinder

__all__ = ["place", "network", "example", "check_packages", "write"]

ENDINGS = {"onnx": ".onnx", "bioimageio": ".zip"}
PACKAGES = {"onnx": ("onnx",), "bioimageio": ("onnx", "onnxruntime", "bioimageio")}
INSTALL = {"onnx": "onnx", "bioimageio": 'onnx onnxruntime bioimageio.core "pydantic<2.14"'}
OF_A_PACKAGE = ("image", "channel", "name", "author", "license")  # options
NAME = re.compile(r"[A-Za-z0-9_+\-() ]{5,128}")  # what bioimage.io takes
PLAIN = "unet_book.unet.UNet"


def place(choice: Namespace) -> Path:
    """The file that is to be written; `choice.format` is settled by it.

    Parameters
    ----------
    choice : Namespace
        With `out`, a file or a folder, and `format`.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If name, format and options don't fit each other.
    FileExistsError
        If somebody's own file is there.
    """
    out = choice.out
    by_name = {ending: kind for kind, ending in ENDINGS.items()}.get(out.suffix.lower())
    is_folder = out.is_dir() or not out.suffix
    if not is_folder and by_name is None:
        raise ValueError(f"{out}: an export is a folder, or a file that ends in .onnx or .zip")
    choice.format = choice.format or (None if is_folder else by_name) or "onnx"
    if not is_folder and by_name != choice.format:
        raise ValueError(f"{out}: a file of {choice.format} ends in {ENDINGS[choice.format]}")
    given = [name for name in OF_A_PACKAGE if getattr(choice, name) not in (None, [])]
    if choice.format == "onnx" and given:
        raise ValueError(f"--{given[0]} is for --format bioimageio: ONNX has no place for it")
    if choice.name and not NAME.fullmatch(choice.name):
        raise ValueError(f"a name is 5 to 128 of A-Z, a-z, 0-9, space, _+-(), not {choice.name!r}")
    file = out / f"model{ENDINGS[choice.format]}" if is_folder else out
    check_place(file.parent)
    if file.exists() and not _is_ours(file):
        raise FileExistsError(f"{file} is not of this program, and is not replaced")
    return file


def network(choice: Namespace) -> Path:
    """The network's file, if it can be written in the format that was asked for.

    Parameters
    ----------
    choice : Namespace
        With `model` and `format`.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If it can't; and as `inputs.cell_network` does.
    """
    file = inputs.cell_network(choice.model)
    header = _header.read(file)
    if header.get("class", PLAIN) != PLAIN:
        raise ValueError(f"{file} is a {header['class']}; only {PLAIN} itself can be exported")
    if choice.format == "bioimageio":
        if inputs.percentiles(file) is None:
            raise ValueError(
                f"{file} doesn't say which gray values were 0 and 1 in its training, and a package "
                "must: train one anew, or export it as ONNX"
            )
        channels = header["network"].get("in_channels", 1)
        if channels != 1:
            raise ValueError(f"{file} takes {channels} channels; a package is of gray images")
    return file


def example(choice: Namespace) -> np.ndarray | None:
    """The image that shows what a package does: the user's, or the nuclei of the book.

    Parameters
    ----------
    choice : Namespace
        With `format`, `image` and `channel`.

    Returns
    -------
    ndarray or None
        (H, W), as it is in its file, the first of a stack; None where none is needed.
    """
    if choice.format == "onnx":
        return None
    return read_gray(choice.image or shipped("data/nuclei") / "image.tif", choice.channel)[0]


def check_packages(choice: Namespace) -> None:
    """Refuse a format whose packages are not there.

    Parameters
    ----------
    choice : Namespace
        With `format`.

    Raises
    ------
    ImportError
        With what to install.
    """
    missing = [name for name in PACKAGES[choice.format] if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"--format {choice.format} needs {' and '.join(missing)}: "
            f"pip install {INSTALL[choice.format]}, or unet_book[export]"
        )


def write(choice: Namespace, file: Path, to: Path, example: np.ndarray | None) -> None:
    """Write the file, and say what it takes and gives.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book export``.
    file : Path
        The network's.
    to : Path
        The file to write.
    example : ndarray or None
        (H, W), for a package.
    """
    from unet_book.export import settings, to_bioimageio, to_onnx
    from unet_book.finder import CellFinder

    finder = CellFinder.load(file, "cpu")
    if choice.format == "onnx":
        to_onnx(finder.model, to, settings(finder))
        say(f"the network: {to}")
        say(f"image: (N, {finder.model.in_channels}, H, W), float32, of any size; {_gray(finder)}")
        say("probability: (N, 2, H, W), float32, of background and of cell")
        _say_size(finder)
        return
    names = {"name": choice.name} if choice.name else {}
    to_bioimageio(finder, to, example, authors=choice.author, license=choice.license, **names)
    say(f"the package: {to}; bioimageio.core found in it the numbers of PyTorch")
    say("other programs don't keep an image without a cell dark: its README.md says why")
    _say_size(finder)
    if not (choice.author and choice.license):
        say("for others it needs --author NAME and --license TERMS, such as CC-BY-4.0")


def _say_size(finder: CellFinder) -> None:
    """What an image needs whose cells are of another size."""
    if finder.diameter is not None:
        say(
            f"in the middle of an image a cell is to have a diameter of {finder.diameter:.0f} px: "
            "other programs don't resample images of other cells, as predict does"
        )


def _gray(finder: CellFinder) -> str:
    """How gray values come to [0, 1], in words."""
    if finder.percentiles is None:
        return "as datasets.to_unit makes it: 8-bit values are divided by 255"
    low, high = finder.percentiles
    return f"as gray.stretch(image, {low:g}, {high:g}, least={DEEP:g}) makes it"


def _is_ours(file: Path) -> bool:
    """Whether a file is an export, by what is written in it."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            told = "rdf.yaml" in archive.namelist() and archive.read("rdf.yaml")
        return bool(told) and b"unet_book:" in told
    with open(file, "rb") as opened:
        return b"unet_book" in opened.read(64)  # an ONNX file begins with its producer
