"""The scripts that train and record in data/runs: what they write, and what the records hold."""

import json
import sys
from pathlib import Path

import pytest

from unet_book import _package
from unet_book.pages import records

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import data_sets  # noqa: E402
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
