"""The mean of the weights along a training, which is calmer than any of them (chapter 9).

A step of one tile goes where that tile wants to go, so the weights walk around the place where all
tiles together would have them, and never come to rest there. Their mean over the last steps does
not walk: it is the network that a training with `Preset.average` measures and gives back.
"""

import copy

from torch.optim.swa_utils import get_ema_multi_avg_fn

from unet_book.training.presets import Preset
from unet_book.unet import UNet

__all__ = ["averaged", "kept", "follow"]


def averaged(model: UNet, preset: Preset) -> UNet | None:
    """A copy of the network that `follow` turns into the mean of its weights.

    Parameters
    ----------
    model : UNet
        The network with its initial weights.
    preset : Preset
        The recipe.

    Returns
    -------
    UNet or None
        In evaluation mode; None where the preset wants no mean.
    """
    return copy.deepcopy(model).eval() if preset.average else None


def kept(decay: float, step: int) -> float:
    """How much of the mean stays as it was in a step: `decay` in the end, less at first.

    With all of `decay` from the start the mean would remember the random weights for thousands of
    steps. A pure function, so that a training that goes on has nothing more to remember.

    Parameters
    ----------
    decay : float
        In [0, 1).
    step : int
        0, 1, ...

    Returns
    -------
    float
        In [0, 1).

    Examples
    --------
    >>> kept(0.999, 0), kept(0.999, 100_000)
    (0.1, 0.999)
    """
    return min(decay, (1 + step) / (10 + step))


def follow(average: UNet | None, model: UNet, decay: float, step: int) -> None:
    """Move each weight of `average` by 1 - kept towards that of `model`, in place.

    Parameters
    ----------
    average : UNet or None
        The mean; nothing is done where there is none.
    model : UNet
        The network with the latest weights.
    decay : float
        `Preset.average`.
    step : int
        The step that gave the latest weights, 0, 1, ...
    """
    if average is not None:
        mix = get_ema_multi_avg_fn(kept(decay, step))
        mix([*average.parameters()], [*model.parameters()], None)
