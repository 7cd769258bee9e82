"""Fitting the network: draw a tile, predict, weigh the error, step (Section 3).

Everything random in step k, the tile and the dropout, follows from the seed and from k alone. A
training that was killed and resumed therefore repeats the very steps it would have made, and no
state of any generator has to be saved.
"""

import os
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from tqdm.auto import tqdm

from unet_book import checkpoint as checkpoints
from unet_book.checkpoint import class_name
from unet_book.costs.memory import STATES
from unet_book.datasets import Stack
from unet_book.initialization import he_normal_
from unet_book.metrics import pixel_error
from unet_book.overlap_tile import predict
from unet_book.training import averaging, safety, several
from unet_book.training.engine import Engine, usual_engine
from unet_book.training.live import Live, Log
from unet_book.training.presets import PRESETS as PRESETS
from unet_book.training.presets import Preset, learning_rate, named
from unet_book.training.step import GraphedStep, training_step
from unet_book.training.tiles import Tiles, classes, step_seed
from unet_book.unet import UNet
from unet_book.weight_map import part_touching_cells

__all__ = [
    "train",
    "training_step",
    "Result",
    "Preset",
    "named",
    "learning_rate",
    "Engine",
    "usual_engine",
    "Live",
    "Tiles",
    "classes",
    "step_seed",
    "start",
    "held_out_error",
]


@dataclass
class Result:
    """A trained network, and how it got there.

    `history` has an entry a measurement: {"step", "loss" (mean since the last entry), "error"
    (pixel error on the held-out images, None without any)}; with `judge` also {"scores"}, what it
    says of `model`, and where `model` is an average {"raw"}, what it says of the latest weights.
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
    judge: Callable[[UNet], dict] | None = None,
    build: Callable[..., UNet] = UNet,
    initialize: Callable[[UNet, torch.Generator], object] = he_normal_,
    engine: Engine | None = None,
    log: str | os.PathLike | None = None,
    deterministic: bool = False,
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
        steps, at the end, and on Ctrl-C (which then lets the step end, and comes too late in the
        last one) it is replaced.
    progress : show a progress bar.
    watch : called as ``watch(step, model)`` before the first step and after each measurement; a
        `Live` shows the curves and a prediction.
    judge : called as ``judge(model)`` at each measurement; gives a dictionary of numbers for the
        history, such as the scores that matter on images kept for validation.
    build : makes the network, from `UNet`'s arguments; a subclass of it, for an experiment.
    initialize : called as ``initialize(model, generator)``, draws the initial weights in place; a
        training that goes on from a checkpoint has its weights from there.
    engine : how to compute it: precision, memory layout, compilation. None is `usual_engine`.
    log : a folder for TensorBoard's event files; needs the package `tensorboard`.
    deterministic : on a GPU, use kernels that give the same bits every time, at some cost; where
        there is none PyTorch warns. A CPU's always do.

    With `Preset.average` the network that is measured, shown and given back is the mean of the
    weights along the training; a checkpoint holds both.

    Started by torchrun, or in processes that have made a group (torch.distributed), each process
    trains on `Preset.batch_size` tiles of every step, and all come to the same weights: those of
    one process with as many tiles (dropout, which each draws for itself, apart). The first one
    alone measures, saves, shows and logs.

    Raises ValueError if no training image holds a cell, if no held-out pixel is annotated, if the
    checkpoint comes from other data, another preset, seed, network, initializer or precision, or
    for an engine that the device, or several processes, can't have; OSError, before the first step,
    if a checkpoint can't be written where it should go; ImportError if `log` lacks its package;
    FloatingPointError, naming the step, the likely cause and the last good checkpoint, if the loss
    or a weight is no longer a number; KeyboardInterrupt, after saving, on Ctrl-C.
    """
    preset = named(preset)
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed is a whole number from 0 to 2^63 - 1, not {seed}")
    if save_every < 1:
        raise ValueError(f"save_every must be at least 1, not {save_every}")
    check_parts(data, held_out)
    device = several.place(device)
    with (
        safety.own_random_state(),
        safety.arithmetic(deterministic),
        several.current(device),
        several.together(device),
        safety.Interrupt(active=checkpoint is not None) as interrupt,
    ):
        tiles = Tiles(data, preset, seed, device, engine)
        model, optimizer = start(preset, seed, device, build, initialize, tiles.engine)
        average = averaging.averaged(model, preset)
        given = average or model  # what is measured, shown and given back
        state = resume(checkpoint, model, optimizer, identity(tiles, model, initialize), average)
        need_room(checkpoint, model, preset, state)
        network = several.shared(tiles.engine.compiled(model))
        make_step = GraphedStep() if tiles.engine.graph else training_step
        if several.rank() > 0:  # the first process looks, shows and logs for all
            progress, watch, log, judge = False, None, None, None
        if isinstance(watch, Live):
            watch.history = state["history"]
        if watch and state["step"] == 0:
            watch(0, given)

        steps, where = range(state["step"], preset.steps), (tiles, state, checkpoint)
        bar = tqdm(steps, disable=not progress, initial=steps.start, total=preset.steps)
        with Log(log, steps.start) as curves:
            for step in bar:
                state["losses"].append(make_step(network, optimizer, tiles, step))
                averaging.follow(average, model, preset.average, step)
                state["step"] = done = step + 1
                look = due(done, preset.measure_every, preset.steps)
                if look or device.type == "cpu":  # a GPU would wait for whoever looks at its loss
                    safety.check_losses(model, *where)
                if look:
                    entry = measure(given, held_out, state, preset) | judged(judge, model, average)
                    state["history"].append(entry)
                    state["losses"] = []
                    curves.note(state["history"][-1], learning_rate(preset, step))
                    if watch:
                        watch(done, given)
                stop = interrupt.wanted(done)
                if checkpoint and (stop or due(done, save_every, preset.steps)):
                    save(model, optimizer, *where, average)
                if stop and done < preset.steps:
                    raise KeyboardInterrupt(f"stopped after step {done}, saved in {checkpoint}")
    return Result(given.eval(), preset, state["history"])


def check_parts(data: Stack, held_out: Stack | None) -> None:
    """ValueError for images from which nothing can be learned, or on which nothing measured."""
    if not any((labels > 0).any() for labels in data.labels):
        raise ValueError(f"none of the {len(data)} training images of {data.name} holds a cell")
    if held_out is None:
        return
    if not any((labels >= 0).any() for labels in held_out.labels):
        raise ValueError(f"no pixel of the {len(held_out)} held-out images is annotated (all -1)")
    if not any((labels > 0).any() for labels in held_out.labels):
        warnings.warn(
            f"none of the {len(held_out)} held-out images of {held_out.name} holds a cell: their "
            "error says how much is found where nothing is, and no more",
            stacklevel=3,
        )


def identity(tiles: Tiles, model: UNet, initialize) -> dict:
    """What makes a training the one it is; a checkpoint of another one is refused."""
    how = {"precision": tiles.engine.precision, "compile": tiles.engine.compile}
    drawn = getattr(initialize, "name", None) or class_name(initialize)
    return tiles.identity | {
        "network": class_name(type(model)),
        "initializer": drawn,
        "engine": how,
    }


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
        base_channels=preset.base_channels,
        depth=preset.depth,
        variant=preset.variant,
        dropout=preset.dropout,
    )
    initialize(model, torch.Generator().manual_seed(seed))
    model = model.to(device, memory_format=engine.memory_format)
    return model, optimizer_for(model, preset, engine)


def optimizer_for(model: UNet, preset: Preset, engine: Engine) -> torch.optim.Optimizer:
    """The preset's optimizer; on a GPU its update of all weights is one kernel."""
    device, how = next(model.parameters()).device, {}
    if device.type == "cuda":
        how["fused"] = True
    if engine.graph:  # which reads the learning rate anew in each replay
        how["lr"] = torch.zeros((), device=device)
    if preset.optimizer == "sgd":
        how |= {"momentum": preset.momentum, "weight_decay": preset.weight_decay}
        return torch.optim.SGD(model.parameters(), **how)
    how |= {"capturable": True} if engine.graph else {}
    if preset.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), **how)
    return torch.optim.AdamW(model.parameters(), weight_decay=preset.weight_decay, **how)


def measure(model: UNet, held_out: Stack | None, state: dict, preset: Preset) -> dict:
    """One entry of the history: the step, the mean loss since the last, the held-out error."""
    error = None
    if held_out is not None and several.rank() == 0:
        error = held_out_error(model, held_out, preset.tile)
    loss = torch.stack(state["losses"]).mean().item()
    return {"step": state["step"], "loss": loss, "error": several.told(error)}


def judged(judge: Callable[[UNet], dict] | None, model: UNet, average: UNet | None) -> dict:
    """What `judge` says, for the history: of the mean of the weights and, beside it, of `model`."""
    said = {}
    if judge is not None:
        said = {"scores": judge(average or model)} | ({"raw": judge(model)} if average else {})
    return several.told(said)


def held_out_error(model: UNet, stack: Stack, tile: int = 572) -> float:
    """Pixel error of the more probable class, over all annotated pixels of `stack`, in [0, 1]."""
    found = [predict(model, image, tile).argmax(0).ravel() for image in stack.images]
    truth = [classes(one).ravel() for one in part_touching_cells(stack.labels)]
    return pixel_error(np.concatenate(truth), np.concatenate(found))


def save(model: UNet, optimizer, tiles: Tiles, state: dict, path, average=None) -> None:
    """A checkpoint of the training, unless its loss or its weights have left the numbers."""
    if state["losses"]:
        safety.check_losses(model, tiles, state, path)
    safety.check_weights(model, tiles, state, path)
    if several.rank() == 0:
        losses = [loss.item() for loss in state["losses"]]
        checkpoints.save(path, model, optimizer, state | {"losses": losses}, average)


def need_room(path, model: UNet, preset: Preset, state: dict) -> None:
    """OSError unless a checkpoint fits where `path` says, beside the one that it will replace."""
    if path and several.rank() == 0 and state["step"] < preset.steps:
        every = min(preset.measure_every, preset.steps)
        numbers = every + 4 * (preset.steps // every + 1)  # losses, and an entry a measurement
        copies = STATES[preset.optimizer] + bool(preset.average)
        needed = checkpoints.size(model, copies, numbers)
        checkpoints.check_room(path, needed if os.path.exists(path) else 2 * needed)


def resume(path, model: UNet, optimizer, identity: dict, average=None) -> dict:
    """The state that the checkpoint `path` holds, put in place; a fresh one if there is none.

    Raises ValueError if no training image holds a cell, if no held-out pixel is annotated, if the
    checkpoint comes from another training (`identity`).
    """
    fresh = {"step": 0, "history": [], "losses": [], "identity": identity}
    if path is None or not os.path.exists(path):
        return fresh
    state = checkpoints.peek(path)
    if "identity" not in state:
        raise ValueError(f"{path} holds a network only, not a training that could go on")
    # A checkpoint from before a setting was thought of had what is now the setting's default.
    default, theirs = asdict(Preset()), state["identity"]["preset"]
    augmentation = default["augmentation"] | theirs["augmentation"]
    state["identity"]["preset"] = default | theirs | {"augmentation": augmentation}
    for what, mine in identity.items():
        theirs = state["identity"].get(what, mine)  # older checkpoints know less of themselves
        if theirs != mine:
            raise ValueError(
                f"{path} was trained with another {what} ({difference(theirs, mine)}): "
                "go on as it began, start at another place, or delete that file"
            )
    checkpoints.restore(path, model, optimizer, average)
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
