"""A run: the folder of one training, which no other training touches."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from unet_book import _header
from unet_book._files import write_atomically

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None

__all__ = ["Folder", "check_place", "find_model"]

MODEL, CHECKPOINT = "model.safetensors", "checkpoint.safetensors"
RECORD, REPORT = "run.json", "report.html"


class Folder:
    """The folder of one training: checkpoint, trained network, the record of the run, its report.

    ``with Folder(path).locked():`` keeps every other training out of it. What stands there is
    replaced only by what the same training makes of it (`training.identity`).

    Parameters
    ----------
    path : str or PathLike
        The folder; it need not be there yet.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.model = self.path / MODEL
        self.checkpoint = self.path / CHECKPOINT
        self.record = self.path / RECORD
        self.report = self.path / REPORT

    def checkpoint_of(self, name: str) -> Path:
        """The checkpoint of one training of several: of a fold, or (without a name) of the last.

        Parameters
        ----------
        name : str
            The fold's, or "".

        Returns
        -------
        Path
        """
        return self.path / f"{name}.{CHECKPOINT}" if name else self.checkpoint

    def check(self) -> None:
        """Refuse a folder in which no training could begin or go on; nothing is made or changed.

        Raises
        ------
        NotADirectoryError
            If a file stands in its place.
        PermissionError
            If nothing can be written there.
        FileExistsError
            If a trained network lies there whose checkpoint is gone: nobody can
            tell whose it is.
        ValueError
            If the checkpoint is damaged, or is none.
        """
        check_place(self.path)
        if self.checkpoint.exists():
            _header.read(self.checkpoint)
        elif self.model.exists():
            raise FileExistsError(
                f"{self.model} is a trained network whose checkpoint is gone: train into "
                "another folder, or move it away"
            )

    @contextmanager
    def locked(self) -> Iterator[Folder]:
        """Within it this process alone trains here.

        Yields
        ------
        Folder
            Itself.

        Raises
        ------
        BlockingIOError
            With the process and since when, if another one does; and what `check` raises.
        """
        self.check()
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "a+") as file:
            if not _lock(file):
                file.seek(0)
                raise BlockingIOError(
                    f"{self.path}: another training is at work there: {file.read().strip()}"
                )
            file.truncate(0)
            file.write(f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            file.flush()
            try:
                self.check()  # again, since only now nobody else changes it
                yield self
            finally:
                file.truncate(0)

    def write_record(self, record: dict, finished_before: bool) -> None:
        """Keep the record of a run; that of a training that had ended before it stands.

        Parameters
        ----------
        record : dict
            What JSON can hold.
        finished_before : bool
            Whether the training had ended before this run.
        """
        if not (finished_before and self.record.exists()):
            write_atomically(self.record, json.dumps(record, indent=1).encode())


def check_place(folder: str | os.PathLike) -> None:
    """Refuse a folder that can't be made or written into.

    Parameters
    ----------
    folder : str or PathLike
        It need not be there.

    Raises
    ------
    NotADirectoryError
        If a file stands in its place.
    PermissionError
        If nothing can be written there.
    """
    folder = Path(folder)
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if there.is_symlink() and not there.exists():
        raise NotADirectoryError(f"{there} is a link to nowhere, and {folder} should be a folder")
    if not there.is_dir():
        raise NotADirectoryError(f"{there} is a file, and {folder} should be a folder")
    if not os.access(there, os.W_OK):
        raise PermissionError(f"can't write into {there}")


def find_model(path: str | os.PathLike) -> Path:
    """The trained network that a path is, or that the folder of a run holds.

    Parameters
    ----------
    path : str or PathLike
        A file, or the folder of a run.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    file = Folder(path).model if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no trained network {file}; train writes one at its end")
    return file


def _lock(file: IO[str]) -> bool:
    """Whether nobody else holds the lock of the open `file`, which ends with this process."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
