"""Which files are results of this program: these may be made again, and no other is replaced."""

import zipfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path

from PIL import Image

from unet_book.datasets.files import SOFTWARE, written_by
from unet_book.outputs.table import HEADER, csv_line
from unet_book.outputs.writers import GEOJSON

__all__ = ["is_result"]


def is_result(path: str | PathLike, header: bytes = csv_line(HEADER)) -> bool:
    """Whether a file was made by this program, as it says itself.

    A TIFF names it in a tag, a PNG in a text, a ZIP in its comment, GeoJSON in its first line. A
    table, in which such a line would disturb its readers, has its own header, byte by byte; saved
    by a spreadsheet it has another, or other ends of lines, and is the user's.

    Parameters
    ----------
    path : str or PathLike
        Any file.
    header : bytes
        The first line of a table.

    Returns
    -------
    bool
        False for what can't be read.
    """
    looks = {
        ".tif": _says_tiff,
        ".tiff": _says_tiff,
        ".png": _says_png,
        ".zip": _says_zip,
        ".geojson": lambda path: _begins(path, GEOJSON),
        ".csv": lambda path: _begins(path, header),
    }
    path = Path(path)
    look: Callable[[Path], bool] = looks.get(path.suffix.lower(), lambda path: False)
    try:
        return path.is_file() and look(path)
    except Exception:  # a broken file raises a dozen kinds
        return False


def _says_tiff(path: Path) -> bool:
    """Whether a TIFF's tag names this program."""
    return written_by(path) == SOFTWARE


def _says_png(path: Path) -> bool:
    """Whether a PNG's text names this program."""
    with Image.open(path) as file:
        return file.format == "PNG" and file.info.get("Software") == SOFTWARE


def _says_zip(path: Path) -> bool:
    """Whether a ZIP's comment names this program."""
    with zipfile.ZipFile(path) as archive:
        return archive.comment == SOFTWARE.encode()


def _begins(path: Path, line: bytes) -> bool:
    """Whether a file begins so."""
    with open(path, "rb") as file:
        return file.read(len(line)) == line
