"""The header of a network's file; it is read without torch, so a wrong file is told at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open

__all__ = ["read", "opened"]

KEY = "unet_book"


def read(path: str | Path) -> dict:
    """The header of a checkpoint.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict
        At least its "network" and its "state".

    Raises
    ------
    ValueError, FileNotFoundError
        As `opened` does.
    """
    with opened(path, "np") as (_, header):
        return header


@contextmanager
def opened(path: str | Path, framework: str) -> Iterator[tuple[safe_open, dict]]:
    """A checkpoint's open file and its header.

    Parameters
    ----------
    path : str or Path
        The file.
    framework : str
        Its tensors come as "np" or "pt" has them.

    Yields
    ------
    tuple of safe_open, dict
        Both, for a `with`.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    IsADirectoryError
        For a folder.
    ValueError
        If it is damaged, or no checkpoint.
    """
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder, and a checkpoint is a file")
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        with safe_open(path, framework=framework) as file:
            header = file.metadata() or {}
            if KEY not in header:
                raise ValueError(f"{path} is a safetensors file, but not a checkpoint of unet_book")
            yield file, _parsed(path, header[KEY])
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged, or not a safetensors file: {error}") from error


def _parsed(path: str | Path, text: str) -> dict:
    """The header as it was saved; ValueError if a part of it is missing."""
    try:
        header = json.loads(text)
        dict(header["network"]), dict(header["state"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is damaged: its header is no checkpoint's ({error})") from error
    return header
