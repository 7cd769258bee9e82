"""Exercise, solution, typical mistakes: chapter 13, Your own images."""

import numpy as np

from unet_book import datasets, instances, metrics
from unet_book.instances import Rule
from unet_book.pages import check, records


def keep(cells, smallest):
    kept = np.bincount(cells.ravel()) >= max(smallest, 1)
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0)[cells]


def not_numbered(cells, smallest):
    kept = np.bincount(cells.ravel()) >= smallest
    return np.where(kept[cells], cells, 0)


def background_too(cells, smallest):
    kept = np.bincount(cells.ravel()) >= max(smallest, 1)
    return np.where(kept, np.cumsum(kept), 0)[cells]


def from_nought(cells, smallest):
    return np.unique(keep(cells, smallest), return_inverse=True)[1].reshape(cells.shape)


RECORD = records.run("mixed")
IMAGES = datasets.load(datasets.data_folder() / "mixed", "all")
TRUTH = [IMAGES.labels[IMAGES.names.index(name)] for name in RECORD["held_out"]]
MAPS = [records.picture(RECORD["pictures"][name]) for name in RECORD["held_out"]]


def counted():
    """Cells found, true and predicted: rules, images, three numbers."""
    counts = []
    for threshold in instances.THRESHOLDS:
        for core in [core for core in instances.CORES if core is None or core > threshold]:
            counts.append([])
            for truth, answer in zip(TRUTH, MAPS):
                cells = instances.find_cells(answer, Rule(threshold, core))
                found = metrics.matches(truth, cells).found
                counts[-1].append([found, truth.max(), cells.max()])
    return np.array(counts)


def f1(counts):
    found, true, predicted = counts.T
    return 2 * found / (true + predicted)


COUNTS = counted()
PICKS = [f1(np.delete(COUNTS, image, axis=1).sum(1)).argmax() for image in range(4)]
OWN = [f1(COUNTS[:, image]).argmax() for image in range(4)]
HONEST = COUNTS[PICKS, range(4)]

EXERCISES = [
    (
        check.one_merger,
        16 / 19,
        [
            {"answer": 0.8, "hint": "true cells that are found"},
            {"answer": 0.9, "hint": "all nine"},
            {"answer": 18 / 19, "hint": "either"},
            {"answer": 8 / 9, "hint": "predicted cells that are right"},
            {"answer": 0.727, "hint": "AP"},
            {"answer": 8 / 19, "hint": "twice"},
            1,
            None,
        ],
    ),
    (
        check.large_enough,
        keep,
        [
            {"answer": not_numbered, "hint": "without a gap"},
            {"answer": lambda cells, smallest: keep(cells, smallest + 1), "hint": "exactly"},
            {"answer": background_too, "hint": "background"},
            {"answer": from_nought, "hint": "without"},
            {"answer": lambda cells, smallest: cells, "hint": "dropped"},
            {"answer": lambda cells, smallest: 0 * cells, "hint": "nothing is left"},
            {"answer": lambda cells, smallest: cells.ravel(), "hint": "shape"},
            {"answer": lambda cells, smallest: np.where(cells == 2, 1, 0), "hint": "Wrong on"},
            {"answer": lambda cells, smallest: None, "hint": "return"},
            {"answer": lambda cells, smallest: cells.gone, "hint": "AttributeError"},
            {"answer": keep(np.array([[1, 1]]), 2), "hint": "itself"},
        ],
    ),
    (
        check.honest_rule,
        f1(HONEST.sum(0)),
        [
            {"answer": f1(COUNTS.sum(1)).max(), "hint": "All four"},
            {"answer": f1(COUNTS[OWN, range(4)].sum(0)), "hint": "its own"},
            {"answer": f1(HONEST).mean(), "hint": "mean of four"},
            {"answer": f1(COUNTS.sum(1)).max() - f1(HONEST.sum(0)), "hint": "cost"},
            {
                "answer": metrics.f1(TRUTH, [instances.find_cells(each) for each in MAPS]),
                "hint": "plain",
            },
            1.0,
            None,
        ],
    ),
]
