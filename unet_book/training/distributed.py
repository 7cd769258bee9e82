"""One training on several processes: each takes its share of the tiles, all make the same step.

``torchrun --nproc-per-node 2 -m unet_book.cli train ...`` starts the processes and tells each, in
environment variables, its rank and the world size. Without them every function here is that of a
single process.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

__all__ = [
    "rank",
    "world_size",
    "is_main_process",
    "choose_device",
    "current_device",
    "process_group",
    "data_parallel",
    "all_reduce_sum",
    "all_reduce_mean",
    "broadcast",
]

TIMEOUT = timedelta(hours=2)  # NCCL's own ten minutes are short for many held-out images


def rank() -> int:
    """The number of this process, from 0; process 0 measures, saves and prints.

    Returns
    -------
    int
    """
    return dist.get_rank() if _initialized() else 0


def world_size() -> int:
    """How many processes train together.

    Returns
    -------
    int
    """
    return dist.get_world_size() if _initialized() else 1


def is_main_process() -> bool:
    """Whether this is process 0, or the only one; known before there is a process group, too.

    Returns
    -------
    bool
    """
    return int(os.environ.get("RANK", "0")) == 0


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """The device of that name; without one the GPU if there is one, else the CPU.

    Of several processes with several GPUs each gets its own.

    Parameters
    ----------
    device : str, torch.device or None
        Such as "cpu", "cuda" or "cuda:1".

    Returns
    -------
    torch.device
        A device on which a tensor could be made.

    Raises
    ------
    ValueError
        If there is no such device here.
    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        if chosen.type == "cuda" and chosen.index is None and "LOCAL_RANK" in os.environ:
            chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.ones(1, device=chosen).cpu()  # "meta" has no numbers to give back
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0].split(". ")[0]  # PyTorch lists all that it knows
        raise ValueError(f"no device {str(device)!r} here: {why}") from error
    return chosen


def current_device(device: torch.device) -> AbstractContextManager:
    """Within it new streams, graphs and NCCL take the device; afterwards what they took before.

    Parameters
    ----------
    device : torch.device
        Of a CPU nothing changes.

    Returns
    -------
    AbstractContextManager
    """
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Within it the processes that torchrun started know each other; a group that is there stays.

    GPUs talk by NCCL, CPUs by gloo. The others wait for `TIMEOUT` while process 0 measures.

    Parameters
    ----------
    device : torch.device
        Where this process computes.
    """
    if _initialized() or int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=TIMEOUT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def data_parallel(network: nn.Module) -> nn.Module:
    """The network, or if there are several processes one whose gradients are the mean of theirs.

    Parameters
    ----------
    network : torch.nn.Module
        On the device of this process.

    Returns
    -------
    torch.nn.Module
    """
    return nn.parallel.DistributedDataParallel(network) if world_size() > 1 else network


def all_reduce_sum(value: Tensor) -> Tensor:
    """The sum of a tensor over all processes.

    Parameters
    ----------
    value : Tensor
        Of one shape on all processes; with several it is changed in place.

    Returns
    -------
    Tensor
        `value` itself.
    """
    if world_size() > 1:
        dist.all_reduce(value)
    return value


def all_reduce_mean(value: Tensor) -> Tensor:
    """The mean of a tensor over all processes.

    Parameters
    ----------
    value : Tensor
        As for `all_reduce_sum`.

    Returns
    -------
    Tensor
    """
    return all_reduce_sum(value) / world_size() if world_size() > 1 else value


def broadcast(value: Any) -> Any:
    """What process 0 has; all come to wait here for it.

    Parameters
    ----------
    value : any
        What can be pickled between the processes; that of the others is ignored.

    Returns
    -------
    any
        The value of process 0.
    """
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box)
    return box[0]


def _initialized() -> bool:
    """Whether there is a process group."""
    return dist.is_available() and dist.is_initialized()
