"""Numpy in, numpy out; torch in, torch out, on the same device.

torch is imported where it is needed only: it takes seconds, and a command line that is wrong should
be told so at once.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

__all__ = ["Array", "ArrayLike", "to_numpy", "to_images", "to_torch", "like", "is_ragged"]

# (In quotes, since torch is not there yet.)
Array: TypeAlias = "np.ndarray | torch.Tensor"
ArrayLike: TypeAlias = "Array | Sequence"  # nested lists, too, or images of different sizes


def _is_tensor(array: Any) -> bool:
    """Whether it is a tensor of torch; before torch is imported there is none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def to_numpy(array: ArrayLike) -> np.ndarray:
    """An array, or what numpy makes one of, as a numpy array.

    Parameters
    ----------
    array : array_like
        numpy or torch, on any device, or nested lists.

    Returns
    -------
    ndarray
        On the CPU; of what is one already, the same memory. bfloat16, which numpy does not have,
        becomes float32.

    Raises
    ------
    ValueError
        For a list of images of different sizes, which is no array, and for a masked array with
        something masked, which would be plain pixels afterwards.
    """
    if _is_tensor(array):
        plain = array.detach().cpu()
        return plain.float().numpy() if str(plain.dtype) == "torch.bfloat16" else plain.numpy()
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


def to_images(stack: ArrayLike) -> list[np.ndarray]:
    """The images of a stack, of a list of any sizes, or of one image alone.

    Parameters
    ----------
    stack : array_like, (N, H, W) or (H, W)
        Or a list of images (H, W).

    Returns
    -------
    list of ndarray
        Each (H, W).

    Raises
    ------
    ValueError
        For other axes, and as `to_numpy` does.
    """
    if is_ragged(stack):
        return [to_numpy(image) for image in stack]
    array = to_numpy(stack)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"needed are (H, W) or (N, H, W), or a list of (H, W) of any sizes, got {array.shape}"
        )
    return [array] if array.ndim == 2 else list(array)


def to_torch(array: ArrayLike) -> torch.Tensor:
    """An array, or what numpy makes one of, as a tensor.

    Parameters
    ----------
    array : array_like
        As in `to_numpy`.

    Returns
    -------
    torch.Tensor
        A tensor itself, on its device; anything else on the CPU.

    Raises
    ------
    ValueError
        As `to_numpy` does.
    """
    if _is_tensor(array):
        return array
    import torch

    array = to_numpy(array)
    # torch wants contiguous, writable, native-endian memory; a file's array may be none of these.
    return torch.as_tensor(np.require(array, array.dtype.newbyteorder("="), ["C", "W", "E"]))


def like(result: ArrayLike, example: ArrayLike) -> Array:
    """A result in the library, and on the device, of what it was computed from.

    Parameters
    ----------
    result : array_like
        What was computed.
    example : array_like
        What it was computed from.

    Returns
    -------
    ndarray or Tensor
        A tensor if `example` is one.

    Raises
    ------
    ValueError
        As `to_numpy` does.
    """
    if _is_tensor(example):
        return to_torch(result).to(example.device)
    return to_numpy(result)


def is_ragged(arrays: Any) -> bool:
    """Whether it is a sequence of images (H, W), as a stack of images of different sizes has it.

    Parameters
    ----------
    arrays : any
        What a function was given for images.

    Returns
    -------
    bool
        True for a list or tuple of arrays or tensors of two axes.
    """
    listed = isinstance(arrays, list | tuple) and len(arrays) > 0
    return listed and all(getattr(array, "ndim", 0) == 2 for array in arrays)
