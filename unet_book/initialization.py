"""Initial weights that keep the signal's size, and the means to see whether they do.

A neuron that adds N inputs has N times the variance of one of them. The paper (Section 3, after
He et al. 2015) therefore draws each weight from a Gaussian of standard deviation sqrt(2 / N): the
N undoes the sum, the 2 undoes the half that the ReLU before it has cut away.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from unet_book.unet import UNet

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


def framework_fan_in(layer: nn.Module) -> int:
    """N as PyTorch counts it, from the weights' second dimension; in an up-convolution not N."""
    return layer.weight[0].numel()


# Rules: how large weights and biases are drawn ---------------------------------------------------


def he_variances(layer: nn.Module) -> tuple[float, float]:
    """2 / N for the weights, no biases: the paper's rule (Section 3; He et al. 2015, eq. (10))."""
    return 2 / fan_in(layer), 0.0


def xavier_variances(layer: nn.Module) -> tuple[float, float]:
    """2 / (N + N') for the weights, N' the outgoing connections; no biases.

    Glorot and Bengio 2010, eq. (12), with N and N' as PyTorch counts them, which for an
    up-convolution takes one for the other.
    """
    outgoing = layer.weight[:, 0].numel()
    return 2 / (framework_fan_in(layer) + outgoing), 0.0


def framework_variances(layer: nn.Module) -> tuple[float, float]:
    """1 / (3 N) for weights and biases, N as PyTorch counts it: what a new layer holds."""
    return (1 / (3 * framework_fan_in(layer)),) * 2


def held_variances(layer: nn.Module) -> tuple[float, float]:
    """The mean squares of the weights and of the biases that the layer holds now."""
    weights = layer.weight.double().square().mean().item()
    return weights, 0.0 if layer.bias is None else layer.bias.double().square().mean().item()


# Draws --------------------------------------------------------------------------------------------


def he_normal_(module: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
    """Draw every weight of `module` from N(0, 2 / N) and set every bias to 0, in place.

    N is `fan_in` of the layer (Section 3; He et al. 2015, eq. (10)). `generator` lives on the
    weights' device; None draws from fresh entropy and leaves the global generator alone.
    Returns `module`.
    """
    return _normal_(module, he_variances, generator)


def xavier_normal_(module: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
    """Draw every weight of `module` as `xavier_variances` has it and set every bias to 0, in place.

    `generator` as in `he_normal_`. Returns `module`.
    """
    return _normal_(module, xavier_variances, generator)


@torch.no_grad()
def framework_default_(module: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
    """Draw weights and biases from U(-1 / sqrt(N), 1 / sqrt(N)), in place: PyTorch's own choice.

    N is `framework_fan_in`. A new layer holds such numbers, too; these come from a generator of
    one's own, as in `he_normal_`. Returns `module`.
    """
    generator = generator or _fresh_generator(module)
    for layer in _layers(module):
        bound = math.sqrt(3 * framework_variances(layer)[0])
        layer.weight.uniform_(-bound, bound, generator=generator)
        if layer.bias is not None:
            layer.bias.uniform_(-bound, bound, generator=generator)
    return module


@torch.no_grad()
def _normal_(module, rule, generator):
    generator = generator or _fresh_generator(module)
    for layer in _layers(module):
        layer.weight.normal_(0, math.sqrt(rule(layer)[0]), generator=generator)
        if layer.bias is not None:
            layer.bias.zero_()
    return module


def _layers(module):
    return [layer for layer in module.modules() if isinstance(layer, LAYERS)]


def _fresh_generator(module):
    """A generator on the module's device that starts from fresh entropy."""
    generator = torch.Generator(next(module.parameters(), torch.empty(0)).device)
    generator.seed()
    return generator


# The signal, layer by layer, in theory ------------------------------------------------------------


@dataclass(frozen=True)
class Moments:
    """Two numbers that say how large a map's values are, and how alike its pixels.

    `square` is the mean of x(a)^2, `product` the mean of x(a) x(b) over two different pixels a and
    b of the same channel. NaN stands for a product that nothing needs.
    """

    square: float
    product: float


NOISE = Moments(1.0, 0.0)  # an image of unit variance whose pixels have nothing in common


def image_moments(image: Tensor) -> Moments:
    """The moments of an image (..., H, W); its pairs are those that are next to each other."""
    image = image.double()
    across = (image[..., 1:] * image[..., :-1]).mean().item()
    down = (image[..., 1:, :] * image[..., :-1, :]).mean().item()
    return Moments(image.square().mean().item(), (across + down) / 2)


def rectified(before: Moments) -> Moments:
    """Moments behind a ReLU, of Gaussian values with the moments `before` it.

    Half of the square is cut away. The product follows from the arc-cosine kernel of first order
    (Cho and Saul 2009): two equal pixels keep a half as well, two independent ones 1 / (2 pi).

    >>> rectified(Moments(2.0, 2.0))
    Moments(square=1.0, product=1.0)
    """
    rho = correlation(before)
    kernel = (math.sqrt(1 - rho**2) + (math.pi - math.acos(rho)) * rho) / math.pi
    return Moments(before.square / 2, before.square / 2 * kernel)


def max_pooled(before: Moments) -> Moments:
    """Moments behind ReLU and 2 x 2 max-pooling, of Gaussian values with the moments `before` both.

    All pixels share one Gaussian z and have one e each: x = sqrt(rho) z + sqrt(1 - rho) e. The
    largest of four x belongs to the largest e, whose density is 4 phi Phi^3; two pooled pixels
    share z alone. Sums over a grid of z and e, exact to four digits.
    """
    rho = max(correlation(before), 0.0)
    z = np.linspace(-8, 8, 801)
    normal = np.exp(-(z**2) / 2)
    largest = normal * (np.cumsum(normal) - normal / 2) ** 3
    normal, largest = normal / normal.sum(), largest / largest.sum()
    x = np.maximum(math.sqrt(rho) * z[:, None] + math.sqrt(1 - rho) * z, 0)
    square, product = normal @ x**2 @ largest, normal @ (x @ largest) ** 2
    return Moments(before.square * float(square), before.square * float(product))


def correlation(moments: Moments) -> float:
    """rho: the product's share of the square, within [-1, 1]; NaN if the product is unknown."""
    rho = moments.product / moments.square if moments.square > 0 else 0.0
    return rho if math.isnan(rho) else min(max(rho, -1.0), 1.0)


def joined(skip: Moments, upsampled: Moments, share: float) -> Moments:
    """Moments of a concatenation, of whose channels a `share` is the upsampled map's."""
    return Moments((1 - share) * skip.square + share * upsampled.square, math.nan)


def follow(model: UNet, image: Moments, step: Callable[[nn.Module, Moments], Moments]) -> None:
    """Lead an image's moments through the network, in the order in which it computes.

    ``step(layer, reads)`` gets each of the 23 layers with the moments of what it reads, and returns
    those of what it puts out. In the expanding path the products are left out: nothing is pooled
    there any more. Raises TypeError for what is no `UNet`.
    """
    if not isinstance(model, UNet):
        raise TypeError(f"the theory knows the way through a UNet, not through {type(model)}")
    reads, skips = image, []
    for encoder in model.encoders:
        before = step(encoder[2], rectified(step(encoder[0], reads)))
        skips.append(rectified(before))
        reads = max_pooled(before)
    reads = rectified(step(model.bottom[2], rectified(step(model.bottom[0], reads))))
    for up, decoder in zip(model.up_convolutions, model.decoders):
        upsampled = step(up, reads)
        if model.variant == "released":
            upsampled = rectified(upsampled)
        share = up.out_channels / decoder[0].in_channels
        reads = joined(skips.pop(), upsampled, share)
        reads = rectified(step(decoder[2], rectified(step(decoder[0], reads))))
    step(model.classifier, reads)


def predicted_mean_squares(
    model: UNet,
    rule: Callable[[nn.Module], tuple[float, float]] = held_variances,
    image: Moments = NOISE,
) -> list[float]:
    """The mean square of every convolution's output, as its weights let one expect (Section 3).

    In the order of `activation_statistics`: 23 numbers at depth 4. They are what the average over
    many draws of the weights comes to; one draw scatters around them, and the less so the wider
    the network is.

    Parameters
    ----------
    model : a U-Net. With ``variant="same"`` the numbers are those of pixels that the padding's
        zeros do not reach.
    rule : gives a layer's variances of weights and biases, drawn independently around 0, such as
        `he_variances`. If not given, the mean squares that the layer holds.
    image : moments of the image. All its pairs of pixels are taken to be alike.

    Raises TypeError for what is no `UNet`.

    >>> [round(x, 1) for x in predicted_mean_squares(UNet(base_channels=2, depth=1), he_variances)]
    [2.0, 2.0, 5.3, 5.3, 5.3, 6.3, 6.3, 6.3]
    """
    outputs = []

    def add_up(layer, reads):
        weights, biases = rule(layer)
        gain = fan_in(layer) * weights
        outputs.append(Moments(gain * reads.square + biases, gain * reads.product + biases))
        return outputs[-1]

    follow(model, image, add_up)
    return [output.square for output in outputs]


def unit_variances(model: UNet, image: Moments = NOISE) -> dict[nn.Module, float]:
    """1 / (N m), the variance for each layer's weights with which it puts out unit variance.

    m is the second moment of what a layer reads if all layers before it put out unit variance: 1/2
    behind a ReLU, and there the rule is He's; but 1 for the first layer, more than 1/2 behind a
    pooling (`max_pooled`), and 3/4 behind a concatenation with an up-convolution without ReLU.
    Raises TypeError for what is no `UNet`.
    """
    variances = {}

    def keep_one(layer, reads):
        variances[layer] = 1 / (fan_in(layer) * reads.square)
        return Moments(1.0, correlation(reads))

    follow(model, image, keep_one)
    return variances


def unit_variance_(
    model: UNet, generator: torch.Generator | None = None, image: Moments = NOISE
) -> UNet:
    """Draw every weight of a U-Net from N(0, 1 / (N m)) and set every bias to 0, in place.

    With these `unit_variances` each layer puts out unit variance, on average over draws, on an
    image with the given moments. `generator` as in `he_normal_`, whose draw this is, each layer's
    multiplied by a number. Returns `model`; raises TypeError for what is no `UNet`.
    """
    variances = unit_variances(model, image)
    return _normal_(model, lambda layer: (variances[layer], 0.0), generator)


# The signal, layer by layer, measured -------------------------------------------------------------


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
