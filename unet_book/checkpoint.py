"""Saving a training so that it can go on as if nothing had happened.

A checkpoint is one safetensors file: the weights, the optimizer's moments, and in the header, as
JSON, the network's shape and the training's state. It is written beside its place and then moved
there, so that at every moment the place holds a whole checkpoint: the old one or the new one.
Nothing in it is executed when it is read.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor
from torch.optim import Optimizer

from unet_book import _header
from unet_book._files import left_over, write_atomically
from unet_book._header import KEY
from unet_book.unet import UNet

__all__ = ["save", "restore", "peek", "load_model", "size", "check_room", "class_name"]

HEADER = 2**18  # bytes that are enough for the names of the tensors and a small state
NUMBER = 32  # bytes that are enough for a number in the state, and for what stands around it
MEBIBYTE = 2**20
STALE = 600  # seconds after which a file half written is nobody's any more
MODEL, AVERAGE = "model.", "average."  # what the names of a network's tensors begin with
NETWORK = ("in_channels", "num_classes", "base_channels", "depth", "variant")


def save(
    path: str | Path,
    model: UNet,
    optimizer: Optimizer | None = None,
    state: dict | None = None,
    average: UNet | None = None,
) -> Path:
    """Write the model, and what a training needs to go on, to a file, all or nothing.

    Parameters
    ----------
    path : str or Path
        The file.
    model : UNet
        The network.
    optimizer : Optimizer, optional
        Its moments are saved, too; by default the file holds a trained network only.
    state : dict, optional
        Whatever JSON can hold.
    average : UNet, optional
        The mean of the weights along a training, a network of the same shape.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OSError
        If the file can't be written; what was there before is then untouched.
    """
    networks = {MODEL: model} | ({AVERAGE: average} if average is not None else {})
    tensors = {
        prefix + name: value
        for prefix, network in networks.items()
        for name, value in network.state_dict().items()
    }
    for index, values in _moments(optimizer).items():
        for name, value in values.items():
            tensors[f"optimizer.{index}.{name}"] = value
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    header = {
        "network": _network(model) | {"dropout": model.dropout.p},
        "class": class_name(type(model)),
        "checksum": _checksum(tensors),
        "state": state or {},
    }
    # All under one key: safetensors writes several in any order, and equal files should be equal.
    write_atomically(path, to_bytes(tensors, metadata={KEY: json.dumps(header)}))
    return Path(path)


def restore(
    path: str | Path,
    model: UNet,
    optimizer: Optimizer | None = None,
    average: UNet | None = None,
) -> dict:
    """Put the weights, and the optimizer's moments, of a file into place.

    Parameters
    ----------
    path : str or Path
        The file.
    model : UNet
        Gets the latest weights.
    optimizer : Optimizer, optional
        Gets its moments.
    average : UNet, optional
        Gets the mean of the weights along the training.

    Returns
    -------
    dict
        The state that was saved.

    Raises
    ------
    ValueError
        If the file is damaged, is no checkpoint, holds another network, or no mean where there
        should be one.
    FileNotFoundError
        If there is none.
    """
    networks = {MODEL: model} | ({AVERAGE: average} if average is not None else {})
    tensors, header = _read(path, model, [*networks])
    for prefix, network in networks.items():
        _put_weights(network, tensors, prefix)
    if optimizer is not None:
        _put_moments(optimizer, tensors)
    return header["state"]


def peek(path: str | Path) -> dict:
    """The state of a file alone; reads no tensor.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict
        The state that was saved.

    Raises
    ------
    ValueError, FileNotFoundError
        As `restore` does.
    """
    return _header.read(path)["state"]


def load_model(
    path: str | Path, device: str | torch.device = "cpu", build: Callable[..., UNet] = UNet
) -> UNet:
    """The network that a file holds; of a training with averaging, the mean of the weights.

    Parameters
    ----------
    path : str or Path
        The file.
    device : str or torch.device
        Where the network goes.
    build : callable
        Makes the network: a subclass of `UNet`, if the file holds one.

    Returns
    -------
    UNet
        In evaluation mode.

    Raises
    ------
    ValueError, FileNotFoundError
        As `restore` does; if the file can't hold the network that it names, before any weight is
        read.
    """
    with _header.opened(path, "pt") as (file, header):
        prefix = AVERAGE if any(name.startswith(AVERAGE) for name in file.keys()) else MODEL
        theirs = header["network"]
    try:
        with torch.device("meta"):  # shapes and no numbers
            model = build(**theirs)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:  # of sizes past counting
        raise ValueError(f"{path} holds no network that can be built: {error}") from error
    tensors, _ = _read(path, model, [prefix])
    _put_weights(model, tensors, prefix, assign=True)
    return model.to(device).eval()


def size(model: UNet, copies: int = 0, numbers: int = 0) -> int:
    """Bytes of a checkpoint, or some more.

    Parameters
    ----------
    model : UNet
        The network.
    copies : int
        How many more numbers it has for each weight: the optimizer's moments, and the mean.
    numbers : int
        How many the state holds: of a training its history and losses.

    Returns
    -------
    int
        Bytes.
    """
    weights = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    return (1 + copies) * weights + HEADER + NUMBER * numbers


def check_room(path: str | Path, needed: int) -> None:
    """Write some bytes into the folder of a file and remove them: what works now works later.

    What processes that were killed in a write of the file have left there is removed before.

    Parameters
    ----------
    path : str or Path
        The file that is to be written.
    needed : int
        Its bytes.

    Raises
    ------
    OSError
        If it fails; it names the bytes that are needed and those that are free.
    """
    target = Path(path).resolve()
    folder = target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in left_over(target):
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink()
        with tempfile.TemporaryFile(dir=folder, prefix=f".{target.name}.") as file:
            _fill(file, needed)
    except OSError as error:
        there = next(place for place in (folder, *folder.parents) if place.is_dir())
        raise OSError(
            error.errno,
            f"can't save the training as {path}: {error.strerror}; that needs {needed:,} bytes, "
            f"and {shutil.disk_usage(there).free:,} are free there",
        ) from error


def _fill(file: BinaryIO, count: int) -> None:
    """Give an empty file `count` bytes that really lie on the disk."""
    if hasattr(os, "posix_fallocate"):
        try:
            return os.posix_fallocate(file.fileno(), 0, count)
        except OSError as error:  # a file system that can't reserve has to be written to
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
    for start in range(0, count, MEBIBYTE):
        file.write(bytes(min(MEBIBYTE, count - start)))
    file.flush()
    os.fsync(file.fileno())


def _network(model: UNet) -> dict[str, int | str]:
    """What a network must share with another to have its weights."""
    return {name: getattr(model, name) for name in NETWORK}


def _read(path: str | Path, model: UNet, networks: Iterable[str]) -> tuple[dict[str, Tensor], dict]:
    """All tensors of a checkpoint, and its header; ValueError unless it holds `model`'s like.

    `networks` are the prefixes of what must be there. Names and shapes are compared before a tensor
    is read, and then the checksum, and that every weight is a number.
    """
    with _header.opened(path, "pt") as (file, header):
        theirs, mine = header["network"], _network(model)
        if {name: theirs.get(name) for name in NETWORK} != mine:
            raise ValueError(f"{path} holds another network: {theirs}, not {mine}")
        kind = header.get("class", class_name(type(model)))
        if kind != class_name(type(model)):
            raise ValueError(
                f"{path} holds a network of the class {kind}, not {class_name(type(model))}: give "
                "that class as build"
            )
        names = list(file.keys())
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
        for prefix in networks:
            _compare(path, shapes, model, prefix)
        tensors = {name: file.get_tensor(name) for name in names}
    if header.get("checksum", _checksum(tensors)) != _checksum(tensors):
        raise ValueError(f"{path} is damaged: its numbers are not those that were saved")
    for name, value in tensors.items():
        if name.startswith((MODEL, AVERAGE)) and not bool(torch.isfinite(value).all()):
            raise ValueError(f"{path}: {name} holds NaN or infinite weights")
    return tensors, header


def _compare(path: str | Path, shapes: dict[str, tuple], model: UNet, prefix: str) -> None:
    """ValueError, with the first that differs, unless the file has the network's tensors."""
    if prefix == AVERAGE and not any(name.startswith(AVERAGE) for name in shapes):
        raise ValueError(f"{path} holds no mean of the weights")
    expected = {prefix + name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    found = {name: shape for name, shape in shapes.items() if name.startswith(prefix)}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise ValueError(
                f"{path} is damaged: {name} has the shape {found.get(name, 'of nothing')}, and its "
                f"network {expected.get(name, 'no such weight')}"
            )


def class_name(kind: Any) -> str:
    """The full name of a class or a function, under which a checkpoint knows it.

    Parameters
    ----------
    kind : any
        A class, a function, or an object, for which its class stands.

    Returns
    -------
    str
        Module and name.
    """
    named = kind if hasattr(kind, "__qualname__") else type(kind)
    return f"{named.__module__}.{named.__qualname__}"


def _checksum(tensors: dict[str, Tensor]) -> str:
    """One number for all bits of all tensors."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def _put_weights(
    model: UNet, tensors: dict[str, Tensor], prefix: str = MODEL, assign: bool = False
) -> None:
    """Load the tensors whose names begin with `prefix` into the network."""
    weights = {name: value for name, value in tensors.items() if name.startswith(prefix)}
    named = {name.removeprefix(prefix): value for name, value in weights.items()}
    model.load_state_dict(named, assign=assign)


def _moments(optimizer: Optimizer | None) -> dict[int, dict[str, Tensor]]:
    """The optimizer's tensors for each parameter, numbered as PyTorch numbers them."""
    if optimizer is None:
        return {}
    state = optimizer.state_dict()["state"]
    return {
        index: {name: torch.as_tensor(value) for name, value in values.items() if value is not None}
        for index, values in state.items()
    }


def _put_moments(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Load the tensors of the optimizer, in place of its own."""
    optimizer.state.clear()
    groups = {p: group for group in optimizer.param_groups for p in group["params"]}
    parameters = [*groups]
    for key, value in tensors.items():
        kind, index, *name = key.split(".")
        if kind == "optimizer":
            parameter = parameters[int(index)]
            group = groups[parameter]
            if value.shape == parameter.shape:  # in the parameter's memory layout, on its device
                value = torch.empty_like(parameter).copy_(value)
            elif group.get("fused") or group.get("capturable"):  # then steps are counted there
                value = value.to(parameter.device)
            optimizer.state[parameter][".".join(name)] = value
