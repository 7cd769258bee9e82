"""Which images train, and which are kept for testing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unet_book.datasets.stack import Stack

__all__ = ["train_count", "cut"]

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
    if len(images) == 1:
        raise ValueError(
            f"{getattr(images, 'name', 'the folder')}: one image can't be cut into train and test; "
            "use split='all', or add a second image"
        )
    n = train_count(len(images))
    return images[:n] if split == "train" else images[n:]
