"""Parameters, operations and values of each layer (Section 2 and Fig. 1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from unet_book.sizes import feature_map_sizes
from unet_book.unet import UNet

__all__ = ["LayerCost", "layer_costs"]


@dataclass(frozen=True)
class LayerCost:
    """What one layer writes on one tile, and what that costs.

    Parameters
    ----------
    name : str
        The layer's name in the network; "pool" and "join" for what has no weights.
    kind : str
        "conv 3x3", "conv 1x1", "up-conv 2x2", "max-pool 2x2" or "concatenation".
    channels, height, width : int
        Of the map that it writes.
    parameters : int
        Weights and biases.
    flop : int
        Two for each multiplication (it comes with an addition), three comparisons for each pooled
        value, and nothing for biases, ReLUs and copies.
    """

    name: str
    kind: str
    channels: int
    height: int
    width: int
    parameters: int
    flop: int

    @property
    def values(self) -> int:
        """Numbers in the map (int)."""
        return self.channels * self.height * self.width


def layer_costs(model: UNet, size: int) -> list[LayerCost]:
    """The costs of each layer for one tile (Section 2 and Fig. 1).

    ReLUs have no entry, since they write over their input, nor has dropout, which does nothing in
    prediction. Nothing is computed, so the model may be on PyTorch's "meta" device, where tensors
    have a shape but no numbers.

    Parameters
    ----------
    model : UNet
        The network, whose channels count.
    size : int
        Side of the tile in pixels.

    Returns
    -------
    list of LayerCost
        In the order of Fig. 1.

    Raises
    ------
    ValueError
        As `sizes.output_size` does.

    Examples
    --------
    >>> sum(layer.flop for layer in layer_costs(UNet(), 572) if "conv" in layer.kind)
    300856848896
    """
    sides = feature_map_sizes(size, model.depth, model.variant)
    down, bottom, up = sides[: model.depth], sides[model.depth], sides[model.depth + 1 :]
    costs = []
    for level, encoder in enumerate(model.encoders):
        costs += _pair(f"encoders.{level}", encoder, down[level])
        costs.append(_pooling(encoder[2].out_channels, side=down[level][2] // 2))
    costs += _pair("bottom", model.bottom, bottom)
    for step, (up_convolution, decoder) in enumerate(zip(model.up_convolutions, model.decoders)):
        arriving = up[step][0]
        costs.append(_convolution(f"up_convolutions.{step}", up_convolution, arriving))
        costs.append(_concatenation(decoder[0].in_channels, arriving))
        costs += _pair(f"decoders.{step}", decoder, up[step])
    costs.append(_convolution("classifier", model.classifier, sides[-1][2]))
    return costs


def _pair(name: str, block: nn.Sequential, sides: Sequence[int]) -> list[LayerCost]:
    """Both convolutions of a block; `sides` are what arrives there and what each leaves."""
    _, first, second = sides
    return [
        _convolution(f"{name}.0", block[0], first),
        _convolution(f"{name}.2", block[2], second),
    ]


def _convolution(name: str, layer: nn.Conv2d | nn.ConvTranspose2d, side: int) -> LayerCost:
    """A convolution or up-convolution that writes a map of this side."""
    rows, columns = layer.kernel_size
    kind, taps = f"conv {rows}x{columns}", rows * columns
    if isinstance(layer, nn.ConvTranspose2d):  # squares do not overlap: one tap an output pixel
        kind, taps = f"up-conv {rows}x{columns}", 1
    parameters = sum(weights.numel() for weights in layer.parameters())
    flop = 2 * taps * layer.in_channels * layer.out_channels * side**2
    return LayerCost(name, kind, layer.out_channels, side, side, parameters, flop)


def _pooling(channels: int, side: int) -> LayerCost:
    """A pooling that writes a map of this side: three comparisons find the largest of four."""
    flop = 3 * channels * side**2
    return LayerCost("pool", "max-pool 2x2", channels, side, side, parameters=0, flop=flop)


def _concatenation(channels: int, side: int) -> LayerCost:
    """A skip and an upsampled map, copied side by side."""
    return LayerCost("join", "concatenation", channels, side, side, parameters=0, flop=0)
