"""Chapter 6's experiment: do narrow gaps stay open, with the border term and without?

    python benchmarks/merges.py

trains the network of `quick` for 200 steps on the nuclei, from several seeds, with w_0 = 0 and with
w_0 = 10 and all else equal (same tiles, same initial weights), and counts on the held-out part how
many cells the prediction joins. It writes data/runs/merges.json, and runs only from a checkout
without changes, so that the record names a revision that can be checked out again. About 25 minutes
on one CPU core. Other data sets may be named after the command; of them, too, only numbers are
kept.
"""

import argparse
from collections.abc import Iterable
from dataclasses import asdict, replace

import harness
import numpy as np
import torch

from unet_book import datasets, metrics
from unet_book.overlap_tile import predict
from unet_book.training import PRESETS, classes, train
from unet_book.weight_map import part_touching_cells

SEEDS = range(1, 6)
STRENGTHS = (0.0, 10.0)
PRESET = replace(PRESETS["quick"], steps=200, measure_every=200, balance=True)


def merged(truth: np.ndarray, prediction: np.ndarray) -> int:
    """How many borders are missing: a predicted cell that covers k true ones joins k - 1.

    Both are instance labels (H, W). It covers a true cell if it holds more than half of it.
    """
    table, true_ids, predicted_ids = metrics.overlap_table(truth, prediction)
    covered = 2 * table > table.sum(1, keepdims=True)
    joined = covered[true_ids > 0][:, predicted_ids > 0].sum(0)
    return int(np.maximum(joined - 1, 0).sum())


def measure(model: torch.nn.Module, held_out: datasets.Stack, tile: int) -> dict:
    """Joined cells, SEG and pixel error of the more probable class on the held-out images."""
    found = np.stack([predict(model, image, tile).argmax(0) for image in held_out.images])
    labels = np.stack([datasets.instances(answer == 1) for answer in found]).astype(np.int32)
    parted = part_touching_cells(held_out.labels)
    return {
        "merged": sum(merged(*pair) for pair in zip(held_out.labels, labels)),
        "seg": metrics.seg(held_out.labels, labels),
        "pixel_error": metrics.pixel_error(classes(parted), found),
    }


def experiment(name: str, seeds: Iterable[int]) -> dict:
    """All trainings on one data set."""
    data, held_out = (datasets.load(name, split) for split in ("train", "test"))
    runs = {str(w0): [] for w0 in STRENGTHS}
    for seed in seeds:
        for w0 in STRENGTHS:
            how = {"seed": seed, "device": "cpu", "progress": False}
            model = train(data, replace(PRESET, w0=w0), **how).model
            runs[str(w0)].append(measure(model, held_out, PRESET.tile))
            print(name, seed, w0, runs[str(w0)][-1], flush=True)
    return {"cells": held_out.cell_count(), "w0": runs}


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", nargs="*", default=["nuclei"], help="names of data sets")
    names = parser.parse_args(arguments).data

    def measured() -> dict:
        return {
            "preset": {key: value for key, value in asdict(PRESET).items() if key != "w0"},
            "seeds": list(SEEDS),
            "data": {name: experiment(name, SEEDS) for name in names},
        }

    harness.experiment("merges", measured, arguments)


if __name__ == "__main__":
    main()
