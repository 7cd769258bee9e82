"""Exercises of the chapter "Initialization"."""

import math
from collections.abc import Callable

from torch import nn

from unet_book.initialization import fan_in as true_fan_in
from unet_book.pages.check.verdict import (
    NOT_A_NUMBER,
    Verdict,
    as_number,
    attempt,
    near,
    number,
    right,
    wrong,
)

__all__ = ["up_convolution_std", "fan_in", "without_maximum"]


def up_convolution_std(answer: float) -> Verdict:
    """The paper's standard deviation for a 4 x 4 up-convolution of 1024 channels.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    return number(
        answer,
        math.sqrt(2 / 4096),
        "N = 4 x 1024: four of the sixteen taps reach each output pixel, in every input channel.",
        {
            math.sqrt(2 / 16384): "16 x 1024 counts all taps of the kernel. How many of them "
            "reach one and the same output pixel?",
            math.sqrt(2 / 8192): "16 x 512 is what PyTorch counts: the connections that leave an "
            "input pixel. Count those that arrive at an output pixel.",
            math.sqrt(2 / 1024): "That is the 2 x 2 kernel's, whose squares don't overlap. These "
            "do.",
            math.sqrt(2 / 2048): "4 taps, but 512 is the number of channels that the layer puts "
            "out. A neuron adds up what comes in.",
            2 / 4096: "That is the variance. The standard deviation is its root.",
            4096: "That is N. Put it into the paper's formula.",
        },
        "Draw one output pixel and every input value that has a line to it, then sqrt(2 / N).",
        tolerance=2e-4,
    )


def fan_in(function: Callable) -> Verdict:
    """N of a convolution or a transposed convolution, with groups and strides.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    cases = {
        "Conv2d(64, 64, 3)": nn.Conv2d(64, 64, 3),
        "Conv2d(12, 6, 3, stride=2)": nn.Conv2d(12, 6, 3, stride=2),
        "Conv2d(12, 6, (3, 1), groups=3)": nn.Conv2d(12, 6, (3, 1), groups=3),
        "ConvTranspose2d(10, 6, 2, stride=2)": nn.ConvTranspose2d(10, 6, 2, stride=2),
        "ConvTranspose2d(10, 6, 4, stride=2)": nn.ConvTranspose2d(10, 6, 4, stride=2),
        "ConvTranspose2d(8, 4, 3, stride=1)": nn.ConvTranspose2d(8, 4, 3, stride=1),
        "ConvTranspose2d(10, 6, 3, stride=2)": nn.ConvTranspose2d(10, 6, 3, stride=2),
        "ConvTranspose2d(12, 4, (2, 4), stride=(1, 2), groups=2)": nn.ConvTranspose2d(
            12, 4, (2, 4), stride=(1, 2), groups=2
        ),
    }
    for name, layer in cases.items():
        returned, failure = attempt(function, layer, on=name)
        if failure is not None:
            return failure
        answer = as_number(returned)
        if answer is None:
            return wrong(NOT_A_NUMBER)
        if not near(answer, true_fan_in(layer)):
            return wrong(f"On {name} you count {answer:g}. {_hint(layer, answer)}")
    return right("Groups, strides, both directions; PyTorch's own count fails on the last five.")


def _hint(layer: nn.Module, answer: float) -> str:
    """What to think about, after a wrong count."""
    area, transposed = math.prod(layer.kernel_size), isinstance(layer, nn.ConvTranspose2d)
    if near(answer, layer.in_channels * area) and layer.groups > 1:
        return "An output channel reads only the input channels of its own group."
    if transposed and near(answer, layer.weight[0].numel()):
        return (
            "weight[0] of a transposed convolution is what leaves one input channel, not what "
            "arrives at an output."
        )
    if transposed and near(answer, layer.in_channels / layer.groups * area):
        return "Of the kernel's taps, a stride of s brings only every s-th along each axis."
    whole = math.prod(k // s for k, s in zip(layer.kernel_size, layer.stride))
    if transposed and near(answer, layer.in_channels / layer.groups * whole):
        return (
            "This kernel is no multiple of its stride: some output pixels meet more taps than "
            "others. Give their average."
        )
    if transposed:
        return "Each axis has its own kernel size and stride. Count the taps at one output pixel."
    if max(layer.stride) > 1:
        return "The stride of a convolution decides where it is computed, not what it reads."
    return "Multiply the kernel's area by the input channels that one output reads."


def without_maximum(answer: float) -> Verdict:
    """The logits' mean square where pooling takes one pixel of four, at depth 4.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    return number(
        answer,
        6,
        "2 down to the bottom, then 3, 4, 5, 6: each stage adds the skip's half of 2.",
        {
            2 * 1.5**4: "The first stage does multiply by 1.5. At the second the upsampled map "
            "has grown, and the skip has not.",
            1: "The first layer's input has not been through a ReLU.",
            2: "That is right down to the bottom. What does the layer behind a concatenation read?",
            5: "That is within the scatter of your draws, but not it. Derive it.",
            7: "That is within the scatter of your draws, but it isn't seven. Derive it.",
            32: "That is the network with the maximum. Set model.pool and measure again.",
        },
        "Follow q down, which is short now, and then through one concatenation after the other. "
        "A measured average of a few dozen draws is still off by one or so.",
        tolerance=0.02,
    )
