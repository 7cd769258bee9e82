"""What a training on a folder will do, chosen from what the folder holds."""

from __future__ import annotations

import shlex
from argparse import Namespace

import numpy as np
import torch

from unet_book.cli.train import MINUTES
from unet_book.datasets.checks import listed
from unet_book.datasets.inspection import Entry, Findings
from unet_book.gray import HIGH, LOW
from unet_book.magnification import factor, largest_side
from unet_book.training.choices import recipe, steps_for
from unet_book.training.distributed import choose_device
from unet_book.training.presets import Preset

__all__ = ["preset_for", "lines"]

SIZE = "- size of cells: images are resampled until the cell in the middle has {:.0f} px"


def preset_for(found: Findings, minutes: float, device: torch.device) -> Preset:
    """The recipe that a training would have.

    Parameters
    ----------
    found : Findings
        What the folder holds; one cell at least among the images that train.
    minutes : float
        How long it may take; the trainings of a cross-validation share them.
    device : torch.device
        Where it runs.

    Returns
    -------
    Preset
    """
    entries = _that_train(found)
    diameter, middles = _cells(entries)
    largest = largest_side([entry.shape for entry in entries], middles, diameter)
    share = minutes / _trainings(found)
    return recipe(diameter, largest, steps_for(recipe(diameter, largest), share, device))


def lines(found: Findings, choice: Namespace) -> list[str]:
    """The plan in words.

    Parameters
    ----------
    found : Findings
        What the folder holds; one cell at least.
    choice : Namespace
        The options of ``unet-book check``.

    Returns
    -------
    list of str
    """
    device = choose_device(choice.device)
    minutes = choice.minutes or MINUTES
    preset = preset_for(found, minutes, device)
    diameter, middles = _cells(_that_train(found))
    alike = all(factor(middle, diameter) == 1 for middle in middles)
    return [
        "What training will do:",
        f"- gray values: of each image percentile {LOW:g} becomes 0 and {HIGH:g} becomes 1",
        *([] if alike else [SIZE.format(diameter)]),
        f"- held out: {_held_out(found)}",
        f"- network: depth {preset.depth}, {preset.base_channels} channels, tiles of {preset.tile} "
        f"x {preset.tile} px",
        f"- steps: {preset.steps:,}{' a training' * (_trainings(found) > 1)}, about "
        f"{minutes:g} minutes in all on {'this CPU' if device.type == 'cpu' else device}",
        "",
        _command(found, choice),
    ]


def _that_train(found: Findings) -> list[Entry]:
    """The images that the network learns from."""
    kept = found.held_out[0] if len(found.held_out) == 1 else []
    return [entry for entry in found.entries if entry.name not in kept]


def _cells(entries: list[Entry]) -> tuple[float, list[float | None]]:
    """The diameter of the cell in the middle of all images, and of each; px."""
    of_all = float(np.median(np.concatenate([entry.diameters for entry in entries])))
    of_each = (entry.diameters for entry in entries)
    return of_all, [float(np.median(each)) if len(each) else None for each in of_each]


def _trainings(found: Findings) -> int:
    """How many there are: of a cross-validation a last one learns from all images."""
    turns = len(found.held_out)
    return turns + (turns > 1)


def _held_out(found: Findings) -> str:
    """Which images are not learned from, so that one can measure on them."""
    first, *others = found.held_out
    if not others:
        return listed(first, 20)
    return f"each image in turn, in {_trainings(found) - 1} trainings; a last one learns from all"


def _command(found: Findings, choice: Namespace) -> str:
    """The command that does it, with the options that ``unet-book check`` was given."""
    words = ["unet-book", "train", "--data", str(found.folder)]
    words += ["--out", f"runs/{found.folder.resolve().name}"]
    words += ["--classes", ",".join(map(str, choice.classes))] if choice.classes else []
    words += ["--ignore", str(choice.ignore)] if choice.ignore is not None else []
    words += ["--hold-out", *choice.hold_out] if choice.hold_out else []
    words += ["--minutes", f"{choice.minutes:g}"] if choice.minutes else []
    words += ["--device", choice.device] if choice.device else []
    return shlex.join(words)
