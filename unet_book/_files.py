"""Writing a file so that its place holds a whole one at every moment: the old or the new."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import BinaryIO

__all__ = ["write_atomically", "replacing", "left_over"]

KEPT = 50  # letters of a name that its temporary file has; a name is 255 bytes at most


def write_atomically(path: str | os.PathLike, content: bytes) -> None:
    """Write a file, or what it links to, so that it never holds a part of the content.

    The bytes go to a temporary file in the same folder, to the disk, and only then get the name.

    Parameters
    ----------
    path : str or PathLike
        Its folder is made if need be.
    content : bytes
        All of the file.

    Raises
    ------
    OSError
        If that fails; the temporary file is removed.
    """
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A file to write piece by piece, which takes its place when all of it is there.

    Parameters
    ----------
    path : str or PathLike
        Its folder is made if need be.

    Yields
    ------
    BinaryIO
        The temporary file, to be written and read. After an error it is removed, and what was in
        its place stays.

    Raises
    ------
    OSError
        If it can't be written.
    """
    target = Path(path).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name[:KEPT]}.{secrets.token_hex(4)}.partial")
    try:
        with open(temporary, "xb+") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # a full disk names no file
            error.filename = str(path)
        raise


def left_over(target: Path) -> Iterator[Path]:
    """What processes that were killed while they wrote a file have left beside it.

    Parameters
    ----------
    target : Path
        The file.

    Returns
    -------
    iterator of Path
        Its temporary files.
    """
    return target.parent.glob(f".{escape(target.name[:KEPT])}.{'?' * 8}.partial")
