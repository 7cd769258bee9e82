"""One step of training: predict, weigh the error, follow its gradient down."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from unet_book.loss import weighted_cross_entropy
from unet_book.training import several
from unet_book.training.presets import learning_rate
from unet_book.training.tiles import Tiles, step_seed


def training_step(model: nn.Module, optimizer, tiles: Tiles, step: int) -> Tensor:
    """One step down the energy of the tiles of this step; its loss, still on the device."""
    batch = tiles.batch(step)
    prepare(model, optimizer, tiles, step)
    return descend(model, optimizer, tiles, *batch)


def prepare(model, optimizer, tiles: Tiles, step: int) -> None:
    """What differs from step to step but the tiles: the dropout's seed and the learning rate."""
    model.train()
    torch.manual_seed(step_seed(tiles.seed, step, several.rank()))  # the dropout's
    rate = learning_rate(tiles.preset, step)
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):  # a graph reads it where it lies
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def descend(model, optimizer, tiles: Tiles, image, target, weights) -> Tensor:
    """Predict, weigh the error, and change the weights a little so that it falls; the loss."""
    optimizer.zero_grad(set_to_none=True)
    with tiles.engine.autocast(tiles.device):
        logits = model(image)
    loss = energy(logits, target, weights)
    loss.backward()
    if tiles.preset.clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), tiles.preset.clip)
    optimizer.step()
    return several.mean(loss.detach())


def energy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """The weighted energy; the mean over processes is that of all their tiles as one batch.

    Each process divides by the sum of all weights, not of its own: a tile with many narrow gaps
    weighs more than one with none, on whichever process it is.
    """
    if several.count() == 1:
        return weighted_cross_entropy(logits, target, weights)
    mine = torch.where(target >= 0, weights, 0).sum()
    everybodys = several.total(mine).clamp_min(torch.finfo(mine.dtype).tiny)
    summed = weighted_cross_entropy(logits, target, weights, normalize=False)
    return several.count() * summed / everybodys


class GraphedStep:
    """`training_step` recorded as one CUDA graph and replayed; it is called like that function.

    The first steps run as usual, on a stream of their own, so that every library has allocated what
    it needs. The next is recorded, which computes nothing, and from then on a step copies its tiles
    to where the graph reads them, sets seed and learning rate, and replays. A recorded step can't
    ask for memory or wait for the CPU, and does no other thing than what was recorded.

    Written after PyTorch's rules for whole-step capture and tested on a CPU with a stand-in for the
    graph; it has not yet run on a GPU.
    """

    usual_steps = 3

    def __init__(self):
        self.made = 0
        self.replay = None

    def __call__(self, model, optimizer, tiles: Tiles, step: int) -> Tensor:
        self.made += 1
        if self.made <= self.usual_steps:
            return aside(lambda: training_step(model, optimizer, tiles, step))
        batch = tiles.batch(step)
        prepare(model, optimizer, tiles, step)
        if self.replay is None:
            self.inputs = [one.clone() for one in batch]
            self.replay, self.loss = record(lambda: descend(model, optimizer, tiles, *self.inputs))
        for mine, new in zip(self.inputs, batch):
            mine.copy_(new)
        self.replay()
        return self.loss.clone()


def record(work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """A function that does `work` again, as one CUDA graph, and where its result will lie."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def again():
        graph.replay()

    again.work = work  # the graph knows addresses only; this keeps alive what lies there
    return again, result


def aside(work: Callable[[], Tensor]) -> Tensor:
    """The result of `work`, done on a CUDA stream beside the present one."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        result = work()
    torch.cuda.current_stream().wait_stream(stream)
    return result
