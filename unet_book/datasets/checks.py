"""What images and labels must be; one line says what is wrong with one.

What reads a folder stops at the first fault; what inspects one wants them all. Both get them from
the same places, as problems: an error that was not raised, or a doubt that was not told, yet.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

__all__ = ["Problem", "tell", "listed", "settle", "check_image", "check_labels"]


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file, or doubtful about it.

    Parameters
    ----------
    file : str or Path
        Which one; "" if `said` tells.
    said : str
        What was found, and what to do.
    error : type of Exception, or None
        What reading raises for it; None for a doubt, with which it goes on.
    kind : str
        A word that the problems of several files have in common; "" for one that is told alone.
    """

    file: str | Path
    said: str
    error: type[Exception] | None = ValueError
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.said}" if str(self.file) else self.said


def tell(problems: Iterable[Problem], within: str | Path = "") -> list[str]:
    """A line for each problem; what several files have in common is told once, with their names.

    Parameters
    ----------
    problems : iterable of Problem
        In any order.
    within : str or Path
        The folder that need not be named.

    Returns
    -------
    list of str
        In the order in which each kind first comes.
    """
    groups: dict[object, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(problem.kind or problem, []).append(problem)
    lines = []
    for first, *others in groups.values():
        names = dict.fromkeys(_name(other.file, within) for other in others)
        line = str(replace(first, file=_name(first.file, within)))
        lines.append(f"{line} (so {listed(names)})" if names else line)
    return lines


def listed(names: Iterable[str], most: int = 5) -> str:
    """Names in words.

    Parameters
    ----------
    names : iterable of str
        One or more.
    most : int
        How many are named.

    Returns
    -------
    str

    Examples
    --------
    >>> listed("abc"), listed("abc", most=1)
    ('a, b and c', 'a and 2 others')
    """
    names = list(names)
    more = len(names) - most
    if more > 0:
        return f"{', '.join(names[:most])} and {more} other{'s' * (more > 1)}"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _name(file: str | Path, within: str | Path) -> str:
    """A file's name, from a folder on if it is there; "" of the folder itself."""
    if not within or not str(file) or not Path(file).is_relative_to(within):
        return str(file)
    return "" if Path(file) == Path(within) else str(Path(file).relative_to(within))


def settle(problems: Iterable[Problem], stacklevel: int = 1) -> None:
    """Raise the first error of a list; if there is none, warn of each doubt.

    Parameters
    ----------
    problems : iterable of Problem
        What was found.
    stacklevel : int
        Of the warnings, as for `warnings.warn`; 1 is the caller.

    Raises
    ------
    OSError, ValueError
        As the first error has it.
    """
    problems = list(problems)
    errors = [problem for problem in problems if problem.error]
    if errors:
        _stop(errors)
    for line in tell(problems):
        warnings.warn(line, stacklevel=stacklevel + 1)


def _stop(errors: list[Problem]) -> None:
    """Raise what the first of them is, with the names of the files that have the same."""
    raise errors[0].error(tell(errors)[0])


def check_image(name: object, image: np.ndarray) -> None:
    """Refuse what is no image.

    Parameters
    ----------
    name : object
        What the error calls it.
    image : ndarray
        (H, W), floating point, in [0, 1].

    Raises
    ------
    ValueError
        For any other.
    """
    if image.ndim != 2 or 0 in image.shape:
        raise ValueError(f"{name}: shape {image.shape}; needed is (H, W)")
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(
            f"{name}: {image.dtype}; needed is floating point in [0, 1] "
            "(datasets.to_unit brings a gray image there)"
        )
    bad = image[~((image >= 0) & (image <= 1))]  # written so that NaN counts as bad
    if bad.size:
        raise ValueError(
            f"{name}: {bad.size} image values are not in [0, 1], the first is {bad[0]}; "
            "datasets.to_unit brings a finite gray image there"
        )


def check_labels(name: object, labels: np.ndarray) -> None:
    """Refuse what are no labels.

    Parameters
    ----------
    name : object
        What the error calls them.
    labels : ndarray
        Integers from -1 to what int32 holds, of any shape.

    Raises
    ------
    ValueError
        For any other.
    """
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{name}: labels are {labels.dtype}; needed are integers: 0 for background, "
            "1 … K for cells, -1 for not annotated"
        )
    if labels.size and labels.min() < -1:
        raise ValueError(f"{name}: label {labels.min()} found; the smallest allowed is -1")
    if labels.size and labels.max() > np.iinfo(np.int32).max:
        raise ValueError(f"{name}: label {labels.max()} found; the largest allowed is 2147483647")
