"""What a training does after each step; each hook is called with the `Training`.

A hook is any such function or object. `Interrupt` (Ctrl-C) and `Log` (event files) are hooks, too,
and have files of their own.
"""

from collections.abc import Callable
from typing import Self

import torch
from tqdm.auto import tqdm

from unet_book.datasets import Stack
from unet_book.training import averaging, distributed, guard
from unet_book.training.evaluation import held_out_error
from unet_book.training.live import Live
from unet_book.training.saving import save
from unet_book.training.state import Training
from unet_book.unet import UNet

__all__ = ["average", "stay_finite", "Measure", "Watch", "Save", "Progress"]


def average(training: Training) -> None:
    """Move the mean of the weights towards the latest, if the preset wants one.

    Parameters
    ----------
    training : Training
        After a step.
    """
    decay, step = training.preset.average, training.step - 1
    averaging.follow(training.average, training.model, decay, step)


def stay_finite(training: Training) -> None:
    """Refuse a loss that is no number; a GPU would wait for whoever looks at each.

    Parameters
    ----------
    training : Training
        After a step.

    Raises
    ------
    FloatingPointError
        As `guard.check_losses` does; on a GPU at the next measurement.
    """
    if training.is_measured or training.tiles.device.type == "cpu":
        guard.check_losses(training)


class Measure:
    """An entry of the history every `Preset.measure_every` steps, and at the end.

    Parameters
    ----------
    held_out : Stack or None
        The images whose pixel error is measured.
    judge : callable or None
        Gives more numbers of a network, as a dictionary.
    """

    def __init__(self, held_out: Stack | None, judge: Callable[[UNet], dict] | None) -> None:
        self.held_out, self.judge = held_out, judge

    def __call__(self, training: Training) -> None:
        """Measure, if this step is one after which is measured.

        Parameters
        ----------
        training : Training
            After a step.
        """
        if not training.is_measured:
            return
        loss = torch.stack(training.losses).mean().item()
        scores = self.scores(training) if distributed.rank() == 0 else {}
        entry = {"step": training.step, "loss": loss} | distributed.broadcast(scores)
        training.history.append(entry)
        training.losses = []

    def scores(self, training: Training) -> dict:
        """The held-out error, and what the judge says of the mean and of the latest weights.

        Parameters
        ----------
        training : Training
            Its networks are measured.

        Returns
        -------
        dict
            {"error"}, with a judge also {"scores"}, and with an average {"raw"}.
        """
        found = {"error": None}
        if self.held_out is not None:
            tile = training.preset.tile
            found["error"] = held_out_error(training.trained, self.held_out, tile)
        if self.judge is not None:
            found["scores"] = _plain(self.judge(training.trained))
            if training.average is not None:
                found["raw"] = _plain(self.judge(training.model))
        return found


def _plain(scores: dict) -> dict:
    """The same with Python's own numbers; NumPy's can't be saved as JSON."""
    return {
        name: value.item() if hasattr(value, "item") else value for name, value in scores.items()
    }


class Watch:
    """Call ``watch(step, model)`` before the first step and after each measurement.

    Parameters
    ----------
    watch : callable or None
        None shows nothing.
    training : Training
        At its start; a `Live` shows its history.
    """

    def __init__(self, watch: Callable[[int, UNet], None] | None, training: Training) -> None:
        self.watch = watch
        if isinstance(watch, Live):
            watch.history = training.history
        if watch is not None and training.step == 0:
            watch(0, training.trained)

    def __call__(self, training: Training) -> None:
        """Show the network, if this step is one after which is measured.

        Parameters
        ----------
        training : Training
            After a step.
        """
        if self.watch is not None and training.is_measured:
            self.watch(training.step, training.trained)


class Save:
    """Save the training every so many steps, and at the end, if it has a checkpoint.

    Parameters
    ----------
    every : int
        Steps from one checkpoint to the next.
    """

    def __init__(self, every: int) -> None:
        self.every = every

    def __call__(self, training: Training) -> None:
        """Save the training, if it is due.

        Parameters
        ----------
        training : Training
            After a step.
        """
        if training.checkpoint and training.is_due(self.every):
            save(training)


class Progress:
    """A bar of the steps; ``with Progress(...) as progress:`` ends its line.

    Parameters
    ----------
    shown : bool
        Whether there is a bar.
    training : Training
        At its start.
    """

    def __init__(self, shown: bool, training: Training) -> None:
        steps, made = training.preset.steps, training.step
        self.bar = tqdm(total=steps, initial=made, disable=not shown)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def __call__(self, training: Training) -> None:
        """Move the bar by one step.

        Parameters
        ----------
        training : Training
            After a step.
        """
        self.bar.update()
