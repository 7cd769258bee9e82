"""Unpacking a ZIP file that somebody else made."""

import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

__all__ = ["unpack"]


def unpack(archive: Path, folder: Path, largest: int) -> None:
    """Unpack a ZIP file, unless it is too large or reaches outside the folder.

    What a Mac adds to such a file is left out: its "._1.tif" beside 1.tif is no image.

    Parameters
    ----------
    archive : Path
        The file.
    folder : Path
        It is made if need be.
    largest : int
        Bytes that all of it may become.

    Raises
    ------
    ValueError
        If the file is damaged, no ZIP, encrypted, or what it would write is refused; before
        anything is written, but for damage within.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            entries = [entry for entry in file.infolist() if not _of_a_mac(entry.filename)]
            total = sum(entry.file_size for entry in entries)
            if total > largest:
                raise ValueError(f"{archive.name} unpacks to more than {largest:,} bytes; refused")
            for entry in entries:
                _refuse_escape(entry.filename, folder, archive)
                if entry.flag_bits & 1:
                    raise ValueError(f"{archive.name} is encrypted; make one without a password")
            folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(folder).free
            if total > free:
                raise ValueError(
                    f"{archive.name} unpacks to {total:,} bytes, and {free:,} are free"
                )
            file.extractall(folder, entries)
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise ValueError(f"{archive.name} is truncated or no zip archive ({error})") from error


def _of_a_mac(name: str) -> bool:
    """Whether an entry is what macOS notes for itself."""
    path = PurePosixPath(name)
    return "__MACOSX" in path.parts or path.name.startswith("._") or path.name == ".DS_Store"


def _refuse_escape(name: str, folder: Path, archive: Path) -> None:
    """Refuse an entry that would be written outside the folder."""
    # zipfile would rename such an entry and go on; an archive that tries this is not to be trusted.
    inside = (folder / name.replace("\\", "/")).resolve()
    if not inside.is_relative_to(folder.resolve()):
        raise ValueError(f"{archive.name}: entry {name!r} points outside the folder; refused")
