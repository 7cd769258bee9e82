"""``unet-book predict``, once its inputs have been looked at."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np

from unet_book import outputs
from unet_book.cli import inputs
from unet_book.cli.terminal import progress, say
from unet_book.finder import CellFinder
from unet_book.instances import Rule, find_cells
from unet_book.outputs import Frame, Origin
from unet_book.report.evidence import count

__all__ = ["Predictor"]


class Predictor:
    """Finds the cells of one image after the other, and writes what was asked for.

    ``with Predictor(choice, network) as predictor:`` keeps the table of all cells open; at the end
    it says how many there are.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book predict``.
    network : Path
        A trained network's file.

    Raises
    ------
    ValueError
        For a diameter, where the network has trained on images as they are.
    """

    def __init__(self, choice: Namespace, network: Path) -> None:
        finder = CellFinder.load(network, choice.device)
        if choice.diameter and finder.diameter is None:
            raise ValueError(
                f"--diameter {choice.diameter:g}: this network has trained on images as they are, "
                "and brings no cells to another size"
            )
        self.finder = replace(finder, rule=_rule(finder.rule, choice))
        self.diameter = choice.diameter
        self.table = outputs.Table(choice.out / inputs.TABLE) if choice.table else None
        self.writers = {
            "cells": outputs.label_tiff,
            "probability": outputs.probability_tiff,
            "overlay": partial(outputs.overlay_picture, numbers=choice.numbers),
            "rois": outputs.fiji_rois,
            "geojson": outputs.qupath_geojson,
        }
        self.images, self.areas, self.sizes = 0, Counter(), set()

    def __enter__(self) -> Predictor:
        if self.table:
            self.table.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.table:
            self.table.__exit__(kind, error, traceback)
            say(f"the table: {self.table.path}")
        say(self._summary())

    def write(
        self,
        name: str,
        source: Path | np.ndarray,
        frames: Sequence[np.ndarray],
        origin: Origin,
        places: dict[str, Path],
    ) -> None:
        """Find the cells of one file, frame by frame, and write all results or none.

        Parameters
        ----------
        name : str
            What it is called in the table.
        source : Path or ndarray
            The file, or an image of a data set.
        frames : sequence of ndarray, (H, W)
            Its images.
        origin : Origin
            What the file says of them.
        places : dict of str to Path
            Where results go, as `inputs.places` gives them.

        Raises
        ------
        ValueError
            If gray values can't be, as NaN; with the file's name.
        """
        areas, factors = Counter(), []
        with ExitStack() as opened:
            # The table first: it is closed last, and takes the rows back where a file failed.
            adds = [opened.enter_context(self.table.image(name, origin))] if self.table else []
            adds += [opened.enter_context(self.writers[k](places[k], origin)) for k in places]
            for number, image in enumerate(progress(frames, "frame", inner=True), start=1):
                frame, by = self._frame(image, number, source)
                factors.append(by)
                areas.update(np.bincount(frame.labels.ravel())[1:].tolist())
                for add in adds:
                    add(frame)
        self.images += len(frames)
        self.areas += areas
        self.sizes.add(outputs.pixel_size(origin.resolution))
        say(f"{places['cells']}: {count(areas.total(), 'cell')}{_resampled(factors)}")

    def _frame(
        self, image: np.ndarray, number: int, source: Path | np.ndarray
    ) -> tuple[Frame, float]:
        """One image with its cells, and by how much it was enlarged to find them."""
        is_unit = not isinstance(source, Path)  # a data set's image lies in [0, 1] already
        plain = is_unit and self.finder.percentiles is None
        try:
            normalized = image if plain else self.finder.normalized(image)
            probability, by = self.finder.sized_answer(normalized, self.diameter)
        except ValueError as error:
            where = "" if is_unit else f"{source}: frame {number}: "
            raise ValueError(f"{where}{error}") from None
        return Frame(image, find_cells(probability, self.finder.rule), probability, number), by

    def _summary(self) -> str:
        """How many images and cells there were, and how large the cell in the middle is."""
        line = f"{count(self.images, 'image')}, {count(self.areas.total(), 'cell')}"
        if not self.areas:
            return line
        areas = np.repeat(*np.transpose(sorted(self.areas.items())))
        median = float(np.median(areas))
        line += f", median area {median:g} px"
        if None in self.sizes or len(self.sizes) > 1:
            return line
        [(width, height)] = self.sizes
        return f"{line} ({median * width * height:.4g} µm²)"


def _resampled(factors: Sequence[float]) -> str:
    """By how much the frames of a file were enlarged, where any was."""
    least, most = min(factors), max(factors)
    if least == most == 1:
        return ""
    return f", resampled by {least:.2g}" + (f" to {most:.2g}" if most > least else "")


def _rule(rule: Rule, choice: Namespace) -> Rule:
    """The trained rule with what was asked for; a core is never below the threshold."""
    threshold = rule.threshold if choice.threshold is None else choice.threshold
    smallest = rule.smallest if choice.min_size is None else choice.min_size
    core = None if rule.core is None else max(rule.core, threshold)
    return replace(rule, threshold=threshold, core=core, smallest=smallest)
