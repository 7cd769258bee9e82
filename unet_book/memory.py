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

from unet_book.unet import UNet, layer_costs, nearest_valid_sizes, output_size

FLOAT, INT = 4, 8  # bytes of float32 (weights, gradients, energy), and of int64 (indices)
PRECISIONS = {"fp32": 4, "bf16": 2}  # bytes of a value of a map
STATES = {"sgd": 1, "adam": 2, "adamw": 2}  # float32 values that the optimizer keeps a weight,
STEPPING = {"sgd": 0, "adam": 2, "adamw": 2}  # and those that it needs for a moment


@dataclass(frozen=True)
class Layer:
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

    layers: list[Layer]

    @property
    def at(self) -> Layer:
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
    layers = _network(model, tile, batch, precision, gpu)
    at_once = 0 if gpu else max(one.weights for one in layers)
    layers.append(Layer("step", "optimizer", passing=STEPPING[optimizer] * at_once))
    states = STATES[optimizer] + average
    layers = [replace(one, gradients=one.weights, optimizer=states * one.weights) for one in layers]
    return Account(_moments(layers))


def _network(model, tile, batch, precision, gpu) -> list[Layer]:
    """The layers with their weights, what they keep and what passes by."""
    each, narrow = PRECISIONS[precision], precision != "fp32"
    answers = batch * output_size(tile, model.depth, model.variant) ** 2
    image = batch * model.in_channels * tile**2
    # Autocast reads a rounded copy of the image.
    given = image * (FLOAT + narrow * each) + answers * 2 * FLOAT
    layers, read = [Layer("batch", "batch", kept=given)], 0
    costs, skips = layer_costs(model, tile), []
    for number, cost in enumerate(costs):
        values = batch * cost.values
        written, rounded = values * each, narrow * cost.parameters * each
        kept, passing, waiting = written, read, 0
        if cost.kind == "conv 3x3":
            passing = max(read, written)  # of the convolution, of its ReLU
            if model.dropout.p and cost.name in (f"encoders.{model.depth - 1}.2", "bottom.2"):
                kept += written + values * (1 if gpu else each)
        elif cost.kind == "max-pool 2x2":
            kept += values * INT
            skips.append(costs[number - 1])
            waiting = -read * (2 if model.variant == "same" else 1)
        elif cost.kind == "concatenation":
            skip = skips.pop()
            whole = batch * skip.values * each
            passing, waiting = whole * cost.height // skip.height, whole
            if model.variant == "same":  # nothing is cropped: both halves of the gradient wait
                passing, waiting = 0, written
        elif cost.kind == "conv 1x1":
            kept, passing = 0, read + written
        else:  # an up-convolution; the gradient of the concatenation is still there
            kept = written if model.variant == "released" else 0
            passing = read + batch * costs[number + 1].values * each
        layers.append(Layer(cost.name, cost.kind, cost.parameters * FLOAT, kept=kept + rounded,
                            passing=passing + rounded, waiting=waiting))  # fmt: skip
        read = written
    # Logarithms of the softmax, weights and classes; gradients of the logarithms and the logits.
    logs = answers * model.num_classes * FLOAT
    layers.append(Layer("energy", "energy", kept=logs + answers * (FLOAT + INT), passing=2 * logs))
    return layers


def _moments(layers: list[Layer]) -> list[Layer]:
    """The layers with all that is alive when the backward pass is at each, last to first."""
    *network, step = layers
    alive = sum(one.weights + one.optimizer + one.kept for one in network)
    found = []
    for one in reversed(network):
        alive += one.gradients + max(one.waiting, 0)
        found.append(replace(one, moment=alive + one.passing))
        alive += min(one.waiting, 0) - one.kept
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
