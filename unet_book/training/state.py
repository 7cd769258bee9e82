"""What a running training holds, and how it looks before the first step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from unet_book.initialization import he_normal_
from unet_book.training.engine import Engine, usual_engine
from unet_book.training.presets import Preset
from unet_book.training.tiles import Tiles
from unet_book.unet import UNet

__all__ = ["Training", "start", "optimizer_for"]


@dataclass
class Training:
    """A training under way: all that a step changes, and what it takes to make one.

    Parameters
    ----------
    tiles : Tiles
        What the steps see; with it preset, seed, device and engine.
    model : UNet
        The network with the latest weights.
    network : torch.nn.Module
        The same as a step calls it: compiled, or one of several processes'.
    optimizer : Optimizer
        What moves the weights.
    average : UNet or None
        The mean of the weights along the training, where the preset wants one.
    identity : dict
        What makes the training the one it is; a checkpoint of another one is refused.
    checkpoint : str, PathLike or None
        The file to which it is saved.
    step : int
        How many steps have been made.
    losses : list of Tensor
        Those of the steps since the last measurement, still on the device.
    history : list of dict
        An entry a measurement.
    """

    tiles: Tiles
    model: UNet
    network: nn.Module
    optimizer: Optimizer
    average: UNet | None
    identity: dict
    checkpoint: str | PathLike | None = None
    step: int = 0
    losses: list[Tensor] = field(default_factory=list)
    history: list[dict] = field(default_factory=list)

    @property
    def preset(self) -> Preset:
        """The recipe."""
        return self.tiles.preset

    @property
    def trained(self) -> UNet:
        """The network that is measured, shown and given back, the mean if there is one."""
        return self.model if self.average is None else self.average

    @property
    def finished(self) -> bool:
        """Whether all steps have been made."""
        return self.step >= self.preset.steps

    def is_due(self, every: int) -> bool:
        """Whether something done every so many steps, and at the end, is done after this one.

        Parameters
        ----------
        every : int
            Steps from one time to the next.

        Returns
        -------
        bool
        """
        return self.step % every == 0 or self.step == self.preset.steps

    @property
    def is_measured(self) -> bool:
        """Whether the step that was just made is one after which is measured."""
        return self.is_due(self.preset.measure_every)


def start(
    preset: Preset,
    seed: int,
    device: str | torch.device,
    build: Callable[..., UNet] = UNet,
    initialize: Callable[[UNet, torch.Generator], object] = he_normal_,
    engine: Engine | None = None,
) -> tuple[UNet, Optimizer]:
    """The network with its initial weights, the paper's by default, and its optimizer (Section 3).

    Parameters
    ----------
    preset : Preset
        The recipe.
    seed : int
        Decides the weights.
    device : str or torch.device
        Where both come to lie.
    build : callable
        Makes the network, from `UNet`'s arguments.
    initialize : callable
        Called as ``initialize(model, generator)``, draws the weights in place.
    engine : Engine or None
        How the training is computed; None is `usual_engine`.

    Returns
    -------
    model : UNet
    optimizer : torch.optim.Optimizer
    """
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


def optimizer_for(model: UNet, preset: Preset, engine: Engine) -> Optimizer:
    """The preset's optimizer; on a GPU its update of all weights is one kernel.

    Parameters
    ----------
    model : UNet
        The network whose weights it moves.
    preset : Preset
        The recipe.
    engine : Engine
        A graph wants a learning rate that lies on the device.

    Returns
    -------
    torch.optim.Optimizer
    """
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
