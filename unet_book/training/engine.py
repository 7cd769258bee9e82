"""How a training is computed: what changes its speed and its rounding, and not its recipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import nn

from unet_book.training import distributed

__all__ = ["Engine", "usual_engine", "has_bf16", "cpu_vectors", "environment"]

WIDE = 16  # base channels above which channels_last lost on processors with AVX2 only
WORDS = {"precision": ("auto", "fp32", "bf16"), "layout": ("auto", "nchw", "channels_last")}


@dataclass(frozen=True)
class Engine:
    """How a training is computed. What it computes, the `Preset` says.

    The same weights come out of every setting only up to rounding; from one setting on one machine
    they come bit for bit (on a GPU with ``train(..., deterministic=True)``, if nothing warns).

    Parameters
    ----------
    precision : {"auto", "fp32", "bf16"}
        "bf16" runs the convolutions on bfloat16 copies of weights and maps (autocast); weights,
        their updates and the energy stay in float32. It works everywhere and is slow where the
        hardware has no bf16 arithmetic. "fp32" leaves convolutions to PyTorch's setting, which on a
        GPU of compute capability 8.0 or more rounds their inputs to TF32, 10 bits of mantissa
        (torch.backends.cudnn.allow_tf32). "auto" takes bf16 where it has: on a GPU of compute
        capability 8.0 or more (not on a T4), and on a CPU with AMX or AVX512-BF16.
    layout : {"auto", "nchw", "channels_last"}
        Where a pixel's channels lie in memory: side by side ("channels_last"), or a whole map apart
        ("nchw"). "auto" is channels_last, except on a CPU with AVX2 and no AVX-512, where networks
        of more than 16 base channels train 1.3 to 1.9 times as fast in "nchw".
    compile : bool
        Let `torch.compile` fuse the network's operations. The first step then takes a minute or
        more, and needs a C++ compiler on a CPU. The dropout draws other numbers.
    graph : bool
        Experimental, and never run on a GPU yet: record the whole step once as a CUDA graph and
        replay it, so that Python launches one thing a step instead of hundreds. GPU and one process
        only.
    ahead : bool
        On a GPU, prepare the tiles of the next step on a stream of their own while this one
        computes. The numbers are the same. A CPU has nothing idle to prepare them on.

    Raises
    ------
    ValueError
        For a word that is not listed here.
    """

    precision: str = "auto"
    layout: str = "auto"
    compile: bool = False
    graph: bool = False
    ahead: bool = True

    def __post_init__(self) -> None:
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                known = ", ".join(words)
                raise ValueError(f"{name} is one of {known}, not {getattr(self, name)!r}")

    def settled(self, device: str | torch.device, base_channels: int) -> "Engine":
        """The same with nothing left to "auto".

        Parameters
        ----------
        device : str or torch.device
            Where the training runs.
        base_channels : int
            The network's width.

        Returns
        -------
        Engine

        Raises
        ------
        ValueError
            For a graph on anything but a GPU, or with several processes.
        """
        device = torch.device(device)
        if self.graph and device.type != "cuda":
            raise ValueError(
                f"graph=True records what a GPU does, and this training runs on {device.type!r}: "
                "leave it out"
            )
        if self.graph and distributed.world_size() > 1:
            raise ValueError(
                f"graph=True is for one process, not {distributed.world_size()}: leave it out"
            )
        choice = {}
        if self.precision == "auto":
            choice["precision"] = "bf16" if has_bf16(device) else "fp32"
        if self.layout == "auto":
            narrow_vectors = device.type == "cpu" and cpu_vectors() == "AVX2"
            nchw = narrow_vectors and base_channels > WIDE
            choice["layout"] = "nchw" if nchw else "channels_last"
        return replace(self, ahead=self.ahead and device.type == "cuda", **choice)

    @property
    def memory_format(self) -> torch.memory_format:
        """PyTorch's name for a settled layout."""
        last = self.layout == "channels_last"
        return torch.channels_last if last else torch.contiguous_format

    def autocast(self, device: str | torch.device) -> torch.autocast:
        """Within it, convolutions run in a settled precision.

        Parameters
        ----------
        device : str or torch.device
            Where they run.

        Returns
        -------
        torch.autocast
            A context manager.
        """
        return torch.autocast(torch.device(device).type, torch.bfloat16, self.precision == "bf16")

    def compiled(self, model: nn.Module) -> nn.Module:
        """The network, or what `torch.compile` makes of it; both have the same weights.

        Parameters
        ----------
        model : torch.nn.Module
            The network.

        Returns
        -------
        torch.nn.Module
        """
        return torch.compile(model) if self.compile else model


def usual_engine(device: str | torch.device) -> Engine:
    """What a training takes that is not told: `Engine()`, but fp32 on a CPU.

    On a CPU the numbers of a training, on the pages and in the tests, should not depend on which
    processor it is by more than rounding.

    Parameters
    ----------
    device : str or torch.device
        Where the training runs.

    Returns
    -------
    Engine
    """
    return Engine(precision="fp32" if torch.device(device).type == "cpu" else "auto")


def has_bf16(device: str | torch.device) -> bool:
    """Whether a device multiplies bfloat16 matrices faster than float32 ones.

    Parameters
    ----------
    device : str or torch.device
        A GPU or the CPU.

    Returns
    -------
    bool
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    units = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    found = any(getattr(torch.cpu, unit, lambda: False)() for unit in units)
    return device.type == "cpu" and cpu_vectors() == "AVX512" and found


def cpu_vectors() -> str:
    """The vector instructions that PyTorch uses on this CPU: "AVX2", "AVX512", "DEFAULT", ...

    Returns
    -------
    str
    """
    return torch.backends.cpu.get_cpu_capability()


@contextmanager
def environment(device: torch.device, deterministic: bool) -> Iterator[None]:
    """Within it a training has its GPU, its processes, its kernels and its random state.

    Afterwards all are as they were before; PyTorch's global generators may be set meanwhile.

    Parameters
    ----------
    device : torch.device
        Where the training runs.
    deterministic : bool
        Whether the same bits are wanted every time, at some cost.
    """
    with (
        torch.random.fork_rng(range(torch.cuda.device_count())),  # setting one seed sets them all
        _kernels(deterministic),
        distributed.current_device(device),
        distributed.process_group(device),
    ):
        yield


@contextmanager
def _kernels(deterministic: bool) -> Iterator[None]:
    """Within it, GPU kernels that give the same bits every time, or the quickest; then as before.

    Kernels whose sums have no fixed order are replaced where there is another, and warn where there
    is none; a caller for whom such kernels are errors keeps the errors. cuBLAS wants
    ``CUBLAS_WORKSPACE_CONFIG=:4096:8`` in the environment when the program starts, and says so if
    it is missing.
    """
    enabled = torch.are_deterministic_algorithms_enabled()
    searched = torch.backends.cudnn.benchmark
    if deterministic and not enabled:
        torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = not (deterministic or enabled)  # tiles are all of one size
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = searched
        if deterministic and not enabled:
            torch.use_deterministic_algorithms(False)
