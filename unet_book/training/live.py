"""Watching a training: a picture that follows it, a line a measurement, event files."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Self

import numpy as np
from tqdm.auto import tqdm

from unet_book.datasets import Stack
from unet_book.overlap_tile import predict
from unet_book.training.presets import learning_rate
from unet_book.training.state import Training
from unet_book.unet import UNet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Live", "line", "in_notebook", "Log"]

BLUE, ORANGE = "#0072b2", "#d55e00"


class Live:
    """A picture of a training as it goes on: ``train(..., watch=Live(held_out))``.

    In a notebook it is drawn anew after each measurement: the loss, the held-out error, and image
    number `index` of `stack` with the network's probability of a cell and the truth beside it. On a
    terminal it is one line a measurement, on stderr.

    Parameters
    ----------
    stack : Stack
        Images, such as the held-out ones.
    index : int
        Which of them is shown.
    """

    def __init__(self, stack: Stack, index: int = 0) -> None:
        self.image, self.labels = stack.images[index], stack.labels[index]
        self.history: list[dict] = []  # `train` puts its own here
        self.step, self.probability, self.handle = 0, None, None

    def __call__(self, step: int, model: UNet) -> None:
        """Show where the training is; `train` calls it.

        Parameters
        ----------
        step : int
            How many steps have been made.
        model : UNet
            The network that is measured.
        """
        self.step = step
        if in_notebook():
            self.probability = predict(model, self.image)[1]
            self._show()
        elif self.history:
            tqdm.write(line(self.history[-1]), file=sys.stderr)

    def figure(self) -> Figure:
        """The picture after the last measurement.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from matplotlib.figure import Figure  # a training that nobody watches needs none

        figure = Figure(figsize=(6.2, 5.2), layout="constrained")
        (above, beside), below = figure.subplots(2, 2)
        _curve(above, self.history, "loss", 1, "loss", BLUE)
        _curve(beside, self.history, "error", 100, "held-out pixels wrong, %", ORANGE)
        pictures = {f"P(cell) after step {self.step}": self.probability, "truth": self.labels > 0}
        for axes, (title, picture) in zip(below, pictures.items()):
            blank = np.zeros(self.labels.shape)
            axes.imshow(blank if picture is None else picture, cmap="gray", vmin=0, vmax=1)
            axes.set_title(title)
            axes.set_axis_off()
        return figure

    def _show(self) -> None:
        """Draw the picture, or put it in the place of the one before."""
        from IPython.display import Image, display

        file = io.BytesIO()
        self.figure().savefig(file, format="png", dpi=100)
        picture = Image(data=file.getvalue())
        if self.handle is None:
            self.handle = display(picture, display_id=True)
        else:
            self.handle.update(picture)


def line(entry: dict) -> str:
    """One entry of a history in words.

    Parameters
    ----------
    entry : dict
        With "step", "loss" and "error".

    Returns
    -------
    str

    Examples
    --------
    >>> line({"step": 300, "loss": 0.41239, "error": 0.12})
    'step 300: loss 0.4124, 12.00 % of the held-out pixels wrong'
    """
    said = f"step {entry['step']}: loss {entry['loss']:.4g}"
    if entry["error"] is not None:
        said += f", {100 * entry['error']:.2f} % of the held-out pixels wrong"
    return said


def in_notebook() -> bool:
    """Whether this runs in a kernel that shows pictures.

    Returns
    -------
    bool
    """
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return getattr(shell, "kernel", None) is not None


class Log:
    """A hook that writes a training's curves as TensorBoard's event files.

    Parameters
    ----------
    folder : str, PathLike or None
        Where they go; None writes none.
    step : int
        How many steps were made before.

    Raises
    ------
    ImportError
        Before the training, where the package `tensorboard` is missing.
    """

    def __init__(self, folder: str | os.PathLike | None, step: int) -> None:
        self.writer = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(
                "log= writes event files, which needs the package tensorboard: "
                "pip install tensorboard, or unet_book[log]"
            ) from error
        # What a killed training wrote after its last checkpoint is written anew.
        self.writer = SummaryWriter(str(folder), purge_step=step + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.writer is not None:
            self.writer.close()

    def __call__(self, training: Training) -> None:
        """Write the last entry of the history, and the learning rate of its last step.

        Parameters
        ----------
        training : Training
            After a step.
        """
        if self.writer is None or not training.is_measured:
            return
        entry = training.history[-1]
        values = {
            "loss": entry["loss"],
            "held-out pixel error": entry["error"],
            "learning rate": learning_rate(training.preset, training.step - 1),
        }
        for name, value in values.items():
            if value is not None:
                self.writer.add_scalar(name, value, training.step)
        self.writer.flush()


def _curve(
    axes: Axes, history: list[dict], name: str, times: float, title: str, color: str
) -> None:
    """Draw one number of a history over the steps."""
    known = [entry for entry in history if entry[name] is not None]
    steps, values = ([entry[key] for entry in known] for key in ("step", name))
    axes.plot(steps, times * np.array(values), ".-", color=color)
    axes.set(title=title, xlabel="step")
    axes.spines[["top", "right"]].set_visible(False)
