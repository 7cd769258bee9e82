"""Exercise, solution, typical mistakes: chapter 4."""

import math

from torch import nn

from unet_book.pages import check


def connections(layer):
    taps = math.prod(layer.kernel_size)
    if isinstance(layer, nn.ConvTranspose2d):
        taps /= math.prod(layer.stride)
    return layer.in_channels // layer.groups * taps


def whole_taps_only(layer):
    taps = math.prod(layer.kernel_size)
    if isinstance(layer, nn.ConvTranspose2d):
        taps = math.prod(k // s for k, s in zip(layer.kernel_size, layer.stride))
    return layer.in_channels / layer.groups * taps


def stride_everywhere(layer):
    return layer.in_channels / layer.groups * math.prod(layer.kernel_size) / layer.stride[0] ** 2


EXERCISES = [
    (
        check.up_convolution_std,
        math.sqrt(2 / 4096),
        [
            {"answer": math.sqrt(2 / 16384), "hint": "all taps"},
            {"answer": math.sqrt(2 / 8192), "hint": "PyTorch"},
            {"answer": math.sqrt(2 / 1024), "hint": "overlap"},
            {"answer": math.sqrt(2 / 2048), "hint": "puts out"},
            {"answer": 2 / 4096, "hint": "variance"},
            4096,
            1,
            None,
        ],
    ),
    (
        check.fan_in,
        connections,
        [
            lambda layer: layer.in_channels * math.prod(layer.kernel_size),
            lambda layer: layer.weight[0].numel(),
            stride_everywhere,
            {"answer": whole_taps_only, "hint": "average"},
            lambda layer: layer.in_channels / layer.groups * math.prod(layer.kernel_size),
            lambda layer: layer.out_channels * math.prod(layer.kernel_size),
            lambda layer: connections(layer) if isinstance(layer, nn.Conv2d) else 4,
            lambda layer: layer.undefined,
            lambda layer: None,
            576,
        ],
    ),
    (
        check.without_maximum,
        6,
        [
            2 * 1.5**4,
            2,
            32,
            {"answer": 5, "hint": "scatter"},
            {"answer": 7, "hint": "scatter"},
            1,
            17,
            None,
            "six",
        ],
    ),
]
