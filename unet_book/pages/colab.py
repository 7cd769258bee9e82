"""The chapter "Your own images" with those of a reader, in Colab and anywhere else.

The chapter's notebook works on an example. One variable at its top puts the reader's folder in the
example's place: ``FOLDER = None`` is the example, ``"upload"`` asks for a ZIP file (in Colab), and
any other word is a folder or a ZIP file, in Colab also one of the reader's Drive. At its end `give`
hands out what was made: in Colab, where the machine is taken away, as a download.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from types import ModuleType

from unet_book._archive import unpack

__all__ = ["folder", "give"]

LARGEST = 2**32  # bytes that a reader's images may unpack to
DRIVE = Path("/content/drive")  # where Colab shows a reader's Drive
UPLOAD = "upload"
LEFT_OUT = ("checkpoint.safetensors",)  # three times the network, and only of use where it lies
ARRANGED = ("images", "masks")


def folder(mine: str | PathLike | None, example: str | PathLike) -> Path:
    """The folder that a page works on.

    Parameters
    ----------
    mine : str, PathLike or None
        None takes the example. "upload" asks for a ZIP file, in Colab. Else a folder, or a ZIP
        file, which is unpacked to a temporary folder. What lies below /content/drive is of the
        reader's Drive, and Colab asks before it shows that.
    example : str or PathLike
        The folder of the example.

    Returns
    -------
    Path
        Where a ZIP file has one folder around everything, the inner one.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If nothing can be uploaded, or not one ZIP file was, or it can't be unpacked.
    """
    if mine is None:
        return Path(example)
    if mine == UPLOAD:
        return _unpacked(_uploaded())
    place = Path(mine).expanduser()
    if place.is_relative_to(DRIVE) and not place.exists():
        _show_drive()
    if place.is_dir():
        return place
    if not place.is_file():
        raise FileNotFoundError(f"there is no folder {place}, and no ZIP file of that name")
    return _unpacked(place)


def give(*results: str | PathLike, name: str = "results.zip") -> None:
    """Hand out files and folders: in Colab one ZIP file to download, elsewhere their places.

    Checkpoints stay behind, and hidden files.

    Parameters
    ----------
    *results : str or PathLike
        What was made.
    name : str
        Of the ZIP file.

    Raises
    ------
    FileNotFoundError
        If one of them isn't there.
    """
    for result in map(Path, results):
        if not result.exists():
            raise FileNotFoundError(f"there is no {result} to hand out")
    colab = _colab()
    if colab is None:
        for result in map(Path, results):
            print(result.as_posix())
        return
    archive = Path(tempfile.mkdtemp()) / name
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for result in map(Path, results):
            for path in _files(result):
                file.write(path, path.relative_to(result.parent))
    colab.files.download(str(archive))


def _colab() -> ModuleType | None:
    """google.colab, or None elsewhere."""
    try:
        import google.colab.drive
        import google.colab.files
    except ImportError:
        return None
    return google.colab


def _uploaded() -> Path:
    """The ZIP file that the reader chooses."""
    colab = _colab()
    if colab is None:
        raise ValueError("an upload needs Colab; here, write the path of your folder instead")
    given = colab.files.upload()  # names and contents
    if len(given) != 1:
        raise ValueError(f"one ZIP file with images/ and masks/ is needed, not {len(given)} files")
    ((name, content),) = given.items()
    archive = Path(tempfile.mkdtemp()) / Path(name).name
    archive.write_bytes(content)
    return archive


def _show_drive() -> None:
    """Let Colab show the reader's Drive, after it has asked."""
    colab = _colab()
    if colab is not None:
        colab.drive.mount(str(DRIVE))


def _unpacked(archive: Path) -> Path:
    """A new folder with what is in the archive."""
    place = Path(tempfile.mkdtemp()) / archive.stem
    try:
        unpack(archive, place, LARGEST)
    except BaseException:
        shutil.rmtree(place.parent)
        raise
    return _innermost(place)


def _innermost(place: Path) -> Path:
    """The folder below that holds more than one folder with everything in it."""
    inside = list(place.iterdir())
    while len(inside) == 1 and inside[0].is_dir() and inside[0].name.lower() not in ARRANGED:
        place = inside[0]
        inside = list(place.iterdir())
    return place


def _files(result: Path) -> Iterator[Path]:
    """A file, or the files of a folder, in order, that are handed out."""
    for path in sorted(result.rglob("*")) if result.is_dir() else [result]:
        if path.is_file() and path.name not in LEFT_OUT and not path.name.startswith("."):
            yield path
