"""Chapter 7's second experiment: where elastic deformation begins to help, from one slice.

    UNET_BOOK_DATA=... python benchmarks/elastic_long.py

A small network learns the ISBI 2012 membranes from the first slice alone, long enough to know it by
heart, from the same five seeds with four augmentations: with rotation, mirroring and gray values or
without, and with elastic deformation or without. Every 250 steps its pixel error is measured on the
middle 256 x 256 pixels of the last six slices. Writes data/runs/elastic_long.json, numbers only,
and runs only from a checkout without changes. Two processes of one thread each; about twenty
minutes.
"""

import json
import time
from dataclasses import asdict, replace
from multiprocessing import get_context

import torch
from elastic_help import slices

from unet_book.augmentation import Augmentation
from unet_book.pages import records
from unet_book.run import circumstances
from unet_book.training import Preset, train

SEEDS = range(1, 6)
ARMS = {
    "shift": Augmentation.none(),
    "shift, elastic": replace(Augmentation.none(), sigma=10),
    "shift, rotation, mirror, gray": Augmentation(sigma=0),
    "shift, rotation, mirror, gray, elastic": Augmentation(sigma=10),
}
PRESET = Preset(
    base_channels=8,
    depth=3,
    dropout=0.0,
    tile=188,
    batch_size=1,
    steps=2000,
    optimizer="adam",
    learning_rate=2e-3,
    schedule="cosine",
    balance=False,
    w0=0.0,
    measure_every=250,
)


def one_run(seed_and_arm):
    seed, arm = seed_and_arm
    torch.set_num_threads(1)
    data, held_out = slices()
    preset = replace(PRESET, augmentation=ARMS[arm])
    history = train(data[:1], preset, held_out, seed=seed, device="cpu", progress=False).history
    print(seed, arm, [round(entry["error"], 4) for entry in history], flush=True)
    return {"seed": seed, "arm": arm, "history": history}


def main():
    made_at, began = records.clean_revision(), time.perf_counter()
    tasks = [(seed, arm) for seed in SEEDS for arm in ARMS]
    with get_context("spawn").Pool(2) as pool:
        runs = pool.map(one_run, tasks, chunksize=1)
    record = {
        "command": "UNET_BOOK_DATA=... python benchmarks/elastic_long.py",
        "data": "isbi2012: slice 0 trains, the middle of slices 24 ... 29 is held out",
        "preset": {**asdict(PRESET), "augmentation": {k: asdict(v) for k, v in ARMS.items()}},
        "seeds": list(SEEDS),
        **circumstances(made_at, time.perf_counter() - began),
        "runs": runs,
    }
    records.write_run("elastic_long", record)
    print(json.dumps({k: v for k, v in record.items() if k != "runs"}, indent=1))


if __name__ == "__main__":
    main()
