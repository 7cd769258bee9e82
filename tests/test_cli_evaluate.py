"""``unet-book evaluate``: every image of a folder, beside Otsu, on the screen and as a table."""

import csv

import numpy as np
import pytest
import tifffile
from command_line import bright_finder, run, write_folder

from unet_book import datasets, scores
from unet_book import run as run_room
from unet_book.finder import fingerprint
from unet_book.instances import Rule


@pytest.fixture
def trained(tmp_path):
    """A run whose network takes what is brighter than half for cell."""
    (tmp_path / "run").mkdir()
    bright_finder().save(tmp_path / "run" / run_room.MODEL)
    return tmp_path / "run"


@pytest.fixture
def folder(tmp_path):
    """Two images of different sizes, by hand.

    On the first, cells 1 and 2 shine and a bridge of two pixels makes them one; 3 is dark, and a
    bright spot is no cell. The second has the one cell that is there.
    """
    for kind in ("images", "masks"):
        (tmp_path / "mine" / kind).mkdir(parents=True)
    labels = np.zeros((30, 40), np.uint16)
    labels[2:12, 2:12], labels[2:12, 13:23], labels[20:26, 4:14] = 1, 2, 3
    pixels = np.where((labels == 1) | (labels == 2), 200, 20).astype(np.uint8)
    pixels[6:8, 12], pixels[22:26, 30:35] = 200, 210
    write_pair(tmp_path / "mine", "first", pixels, labels)
    labels = np.zeros((24, 24), np.uint16)
    labels[4:14, 4:14] = 1
    write_pair(tmp_path / "mine", "second", np.where(labels, 180, 30).astype(np.uint8), labels)
    return tmp_path / "mine"


def write_pair(folder, name, pixels, labels):
    pixels = pixels.copy()
    pixels[-1, -2:] = pixels.min() - 9, pixels.max()  # so that neither end is all of a class
    pixels[-1, -1] = pixels.min() + 9
    tifffile.imwrite(folder / "images" / f"{name}.tif", pixels)
    tifffile.imwrite(folder / "masks" / f"{name}.tif", labels)


def lines_of(capsys):
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_the_printed_table_by_hand(trained, folder, capsys):
    assert run("evaluate", trained, "--data", folder, "--device", "cpu") == 0
    head, titles, first, second, all_images, network, otsu, watershed, majority = lines_of(capsys)
    assert " ".join(head) == "mine: 2 images, 4 cells"
    assert len(titles) == 13 and titles[:3] == ["cells", "found", "pixels"]
    # 60 px of cell 3 missed, 20 + 2 px invented of 1,200; SEG: 2 * 100 / 202 of 3 cells.
    assert first == "first 3 2 6.83% 0.330 0.000 0.000 0.000 0.000 2 0 1 1".split()
    assert second == "second 1 1 0.00% 1.000 1.000 1.000 1.000 1.000 0 0 0 0".split()
    assert " ".join(all_images) == "all images"
    # 82 of 1,776 px; F1: 1 of 4 true and 3 found ones; AP: the mean of 0 and 1.
    assert network == "network 4 3 4.62% 0.498 0.286 0.286 0.286 0.500 2 0 1 1".split()
    assert otsu[0] == "Otsu" and otsu[1:] == network[1:]
    assert watershed[:4] == ["Otsu,", "watershed", "4", "4"]  # it parts 1 from 2
    assert majority == ["majority", "class", "20.27%"]  # (260 + 100) of 1,776


def test_the_table_in_a_file_has_the_numbers_in_full(trained, folder, tmp_path, capsys):
    path = tmp_path / "new" / "scores.csv"
    for _ in range(2):  # its own it may make again
        assert run("evaluate", trained, "--data", folder, "--csv", path) == 0
    assert f"the table: {path}" in capsys.readouterr().out
    with open(path, newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [*rows[0]] == [*scores.HEADER]
    names = ["first", "second", "(all)"]
    ways = ["network", "Otsu", "Otsu, watershed"]
    assert [(row["image"], row["method"]) for row in rows] == [(n, w) for n in names for w in ways]
    assert float(rows[0]["pixel_error"]) == 82 / 1200 and rows[0]["merged"] == "2"
    assert float(rows[6]["pixel_error"]) == 82 / 1776 and float(rows[6]["f1_50"]) == 2 / 7


def test_somebodys_own_table_is_refused(complaint, trained, folder, tmp_path):
    (tmp_path / "scores.csv").write_text("mine")
    words = complaint("evaluate", trained, "--data", folder, "--csv", tmp_path / "scores.csv")
    assert "scores.csv is not of this program, and is not replaced" in words
    assert (tmp_path / "scores.csv").read_text() == "mine"


@pytest.mark.parametrize(
    "which, first",
    [([], "data: 6 images, "), (["--split", "test"], "data: 1 image, ")],
)
def test_all_of_a_foreign_folder_is_meant(trained, tmp_path, capsys, which, first):
    data = write_folder(tmp_path / "data", 6)
    assert run("evaluate", trained, "--data", data, *which) == 0
    assert capsys.readouterr().out.startswith(first)


def test_of_a_named_set_the_test_is_meant(trained, capsys):
    assert run("evaluate", trained, "--data", "nuclei") == 0
    cells = datasets.load("nuclei", "test").cell_count()
    assert capsys.readouterr().out.startswith(f"nuclei: 1 image, {cells} cells\n")


def test_images_that_trained_the_network_are_left_out_and_told(tmp_path, capsys):
    data = write_folder(tmp_path / "data", 4)
    images = datasets.load(data, "all", percentiles=(0.0, 100.0)).images
    seen = tuple(map(fingerprint, images[1:3]))
    bright_finder(seen=seen).save(tmp_path / "a.safetensors")
    command = ["evaluate", tmp_path / "a.safetensors", "--data", data]
    assert run(*command) == 0
    told = capsys.readouterr()
    assert told.out.startswith(
        "2 of the 4 images trained the network and are left out; --split all takes them, too\n"
        "data: 2 images, "
    )
    assert [line.split()[0] for line in told.out.splitlines()[3:5]] == ["0", "3"] and not told.err
    assert run(*command, "--split", "all") == 0
    told = capsys.readouterr()
    assert told.out.startswith("data: 4 images, ")
    assert told.err.startswith("unet-book: 2 of these 4 images trained the network")
    bright_finder(seen=tuple(map(fingerprint, images))).save(tmp_path / "a.safetensors")
    assert run(*command) == 0
    told = capsys.readouterr()
    assert told.out.startswith("data: 4 images, ") and "4 of these 4 images trained" in told.err


def test_without_a_true_cell_there_is_no_seg(trained, folder, capsys):
    """Cells count, not images: an empty one more changes no SEG."""
    assert run("evaluate", trained, "--data", folder) == 0
    before = lines_of(capsys)[5]
    write_pair(folder, "zero", np.full((30, 90), 50, np.uint8), np.zeros((30, 90), np.uint16))
    assert run("evaluate", trained, "--data", folder) == 0
    lines = lines_of(capsys)
    assert lines[4][:2] == ["zero", "0"] and lines[4][4] == "n/a"
    assert lines[6][4] == before[4]


def test_pixels_nobody_annotated_count_for_nothing(trained, folder, capsys):
    labels = tifffile.imread(folder / "masks" / "first.tif").astype(np.int16)
    labels[20:26, 4:14] = labels[22:26, 30:35] = -1  # the missed and the invented cell
    tifffile.imwrite(folder / "masks" / "first.tif", labels)
    assert run("evaluate", trained, "--data", folder) == 0
    assert lines_of(capsys)[2][:4] == ["first", "2", "1", "0.18%"]  # 2 of 1,120


def test_an_image_that_nobody_annotated_is_left_out(trained, folder, capsys):
    tifffile.imwrite(folder / "masks" / "second.tif", np.full((24, 24), -1, np.int16))
    assert run("evaluate", trained, "--data", folder) == 0
    told = capsys.readouterr()
    assert "second: nothing is annotated" in told.err and "mine: 1 image, 3 cells" in told.out


def test_dark_cells_are_measured_by_a_dark_otsu(trained, folder, capsys):
    for path in (folder / "images").iterdir():
        tifffile.imwrite(path, 255 - tifffile.imread(path))
    assert run("evaluate", trained, "--data", folder) == 0
    lines = lines_of(capsys)
    assert lines[5][3] != "4.62%" and lines[6][:4] == ["Otsu", "4", "3", "4.62%"]


def test_a_long_name_is_cut(trained, folder, capsys):
    for part in ("images", "masks"):
        (folder / part / "second.tif").rename(folder / part / f"{'x' * 40}.tif")
    assert run("evaluate", trained, "--data", folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].startswith("x" * 15 + "… ") and max(map(len, lines)) < 100


def test_an_unknown_split_is_refused(complaint, trained, folder):
    words = complaint("evaluate", trained, "--data", folder, "--split", "half")
    assert "split='half'" in words


def test_the_network_is_measured_with_its_own_rule(trained, folder, tmp_path, capsys):
    """A smallest size of 50 px drops the spot that is no cell."""
    bright_finder(rule=Rule(smallest=50)).save(tmp_path / "a.safetensors")
    assert run("evaluate", tmp_path / "a.safetensors", "--data", folder) == 0
    assert lines_of(capsys)[2][:3] == ["first", "3", "1"]
