"""A training is saved, and goes on from there as if nothing had happened."""

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from unet_book import checkpoint as checkpoints
from unet_book.checkpoint import class_name
from unet_book.costs.memory import STATES
from unet_book.training import distributed, guard
from unet_book.training.presets import Preset
from unet_book.training.state import Training
from unet_book.training.tiles import Tiles
from unet_book.unet import UNet

__all__ = ["identity", "save", "resume", "check_room"]

# Of these a checksum is kept, which tells nobody what differs.
IN_WORDS = {"data": "other images or masks", "shape": "of the images"}


def identity(tiles: Tiles, model: UNet, initialize: Callable) -> dict:
    """What makes a training the one it is; a checkpoint of another one is refused.

    Parameters
    ----------
    tiles : Tiles
        With recipe, seed, data and engine.
    model : UNet
        Its class counts.
    initialize : callable
        Its name counts: the attribute `name` if it has one, else that of the function or class.

    Returns
    -------
    dict
        What JSON can hold.
    """
    how = {"precision": tiles.engine.precision, "compile": tiles.engine.compile}
    drawn = getattr(initialize, "name", None) or class_name(initialize)
    return tiles.identity | {
        "network": class_name(type(model)),
        "initializer": drawn,
        "engine": how,
    }


def save(training: Training) -> None:
    """Write the training's checkpoint, unless its losses or weights have left the numbers.

    Parameters
    ----------
    training : Training
        One with a checkpoint.

    Raises
    ------
    FloatingPointError
        If they have; the checkpoint that was there stays.
    OSError
        If the file can't be written.
    """
    guard.check_losses(training)
    guard.check_weights(training)
    if distributed.rank() == 0:
        state = {
            "step": training.step,
            "history": training.history,
            "losses": [loss.item() for loss in training.losses],
            "identity": training.identity,
        }
        checkpoints.save(
            training.checkpoint, training.model, training.optimizer, state, training.average
        )


def resume(training: Training) -> None:
    """Put what the training's checkpoint holds into its place; without one nothing changes.

    Parameters
    ----------
    training : Training
        Before its first step; it is changed in place.

    Raises
    ------
    ValueError
        If the checkpoint comes from another training (`identity`), or from none.
    """
    path = training.checkpoint
    if path is None or not os.path.exists(path):
        return
    state = checkpoints.peek(path)
    if "identity" not in state:
        raise ValueError(f"{path} holds a network only, not a training that could go on")
    _check_identity(path, state["identity"], training.identity)
    checkpoints.restore(path, training.model, training.optimizer, training.average)
    device = training.tiles.device
    training.step, training.history = state["step"], state["history"]
    training.losses = [torch.tensor(loss, device=device) for loss in state["losses"]]


def _check_identity(path: str | os.PathLike, theirs: dict, mine: dict) -> None:
    """ValueError, with what differs, unless the identity that a checkpoint holds is `mine`."""
    # A checkpoint from before a setting was thought of had what is now the setting's default.
    default, preset = asdict(Preset()), theirs["preset"]
    augmentation = default["augmentation"] | preset["augmentation"]
    theirs = theirs | {"preset": default | preset | {"augmentation": augmentation}}
    for name in mine:
        saved = theirs.get(name, mine[name])  # older checkpoints know less of themselves
        if saved != mine[name]:
            what = IN_WORDS.get(name) or _difference(saved, mine[name])
            raise ValueError(
                f"{path} was trained with another {name} ({what}): go on as it began, delete that "
                "file, or start at another place; there --from begins with these weights"
            )


def _difference(theirs: Any, mine: Any) -> str:
    """What differs, in words; of two dictionaries only the entries that do."""
    if not (isinstance(theirs, dict) and isinstance(mine, dict)):
        return f"{theirs}, not {mine}"
    names = [name for name in mine | theirs if theirs.get(name) != mine.get(name)]
    return ", ".join(f"{name} {_difference(theirs.get(name), mine.get(name))}" for name in names)


def check_room(training: Training) -> None:
    """Refuse a training whose checkpoints, the old and the new one, do not fit where they go.

    Parameters
    ----------
    training : Training
        Before its first step, or resumed.

    Raises
    ------
    OSError
        With the room that is needed and that there is.
    """
    path, preset = training.checkpoint, training.preset
    if path and distributed.rank() == 0 and not training.finished:
        every = min(preset.measure_every, preset.steps)
        numbers = every + 4 * (preset.steps // every + 1)  # losses, and an entry a measurement
        copies = STATES[preset.optimizer] + bool(preset.average)
        needed = checkpoints.size(training.model, copies, numbers)
        checkpoints.check_room(path, needed if os.path.exists(path) else 2 * needed)
