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
        [836],
        np.array([836]),
    ],
)
def test_a_number_may_come_from_anywhere(answer):
    assert check.largest_answer(answer)


NO_NUMBERS = [True, np.True_, torch.tensor(True), "836", None, [836, 836], [], 836 + 0j, check]


@pytest.mark.parametrize("answer", NO_NUMBERS, ids=str)
def test_what_is_no_number_is_told_so(answer):
    assert "one number" in check.largest_answer(answer).comment


def nested(array, of=lambda x: x):
    """An array as lists in lists."""
    return [nested(part, of) for part in array] if array.ndim else of(array.item())


def finite(x):
    return Fraction(x) if np.isfinite(x) else x


DRESSES = {
    "Python's numbers": nested,
    "fractions": lambda array: nested(array, finite),
    "decimals": lambda array: nested(array, Decimal),
    "numbers of NumPy": lambda array: nested(array, array.dtype.type),
    "an array": np.array,
    "an array of objects": lambda array: np.array(nested(array, finite), dtype=object),
    "a tensor": torch.tensor,
    "tensors of torch in lists": lambda array: nested(array, torch.tensor),
    "a tuple": lambda array: tuple(array) if array.ndim else (array.item(),),
    "a list of a list": lambda array: list(array) if array.ndim else [[array.item()]],
    "tensors in a tuple": lambda array: tuple(map(torch.tensor, np.atleast_1d(array))),
    "a generator": lambda array: (part for part in np.atleast_1d(array)),
}
FLOATS = {  # numbers that are no labels
    "float32": lambda array: np.float32(array),
    "a tensor with its gradient": lambda array: torch.tensor(array * 1.0).requires_grad_(),
}


def dressed(answer, dress):
    """A right answer, or the function that gives it, in another dress."""
    if callable(answer):
        return lambda *inputs: dressed(answer(*inputs), dress)
    return dress(np.asarray(answer.detach() if isinstance(answer, torch.Tensor) else answer))


@each_exercise
def test_a_right_answer_is_right_in_every_dress(exercise, solution, mistakes):
    labels = exercise is check.nearest_labels  # as another type they could be rounded
    dresses = DRESSES if labels else DRESSES | FLOATS
    for name, dress in dresses.items():
        if not (labels and name in ("fractions", "decimals", "an array of objects")):
            verdict = exercise(dressed(solution, dress))
            assert verdict, (name, verdict)


STRANGE = {
    "None": None,
    "text": "eight",
    "bytes": b"8",
    "a dictionary": {"8": 16},
    "a complex number": 1j,
    "lists of different lengths": [[1], [2, 3]],
    "an empty list": [],
    "an array of text": np.array(["8", "16"]),
    "a tensor without numbers": torch.empty(2, device="meta"),
    "a class": Fraction,
    "NaN": np.nan,
    "many numbers": np.zeros((3, 4, 5, 6)),
    "True": True,
}


@each_exercise
@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_answer_gets_a_friendly_verdict(exercise, solution, mistakes, name):
    answers = [STRANGE[name]] + callable(solution) * [lambda *inputs: STRANGE[name]]
    for verdict in map(exercise, answers):
        assert not verdict and len(verdict.comment.split()) >= 5, verdict


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
