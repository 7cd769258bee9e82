"""Initial weights that keep the signal's size, and the means to see whether they do.

A neuron that adds N inputs has N times the variance of one of them. The paper (Section 3, after
He et al. 2015) therefore draws each weight from a Gaussian of standard deviation sqrt(2 / N): the
N undoes the sum, the 2 undoes the half that the ReLU before it has cut away.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def fan_in(layer: nn.Module) -> float:
    """N, the number of incoming connections of one neuron of `layer` (Section 3).

    For a convolution that is its kernel's area times its input channels. A transposed convolution
    *spreads* each input pixel over its kernel, so one output pixel meets only every stride-th row
    and column of it: a 2 x 2 up-convolution of stride 2 has N = in_channels. (PyTorch's
    ``kaiming_normal_`` takes 4 * out_channels there.)

    Raises TypeError for a layer that is neither a convolution, its transpose, nor linear.

    >>> fan_in(nn.Conv2d(64, 64, 3))
    576.0
    """
    if isinstance(layer, nn.Linear):
        return float(layer.in_features)
    if not isinstance(layer, LAYERS):
        raise TypeError(f"fan_in knows {', '.join(t.__name__ for t in LAYERS)}, not {type(layer)}")
    connections = layer.in_channels / layer.groups * math.prod(layer.kernel_size)
    if isinstance(layer, nn.ConvTranspose2d):
        connections /= math.prod(layer.stride)
    return connections


@torch.no_grad()
def he_normal_(module: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
    """Draw every weight of `module` from N(0, 2 / N) and set every bias to 0, in place.

    N is `fan_in` of the layer (Section 3; He et al. 2015, eq. (10)). `generator` lives on the
    weights' device; None draws from fresh entropy and leaves the global generator alone.
    Returns `module`.
    """
    for layer in module.modules():
        if isinstance(layer, LAYERS):
            if generator is None:
                generator = torch.Generator(layer.weight.device)
                generator.seed()
            layer.weight.normal_(0, math.sqrt(2 / fan_in(layer)), generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
    return module


@dataclass(frozen=True)
class LayerStatistics:
    """What one layer puts out before its ReLU, over all pixels, channels and images."""

    name: str
    mean: float
    mean_square: float

    @property
    def variance(self) -> float:
        return self.mean_square - self.mean**2


@torch.no_grad()
def activation_statistics(model: nn.Module, image: Tensor) -> list[LayerStatistics]:
    """Statistics of every convolution's output, in the order in which the network computes them.

    `image` is a batch (N, C, H, W) that the model takes. The model runs in evaluation mode and is
    left as it was; its 23 layers give 23 entries. (Section 3: "each feature map in the network has
    approximately unit variance".)
    """
    statistics, hooks = [], []
    for name, layer in model.named_modules():
        if isinstance(layer, LAYERS):

            def record(_layer, _inputs, output, name=name):
                output = output.double()
                mean, square = output.mean().item(), output.square().mean().item()
                statistics.append(LayerStatistics(name, mean, square))

            hooks.append(layer.register_forward_hook(record))
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()(image)
    finally:
        for module, mode in modes.items():
            module.training = mode
        for hook in hooks:
            hook.remove()
    return statistics
