"""Exercise, solution, typical mistakes: chapter 8, Overlap-tile."""

import numpy as np
import torch

from unet_book.overlap_tile import mirror_index
from unet_book.pages import check
from unet_book.pages.check.overlap_tile import _jury


def window(fold):
    """The window from a rule that says which pixel of a line of n each index falls on."""

    def cut(image, top, left, size):
        rows, columns = (
            fold(np.arange(at, at + size), n) for at, n in zip((top, left), image.shape)
        )
        return image[np.ix_(rows, columns)]

    return cut


def one_fold(index, n):
    index = np.abs(index)
    return np.where(index > n - 1, 2 * (n - 1) - index, index) % n


def edge_twice(index, n):
    folded = np.mod(index, 2 * n)
    return np.minimum(folded, 2 * n - 1 - folded)


mirrored = window(mirror_index)


def in_torch(image, top, left, size):
    return torch.from_numpy(mirrored(image, top, left, size))


def padded(by):
    """The window cut from a copy of the image with that many pixels around it."""

    def cut(image, top, left, size):
        copy = np.pad(image, by, mode="reflect")
        return copy[top + by : top + by + size, left + by : left + by + size]

    return cut


agree = float((_jury() == _jury()[0]).all(axis=0).mean())
seven = float((_jury()[:7] == _jury()[0]).all(axis=0).mean())
pairs = float(np.mean([(vote == _jury()[0]).mean() for vote in _jury()[1:]]))

EXERCISES = [
    (
        check.exact_tiles,
        16,
        [
            {"answer": 9, "hint": "388"},
            {"answer": 4, "hint": "two axes"},
            {"answer": 3, "hint": "one line"},
            {"answer": 25, "hint": "too many"},
            12,
            None,
            "16",
        ],
    ),
    (
        check.mirrored_window,
        mirrored,
        [
            {"answer": window(edge_twice), "hint": "twice"},
            {"answer": window(lambda index, n: np.clip(index, 0, n - 1)), "hint": "runs back"},
            {"answer": window(one_fold), "hint": "more than once"},
            {"answer": window(np.mod), "hint": "turns around"},
            {"answer": padded(200), "hint": "a million pixels away"},
            {"answer": lambda image, top, left, size: np.zeros((size, size)), "hint": "-2, -1, 0"},
            {"answer": lambda image, top, left, size: image, "hint": "should be (4, 4)"},
            {"answer": lambda image, top, left, size: None, "hint": "`return`"},
            {"answer": lambda image, top, left, size: "array", "hint": "as an array"},
            {"answer": lambda image, top, left, size: [0], "hint": "not (1,)"},
            {"answer": lambda image, top, left, size: image.undefined, "hint": "AttributeError"},
            {"answer": 7, "hint": "itself"},
        ],
    ),
    (check.mirrored_window, in_torch, [window(edge_twice), window(one_fold), window(np.mod)]),
    (
        check.unanimous,
        agree,
        [
            {"answer": pairs, "hint": "with the first"},
            {"answer": 1 - agree, "hint": "not all"},
            {"answer": 1.0, "hint": "one pixel earlier"},
            {"answer": 100 * agree, "hint": "percentage"},
            {"answer": seven, "hint": "seven"},
            0.5,
            None,
        ],
    ),
]
