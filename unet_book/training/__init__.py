"""Fitting the network: draw a tile, predict, weigh the error, step (Section 3).

Everything random in step k, the tile and the dropout, follows from the seed and from k alone. A
training that was killed and resumed therefore repeats the very steps it would have made, and no
state of any generator has to be saved.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from unet_book.datasets import Stack
from unet_book.datasets.checks import settle
from unet_book.datasets.splits import unfit
from unet_book.initialization import he_normal_
from unet_book.sizes import whole_number
from unet_book.training import averaging, distributed, hooks, saving
from unet_book.training.engine import Engine, environment, usual_engine
from unet_book.training.evaluation import held_out_error
from unet_book.training.graph import GraphedStep
from unet_book.training.interrupt import Interrupt
from unet_book.training.live import Live, Log
from unet_book.training.presets import PRESETS as PRESETS
from unet_book.training.presets import Preset, learning_rate, named
from unet_book.training.state import Training, start
from unet_book.training.step import training_step
from unet_book.training.tiles import Tiles, classes, step_seed
from unet_book.unet import UNet

__all__ = [
    "Result",
    "train",
    "training_step",
    "loop",
    "Training",
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

    Parameters
    ----------
    model : UNet
        The network, in evaluation mode; of a training with `Preset.average` the mean.
    preset : Preset
        The recipe.
    history : list of dict
        An entry a measurement: {"step", "loss" (mean since the last entry), "error" (pixel error on
        the held-out images, None without any)}; with `judge` also {"scores"}, what it says of
        `model`, and where `model` is an average {"raw"}, what it says of the latest weights.
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

    With `Preset.average` the network that is measured, shown and given back is the mean of the
    weights along the training; a checkpoint holds both.

    Started by torchrun, or in processes that have made a group (torch.distributed), each process
    trains on `Preset.batch_size` tiles of every step, and all come to the same weights: those of
    one process with as many tiles (dropout, which each draws for itself, apart). The first one
    alone measures, saves, shows and logs.

    Parameters
    ----------
    data : Stack
        Images and instance labels; the network learns cell against background.
    preset : Preset or str
        The recipe, or its name in `PRESETS`.
    held_out : Stack or None
        Images and labels on which the pixel error is measured on the way.
    seed : int
        Decides the initial weights, the tiles and the dropout.
    device : str, torch.device or None
        Where to train; the GPU if there is one, else the CPU.
    checkpoint : str, PathLike or None
        A file. If it exists the training goes on from there, exactly; every `save_every` steps, at
        the end, and on Ctrl-C (which then lets the step end, and comes too late in the last one) it
        is replaced.
    save_every : int
        Steps from one checkpoint to the next.
    progress : bool
        Show a progress bar.
    watch : callable or None
        Called as ``watch(step, model)`` before the first step and after each measurement; a `Live`
        shows the curves and a prediction.
    judge : callable or None
        Called as ``judge(model)`` at each measurement; gives a dictionary of numbers for the
        history, such as the scores that matter on images kept for validation.
    build : callable
        Makes the network, from `UNet`'s arguments; a subclass of it, for an experiment.
    initialize : callable
        Called as ``initialize(model, generator)``, draws the initial weights in place; a training
        that goes on from a checkpoint has its weights from there.
    engine : Engine or None
        How to compute it: precision, memory layout, compilation. None is `usual_engine`.
    log : str, PathLike or None
        A folder for TensorBoard's event files; needs the package `tensorboard`.
    deterministic : bool
        On a GPU, use kernels that give the same bits every time, at some cost; where there is none
        PyTorch warns. A CPU's always do.

    Returns
    -------
    Result
        The trained network and the history of its training.

    Raises
    ------
    ValueError
        If no training image holds a cell, if no held-out pixel is annotated, if the checkpoint
        comes from other data, another preset, seed, network, initializer or precision, for a device
        that is not there, or an engine that the device, or several processes, can't have.
    TypeError
        If `data` or `held_out` is no `Stack`.
    OSError
        Before the first step, if a checkpoint can't be written where it should go.
    ImportError
        If `log` lacks its package.
    FloatingPointError
        If the loss or a weight is no longer a number, naming the step, the likely cause and the
        last good checkpoint.
    KeyboardInterrupt
        On Ctrl-C, after saving.
    """
    preset, seed = named(preset), _check_seed(seed)
    save_every = whole_number("save_every", save_every, least=1)
    _check_parts(data, held_out)
    device = distributed.choose_device(device)
    with environment(device, deterministic), Interrupt(active=bool(checkpoint)) as interrupt:
        tiles = Tiles(data, preset, seed, device, engine)
        training = _begin(tiles, build, initialize, checkpoint)
        if distributed.rank() > 0:  # the first process shows and logs for all
            progress, watch, log = False, None, None
        make_step = GraphedStep() if tiles.engine.graph else training_step
        with Log(log, training.step) as curves, hooks.Progress(progress, training) as bar:
            # In this order: the mean that is measured has this step in it, and no loss that is no
            # number gets into the history. A measurement is shown before it is saved, so that a
            # training that dies in between shows it when it goes on. Ctrl-C saves by itself.
            after_each_step = [
                hooks.average,
                hooks.stay_finite,
                hooks.Measure(held_out, judge),
                curves,
                hooks.Watch(watch, training),
                interrupt,
                hooks.Save(save_every),
                bar,
            ]
            loop(training, make_step, after_each_step)
    return Result(training.trained.eval(), preset, training.history)


def loop(
    training: Training,
    make_step: Callable[..., Tensor],
    after_each_step: Iterable[Callable[[Training], None]],
) -> None:
    """Make each step that is left, and after each call the hooks, one after the other.

    Parameters
    ----------
    training : Training
        It is changed in place.
    make_step : callable
        Called as ``make_step(network, optimizer, tiles, step)``; gives the loss.
    after_each_step : iterable of callable
        The hooks, each called with the training.
    """
    while not training.finished:
        loss = make_step(training.network, training.optimizer, training.tiles, training.step)
        training.losses.append(loss)
        training.step += 1
        for hook in after_each_step:
            hook(training)


def _begin(
    tiles: Tiles,
    build: Callable[..., UNet],
    initialize: Callable[[UNet, torch.Generator], object],
    checkpoint: str | os.PathLike | None,
) -> Training:
    """The training before its first step, or where the file `checkpoint` has it."""
    preset, engine = tiles.preset, tiles.engine
    model, optimizer = start(preset, tiles.seed, tiles.device, build, initialize, engine)
    training = Training(
        tiles=tiles,
        model=model,
        average=averaging.averaged(model, preset),
        network=distributed.data_parallel(engine.compiled(model)),
        optimizer=optimizer,
        identity=saving.identity(tiles, model, initialize),
        checkpoint=checkpoint,
    )
    saving.resume(training)
    saving.check_room(training)
    return training


def _check_seed(seed: int) -> int:
    """`seed` as an int; ValueError for what is none, or out of range."""
    if not isinstance(seed, Integral) or not 0 <= seed < 2**63:
        raise ValueError(f"seed is a whole number from 0 to 2^63 - 1, not {seed!r}")
    return int(seed)


def _check_parts(data: Stack, held_out: Stack | None) -> None:
    """ValueError for images from which nothing can be learned, or on which nothing measured.

    TypeError for what is no `Stack`, such as the name of one.
    """
    for part in (data, held_out):
        if not isinstance(part, Stack | None):
            raise TypeError(
                f"training takes a Stack, not {type(part).__name__}: datasets.load(name) gives one"
            )
    train, test = ([*map(_has_cell, part.labels)] if part else [] for part in (data, held_out))
    known = [bool((labels >= 0).any()) for labels in held_out.labels] if held_out else []
    settle(unfit(data.name, train, test, known), stacklevel=3)


def _has_cell(labels: np.ndarray) -> bool:
    """Whether any pixel is above 0."""
    return bool((labels > 0).any())
