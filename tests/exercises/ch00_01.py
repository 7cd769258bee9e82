"""Exercise, solution, typical mistakes: "Before you start" and chapter 1."""

import numpy as np

from unet_book import check


def annotated_majority(labels):
    return 1 - np.bincount(labels[labels >= 0]).max() / np.sum(labels >= 0)


EXERCISES = [
    (check.output_of_572, 388, [572 - 92, 572, 184]),
    (check.window_ratio, 33, [121, (121 + 81 + 49 + 25 + 9) / 5, 165, 11, None, "33"]),
    (
        check.majority_error,
        annotated_majority,
        [
            lambda labels: np.mean(labels != 0),
            lambda labels: np.bincount(labels[labels >= 0]).max() / np.sum(labels >= 0),
            lambda labels: 1 - np.bincount(labels[labels >= 0]).max() / labels.size,
            lambda labels: labels.undefined,
            lambda labels: labels,
            lambda labels: None,
            lambda labels: "0.2",
        ],
    ),
    (check.exact_shifts, [16, 8], [range(1, 17), range(2, 17, 2), [16], [], [8], 8, None]),
]
