"""Exercise, solution, typical mistakes: chapter 7."""

import numpy as np

from unet_book.pages import check


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
    once = [
        np.where(k < 0, -k, np.where(k >= n, 2 * n - 2 - k, k)).clip(0, n - 1)
        for k, n in zip(index, labels.shape)
    ]
    return labels[tuple(once)]


def folding(answer):
    return (
        check.folding_sigma(*answer) if isinstance(answer, tuple) else check.folding_sigma(answer)
    )


folding.__name__ = "folding_sigma"

EXERCISES = [
    (
        check.between_four_vectors,
        6.46,
        [
            {"answer": 6.11, "hint": "flat at its ends"},
            {"answer": 10, "hint": "at the vectors themselves"},
            {"answer": 8.04, "hint": "one axis"},
            {"answer": 5, "hint": "mean of four"},
            {"answer": 7.19, "hint": "parabola"},
            {"answer": 4.179, "hint": "root"},
            {"answer": 41.79, "hint": "variance"},
            {"answer": 4.6, "hint": "B-spline"},
            {"answer": 6.377, "hint": "far vector"},
            {"answer": 0, "hint": "natural slopes"},
            None,
            "6.46",
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
        folding,
        (13, 27),
        [
            {"answer": 0.29, "hint": "ratio"},
            {"answer": 26, "hint": "two gaps"},
            {"answer": 10, "hint": "Fewer than half"},
            {"answer": 17, "hint": "More than half"},
            {"answer": 27, "hint": "for 188 px"},
            {"answer": -3, "hint": "positive"},
            {"answer": 0, "hint": "positive"},
            {"answer": np.inf, "hint": "finite"},
            {"answer": np.nan, "hint": "finite"},
            {"answer": (13, 13), "hint": "the second is not"},
            {"answer": (13, "27"), "hint": "one number"},
            None,
            "13",
        ],
    ),
]
