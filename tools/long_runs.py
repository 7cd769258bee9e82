"""Work through a list of long trainings, one after the other, on one core, at the lowest priority.

    UNET_BOOK_DATA=... python tools/long_runs.py recipe --work ../queue --core 1

Each finished training is stored at once as a file of its own in benchmarks/parts/LIST, to be
committed; one that is there is not made again. It may be killed at any moment: called again, the
training that was under way goes on from its checkpoint in the work folder. Several may work on one
list; a training is locked by the process that makes it. Run it from a worktree pinned to the commit
that fixed the recipe (`git worktree add`), with --into the checkout where results are committed, so
that changes of the package don't mix revisions in one table.
"""

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HERE), str(HERE / "benchmarks")]  # this worktree's package, not another one

LISTS = ("recipe", "recipe_curve", "recipe_cells", "tables", "tables_paper")


def jobs(name: str) -> list[tuple]:
    """(name, table, part) of every training of the list `name`."""
    import recipe

    return recipe.jobs(name)


def make(name: str, table: object, part: object, work: Path, done: Path) -> None:
    """Train and score one part in the folder `work`, and store its record as `done`.

    Does nothing if it is there, or if another process makes it.
    """
    with locked(work / f"{done.stem}.lock") as mine:
        if mine and not done.exists():
            _make(name, table, part, work, done)


def _make(name: str, table: object, part: object, work: Path, done: Path) -> None:
    """Train, score and store, whoever else is at it."""
    import torch

    from unet_book._files import write_atomically
    from unet_book.pages import reproduce

    torch.set_num_threads(1)
    record = reproduce.run_part(name, part, work, "cpu", progress=False, table=table)
    write_atomically(done, json.dumps(record, separators=(",", ":")).encode() + b"\n")
    print(f"{done.name}: {record['seconds']:.0f} s", flush=True)


def step_aside() -> None:
    """Let every other program go first."""
    os.nice(19)
    group = Path("/proc/self/autogroup")  # Linux may weigh terminals first, and programs within
    if group.exists():
        with suppress(OSError):
            group.write_text("19")


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Whether nobody else holds the lock `path`; held until the end, or the process's."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def main() -> None:
    """Work through the lists of the command line."""
    top = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    top.add_argument("lists", nargs="+", choices=LISTS, metavar="LIST", help=", ".join(LISTS))
    top.add_argument("--work", type=Path, required=True, help="checkpoints and networks")
    top.add_argument("--into", type=Path, default=HERE, help="the checkout that keeps the results")
    top.add_argument("--core", type=int, help="the core to work on")
    choice = top.parse_args()
    step_aside()
    if choice.core is not None:
        os.sched_setaffinity(0, {choice.core})
    for name in choice.lists:
        work_through(name, choice.work / name, choice.into / "benchmarks" / "parts" / name)


def work_through(name: str, work: Path, into: Path) -> None:
    """Make what is missing of a list, each part in a process of its own."""
    work.mkdir(parents=True, exist_ok=True)
    into.mkdir(parents=True, exist_ok=True)
    for trial, table, part in jobs(name):
        done = into / f"{trial}-{part.name}.json"
        if done.exists():
            continue
        task = trial, table, part, work, done  # its own process: the peak of memory is its own, too
        process = get_context("spawn").Process(target=make, args=task, daemon=True)
        process.start()
        process.join()
        if process.exitcode:
            print(f"{done.name}: ended with {process.exitcode}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
