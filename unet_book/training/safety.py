"""What keeps a training from being lost: Ctrl-C saves, and numbers that run away are explained."""

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

import torch

from unet_book import checkpoint as checkpoints
from unet_book.training import several
from unet_book.training.presets import learning_rate
from unet_book.training.tiles import Tiles

AGREE_EVERY = 10  # steps after which several processes ask each other whether to stop
ECHO = 2  # seconds in which torchrun passes Ctrl-C on to processes that the terminal told, too


class Interrupt:
    """Ctrl-C lets a step end before it stops a training; a second one stops at once.

    ``with Interrupt() as interrupt:`` takes the place of Python's answer to Ctrl-C; after each step
    ask ``interrupt.wanted(step)``. In a thread other than the main one, which gets no Ctrl-C, and
    with `active` false it does nothing.
    """

    def __init__(self, active: bool = True):
        self.active = active and threading.current_thread() is threading.main_thread()
        self.asked, self.when = False, 0.0

    def __enter__(self):
        if self.active:
            self.before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_):
        if self.active and self.before is not None:  # None: it was set outside Python, and is lost
            signal.signal(signal.SIGINT, self.before)

    def wanted(self, step: int) -> bool:
        """Whether to stop after this step; of several processes all stop if one is asked."""
        if several.count() == 1:
            return self.asked
        if step % AGREE_EVERY:
            return False
        device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
        return several.total(torch.tensor(int(self.asked), device=device)).item() > 0

    def _ask(self, *_):
        if self.asked:
            if several.count() == 1 or time.monotonic() - self.when > ECHO:
                raise KeyboardInterrupt
            return
        self.asked, self.when = True, time.monotonic()
        if several.rank() == 0:
            print(
                "\nstopping after this step, to save it; Ctrl-C again stops at once",
                file=sys.stderr,
                flush=True,
            )


def check_losses(model, tiles: Tiles, state: dict, path) -> None:
    """FloatingPointError with the first loss since the last measurement that is no number."""
    losses = torch.stack(state["losses"])
    wrong = torch.nonzero(~torch.isfinite(losses)).flatten().tolist()
    if wrong:
        step = state["step"] - len(losses) + wrong[0]
        raise FloatingPointError(
            f"the loss of step {step + 1} is {losses[wrong[0]].item()}: "
            + explain(model, tiles, step, losses[: wrong[0]].tolist(), path)
        )


def check_weights(model, tiles: Tiles, state: dict, path) -> None:
    """FloatingPointError if a weight is no number."""
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
        losses = [loss.item() for loss in state["losses"]]
        raise FloatingPointError(
            f"a weight is no number after step {state['step']}: "
            + explain(model, tiles, state["step"] - 1, losses, path)
        )


def explain(model, tiles: Tiles, step: int, losses: list[float], path) -> str:
    """The likely cause of numbers running away in `step` (0, 1, ...), and what is left to go on.

    `losses` are those of the steps right before it.
    """
    wrong = [
        name
        for name, one in zip(("images", "weights"), tiles.draw(step)[::2])
        if not bool(torch.isfinite(one).all())
    ]
    if wrong:
        return f"the tile's {' and '.join(wrong)} hold NaN or infinite values. {last_good(path)}"
    said = [
        f"the learning rate, {learning_rate(tiles.preset, step):g}, is probably too high: "
        "try a tenth of it, or Preset.clip"
    ]
    if len(losses) > 1:
        said.append(
            f"the loss went from {losses[0]:.3g} to {losses[-1]:.3g} in the {len(losses)} "
            "steps before"
        )
    gradients = {
        name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None
    }
    lost = [name for name, one in gradients.items() if not bool(torch.isfinite(one).all())]
    if lost:
        said.append(
            f"by now {len(lost)} of {len(gradients)} gradients are no numbers, {lost[0]} first"
        )
    if tiles.engine.precision == "bf16":
        said.append("precision fp32, from the checkpoint on, would tell whether it is the rounding")
    return f"{'; '.join(said)}. {last_good(path)}"


def last_good(path) -> str:
    """What there is to go back to, in words."""
    if path is None or not os.path.exists(path):
        return "No checkpoint was written"
    step = checkpoints.peek(path)["step"]
    return f"The last good checkpoint, {path}, is that of step {step}"


@contextmanager
def own_random_state():
    """Within it PyTorch's global generators may be set; afterwards they are as they were."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):  # setting one sets them all
        yield


@contextmanager
def arithmetic(deterministic: bool):
    """Within it, GPU kernels that give the same bits every time, or the quickest; then as before.

    Kernels whose sums have no fixed order are replaced where there is another, and warn where there
    is none; a caller for whom such kernels are errors keeps the errors. cuBLAS wants
    ``CUBLAS_WORKSPACE_CONFIG=:4096:8`` in the environment when the program starts, and says so if
    it is missing.
    """
    enabled = torch.are_deterministic_algorithms_enabled()
    searched = torch.backends.cudnn.benchmark
    if deterministic and not enabled:
        torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = not (deterministic or enabled)  # tiles are all of one size
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = searched
        if deterministic and not enabled:
            torch.use_deterministic_algorithms(False)
