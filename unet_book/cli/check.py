"""``unet-book check``: what a folder holds, what is wrong in it, and what training will do.

The table and the list need no torch, so they are there in a moment; only the recipe, when nothing
stands against a training, does.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence, Sized
from pathlib import Path

import numpy as np

from unet_book import datasets
from unet_book.cli.inputs import check_minutes
from unet_book.cli.terminal import say
from unet_book.datasets.checks import listed, tell
from unet_book.datasets.inspection import Entry, Findings, inspect

__all__ = ["check", "before_training", "table", "summary"]

ROWS = 12  # of a table; of more images those alike share a row
LONGEST = 24  # letters of a name in it
HEADS = "image size type axes gray cells diameter in_cells touching unlabeled".split()
NUMBERED = ("numbers", "classes")  # readings that tell two cells that touch apart
READINGS = {
    "numbers": "in the masks each cell has a number",
    "white": "black and white masks: each white piece is a cell",
    "halves": "black and white masks, cut at half: each piece above is a cell",
    "classes": "in the masks each piece of the named classes is a cell",
}


def check(choice: Namespace) -> int:
    """Print what a folder holds, what is wrong or doubtful, and what a training would do.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book check``.

    Returns
    -------
    int
        The exit status: 1 where it would not train.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    ValueError
        For minutes that can't be.
    """
    check_minutes(choice.minutes)
    found = inspect(choice.folder, choice.classes, choice.ignore, choice.hold_out)
    _say([f"{found.folder}: {_count(found.names, 'image')} with masks", ""])
    if found.entries:
        _say([*table(found), "", *summary(found), ""])
    _say(_list("This would not train. To mend:", tell(found.errors, found.folder)))
    _say(_list("Doubtful, though it would train:", tell(found.doubts, found.folder)))
    if found.errors:
        return 1
    from unet_book.cli import plan  # and torch

    _say(plan.lines(found, choice))
    return 0


def before_training(choice: Namespace) -> int:
    """Look at a folder of one's own before a training, and print what is wrong or doubtful.

    Doubts that are told here are not told again when the folder is read.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book train``.

    Returns
    -------
    int
        The exit status of what must not begin, or 0.
    """
    if str(choice.data).lower() in datasets.names() or not Path(choice.data).is_dir():
        return 0
    found = inspect(choice.data, choice.classes, choice.ignore, choice.hold_out)
    for line in tell(found.errors):
        print(f"unet-book: {line}", file=sys.stderr)
    if found.errors:
        return 2
    for doubt in found.doubts:
        warnings.filterwarnings("ignore", re.escape(str(doubt)))
    if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
        _say(summary(found))
        _say(_list("doubtful:", tell(found.doubts, found.folder)))
    return 0


def table(found: Findings) -> list[str]:
    """A line an image; where there are many, a line for those that are alike.

    Parameters
    ----------
    found : Findings
        With one entry at least.

    Returns
    -------
    list of str
    """
    entries = found.entries
    if len(entries) <= ROWS:
        rows = [_row([entry], found.reading, _short(entry.name)) for entry in entries]
    else:
        groups = _groups(entries, lambda entry: (entry.shape, entry.type, _axes(entry)))
        if len(groups) > ROWS:
            groups = _groups(entries, lambda entry: (entry.type, _axes(entry)))
        rows = [_row(group, found.reading, _count(group, "image")) for group in groups]
    cells = [[head.replace("_", " ") for head in HEADS], *rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


def summary(found: Findings) -> list[str]:
    """What the images of a folder have in common, in a few lines.

    Parameters
    ----------
    found : Findings
        With one entry at least.

    Returns
    -------
    list of str
    """
    entries, reading = found.entries, found.reading
    row = dict(zip(HEADS, _row(entries, reading, "all")))
    few, many = np.percentile(found.diameters, [10, 90]) if found.diameters.size else (0, 0)
    touching = f"; {row['touching']} of them touch another" * (row["touching"] != "-")
    annotated = f"{row['unlabeled']} not annotated" if row["unlabeled"] != "-" else "all annotated"
    return [
        f"{_count(entries, 'pair')}, {row['size']}, {row['type']}; {READINGS[reading]}",
        f"{_count(found.diameters, 'cell')}, {row['cells']} an image{touching}",
        f"diameter of a cell: {row['diameter']} in the middle, four of five are {few:.0f} to "
        f"{many:.0f} px",
        f"pixels in cells: {row['in_cells']}, in an image {_shares(entries)}; {annotated}",
    ]


def _row(entries: Sequence[Entry], reading: str, name: str) -> list[str]:
    """What one image has, or several have in common, under each of `HEADS`."""
    pixels = sum(entry.look.pixels for entry in entries)
    covered = sum(int(entry.areas.sum()) for entry in entries) / pixels
    unknown = sum(entry.look.unknown * entry.look.pixels for entry in entries) / pixels
    diameters = np.concatenate([entry.diameters for entry in entries])
    lows, highs = [entry.low for entry in entries], [entry.high for entry in entries]
    shapes = sorted(entry.shape for entry in entries)
    return [
        name,
        _to(*(f"{height} x {width}" for height, width in (shapes[0], shapes[-1]))),
        listed(sorted({entry.type for entry in entries})),
        listed(sorted({_axes(entry) for entry in entries})),
        f"{min(lows):g} to {max(highs):g}",
        _to(*(str(count([entry.cells for entry in entries])) for count in (min, max))),
        f"{np.median(diameters):.0f} px" if diameters.size else "-",
        f"{covered:.1%}",
        # White cells that touch are one cell: it can't be told.
        str(sum(entry.look.touching for entry in entries)) if reading in NUMBERED else "-",
        f"{unknown:.1%}" if unknown else "-",
    ]


def _shares(entries: Sequence[Entry]) -> str:
    """From which to which share of an image lies in cells."""
    shares = [entry.foreground for entry in entries]
    return _to(f"{min(shares):.1%}", f"{max(shares):.1%}")


def _groups(entries: Sequence[Entry], key: Callable[[Entry], object]) -> list[list[Entry]]:
    """Those with one key together, the most first."""
    groups: dict[object, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(key(entry), []).append(entry)
    return sorted(groups.values(), key=len, reverse=True)


def _to(first: str, last: str) -> str:
    """A range, or the one value."""
    return first if first == last else f"{first} to {last}"


def _axes(entry: Entry) -> str:
    """The axes of the file, and how many channels if there are several."""
    return entry.axes + f", {entry.channels} channels" * (entry.channels > 1)


def _short(name: str) -> str:
    """The end of a long name, which tells it from others more often than the beginning."""
    return name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}"


def _count(things: Sized, name: str) -> str:
    """How many, in words."""
    return f"{len(things):,} {name}{'s' * (len(things) != 1)}"


def _list(head: str, lines: Sequence[str]) -> list[str]:
    """A list under its head; nothing if there is nothing."""
    return [head, *(f"- {line}" for line in lines), ""] if lines else []


def _say(lines: Iterable[str]) -> None:
    """Print lines at once."""
    for line in lines:
        say(line)
