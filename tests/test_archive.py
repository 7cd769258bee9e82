"""A ZIP file of somebody else's writes into its folder and nowhere else."""

import collections
import shutil
import zipfile

import pytest

from unet_book._archive import unpack

MIB = 2**20


def packed(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def unpacked(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(archive, folder, largest=MIB):
    with pytest.raises(ValueError) as error:
        unpack(archive, folder, largest)
    return str(error.value)


def test_all_files_are_there_but_what_a_mac_adds(tmp_path):
    files = {"cells/images/1.tif": b"one", "cells/masks/1.tif": b"two", "cells/._notes": b"x"}
    of_a_mac = {"__MACOSX/cells/images/._1.tif": b"fork", "cells/.DS_Store": b"", "._cells": b""}
    unpack(packed(tmp_path / "a.zip", files | of_a_mac), tmp_path / "out", MIB)
    del files["cells/._notes"]
    assert unpacked(tmp_path / "out") == files


@pytest.mark.parametrize("name", ["../e.tif", "/e.tif", "a/../../e.tif", "..\\e.tif"])
def test_an_entry_that_would_escape_is_refused_and_nothing_written(tmp_path, name):
    archive = packed(tmp_path / "a.zip", {"good.tif": b"x", name: b"evil"})
    assert "outside the folder" in refused(archive, tmp_path / "out")
    assert {*tmp_path.iterdir()} == {archive}


def test_what_unpacks_to_too_much_is_refused_by_what_it_says(tmp_path):
    archive = packed(tmp_path / "a.zip", {"a": bytes(MIB // 2), "b": bytes(MIB // 2)})
    unpack(archive, tmp_path / "fits", MIB)
    assert archive.stat().st_size < 5000
    assert "more than 1,048,575 bytes" in refused(archive, tmp_path / "out", MIB - 1)
    assert not (tmp_path / "out").exists()


def test_what_says_less_than_it_holds_is_found_out(tmp_path):
    archive = packed(tmp_path / "a.zip", {"a": bytes(MIB)})
    content = archive.read_bytes()
    size = MIB.to_bytes(4, "little")
    assert content.count(size) == 2  # before the entry, and in the directory at the end
    archive.write_bytes(content.replace(size, (5).to_bytes(4, "little")))
    assert "truncated or no zip" in refused(archive, tmp_path / "out")
    assert sum(map(len, unpacked(tmp_path / "out").values())) < 10**5


def test_a_link_becomes_a_file_and_leads_nowhere(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(link, str(tmp_path / "secret"))
    unpack(tmp_path / "a.zip", tmp_path / "out", MIB)
    assert not (tmp_path / "out" / "link").is_symlink()


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10))
    archive = packed(tmp_path / "a.zip", {"a": bytes(11)})
    assert "unpacks to 11 bytes, and 10 are free" in refused(archive, tmp_path / "out")
    assert unpacked(tmp_path / "out") == {}


def test_no_zip_a_cut_one_and_a_locked_one_are_told(tmp_path):
    archive = packed(tmp_path / "a.zip", {"a": bytes(range(256)) * 99})
    content = archive.read_bytes()
    archive.write_bytes(content[:-30])
    assert "a.zip is truncated" in refused(archive, tmp_path / "out")
    archive.write_bytes(b"an image")
    assert "no zip archive" in refused(archive, tmp_path / "out")
    locked = bytearray(content)
    locked[content.index(b"PK\1\2") + 8] |= 1  # the flag in the directory
    archive.write_bytes(locked)
    assert "encrypted" in refused(archive, tmp_path / "out")
