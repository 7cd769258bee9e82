"""Exercise, solution, typical mistakes: chapter 10, Measuring."""

import numpy as np

from unet_book.pages import check
from unet_book.pages.check.measuring import _merged, _opened

truth, rand, loss = _opened()
sizes = np.sort(np.bincount(truth.ravel())[1:]).astype(float)
true = (sizes * (sizes - 1)).sum() / 2
largest_two = 1 - 2 * true / (2 * true + sizes[-1] * sizes[-2])


def counted(**how):
    return lambda truth, prediction: _merged(truth, prediction, **how)


def by_loops(truth, prediction):
    matches = []
    for cell in np.unique(truth[truth > 0]):
        found, counts = np.unique(prediction[truth == cell], return_counts=True)
        best = counts.argmax()
        if found[best] > 0 and 2 * counts[best] > counts.sum():
            matches.append(found[best])
    return sum(matches.count(match) > 1 for match in matches)


EXERCISES = [
    (
        check.wall_through_cell,
        3 / 7,
        [
            {"answer": 0.6, "hint": "recall"},
            {"answer": 0.41935, "hint": "alone"},
            {"answer": 0.33835, "hint": "100 pixels"},
            {"answer": 4 / 7, "hint": "lacks"},
            {"answer": 0.42248, "hint": "V_Rand"},
            {"answer": 0.1, "hint": "wrong pixels"},
            0.2,
            None,
            "3/7",
        ],
    ),
    (
        check.merged_cells,
        by_loops,
        [
            {"answer": counted(cells=False), "hint": "Count the true cells"},
            {"answer": counted(background=True), "hint": "no segment"},
            {"answer": counted(strict=False), "hint": "Exactly half"},
            {"answer": counted(share=0.0), "hint": "laps over"},
            {"answer": counted(whole=False), "hint": "not of what was found"},
            {"answer": lambda truth, prediction: -1, "hint": "Wrong on two cells"},
            {"answer": lambda truth, prediction: None, "hint": "`return`"},
            {"answer": lambda truth, prediction: [1, 2], "hint": "one number"},
            {"answer": lambda truth, prediction: truth.undefined, "hint": "AttributeError"},
            {"answer": 3, "hint": "itself"},
        ],
    ),
    (
        check.dearest_pixel,
        float(rand.max()),
        [
            {"answer": float(rand.mean()), "hint": "mean"},
            {"answer": float(loss.max()), "hint": "1 - V_Rand"},
            {"answer": 1 - float(rand.max()), "hint": "F."},
            {"answer": 0.0, "hint": "copy"},
            {"answer": 100 * float(rand.max()), "hint": "percentage"},
            {"answer": largest_two, "hint": "one pixel join"},
            0.9,
            None,
        ],
    ),
]
