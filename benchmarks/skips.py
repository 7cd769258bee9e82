"""Chapter 1's experiment from several seeds: the `quick` network with its skips and without.

    python benchmarks/skips.py

writes data/runs/skips.json, and runs only from a checkout without changes, so that the record names
a revision that can be checked out again. About five minutes on one CPU core.
"""

import json
import platform
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from unet_book import datasets
from unet_book.checkpoint import write_atomically
from unet_book.cli import peak_memory, revision
from unet_book.training import PRESETS, train
from unet_book.unet import UNet

SEEDS = range(1, 7)
RECORD = Path(__file__).parent.parent / "data" / "runs" / "skips.json"


class WithoutSkips(UNet):
    def join(self, skip, upsampled):
        return super().join(torch.zeros_like(skip), upsampled)


def main():
    data, held_out = (datasets.load("nuclei", split) for split in ("train", "test"))
    preset = replace(PRESETS["quick"], steps=400, measure_every=400)
    made_at = revision()
    if made_at is None or made_at.endswith("-dirty"):
        sys.exit("commit first: the record names the revision that made it")
    began, errors = time.perf_counter(), {"with skips": [], "without": []}
    for seed in SEEDS:
        for name, build in zip(errors, (UNet, WithoutSkips)):
            how = {"seed": seed, "build": build, "device": "cpu", "progress": False}
            errors[name].append(train(data, preset, held_out, **how).history[-1]["error"])
    record = {
        "command": "python benchmarks/skips.py",
        "data": "nuclei",
        "preset": asdict(preset),
        "seeds": list(SEEDS),
        "device": "CPU",
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "numpy": np.__version__,
                     "python": platform.python_version()},
        "revision": made_at,
        "seconds": round(time.perf_counter() - began, 1),
        "peak_memory_mib": peak_memory(torch.device("cpu")),
        "errors": errors,
    }
    write_atomically(RECORD, json.dumps(record, indent=1).encode())
    print(json.dumps(errors, indent=1))


if __name__ == "__main__":
    main()
