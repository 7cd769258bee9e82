"""Recipes: all that decides what a training does, but the data and the seed."""

import math
from dataclasses import dataclass, field, fields

from unet_book.augmentation import Augmentation, check_kinds
from unet_book.overlap_tile import tile_step

__all__ = ["Preset", "named", "learning_rate"]

LARGEST = 1e18  # of a weight; its square is a float32
OPTIMIZERS, SCHEDULES = ("sgd", "adam", "adamw"), ("constant", "cosine")


@dataclass(frozen=True)
class Preset:
    """All that decides a training but the data and the seed.

    Parameters
    ----------
    base_channels : int
        The network's, and so are the three after it; as `UNet` has them.
    depth : int
        The number of poolings.
    variant : {"paper", "released", "same"}
        Which of the networks.
    dropout : float
        In [0, 1).
    tile : int
        The side of the input, px.
    batch_size : int
        Tiles in a step, on each process if there are several.
    steps : int
        How many steps are made.
    optimizer : {"sgd", "adam", "adamw"}
        What moves the weights.
    learning_rate : float
        The rate of the steps after the warm-up.
    momentum : float
        That of "sgd".
    schedule : {"constant", "cosine"}
        Whether the rate stays, or falls to 0 over the steps along a cosine.
    balance : bool
        Whether w_c of eq. (2) is on.
    w0 : float
        The border term's height, eq. (2).
    sigma : float
        The border term's width, eq. (2), px.
    augmentation : Augmentation
        How the tiles are changed.
    measure_every : int
        Steps after which the held-out images are predicted.
    warmup : int
        Steps over which the rate rises from near 0.
    weight_decay : float
        That of "sgd" and "adamw".
    clip : float or None
        A longer gradient is shortened to this length.
    average : float
        The decay of the running mean of the weights, which is then the network that a training
        gives back; 0 takes the last weights as they are.

    Raises
    ------
    ValueError
        For a tile that does not fit the network, a word that is not listed here, or a number out of
        range.
    """

    base_channels: int = 64
    depth: int = 4
    variant: str = "paper"
    dropout: float = 0.5
    tile: int = 572
    batch_size: int = 1
    steps: int = 90_000
    optimizer: str = "sgd"
    learning_rate: float = 1e-3
    momentum: float = 0.99
    schedule: str = "constant"
    balance: bool = True
    w0: float = 10.0
    sigma: float = 5.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    measure_every: int = 1000
    warmup: int = 0
    weight_decay: float = 0.0
    clip: float | None = None
    average: float = 0.0

    def __post_init__(self) -> None:
        for setting in fields(self):  # numbers of NumPy's own can't be saved as JSON
            value = getattr(self, setting.name)
            if hasattr(value, "item"):
                object.__setattr__(self, setting.name, value.item())
        check_kinds(self)
        tile_step(self.tile, self.depth, self.variant)
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer is {_either(OPTIMIZERS)}, not {self.optimizer!r}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule is {_either(SCHEDULES)}, not {self.schedule!r}")
        for name in ("base_channels", "batch_size", "steps", "measure_every"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name} must be a whole number, 1 or more, not {value}")
        for name in ("dropout", "momentum", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), not {getattr(self, name)}")
        if not (0 <= self.w0 < LARGEST and 1 / LARGEST < self.sigma < LARGEST):
            raise ValueError(f"need w0 >= 0 and sigma > 0, got {self.w0} and {self.sigma}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0, and finite: {self.learning_rate}")
        if self.warmup < 0:
            raise ValueError(f"warmup is a whole number of steps, 0 or more, not {self.warmup}")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be 0 or more, and finite: {self.weight_decay}")
        if self.weight_decay and self.optimizer == "adam":
            raise ValueError('weight_decay with Adam is what "adamw" is: use that optimizer')
        if self.clip is not None and not 0 < self.clip < math.inf:
            raise ValueError(f"clip must be above 0, and finite, or None: {self.clip}")


PRESETS = {
    # A laptop's CPU, under a minute: a small network, small tiles, Adam. So short a training has no
    # time for the paper's weights: in a trial on ISBI they cost pixel error, 13 % against 9 %.
    "quick": Preset(
        base_channels=16,
        depth=3,
        dropout=0.0,
        tile=188,
        steps=1000,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="cosine",
        balance=False,
        w0=2.0,
        augmentation=Augmentation(sigma=4.0),
        measure_every=100,
        average=0.999,
    ),
    # A Colab T4, minutes: the paper's depth at half its width.
    "colab": Preset(
        base_channels=32,
        dropout=0.2,
        tile=380,
        batch_size=4,
        steps=2500,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="cosine",
        augmentation=Augmentation(sigma=7.0),
        measure_every=250,
        average=0.999,
    ),
    # What one would choose today for the same network. AdamW's step does not grow with the
    # gradient, so one rate, 1e-3, serves all layers and all data; its averages need some steps to
    # become averages, hence the warm-up; the cosine ends in small steps. The decay is AdamW's usual
    # 0.01. The square of an unusually long gradient would stay in AdamW's average, and shorten the
    # steps, for a thousand of them: it is cut to length 1. (How often was not measured.) Two tiles
    # a step come from two places. Half the paper's width takes a quarter of its arithmetic.
    "modern": Preset(
        base_channels=32,
        dropout=0.0,
        tile=380,
        batch_size=2,
        steps=8000,
        optimizer="adamw",
        learning_rate=1e-3,
        schedule="cosine",
        warmup=100,
        weight_decay=0.01,
        clip=1.0,
        augmentation=Augmentation(sigma=7.0),
        measure_every=500,
        average=0.999,
    ),
    # The paper's network and recipe. It gives neither a learning rate nor a number of steps. At
    # 3e-4 a small network learned from every seed, on nuclei and on membranes (chapter 9); 90,000
    # steps are what its ten hours on a Titan could have been.
    "paper": Preset(learning_rate=3e-4),
}


def named(preset: Preset | str) -> Preset:
    """The preset of that name; a preset is given back.

    Parameters
    ----------
    preset : Preset or str
        A recipe, or its name in `PRESETS`.

    Returns
    -------
    Preset

    Raises
    ------
    ValueError
        With the names there are, for another name.
    """
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        raise ValueError(f"presets are {', '.join(PRESETS)}, not {preset!r}")
    return PRESETS[preset]


def learning_rate(preset: Preset, step: int) -> float:
    """The learning rate of a step; a pure function, so that resuming needs no scheduler.

    Parameters
    ----------
    preset : Preset
        The recipe.
    step : int
        0, 1, ...

    Returns
    -------
    float
    """
    rate = preset.learning_rate
    if preset.schedule == "cosine":
        rate = preset.learning_rate * 0.5 * (1 + math.cos(math.pi * step / preset.steps))
    return rate * (step + 1) / preset.warmup if step < preset.warmup else rate


def _either(words: tuple[str, ...]) -> str:
    """The words in quotes, joined by "or"."""
    return ", ".join(f'"{word}"' for word in words[:-1]) + f' or "{words[-1]}"'
