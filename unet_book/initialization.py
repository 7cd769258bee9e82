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

__all__ = [
    "fan_in",
    "framework_fan_in",
    "he_variances",
    "xavier_variances",
    "framework_variances",
    "held_variances",
    "he_normal_",
    "xavier_normal_",
    "framework_default_",
    "Moments",
    "image_moments",
    "rectified",
    "max_pooled",
    "correlation",
    "follow",
    "predicted_mean_squares",
    "unit_variances",
    "unit_variance_",
    "LayerStatistics",
    "activation_statistics",
]

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED, nn.Linear)


def fan_in(layer: nn.Module) -> float:
    """N, the number of incoming connections of one neuron of a layer (Section 3).

    For a convolution that is its kernel's area times its input channels. A transposed convolution
    *spreads* each input pixel over its kernel, so one output pixel meets only every stride-th row
    and column of it: a 2 x 2 up-convolution of stride 2 has N = in_channels. (PyTorch's
    ``kaiming_normal_`` takes 4 * out_channels there.)

    Parameters
    ----------
    layer : nn.Module
        A convolution, its transpose, or a linear layer.

    Returns
    -------
    float
        N.

    Raises
    ------
    TypeError
        For another layer.

    Examples
    --------
    >>> fan_in(nn.Conv2d(64, 64, 3))
    576.0
    """
    if isinstance(layer, nn.Linear):
        return float(layer.in_features)
    if not isinstance(layer, LAYERS):
        raise TypeError(f"fan_in knows {', '.join(t.__name__ for t in LAYERS)}, not {type(layer)}")
    connections = layer.in_channels / layer.groups * math.prod(layer.kernel_size)
    if isinstance(layer, TRANSPOSED):
        connections /= math.prod(layer.stride)
    return connections


def framework_fan_in(layer: nn.Module) -> int:
    """N as PyTorch counts it, from the weights' second dimension; in an up-convolution not N.

    Parameters
    ----------
    layer : nn.Module
        A layer with weights.

    Returns
    -------
    int
        Weights behind one entry of their first dimension.
    """
    return layer.weight[0].numel()


# Rules: how large weights and biases are drawn ---------------------------------------------------


def he_variances(layer: nn.Module) -> tuple[float, float]:
    """2 / N for the weights, no biases: the paper's rule (Section 3; He et al. 2015, eq. (10)).

    Parameters
    ----------
    layer : nn.Module
        As in `fan_in`.

    Returns
    -------
    tuple of float
        Variance of the weights and of the biases.

    Raises
    ------
    TypeError
        As `fan_in` does.
    """
    return 2 / fan_in(layer), 0.0


def xavier_variances(layer: nn.Module) -> tuple[float, float]:
    """2 / (N + N') for the weights, no biases (Glorot and Bengio 2010, eq. (12)).

    N' is the number of outgoing connections. Both are as PyTorch counts them, which for an
    up-convolution takes one for the other.

    Parameters
    ----------
    layer : nn.Module
        A layer with weights.

    Returns
    -------
    tuple of float
        Variance of the weights and of the biases.
    """
    outgoing = layer.weight[:, 0].numel()
    return 2 / (framework_fan_in(layer) + outgoing), 0.0


def framework_variances(layer: nn.Module) -> tuple[float, float]:
    """1 / (3 N) for weights and biases, N as PyTorch counts it: what a new layer holds.

    Parameters
    ----------
    layer : nn.Module
        A layer with weights.

    Returns
    -------
    tuple of float
        Variance of the weights and of the biases.
    """
    return (1 / (3 * framework_fan_in(layer)),) * 2


def held_variances(layer: nn.Module) -> tuple[float, float]:
    """The mean squares of the weights and of the biases that a layer holds now.

    Parameters
    ----------
    layer : nn.Module
        A layer with weights.

    Returns
    -------
    tuple of float
        Those of the weights and of the biases; 0 without biases.
    """
    weights = layer.weight.double().square().mean().item()
    return weights, 0.0 if layer.bias is None else layer.bias.double().square().mean().item()


# Draws --------------------------------------------------------------------------------------------


def he_normal_(module: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
    """Draw every weight from N(0, 2 / N) and set every bias to 0, in place (Section 3).

    N is `fan_in` of the layer (He et al. 2015, eq. (10)).

    Parameters
    ----------
    module : nn.Module
        Its convolutions, their transposes and linear layers are drawn.
    generator : torch.Generator, optional
        On the weights' device; by default one with fresh entropy. The global one is left alone.

    Returns
    -------
    nn.Module
        `module`.
    """
    return _normal_(module, he_variances, generator)


def xavier_normal_(module: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
    """Draw every weight as `xavier_variances` has it and set every bias to 0, in place.

    Parameters
    ----------
    module : nn.Module
        As in `he_normal_`.
    generator : torch.Generator, optional
        As in `he_normal_`.

    Returns
    -------
    nn.Module
        `module`.
    """
    return _normal_(module, xavier_variances, generator)


@torch.no_grad()
def framework_default_(module: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
    """Draw weights and biases from U(-1 / sqrt(N), 1 / sqrt(N)), in place: PyTorch's own choice.

    N is `framework_fan_in`. A new layer holds such numbers, too; these come from a generator of
    one's own.

    Parameters
    ----------
    module : nn.Module
        As in `he_normal_`.
    generator : torch.Generator, optional
        As in `he_normal_`.

    Returns
    -------
    nn.Module
        `module`.
    """
    generator = generator or _fresh_generator(module)
    for layer in _layers(module):
        bound = math.sqrt(3 * framework_variances(layer)[0])
        layer.weight.uniform_(-bound, bound, generator=generator)
        if layer.bias is not None:
            layer.bias.uniform_(-bound, bound, generator=generator)
    return module


@torch.no_grad()
def _normal_(
    module: nn.Module,
    rule: Callable[[nn.Module], tuple[float, float]],
    generator: torch.Generator | None,
) -> nn.Module:
    """Draw weights of the rule's first variance, and set biases to 0, in place."""
    generator = generator or _fresh_generator(module)
    for layer in _layers(module):
        layer.weight.normal_(0, math.sqrt(rule(layer)[0]), generator=generator)
        if layer.bias is not None:
            layer.bias.zero_()
    return module


def _layers(module: nn.Module) -> list[nn.Module]:
    """The layers with weights, in the module's order."""
    return [layer for layer in module.modules() if isinstance(layer, LAYERS)]


def _fresh_generator(module: nn.Module) -> torch.Generator:
    """A generator on the module's device that starts from fresh entropy."""
    generator = torch.Generator(next(module.parameters(), torch.empty(0)).device)
    generator.seed()
    return generator


# The signal, layer by layer, in theory ------------------------------------------------------------


@dataclass(frozen=True)
class Moments:
    """Two numbers that say how large a map's values are, and how alike its pixels.

    Parameters
    ----------
    square : float
        The mean of x(a)^2.
    product : float
        The mean of x(a) x(b) over two different pixels a and b of the same channel; NaN where
        nothing needs it.
    """

    square: float
    product: float


NOISE = Moments(1.0, 0.0)  # an image of unit variance whose pixels have nothing in common


def image_moments(image: Tensor) -> Moments:
    """The moments of an image; its pairs are those that are next to each other.

    Parameters
    ----------
    image : Tensor, (..., H, W)
        The image, or several.

    Returns
    -------
    Moments
        Means over all pixels and pairs.
    """
    image = image.double()
    across = (image[..., 1:] * image[..., :-1]).mean().item()
    down = (image[..., 1:, :] * image[..., :-1, :]).mean().item()
    return Moments(image.square().mean().item(), (across + down) / 2)


def rectified(before: Moments) -> Moments:
    """Moments behind a ReLU, of Gaussian values (Cho and Saul 2009).

    Half of the square is cut away. The product follows from the arc-cosine kernel of first order:
    two equal pixels keep a half as well, two independent ones 1 / (2 pi).

    Parameters
    ----------
    before : Moments
        Those before the ReLU.

    Returns
    -------
    Moments
        Those behind it.

    Examples
    --------
    >>> rectified(Moments(2.0, 2.0))
    Moments(square=1.0, product=1.0)
    """
    rho = correlation(before)
    kernel = (math.sqrt(1 - rho**2) + (math.pi - math.acos(rho)) * rho) / math.pi
    return Moments(before.square / 2, before.square / 2 * kernel)


def max_pooled(before: Moments) -> Moments:
    """Moments behind ReLU and 2 x 2 max-pooling, of Gaussian values.

    All pixels share one Gaussian z and have one e each: x = sqrt(rho) z + sqrt(1 - rho) e. The
    largest of four x belongs to the largest e, whose density is 4 phi Phi^3; two pooled pixels
    share z alone. Sums over a grid of z and e, exact to four digits.

    Parameters
    ----------
    before : Moments
        Those before both.

    Returns
    -------
    Moments
        Those behind both.
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
    """rho: the product's share of the square.

    Parameters
    ----------
    moments : Moments
        Of a map.

    Returns
    -------
    float
        Within [-1, 1]; 0 for a map of zeros, NaN if the product is unknown.
    """
    rho = moments.product / moments.square if moments.square > 0 else 0.0
    return rho if math.isnan(rho) else min(max(rho, -1.0), 1.0)


def _joined(skip: Moments, upsampled: Moments, share: float) -> Moments:
    """Moments of a concatenation, of whose channels a `share` is the upsampled map's."""
    return Moments((1 - share) * skip.square + share * upsampled.square, math.nan)


def follow(model: UNet, image: Moments, step: Callable[[nn.Module, Moments], Moments]) -> None:
    """Lead an image's moments through the network, in the order in which it computes.

    In the expanding path the products are left out: nothing is pooled there any more.

    Parameters
    ----------
    model : UNet
        The network.
    image : Moments
        Those of its input.
    step : callable
        ``step(layer, reads)`` gets each of the 23 layers with the moments of what it reads, and
        returns those of what it puts out.

    Raises
    ------
    TypeError
        For what is no `UNet`.
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
        reads = _joined(skips.pop(), upsampled, share)
        reads = rectified(step(decoder[2], rectified(step(decoder[0], reads))))
    step(model.classifier, reads)


def predicted_mean_squares(
    model: UNet,
    rule: Callable[[nn.Module], tuple[float, float]] = held_variances,
    image: Moments = NOISE,
) -> list[float]:
    """The mean square of every convolution's output, as its weights let one expect (Section 3).

    It is what the average over many draws of the weights comes to; one draw scatters around it, and
    the less so the wider the network is.

    Parameters
    ----------
    model : UNet
        With ``variant="same"`` the numbers are those of pixels that the padding's zeros do not
        reach.
    rule : callable
        Gives a layer's variances of weights and biases, drawn independently around 0, such as
        `he_variances`. By default the mean squares that the layer holds.
    image : Moments
        Of the image. All its pairs of pixels are taken to be alike.

    Returns
    -------
    list of float
        In the order of `activation_statistics`: 23 numbers at depth 4.

    Raises
    ------
    TypeError
        For what is no `UNet`.

    Examples
    --------
    >>> [round(x, 1) for x in predicted_mean_squares(UNet(base_channels=2, depth=1), he_variances)]
    [2.0, 2.0, 5.3, 5.3, 5.3, 6.3, 6.3, 6.3]
    """
    outputs = []

    def add_up(layer: nn.Module, reads: Moments) -> Moments:
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

    Parameters
    ----------
    model : UNet
        The network.
    image : Moments
        Of the image.

    Returns
    -------
    dict of nn.Module to float
        The variance for each layer.

    Raises
    ------
    TypeError
        For what is no `UNet`.
    """
    variances = {}

    def keep_unit_variance(layer: nn.Module, reads: Moments) -> Moments:
        variances[layer] = 1 / (fan_in(layer) * reads.square)
        return Moments(1.0, correlation(reads))

    follow(model, image, keep_unit_variance)
    return variances


def unit_variance_(
    model: UNet, generator: torch.Generator | None = None, image: Moments = NOISE
) -> UNet:
    """Draw every weight from N(0, 1 / (N m)) and set every bias to 0, in place.

    With these `unit_variances` each layer puts out unit variance, on average over draws, on an
    image with the given moments. The draw is that of `he_normal_`, each layer's multiplied by a
    number.

    Parameters
    ----------
    model : UNet
        The network.
    generator : torch.Generator, optional
        As in `he_normal_`.
    image : Moments
        Of the image.

    Returns
    -------
    UNet
        `model`.

    Raises
    ------
    TypeError
        For what is no `UNet`.
    """
    variances = unit_variances(model, image)
    return _normal_(model, lambda layer: (variances[layer], 0.0), generator)


# The signal, layer by layer, measured -------------------------------------------------------------


@dataclass(frozen=True)
class LayerStatistics:
    """What one layer puts out before its ReLU, over all pixels, channels and images.

    Parameters
    ----------
    name : str
        The layer's name in the network.
    mean : float
        Mean of its values.
    mean_square : float
        Mean of their squares.
    """

    name: str
    mean: float
    mean_square: float

    @property
    def variance(self) -> float:
        """The mean square less the square of the mean (float)."""
        return self.mean_square - self.mean**2


@torch.no_grad()
def activation_statistics(model: nn.Module, image: Tensor) -> list[LayerStatistics]:
    """Statistics of every convolution's output, in the order in which the network computes them.

    Section 3: "each feature map in the network has approximately unit variance". The model runs in
    evaluation mode and is left as it was.

    Parameters
    ----------
    model : nn.Module
        The network.
    image : Tensor, (N, C, H, W)
        A batch that it takes.

    Returns
    -------
    list of LayerStatistics
        One a layer: a U-Net of depth 4 has 23.
    """
    statistics, hooks = [], []
    for name, layer in model.named_modules():
        if isinstance(layer, LAYERS):

            def record(_layer: nn.Module, _inputs: tuple, output: Tensor, name: str = name) -> None:
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
