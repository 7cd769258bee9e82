"""What was measured once and is read on the page: records of runs and of benchmarks.

A record is a JSON file that says what was measured and how it was made: the command, the revision,
the versions, the machine, the time. A number without them can't be measured again.
"""

import importlib.metadata
import json
import platform
import subprocess
import sys
from pathlib import Path

import torch

from unet_book import __version__
from unet_book.checkpoint import write_atomically
from unet_book.training.engine import cpu_vectors, has_bf16

try:
    import resource
except ImportError:  # Windows has none
    resource = None

__all__ = ["benchmark", "circumstances", "clean_revision", "peak_memory", "processor", "revision",
           "run", "versions", "write_benchmark", "write_run"]  # fmt: skip

RUNS, BENCHMARKS = "data/runs", "benchmarks/results"


def run(name: str) -> dict:
    """The record data/runs/NAME.json of an experiment, as data/runs/README.md describes it.

    Raises FileNotFoundError, with the names there are, for another.

    >>> run("skips")["seeds"]
    [1, 2, 3, 4, 5, 6]
    """
    return _read(RUNS, name)


def benchmark(name: str) -> dict:
    """The record benchmarks/results/NAME.json, as benchmarks/README.md describes it.

    Raises FileNotFoundError, with the names there are, for another.

    >>> "machine" in benchmark("network")
    True
    """
    return _read(BENCHMARKS, name)


def write_run(name: str, record: dict, indent: int | None = 1) -> Path:
    """Write data/runs/NAME.json in the checkout, whole or not at all; its path."""
    return _write(RUNS, name, record, indent)


def write_benchmark(name: str, record: dict, indent: int | None = 1) -> Path:
    """Write benchmarks/results/NAME.json in the checkout, whole or not at all; its path."""
    return _write(BENCHMARKS, name, record, indent)


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
    found = {"python": platform.python_version(), "unet_book": __version__,
             "torch": torch.__version__}  # fmt: skip
    return found | {name: importlib.metadata.version(name) for name in packages}


def clean_revision() -> str:
    """The commit of the checkout, which holds no change: what it made can be made again from it.

    Ends the program (SystemExit) where files differ from the commit, or where there is none.
    """
    made_at = revision()
    if made_at is None or made_at.endswith("-dirty"):
        sys.exit("commit first: the record names the revision that made it")
    return made_at


def revision() -> str | None:
    """The commit of the checkout that runs, marked where files differ; None if installed."""
    here = Path(__file__).parent
    ask = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    if not (here.parent / ".git").exists():
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


def _read(folder, name):
    room = Path(__file__).resolve().parent
    places = [place / folder for place in (room, room.parent)]  # an installed package, a checkout
    place = next(filter(Path.is_dir, places), places[-1])
    files = {path.stem: path for path in place.glob("*.json")}
    if name not in files:
        known = ", ".join(sorted(files)) or "none"
        raise FileNotFoundError(f"no record {name!r} in {folder}; there are: {known}")
    return json.loads(files[name].read_text(encoding="utf-8"))


def _write(folder, name, record, indent):
    path = Path(__file__).resolve().parent.parent / folder / f"{name}.json"
    separators = (",", ":") if indent is None else None
    text = json.dumps(record, indent=indent, separators=separators)
    write_atomically(path, text.encode() + b"\n")
    return path
