"""Fitting the network: draw a tile, predict, weigh the error, step (Section 3).

Everything random in step k, the tile and the dropout, follows from the seed and from k alone. A
training that was killed and resumed therefore repeats the very steps it would have made, and no
state of any generator has to be saved.
"""

import math
import os
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from numbers import Integral

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from unet_book import checkpoint as checkpoints
from unet_book.augmentation import Augmentation, random_tile
from unet_book.datasets import Stack
from unet_book.initialization import he_normal_
from unet_book.loss import weighted_cross_entropy
from unet_book.metrics import pixel_error
from unet_book.overlap_tile import predict, tile_step
from unet_book.unet import UNet, border
from unet_book.weight_map import part_touching_cells, weight_map


@dataclass(frozen=True)
class Preset:
    """All that decides a training but the data and the seed.

    `tile` is the side of the input in pixels; `batch_size` tiles make a step. `learning_rate` falls
    to 0 over the `steps` along a cosine if `schedule` is "cosine", and stays if it is "constant".
    `optimizer` is "sgd" (with `momentum`) or "adam". `balance` switches w_c of eq. (2) on; `w0` and
    `sigma` (px) are the border term's. `measure_every` steps the held-out images are predicted.

    Raises ValueError for a tile that does not fit the network, a word that is not listed here, or
    a number out of range.
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

    def __post_init__(self):
        tile_step(self.tile, self.depth, self.variant)
        if self.optimizer not in ("sgd", "adam"):
            raise ValueError(f'optimizer is "sgd" or "adam", not {self.optimizer!r}')
        if self.schedule not in ("constant", "cosine"):
            raise ValueError(f'schedule is "constant" or "cosine", not {self.schedule!r}')
        for name in ("base_channels", "batch_size", "steps", "measure_every"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"{name} must be a whole number, 1 or more, not {value}")
        for name in ("dropout", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), not {getattr(self, name)}")
        if not (0 <= self.w0 < math.inf and 0 < self.sigma < math.inf):
            raise ValueError(f"need w0 >= 0 and sigma > 0, got {self.w0} and {self.sigma}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0, and finite: {self.learning_rate}")


PRESETS = {
    # A laptop's CPU, under a minute: a small network, small tiles, Adam. So short a training has no
    # time for the paper's weights: in a trial on ISBI they cost pixel error, 13 % against 9 %.
    "quick": Preset(
        base_channels=16, depth=3, dropout=0.0, tile=188, steps=1000, optimizer="adam",
        learning_rate=1e-3, schedule="cosine", balance=False, w0=2.0,
        augmentation=Augmentation(sigma=4.0), measure_every=100,
    ),
    # A Colab T4, minutes: the paper's depth at half its width.
    "colab": Preset(
        base_channels=32, dropout=0.2, tile=380, batch_size=4, steps=2500, optimizer="adam",
        learning_rate=1e-3, schedule="cosine", augmentation=Augmentation(sigma=7.0),
        measure_every=250,
    ),
    # The paper's network and recipe. It gives neither a learning rate nor a number of steps: 1e-3
    # did well in short trials; 90,000 steps are what its ten hours on a Titan could have been.
    "paper": Preset(),
}


TOO_HIGH = (
    "the learning rate is probably too high. The last checkpoint, if there is one, is older and "
    "holds numbers only"
)


@dataclass
class Result:
    """A trained network, and how it got there.

    `history` has an entry a measurement: {"step", "loss" (mean since the last entry), "error"
    (pixel error on the held-out images, None without any)}.
    """

    model: UNet
    preset: Preset
    history: list[dict]


def train(
    data: Stack,
    preset: Preset | str = "quick",
    held_out: Stack | None = None,
    *,
    seed: int = 0,
    device: str | torch.device | None = None,
    checkpoint: str | os.PathLike | None = None,
    save_every: int = 100,
    progress: bool = True,
    watch: Callable[[int, UNet], None] | None = None,
    build: Callable[..., UNet] = UNet,
    initialize: Callable[[UNet, torch.Generator], object] = he_normal_,
) -> Result:
    """Train a U-Net on the labelled images of `data` (Section 3).

    Parameters
    ----------
    data, held_out : images and instance labels; the network learns cell against background, from
        `data` alone, and its pixel error on `held_out` is measured on the way.
    preset : a name in `PRESETS` or a `Preset`.
    seed : decides the initial weights, the tiles and the dropout.
    device : where to train; the GPU if there is one, else the CPU.
    checkpoint : a file. If it exists the training goes on from there, exactly; every `save_every`
        steps, and at the end, it is replaced.
    progress : show a progress bar.
    watch : called as ``watch(step, model)`` before the first step and after each measurement.
    build : makes the network, from `UNet`'s arguments; a subclass of it, for an experiment.
    initialize : called as ``initialize(model, generator)``, draws the initial weights in place; a
        training that goes on from a checkpoint has its weights from there.

    Raises ValueError if the checkpoint comes from other data, another preset or another seed;
    FloatingPointError, naming the step, if the loss or a weight is no longer a number.
    """
    preset = named(preset)
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed is a whole number from 0 to 2^63 - 1, not {seed}")
    if save_every < 1:
        raise ValueError(f"save_every must be at least 1, not {save_every}")
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    tiles = Tiles(data, preset, seed, device)
    with own_random_state():
        model, optimizer = start(preset, seed, device, build, initialize)
        state = resume(checkpoint, model, optimizer, tiles.identity)
        if watch and state["step"] == 0:
            watch(0, model)
        steps = range(state["step"], preset.steps)
        for step in tqdm(steps, disable=not progress, initial=steps.start, total=preset.steps):
            state["losses"].append(training_step(model, optimizer, tiles, step))
            state["step"] = step + 1
            if due(step + 1, preset.measure_every, preset.steps):
                state["history"].append(measure(model, held_out, state, preset))
                state["losses"] = []
                if watch:
                    watch(step + 1, model)
            if checkpoint and due(step + 1, save_every, preset.steps):
                save(checkpoint, model, optimizer, state)
    return Result(model.eval(), preset, state["history"])


def training_step(model: UNet, optimizer, tiles: "Tiles", step: int) -> Tensor:
    """One step down the energy of the tiles of this step; its loss, still on the device."""
    image, target, weights = tiles.batch(step)
    model.train()
    torch.manual_seed(step_seed(tiles.seed, step))  # the dropout's
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(tiles.preset, step)
    optimizer.zero_grad(set_to_none=True)
    loss = weighted_cross_entropy(model(image), target, weights)
    loss.backward()
    optimizer.step()
    return loss.detach()


class Tiles:
    """The augmented tiles of each step, and what they are cut from, on the training's device.

    Classes and weight maps are made once an image; each tile samples image, classes and weights at
    the same places.
    """

    def __init__(self, data: Stack, preset: Preset, seed: int, device):
        self.preset, self.seed, self.device = preset, seed, device
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
        return image[:, None].contiguous(memory_format=torch.channels_last), target, weights


def classes(labels) -> np.ndarray:
    """0 background, 1 cell, -1 not annotated, from instance labels of any shape; int32."""
    return np.minimum(labels, 1).astype(np.int32)


def start(
    preset: Preset,
    seed: int,
    device,
    build: Callable[..., UNet] = UNet,
    initialize: Callable[[UNet, torch.Generator], object] = he_normal_,
):
    """The network with its initial weights, the paper's by default, and its optimizer."""
    model = build(
        base_channels=preset.base_channels, depth=preset.depth,
        variant=preset.variant, dropout=preset.dropout,
    )
    initialize(model, torch.Generator().manual_seed(seed))
    model = model.to(device, memory_format=torch.channels_last)
    if preset.optimizer == "sgd":
        return model, torch.optim.SGD(model.parameters(), momentum=preset.momentum)
    return model, torch.optim.Adam(model.parameters())


def learning_rate(preset: Preset, step: int) -> float:
    """The learning rate of step 0, 1, ...; a pure function, so that resuming needs no scheduler."""
    if preset.schedule == "constant":
        return preset.learning_rate
    return preset.learning_rate * 0.5 * (1 + math.cos(math.pi * step / preset.steps))


def measure(model: UNet, held_out: Stack | None, state: dict, preset: Preset) -> dict:
    """One entry of the history: the step, the mean loss since the last, the held-out error."""
    error = None
    if held_out is not None:
        error = held_out_error(model, held_out, preset.tile)
    return {"step": state["step"], "loss": mean_loss(state), "error": error}


def held_out_error(model: UNet, stack: Stack, tile: int = 572) -> float:
    """Pixel error of the more probable class, over all annotated pixels of `stack`, in [0, 1]."""
    prediction = np.stack([predict(model, image, tile).argmax(0) for image in stack.images])
    return pixel_error(classes(part_touching_cells(stack.labels)), prediction)


def mean_loss(state: dict) -> float:
    """Mean of the losses since the last measurement; FloatingPointError if one is no number."""
    losses = torch.stack(state["losses"])
    wrong = torch.nonzero(~torch.isfinite(losses))
    if len(wrong):
        step = state["step"] - len(losses) + wrong[0].item() + 1
        raise FloatingPointError(
            f"the loss of step {step} is {losses[wrong[0]].item()}: {TOO_HIGH}"
        )
    return losses.mean().item()


def save(path, model: UNet, optimizer, state: dict) -> None:
    """A checkpoint of the training, unless its loss or its weights have left the numbers."""
    if state["losses"]:
        mean_loss(state)
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
        raise FloatingPointError(f"a weight is no number after step {state['step']}: {TOO_HIGH}")
    losses = [loss.item() for loss in state["losses"]]
    checkpoints.save(path, model, optimizer, state | {"losses": losses})


def resume(path, model: UNet, optimizer, identity: dict) -> dict:
    """The state that the checkpoint `path` holds, put in place; a fresh one if there is none.

    Raises ValueError if the checkpoint comes from other data, another preset or another seed.
    """
    fresh = {"step": 0, "history": [], "losses": [], "identity": identity}
    if path is None or not os.path.exists(path):
        return fresh
    state = checkpoints.peek(path)
    if "identity" not in state:
        raise ValueError(f"{path} holds a network only, not a training that could go on")
    for what, mine in identity.items():
        theirs = state["identity"][what]
        if theirs != mine:
            raise ValueError(
                f"{path} was trained with another {what} ({difference(theirs, mine)}): "
                "go on as it began, start at another place, or delete that file"
            )
    checkpoints.restore(path, model, optimizer)
    device = next(model.parameters()).device
    return state | {"losses": [torch.tensor(loss, device=device) for loss in state["losses"]]}


def difference(theirs, mine) -> str:
    """What differs, in words; of two dictionaries only the entries that do."""
    if not isinstance(mine, dict):
        return f"{theirs}, not {mine}"
    names = [name for name in mine if theirs.get(name) != mine[name]]
    return ", ".join(f"{name} {difference(theirs.get(name), mine[name])}" for name in names)


def named(preset: Preset | str) -> Preset:
    """The preset of that name. Raises ValueError, with the names there are, for another."""
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        raise ValueError(f"presets are {', '.join(PRESETS)}, not {preset!r}")
    return PRESETS[preset]


def due(step: int, every: int, last: int) -> bool:
    """Whether something done every so many steps, and at the last, is done after this one."""
    return step % every == 0 or step == last


def step_seed(seed: int, step: int) -> int:
    """A seed for one step of one training; neighbors have nothing in common."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextmanager
def own_random_state():
    """Within it PyTorch's global generators may be set; afterwards they are as they were."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):  # setting one sets them all
        yield
