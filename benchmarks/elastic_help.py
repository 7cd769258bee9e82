"""Chapter 7's experiments: does elastic deformation help, and from how many images?

    UNET_BOOK_DATA=... python benchmarks/elastic_help.py
    UNET_BOOK_DATA=... python benchmarks/elastic_help.py --long

A small network learns the ISBI 2012 membranes, from the same five seeds with each augmentation.
Along the way its pixel error is measured on the middle 256 x 256 pixels of the last six slices.

The first experiment learns from the first 1, 3, 10 and 24 slices of the training stack, with three
augmentations, and writes data/runs/elastic_help.json. The second learns from the first slice alone,
long enough to know it by heart, with rotation, mirroring and gray values or without, and with
elastic deformation or without; it writes data/runs/elastic_long.json. Both write numbers only, and
run only from a checkout without changes; `--trial` takes one seed on one slice and prints. Two
processes of one thread each; about twenty minutes an experiment.
"""

from dataclasses import asdict, dataclass, replace
from itertools import product
from multiprocessing import get_context

import harness
import torch

from unet_book.augmentation import Augmentation
from unet_book.training import Preset, train

SEEDS = range(1, 6)
SHORT = Preset(
    base_channels=8,
    depth=2,
    dropout=0.0,
    tile=124,
    batch_size=1,
    steps=240,
    optimizer="adam",
    learning_rate=2e-3,
    schedule="cosine",
    balance=False,
    w0=0.0,
    measure_every=80,
)


@dataclass(frozen=True)
class Experiment:
    """How many slices are learned from, with which augmentations, and by what recipe."""

    data: str
    preset: Preset
    images: tuple[int, ...]
    arms: dict[str, Augmentation]


EXPERIMENTS = {
    "elastic_help": Experiment(
        "isbi2012: slices 0 ... 23 train, the middle of 24 ... 29 is held out",
        SHORT,
        (1, 3, 10, 24),
        {
            "shift only": Augmentation.none(),
            "and rotation, mirror, gray values": Augmentation(sigma=0),
            "and elastic deformation": Augmentation(sigma=10),
        },
    ),
    "elastic_long": Experiment(
        "isbi2012: slice 0 trains, the middle of slices 24 ... 29 is held out",
        replace(SHORT, depth=3, tile=188, steps=2000, measure_every=250),
        (1,),
        {
            "shift": Augmentation.none(),
            "shift, elastic": replace(Augmentation.none(), sigma=10),
            "shift, rotation, mirror, gray": Augmentation(sigma=0),
            "shift, rotation, mirror, gray, elastic": Augmentation(sigma=10),
        },
    ),
}


def train_once(name: str, seed: int, images: int, arm: str) -> dict:
    """One training of an experiment, in a process of its own."""
    torch.set_num_threads(1)
    data, held_out = harness.isbi_slices()
    experiment = EXPERIMENTS[name]
    preset = replace(experiment.preset, augmentation=experiment.arms[arm])
    how = {"seed": seed, "device": "cpu", "progress": False}
    history = train(data[:images], preset, held_out, **how).history
    print(images, seed, arm, [round(entry["error"], 4) for entry in history], flush=True)
    return {"images": images, "seed": seed, "arm": arm, "history": history}


def measure(name: str, trial: bool) -> dict:
    """All trainings of an experiment; in a trial those of one seed on one slice."""
    experiment = EXPERIMENTS[name]
    seeds, images = (SEEDS[:1], (1,)) if trial else (SEEDS, experiment.images)
    tasks = product([name], seeds, images, experiment.arms)
    with get_context("spawn").Pool(2) as pool:
        runs = pool.starmap(train_once, tasks, chunksize=1)
    augmentation = {arm: asdict(how) for arm, how in experiment.arms.items()}
    return {
        "data": experiment.data,
        "preset": {**asdict(experiment.preset), "augmentation": augmentation},
        "seeds": list(seeds),
        "runs": runs,
    }


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""
    parser = harness.trial_parser(__doc__, "one seed on one slice")
    parser.add_argument("--long", action="store_true", help="the second experiment")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # as many as each training has: the record tells
    name = "elastic_long" if options.long else "elastic_help"
    harness.experiment(
        name,
        lambda: measure(name, options.trial),
        arguments,
        script="elastic_help",
        environment="UNET_BOOK_DATA=... ",
        trial=options.trial,
    )


if __name__ == "__main__":
    main()
