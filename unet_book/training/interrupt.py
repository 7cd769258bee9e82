"""Ctrl-C loses no step: the one under way ends, and is saved."""

import signal
import sys
import threading
import time
from typing import Self

import torch

from unet_book.training import distributed
from unet_book.training.saving import save
from unet_book.training.state import Training

__all__ = ["Interrupt"]

AGREE_EVERY = 10  # steps after which several processes ask each other whether to stop
ECHO = 2  # seconds in which torchrun passes Ctrl-C on to processes that the terminal told, too


class Interrupt:
    """A hook that stops a training on Ctrl-C, saved after the step; a second Ctrl-C stops at once.

    ``with Interrupt() as interrupt:`` takes the place of Python's answer to Ctrl-C. In the last
    step it comes too late, and does nothing. In a thread other than the main one, which gets no
    Ctrl-C, and with `active` false it never stops.

    Parameters
    ----------
    active : bool
        Whether there is a checkpoint to save to.
    """

    def __init__(self, active: bool = True) -> None:
        self.active = active and threading.current_thread() is threading.main_thread()
        self.asked, self.when = False, 0.0

    def __enter__(self) -> Self:
        if self.active:
            self.before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self.active and self.before is not None:  # None: it was set outside Python, and is lost
            signal.signal(signal.SIGINT, self.before)

    def __call__(self, training: Training) -> None:
        """Stop the training, saved, if that was asked for.

        Parameters
        ----------
        training : Training
            After a step.

        Raises
        ------
        KeyboardInterrupt
            Once it is saved.
        """
        if self.wanted(training.step) and not training.finished:
            save(training)
            raise KeyboardInterrupt(
                f"stopped after step {training.step}, saved in {training.checkpoint}"
            )

    def wanted(self, step: int) -> bool:
        """Whether to stop after this step; of several processes all stop if one is asked.

        Parameters
        ----------
        step : int
            How many steps have been made.

        Returns
        -------
        bool
        """
        if distributed.world_size() == 1:
            return self.asked
        if step % AGREE_EVERY:
            return False
        device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
        asked = torch.tensor(int(self.asked), device=device)
        return distributed.all_reduce_sum(asked).item() > 0

    def _ask(self, *_: object) -> None:
        """Take Ctrl-C for a wish, and a second one for an order."""
        if self.asked:
            if distributed.world_size() == 1 or time.monotonic() - self.when > ECHO:
                raise KeyboardInterrupt
            return
        self.asked, self.when = True, time.monotonic()
        if distributed.rank() == 0:
            print(
                "\nstopping after this step, to save it; Ctrl-C again stops at once",
                file=sys.stderr,
                flush=True,
            )
