"""The exercises: each solution passes, and each typical mistake gets a hint of its own."""

import json
import pathlib

import numpy as np
import pytest

from unet_book import check

BOOK = pathlib.Path(__file__).parent.parent / "book"


def wrong_in_many_ways():
    """Exercise, three typical mistakes."""
    return [
        (check.output_of_572, [572 - 92, 572, 184]),
        (check.window_ratio, [121, (121 + 81 + 49 + 25 + 9) / 5, 165, 11, None, "33"]),
        (
            check.majority_error,
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
        (check.exact_shifts, [range(1, 17), range(2, 17, 2), [16], [], [8], 8, None]),
    ]


NAMES = [exercise.__name__ for exercise, _ in wrong_in_many_ways()]


@pytest.mark.parametrize("exercise, answers", wrong_in_many_ways(), ids=NAMES)
def test_each_mistake_gets_its_own_hint(exercise, answers):
    verdicts = [exercise(answer) for answer in answers]
    assert not any(verdicts)
    assert len({verdict.comment for verdict in verdicts}) >= min(len(verdicts), 3)


def test_right_answers_pass():
    assert check.output_of_572(388)
    assert check.window_ratio(33)
    assert check.exact_shifts([16, 8])
    assert check.majority_error(
        lambda labels: 1 - np.bincount(labels[labels >= 0]).max() / np.sum(labels >= 0)
    )


def test_the_check_does_not_change_what_it_hands_out():
    def greedy(labels):
        answer = 1 - np.bincount(labels[labels >= 0]).max() / np.sum(labels >= 0)
        labels[:] = 0
        return answer

    assert check.majority_error(greedy)


@pytest.mark.parametrize("notebook", sorted(BOOK.glob("*.ipynb")), ids=lambda path: path.stem)
def test_stored_solutions_are_right_and_first_tries_are_not(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        kind = cell.get("id", "").split("-")[0]
        if cell["cell_type"] == "code" and kind in ("solution", "exercise"):
            text = json.dumps(cell["outputs"])
            assert ("Right." in text) == (kind == "solution"), cell["id"]
            assert ("Not yet." in text) == (kind == "exercise"), cell["id"]
