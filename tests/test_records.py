"""Records: found wherever they lie, written whole, and made by a revision that can be had again."""

import json
import subprocess

import pytest
import torch

import unet_book
from unet_book import _package, provenance
from unet_book.pages import records


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with one commit, that the package takes for its own."""

    def git(*words):
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True, capture_output=True)

    git("init", "--quiet")
    (tmp_path / "unet_book").mkdir()
    monkeypatch.setattr(_package, "ROOM", tmp_path / "unet_book")
    (tmp_path / "unet_book" / "run.py").touch()
    git("add", "--all")
    git("commit", "--quiet", "--message", "first")
    return tmp_path


@pytest.mark.parametrize("read, known", [(records.run, "skips"), (records.benchmark, "network")])
def test_a_record_is_read_by_its_name(read, known):
    assert {"command", "revision", "versions"} <= set(read(known))
    with pytest.raises(FileNotFoundError, match=f"no record 'nothing'.*{known}"):
        read("nothing")


@pytest.mark.parametrize("installed", [False, True])
def test_records_lie_beside_the_package_or_in_it(checkout, installed):
    root = checkout / "unet_book" if installed else checkout
    for folder in (records.RUNS, records.BENCHMARKS):
        (root / folder).mkdir(parents=True)
        (root / folder / "a.json").write_text(json.dumps({"from": folder}))
    assert records.run("a") == {"from": records.RUNS}
    assert records.benchmark("a") == {"from": records.BENCHMARKS}


def test_without_records_there_are_none(checkout):
    with pytest.raises(FileNotFoundError, match="results is neither in .* install the package"):
        records.benchmark("network")
    (checkout / records.BENCHMARKS).mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="there are: none"):
        records.benchmark("network")


def test_what_is_written_is_read(checkout):
    path = records.write_run("a", {"x": [1, 2]})
    assert path == checkout / "data" / "runs" / "a.json"
    assert records.run("a") == {"x": [1, 2]}
    path = records.write_benchmark("b", {"x": [1, 2]}, indent=None)
    assert path.read_text() == '{"x":[1,2]}\n' and records.benchmark("b") == {"x": [1, 2]}


def test_a_list_of_numbers_is_one_line(checkout):
    record = {"says": "1, 2,\n3", "each": [{"a": [1, -2.5, 3e-7]}, []], "b": [[1], ["x"]]}
    path = records.write_run("a", record)
    assert records.run("a") == record
    lines = [line.strip() for line in path.read_text().splitlines()]
    assert '"a": [ 1, -2.5, 3e-07 ]' in lines and '"says": "1, 2,\\n3",' in lines


def test_only_an_unchanged_checkout_has_a_clean_revision(checkout):
    made_at = records.clean_revision()
    assert len(made_at) == 12 and made_at == provenance.revision()
    (checkout / "unet_book" / "run.py").write_text("changed")
    assert provenance.revision() == made_at + "-dirty"
    with pytest.raises(SystemExit, match="commit first"):
        records.clean_revision()


def test_an_installed_package_has_no_revision(tmp_path, monkeypatch):
    monkeypatch.setattr(_package, "ROOM", tmp_path / "unet_book")
    assert provenance.revision() is None
    with pytest.raises(SystemExit, match="commit first"):
        records.clean_revision()


def test_circumstances_say_where_and_at_what_cost():
    found = provenance.circumstances("0123456789ab", 1.234)
    assert found["revision"] == "0123456789ab" and found["seconds"] == 1.2
    assert found["device"] == "CPU" and found["threads"] == torch.get_num_threads()
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["unet_book"] == unet_book.__version__
    assert {"python", "numpy"} <= set(found["versions"])
    assert 10 < found["peak_memory_mib"] < 2**20
