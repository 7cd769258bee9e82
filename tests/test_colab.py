"""The reader's folder in the example's place, with a Colab of four lines."""

import sys
import tempfile
import types
import zipfile
from pathlib import Path

import pytest

from unet_book.pages import colab

IMAGES = {"images/1.tif": b"one", "masks/1.tif": b"two"}


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """What is unpacked goes into the test's own folder, whatever ran before."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("google.colab", "google.colab.files", "google.colab.drive"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def in_colab(monkeypatch):
    """Modules named as Colab's; what they are asked is noted."""
    there = types.SimpleNamespace(uploads={}, downloads=[], mounted=[])
    files = types.ModuleType("google.colab.files")
    files.upload = lambda: there.uploads
    files.download = there.downloads.append
    drive = types.ModuleType("google.colab.drive")
    drive.mount = there.mounted.append
    google, package = types.ModuleType("google"), types.ModuleType("google.colab")
    google.colab, package.files, package.drive = package, files, drive
    for module in (google, package, files, drive):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return there


def packed(path, files=IMAGES, around=""):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files.items():
            file.writestr(around + name, content)
    return path


def contents(folder):
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


# The folder --------------------------------------------------------------------------------------


def test_none_is_the_example_and_asks_for_nothing(in_colab, tmp_path):
    assert colab.folder(None, tmp_path) == tmp_path
    assert not in_colab.mounted


def test_a_folder_is_taken_as_it_is(tmp_path):
    (tmp_path / "mine").mkdir()
    assert colab.folder(str(tmp_path / "mine"), "example") == tmp_path / "mine"
    with pytest.raises(FileNotFoundError, match="there is no folder .*yours"):
        colab.folder(tmp_path / "yours", "example")


@pytest.mark.parametrize("around", ["", "my cells/", "a/b/"])
def test_a_zip_file_is_unpacked_down_to_the_folder_with_the_images(tmp_path, around):
    files = IMAGES | {"__MACOSX/._x": b"fork"} if not around else IMAGES
    found = colab.folder(packed(tmp_path / "cells.zip", files, around), "example")
    assert contents(found) == IMAGES
    assert found.is_relative_to(tmp_path / "temporary")


def test_a_zip_file_with_images_alone_keeps_their_folder(tmp_path):
    found = colab.folder(packed(tmp_path / "cells.zip", {"images/1.tif": b""}), "example")
    assert contents(found) == {"images/1.tif": b""}


def test_a_bad_zip_file_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="outside the folder"):
        colab.folder(packed(tmp_path / "cells.zip", {"../../x": b""}), "example")
    assert not [*(tmp_path / "temporary").iterdir()]


def test_an_upload_is_one_zip_file(in_colab, tmp_path):
    content = packed(tmp_path / "c.zip", around="my cells/").read_bytes()
    in_colab.uploads = {"c (1).zip": content}
    assert contents(colab.folder("upload", "example")) == IMAGES
    for uploads in ({}, {"1.tif": b"", "2.tif": b""}):
        in_colab.uploads = uploads
        with pytest.raises(ValueError, match=f"not {len(uploads)} files"):
            colab.folder("upload", "example")
    in_colab.uploads = {"1.tif": b"II*"}
    with pytest.raises(ValueError, match="1.tif is truncated or no zip archive"):
        colab.folder("upload", "example")


def test_an_uploads_name_does_not_say_where_it_goes(in_colab, tmp_path):
    in_colab.uploads = {"../../evil.zip": packed(tmp_path / "c.zip").read_bytes()}
    assert colab.folder("upload", "example").is_relative_to(tmp_path / "temporary")
    assert not (tmp_path / "evil.zip").exists()


def test_elsewhere_nothing_is_uploaded():
    with pytest.raises(ValueError, match="write the path"):
        colab.folder("upload", "example")


def test_the_drive_is_shown_when_it_is_asked_for(in_colab, tmp_path, monkeypatch):
    drive = tmp_path / "drive"
    monkeypatch.setattr(colab, "DRIVE", drive)
    mine = drive / "MyDrive" / "cells"
    sys.modules["google.colab.drive"].mount = lambda place: (Path(place) / "MyDrive/cells").mkdir(
        parents=True
    )
    assert colab.folder(mine, "example") == mine
    sys.modules["google.colab.drive"].mount = None  # it is there now, and not asked for again
    assert colab.folder(mine, "example") == mine


def test_what_is_not_in_the_drive_is_told_after_it_was_shown(in_colab):
    with pytest.raises(FileNotFoundError, match="MyDrive/other"):
        colab.folder("/content/drive/MyDrive/other", "example")
    assert in_colab.mounted == ["/content/drive"]


# The results -------------------------------------------------------------------------------------


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = {
        "model.safetensors": b"m",
        "checkpoint.safetensors": b"c",
        ".lock": b"",
        "run.json": b"{}",
    }
    for place, files in (("runs/mine", made), ("predicted", {"1_cells.tif": b"t"})):
        Path(place).mkdir(parents=True)
        for name, content in files.items():
            (Path(place) / name).write_bytes(content)
    return Path("runs/mine"), "predicted"


def test_in_colab_results_are_one_download(in_colab, results, tmp_path):
    colab.give(*results, "predicted/1_cells.tif", name="mine.zip")
    (archive,) = map(Path, in_colab.downloads)
    assert archive.name == "mine.zip" and archive.is_relative_to(tmp_path / "temporary")
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        assert file.namelist() == [
            "mine/model.safetensors",
            "mine/run.json",
            "predicted/1_cells.tif",
            "1_cells.tif",
        ]


def test_elsewhere_their_places_are_printed(results, capsys):
    colab.give(*results)
    assert capsys.readouterr().out == "runs/mine\npredicted\n"


def test_what_is_not_there_is_told_before_anything_is_handed_out(in_colab, results):
    with pytest.raises(FileNotFoundError, match="no runs/yours"):
        colab.give(*results, "runs/yours")
    assert not in_colab.downloads
