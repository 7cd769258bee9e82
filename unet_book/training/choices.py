"""What is left to choose when the images are one's own: a recipe from the size of the cells.

A network has to see a cell and what lies around it, a tile has to hold some cells, and the border
term has to reach across the gaps between them. All three are lengths, and the length that one's own
images bring along is the diameter of a cell.
"""

import math
import os
from collections.abc import Sequence

import numpy as np
import torch

from unet_book.augmentation import Augmentation
from unet_book.costs import layer_costs
from unet_book.datasets import Stack
from unet_book.datasets.masks import cell_sizes
from unet_book.magnification import largest_side, middle_diameter
from unet_book.sizes import border, nearest_valid_sizes, receptive_field, whole_number
from unet_book.training.engine import Engine, cpu_vectors
from unet_book.training.presets import Preset
from unet_book.unet import UNet

__all__ = ["recipe", "recipe_for", "steps_for", "median_diameter"]

DEPTHS = (3, 4)
STEPS = 3000
ANSWER = 196  # px a side that a tile answers: four cells of 50 px, or ten of 20
GAP = 1 / 7  # sigma of the border term, as a share of the diameter
LEAST_GAP, LARGEST_GAP = 2.0, 5.0  # px; the paper's is 5
BENT = 0.05  # standard deviation of the elastic vectors over their spacing
BORDER = (
    5.0  # w0; 20 scored no better in two trials, at a pixel error of 3.2 and 4.0, not 2.7, 3.7 %
)
# Cells of one folder differ in size, and those to come will, too. In trials on 10 images kept from
# 30, twice, the score of the best rule rose from 0.808 to 0.827 and from 0.756 to 0.764.
ZOOM = 1.4
# An image to come may have more noise than all that trained. In a trial whose validation held two
# such images and whose training none, the score of the chosen rule rose from 0.53 to 0.73, and
# without such images it stayed at 0.82.
NOISE = 0.1
# Twice the usual: images that come as they are differ more than slices of one stack. In a trial on
# 12 images kept from 30, F1 at 0.5 and 0.7 rose from 0.884 and 0.807 to 0.889 and 0.815.
GRAY = {"contrast": 0.4, "brightness": 0.2}
FEWEST, MOST = 200, 100_000

# What a step of training takes: operations at this speed, and milliseconds for all the rest. The
# first line was measured on one core; the others are guesses, a GPU's at an old one.
SPEEDS = {  # (GFLOP a second, of a core or of a GPU; ms)
    "bf16": (300.0, 16.0),
    "AVX512": (100.0, 16.0),
    "other": (40.0, 20.0),
    "cuda": (3000.0, 12.0),
    "mps": (1000.0, 20.0),
}
SECOND_CORE = 0.85  # what each core after the first adds


def recipe(diameter: float, largest: int | None = None, steps: int | None = None) -> Preset:
    """The recipe for images with cells of this size; the chapter on one's own images tells why.

    Parameters
    ----------
    diameter : float
        Of the cell in the middle, by size, px: that of a circle with as many pixels.
    largest : int or None
        The shorter side of the largest image, px; a tile answers no more than that. None: unknown.
    steps : int or None
        How many steps are made; None is `STEPS`. `steps_for` says how many fit into some minutes.

    Returns
    -------
    Preset

    Raises
    ------
    ValueError
        For a diameter that is not above 0, or numbers that are not whole and positive.

    Examples
    --------
    >>> recipe(22).depth, recipe(22).tile, recipe(60).depth
    (3, 284, 4)
    """
    if not 0 < diameter < math.inf:
        raise ValueError(f"diameter is a number of pixels above 0, not {diameter}")
    steps = STEPS if steps is None else whole_number("steps", steps, least=1)
    depth = next((d for d in DEPTHS if receptive_field(d) >= 2 * diameter), DEPTHS[-1])
    answer = ANSWER if largest is None else min(ANSWER, whole_number("largest", largest, least=1))
    tile = nearest_valid_sizes(max(answer, 2**depth) + 2 * border(depth), depth)[1]
    return Preset(
        base_channels=16,
        depth=depth,
        dropout=0.0,
        tile=tile,
        steps=steps,
        optimizer="adamw",
        learning_rate=1e-3,
        schedule="cosine",
        warmup=min(100, steps // 10),
        weight_decay=0.01,
        clip=1.0,
        average=0.999,
        balance=False,
        w0=BORDER,
        sigma=min(max(GAP * diameter, LEAST_GAP), LARGEST_GAP),
        augmentation=Augmentation(sigma=BENT * (tile - 1) / 2, zoom=ZOOM, noise=NOISE, **GRAY),
        measure_every=max(steps // 10, 1),
    )


def recipe_for(data: Stack, steps: int | None = None) -> Preset:
    """The recipe for the images that train.

    Parameters
    ----------
    data : Stack
        The images, with one cell at least.
    steps : int or None
        As for `recipe`.

    Returns
    -------
    Preset

    Raises
    ------
    ValueError
        If there is no cell, or as `recipe` does.
    """
    diameter = median_diameter(data.labels)
    shapes = [image.shape for image in data.images]
    largest = largest_side(shapes, map(middle_diameter, data.labels), diameter)
    return recipe(diameter, largest, steps)


def steps_for(preset: Preset, minutes: float, device: str | torch.device = "cpu") -> int:
    """About how many steps of a recipe fit into some minutes.

    It follows from the operations of a step and from a table of speeds, and nothing is timed: a
    training that is broken off and goes on must have the same recipe both times.

    Parameters
    ----------
    preset : Preset
        The recipe; its own `steps` don't count.
    minutes : float
        For the training alone.
    device : str or torch.device
        Where it runs; on a CPU as many cores as PyTorch takes threads.

    Returns
    -------
    int
        Two digits and zeros, at least 200.

    Raises
    ------
    ValueError
        For minutes that are not above 0.
    """
    if not 0 < minutes < math.inf:
        raise ValueError(f"minutes must be above 0, and finite: {minutes}")
    steps = 60 * minutes / _seconds_a_step(preset, torch.device(device))
    steps = min(max(steps, FEWEST), MOST)
    unit = 10 ** (len(str(int(steps))) - 2)
    return int(steps // unit * unit)


def median_diameter(labels: Sequence[np.ndarray]) -> float:
    """The diameter of the cell in the middle, by size: that of a circle with as many pixels.

    Parameters
    ----------
    labels : sequence of ndarray of int, (H, W)
        Instance labels of some images.

    Returns
    -------
    float
        px.

    Raises
    ------
    ValueError
        If there is no cell.

    Examples
    --------
    >>> round(median_diameter([np.ones((8, 8), int)]), 2)
    9.03
    """
    return 2 * math.sqrt(float(np.median(cell_sizes(labels))) / math.pi)


def _seconds_a_step(preset: Preset, device: torch.device) -> float:
    """How long a step takes, from its operations: forward, and twice as many backward."""
    shape = preset.base_channels, preset.depth, preset.variant
    with torch.device("meta"):
        model = UNet(1, 2, *shape)
    flop = 3 * preset.batch_size * sum(layer.flop for layer in layer_costs(model, preset.tile))
    speed, rest = SPEEDS[_kind(device, preset.base_channels)]
    cores = 1.0
    if device.type == "cpu":
        threads = min(torch.get_num_threads(), os.cpu_count() or 1)
        cores += SECOND_CORE * (threads - 1)
    return flop / (1e9 * speed * cores) + preset.batch_size * rest / 1e3 / cores


def _kind(device: torch.device, base_channels: int) -> str:
    """The row of `SPEEDS` for a device."""
    if device.type != "cpu":
        return device.type if device.type in SPEEDS else "other"
    if Engine().settled(device, base_channels).precision == "bf16":
        return "bf16"
    return "AVX512" if cpu_vectors() == "AVX512" else "other"
