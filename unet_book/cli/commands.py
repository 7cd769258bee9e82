"""What the commands do, once their inputs have been looked at."""

from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from unet_book import metrics
from unet_book.cli.terminal import is_watched, say
from unet_book.datasets import Stack
from unet_book.datasets.files import Resolution, write_labels, write_tiff
from unet_book.finder import CellFinder
from unet_book.instances import Rule, find_cells
from unet_book.training.distributed import choose_device
from unet_book.training.evaluation import all_pixels, true_classes

__all__ = ["write_cells", "evaluate", "reproduce_parts"]


def write_cells(
    probabilities: Sequence[np.ndarray],
    rule: Rule,
    places: dict[str, Path],
    resolution: Resolution | None,
) -> None:
    """Write the cells of one file's images, and what the network answered if it was asked for.

    Parameters
    ----------
    probabilities : sequence of ndarray of float32, (H, W)
        The network's answers, of one size.
    rule : Rule
        How cells are made of them.
    places : dict of str to Path
        Where "cells" go, and "probability" if it is asked for.
    resolution : tuple or None
        The pixels' size, as `datasets.files.read_resolution` gives it.
    """
    probability = np.stack(probabilities)
    cells = np.stack([find_cells(frame, rule) for frame in probability])
    results = {"cells": (write_labels, cells), "probability": (write_tiff, probability)}
    for kind, path in places.items():
        write, images = results[kind]
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, images[0] if len(images) == 1 else images, resolution)
    say(f"{places['cells']}: {sum(int(frame.max()) for frame in cells)} cells")


def evaluate(choice: Namespace, finder: CellFinder, stack: Stack) -> None:
    """Print the errors on a data set.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book evaluate``.
    finder : CellFinder
        What finds the cells.
    stack : Stack
        Images and the truth.
    """
    cells = [find_cells(finder.answer(image), finder.rule) for image in stack.images]
    truth = all_pixels(true_classes(stack.labels))
    found = all_pixels([(image > 0).astype(np.int32) for image in cells])
    say(f"{stack.name}, {choice.split}: {len(stack)} images, {stack.cell_count()} cells")
    say(f"pixel error            {metrics.pixel_error(truth, found):8.2%}")
    say(f"  of the majority class{metrics.majority_error(truth):8.2%}")
    say(f"foreground IoU         {metrics.iou(truth, found):8.3f}")
    say(f"SEG, cell by cell      {_seg_of(stack.labels, cells):>8}")


def _seg_of(truth: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> str:
    """SEG over all cells of images of any sizes, or that there is none."""
    counts = [np.count_nonzero(np.unique(labels) > 0) for labels in truth]
    scores = [metrics.seg(t, f) if n else 0 for t, f, n in zip(truth, found, counts)]
    return f"{np.average(scores, weights=counts):.3f}" if any(counts) else "n/a: no true cell"


def reproduce_parts(choice: Namespace, names: Iterable[str]) -> None:
    """Train and score parts of a table; its record when none is missing.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book reproduce``.
    names : iterable of str
        Of the parts.
    """
    from unet_book.pages import reproduce  # which no other command needs

    parts = {part.name: part for part in reproduce.TABLES[choice.table].parts}
    choice.out.mkdir(parents=True, exist_ok=True)
    device = choose_device(choice.device)
    for name in names:
        run = reproduce.run_part(
            choice.table, parts[name], choice.out, device, progress=is_watched()
        )
        say(f"{name}: trained in {run['seconds']:.0f} s, and scored")
    missing = reproduce.missing_parts(choice.table, choice.out)
    if missing:
        say(f"the table still needs {', '.join(missing)}")
        return
    record = reproduce.collect(choice.table, choice.out, f"unet-book reproduce {choice.table}")
    path = choice.out / f"{choice.table}.json"
    reproduce.write_json(path, record, indent=1)
    say(f"the record: {path}")
