"""Chapter 7's experiment: does elastic deformation help, and from how many images?

    UNET_BOOK_DATA=... python benchmarks/elastic_help.py

A small network learns the ISBI 2012 membranes from the first 1, 3, 10 and 24 slices of the training
stack, from the same five seeds with three augmentations. Along the way its pixel error is measured
on the middle 256 x 256 pixels of the last six slices. Writes data/runs/elastic_help.json, numbers
only, and runs only from a checkout without changes. `--pilot` trains one seed on one slice and
prints. Half an hour of one CPU core that is shared.
"""

import json
import sys
import time
from dataclasses import asdict, replace

import numpy as np

from unet_book import datasets
from unet_book.augmentation import Augmentation
from unet_book.pages import records
from unet_book.run import circumstances, revision
from unet_book.training import Preset, train

SEEDS = range(1, 6)
IMAGES = (1, 3, 10, 24)
ARMS = {
    "shift only": Augmentation.none(),
    "and rotation, mirror, gray values": Augmentation(sigma=0),
    "and elastic deformation": Augmentation(sigma=10),
}
PRESET = Preset(
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


def slices():
    """The slices to learn from, and the middle of the six that are held out."""
    data, rest = (datasets.load("isbi2012", split) for split in ("train", "test"))
    middle = np.s_[:, 128:384, 128:384]
    return data, datasets.Stack("isbi2012", rest.images[middle], rest.labels[middle])


def main(pilot):
    made_at = revision() if pilot else records.clean_revision()
    data, held_out = slices()
    began, runs = time.perf_counter(), []
    for seed in SEEDS[:1] if pilot else SEEDS:
        for images in IMAGES[:1] if pilot else IMAGES:
            for arm, how in ARMS.items():
                preset = replace(PRESET, augmentation=how)
                history = train(
                    data[:images], preset, held_out, seed=seed, device="cpu", progress=False
                ).history
                runs.append({"images": images, "seed": seed, "arm": arm, "history": history})
                errors = [round(entry["error"], 4) for entry in history]
                print(images, seed, arm, errors, round(time.perf_counter() - began), flush=True)
    if pilot:
        return
    record = {
        "command": "UNET_BOOK_DATA=... python benchmarks/elastic_help.py",
        "data": "isbi2012: slices 0 ... 23 train, the middle of 24 ... 29 is held out",
        "preset": {**asdict(PRESET), "augmentation": {k: asdict(v) for k, v in ARMS.items()}},
        "seeds": list(SEEDS),
        **circumstances(made_at, time.perf_counter() - began),
        "runs": runs,
    }
    records.write_run("elastic_help", record)
    print(json.dumps({k: v for k, v in record.items() if k != "runs"}, indent=1))


if __name__ == "__main__":
    main("--pilot" in sys.argv)
