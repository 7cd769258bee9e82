"""Losses and weights stay numbers, or the training stops and says why they did not."""

import os
from collections.abc import Mapping

import torch
from torch import Tensor

from unet_book import checkpoint as checkpoints
from unet_book.training.presets import learning_rate
from unet_book.training.state import Training

__all__ = ["check_losses", "check_weights"]


def check_losses(training: Training) -> None:
    """Refuse a loss that is no number.

    Parameters
    ----------
    training : Training
        Its losses since the last measurement are looked at.

    Raises
    ------
    FloatingPointError
        With the first such step, the likely cause and the last good checkpoint.
    """
    if not training.losses:
        return
    losses = torch.stack(training.losses)
    wrong = torch.nonzero(~torch.isfinite(losses)).flatten().tolist()
    if wrong:
        step = training.step - len(losses) + wrong[0]
        raise FloatingPointError(
            f"the loss of step {step + 1} is {losses[wrong[0]].item()}: "
            + _explain(training, step, losses[: wrong[0]].tolist())
        )


def check_weights(training: Training) -> None:
    """Refuse a weight that is no number.

    Parameters
    ----------
    training : Training
        The weights of its network are looked at.

    Raises
    ------
    FloatingPointError
        With the step, the likely cause and the last good checkpoint.
    """
    if _not_finite(dict(training.model.named_parameters())):
        losses = [loss.item() for loss in training.losses]
        raise FloatingPointError(
            f"a weight is no number after step {training.step}: "
            + _explain(training, training.step - 1, losses)
        )


def _explain(training: Training, step: int, losses: list[float]) -> str:
    """The likely cause of numbers running away in `step` (0, 1, ...), and what is left to go on.

    `losses` are those of the steps right before it.
    """
    tiles, last = training.tiles, _last_good(training.checkpoint)
    image, _, weights = tiles.draw(step)
    wrong = _not_finite({"images": image, "weights": weights})
    if wrong:
        return f"the tile's {' and '.join(wrong)} hold NaN or infinite values. {last}"
    said = [
        f"the learning rate, {learning_rate(tiles.preset, step):g}, is probably too high: "
        "try a tenth of it, or Preset.clip"
    ]
    if len(losses) > 1:
        change = f"from {losses[0]:.3g} to {losses[-1]:.3g}"
        said.append(f"the loss went {change} in the {len(losses)} steps before")
    named = training.model.named_parameters()
    gradients = {name: weight.grad for name, weight in named if weight.grad is not None}
    lost = _not_finite(gradients)
    if lost:
        count = f"{len(lost)} of {len(gradients)}"
        said.append(f"by now {count} gradients are no numbers, {lost[0]} first")
    if tiles.engine.precision == "bf16":
        said.append("precision fp32, from the checkpoint on, would tell whether it is the rounding")
    return f"{'; '.join(said)}. {last}"


def _not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names of those that hold a NaN or an infinity."""
    return [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]


def _last_good(path: str | os.PathLike | None) -> str:
    """What there is to go back to, in words."""
    if path is None or not os.path.exists(path):
        return "No checkpoint was written"
    step = checkpoints.peek(path)["step"]
    return f"The last good checkpoint, {path}, is that of step {step}"
