"""What every check is made of: a verdict, and a safe way to try a reader's function."""

import math
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

__all__ = ["Verdict", "right", "wrong", "as_array", "as_number", "near", "number", "attempt"]


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and what to think about next; true in an ``if`` when it is.

    Parameters
    ----------
    right : bool
        Whether it is right.
    comment : str
        What is worth knowing, or a hint.
    """

    right: bool
    comment: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return textwrap.fill(f"{'Right.' if self.right else 'Not yet.'} {self.comment}", 72)


def right(comment: str) -> Verdict:
    """The verdict on a right answer.

    Parameters
    ----------
    comment : str
        What is worth knowing.

    Returns
    -------
    Verdict
    """
    return Verdict(True, comment)


def wrong(hint: str) -> Verdict:
    """The verdict on a wrong answer.

    Parameters
    ----------
    hint : str
        Where to look.

    Returns
    -------
    Verdict
    """
    return Verdict(False, hint)


NOT_A_NUMBER = "The answer is one number. Did a function return nothing, for want of a `return`?"


def as_array(answer: object) -> np.ndarray | None:
    """An answer as an array of numbers, in whatever dress it comes; None if it holds others.

    Parameters
    ----------
    answer : object
        A number of Python, NumPy or torch, a `Fraction` or `Decimal`, an array or a tensor of any
        device and type, a list, tuple, set or range of these, nested or not.

    Returns
    -------
    ndarray or None
        Of bool, integers or floats. Axes are those of the array, or of the nested lists.
    """
    try:
        array = np.asarray(_without_torch(answer))
        array = array.astype(float) if array.dtype == object else array  # fractions
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None
    return array if array.dtype.kind in "biuf" else None


def _without_torch(answer: object) -> object:
    """Tensors as arrays, wherever in nested sequences they are; TypeError for None."""
    if answer is None:
        raise TypeError("NumPy would take it for NaN")
    if isinstance(answer, torch.Tensor):
        tensor = answer.detach().cpu()
        return (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    if isinstance(answer, str | bytes | Mapping) or hasattr(answer, "__array__"):
        return answer
    return [_without_torch(part) for part in answer] if isinstance(answer, Iterable) else answer


def as_number(answer: object) -> float | None:
    """An answer as a float: one number, alone or as the only one of an array.

    Parameters
    ----------
    answer : object
        As for `as_array`.

    Returns
    -------
    float or None
        None for what is no number, or more than one.
    """
    array = as_array(answer)
    if array is None or array.size != 1 or array.dtype == bool:
        return None
    return float(array.item())


def near(found: float | None, value: float, tolerance: float = 1e-5) -> bool:
    """Whether what was found is a number, up to a tolerance.

    Parameters
    ----------
    found : float or None
        As `as_number` gives it.
    value : float
        The number.
    tolerance : float
        Relative, and absolute near 0.

    Returns
    -------
    bool
        False for None.
    """
    return found is not None and math.isclose(found, value, rel_tol=tolerance, abs_tol=tolerance)


def number(
    answer: object,
    correct: float,
    comment: str,
    hints: dict[float, str],
    otherwise: str,
    tolerance: float = 1e-5,
) -> Verdict:
    """The verdict on one number.

    Parameters
    ----------
    answer : object
        The reader's.
    correct : float
        The right one.
    comment : str
        For the right answer.
    hints : dict of float to str
        Each typical wrong number, and what to think about.
    otherwise : str
        The hint for any other.
    tolerance : float
        As for `near`.

    Returns
    -------
    Verdict
    """
    found = as_number(answer)
    if found is None:
        return wrong(NOT_A_NUMBER)
    if near(found, correct, tolerance):
        return right(comment)
    for mistake, hint in hints.items():
        if near(found, mistake, tolerance):
            return wrong(hint)
    return wrong(otherwise)


def attempt(function: object, *inputs: object, on: str = "a test") -> tuple[Any, Verdict | None]:
    """Call a reader's function.

    Parameters
    ----------
    function : object
        The reader's.
    *inputs : object
        It gets these themselves: hand it copies of what is still needed.
    on : str
        What is tried, for the hint.

    Returns
    -------
    returned : any
        None if it raises.
    failure : Verdict or None
        None if it doesn't.
    """
    if not callable(function):
        return None, wrong("Hand over the function itself, without calling it.")
    try:
        return function(*inputs), None
    except Exception as error:  # the reader's code may raise anything
        return None, wrong(f"On {on} your function raises {type(error).__name__}: {error}")
