"""Exercise, solution, typical mistakes: chapter 3, The architecture."""

import torch

from unet_book.pages import check


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
    (
        check.largest_answer,
        836,
        [
            {"answer": 840, "hint": "1024 = 12"},
            {"answer": 852, "hint": "not into the image"},
            {"answer": 1020, "hint": "Right tile"},
            {"answer": 928, "hint": "both sides"},
            {"answer": 824, "hint": "multiple of 16"},
            7,
            None,
            "836",
        ],
    ),
    (
        check.up_convolution,
        painted,
        [
            {"answer": wrong_places, "hint": "wrong places"},
            {"answer": no_bias, "hint": "bias is missing"},
            {"answer": exchanged, "hint": "exchanged"},
            {"answer": upside_down, "hint": "upside down"},
            {"answer": one_channel_only, "hint": "three channels"},
            {"answer": lambda image, weight, bias: image, "hint": "should become"},
            {"answer": lambda image, weight, bias: None, "hint": "`return`"},
            {"answer": lambda image, weight, bias: "image", "hint": "Return a tensor"},
            {"answer": lambda image, weight, bias: weight.undefined, "hint": "AttributeError"},
            {"answer": "not a function", "hint": "itself"},
        ],
    ),
    (
        check.zeros_reach,
        1 - SAFE**2,
        [
            {"answer": 1 - (328 / 512) ** 2, "hint": "188 or 204"},
            {"answer": 1 - SAFE, "hint": "one axis"},
            {"answer": SAFE**2, "hint": "can not reach"},
            {"answer": 100 * (1 - SAFE**2), "hint": "percentage"},
            0,
            None,
        ],
    ),
]
