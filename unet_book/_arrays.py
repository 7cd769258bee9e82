"""Numpy in, numpy out; torch in, torch out, on the same device."""

import numpy as np
import torch


def to_numpy(array) -> np.ndarray:
    """`array` (numpy or torch, any device) as a numpy array."""
    return array.detach().cpu().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)


def to_torch(array) -> torch.Tensor:
    """`array` (numpy or torch) as a tensor; a tensor stays on its device."""
    return array if isinstance(array, torch.Tensor) else torch.as_tensor(np.ascontiguousarray(array))


def like(result, example):
    """`result` in the library, and on the device, of `example`."""
    if isinstance(example, torch.Tensor):
        return to_torch(result).to(example.device)
    return to_numpy(result)
