"""What a step of training sees: augmented tiles, their classes and their weights."""

import zlib
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor

from unet_book.augmentation import random_tile
from unet_book.datasets import Stack
from unet_book.training.engine import Engine, usual_engine
from unet_book.training.presets import Preset
from unet_book.unet import border
from unet_book.weight_map import part_touching_cells, weight_map


class Tiles:
    """The augmented tiles of each step, and what they are cut from, on the training's device.

    Classes and weight maps are made once an image; each tile samples image, classes and weights at
    the same places.
    """

    def __init__(
        self, data: Stack, preset: Preset, seed: int, device, engine: Engine | None = None
    ):
        self.preset, self.seed, self.device = preset, seed, torch.device(device)
        self.engine = (engine or usual_engine(device)).settled(device, preset.base_channels)
        parted = part_touching_cells(data.labels)
        self.images = torch.as_tensor(data.images).to(device)
        self.classes = torch.as_tensor(classes(parted)).to(device)
        self.weights = torch.as_tensor(
            weight_map(parted, preset.w0, preset.sigma, preset.balance)
        ).to(device)
        content = zlib.crc32(data.labels.tobytes(), zlib.crc32(data.images.tobytes()))
        self.identity = {"preset": asdict(preset), "seed": seed, "data": content}

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Images (N, 1, tile, tile), classes and weights (N, output, output) of one step."""
        preset = self.preset
        cut = border(preset.depth, preset.variant)
        generator = torch.Generator().manual_seed(step_seed(self.seed, step))
        drawn = []
        for _ in range(preset.batch_size):
            i = torch.randint(len(self.images), (), generator=generator).item()
            stack = self.images[i], self.classes[i], self.weights[i]
            drawn.append(random_tile(*stack, preset.tile, cut, preset.augmentation, generator))
        image, target, weights = map(torch.stack, zip(*drawn))
        memory_format = self.engine.memory_format
        return image[:, None].contiguous(memory_format=memory_format), target, weights


def classes(labels) -> np.ndarray:
    """0 background, 1 cell, -1 not annotated, from instance labels of any shape; int32."""
    return np.minimum(labels, 1).astype(np.int32)


def step_seed(seed: int, step: int) -> int:
    """A seed for one step of one training; neighbors have nothing in common."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> np.uint64(1))
