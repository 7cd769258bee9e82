"""Exercise, solution, typical mistakes: "Before you start" and chapter 1."""

import numpy as np

from unet_book.pages import check


def annotated_majority(labels):
    return 1 - np.bincount(labels[labels >= 0]).max() / np.sum(labels >= 0)


EXERCISES = [
    (
        check.output_of_572,
        388,
        [
            {"answer": 572 - 92, "hint": "both sides"},
            572,
            {"answer": 184, "hint": "lost"},
        ],
    ),
    (
        check.window_ratio,
        33,
        [
            {"answer": 121, "hint": "whole of it"},
            {"answer": (121 + 81 + 49 + 25 + 9) / 5, "hint": "what it writes"},
            {"answer": 165, "hint": "Divide"},
            11,
            None,
            "33",
        ],
    ),
    (
        check.majority_error,
        annotated_majority,
        [
            {"answer": lambda labels: np.mean(labels > 0), "hint": "gets right"},
            {"answer": lambda labels: 1 - annotated_majority(labels), "hint": "gets right"},
            {
                "answer": lambda labels: 1 - np.bincount(labels[labels >= 0]).max() / labels.size,
                "hint": "nor in the total",
            },
            {"answer": lambda labels: 100 * annotated_majority(labels), "hint": "percentage"},
            {
                "answer": lambda labels: min(np.mean(labels == 0), np.mean(labels == 1)),
                "hint": "more than two",
            },
            {"answer": lambda labels: labels.undefined, "hint": "AttributeError"},
            lambda labels: labels,
            lambda labels: None,
            lambda labels: "0.2",
        ],
    ),
    (
        check.exact_shifts,
        [16, 8],
        [
            {"answer": range(1, 17), "hint": "pairs pixels"},
            {"answer": range(2, 17, 2), "hint": "two below"},
            {"answer": [16], "hint": "three times"},
            {"answer": [], "hint": "Shift the input"},
            [8],
            8,
            None,
        ],
    ),
]
