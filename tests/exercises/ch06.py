"""Exercise, solution, typical mistakes: chapter 6."""

import math

import numpy as np
from scipy import ndimage

from unet_book.pages import check


def two_nearest(row):
    """One distance transform a cell, sorted."""
    cells = [ndimage.distance_transform_edt(row != n) for n in np.unique(row[row > 0])]
    stack = np.stack(cells + [np.full(len(row), np.inf)] * 2)
    return np.sort(stack, axis=0)[:2]


def nearest_pixels(row):
    where = [*np.flatnonzero(row > 0)]
    apart = np.abs(np.arange(len(row))[:, None] - np.array(where)[None])
    return np.sort(apart, axis=1)[:, :2].T


def from_the_left(row):
    d1, d2, found = np.full((2, len(row)), np.inf), None, {}
    d1, d2 = d1
    for x, label in enumerate(row):
        if label > 0:
            found[label] = x
        d = sorted(x - at for at in found.values()) + [np.inf, np.inf]
        d1[x], d2[x] = d[:2]
    return d1, d2


def without_inf(row):
    d1, d2 = two_nearest(row)
    return d1, np.where(np.isinf(d2), 0, d2)


def any_label(row):
    cells = [ndimage.distance_transform_edt(row != n) for n in np.unique(row[row != 0])]
    return np.sort(np.stack(cells + [np.full(len(row), np.inf)] * 2), axis=0)[:2]


def every_piece_a_cell(row):
    begins = (row > 0) & (np.diff(row, prepend=0) != 0)
    return two_nearest(np.where(row > 0, np.cumsum(begins), 0))


def short_sighted(row):
    return np.where(two_nearest(row) > 8, np.inf, two_nearest(row))


EXERCISES = [
    (
        check.widest_gap,
        9,
        [
            {"answer": 10, "hint": "one pixel wide"},
            {"answer": 5 * math.sqrt(2 * math.log(10)), "hint": "no whole number"},
            {"answer": 5, "hint": "no width"},
            {"answer": 11, "hint": "has 12"},
            {"answer": 6, "hint": "natural"},
            {"answer": 21, "hint": "each of them"},
            0,
            None,
            "9",
        ],
    ),
    (
        check.two_nearest_in_row,
        two_nearest,
        [
            {"answer": nearest_pixels, "hint": "second nearest pixel"},
            {"answer": from_the_left, "hint": "one direction"},
            {"answer": without_inf, "hint": "no second one"},
            {"answer": any_label, "hint": "above 0"},
            {"answer": every_piece_a_cell, "hint": "both pieces are one cell"},
            {"answer": short_sighted, "hint": "far enough"},
            {"answer": lambda row: two_nearest(row)[::-1], "hint": "comes first"},
            {"answer": lambda row: two_nearest(row) ** 2, "hint": "squares"},
            {"answer": lambda row: two_nearest(row)[0], "hint": "Return a pair"},
            {"answer": lambda row: (two_nearest(row)[0][:-1],) * 2, "hint": "one number for each"},
            {"answer": lambda row: (two_nearest(row)[0], 3 * two_nearest(row)[1]), "hint": "d2 is"},
            lambda row: row.undefined,
            lambda row: None,
            lambda row: (row, row),
        ],
    ),
    (
        check.half_in_gaps,
        69.55,
        [
            {"answer": 77.26, "hint": "part the cells"},
            {"answer": 0.1257, "hint": "share"},
            {"answer": 0.1438, "hint": "over the balanced"},
            {"answer": 34.8, "hint": "half of what"},
            {"answer": 139.1, "hint": "two thirds"},
            10,
            None,
            "70",
        ],
    ),
]
