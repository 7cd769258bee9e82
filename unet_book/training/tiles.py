"""What a step of training sees: augmented tiles, their classes and their weights."""

import zlib
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor

from unet_book.augmentation import (
    Augmentation,
    change_gray_values,
    random_tile,
    tile_coordinates,
)
from unet_book.datasets import Stack
from unet_book.sizes import border
from unet_book.training import distributed
from unet_book.training.engine import Engine, usual_engine
from unet_book.training.presets import Preset
from unet_book.weight_map import part_touching_cells, weight_map

__all__ = ["Tiles", "pass_over", "classes", "step_seed"]


class Tiles:
    """The augmented tiles of each step, and what they are cut from, on the training's device.

    Classes and weight maps are made once an image; each tile samples image, classes and weights at
    the same places.

    Parameters
    ----------
    data : Stack
        The images, of any sizes, and their labels.
    preset : Preset
        The recipe.
    seed : int
        Decides, with the step, every tile.
    device : str or torch.device
        Where the tiles are made.
    engine : Engine or None
        How the training is computed; None is `usual_engine`.
    """

    def __init__(
        self,
        data: Stack,
        preset: Preset,
        seed: int,
        device: str | torch.device,
        engine: Engine | None = None,
    ) -> None:
        self.preset, self.seed, self.device = preset, seed, torch.device(device)
        self.engine = (engine or usual_engine(device)).settled(device, preset.base_channels)
        parted = part_touching_cells(data.labels)
        weights = weight_map(parted, preset.w0, preset.sigma, preset.balance)
        self.images, self.classes, self.weights = (
            [torch.as_tensor(array).to(device) for array in arrays]  # they may differ in size
            for arrays in (data.images, map(classes, parted), weights)
        )
        self.share = range(*(preset.batch_size * (distributed.rank() + k) for k in (0, 1)))
        self.whole = preset.batch_size * distributed.world_size()
        self.side = torch.cuda.Stream(self.device) if self.engine.ahead else None
        self.next = None
        content = 0
        for array in (*data.images, *data.labels):
            content = zlib.crc32(array.tobytes(), content)
        shapes = repr([image.shape for image in data.images])  # the same bytes in other rows differ
        recipe = asdict(preset) | {"batch_size": self.whole}
        self.identity = {
            "preset": recipe,
            "seed": seed,
            "data": content,
            "shape": zlib.crc32(shapes.encode()),
        }

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """The augmented tiles of one step.

        With `Engine.ahead` those of the next step are put to work before these are given out.

        Parameters
        ----------
        step : int
            0, 1, ...

        Returns
        -------
        image : Tensor, (N, 1, tile, tile)
        target : Tensor of int, (N, output, output)
            Classes; -1 is not annotated.
        weights : Tensor, (N, output, output)
        """
        if self.side is None:
            return self.draw(step)
        if self.next is None or self.next[0] != step:
            self._begin(step)
        _, batch = self.next
        now = torch.cuda.current_stream(self.device)
        now.wait_stream(self.side)
        for tensor in batch:
            tensor.record_stream(now)  # its memory is not for the side stream to use again before
        self._begin(step + 1)
        return batch

    def _begin(self, step: int) -> None:
        """Put the tiles of a step to work on the side stream."""
        if self.next is None:  # the images may still be on their way
            self.side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.side):
            self.next = step, self.draw(step)

    def draw(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """What `batch` gives, computed when asked.

        All tiles of a step come from one generator, one after the other. A process draws those of
        its share and passes over the others, so that two processes with one tile each see the tiles
        that one process with two sees.

        Parameters
        ----------
        step : int
            0, 1, ...

        Returns
        -------
        tuple of Tensor
            As for `batch`.
        """
        preset, drawn = self.preset, []
        cut = border(preset.depth, preset.variant)
        generator = torch.Generator().manual_seed(step_seed(self.seed, step))
        for number in range(self.whole):
            i = torch.randint(len(self.images), (), generator=generator).item()
            how = preset.tile, cut, preset.augmentation, generator
            if number in self.share:
                drawn.append(random_tile(self.images[i], self.classes[i], self.weights[i], *how))
            else:
                pass_over(self.images[i].shape, *how)
        image, target, weights = map(torch.stack, zip(*drawn))
        memory_format = self.engine.memory_format
        return image[:, None].contiguous(memory_format=memory_format), target, weights


def pass_over(
    shape: Sequence[int], tile: int, cut: int, how: Augmentation, generator: torch.Generator
) -> None:
    """Draw the numbers that `random_tile` would draw for an image, and no pixel.

    A tile of one pixel with as much room to lie in, and of gray 0, draws the same numbers.

    Parameters
    ----------
    shape : sequence of int, (H, W)
        The image's, px.
    tile : int
        The side of the input, px.
    cut : int
        What the answer lacks on each side, px.
    how : Augmentation
        How tiles are changed.
    generator : torch.Generator
        It moves on.
    """
    room = [size - (tile - 2 * cut) for size in shape]
    tile_coordinates([1 + slack for slack in room], 1, 0, how, generator)
    change_gray_values(torch.zeros(()), how, generator)


def classes(labels: np.ndarray) -> np.ndarray:
    """The classes of instance labels.

    Parameters
    ----------
    labels : ndarray of int
        Of any shape.

    Returns
    -------
    ndarray of int32
        0 background, 1 cell, -1 not annotated.
    """
    return np.minimum(labels, 1).astype(np.int32)


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """A seed for one step of one training on one process; neighbors have nothing in common.

    Parameters
    ----------
    seed : int
        The training's.
    step : int
        0, 1, ...
    rank : int
        The number of the process.

    Returns
    -------
    int
        In [0, 2^63).
    """
    numbers = (seed, step, rank) if rank else (seed, step)
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
