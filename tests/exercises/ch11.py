"""Exercise, solution, typical mistakes: chapter 11, The paper's numbers, again."""

import math

import numpy as np

from unet_book.pages import check, records, results


def chosen(train, test, more_is_better):
    return test[(np.nanargmax if more_is_better else np.nanargmin)(train)]


def last_of_equals(train, test, more_is_better):
    signed = train if more_is_better else -train
    return test[np.flatnonzero(signed == np.nanmax(signed))[-1]]


def gain(way="8 symmetries", held_out=1 / 4):
    record = records.run("isbi2012")
    alone = results.fold_scores(record, "v_rand", "one pass")
    return results.interval(results.fold_scores(record, "v_rand", way) - alone, held_out)


def apart():
    record = records.run("isbi2012")
    ends = [
        results.interval(results.fold_scores(record, "v_rand", way), 1 / 4)
        for way in ("8 symmetries", "one pass")
    ]
    return ends[0].low - ends[1].high


EXERCISES = [
    (
        check.wider_interval,
        math.sqrt(1 + 10 / 9),
        [
            {"answer": 1.5, "hint": "five folds"},
            {"answer": 19 / 9, "hint": "root"},
            {"answer": math.sqrt(2), "hint": "trained on"},
            {"answer": math.sqrt(1 / 10 + 1 / 9), "hint": "Divide"},
            {"answer": math.sqrt(10 / 9), "hint": "added"},
            {"answer": 1.054, "hint": "1/9"},
            3,
            None,
        ],
    ),
    (
        check.honest_score,
        chosen,
        [
            {
                "answer": lambda train, test, more: test[np.nanargmin(train)],
                "hint": "third argument",
            },
            {
                "answer": lambda train, test, more: np.nanmax(test) if more else np.nanmin(test),
                "hint": "held-out score",
            },
            {
                "answer": lambda train, test, more: test[(np.argmax if more else np.argmin)(train)],
                "hint": "Pass over",
            },
            {
                "answer": lambda train, test, more: np.nanmax(train) if more else np.nanmin(train),
                "hint": "training slices",
            },
            {
                "answer": lambda train, test, more: (np.nanargmax if more else np.nanargmin)(train),
                "hint": "number of the threshold",
            },
            {"answer": last_of_equals, "hint": "first"},
            {"answer": lambda train, test, more: None, "hint": "return"},
            {"answer": lambda train, test, more: train.gone, "hint": "AttributeError"},
            {"answer": lambda train, test, more: -1.0, "hint": "Wrong on errors"},
            {"answer": 0.3, "hint": "itself"},
        ],
    ),
    (
        check.surely_gained,
        gain().low,
        [
            {"answer": apart(), "hint": "pair"},
            {"answer": gain(held_out=0).low, "hint": "share"},
            {"answer": gain().mean, "hint": "sure"},
            {"answer": gain().high, "hint": "upper"},
            {"answer": -gain().high, "hint": "Subtract"},
            {"answer": gain("7 rotations").low, "hint": "7 rotations"},
            None,
            "much",
            -9,
        ],
    ),
]
