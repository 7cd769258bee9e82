"""Writing a file so that its place holds a whole one at every moment: the old or the new."""

import os
import secrets
from pathlib import Path

__all__ = ["write_atomically"]


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
    target = Path(path).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # a full disk names no file
            error.filename = str(path)
        raise
