"""One training on several processes: each takes its share of the tiles, all make the same step.

``torchrun --nproc-per-node 2 -m unet_book.cli train ...`` starts the processes and tells each, in
environment variables, its rank and how many there are. Without them every function here is that of
a single process.
"""

import os
from contextlib import contextmanager, nullcontext
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

PATIENCE = timedelta(hours=2)  # NCCL's own ten minutes are short for many held-out images


def rank() -> int:
    """The number of this process, from 0; process 0 measures, saves and prints."""
    return distributed.get_rank() if _grouped() else 0


def is_first() -> bool:
    """Whether this is process 0, or the only one; known before and after they are together."""
    return int(os.environ.get("RANK", "0")) == 0


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if _grouped() else 1


def place(device=None) -> torch.device:
    """Where this process trains: on `device`; the GPU if there is one, of several its own."""
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type == "cuda" and device.index is None and "LOCAL_RANK" in os.environ:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


def current(device: torch.device):
    """Within it new streams, graphs and NCCL take the GPU `device`; afterwards what they took."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


@contextmanager
def together(device: torch.device):
    """Within it, the processes that torchrun started know each other; a group that is there stays.

    GPUs talk by NCCL, CPUs by gloo. The others wait for `PATIENCE` while process 0 measures.
    """
    if _grouped() or int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield
        return
    kind = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(kind, timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def shared(network: nn.Module) -> nn.Module:
    """`network`, or if there are several processes one whose gradients are the mean of theirs."""
    return nn.parallel.DistributedDataParallel(network) if count() > 1 else network


def total(value: Tensor) -> Tensor:
    """The sum over all processes."""
    if count() > 1:
        distributed.all_reduce(value)
    return value


def mean(value: Tensor) -> Tensor:
    """The mean over all processes."""
    return total(value) / count() if count() > 1 else value


def told(value):
    """What process 0 has; all come to wait here for it."""
    if count() == 1:
        return value
    box = [value]
    distributed.broadcast_object_list(box)
    return box[0]


def _grouped() -> bool:
    return distributed.is_available() and distributed.is_initialized()
