"""Chapter 13's record: a training on the images of data/mixed, and what it answers on four more.

    python benchmarks/mixed.py

trains 1000 steps of the recipe that follows from the nuclei of field01 to field10, and chooses a
rule on field11 to field14: from three seeds with gray values stretched between percentiles, and
from the same three with gray values divided by 255. It writes data/runs/mixed.json, with the four
maps of probabilities of the first, as the rule is given them: rounded to 255ths. It runs only from
a checkout without changes, so that the record names a revision that can be checked out again. Ten
minutes or so on one CPU core.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import harness
import numpy as np
from PIL import Image

from unet_book import datasets, metrics
from unet_book.datasets import Stack
from unet_book.fitting import fit
from unet_book.gray import HIGH, LOW
from unet_book.instances import Rule, choose_rule, find_cells, score
from unet_book.magnification import common_diameter
from unet_book.training import choices

STEPS, SEEDS, TRAINED = 1000, (0, 1, 2), 10


def measure(folder: Path, steps: int) -> dict:
    """Trainings from each seed, with gray values stretched and not; the answers of the first."""
    runs = []
    for percentiles in ((LOW, HIGH), None):
        stack = datasets.load(folder, "all", percentiles=percentiles)
        for seed in SEEDS:
            runs.append(trained(stack[:TRAINED], stack[TRAINED:], percentiles, seed, steps))
    first = runs[0]
    keys = ("seed", "percentiles", "rules")
    return first | {"runs": [{key: run[key] for key in keys} for run in runs]}


def trained(data: Stack, held_out: Stack, percentiles: tuple | None, seed: int, steps: int) -> dict:
    """One training, its answers to the held-out images, and what two rules make of them."""
    preset, diameter = choices.recipe_for(data, steps), common_diameter(data)
    how = {"seed": seed, "device": "cpu", "progress": False, "diameter": diameter}
    found = fit(data, held_out, preset, percentiles, **how)
    maps = [np.rint(255 * answer).astype(np.uint8) for answer in found.probabilities]
    known = [*data.labels, *held_out.labels]
    rule = choose_rule([answer / 255 for answer in maps], held_out.labels, known).rule
    return {
        "preset": asdict(preset),
        "diameter": diameter,
        "seed": seed,
        "percentiles": percentiles and list(percentiles),
        "train": data.names,
        "held_out": held_out.names,
        "history": found.result.history,
        "rules": {
            name: {"rule": asdict(which)} | scores(held_out, maps, which)
            for name, which in {"plain": Rule(), "chosen": rule}.items()
        },
        "pictures": dict(zip(held_out.names, map(png, maps))),
    }


def scores(stack: Stack, maps: Sequence[np.ndarray], rule: Rule) -> dict:
    """What a rule finds on all images, and on each."""
    cells = [find_cells(answer / 255, rule) for answer in maps]
    images = {name: judged(*pair) for name, *pair in zip(stack.names, stack.labels, cells)}
    together = judged(stack.labels, cells) | {
        "f1_at_0.7": round(metrics.f1(stack.labels, cells, 0.7), 4),
        "seg": round(metrics.seg(stack.labels, cells), 4),
        "score": round(score(stack.labels, cells), 4),
    }
    return {"all": together, "images": images}


def judged(truth: np.ndarray | Sequence[np.ndarray], cells: object) -> dict:
    """The mistakes, counted, and F1 at an IoU of 0.5."""
    counts = metrics.cell_mistakes(truth, cells)._asdict()
    return counts | {"f1": round(metrics.f1(truth, cells), 4)}


def png(picture: np.ndarray) -> str:
    """A gray PNG, base64."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""
    trial = harness.trial_parser(__doc__, "20 steps").parse_args(arguments).trial
    folder, steps = datasets.data_folder() / "mixed", 20 if trial else STEPS
    harness.experiment("mixed", lambda: measure(folder, steps), arguments, trial=trial)


if __name__ == "__main__":
    main()
