"""Where the memory of a training step goes, layer by layer (Sections 2 and 3).

The backward pass reads again what the forward pass wrote, so nearly every map is kept until then.
Going back, the gradient of a map takes the place of the map, layer by layer, and beside both there
is for a moment what one layer needs. The peak of the step is the highest of these moments, and all
of it follows from the sizes of the maps. `peak` counts the tensors of a step that really runs.
"""

import math
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from unet_book.costs.layers import LayerCost, layer_costs
from unet_book.sizes import nearest_valid_sizes, output_size
from unet_book.unet import UNet

__all__ = ["LayerMemory", "Account", "account", "largest_tile", "peak"]

FLOAT, INT = 4, 8  # bytes of float32 (weights, gradients, energy), and of int64 (indices)
PRECISIONS = {"fp32": 4, "bf16": 2}  # bytes of a value of a map
STATES = {"sgd": 1, "adam": 2, "adamw": 2}  # float32 values that the optimizer keeps a weight,
STEPPING = {"sgd": 0, "adam": 2, "adamw": 2}  # and those that it needs for a moment


@dataclass(frozen=True)
class LayerMemory:
    """Bytes that one layer takes in a training step.

    Parameters
    ----------
    name, kind : str
        As in `LayerCost`; also "batch", "energy" and "optimizer".
    weights : int
        Always there.
    gradients : int
        Of the weights; there from the backward pass on.
    optimizer : int
        Its state, and the mean of the weights if there is one; always there.
    kept : int
        What the forward pass leaves for the backward pass: the layer's map, with a pooling the
        places of its maxima, with dropout its mask, in bf16 the rounded weights.
    passing : int
        There only while the backward pass is at this layer: the gradient of what it has read.
    waiting : int
        The gradient of a skip: made at the concatenation, and used up, so with a minus, at the
        pooling.
    moment : int
        All that is alive when the backward pass is here.
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
    """The memory of a training step.

    Parameters
    ----------
    layers : list of LayerMemory
        In the order of Fig. 1. The first is the batch (image, classes, weights); the last two are
        the energy and the optimizer's step.
    """

    layers: list[LayerMemory]

    @property
    def at(self) -> LayerMemory:
        """The layer with the largest `moment` (LayerMemory)."""
        return max(self.layers, key=lambda layer: layer.moment)

    @property
    def peak(self) -> int:
        """The most bytes that are alive at once (int)."""
        return self.at.moment

    def total(self, column: str) -> int:
        """The sum of one kind of memory over the layers.

        Parameters
        ----------
        column : str
            "weights", "gradients", "optimizer" or "kept".

        Returns
        -------
        int
            Bytes.
        """
        return sum(getattr(layer, column) for layer in self.layers)


def account(
    model: UNet,
    tile: int,
    batch: int = 1,
    precision: str = "fp32",
    optimizer: str = "sgd",
    device: str | torch.device | None = None,
    average: bool = False,
) -> Account:
    """What a training step has in memory, layer by layer, and its peak (Section 3).

    Left out: what kernels take for themselves (a workspace, a copy in another layout), a batch that
    is prepared ahead, and the context of the GPU.

    Parameters
    ----------
    model : UNet
        On any device; on "meta" it takes no memory itself.
    tile : int
        Side of the input in pixels.
    batch : int
        Tiles in a step.
    precision : str
        "fp32", or "bf16" for autocast: the maps in bfloat16; weights, gradients, optimizer and
        energy in float32.
    optimizer : str
        "sgd" with momentum, "adam" or "adamw", as PyTorch has them.
    device : str or torch.device, optional
        Where the step runs; by default the model's own. On a GPU a dropout's mask takes a byte a
        value, and Adam's step, which is one kernel in `training`, no room of its own.
    average : bool
        Whether the mean of the weights is kept beside them (`Preset.average`).

    Returns
    -------
    Account
        Bytes of each layer.

    Raises
    ------
    ValueError
        For a tile that does not fit the network, a batch below 1, or a word that is not listed
        here.
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


def _batch(step: _Step) -> LayerMemory:
    """The image, and for each answer its class and its weight."""
    image = step.batch * step.model.in_channels * step.tile**2
    kept = image * FLOAT + step.rounded(image) + step.answers * 2 * FLOAT
    return LayerMemory("batch", "batch", kept=kept)


def _convolution(step: _Step, cost: LayerCost, read: int) -> LayerMemory:
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


def _is_before_dropout(cost: LayerCost, model: UNet) -> bool:
    """Whether it is the last encoder's last convolution, or the bottom's."""
    return cost.name in (f"encoders.{model.depth - 1}.2", "bottom.2")


def _pooling(step: _Step, cost: LayerCost, read: int) -> LayerMemory:
    """A pooling, which keeps the places of its maxima. Here the skip's gradient is used up."""
    places = step.batch * cost.values * INT
    both_halves = 2 if step.model.variant == "same" else 1  # see `_concatenation`
    return _layer(step, cost, step.map(cost) + places, read, waiting=-both_halves * read)


def _up_convolution(step: _Step, cost: LayerCost, read: int, joined: LayerCost) -> LayerMemory:
    """An up-convolution, whose map is copied into the concatenation; a ReLU behind it keeps it.

    While the backward pass is here, the gradient of the concatenation is still there.
    """
    kept = step.map(cost) if step.model.variant == "released" else 0
    return _layer(step, cost, kept, passing=read + step.map(joined))


def _concatenation(step: _Step, cost: LayerCost, skip: LayerCost) -> LayerMemory:
    """A skip beside an upsampled map: from here on the gradient of the skip waits for its pooling.

    The crop is undone along one axis, then along the other. If nothing was cropped, the skip's
    gradient is a view of the whole, and both halves wait.
    """
    written = step.map(cost)
    if step.model.variant == "same":
        return _layer(step, cost, written, passing=0, waiting=written)
    whole = step.map(skip)
    return _layer(step, cost, written, passing=whole * cost.height // skip.height, waiting=whole)


def _classifier(step: _Step, cost: LayerCost, read: int) -> LayerMemory:
    """The last, 1 x 1 convolution: the energy keeps what it needs of the logits."""
    return _layer(step, cost, kept=0, passing=read + step.map(cost))


def _energy(step: _Step) -> LayerMemory:
    """The logarithms of the softmax, weights and classes; gradients of logarithms and logits."""
    logarithms = step.answers * step.model.num_classes * FLOAT
    kept = logarithms + step.answers * (FLOAT + INT)
    return LayerMemory("energy", "energy", kept=kept, passing=2 * logarithms)


def _layer(step: _Step, cost: LayerCost, kept: int, passing: int, waiting: int = 0) -> LayerMemory:
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


def largest_tile(room: int, model: UNet, **how: Any) -> int | None:
    """The largest tile whose training step has its peak within some memory.

    Parameters
    ----------
    room : int
        Bytes.
    model : UNet
        The network.
    **how : any
        As `account` takes them: batch, precision, optimizer, device, average.

    Returns
    -------
    int or None
        Its side in pixels; None if no tile fits.

    Raises
    ------
    ValueError
        As `account` does.
    """
    smallest = nearest_valid_sizes(1, model.depth, model.variant)[1]
    most = math.isqrt(max(room, 0))  # the image alone takes more than a byte a pixel
    tiles = range(smallest, most + 1, 2**model.depth)
    fit = bisect_right(tiles, room, key=lambda tile: account(model, tile, **how).peak)
    return tiles[fit - 1] if fit else None


def peak(run: Callable[[], object]) -> int:
    """The most bytes of tensors that are alive at once while a function runs.

    Counted are the tensors that it makes, and those from before that it uses. What a kernel has
    inside, such as a copy in another memory layout, is not seen.

    Parameters
    ----------
    run : callable
        Called once, without arguments.

    Returns
    -------
    int
        Bytes.
    """
    with _Count() as count:
        run()
    return count.before + count.most


class _Count(TorchDispatchMode):
    """Sees every operation on tensors, and keeps account of the bytes behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.before, self.alive, self.most = {}, 0, 0, 0

    def __torch_dispatch__(
        self, operation: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        for storage in self.unseen((args, kwargs)):
            self.before += storage.nbytes()
            self.seen[storage._cdata] = storage
        result = operation(*args, **(kwargs or {}))
        for storage in self.unseen(result):
            self.note(storage)
        self.most = max(self.most, self.alive)
        return result

    def unseen(self, tensors: Any) -> Iterator[torch.UntypedStorage]:
        """The memory behind them that was not seen yet."""
        for tensor in tree_leaves(tensors):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in self.seen:
                yield tensor.untyped_storage()

    def note(self, storage: torch.UntypedStorage) -> None:
        """Count it until it is freed."""
        key, size = storage._cdata, storage.nbytes()

        def free(_: weakref.ref) -> None:
            self.alive -= size
            del self.seen[key]

        self.seen[key] = weakref.ref(storage, free)
        self.alive += size
