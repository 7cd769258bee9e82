"""Images with their instance labels, in the one form that all of the package takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import DTypeLike
from torch.utils.data import Dataset

from unet_book._arrays import ArrayLike, to_numpy
from unet_book.datasets.checks import check_image, check_labels

__all__ = ["Stack", "together"]


class Stack(Dataset):
    """Images with their instance labels, as a ``torch.utils.data.Dataset``.

    ``stack[i]`` is the pair (image, labels) of arrays (H, W); ``stack[2:5]`` is a smaller stack.
    ``stack.images`` and ``stack.labels`` are arrays (N, H, W) where all images have one size, else
    lists of arrays (H, W).

    Parameters
    ----------
    name : str
        What errors and figures call it.
    images : array_like, (N, H, W), or a sequence of (H, W)
        Floating point in [0, 1], one image at least; kept as float32.
    labels : array_like of int, of the same shapes
        At least -1; kept as int32.
    source : str
        Where the images come from and whom to cite.
    names : sequence of str or None
        What each image is called, such as its file; None numbers them.

    Raises
    ------
    ValueError
        If shapes, types or values are not as above; the message names the offender.

    Examples
    --------
    >>> image = np.zeros((1, 64, 64), np.float32)
    >>> len(Stack("empty", image, image.astype(int)))
    1
    """

    def __init__(
        self,
        name: str,
        images: ArrayLike,
        labels: ArrayLike,
        source: str = "",
        names: Sequence[str] | None = None,
    ) -> None:
        images, labels = (_each(name, arrays) for arrays in (images, labels))
        self.names = [f"{i:03}" for i in range(len(images))] if names is None else list(names)
        if len({len(images), len(labels), len(self.names)}) > 1:
            raise ValueError(
                f"{name}: {len(images)} images, {len(labels)} labels and {len(self.names)} names; "
                "needed is one of each for every image"
            )
        for which, image, numbers in zip(self.names, images, labels):
            check_image(f"{name}: image {which}", image)
            check_labels(f"{name}: image {which}", numbers)
            if image.shape != numbers.shape:
                raise ValueError(
                    f"{name}: image {which} {image.shape} and its labels {numbers.shape} differ in "
                    "shape; each pixel needs one label"
                )
        self.name, self.source = name, source
        self.images = together(images, np.float32)
        self.labels = together(labels, np.int32)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int | slice) -> tuple[np.ndarray, np.ndarray] | Stack:
        if isinstance(index, slice):
            return self.pick(range(*index.indices(len(self))))
        return self.images[index], self.labels[index]

    def __repr__(self) -> str:
        shapes = sorted({image.shape for image in self.images})
        sizes = " to ".join(f"{h} x {w}" for h, w in dict.fromkeys([shapes[0], shapes[-1]]))
        return f"Stack({self.name!r}: {len(self)} images of {sizes}, {self.cell_count()} cells)"

    def pick(self, indices: Iterable[int]) -> Stack:
        """The images of some indices as a stack of their own.

        Parameters
        ----------
        indices : iterable of int
            Which images, in which order.

        Returns
        -------
        Stack
        """
        indices = list(indices)
        images, labels, names = (
            [values[i] for i in indices] for values in (self.images, self.labels, self.names)
        )
        return Stack(self.name, images, labels, self.source, names)

    def cell_count(self) -> int:
        """Number of cells in all images together.

        Returns
        -------
        int
        """
        return sum(int(np.count_nonzero(np.unique(labels) > 0)) for labels in self.labels)


def together(
    arrays: Iterable[np.ndarray], dtype: DTypeLike | None = None
) -> np.ndarray | list[np.ndarray]:
    """One array where all have one shape, else the list of them; copies.

    Parameters
    ----------
    arrays : iterable of ndarray
        Such as images of any sizes.
    dtype : DTypeLike or None
        What they become; None leaves them as they are.

    Returns
    -------
    ndarray, (N, ...), or list of ndarray
    """
    arrays = list(arrays)
    if len({array.shape for array in arrays}) > 1:
        return [np.array(array, dtype, order="C") for array in arrays]
    return np.stack([np.ascontiguousarray(array, dtype=dtype) for array in arrays])


def _each(name: str, arrays: ArrayLike) -> list[np.ndarray]:
    """A stack (N, H, W), or a sequence of (H, W), as a list of arrays."""
    shape = np.shape(arrays) if isinstance(arrays, np.ndarray) else (len(arrays), "H", "W")
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"{name}: shape {shape}; needed is (N, H, W) with at least one image")
    return [to_numpy(array) for array in arrays]
