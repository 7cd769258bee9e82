"""Exercise, solution, typical mistakes: chapter 2."""

import math

import numpy as np

from unet_book.pages import check

N = 30 * 512**2


def numbers_beside_another(labels):
    found = set()
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        contact = (a > 0) & (b > 0) & (a != b)
        found |= set(a[contact]) | set(b[contact])
    return len(found)


def pixels_in_contact(labels):
    contact = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        a, b = np.moveaxis(labels, axis, 0)[1:], np.moveaxis(labels, axis, 0)[:-1]
        here = (a > 0) & (b > 0) & (a != b)
        np.moveaxis(contact, axis, 0)[1:] |= here
        np.moveaxis(contact, axis, 0)[:-1] |= here
    return contact.sum()


def to_the_right_only(labels):
    a, b = labels[:, 1:], labels[:, :-1]
    contact = (a > 0) & (b > 0) & (a != b)
    return len(set(a[contact]) | set(b[contact]))


def pairs(labels):
    found = set()
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        contact = (a > 0) & (b > 0) & (a != b)
        found |= {frozenset(pair) for pair in zip(a[contact].tolist(), b[contact].tolist())}
    return len(found)


def around_the_edge(labels):
    found = set()
    for axis in (0, 1):
        for shift in (1, -1):
            other = np.roll(labels, shift, axis)
            found |= set(labels[(labels > 0) & (other > 0) & (other != labels)])
    return len(found)


def background_too(labels):
    found = set()
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        found |= set(a[a != b]) | set(b[a != b])
    return len(found)


def corners_too(labels):
    found = set()
    padded = np.pad(labels, 1)
    height, width = labels.shape
    for dy in (0, 1, 2):
        for dx in (0, 1, 2):
            other = padded[dy : dy + height, dx : dx + width]
            found |= set(labels[(labels > 0) & (other > 0) & (other != labels)])
    return len(found)


def all_cells(labels):
    return len(np.unique(labels[labels > 0]))


def two_for_each_pair(labels):
    return 2 * pairs(labels)


EXERCISES = [
    (
        check.independent_pixels,
        N / (2 * math.pi * 100),
        [
            N,
            {"answer": N / 21, "hint": "all around"},
            {"answer": N / 314.16, "hint": "a disk"},
            N / 20,
            N / 100,
            {"answer": N / 30 / 628.32, "hint": "thirty"},
            {"answer": 628.32, "hint": "How many such areas"},
            3,
            None,
        ],
    ),
    (
        check.touching_cells,
        numbers_beside_another,
        [
            {"answer": pairs, "hint": "pairs of cells"},
            {"answer": to_the_right_only, "hint": "neighbor below"},
            {"answer": pixels_in_contact, "hint": "you count pixels"},
            {"answer": two_for_each_pair, "hint": "two neighbors twice"},
            {"answer": all_cells, "hint": "touch none"},
            {"answer": corners_too, "hint": "corner only"},
            {"answer": around_the_edge, "hint": "other side"},
            {"answer": background_too, "hint": "no cell"},
            lambda labels: labels.nothing,
            lambda labels: labels,
            lambda labels: 0,
        ],
    ),
    (
        check.honest_square,
        128,
        [
            {"answer": 64, "hint": "both colors"},
            {"answer": 23, "hint": "within 12 px"},
            {"answer": 32, "hint": "12 %"},
            8,
            {"answer": 256, "hint": "small end"},
            16,
            "128",
            None,
        ],
    ),
]
