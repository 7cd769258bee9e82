"""Which images train, and which are kept for testing."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from unet_book.datasets.checks import Problem, listed, settle

if TYPE_CHECKING:
    from unet_book.datasets.stack import Stack

__all__ = ["train_count", "folds", "turns", "named", "too_few", "unfit", "cut"]

FEW = 10  # images, below which each is held out in turn
FOLDS = 3  # of a cross-validation

SPLITS = ("train", "test", "all")


def train_count(count: int) -> int:
    """How many images train: all but the last fifth, and at least one is for testing.

    Parameters
    ----------
    count : int
        How many there are.

    Returns
    -------
    int

    Examples
    --------
    >>> train_count(30), train_count(3)
    (24, 2)
    """
    return count - max(1, count // 5)


def folds(count: int) -> list[list[int]]:
    """Which images each fold of a cross-validation keeps from its training.

    Parameters
    ----------
    count : int
        How many images there are.

    Returns
    -------
    list of list of int

    Raises
    ------
    ValueError
        For a single image.

    Examples
    --------
    >>> folds(5)
    [[0, 3], [1, 4], [2]]
    """
    if count < 2:
        raise ValueError("a cross-validation needs two images or more")
    parts = min(FOLDS, count)
    return [list(range(part, count, parts)) for part in range(parts)]


def turns(count: int) -> list[list[int]]:
    """Which images of a folder each of its trainings keeps from it, unless some are named.

    Parameters
    ----------
    count : int
        How many images there are.

    Returns
    -------
    list of list of int
        One training that keeps the last fifth; of few images the folds of a cross-validation; none
        of a single image.

    Examples
    --------
    >>> turns(10), turns(3)
    ([[8, 9]], [[0], [1], [2]])
    """
    if count < 2:
        return []
    return folds(count) if count < FEW else [list(range(train_count(count), count))]


def named(names: Sequence[str], patterns: Sequence[str]) -> tuple[list[int], list[Problem]]:
    """Which images are to be held out by name.

    Parameters
    ----------
    names : sequence of str
        Of all images.
    patterns : sequence of str
        Names, or patterns such as ``day3*``.

    Returns
    -------
    kept : list of int
        In order.
    problems : list of Problem
        A name that fits no image, or nothing left to learn from.
    """
    kept, problems = set(), []
    for pattern in patterns:
        fits = [i for i, name in enumerate(names) if name == pattern or fnmatch(name, pattern)]
        kept.update(fits)
        if not fits:
            said = f"no image is called so; there are {listed(names, 3)}"
            problems.append(Problem(f"--hold-out {pattern}", said))
    if names and len(kept) == len(names):
        said = f"--hold-out keeps all {len(names)} images; none is left to learn from"
        problems.append(Problem("", said))
    return sorted(kept), problems


def too_few(name: object, count: int) -> list[Problem]:
    """A single image can't both train and test.

    Parameters
    ----------
    name : object
        What the error calls the images.
    count : int
        How many there are.

    Returns
    -------
    list of Problem
        None or one.
    """
    said = "one image can't be cut into train and test; use split='all', or add a second image"
    return [Problem(name, said)] if count == 1 else []


def unfit(
    name: str,
    train_cells: Sequence[bool],
    test_cells: Sequence[bool] = (),
    test_known: Sequence[bool] = (),
) -> list[Problem]:
    """What keeps images from training a network, or from testing it.

    Parameters
    ----------
    name : str
        What the errors call the images.
    train_cells : sequence of bool
        Of each training image whether it holds a cell.
    test_cells : sequence of bool
        Of each held-out image the same; none may be held out.
    test_known : sequence of bool
        Of each held-out image whether any pixel is annotated.

    Returns
    -------
    list of Problem
    """
    problems, count = [], len(test_cells)
    if not any(train_cells):
        said = f"none of the {len(train_cells)} training images of {name} holds a cell"
        problems.append(Problem("", said))
    if count and not any(test_known):
        said = f"no pixel of the {count} held-out images is annotated (all -1)"
        problems.append(Problem("", said))
    elif count and not any(test_cells):
        said = (
            f"none of the {count} held-out images holds a cell: their error says how much is "
            "found where nothing is, and no more"
        )
        problems.append(Problem("", said, error=None))
    return problems


def cut(images: Stack | list, split: str) -> Stack | list:
    """The part of images that a split names, by order.

    Parameters
    ----------
    images : Stack or list
        All of them.
    split : {"train", "test", "all"}
        Which part.

    Returns
    -------
    Stack or list

    Raises
    ------
    ValueError
        For another split, or if a single image is to be cut.
    """
    if split not in SPLITS:
        raise ValueError(f"split={split!r}: there are {', '.join(map(repr, SPLITS))}")
    if split == "all":
        return images
    settle(too_few(getattr(images, "name", "the folder"), len(images)))
    n = train_count(len(images))
    return images[:n] if split == "train" else images[n:]
