"""``unet-book train``, once its inputs have been looked at."""

import hashlib
import math
import time
from argparse import Namespace
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from unet_book import _header, metrics, report, training
from unet_book.checkpoint import load_model, peek
from unet_book.cli.terminal import is_watched, say
from unet_book.datasets import Stack
from unet_book.finder import CellFinder, best_tile
from unet_book.fitting import Fit, cross_fit, fit, folds
from unet_book.magnification import common_diameter, resampled
from unet_book.provenance import circumstances, revision
from unet_book.run import Folder, find_model
from unet_book.sizes import nearest_valid_sizes
from unet_book.training import choices
from unet_book.training.distributed import choose_device, is_main_process
from unet_book.training.evaluation import all_pixels, held_out_error, true_classes
from unet_book.unet import UNet

__all__ = ["train", "preset_of"]

OWN = "own"  # the preset that follows from the images
MINUTES = 2.0  # of two cores, if nothing else is asked for


def train(
    choice: Namespace, data: Stack, held_out: Stack | None, percentiles: tuple[float, float]
) -> None:
    """Train, and write the cell finder, a checkpoint and the record of the run.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book train``.
    data : Stack
        To learn from.
    held_out : Stack or None
        To measure and to choose on; None is a cross-validation.
    percentiles : tuple of two float
        How the gray values of both were normalized.
    """
    device = choose_device(choice.device)
    preset = preset_of(choice, data, held_out, device)
    engine = training.Engine(choice.precision, compile=choice.compile)
    first = is_main_process()
    folder = Folder(choice.out)
    report.check(folder.report)
    with folder.locked() if first else nullcontext():  # the first of several processes holds it
        resumed = peek(folder.checkpoint).get("step", 0) if folder.checkpoint.exists() else 0
        began = time.perf_counter()
        size = _cell_size(choice, data)
        how = _how(choice, device, engine) | {"percentiles": percentiles, "diameter": size}
        if held_out is None:
            found = cross_fit(data, preset, checkpoint=folder.checkpoint_of, **how)
        else:
            watch = training.Live(resampled(held_out, size)) if is_watched() else None
            found = fit(data, held_out, preset, checkpoint=folder.checkpoint, watch=watch, **how)
        seconds = time.perf_counter() - began
        if first:
            found.finder.save(folder.model)
            settled = engine.settled(device, preset.base_channels)
            record = _describe_run(found, choice, device, resumed, seconds)
            folder.write_record(record | {"engine": asdict(settled)}, resumed >= preset.steps)
            _print_run(found, folder, resumed, seconds)
            ended_before = resumed >= preset.steps and folder.report.exists()
            if found.judged.cell_count() and not ended_before:
                _report(found, choice, data, folder, percentiles, seconds)
            if folder.report.exists():
                say(f"the report: {folder.report}")


def _report(
    found: Fit,
    choice: Namespace,
    data: Stack,
    folder: Folder,
    percentiles: tuple[float, float],
    seconds: float,
) -> None:
    """Write the report, and say what it found."""
    verdict = report.write(
        folder.report,
        history=found.result.history,
        stack=found.judged,
        probabilities=found.probabilities,
        choice=found.choice,
        percentiles=percentiles,
        names_of_training=data.names,
        seconds=seconds,
        preset=found.result.preset,
        command=choice.command,
        training_error=_training_error(found, data),
    )
    for line in verdict.lines:
        say(line)


def _training_error(found: Fit, data: Stack) -> float:
    """Pixel error on some of the images that were trained on, as many as were held out."""
    some = data.pick(range(0, len(data), math.ceil(len(data) / len(found.judged))))
    some = resampled(some, found.finder.diameter)
    return held_out_error(found.result.model, some, best_tile(found.result.model))


def preset_of(
    choice: Namespace, data: Stack, held_out: Stack | None, device: torch.device
) -> training.Preset:
    """The recipe: a preset that was asked for, or one that follows from the cells.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book train``.
    data : Stack
        To learn from.
    held_out : Stack or None
        None is a cross-validation, whose trainings share the minutes.
    device : torch.device
        Where to train.

    Returns
    -------
    Preset

    Raises
    ------
    ValueError
        If no training image holds a cell.
    """
    preset = _recipe(choice, data)
    steps = _steps(choice, preset, held_out, len(data), device)
    return preset if steps is None else _recipe(choice, data, steps)


def _recipe(choice: Namespace, data: Stack, steps: int | None = None) -> training.Preset:
    """The recipe for so many steps; None are its own."""
    if choice.preset == OWN:
        preset = choices.recipe_for(data, steps)
    else:
        preset = training.named(choice.preset)
        preset = preset if steps is None else replace(preset, steps=steps)
    if choice.from_:
        preset = _in_the_shape_of(_header.read(find_model(choice.from_))["network"], preset)
    return preset


def _cell_size(choice: Namespace, data: Stack) -> float | None:
    """To which the cells are brought: that of the network to go on from, or that of the images."""
    if choice.from_:
        return CellFinder.load(find_model(choice.from_), "cpu").diameter
    return common_diameter(data) if choice.preset == OWN else None


def _steps(
    choice: Namespace,
    preset: training.Preset,
    held_out: Stack | None,
    count: int,
    device: torch.device,
) -> int | None:
    """How many steps were asked for; None leaves them to the preset."""
    if choice.steps is not None:
        return choice.steps
    checkpoint = Folder(choice.out).checkpoint
    if choice.minutes is None and checkpoint.exists():  # it goes on as it began, on any machine
        began_as = peek(checkpoint).get("identity", {}).get("preset", {})
        return began_as.get("steps", choice.steps)
    if choice.minutes is None and choice.preset != OWN:
        return None
    trainings = 1 if held_out is not None else 1 + len(folds(count))
    return choices.steps_for(preset, (choice.minutes or MINUTES) / trainings, device)


def _in_the_shape_of(network: dict, preset: training.Preset) -> training.Preset:
    """The recipe for a network that is there already."""
    shape = {name: network[name] for name in ("base_channels", "depth", "variant")}
    tile = nearest_valid_sizes(preset.tile, network["depth"], network["variant"])[1]
    return replace(preset, tile=tile, **shape)


def _how(choice: Namespace, device: torch.device, engine: training.Engine) -> dict[str, Any]:
    """The arguments of each training."""
    how = {"initialize": _Trained(find_model(choice.from_))} if choice.from_ else {}
    how |= {"seed": choice.seed, "device": device, "engine": engine, "log": choice.log}
    return how | {"progress": is_watched()}


def _print_run(found: Fit, folder: Folder, resumed: int, seconds: float) -> None:
    """Where the network is, and how well it did."""
    steps = found.result.history[-1]["step"] - resumed
    truth = all_pixels(true_classes(found.judged.labels))
    guess = metrics.majority_error(truth)
    answers = all_pixels([(answer > 0.5).astype(int) for answer in found.probabilities])
    error = metrics.pixel_error(truth, answers)
    say(f"the network: {folder.model}")
    say(
        f"{steps} steps in {seconds:.0f} s: {error:.2%} of the held-out pixels wrong; guessing the "
        f"majority class gives {guess:.2%}"
    )
    if found.finder.diameter is not None:
        say(f"images are resampled until the cell in the middle has {found.finder.diameter:.0f} px")
    say(f"a cell is {found.finder.rule.in_words()}")


def _describe_run(
    found: Fit, choice: Namespace, device: torch.device, resumed: int, seconds: float
) -> dict:
    """What one has to know to make the same run again; `seconds` passed since step `resumed`."""
    return {
        "command": choice.command,
        "data": str(choice.data),
        "preset": asdict(found.result.preset),
        "seed": choice.seed,
        **circumstances(revision(), seconds, device),
        "resumed_from_step": resumed,
        "history": found.result.history,
        "held_out": found.judged.names,
        "rule": asdict(found.finder.rule),
        "score": found.choice.score if found.choice else None,
        "diameter": found.finder.diameter,
    }


class _Trained:
    """An initializer that begins with the weights of a trained network."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"weights of {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"

    def __call__(self, model: UNet, generator: torch.Generator) -> None:
        """Give the network the weights; nothing is drawn."""
        trained = load_model(self.path)
        mine, theirs = (
            {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
            for network in (model, trained)
        )
        if mine != theirs:
            raise ValueError(
                f"{self.path} has {trained.base_channels} channels and depth {trained.depth}, the "
                f"preset {model.base_channels} and {model.depth}: they must be alike to go on from"
            )
        model.load_state_dict(trained.state_dict())
