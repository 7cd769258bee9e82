"""One step of training: predict, weigh the error, follow its gradient down."""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from unet_book.loss import weighted_cross_entropy
from unet_book.training import distributed
from unet_book.training.presets import learning_rate
from unet_book.training.tiles import Tiles, step_seed

__all__ = ["training_step", "prepare", "descend", "energy"]


def training_step(model: nn.Module, optimizer: Optimizer, tiles: Tiles, step: int) -> Tensor:
    """One step down the energy of the tiles of this step (Section 3).

    Parameters
    ----------
    model : torch.nn.Module
        The network.
    optimizer : torch.optim.Optimizer
        What moves its weights.
    tiles : Tiles
        What it sees.
    step : int
        0, 1, ...

    Returns
    -------
    Tensor
        The loss, still on the device.
    """
    batch = tiles.batch(step)
    prepare(model, optimizer, tiles, step)
    return descend(model, optimizer, tiles, *batch)


def prepare(model: nn.Module, optimizer: Optimizer, tiles: Tiles, step: int) -> None:
    """What differs from step to step but the tiles: the dropout's seed and the learning rate.

    Parameters
    ----------
    model : torch.nn.Module
        Put into training mode.
    optimizer : torch.optim.Optimizer
        Its learning rate is set.
    tiles : Tiles
        With the recipe and the seed.
    step : int
        0, 1, ...
    """
    model.train()
    torch.manual_seed(step_seed(tiles.seed, step, distributed.rank()))  # the dropout's
    rate = learning_rate(tiles.preset, step)
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):  # a graph reads it where it lies
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def descend(
    model: nn.Module,
    optimizer: Optimizer,
    tiles: Tiles,
    image: Tensor,
    target: Tensor,
    weights: Tensor,
) -> Tensor:
    """Predict, weigh the error, and change the weights a little so that it falls.

    Parameters
    ----------
    model : torch.nn.Module
        The network.
    optimizer : torch.optim.Optimizer
        What moves its weights.
    tiles : Tiles
        With recipe, device and engine.
    image : Tensor, (N, 1, tile, tile)
        The tiles.
    target : Tensor of int, (N, output, output)
        Their classes; -1 is not annotated.
    weights : Tensor, (N, output, output)
        The weight map.

    Returns
    -------
    Tensor
        The loss before the step.
    """
    optimizer.zero_grad(set_to_none=True)
    with tiles.engine.autocast(tiles.device):
        logits = model(image)
    loss = energy(logits, target, weights)
    loss.backward()
    if tiles.preset.clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), tiles.preset.clip)
    optimizer.step()
    return distributed.all_reduce_mean(loss.detach())


def energy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """The energy, eq. (1); its mean over processes is that of all their tiles as one batch.

    Each process divides by the sum of all weights, not of its own: a tile with many narrow gaps
    weighs more than one with none, on whichever process it is.

    Parameters
    ----------
    logits : Tensor, (N, classes, output, output)
        The network's answer.
    target : Tensor of int, (N, output, output)
        The true classes; -1 is not annotated.
    weights : Tensor, (N, output, output)
        The weight map.

    Returns
    -------
    Tensor
        A scalar.
    """
    if distributed.world_size() == 1:
        return weighted_cross_entropy(logits, target, weights)
    own = torch.where(target >= 0, weights, 0).sum()
    total = distributed.all_reduce_sum(own).clamp_min(torch.finfo(own.dtype).tiny)
    summed = weighted_cross_entropy(logits, target, weights, normalize=False)
    return distributed.world_size() * summed / total
