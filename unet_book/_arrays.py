"""Numpy in, numpy out; torch in, torch out, on the same device.

torch is imported where it is needed only: it takes seconds, and a command line that is wrong should
be told so at once.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def is_tensor(array) -> bool:
    """Whether it is a tensor of torch; before torch is imported there is none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def to_numpy(array) -> np.ndarray:
    """`array` (numpy or torch, any device) as a numpy array.

    Raises ValueError for a list of images of different sizes, which is no array, and for a masked
    array with something masked, which would be plain pixels afterwards.
    """
    if is_tensor(array):
        return array.detach().cpu().numpy()
    parts = array if isinstance(array, list | tuple) else [array]
    if any(map(np.ma.is_masked, parts)):
        raise ValueError(
            "a masked array would lose its mask: fill it first, labels by labels.filled(-1), which "
            "is not annotated, and images by gray values"
        )
    if is_ragged(array) and len({tuple(image.shape) for image in array}) > 1:
        sizes = ", ".join(str(tuple(image.shape)) for image in array[:3])
        raise ValueError(f"images of different sizes ({sizes}, ...) are no one array: give each")
    return np.asarray(array)


def to_images(stack) -> list[np.ndarray]:
    """The images (H, W) of a stack (N, H, W), of a list of any sizes, or of one image alone.

    Raises ValueError for other axes, and as `to_numpy` does.
    """
    if is_ragged(stack):
        return [to_numpy(image) for image in stack]
    array = to_numpy(stack)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"needed are (H, W) or (N, H, W), or a list of (H, W) of any sizes, got {array.shape}"
        )
    return [array] if array.ndim == 2 else list(array)


def to_torch(array) -> torch.Tensor:
    """`array` (numpy or torch) as a tensor; a tensor stays on its device. Raises as `to_numpy`."""
    if is_tensor(array):
        return array
    import torch

    array = to_numpy(array)
    # torch wants contiguous, writable, native-endian memory; a file's array may be none of these.
    return torch.as_tensor(np.require(array, array.dtype.newbyteorder("="), ["C", "W", "E"]))


def like(result, example):
    """`result` in the library, and on the device, of `example`."""
    if is_tensor(example):
        return to_torch(result).to(example.device)
    return to_numpy(result)


def is_ragged(arrays) -> bool:
    """Whether it is a sequence of arrays (H, W), as a stack of images of different sizes has it."""
    listed = isinstance(arrays, list | tuple) and len(arrays) > 0
    return listed and all(getattr(array, "ndim", 0) == 2 for array in arrays)
