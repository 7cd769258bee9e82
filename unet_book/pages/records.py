"""What was measured once and is read on the page: records of runs and of benchmarks.

A record is a JSON file that says what was measured and how it was made: the command, the revision,
the versions, the machine, the time. A number without them can't be measured again.
"""

import base64
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from unet_book import _package
from unet_book._files import write_atomically
from unet_book.provenance import revision

__all__ = ["run", "benchmark", "write_run", "write_benchmark", "picture", "clean_revision"]

RUNS, BENCHMARKS = "data/runs", "benchmarks/results"


def run(name: str) -> dict:
    """The record data/runs/NAME.json of an experiment, as data/runs/README.md describes it.

    Parameters
    ----------
    name : str
        Of the record.

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError
        For another name, with those that there are.

    Examples
    --------
    >>> run("skips")["seeds"]
    [1, 2, 3, 4, 5, 6]
    """
    return _read(RUNS, name)


def benchmark(name: str) -> dict:
    """The record benchmarks/results/NAME.json, as benchmarks/README.md describes it.

    Parameters
    ----------
    name : str
        Of the record.

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError
        For another name, with those that there are.

    Examples
    --------
    >>> "machine" in benchmark("network")
    True
    """
    return _read(BENCHMARKS, name)


def write_run(name: str, record: dict, indent: int | None = 1) -> Path:
    """Write data/runs/NAME.json in the checkout, whole or not at all.

    Parameters
    ----------
    name : str
        Of the record.
    record : dict
        What JSON can hold.
    indent : int or None
        Spaces a level; None writes one line.

    Returns
    -------
    Path
        Of the file.
    """
    return _write(RUNS, name, record, indent)


def write_benchmark(name: str, record: dict, indent: int | None = 1) -> Path:
    """Write benchmarks/results/NAME.json in the checkout, whole or not at all.

    Parameters
    ----------
    name : str
        Of the record.
    record : dict
        What JSON can hold.
    indent : int or None
        As for `write_run`.

    Returns
    -------
    Path
        Of the file.
    """
    return _write(BENCHMARKS, name, record, indent)


def picture(stored: str) -> np.ndarray:
    """A map of probabilities that a record keeps as a picture.

    Parameters
    ----------
    stored : str
        A gray PNG file of 8 bits in base64.

    Returns
    -------
    ndarray of float32, (H, W)
        In [0, 1], in steps of 1 / 255.
    """
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(stored))))
    return pixels / np.float32(255)


def clean_revision() -> str:
    """The commit of the checkout, which holds no change: what it made can be made again from it.

    Returns
    -------
    str

    Raises
    ------
    SystemExit
        Where files differ from the commit, or where there is none.
    """
    made_at = revision()
    if made_at is None or made_at.endswith("-dirty"):
        sys.exit("commit first: the record names the revision that made it")
    return made_at


def _read(folder: str, name: str) -> dict:
    """The record of that name in a folder of the package."""
    files = {path.stem: path for path in _package.shipped(folder).glob("*.json")}
    if name not in files:
        known = ", ".join(sorted(files)) or "none"
        raise FileNotFoundError(f"no record {name!r} in {folder}; there are: {known}")
    return json.loads(files[name].read_text(encoding="utf-8"))


def _write(folder: str, name: str, record: dict, indent: int | None) -> Path:
    """Write a record into a folder of the checkout."""
    path = _package.checkout() / folder / f"{name}.json"
    separators = (",", ":") if indent is None else None
    text = json.dumps(record, indent=indent, separators=separators)
    text = re.sub(r"(?<=[\[\d,])\n\s*(?=[\d\]-])", " ", text)  # a list of numbers is one line
    write_atomically(path, text.encode() + b"\n")
    return path
