"""The exercises: each solution passes, and each typical mistake gets a hint of its own.

`tests/exercises/` has a file for each chapter with its EXERCISES: (check, solution, mistakes), the
three most typical mistakes first. A mistake may be a pair {"answer": …, "hint": …}, with words that
its hint must have.
"""

import importlib.util
import json
import pathlib
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from unet_book.pages import check

HERE = pathlib.Path(__file__).parent
BOOK = HERE.parent / "book"


def exercises():
    for path in sorted((HERE / "exercises").glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield from module.EXERCISES


CASES = list(exercises())
each_exercise = pytest.mark.parametrize(
    "exercise, solution, mistakes", CASES, ids=[exercise.__name__ for exercise, *_ in CASES]
)


def test_every_check_is_tested():
    assert {"Verdict", *(exercise.__name__ for exercise, *_ in CASES)} == set(check.__all__)


@each_exercise
def test_the_solution_is_right(exercise, solution, mistakes):
    verdict = exercise(solution)
    assert verdict, verdict


@each_exercise
def test_each_typical_mistake_gets_its_own_hint(exercise, solution, mistakes):
    pairs = [m if isinstance(m, dict) else {"answer": m, "hint": ""} for m in mistakes]
    verdicts = [exercise(pair["answer"]) for pair in pairs]
    assert not any(verdicts)
    for pair, verdict in zip(pairs, verdicts):
        assert pair["hint"] in verdict.comment, verdict
    assert len({verdict.comment for verdict in verdicts[:3]}) == 3
    assert all(len(verdict.comment.split()) >= 5 for verdict in verdicts)


def test_the_check_does_not_change_what_it_hands_out():
    def greedy(labels):
        answer = 1 - np.bincount(labels[labels >= 0]).max() / np.sum(labels >= 0)
        labels[:] = 0
        return answer

    assert check.majority_error(greedy)


def test_a_function_that_was_called_too_early_is_told_so():
    assert "itself" in check.majority_error(0.2).comment


@pytest.mark.parametrize(
    "answer",
    [
        836,
        836.0,
        np.int16(836),
        np.float32(836),
        np.array(836),
        Fraction(836),
        Decimal(836),
        torch.tensor(836),
        torch.tensor(836.0, requires_grad=True),
    ],
)
def test_a_number_may_come_from_anywhere(answer):
    assert check.largest_answer(answer)


@pytest.mark.parametrize("answer", [True, "836", None, [836], np.array([836]), 836 + 0j, check])
def test_what_is_no_number_is_told_so(answer):
    assert "one number" in check.largest_answer(answer).comment


@pytest.mark.parametrize("notebook", sorted(BOOK.glob("*.ipynb")), ids=lambda path: path.stem)
def test_stored_solutions_are_right_and_first_tries_are_not(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        kind = cell.get("id", "").split("-")[0]
        if cell["cell_type"] == "code" and kind in ("solution", "exercise"):
            text = json.dumps(cell["outputs"])
            assert ("Right." in text) == (kind == "solution"), cell["id"]
            assert ("Not yet." in text) == (kind == "exercise"), cell["id"]


CHAPTERS = sorted({*BOOK.glob("[0-9][0-9]_*.ipynb")} - {*BOOK.glob("00_*")})


@pytest.mark.parametrize("notebook", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_three_exercises_of_three_kinds_with_solutions(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for kind in ("Predict", "Implement", "Investigate"):
        assert text.count(f":{{exercise}} {kind}:") == 1, kind
    assert text.count(":{solution-start}") == text.count(":{solution-end}") == 3
    ids = [cell.get("id", "").split("-")[0] for cell in cells]
    assert ids.count("solution") >= 3
