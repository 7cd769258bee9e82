"""What every check is made of: a verdict, and a safe way to try a reader's function."""

import math
import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and what to think about next; true in an ``if`` when it is."""

    right: bool
    comment: str

    def __bool__(self):
        return self.right

    def __repr__(self):
        return textwrap.fill(f"{'Right.' if self.right else 'Not yet.'} {self.comment}", 72)


def right(comment: str) -> Verdict:
    return Verdict(True, comment)


def wrong(hint: str) -> Verdict:
    return Verdict(False, hint)


NOT_A_NUMBER = "The answer is one number. Did a function return nothing, for want of a `return`?"


def as_number(answer) -> float | None:
    """An answer as a float: a number of Python, NumPy or torch, or a fraction; None for others."""
    if isinstance(answer, (bool, str, bytes)) or getattr(answer, "shape", ()) != ():
        return None
    try:
        return float(answer.detach() if hasattr(answer, "detach") else answer)
    except (TypeError, ValueError, RuntimeError):
        return None


def is_number(answer) -> bool:
    """Whether an answer is one number."""
    return as_number(answer) is not None


def near(answer, value, tolerance: float = 1e-5) -> bool:
    """Whether an answer is that number, up to a relative tolerance; False for what is no number."""
    found = as_number(answer)
    return found is not None and math.isclose(found, value, rel_tol=tolerance, abs_tol=tolerance)


def number(answer, correct: float, comment: str, hints: dict, otherwise: str, tolerance=1e-5):
    """The verdict on one number: `hints` maps each typical wrong number to what to think about."""
    if not is_number(answer):
        return wrong(NOT_A_NUMBER)
    if near(answer, correct, tolerance):
        return right(comment)
    for mistake, hint in hints.items():
        if near(answer, mistake, tolerance):
            return wrong(hint)
    return wrong(otherwise)


def attempt(function, *inputs, on: str = "a test"):
    """(what a reader's function returns, None), or (None, the verdict) if it raises.

    The function gets the inputs themselves: hand it copies of what is still needed.
    """
    if not callable(function):
        return None, wrong("Hand over the function itself, without calling it.")
    try:
        return function(*inputs), None
    except Exception as error:  # the reader's code may raise anything
        return None, wrong(f"On {on} your function raises {type(error).__name__}: {error}")
