"""Chapters 7, 9 and 11: which recipe for each data set, found without a look at the test.

A *trial* is a base recipe with one thing changed, trained from three seeds on some of the training
images and judged on others. For membranes these are slices 0 to 19 and 20 to 23 of ISBI 2012, raw
and averaged weights, all along the way; slices 24 to 29, which the last fold tests, take no part.
For cells they are frames of the training part of the first fold of PhC-U373, and of the set's own
split of DIC-HeLa. A list of trials is `recipe` (membranes), `recipe_curve` (membranes from fewer
slices) or `recipe_cells`; the lists `tables` and `tables_paper` are the recipe that was chosen, and
the paper's beside it, on all folds. `tools/long_runs.py LIST` trains one after the other, and each
finished training is a file in benchmarks/parts. This script puts the trials together:

    python benchmarks/recipe.py

Writes data/runs/LIST.json for each list of which a trial is done, numbers only.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

from unet_book.augmentation import Augmentation
from unet_book.pages import records
from unet_book.pages.reproduce import Part, Table
from unet_book.training import Preset

PARTS = Path(__file__).parent / "parts"
SEEDS = (0, 1, 2)
PAPER = 10 / ((572 - 1) / 2)  # sigma over the grid's spacing, 0.035


def elastic(ratio: float, preset: Preset) -> Preset:
    """The recipe with displacement vectors of `ratio` times the grid's spacing."""
    spacing = (preset.tile - 1) / 2
    return replace(preset, augmentation=replace(preset.augmentation, sigma=ratio * spacing))


BASE = elastic(
    PAPER,
    Preset(
        base_channels=16,
        depth=3,
        dropout=0.0,
        tile=236,
        steps=3000,
        optimizer="adamw",
        learning_rate=1e-3,
        schedule="cosine",
        warmup=100,
        clip=1.0,
        weight_decay=0.01,
        average=0.999,
        balance=False,
        w0=2.0,
        augmentation=Augmentation(),
        measure_every=1000,
    ),
)
WIDE = replace(BASE, base_channels=32)
BEST = elastic(0.1, replace(WIDE, steps=6000))  # what won one by one


def membranes(preset: Preset, stretch: bool = False, images: int | None = None) -> Table:
    """A trial on ISBI 2012."""
    parts = tuple(Part(fold=4, seed=seed, inner=True) for seed in SEEDS)
    return Table(
        "isbi2012", preset, parts, membranes=True, stretch=stretch, images=images, trial=True
    )


MEMBRANES = {
    "base": membranes(replace(BASE, measure_every=250)),  # its curves are chapter 9's
    "dropout 0.5": membranes(replace(BASE, dropout=0.5)),
    "elastic 0": membranes(elastic(0, BASE)),
    "elastic 0.07": membranes(elastic(0.07, BASE)),
    "elastic 0.1": membranes(elastic(0.1, BASE)),
    "width 32": membranes(WIDE),
    "stretched": membranes(BASE, stretch=True),
    "depth 4": membranes(elastic(PAPER, replace(BASE, depth=4, tile=284))),
    "the paper's weights": membranes(replace(BASE, balance=True, w0=10.0)),
    "w0 0": membranes(replace(BASE, w0=0.0)),
    "w0 10, sigma 3": membranes(replace(BASE, w0=10.0, sigma=3.0)),
    "6,000 steps": membranes(replace(BASE, steps=6000)),
    "width 32, dropout 0.5": membranes(replace(WIDE, dropout=0.5)),
    "twice the gray values": membranes(
        replace(BASE, augmentation=replace(BASE.augmentation, contrast=0.4, brightness=0.2))
    ),
    "together": membranes(BEST, stretch=True),
}

# Does elastic deformation help, and from how many slices? The best recipe at half its width and
# half its steps, from the last slices before those that validate.
NARROW = replace(BEST, base_channels=16, steps=3000)
CURVE = {
    f"{count} slice{'s' * (count > 1)}{arm}": membranes(preset, stretch=True, images=count)
    for count in (1, 3, 10, 20)
    for arm, preset in (
        ("", NARROW),
        (", elastic 0", elastic(0, NARROW)),
        (", shift only", replace(NARROW, augmentation=Augmentation.none())),
    )
}

CELLS = elastic(PAPER, replace(BASE, depth=4, tile=380, steps=1600, w0=4.0, measure_every=400))


def u373(preset: Preset, shrink: int = 1) -> Table:
    """A trial on PhC-U373."""
    parts = tuple(Part(fold=0, seed=seed, inner=True) for seed in SEEDS)
    preset = replace(preset, sigma=5.0 / shrink)
    return Table(
        "phc-u373", preset, parts, folds=3, shrink=shrink, stretch=True, validation=3, trial=True
    )


def hela(preset: Preset, shrink: int = 1) -> Table:
    """A trial on DIC-HeLa."""
    parts = tuple(Part(seed=seed, inner=True) for seed in SEEDS)
    preset = replace(preset, sigma=5.0 / shrink)
    return Table("dic-hela", preset, parts, shrink=shrink, stretch=True, validation=7, trial=True)


BALANCED = replace(CELLS, balance=True)
CELL_TRIALS = {
    "U373, half size": u373(CELLS, 2),
    "U373, half size, balance": u373(BALANCED, 2),
    "U373": u373(CELLS),
    "U373, balance": u373(BALANCED),
    "HeLa, half size": hela(CELLS, 2),
    "HeLa, half size, balance": hela(BALANCED, 2),
    "HeLa": hela(CELLS),
}
LISTS = {"recipe": MEMBRANES, "recipe_curve": CURVE, "recipe_cells": CELL_TRIALS}


def of_all_folds(folds: int, inner: bool) -> tuple[Part, ...]:
    """Each fold from every seed, and the mean of the fold's networks right behind them."""
    return tuple(
        part
        for fold in range(folds)
        for part in [
            *(Part(fold, seed, inner) for seed in SEEDS),
            Part(fold, inner=inner, mean_of=SEEDS),
        ]
    )


# What chapter 11 is made of: the inner networks choose the thresholds, for the others, too.
ISBI = of_all_folds(5, inner=True) + of_all_folds(5, inner=False)
# The same network, tiles and steps with what the paper says of its training.
PAPERS = replace(
    elastic(PAPER, BEST),
    dropout=0.5,
    optimizer="sgd",
    learning_rate=3e-4,
    schedule="constant",
    warmup=0,
    clip=None,
    weight_decay=0.0,
    average=0.0,
    balance=True,
    w0=10.0,
)
TABLES = {
    "tables": {"isbi2012": Table("isbi2012", BEST, ISBI, membranes=True, stretch=True)},
    "tables_paper": {
        "isbi2012": Table("isbi2012", PAPERS, of_all_folds(5, inner=True), membranes=True)
    },
}


def jobs(name: str) -> list[tuple]:
    """(name, table, part) of every training of a list, in the order in which they are made.

    Trials: all of the first, then seed after seed. Tables: part after part.
    """
    if name in TABLES:
        return [(data, table, part) for data, table in TABLES[name].items() for part in table.parts]
    trials = LISTS[name]
    first, *others = trials
    order = [(first, seed) for seed in SEEDS]
    order += [(trial, seed) for seed in SEEDS for trial in others]
    return [(slug(trial), trials[trial], trials[trial].parts[seed]) for trial, seed in order]


def slug(trial: str) -> str:
    """The trial's name in those of its files."""
    return trial.replace(",", "").replace("'", "").replace(" ", "-")


def collect(name: str) -> dict:
    """The record of those trials of a list whose seeds are all there."""
    found = {}
    for trial, table in LISTS[name].items():
        files = [PARTS / name / f"{slug(trial)}-{part.name}.json" for part in table.parts]
        if all(file.exists() for file in files):
            runs = [json.loads(file.read_text()) for file in files]
            for run in runs:
                run.pop("picture", None)
            how = {key: value for key, value in asdict(table).items() if key != "parts"}
            found[trial] = {"table": how, "runs": runs}
    return {
        "command": f"python tools/long_runs.py {name}; python benchmarks/recipe.py",
        "seeds": list(SEEDS),
        "trials": found,
    }


if __name__ == "__main__":
    for name in LISTS:
        record = collect(name)
        if record["trials"]:
            print(records.write_run(name, record, indent=None))
