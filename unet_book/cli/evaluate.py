"""``unet-book evaluate``, once its inputs have been looked at."""

import warnings
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import astuple

import numpy as np

from unet_book import metrics, outputs, scores
from unet_book._files import write_atomically
from unet_book.cli.terminal import progress, say
from unet_book.datasets import Stack
from unet_book.finder import CellFinder, fingerprint
from unet_book.instances import find_cells
from unet_book.report.evidence import NETWORK, count
from unet_book.scores import Score

__all__ = ["evaluate"]

WIDTH = 16  # letters of a name
COLUMNS = {  # of the printed table: what a field of a score is called there, and how it looks
    "cells": ("cells", "{:5d}"),
    "found": ("found", "{:5d}"),
    "pixel_error": ("pixels", "{:6.2%}"),
    "seg": ("SEG", "{:5.3f}"),
    "f1_50": ("F1 .5", "{:5.3f}"),
    "f1_70": (".7", "{:5.3f}"),
    "f1_90": (".9", "{:5.3f}"),
    "ap": ("AP", "{:5.3f}"),
    "merged": ("merged", "{:6d}"),
    "split": ("split", "{:5d}"),
    "missed": ("missed", "{:6d}"),
    "invented": ("invented", "{:8d}"),
}


def evaluate(choice: Namespace, finder: CellFinder, stack: Stack) -> None:
    """Print how good the cells are, image by image and in all, beside Otsu's.

    Of a folder, without a word on which part of it, the images that trained the network are left
    out.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book evaluate``.
    finder : CellFinder
        What finds the cells.
    stack : Stack
        Images, normalized for the finder, and the truth.
    """
    stack = _new_to(finder, _annotated(stack), leave_out=choice.split is None)
    images, truth = list(stack.images), list(stack.labels)
    answers = map(finder.answer, progress(images, "image"))
    found = {NETWORK: [find_cells(answer, finder.rule) for answer in answers]}
    rows = scores.rows(stack.names, truth, found | scores.yardsticks(images, truth))
    _print(stack, rows)
    if choice.csv is not None:
        lines = [scores.HEADER, *((image, way, *astuple(score)) for image, way, score in rows)]
        write_atomically(choice.csv, b"".join(map(outputs.csv_line, lines)))
        say(f"the table: {choice.csv}")


def _annotated(stack: Stack) -> Stack:
    """The images on which a pixel is annotated; on another nothing can be right or wrong."""
    kept = [i for i, labels in enumerate(stack.labels) if (labels >= 0).any()]
    if not kept:
        raise ValueError(f"{stack.name}: nothing is annotated on any image")
    for i in sorted({*range(len(stack))} - {*kept}):
        warnings.warn(f"{stack.names[i]}: nothing is annotated; it is left out", stacklevel=2)
    return stack.pick(kept)


def _new_to(finder: CellFinder, stack: Stack, leave_out: bool) -> Stack:
    """The images that did not train the network, if others are to be left out; else a warning."""
    seen = {i for i, image in enumerate(stack.images) if fingerprint(image) in finder.seen}
    if not seen:
        return stack
    if leave_out and len(seen) < len(stack):
        say(
            f"{len(seen)} of the {len(stack)} images trained the network and are left out; "
            "--split all takes them, too"
        )
        return stack.pick(i for i in range(len(stack)) if i not in seen)
    warnings.warn(
        f"{len(seen)} of these {len(stack)} images trained the network, and what is found on them "
        "says little about others",
        stacklevel=2,
    )
    return stack


def _print(stack: Stack, rows: Sequence[tuple[str, str, Score]]) -> None:
    """The network's scores image by image; then those of all ways on all images."""
    say(f"{stack.name}: {count(len(stack), 'image')}, {count(stack.cell_count(), 'cell')}")
    titles = [title.rjust(_width(look)) for title, look in COLUMNS.values()]
    say(" ".join(["".ljust(WIDTH), *titles]))
    for image, way, score in rows:
        if way == NETWORK and image != scores.ALL:
            say(_line(image, score))
    say("all images")
    for image, way, score in rows:
        if image == scores.ALL:
            say(_line(way, score))
    pixels = np.concatenate([np.minimum(labels, 1).ravel() for labels in stack.labels])
    say(f"{'majority class':{WIDTH}} {'':11} {metrics.majority_error(pixels):6.2%}")


def _line(name: str, score: Score) -> str:
    """One line of the printed table."""
    name = name if len(name) <= WIDTH else f"{name[: WIDTH - 1]}…"
    values = ((getattr(score, field), look) for field, (_, look) in COLUMNS.items())
    looks = [
        "n/a".rjust(_width(look)) if value is None else look.format(value) for value, look in values
    ]
    return " ".join([name.ljust(WIDTH), *looks])


def _width(look: str) -> int:
    """How wide a column is."""
    return len(look.format(0))
