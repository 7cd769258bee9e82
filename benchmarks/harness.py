"""What the scripts share: rounds, memory, the record and its tables, the options, their mains.

A timing script gives a list of `Row`s, one method on one case each. `interleave` runs them round by
round, so that a processor that slows down slows all of them; `timed` makes the record's rows of the
times. `benchmark` is the main of such a script, `experiment` that of one whose record lies in
data/runs. What a record holds is told in benchmarks/README.md and data/runs/README.md.
"""

import argparse
import ctypes
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from unet_book import datasets
from unet_book.pages import records
from unet_book.provenance import circumstances, revision, versions

OURS = "this package"
INSTRUCTIONS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")
HERE = Path(__file__).parent
TRIAL_ROUNDS = 2


@dataclass(frozen=True)
class Row:
    """One method on one case.

    Parameters
    ----------
    case, method : str
        Their names in the record.
    run : callable
        Without arguments; does it once.
    times : float
        How often what `run` does would have to be done: over 1 for a row too long to be run whole,
        of which a part is timed and the rest is arithmetic.
    rounds : int
        No more rounds of it than these.
    """

    case: str
    method: str
    run: Callable[[], object]
    times: float = 1
    rounds: int = 1_000_000


# ---- what is timed


def seconds(run: Callable[[], object]) -> float:
    """How long `run` takes, without Python's collector at work, and without freeing the result."""
    collects = gc.isenabled()
    gc.disable()
    try:
        began = time.perf_counter()
        result = run()
        took = time.perf_counter() - began
    finally:
        if collects:
            gc.enable()
    del result
    return took


def interleave(rows: list[Row], rounds: int) -> list[list[float]]:
    """Seconds of every row in every round; each round runs all rows in the same order.

    One round that isn't recorded comes first: it compiles, and asks the system for memory.
    """
    times = [[] for _ in rows]
    for turn in range(rounds + 1):
        for row, mine in zip(rows, times):
            if turn <= row.rounds:
                took = row.times * seconds(row.run)
                if turn:
                    mine.append(took)
        print(f"round {turn} of {rounds}", file=sys.stderr, flush=True)
    return times


def spread(times: list[float]) -> dict:
    """Median, quickest and slowest second, to four digits."""
    found = {"median_s": statistics.median(times), "min_s": min(times), "max_s": max(times)}
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def timed(rows: list[Row], rounds: int) -> list[dict]:
    """The record's rows: each with its case, method, seconds and its median over ours."""
    lines = []
    for row, times in zip(rows, interleave(rows, rounds)):
        line = {"case": row.case, "method": row.method, **spread(times)}
        lines.append(line | ({"extrapolated": True} if row.times != 1 else {}))
    ours = {line["case"]: line["median_s"] for line in lines if line["method"] == OURS}
    for line in lines:
        if line["case"] in ours:
            line["ratio_to_ours"] = float(f"{line['median_s'] / ours[line['case']]:.3g}")
    return lines


# ---- memory


def peak_mib(
    script: str, call: str, warm_up: str, threads: int = 1, environment: dict | None = None
) -> float | None:
    """By how many MiB the expression `call` raises a fresh process's memory at its highest.

    Parameters
    ----------
    script : str
        Of benchmarks/SCRIPT.py, whose names the expressions may use.
    call, warm_up : str
        Expressions that give functions without arguments. What `warm_up` gives is run first: it
        loads and compiles what `call` needs.
    threads : int
        PyTorch's threads in the process.
    environment : dict or None
        Variables that the process gets besides this one's.

    Returns
    -------
    float or None
        None where the system does not tell (elsewhere than on Linux).

    Raises
    ------
    RuntimeError
        With the end of what it wrote, where the process fails.
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    program = (
        f"import torch; torch.set_num_threads({threads}); import harness; "
        f"from {script} import *; ({warm_up})(); print(harness.growth({call}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=HERE,
        capture_output=True,
        text=True,
        env=os.environ | (environment or {}),
    )
    if done.returncode:
        raise RuntimeError(f"{script}: {call} failed: {done.stderr[-2000:]}")
    return float(done.stdout.splitlines()[-1])


def growth(run: Callable[[], object]) -> float:
    """By how many MiB `run`, its result included, raises this process's memory at its highest.

    The kernel's own high-water mark, set back to the present before. (getrusage has one, too, but
    a process inherits it from the one that started it.)
    """
    gc.collect()
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)  # else what was freed before is taken again, and no growth
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    result = run()
    grown = status("VmHWM") - before
    del result
    return round(grown, 2)


def status(field: str) -> float:
    """A size in MiB from /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def available_gib() -> float:
    """The memory that a process could still have, GiB; 0 where the system does not tell."""
    meminfo = Path("/proc/meminfo")
    lines = meminfo.read_text().splitlines() if meminfo.exists() else []
    found = [int(line.split()[1]) / 2**20 for line in lines if line.startswith("MemAvailable")]
    return found[0] if found else 0.0


# ---- the record


def target(
    what: str, measured: float | None, least: float | None = None, most: float | None = None
) -> dict:
    """One line of the record's targets: reached is None where nothing could be measured."""
    bound = f"at least {least:g}" if least is not None else f"at most {most:g}"
    reached = None
    if measured is not None:
        measured = float(f"{measured:.3g}")
        reached = measured >= least if least is not None else measured <= most
    return {"what": what, "target": bound, "measured": measured, "reached": reached}


def find(rows: list[dict], case: str, method: str, value: str = "median_s") -> float | None:
    """A value of the row of that case and method; None if there is none."""
    for row in rows:
        if (row["case"], row["method"]) == (case, method):
            return row.get(value)
    return None


def ratio(above: float | None, below: float | None) -> float | None:
    """above / below; None if either is missing."""
    return None if above is None or not below else above / below


def machine() -> dict:
    """The processor, its instruction sets that matter here, and the threads; no names of hosts."""
    fields = {}
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        lines = cpuinfo.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
        fields = {key.strip(): value.strip() for key, _, value in (s.partition(":") for s in lines)}
    flags = fields.get("flags", fields.get("Features", "")).split()
    return {
        "processor": fields.get("model name") or platform.machine(),
        "instruction_sets": [name for name in INSTRUCTIONS if name in flags],
        "torch_uses": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


def installed(*packages: str) -> list[str]:
    """Those of `packages` that are installed; says so on stderr where one is missing."""
    missing = [name for name in packages if not is_installed(name)]
    if missing:
        print(f"not installed, left out: {', '.join(missing)} (make bench)", file=sys.stderr)
    return [name for name in packages if name not in missing]


def is_installed(package: str) -> bool:
    """Whether a package is there."""
    try:
        versions(package)
    except ModuleNotFoundError:  # importlib.metadata's PackageNotFoundError
        return False
    return True


# ---- options, and what a script's main does


def parser(doc: str, rounds: int, threads: int | None = None) -> argparse.ArgumentParser:
    """The options that all timing scripts have.

    Parameters
    ----------
    doc : str
        The script's docstring, whose first line tells what it does.
    rounds : int
        Rounds without --rounds; in a trial TRIAL_ROUNDS.
    threads : int or None
        Threads without --threads; None is as many as PyTorch takes.
    """
    options = argparse.ArgumentParser(description=doc.splitlines()[0])
    options.add_argument("--rounds", type=at_least_one, help=f"default: {rounds}")
    options.set_defaults(usual_rounds=rounds)
    told = "as many as PyTorch takes" if threads is None else "%(default)s"
    options.add_argument("--threads", type=at_least_one, default=threads, help=f"default: {told}")
    options.add_argument(
        "--only",
        nargs="+",
        metavar="WORD",
        help="what has one of these words in its name; no record",
    )
    options.add_argument(
        "--trial", action="store_true", help="few rounds, print the tables, write no record"
    )
    return options


def at_least_one(word: str) -> int:
    """The number of an option, which must be 1 or more."""
    value = int(word)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {value}")
    return value


def chosen(names: list[str], words: list[str] | None) -> list[str]:
    """The names that hold one of the words, or all without words; ends the program if none does."""
    wanted = [n for n in names if not words or any(word.lower() in n.lower() for word in words)]
    if not wanted:
        sys.exit(f"none of {', '.join(names)} has {' or '.join(words)} in its name")
    return wanted


def begin(
    name: str, options: argparse.Namespace, arguments: list[str] | None, packages: list[str]
) -> dict:
    """The record's head, and the process set up: threads, seed; refuses a changed checkout."""
    options.rounds = options.rounds or (TRIAL_ROUNDS if options.trial else options.usual_rounds)
    made_at = records.clean_revision() if is_recorded(options) else revision()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    return {
        "command": command(name, arguments),
        "revision": made_at,
        "versions": versions("numpy", *packages),
        "machine": machine(),
        "rounds": options.rounds,
    }


def is_recorded(options: argparse.Namespace) -> bool:
    """Whether the run is whole and meant to be kept."""
    return not (options.trial or options.only)


def command(name: str, arguments: list[str] | None) -> str:
    """What was typed; `arguments` None is what this process was started with."""
    typed = sys.argv[1:] if arguments is None else arguments
    return " ".join([f"python benchmarks/{name}.py", *typed])


def finish(name: str, record: dict, tables: str, recorded: bool) -> None:
    """Print the record's tables; write it as benchmarks/results/NAME.json where it is recorded."""
    print(tables)
    if recorded:
        records.write_benchmark(name, record)


def benchmark(
    name: str,
    doc: str,
    cases: list[str],
    measure: Callable[[list[str], list[str], argparse.Namespace], dict],
    arguments: list[str] | None = None,
    *,
    rounds: int,
    threads: int | None = None,
    packages: tuple[str, ...] = (),
    peers: Iterable[str] = (),
) -> None:
    """The main of a timing script: options, measuring, tables, and a record unless it is a trial.

    Parameters
    ----------
    name : str
        Of the script and of its record, benchmarks/results/NAME.json.
    doc : str
        The script's docstring.
    cases : list of str
        Names of what can be measured; --only chooses among them.
    measure : callable
        Of the names that are chosen, the peers that are installed and the options; gives the
        record's figures.
    arguments : list of str or None
        The command line; None for the process's own.
    rounds, threads : int
        As for `parser`.
    packages, peers : iterable of str
        Packages whose versions the record names; the peers are those that may be missing.
    """
    options = parser(doc, rounds, threads).parse_args(arguments)
    there = installed(*dict.fromkeys(peers))
    head = begin(name, options, arguments, [*packages, *there])
    if "opencv-python-headless" in there:
        import cv2

        cv2.setNumThreads(torch.get_num_threads())
    names = chosen(cases, options.only)
    began = time.perf_counter()
    figures = measure(names, there, options)
    took = {"seconds": round(time.perf_counter() - began, 1)}
    record = head | took | figures
    finish(name, record, table(record), is_recorded(options))


def of_methods(
    measure: Callable[..., dict], methods: Iterable[str], needs: dict[str, str]
) -> Callable[[list[str], list[str], argparse.Namespace], dict]:
    """For `benchmark`: measure(names, methods, rounds) of the methods whose package is there."""

    def figures(names: list[str], there: list[str], options: argparse.Namespace) -> dict:
        usable = [method for method in methods if needs.get(method) in (None, *there)]
        return measure(names, usable, options.rounds)

    return figures


def trial_parser(doc: str, trial: str) -> argparse.ArgumentParser:
    """The options of a script that trains and records: --trial, which `trial` tells of."""
    options = argparse.ArgumentParser(description=doc.splitlines()[0])
    options.add_argument("--trial", action="store_true", help=f"{trial}, no record")
    return options


def isbi_slices() -> tuple[datasets.Stack, datasets.Stack]:
    """ISBI's slices to learn from, and the middle 256 x 256 pixels of the six that are held out."""
    data, rest = (datasets.load("isbi2012", split) for split in ("train", "test"))
    middle = (slice(None), slice(128, 384), slice(128, 384))
    return data, datasets.Stack("isbi2012", rest.images[middle], rest.labels[middle])


def experiment(
    name: str,
    measure: Callable[[], dict],
    arguments: list[str] | None = None,
    *,
    script: str | None = None,
    environment: str = "",
    trial: bool = False,
    device: torch.device | str = "cpu",
    indent: int | None = 1,
) -> None:
    """Measure, and write data/runs/NAME.json, which names the command and the circumstances.

    Without `trial` it runs only from a checkout without changes; a trial's record is printed.

    Parameters
    ----------
    name : str
        Of the record.
    measure : callable
        Gives what is special to the record.
    arguments : list of str or None
        The command line; None for the process's own.
    script : str or None
        Of benchmarks/SCRIPT.py; None for `name`.
    environment : str
        What stands before the command, as "UNET_BOOK_DATA=... ".
    trial : bool
        Whether the record is printed and not written.
    device : torch.device or str
        Where it runs.
    indent : int or None
        Of the JSON file.
    """
    made_at = revision() if trial else records.clean_revision()
    began = time.perf_counter()
    figures = measure()
    where = circumstances(made_at, time.perf_counter() - began, device)
    record = {"command": environment + command(script or name, arguments), **where, **figures}
    if trial:
        print(json.dumps(record, indent=1))
    else:
        print(records.write_run(name, record, indent))


def table(record: dict) -> str:
    """The rows and the targets for reading."""
    where = record["machine"]
    text = [
        f"{where['processor']}, {where['torch_uses']}, threads: {where['threads']}; "
        f"medians of {record['rounds']} rounds"
    ]
    case = None
    for row in record["rows"]:
        if row["case"] != case:
            case = row["case"]
            text.append(f"\n{case:<46}        s     (range)           of ours      MiB")
        times = ""
        if "median_s" in row:
            times = f"{row['median_s']:9.4g} ({row['min_s']:.3g} to {row['max_s']:.3g})"
        of_ours = f"{row['ratio_to_ours']:.3g} x" if "ratio_to_ours" in row else ""
        memory = f"{row['peak_mib']:.4g}" if row.get("peak_mib") is not None else ""
        part = " (extrapolated)" if row.get("extrapolated") else ""
        flips = f"{100 * row['flipped']:9.3f} % of pixels flipped" if "flipped" in row else ""
        text.append(f"  {row['method'] + part:<44}{times:<28}{of_ours:>9}{memory:>9}{flips}")
    text.append(f"\n{'target':<72}{'asked':>14}{'measured':>10}")
    for line in record["targets"]:
        measured = "-" if line["measured"] is None else f"{line['measured']:.3g}"
        said = {True: "reached", False: "MISSED", None: "not measured"}[line["reached"]]
        text.append(f"  {line['what']:<70}{line['target']:>14}{measured:>10}  {said}")
    return "\n".join(text)
