"""Numpy in, numpy out; torch in, torch out, on the same device."""

import numpy as np
import torch


def to_numpy(array) -> np.ndarray:
    """`array` (numpy or torch, any device) as a numpy array."""
    return array.detach().cpu().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)


def to_torch(array) -> torch.Tensor:
    """`array` (numpy or torch) as a tensor; a tensor stays on its device."""
    if isinstance(array, torch.Tensor):
        return array
    array = np.asarray(array)
    # torch wants contiguous, writable, native-endian memory; a file's array may be none of these.
    return torch.as_tensor(np.require(array, array.dtype.newbyteorder("="), ["C", "W", "E"]))


def like(result, example):
    """`result` in the library, and on the device, of `example`."""
    if isinstance(example, torch.Tensor):
        return to_torch(result).to(example.device)
    return to_numpy(result)


def is_ragged(arrays) -> bool:
    """Whether it is a sequence of arrays (H, W), as a stack of images of different sizes has it."""
    listed = isinstance(arrays, list | tuple) and len(arrays) > 0
    return listed and all(getattr(array, "ndim", 0) == 2 for array in arrays)
