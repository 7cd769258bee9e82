"""Chapter 8's record: how many pixels change their class because an image was cut into tiles.

    python benchmarks/seams.py

writes data/runs/seams.json, numbers only, and runs only from a checkout without changes, so that
the record names a revision that can be checked out again. Needs ISBI 2012 (`unet-book fetch
isbi2012`): three small networks of the paper's depth learn slices 0 to 23 with valid convolutions,
three with zero padding, and slices 24 to 29 are predicted from tiles. Half an hour at
most, on one CPU core.
"""

import json
from dataclasses import asdict, replace

import harness
import numpy as np
import torch

from unet_book import datasets
from unet_book.augmentation import Augmentation
from unet_book.overlap_tile import mirror_index
from unet_book.sizes import border
from unet_book.training import PRESETS, train

SEEDS = (1, 2, 3)
SMALL = replace(
    PRESETS["quick"],
    base_channels=8,
    depth=4,
    tile=284,
    steps=600,
    measure_every=600,
    augmentation=Augmentation(sigma=7.0),
)
RECIPES = {"paper": SMALL, "same": replace(SMALL, variant="same", tile=256)}


@torch.no_grad()
def by_steps(model: torch.nn.Module, image: np.ndarray, tile: int, step: int) -> np.ndarray:
    """Logits of a valid network, tile by tile, the tiles `step` pixels apart."""
    cut, (height, width) = border(model.depth), image.shape
    logits = np.full((model.num_classes, height, width), np.nan, np.float32)
    for top in range(0, height, step):
        for left in range(0, width, step):
            rows = mirror_index(np.arange(top - cut, top - cut + tile), height)
            columns = mirror_index(np.arange(left - cut, left - cut + tile), width)
            seen = torch.from_numpy(image[np.ix_(rows, columns)])[None, None]
            part = logits[:, top : top + step, left : left + step]
            part[...] = model(seen)[0, :, : part.shape[1], : part.shape[2]]
    return logits


@torch.no_grad()
def sliding_window(
    model: torch.nn.Module,
    image: np.ndarray,
    window: int,
    overlap: float = 0.0,
    gaussian: bool = False,
) -> np.ndarray:
    """Logits of a zero-padded network, averaged over windows, as MONAI's inferer does it.

    The last window of a line is moved back into the image. With `gaussian` a logit weighs by a
    Gaussian around its window's middle, whose standard deviation is an eighth of the window.
    """
    step = round(window * (1 - overlap))
    line = np.arange(window) - (window - 1) / 2
    bell = np.exp(-0.5 * (line / (0.125 * window)) ** 2) if gaussian else np.ones(window)
    weight = np.maximum(np.outer(bell, bell), 1e-3).astype(np.float32)
    logits = np.zeros((model.num_classes, *image.shape), np.float32)
    total = np.zeros(image.shape, np.float32)
    for top in starts(image.shape[0], window, step):
        for left in starts(image.shape[1], window, step):
            place = np.s_[top : top + window, left : left + window]
            seen = torch.from_numpy(image[place])[None, None]
            logits[:, *place] += weight * model(seen)[0].numpy()
            total[place] += weight
    return logits / total


def starts(size: int, window: int, step: int) -> list[int]:
    """Where windows begin along a line: every `step`, the last one moved back to its end."""
    return [min(start, size - window) for start in range(0, size - window + step, step)]


def flipped(logits: np.ndarray, exact: np.ndarray) -> float:
    """The share of pixels that get another class."""
    return float(np.mean(logits.argmax(0) != exact.argmax(0)))


def valid_tiles(model: torch.nn.Module, image: np.ndarray) -> dict[str, float]:
    """Flips from tiles of 572 and from smaller ones, by step; the whole image is one tile."""
    exact = by_steps(model, image, 700, 512)
    return {
        f"tile {tile}, step {step}": flipped(by_steps(model, image, tile, step), exact)
        for tile, step in [(572, 388), (572, 384), (316, 132), (316, 128)]
    }


def padded_windows(model: torch.nn.Module, image: np.ndarray) -> dict[str, float]:
    """Flips of windows of 256, against one pass over the whole image with the same padding."""
    exact = sliding_window(model, image, 512)
    return {
        "no overlap": flipped(sliding_window(model, image, 256), exact),
        "half overlap": flipped(sliding_window(model, image, 256, 0.5), exact),
        "half overlap, Gaussian": flipped(sliding_window(model, image, 256, 0.5, True), exact),
    }


def measure() -> dict:
    """Errors and flipped pixels of every seed's valid and padded network."""
    data, held_out = (datasets.load("isbi2012", split) for split in ("train", "test"))
    networks = {}
    for (variant, preset), tiled in zip(RECIPES.items(), (valid_tiles, padded_windows)):
        networks[variant] = {"preset": asdict(preset), "errors": [], "flipped": []}
        for seed in SEEDS:
            result = train(data, preset, held_out, seed=seed, device="cpu", progress=False)
            networks[variant]["errors"].append(result.history[-1]["error"])
            shares = [tiled(result.model.eval(), image) for image in held_out.images]
            mean = {name: float(np.mean([share[name] for share in shares])) for name in shares[0]}
            networks[variant]["flipped"].append(mean)
            print(variant, seed, networks[variant]["errors"][-1], json.dumps(mean), flush=True)
    return {
        "data": "isbi2012, trained on slices 0 to 23, tiled 24 to 29",
        "seeds": [*SEEDS],
        "networks": networks,
    }


if __name__ == "__main__":
    harness.experiment("seams", measure)
