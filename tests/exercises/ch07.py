"""Exercise, solution, typical mistakes: chapter 7."""

import numpy as np

from unet_book import check


def mirrored(k, size):
    k = np.abs(k) % (2 * (size - 1))
    return np.minimum(k, 2 * (size - 1) - k)


def nearest(labels, places):
    index = np.floor(places + 0.5).astype(int)
    i, j = (mirrored(k, size) for k, size in zip(index, labels.shape))
    return labels[i, j]


def cut_off(labels, places):
    return nearest(labels, np.floor(places))


def exchanged(labels, places):
    return nearest(labels, places[::-1])


def clamped(labels, places):
    return nearest(labels, np.stack([p.clip(0, n - 1) for p, n in zip(places, labels.shape)]))


def around(labels, places):
    i, j = np.floor(places + 0.5).astype(int)
    return labels[i % labels.shape[0], j % labels.shape[1]]


def symmetric(labels, places):
    padded = np.pad(labels, 50, mode="symmetric")
    i, j = np.floor(places + 0.5).astype(int) + 50
    return padded[i, j]


def one_mirror(labels, places):
    index = np.floor(places + 0.5).astype(int)
    once = [np.where(k < 0, -k, np.where(k >= n, 2 * n - 2 - k, k)).clip(0, n - 1)
            for k, n in zip(index, labels.shape)]  # fmt: skip
    return labels[tuple(once)]


EXERCISES = [
    (
        check.between_four_vectors,
        6.11,
        [
            {"answer": 10, "hint": "at the vectors themselves"},
            {"answer": 7.82, "hint": "one axis"},
            {"answer": 5, "hint": "mean of four"},
            {"answer": 3.737, "hint": "root"}, {"answer": 37.37, "hint": "variance"},
            {"answer": 4.6, "hint": "B-spline"}, 6.025, 0, None, "6.11",
        ],
    ),
    (
        check.nearest_labels,
        nearest,
        [
            {"answer": cut_off, "hint": "cut the fraction off"},
            {"answer": clamped, "hint": "repeat the last pixel"},
            {"answer": around, "hint": "the other end"},
            {"answer": symmetric, "hint": "edge twice"},
            {"answer": exchanged, "hint": "changed places"},
            {"answer": one_mirror, "hint": "one mirror"},
            {"answer": lambda labels, places: labels + 1, "hint": "shape"},
            {"answer": lambda labels, places: nearest(labels, places) + 1, "hint": "doesn't have"},
            {"answer": lambda labels, places: nearest(labels, places) / 1, "hint": "names"},
            {"answer": lambda labels, places: labels[places], "hint": "IndexError"},
            {"answer": lambda labels, places: nearest(labels[::-1], places), "hint": "(-0.6, 0)"},
            lambda labels, places: None,
        ],
    ),
    (
        check.folding_sigma,
        13,
        [
            {"answer": 0.29, "hint": "ratio"},
            {"answer": 26, "hint": "two gaps"},
            {"answer": 10, "hint": "Fewer than half"},
            {"answer": 17, "hint": "More than half"},
            None, "13",
        ],
    ),
]  # fmt: skip
