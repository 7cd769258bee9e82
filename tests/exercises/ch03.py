"""Exercise, solution, typical mistakes: chapter 3, The architecture."""

import torch

from unet_book import check


def painted(image, weight, bias):
    squares = torch.einsum("chw,coij->ohiwj", image, weight)
    channels, height, _, width, _ = squares.shape
    return squares.reshape(channels, 2 * height, 2 * width) + bias[:, None, None]


def no_bias(image, weight, bias):
    return painted(image, weight, 0 * bias)


def wrong_places(image, weight, bias):
    squares = torch.einsum("chw,coij->ohwij", image, weight)
    channels, height, width = squares.shape[:3]
    return squares.reshape(channels, 2 * height, 2 * width) + bias[:, None, None]


def exchanged(image, weight, bias):
    return painted(image, weight.transpose(-1, -2), bias)


def upside_down(image, weight, bias):
    return painted(image, weight.flip(-1, -2), bias)


def one_channel_only(image, weight, bias):
    return painted(image[:1], weight[:1], bias)


SAFE = 324 / 512  # along one axis

EXERCISES = [
    (check.largest_answer, 836, [840, 852, 1020, 928, 824, 7, None, "836"]),
    (
        check.up_convolution,
        painted,
        [
            wrong_places, no_bias, exchanged, upside_down, one_channel_only,
            lambda image, weight, bias: image, lambda image, weight, bias: None,
            lambda image, weight, bias: weight @ image, "not a function",
        ],
    ),
    (
        check.zeros_reach,
        1 - SAFE**2,
        [1 - (328 / 512) ** 2, 1 - SAFE, SAFE**2, 100 * (1 - SAFE**2), 0, None],
    ),
]  # fmt: skip
