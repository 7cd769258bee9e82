"""Where the memory of a training step goes, layer by layer (Sections 2 and 3).

The backward pass reads again what the forward pass wrote, so nearly every map is kept until then.
Going back, the gradient of a map takes the place of the map, layer by layer, and beside both there
is for a moment what one layer needs. The peak of the step is the highest of these moments, and all
of it follows from the sizes of the maps. `peak` counts the tensors of a step that really runs.
"""

import math
import weakref
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from unet_book.costs.layers import LayerCost, layer_costs
from unet_book.sizes import nearest_valid_sizes, output_size
from unet_book.unet import UNet

FLOAT, INT = 4, 8  # bytes of float32 (weights, gradients, energy), and of int64 (indices)
PRECISIONS = {"fp32": 4, "bf16": 2}  # bytes of a value of a map
STATES = {"sgd": 1, "adam": 2, "adamw": 2}  # float32 values that the optimizer keeps a weight,
STEPPING = {"sgd": 0, "adam": 2, "adamw": 2}  # and those that it needs for a moment


@dataclass(frozen=True)
class LayerMemory:
    """Bytes that one layer takes in a training step.

    `weights` and `optimizer` (its state, and the mean of the weights if there is one) are always
    there, `gradients` from the backward pass on. `kept` is what the forward pass leaves for the
    backward pass: the layer's map, with a pooling the places of its maxima, with dropout its mask,
    in bf16 the rounded weights. `passing` is there only while the backward pass is at this layer:
    the gradient of what it has read. `waiting` is the gradient of a skip: made at the
    concatenation, and used up, so with a minus, at the pooling.
    `moment` is all that is alive when the backward pass is here.
    """

    name: str
    kind: str
    weights: int = 0
    gradients: int = 0
    optimizer: int = 0
    kept: int = 0
    passing: int = 0
    waiting: int = 0
    moment: int = 0


@dataclass(frozen=True)
class Account:
    """The memory of a training step: `layers` in the order of Fig. 1, in bytes.

    The first is the batch (image, classes, weights); the last two are the energy and the
    optimizer's step.
    """

    layers: list[LayerMemory]

    @property
    def at(self) -> LayerMemory:
        """The layer with the largest `moment`."""
        return max(self.layers, key=lambda layer: layer.moment)

    @property
    def peak(self) -> int:
        """The most bytes that are alive at once."""
        return self.at.moment

    def total(self, column: str) -> int:
        """Sum of "weights", "gradients", "optimizer" or "kept" over the layers."""
        return sum(getattr(layer, column) for layer in self.layers)


def account(
    model: UNet,
    tile: int,
    batch: int = 1,
    precision="fp32",
    optimizer="sgd",
    device=None,
    average: bool = False,
) -> Account:
    """What a training step of `model` has in memory, layer by layer, and its peak, in bytes.

    Parameters
    ----------
    model : on any device; on "meta" it takes no memory itself.
    tile : side of the input in pixels.
    batch : tiles in a step.
    precision : "fp32", or "bf16" for autocast: the maps in bfloat16; weights, gradients, optimizer
        and energy in float32.
    optimizer : "sgd" with momentum, "adam" or "adamw", as PyTorch has them.
    device : where the step runs; None for the model's own. On a GPU a dropout's mask takes a byte
        a value, and Adam's step, which is one kernel in `training`, no room of its own.
    average : whether the mean of the weights is kept beside them (`Preset.average`).

    Left out: what kernels take for themselves (a workspace, a copy in another layout), a batch that
    is prepared ahead, and the context of the GPU.

    Raises ValueError for a tile that does not fit the network, or a word that is not listed here.
    """
    for word, known in ((precision, PRECISIONS), (optimizer, STATES)):
        if word not in known:
            raise ValueError(f"{' or '.join(known)}, not {word!r}")
    if batch < 1:
        raise ValueError(f"batch must be 1 or more, not {batch}")
    gpu = torch.device(device or next(model.parameters()).device).type == "cuda"
    layers = _layers(_Step(model, tile, batch, precision, gpu))
    at_once = 0 if gpu else max(layer.weights for layer in layers)
    layers.append(LayerMemory("step", "optimizer", passing=STEPPING[optimizer] * at_once))
    states = STATES[optimizer] + average
    layers = [
        replace(layer, gradients=layer.weights, optimizer=states * layer.weights)
        for layer in layers
    ]
    return Account(_moments(layers))


@dataclass(frozen=True)
class _Step:
    """A training step, as far as it decides how many bytes each layer takes."""

    model: UNet
    tile: int
    batch: int
    precision: str
    gpu: bool

    @property
    def answers(self) -> int:
        """Pixels that the batch gets an answer for."""
        return self.batch * output_size(self.tile, self.model.depth, self.model.variant) ** 2

    def map(self, cost: LayerCost) -> int:
        """Bytes of the layer's map, for the whole batch."""
        return self.batch * cost.values * PRECISIONS[self.precision]

    def rounded(self, values: int) -> int:
        """Bytes of the copy that autocast rounds to bfloat16, of float32 values that it reads."""
        return 0 if self.precision == "fp32" else values * PRECISIONS[self.precision]


def _layers(step: _Step) -> list[LayerMemory]:
    """The layers with their weights, what they keep and what passes by."""
    costs = layer_costs(step.model, step.tile)
    layers, skips = [_batch(step)], []
    read = 0  # bytes of the map that a layer reads and whose gradient it makes; the image has none
    for number, cost in enumerate(costs):
        if cost.kind == "conv 3x3":
            layer = _convolution(step, cost, read)
        elif cost.kind == "max-pool 2x2":
            skips.append(costs[number - 1])
            layer = _pooling(step, cost, read)
        elif cost.kind == "up-conv 2x2":
            layer = _up_convolution(step, cost, read, joined=costs[number + 1])
        elif cost.kind == "concatenation":
            layer = _concatenation(step, cost, skips.pop())
        else:
            layer = _classifier(step, cost, read)
        layers.append(layer)
        read = step.map(cost)
    return [*layers, _energy(step)]


def _batch(step) -> LayerMemory:
    """The image, and for each answer its class and its weight."""
    image = step.batch * step.model.in_channels * step.tile**2
    kept = image * FLOAT + step.rounded(image) + step.answers * 2 * FLOAT
    return LayerMemory("batch", "batch", kept=kept)


def _convolution(step, cost, read) -> LayerMemory:
    """A 3 x 3 convolution and its ReLU, which writes over the convolution's map.

    On the way back the ReLU makes a gradient as large as the map, then the convolution one as large
    as what it has read.
    """
    written = step.map(cost)
    kept = written
    if step.model.dropout.p and _is_before_dropout(cost, step.model):
        mask = step.batch * cost.values if step.gpu else written
        kept += written + mask  # the map once more, behind the dropout
    return _layer(step, cost, kept, passing=max(read, written))


def _is_before_dropout(cost, model):
    """Whether it is the last encoder's last convolution, or the bottom's."""
    return cost.name in (f"encoders.{model.depth - 1}.2", "bottom.2")


def _pooling(step, cost, read) -> LayerMemory:
    """A pooling, which keeps the places of its maxima. Here the skip's gradient is used up."""
    places = step.batch * cost.values * INT
    both_halves = 2 if step.model.variant == "same" else 1  # see `_concatenation`
    return _layer(step, cost, step.map(cost) + places, read, waiting=-both_halves * read)


def _up_convolution(step, cost, read, joined) -> LayerMemory:
    """An up-convolution, whose map is copied into the concatenation; a ReLU behind it keeps it.

    While the backward pass is here, the gradient of the concatenation is still there.
    """
    kept = step.map(cost) if step.model.variant == "released" else 0
    return _layer(step, cost, kept, passing=read + step.map(joined))


def _concatenation(step, cost, skip) -> LayerMemory:
    """A skip beside an upsampled map: from here on the gradient of the skip waits for its pooling.

    The crop is undone along one axis, then along the other. If nothing was cropped, the skip's
    gradient is a view of the whole, and both halves wait.
    """
    written = step.map(cost)
    if step.model.variant == "same":
        return _layer(step, cost, written, passing=0, waiting=written)
    whole = step.map(skip)
    return _layer(step, cost, written, passing=whole * cost.height // skip.height, waiting=whole)


def _classifier(step, cost, read) -> LayerMemory:
    """The last, 1 x 1 convolution: the energy keeps what it needs of the logits."""
    return _layer(step, cost, kept=0, passing=read + step.map(cost))


def _energy(step) -> LayerMemory:
    """The logarithms of the softmax, weights and classes; gradients of logarithms and logits."""
    logarithms = step.answers * step.model.num_classes * FLOAT
    kept = logarithms + step.answers * (FLOAT + INT)
    return LayerMemory("energy", "energy", kept=kept, passing=2 * logarithms)


def _layer(step, cost, kept, passing, waiting=0) -> LayerMemory:
    """A layer of the network, with its weights, their rounded copy and that copy's gradient."""
    copy = step.rounded(cost.parameters)
    return LayerMemory(
        cost.name,
        cost.kind,
        cost.parameters * FLOAT,
        kept=kept + copy,
        passing=passing + copy,
        waiting=waiting,
    )


def _moments(layers: list[LayerMemory]) -> list[LayerMemory]:
    """The layers with all that is alive when the backward pass is at each, last to first."""
    *network, step = layers
    alive = sum(layer.weights + layer.optimizer + layer.kept for layer in network)
    found = []
    for layer in reversed(network):
        alive += layer.gradients + max(layer.waiting, 0)
        found.append(replace(layer, moment=alive + layer.passing))
        alive += min(layer.waiting, 0) - layer.kept
    return [*reversed(found), replace(step, moment=alive + network[0].kept + step.passing)]


def largest_tile(room: int, model: UNet, **how) -> int | None:
    """Side of the largest tile whose training step has its peak within `room` bytes; None if none.

    `how` is `account`'s: batch, precision, optimizer, device, average.
    """
    smallest = nearest_valid_sizes(1, model.depth, model.variant)[1]
    most = math.isqrt(max(room, 0))  # the image alone takes more than a byte a pixel
    tiles = range(smallest, most + 1, 2**model.depth)
    fit = bisect_right(tiles, room, key=lambda tile: account(model, tile, **how).peak)
    return tiles[fit - 1] if fit else None


def peak(run: Callable[[], object]) -> int:
    """The most bytes of tensors that are alive at once while `run()` runs.

    Counted are the tensors that `run` makes, and those from before that it uses. What a kernel has
    inside, such as a copy in another memory layout, is not seen.
    """
    with _Count() as count:
        run()
    return count.before + count.most


class _Count(TorchDispatchMode):
    """Sees every operation on tensors, and keeps account of the bytes behind them."""

    def __init__(self):
        super().__init__()
        self.seen, self.before, self.alive, self.most = {}, 0, 0, 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        for storage in self.unseen((args, kwargs)):
            self.before += storage.nbytes()
            self.seen[storage._cdata] = storage
        result = operation(*args, **(kwargs or {}))
        for storage in self.unseen(result):
            self.note(storage)
        self.most = max(self.most, self.alive)
        return result

    def unseen(self, tensors):
        """The memory behind them that was not seen yet."""
        for tensor in tree_leaves(tensors):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in self.seen:
                yield tensor.untyped_storage()

    def note(self, storage):
        """Count it until it is freed."""
        key, size = storage._cdata, storage.nbytes()

        def free(_):
            self.alive -= size
            del self.seen[key]

        self.seen[key] = weakref.ref(storage, free)
        self.alive += size
