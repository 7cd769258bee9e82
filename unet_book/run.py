"""A run: the folder of one training, and by what it was made, so that it can be made again."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import torch

from unet_book import __version__, _package
from unet_book._files import write_atomically
from unet_book.training.engine import cpu_vectors, has_bf16

try:
    import fcntl
    import resource
except ImportError:  # Windows has none
    fcntl = resource = None

__all__ = [
    "Folder",
    "circumstances",
    "find_model",
    "peak_memory",
    "processor",
    "revision",
    "versions",
]


def circumstances(made_at: str | None, seconds: float, device="cpu") -> dict:
    """The part of a run's record that says where it was made, and what it took.

    `made_at` is the revision when the run began, `seconds` how long it took, `device` where.
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
    """The versions of Python, this package, torch and further installed `packages`, by name."""
    found = {
        "python": platform.python_version(),
        "unet_book": __version__,
        "torch": torch.__version__,
    }
    return found | {name: importlib.metadata.version(name) for name in packages}


def revision() -> str | None:
    """The commit of the checkout that runs, marked where files differ; None if installed."""
    root = _package.checkout()
    ask = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    if not (root / ".git").exists():
        return None
    try:
        return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def peak_memory(device="cpu") -> int | None:
    """The most memory that was in use, MiB: the GPU's, or the process's; None on Windows."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 2**20


MODEL, CHECKPOINT, RECORD = "model.safetensors", "checkpoint.safetensors", "run.json"


class Folder:
    """The folder of one training: its checkpoint, the trained network, the record of the run.

    ``with Folder(path).locked():`` keeps every other training out of it. What stands there is
    replaced only by what the same training makes of it (`training.identity`).
    """

    def __init__(self, path):
        self.path = Path(path)
        self.model = self.path / MODEL
        self.checkpoint = self.path / CHECKPOINT
        self.record = self.path / RECORD

    @contextmanager
    def locked(self):
        """Within it this process alone trains here.

        Raises BlockingIOError, with the process and since when, if another one does;
        PermissionError if nothing can be written there; FileExistsError if a trained network lies
        there whose checkpoint is gone, since it can't be told whose it is.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if not os.access(self.path, os.W_OK):
            raise PermissionError(f"can't write into {self.path}")
        with open(self.path / ".lock", "a+") as file:
            if not _lock(file):
                file.seek(0)
                raise BlockingIOError(
                    f"{self.path}: another training is at work there: {file.read().strip()}"
                )
            file.truncate(0)
            file.write(f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            file.flush()
            if self.model.exists() and not self.checkpoint.exists():
                raise FileExistsError(
                    f"{self.model} is a trained network whose checkpoint is gone: train into "
                    "another folder, or move it away"
                )
            try:
                yield self
            finally:
                file.truncate(0)

    def write_record(self, record: dict, finished_before: bool) -> None:
        """Keep the record of a run; that of a training that had ended before it stands."""
        if not (finished_before and self.record.exists()):
            write_atomically(self.record, json.dumps(record, indent=1).encode())


def find_model(path) -> Path:
    """The trained network that `path` is, or that the folder of a run holds.

    Raises FileNotFoundError if there is none.
    """
    file = Folder(path).model if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no trained network {file}; train writes one at its end")
    return file


def _lock(file) -> bool:
    """Whether nobody else holds the lock of the open `file`, which ends with this process."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
