"""Chapter 9's experiment: the learning rate that the paper does not give.

    UNET_BOOK_DATA=... python benchmarks/learning_rates.py

A small network learns with the paper's recipe, SGD with momentum 0.99, one tile a step, the
weighted energy and dropout, at learning rates from 1e-5 to 1e-1, from three seeds each. Beside it
Adam with a rate that falls to 0 along a cosine, the recipe of today, for as many steps; the seconds
of every run are in the record. All else is the same: network, tiles, initial weights, energy,
augmentation. Writes data/runs/learning_rates.json, numbers only, and runs only from a checkout
without changes. ISBI 2012 takes part, with fewer rates, where UNET_BOOK_DATA has it. `--trial`
trains a few steps and prints. Twelve minutes of one CPU core.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import harness
import numpy as np
import torch

from unet_book import datasets
from unet_book.overlap_tile import predict
from unet_book.training import Preset, classes, train
from unet_book.weight_map import part_touching_cells

SEEDS = (1, 2, 3)
SGD, ADAM = "SGD, momentum 0.99", "Adam, cosine"
RATES = {
    "nuclei": {
        SGD: (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1),
        ADAM: (5e-4, 2e-3, 8e-3),
    },
    "isbi2012": {SGD: (1e-4, 3e-4, 1e-3, 3e-3), ADAM: (2e-3,)},
}
PRESET = Preset(base_channels=8, depth=2, tile=124, steps=600, measure_every=100)
RECIPES = {
    SGD: {"optimizer": "sgd", "momentum": 0.99, "schedule": "constant"},
    ADAM: {"optimizer": "adam", "schedule": "cosine"},
}
LEARNED, NOT_LEARNED, NO_NUMBER = OUTCOMES = "learned", "not learned", "not a number"
LOOKED = 0.25  # balanced error below which a network has learned: half of what guessing gives


def images_of(name: str) -> Sequence[datasets.Stack]:
    """What is learned from, and what is held out: of ISBI the middle of the last six slices."""
    if name == "isbi2012":
        return harness.isbi_slices()
    return [datasets.load(name, split) for split in ("train", "test")]


def train_once(
    name: str,
    data: datasets.Stack,
    held_out: datasets.Stack,
    preset: Preset,
    recipe: str,
    rate: float,
    seed: int,
) -> dict:
    """One training; its history is empty where the loss or a weight became no number."""
    how = replace(preset, learning_rate=rate, **RECIPES[recipe])
    line = {"data": name, "recipe": recipe, "learning_rate": rate, "seed": seed}
    began = time.process_time()
    try:
        found = train(data, how, held_out, seed=seed, device="cpu", progress=False)
    except FloatingPointError as error:  # its first words name the step
        line |= {"outcome": NO_NUMBER, "stopped": str(error).partition(":")[0], "history": []}
    else:
        error = balanced_error(found.model, held_out, preset.tile)
        outcome = LEARNED if error < LOOKED else NOT_LEARNED
        line |= {"outcome": outcome, "balanced_error": error, "history": found.history}
    return line | {"cpu_seconds": round(time.process_time() - began, 1)}


def balanced_error(model: torch.nn.Module, held_out: datasets.Stack, tile: int) -> float:
    """Share of wrong pixels among cells and among background, the mean of both.

    0.5 for a network that answers the same everywhere: the energy weighs both classes alike, too.
    """
    truth = classes(part_touching_cells(held_out.labels))
    found = np.stack([predict(model, image, tile).argmax(0) for image in held_out.images])
    return float(np.mean([(found[truth == label] != label).mean() for label in (0, 1)]))


def summary(runs: list[dict]) -> list[dict]:
    """One row a data set, recipe and rate: how many seeds ended how, and their last errors."""
    rows = []
    for key in dict.fromkeys((r["data"], r["recipe"], r["learning_rate"]) for r in runs):
        same = [r for r in runs if (r["data"], r["recipe"], r["learning_rate"]) == key]
        ended = [r for r in same if r["history"]]
        row = dict(zip(("data", "recipe", "learning_rate"), key))
        row |= {outcome: sum(r["outcome"] == outcome for r in same) for outcome in OUTCOMES}
        row["pixel_error"] = median([r["history"][-1]["error"] for r in ended])
        row["balanced_error"] = median([r["balanced_error"] for r in ended])
        row["loss"] = median([r["history"][-1]["loss"] for r in ended])
        row["cpu_seconds"] = median([r["cpu_seconds"] for r in same])
        rows.append(row)
    return rows


def median(values: list[float]) -> float | None:
    """None of nothing."""
    return statistics.median(values) if values else None


def measure(trial: bool) -> dict:
    """All trainings, one by one and summed up; in a trial few steps of one seed."""
    preset = replace(PRESET, steps=10, measure_every=5) if trial else PRESET
    seeds, runs = SEEDS[:1] if trial else SEEDS, []
    for name in filter(datasets.is_here, RATES):
        images = images_of(name)
        for recipe, rates in RATES[name].items():
            for rate in rates:
                for seed in seeds:
                    runs.append(train_once(name, *images, preset, recipe, rate, seed))
                print(summary(runs)[-1], flush=True)
    varied = ("optimizer", "momentum", "schedule", "learning_rate")
    return {
        "data": {
            "nuclei": "the embedded image: its left part trains, its right part is held out",
            "isbi2012": "slices 0 ... 23 train, the middle of 24 ... 29 is held out",
        },
        "preset": {key: value for key, value in asdict(preset).items() if key not in varied},
        "recipes": RECIPES,
        "seeds": list(seeds),
        "rows": summary(runs),
        "runs": runs,
    }


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""
    options = harness.trial_parser(__doc__, "10 steps of one seed").parse_args(arguments)
    harness.experiment(
        "learning_rates",
        lambda: measure(options.trial),
        arguments,
        environment="UNET_BOOK_DATA=... ",
        trial=options.trial,
    )


if __name__ == "__main__":
    main()
