"""The scripts that train and record in data/runs: what they write, and what the records hold."""

import json
import sys
from contextlib import nullcontext
from dataclasses import asdict
from itertools import product, starmap
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from unet_book import _package
from unet_book.pages import records

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import data_sets  # noqa: E402
import elastic_help  # noqa: E402
import harness  # noqa: E402
import merges  # noqa: E402


@pytest.fixture
def checkout(monkeypatch, tmp_path):
    """Records go to a folder of their own, as from an unchanged checkout."""
    monkeypatch.setattr(_package, "ROOM", tmp_path / "unet_book")
    monkeypatch.setattr(records, "revision", lambda: "0123456789ab")
    return tmp_path


def test_an_experiment_is_recorded_with_its_command_and_circumstances(checkout):
    figures = {"errors": [1, 2], "versions": {"scipy": "1"}}
    harness.experiment("skips", lambda: figures, ["--fast"], environment="A=... ")
    record = records.run("skips")
    assert record["command"] == "A=... python benchmarks/skips.py --fast"
    assert record["revision"] == "0123456789ab" and record["errors"] == [1, 2]
    assert {"device", "threads", "seconds", "peak_memory_mib"} <= set(record)
    assert record["versions"] == {"scipy": "1"}  # what is special to a record goes first


def test_a_script_of_two_experiments_is_named_in_the_command(checkout):
    harness.experiment("second", dict, ["--second"], script="first")
    assert records.run("second")["command"] == "python benchmarks/first.py --second"


def test_what_was_typed_is_the_command(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["anywhere/a.py", "--rounds", "2"])
    assert harness.command("a", None) == "python benchmarks/a.py --rounds 2"
    assert harness.command("a", []) == "python benchmarks/a.py"


def test_a_trial_is_printed_from_any_checkout_and_not_written(checkout, monkeypatch, capsys):
    monkeypatch.setattr(records, "revision", lambda: None)
    harness.experiment("skips", lambda: {"errors": [1]}, [], trial=True)
    assert json.loads(capsys.readouterr().out)["errors"] == [1]
    assert [*checkout.iterdir()] == []


def test_a_changed_checkout_is_refused_before_anything_is_measured(checkout, monkeypatch):
    monkeypatch.setattr(records, "revision", lambda: "0123456789ab-dirty")
    with pytest.raises(SystemExit, match="commit first"):
        harness.experiment("skips", lambda: pytest.fail("it was measured"), [])


def test_the_figures_of_the_sets_are_printed_in_a_trial(monkeypatch, capsys):
    monkeypatch.setattr(data_sets, "SETS", {"nuclei": "all of it"})
    monkeypatch.setattr(data_sets.survey, "describe", lambda stack, margin: {"margin": margin})
    data_sets.main(["--trial"])
    record = json.loads(capsys.readouterr().out)
    assert record["sets"]["nuclei"] | {"source": ""} == {
        "what": "all of it",
        "source": "",
        "margin": 0,
    }
    assert "scipy" in record["versions"]


def test_mergers_are_counted_on_the_sets_that_are_named(checkout, monkeypatch):
    monkeypatch.setattr(merges, "experiment", lambda name, seeds: {"w0": {"0.0": len(seeds)}})
    merges.main(["nuclei", "phantom"])
    record = records.run("merges")
    assert record["command"] == "python benchmarks/merges.py nuclei phantom"
    assert record["data"] == dict.fromkeys(["nuclei", "phantom"], {"w0": {"0.0": 5}})


# ---- elastic deformation


@pytest.fixture
def trained(monkeypatch):
    """(slices, augmentation) of what is trained: in this process, and nothing learns."""
    trained = []

    def train(data, preset, held_out, seed, **how):
        trained.append((len(data), preset.augmentation))
        return SimpleNamespace(history=[{"error": 0.25, "step": preset.steps}])

    pool = SimpleNamespace(starmap=lambda run, tasks, chunksize: [*starmap(run, tasks)])
    here = SimpleNamespace(Pool=lambda processes: nullcontext(pool))
    monkeypatch.setattr(elastic_help, "get_context", lambda how: here)
    monkeypatch.setattr(elastic_help, "train", train)
    monkeypatch.setattr(harness, "isbi_slices", lambda: (list(range(24)), None))
    threads = torch.get_num_threads()
    yield trained
    torch.set_num_threads(threads)


@pytest.mark.parametrize("typed, name", [([], "elastic_help"), (["--long"], "elastic_long")])
def test_a_trial_trains_every_arm_of_the_experiment(trained, typed, name, capsys):
    elastic_help.main(["--trial", *typed])
    printed = capsys.readouterr().out
    record, experiment = json.loads(printed[printed.index("{\n") :]), elastic_help.EXPERIMENTS[name]
    assert record["command"].endswith(" ".join(["benchmarks/elastic_help.py --trial", *typed]))
    assert [run["arm"] for run in record["runs"]] == list(experiment.arms)
    assert trained == [(1, how) for how in experiment.arms.values()]
    assert {run["history"][0]["step"] for run in record["runs"]} == {experiment.preset.steps}


def test_the_first_experiment_learns_from_more_slices_too(trained, checkout):
    elastic_help.main([])
    record = records.run("elastic_help")
    assert {run["images"] for run in record["runs"]} == {slices for slices, _ in trained}
    assert len(record["runs"]) == 5 * 4 * 3 and record["seeds"] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", elastic_help.EXPERIMENTS)
def test_the_stored_records_are_of_these_experiments(name):
    record, experiment = records.run(name), elastic_help.EXPERIMENTS[name]
    assert record["data"] == experiment.data and record["seeds"] == list(elastic_help.SEEDS)
    arms = {arm: asdict(how) for arm, how in experiment.arms.items()}
    preset = asdict(experiment.preset) | {"augmentation": arms}
    assert record["preset"].items() <= preset.items()
    runs = {(run["seed"], run.get("images", 1), run["arm"]) for run in record["runs"]}
    assert runs == set(product(elastic_help.SEEDS, experiment.images, arms))
