"""Chapter 4's measurements from many draws: the signal through 23 layers, and a hundred steps.

    python benchmarks/initializations.py

writes data/runs/initializations.json, and runs only from a checkout without changes to the package,
so that the record names a revision that can be checked out again. About a quarter of an hour on one
CPU core.

The signal: the mean square of every convolution's output on unit-variance noise, for DRAWS draws of
the weights of a network of 32 to 512 channels. The steps: a network of 16 to 256 channels on the
embedded nuclei, with the paper's momentum and with Adam, held-out energy every ten steps.
"""

import functools
from collections.abc import Callable
from dataclasses import asdict, replace

import harness
import numpy as np
import torch

from unet_book import datasets
from unet_book import initialization as init
from unet_book.overlap_tile import predict
from unet_book.training import PRESETS, classes, train
from unet_book.unet import UNet
from unet_book.weight_map import part_touching_cells

DRAWS, BASE, TILE = 64, 32, 188
SEEDS = range(1, 7)
OPTIMIZERS = ("sgd", "adam")
PRESET = replace(
    PRESETS["quick"], depth=4, tile=220, steps=100, schedule="constant", measure_every=10
)
RULES = {
    "paper": init.he_normal_,
    "unit variance": init.unit_variance_,
    "Xavier": init.xavier_normal_,
    "framework's default": init.framework_default_,
}


def signal(initialize: Callable) -> list[list[float]]:
    """Mean squares (DRAWS, 23) on noise."""
    model, rows = UNet(base_channels=BASE), []
    for seed in range(DRAWS):
        generator = torch.Generator().manual_seed(seed)
        initialize(model, generator)
        noise = torch.randn(1, 1, TILE, TILE, generator=generator)
        layers = init.activation_statistics(model, noise)
        rows.append([float(f"{layer.mean_square:.4g}") for layer in layers])
    return rows


def hundred_steps(
    initialize: Callable, optimizer: str, seed: int, data: datasets.Stack, held_out: datasets.Stack
) -> list[float]:
    """Held-out energy (mean of -log p of the right class) before the first step and every ten."""
    truth, energies = classes(part_touching_cells(held_out.labels))[0], []

    def watch(_step: int, model: UNet) -> None:
        right = np.take_along_axis(predict(model, held_out.images[0], 380), truth[None], axis=0)
        energies.append(round(-float(np.log(np.maximum(right, 1e-7)).mean()), 4))

    preset = replace(PRESET, optimizer=optimizer)
    how = {"seed": seed, "initialize": initialize, "device": "cpu", "progress": False}
    train(data, preset, watch=watch, **how)
    return energies


def measure() -> dict:
    """Mean squares of the signal, and the energies of the first hundred steps."""
    data, held_out = (datasets.load("nuclei", split) for split in ("train", "test"))
    mean_squares = {name: signal(initialize) for name, initialize in RULES.items()}
    moments = init.image_moments(torch.from_numpy(data.images))
    trained = RULES | {"unit variance": functools.partial(init.unit_variance_, image=moments)}
    energies = {
        optimizer: {
            name: [hundred_steps(rule, optimizer, seed, data, held_out) for seed in SEEDS]
            for name, rule in trained.items()
        }
        for optimizer in OPTIMIZERS
    }
    return {
        "data": "nuclei",
        "signal": {"draws": DRAWS, "base_channels": BASE, "tile": TILE},
        "preset": asdict(PRESET),
        "seeds": list(SEEDS),
        "mean_squares": mean_squares,
        "energies": energies,
    }


if __name__ == "__main__":
    harness.experiment("initializations", measure, indent=None)
