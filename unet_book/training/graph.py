"""A training step as one CUDA graph. Experimental: it has not yet run on a GPU."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from unet_book.training.step import descend, prepare, training_step
from unet_book.training.tiles import Tiles

__all__ = ["GraphedStep", "record", "side_stream"]


class GraphedStep:
    """`training_step` recorded as one CUDA graph and replayed; it is called like that function.

    The first steps run as usual, on a stream of their own, so that every library has allocated what
    it needs. The next is recorded, which computes nothing, and from then on a step copies its tiles
    to where the graph reads them, sets seed and learning rate, and replays. A recorded step can't
    ask for memory or wait for the CPU, and does no other thing than what was recorded.

    Experimental, and says so in a warning: written after PyTorch's rules for whole-step capture and
    tested on a CPU with a stand-in for the graph; it has not yet run on a GPU.
    """

    warm_up_steps = 3

    def __init__(self) -> None:
        warnings.warn(
            "graph=True is experimental: its recorded step has not yet run on a GPU", stacklevel=3
        )
        self.made = 0
        self.replay = None

    def __call__(self, model: nn.Module, optimizer: Optimizer, tiles: Tiles, step: int) -> Tensor:
        """Make a step as `training_step` does; the first ones as usual, the others by replaying."""
        self.made += 1
        if self.made <= self.warm_up_steps:
            return side_stream(lambda: training_step(model, optimizer, tiles, step))
        batch = tiles.batch(step)
        prepare(model, optimizer, tiles, step)
        if self.replay is None:
            self.inputs = [tensor.clone() for tensor in batch]
            self.replay, self.loss = record(lambda: descend(model, optimizer, tiles, *self.inputs))
        for recorded, new in zip(self.inputs, batch):
            recorded.copy_(new)
        self.replay()
        return self.loss.clone()


def record(work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Record work as one CUDA graph.

    Parameters
    ----------
    work : callable
        What is recorded; it gives a tensor.

    Returns
    -------
    again : callable
        Does the work again.
    result : Tensor
        Where its result lies after each call.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def again() -> None:
        graph.replay()

    again.work = work  # the graph knows addresses only; this keeps alive what lies there
    return again, result


def side_stream(work: Callable[[], Tensor]) -> Tensor:
    """Do work on a CUDA stream beside the present one.

    Parameters
    ----------
    work : callable
        It gives a tensor.

    Returns
    -------
    Tensor
        The result of the work.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        result = work()
    torch.cuda.current_stream().wait_stream(stream)
    return result
