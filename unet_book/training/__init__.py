"""Fitting the network: draw a tile, predict, weigh the error, step (Section 3).

Everything random in step k, the tile and the dropout, follows from the seed and from k alone. A
training that was killed and resumed therefore repeats the very steps it would have made, and no
state of any generator has to be saved.
"""

import os
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from unet_book import checkpoint as checkpoints
from unet_book.datasets import Stack
from unet_book.initialization import he_normal_
from unet_book.loss import weighted_cross_entropy
from unet_book.metrics import pixel_error
from unet_book.overlap_tile import predict
from unet_book.training.engine import Engine, usual_engine
from unet_book.training.presets import PRESETS, Preset, learning_rate, named
from unet_book.training.tiles import Tiles, classes, step_seed
from unet_book.unet import UNet
from unet_book.weight_map import part_touching_cells

__all__ = ["train", "training_step", "Result", "Preset", "PRESETS", "named", "learning_rate",
           "Engine", "usual_engine", "Tiles", "classes", "start", "held_out_error"]  # fmt: skip

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
    engine: Engine | None = None,
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
    engine : how to compute it: precision, memory layout, compilation. None is `usual_engine`.

    Raises ValueError if the checkpoint comes from other data, another preset or another seed;
    FloatingPointError, naming the step, if the loss or a weight is no longer a number.
    """
    preset = named(preset)
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed is a whole number from 0 to 2^63 - 1, not {seed}")
    if save_every < 1:
        raise ValueError(f"save_every must be at least 1, not {save_every}")
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    tiles = Tiles(data, preset, seed, device, engine)
    with own_random_state():
        model, optimizer = start(preset, seed, device, build, initialize, tiles.engine)
        network = tiles.engine.compiled(model)
        state = resume(checkpoint, model, optimizer, tiles.identity)
        if watch and state["step"] == 0:
            watch(0, model)
        steps = range(state["step"], preset.steps)
        for step in tqdm(steps, disable=not progress, initial=steps.start, total=preset.steps):
            state["losses"].append(training_step(network, optimizer, tiles, step))
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
    with tiles.engine.autocast(tiles.device):
        logits = model(image)
    loss = weighted_cross_entropy(logits, target, weights)
    loss.backward()
    if tiles.preset.clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), tiles.preset.clip)
    optimizer.step()
    return loss.detach()


def start(
    preset: Preset,
    seed: int,
    device,
    build: Callable[..., UNet] = UNet,
    initialize: Callable[[UNet, torch.Generator], object] = he_normal_,
    engine: Engine | None = None,
):
    """The network with its initial weights, the paper's by default, and its optimizer."""
    engine = (engine or usual_engine(device)).settled(device, preset.base_channels)
    model = build(
        base_channels=preset.base_channels, depth=preset.depth,
        variant=preset.variant, dropout=preset.dropout,
    )
    initialize(model, torch.Generator().manual_seed(seed))
    model = model.to(device, memory_format=engine.memory_format)
    return model, optimizer_for(model, preset, torch.device(device))


def optimizer_for(model: UNet, preset: Preset, device: torch.device) -> torch.optim.Optimizer:
    """The preset's optimizer; on a GPU its update of all weights is one kernel."""
    how = {"fused": True} if device.type == "cuda" else {}
    if preset.optimizer == "sgd":
        how |= {"momentum": preset.momentum, "weight_decay": preset.weight_decay}
        return torch.optim.SGD(model.parameters(), **how)
    if preset.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), **how)
    return torch.optim.AdamW(model.parameters(), weight_decay=preset.weight_decay, **how)


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
    # A checkpoint from before a setting was thought of had what is now the setting's default.
    state["identity"]["preset"] = asdict(Preset()) | state["identity"]["preset"]
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


def due(step: int, every: int, last: int) -> bool:
    """Whether something done every so many steps, and at the last, is done after this one."""
    return step % every == 0 or step == last


@contextmanager
def own_random_state():
    """Within it PyTorch's global generators may be set; afterwards they are as they were."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):  # setting one sets them all
        yield
