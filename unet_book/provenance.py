"""Provenance: where a result was made, by which versions, and what it took."""

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path

import torch

from unet_book import __version__, _package
from unet_book.training.engine import cpu_vectors, has_bf16

try:
    import resource
except ImportError:  # Windows has none
    resource = None

__all__ = ["circumstances", "processor", "versions", "revision", "peak_memory"]


def circumstances(made_at: str | None, seconds: float, device: str | torch.device = "cpu") -> dict:
    """The part of a run's record that says where it was made, and what it took.

    Parameters
    ----------
    made_at : str or None
        The revision when the run began.
    seconds : float
        How long it took.
    device : str or torch.device
        Where it ran.

    Returns
    -------
    dict
        What JSON can hold.
    """
    device = torch.device(device)
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "versions": versions("numpy"),
        "revision": made_at,
        "seconds": round(seconds, 1),
        "peak_memory_mib": peak_memory(device),
    }


def processor() -> str:
    """The processor's name, as far as the system tells it, and its vector instructions in use.

    Returns
    -------
    str

    Examples
    --------
    >>> processor()  # doctest: +SKIP
    'Intel(R) Xeon(R) Platinum 8488C, AVX512, bf16'
    """
    words = [platform.processor() or platform.machine(), cpu_vectors()]
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        words[0] = named[0] if named else words[0]
    return ", ".join([*words, *["bf16"] * has_bf16("cpu")])


def versions(*packages: str) -> dict:
    """The versions of Python, of this package, of torch and of further packages.

    Parameters
    ----------
    *packages : str
        Names of installed packages.

    Returns
    -------
    dict of str to str
        By name.
    """
    found = {
        "python": platform.python_version(),
        "unet_book": __version__,
        "torch": torch.__version__,
    }
    return found | {name: importlib.metadata.version(name) for name in packages}


def revision() -> str | None:
    """The commit of the checkout that runs, marked where files differ.

    Returns
    -------
    str or None
        None if the package is installed.
    """
    root = _package.checkout()
    ask = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    if not (root / ".git").exists():
        return None
    try:
        return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def peak_memory(device: str | torch.device = "cpu") -> int | None:
    """The most memory that was in use: the GPU's, or the process's.

    Parameters
    ----------
    device : str or torch.device
        Whose memory.

    Returns
    -------
    int or None
        MiB; None on Windows.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 2**20
