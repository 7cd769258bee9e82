"""Chapter 1's experiment from several seeds: the `quick` network with its skips and without.

    python benchmarks/skips.py

writes data/runs/skips.json, and runs only from a checkout without changes, so that the record names
a revision that can be checked out again. About five minutes on one CPU core.
"""

from dataclasses import asdict, replace

import harness
import torch
from torch import Tensor

from unet_book import datasets
from unet_book.training import PRESETS, train
from unet_book.unet import UNet

SEEDS = range(1, 7)


class WithoutSkips(UNet):
    """The network with zeros in the place of its skips."""

    def join(self, skip: Tensor, upsampled: Tensor) -> Tensor:
        """Zeros and the upsampled map side by side."""
        return super().join(torch.zeros_like(skip), upsampled)


def measure() -> dict:
    """The pixel error of every seed, with the skips and without."""
    data, held_out = (datasets.load("nuclei", split) for split in ("train", "test"))
    preset = replace(PRESETS["quick"], steps=400, measure_every=400)
    errors = {"with skips": [], "without": []}
    for seed in SEEDS:
        for name, build in zip(errors, (UNet, WithoutSkips)):
            how = {"seed": seed, "build": build, "device": "cpu", "progress": False}
            errors[name].append(train(data, preset, held_out, **how).history[-1]["error"])
    return {"data": "nuclei", "preset": asdict(preset), "seeds": list(SEEDS), "errors": errors}


if __name__ == "__main__":
    harness.experiment("skips", measure)
