"""The queue of long trainings: none is made twice, and each is stored when it is whole."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unet_book.pages import records, reproduce
from unet_book.pages.reproduce import Part

HERE = Path(__file__).parent.parent
sys.path[:0] = [str(HERE / "benchmarks"), str(HERE / "tools")]
import long_runs  # noqa: E402
import recipe  # noqa: E402


@pytest.fixture
def made(monkeypatch):
    """The parts that were trained; a training takes no time."""
    parts = []

    def run_part(name, part, folder, device, progress, table):
        parts.append((name, part.name))
        return {"part": part.name, "seconds": 1.0}

    monkeypatch.setattr(reproduce, "run_part", run_part)
    return parts


def make(tmp_path):
    done = tmp_path / "a-seed1.json"
    long_runs.make("a", None, Part(seed=1), tmp_path, done)
    return done


def test_a_part_is_stored_once_and_not_made_again(made, tmp_path):
    assert json.loads(make(tmp_path).read_text()) == {"part": "seed1", "seconds": 1.0}
    make(tmp_path)
    assert made == [("a", "seed1")]


def test_a_part_that_another_makes_is_left_to_it(made, tmp_path):
    with long_runs.locked(tmp_path / "a-seed1.lock") as mine:
        assert mine and not make(tmp_path).exists()
    assert make(tmp_path).exists() and len(made) == 1


def test_a_lock_ends_with_its_process(made, tmp_path):
    program = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import long_runs\n"
        "from pathlib import Path\n"
        "with long_runs.locked(Path(sys.argv[2])):\n"
        "    print('mine', flush=True)\n    time.sleep(60)"
    )
    arguments = [sys.executable, "-c", program, HERE / "tools", tmp_path / "a-seed1.lock"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "mine\n"
        assert not make(tmp_path).exists()
        os.kill(other.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not make(tmp_path).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert make(tmp_path).exists()


@pytest.mark.parametrize("name", long_runs.LISTS)
def test_each_training_of_a_list_has_a_file_of_its_own(name):
    jobs = long_runs.jobs(name)
    assert len({f"{trial}-{part.name}" for trial, _, part in jobs}) == len(jobs)
    assert all(part in table.parts for _, table, part in jobs)
    assert all(table.trial == (name in recipe.LISTS) for _, table, _ in jobs)
    assert {part.seed for _, _, part in jobs} == set(recipe.SEEDS)


def test_a_mean_comes_right_behind_its_networks():
    for name in recipe.TABLES:
        parts = [part for _, _, part in long_runs.jobs(name)]
        for k, part in enumerate(parts):
            if part.mean_of:
                assert parts[k - 3 : k] == part.members


@pytest.mark.parametrize("name", recipe.LISTS)
def test_the_stored_trials_are_the_parts_put_together(name):
    try:
        record = records.run(name)
    except FileNotFoundError:
        pytest.skip("no record yet")
    whole = json.loads(json.dumps(recipe.collect(name)))
    for trial, told in record["trials"].items():
        assert whole["trials"][trial] == told
