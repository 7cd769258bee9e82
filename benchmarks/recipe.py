"""Chapters 7 and 9: which recipe for the membranes, found without a look at the test.

A *trial* is the base recipe with one thing changed, trained from three seeds on slices 0 to 19 of
ISBI 2012 and judged on slices 20 to 23, raw and averaged, all along the way. Slices 24 to 29, which
the last fold tests, take no part. `tools/long_runs.py recipe` trains them one after the other; each
finished training is a file in benchmarks/parts/recipe. This script puts them together:

    python benchmarks/recipe.py

Writes data/runs/recipe.json, numbers only.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

from unet_book import records
from unet_book.augmentation import Augmentation
from unet_book.reproduce import Part, Table
from unet_book.training import Preset

PARTS = Path(__file__).parent / "parts" / "recipe"
SEEDS = (0, 1, 2)
TILE = 236
SPACING = (TILE - 1) / 2  # px between the grid's points
PAPER = 10 / ((572 - 1) / 2)  # sigma over spacing, 0.035

BASE = Preset(
    base_channels=16, depth=3, dropout=0.0, tile=TILE, steps=3000, optimizer="adamw",
    learning_rate=1e-3, schedule="cosine", warmup=100, clip=1.0, weight_decay=0.01, average=0.999,
    balance=False, w0=2.0, augmentation=Augmentation(sigma=PAPER * SPACING), measure_every=1000,
)  # fmt: skip


def elastic(ratio: float, preset: Preset = BASE) -> Preset:
    """The recipe with displacement vectors of `ratio` times the grid's spacing."""
    spacing = (preset.tile - 1) / 2
    return replace(preset, augmentation=replace(preset.augmentation, sigma=ratio * spacing))


WIDE = replace(BASE, base_channels=32)
TRIALS = {
    "base": replace(BASE, measure_every=250),  # its curves are chapter 9's
    "dropout 0.5": replace(BASE, dropout=0.5),
    "elastic 0": elastic(0),
    "elastic 0.07": elastic(0.07),
    "elastic 0.1": elastic(0.1),
    "width 32": WIDE,
    "stretched": BASE,
    "depth 4": elastic(PAPER, replace(BASE, depth=4, tile=284)),
    "the paper's weights": replace(BASE, balance=True, w0=10.0),
    "w0 0": replace(BASE, w0=0.0),
    "w0 10, sigma 3": replace(BASE, w0=10.0, sigma=3.0),
    "6,000 steps": replace(BASE, steps=6000),
    "width 32, dropout 0.5": replace(WIDE, dropout=0.5),
    "twice the gray values": replace(
        BASE, augmentation=replace(BASE.augmentation, contrast=0.4, brightness=0.2)
    ),
}


def table(trial: str) -> Table:
    """The trainings of a trial."""
    parts = tuple(Part(fold=4, seed=seed, inner=True) for seed in SEEDS)
    stretch = trial == "stretched"
    return Table("isbi2012", TRIALS[trial], parts, membranes=True, stretch=stretch, trial=True)


def jobs():
    """(name, table, part) of every training: those of the base, then seed after seed."""
    order = [("base", seed) for seed in SEEDS]
    order += [(trial, seed) for seed in SEEDS for trial in TRIALS if trial != "base"]
    return [(slug(trial), table(trial), table(trial).parts[seed]) for trial, seed in order]


def slug(trial: str) -> str:
    """The trial's name in those of its files."""
    return trial.replace(",", "").replace("'", "").replace(" ", "-")


def collect() -> dict:
    """The record of the trials whose seeds are all there."""
    found = {}
    for trial, preset in TRIALS.items():
        files = [PARTS / f"{slug(trial)}-{part.name}.json" for part in table(trial).parts]
        if all(file.exists() for file in files):
            runs = [json.loads(file.read_text()) for file in files]
            found[trial] = {"preset": asdict(preset), "runs": runs}
    return {
        "command": "python tools/long_runs.py recipe; python benchmarks/recipe.py",
        "data": "isbi2012: slices 0 ... 19 train, 20 ... 23 validate, 24 ... 29 take no part",
        "seeds": list(SEEDS),
        "trials": found,
    }


if __name__ == "__main__":
    print(records.write_run("recipe", collect(), indent=None))
