"""Which images train, and which are kept for testing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unet_book.datasets.stack import Stack

__all__ = ["train_count", "cut"]


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


def cut(stack: Stack, split: str) -> Stack:
    """The part of a stack that a split names, by order.

    Parameters
    ----------
    stack : Stack
        All images.
    split : {"train", "test", "all"}
        Which part.

    Returns
    -------
    Stack

    Raises
    ------
    ValueError
        If a single image is to be cut.
    """
    if split == "all":
        return stack
    if len(stack) == 1:
        raise ValueError(
            f"{stack.name}: one image can't be cut into train and test; "
            "use split='all', or add a second image"
        )
    n = train_count(len(stack))
    return stack[:n] if split == "train" else stack[n:]
