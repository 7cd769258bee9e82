"""``unet-book predict``: from images to the files that others open, and nobody's file replaced."""

import csv
import json
import os
import re
import weakref
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import skimage.io
import tifffile
from command_line import bright_finder, run, write_folder
from PIL import Image

from unet_book import checkpoint, datasets, outputs
from unet_book import run as run_room
from unet_book.cli import inputs, terminal
from unet_book.cli import predict as predict_room
from unet_book.datasets import phantom
from unet_book.datasets.files import read_resolution
from unet_book.finder import best_tile
from unet_book.instances import Rule, find_cells
from unet_book.outputs.table import HEADER
from unet_book.unet import UNet


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run whose network takes what is brighter than half for cell; read only."""
    out = tmp_path_factory.mktemp("runs") / "a run"
    out.mkdir()
    bright_finder().save(out / run_room.MODEL)
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "my cells", 4)


@pytest.fixture
def image(tmp_path):
    """One gray image as a PNG."""
    path = tmp_path / "one.png"
    Image.fromarray(np.uint8(255 * phantom.cells((47, 53), seed=5)[0])).save(path)
    return path


# Two cells by hand, in counts of a camera of 12 bits: 2 x 3 px at the edge, and one pixel.
PIXELS = np.full((20, 30), 310, np.uint16)
PIXELS[19, 0] = 300
PIXELS[0:2, 4:7] = 3000
PIXELS[0, 4] = 2900
PIXELS[10, 20] = 2800
MICROSCOPE = {"resolution": (20000, 20000), "resolutionunit": "centimeter"}  # 0.5 µm a pixel
EVERYTHING = ["--table", "--overlay", "--rois", "--geojson", "--probability"]
KINDS = ["cells.geojson", "cells.tif", "overlay.png", "probability.tif", "rois.zip"]


@pytest.fixture
def by_hand(tmp_path):
    tifffile.imwrite(tmp_path / "hand.tif", PIXELS, **MICROSCOPE)
    return tmp_path / "hand.tif"


def table_of(folder):
    with open(folder / "cells.csv", newline="") as file:
        return [*csv.DictReader(file)]


# What is found, and what is written ------------------------------------------------------------


@pytest.mark.parametrize("network", ["folder", "file"])
def test_predict_writes_the_cells_of_each_image(trained, tmp_path, capsys, network):
    shapes, files = {"a": (31, 77), "b": (50, 41), "c": (13, 5)}, []
    for name, shape in shapes.items():
        pixels = np.uint8(255 * phantom.cells((80, 80), seed=3)[0])[: shape[0], : shape[1]]
        files.append(tmp_path / f"{name}.{'tif' if name == 'a' else 'png'}")
        skimage.io.imsave(files[-1], pixels, check_contrast=False)
    model = trained if network == "folder" else trained / run_room.MODEL
    out = tmp_path / "new" / "out"
    assert run("predict", model, *files, "--out", out, "--device", "cpu") == 0

    printed, total = capsys.readouterr().out.splitlines(), 0
    assert len(os.listdir(out)) == 3 and len(printed) == 4
    for file, (name, shape), line in zip(files, shapes.items(), printed):
        path = out / f"{name}_cells.tif"
        cells = tifffile.imread(path)
        assert cells.shape == shape and cells.dtype == np.uint16
        assert np.array_equal(skimage.io.imread(path), cells)
        assert np.array_equal(cells, bright_finder().find(skimage.io.imread(file)))
        assert line == f"{path}: {cells.max()} cell{'' if cells.max() == 1 else 's'}"
        total += cells.max()
    assert printed[3].startswith(f"3 images, {total} cells, median area ")


def test_cells_are_those_of_the_stored_rule(image, tmp_path):
    rule = Rule(threshold=0.4, core=0.8, smallest=30, grow=1)
    bright_finder(rule=rule).save(tmp_path / "a.safetensors")
    command = ["predict", tmp_path / "a.safetensors", image, "--out", tmp_path, "--probability"]
    assert run(*command) == 0
    probability = tifffile.imread(tmp_path / "one_probability.tif")
    assert probability.shape == (47, 53) and probability.dtype == np.float32
    assert 0 <= probability.min() < 0.1 < 0.9 < probability.max() <= 1
    cells = tifffile.imread(tmp_path / "one_cells.tif")
    assert np.array_equal(find_cells(probability, rule), cells) and cells.max() > 1
    assert not np.array_equal(find_cells(probability), cells)


@pytest.mark.parametrize(
    "options, threshold, core, smallest",
    [
        ([], 0.4, 0.8, 30),
        (["--threshold", 0.6], 0.6, 0.8, 30),
        (["--threshold", 0.9, "--min-size", 0], 0.9, 0.9, 0),  # a core is never below
        (["--min-size", 200], 0.4, 0.8, 200),
    ],
)
def test_threshold_and_smallest_size_may_be_said(
    image, tmp_path, options, threshold, core, smallest
):
    rule = Rule(threshold=0.4, core=0.8, smallest=30)
    bright_finder(rule=rule).save(tmp_path / "a.safetensors")
    command = ["predict", tmp_path / "a.safetensors", image, "--out", tmp_path, "--probability"]
    assert run(*command, *options) == 0
    probability = tifffile.imread(tmp_path / "one_probability.tif")
    expected = find_cells(probability, Rule(threshold, core, smallest))
    assert np.array_equal(tifffile.imread(tmp_path / "one_cells.tif"), expected)


@pytest.mark.parametrize(
    "options, told, by",
    [
        ([], ", resampled by 0.", None),
        (["--diameter", 12], "", 1.0),
        (["--diameter", 24], ", resampled by 0.5", 0.5),
        (["--diameter", 8], ", resampled by 1.5", 1.5),
    ],
)
def test_how_large_cells_are_is_seen_or_said_and_told(image, tmp_path, capsys, options, told, by):
    finder = bright_finder(diameter=12.0)
    finder.save(tmp_path / "a.safetensors")
    command = ["predict", tmp_path / "a.safetensors", image, "--out", tmp_path, "--probability"]
    assert run(*command, *options) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert re.search(rf"cells?{re.escape(told)}\d*$" if by is None else rf"cells?{told}$", line)
    gray = finder.normalized(skimage.io.imread(image))
    expected = finder.answer(gray) if by is None else finder.answer_at(gray, by)
    found = tifffile.imread(tmp_path / "one_probability.tif")
    assert np.allclose(found, expected, atol=1e-3)


def test_a_diameter_for_a_network_of_any_is_refused(complaint, trained, image, tmp_path):
    command = ["predict", trained, image, "--out", tmp_path, "--diameter", 20]
    assert complaint(*command) == (
        "--diameter 20: this network has trained on images as they are, and brings no cells to "
        "another size"
    )


def test_the_table_by_hand(trained, by_hand, tmp_path, capsys):
    assert run("predict", trained, by_hand, "--out", tmp_path, "--table") == 0
    first, second = table_of(tmp_path)
    assert [*first] == [*HEADER]
    assert first == {
        "image": "hand",
        "frame": "1",
        "cell": "1",
        "area_px": "6",
        "area_um2": "1.5",
        "x_px": "5.5",
        "y_px": "1",
        "x_um": "2.75",
        "y_um": "0.5",
        "left_px": "4",
        "top_px": "0",
        "width_px": "3",
        "height_px": "2",
        "diameter_px": repr(float(np.sqrt(24 / np.pi))),
        "diameter_um": repr(float(np.sqrt(24 / np.pi) / 2)),
        "mean_gray": repr(17900 / 6),
        "min_gray": "2900",
        "max_gray": "3000",
        "sum_gray": "17900",
        "touches_edge": "1",
    }
    assert (second["x_px"], second["y_px"], second["touches_edge"]) == ("20.5", "10.5", "0")
    out = capsys.readouterr().out.splitlines()
    assert out[1:] == [
        f"the table: {tmp_path / 'cells.csv'}",
        "1 image, 2 cells, median area 3.5 px (0.875 µm²)",
    ]


def test_everything_at_once_and_again(trained, by_hand, tmp_path):
    """Results beside the image are neither images nor in the way of the next run."""
    for _ in range(2):
        assert run("predict", trained, tmp_path, "--out", tmp_path, *EVERYTHING) == 0
    names = sorted(["cells.csv", "hand.tif", *(f"hand_{kind}" for kind in KINDS)])
    assert sorted(os.listdir(tmp_path)) == names
    assert len(table_of(tmp_path)) == 2
    content = json.loads((tmp_path / "hand_cells.geojson").read_text())
    assert content["features"][0]["geometry"]["coordinates"] == [
        [[4, 0], [7, 0], [7, 2], [4, 2], [4, 0]]
    ]
    assert zipfile.ZipFile(tmp_path / "hand_rois.zip").namelist() == ["0001.roi", "0002.roi"]
    assert read_resolution(tmp_path / "hand_cells.tif") == ((20000, 20000), 3)
    with Image.open(tmp_path / "hand_overlay.png") as picture:
        assert picture.size == (120, 80)


def test_numbers_are_asked_for_on_their_own(trained, by_hand, tmp_path):
    pictures = []
    for option in ("--overlay", "--numbers"):
        assert run("predict", trained, by_hand, "--out", tmp_path, option) == 0
        pictures.append((tmp_path / "hand_overlay.png").read_bytes())
    assert pictures[0] != pictures[1]


def film(path, count=3, **how):
    frames = np.stack([np.roll(PIXELS, k, axis=1) for k in range(count)])
    tifffile.imwrite(path, frames, photometric="minisblack", metadata={"axes": "TYX"}, **how)
    return path


def test_a_film_is_done_frame_by_frame(trained, tmp_path, capsys):
    path = film(tmp_path / "film.ome.tif", **MICROSCOPE)
    assert run("predict", trained, path, "--out", tmp_path, *EVERYTHING) == 0
    assert tifffile.imread(tmp_path / "film_cells.tif").shape == (3, 20, 30)
    assert tifffile.imread(tmp_path / "film_overlay.tif").shape == (3, 80, 120, 3)
    found = [(row["frame"], row["cell"], row["left_px"]) for row in table_of(tmp_path)]
    assert found == [(str(k + 1), c, str(x + k)) for k in range(3) for c, x in zip("12", (4, 20))]
    features = json.loads((tmp_path / "film_cells.geojson").read_text())["features"]
    assert [one["geometry"]["plane"]["t"] for one in features] == [0, 0, 1, 1, 2, 2]
    assert "3 images, 6 cells, " in capsys.readouterr().out


class Film:
    """Frames that are made when they are asked for; it counts those that somebody holds."""

    def __init__(self, count):
        self.count, self.made, self.most = count, [], 0

    def __len__(self):
        return self.count

    def __iter__(self):
        for _ in range(self.count):
            self.most = max(self.most, sum(frame() is not None for frame in self.made))
            frame = PIXELS.copy()
            self.made.append(weakref.ref(frame))
            yield frame
            del frame


def test_a_film_of_any_length_takes_the_memory_of_a_frame(trained, tmp_path, monkeypatch):
    frames = Film(12)
    monkeypatch.setattr(inputs, "read_gray", lambda *_: frames)
    assert run("predict", trained, film(tmp_path / "a.tif"), "--out", tmp_path, *EVERYTHING) == 0
    assert len(tifffile.imread(tmp_path / "a_cells.tif")) == 12 and frames.most == 1


def test_images_are_read_one_after_the_other(trained, tmp_path, monkeypatch):
    """A folder of any size takes the memory of one image."""
    order = []
    for k in range(3):
        tifffile.imwrite(tmp_path / f"{k}.tif", np.roll(PIXELS, k))

    def noted(room, name):
        real = getattr(room, name)
        monkeypatch.setattr(room, name, lambda *words: (order.append(name), real(*words))[1])

    noted(inputs, "read_gray")
    noted(outputs, "label_tiff")
    assert run("predict", trained, tmp_path, "--out", tmp_path / "out") == 0
    assert order == ["read_gray", "label_tiff"] * 3


def test_the_time_left_is_shown_to_who_watches_and_to_no_log(
    trained, by_hand, tmp_path, monkeypatch, capsys
):
    films = [by_hand, film(tmp_path / "film.tif")]
    assert run("predict", trained, *films, "--out", tmp_path) == 0
    quiet = capsys.readouterr()
    assert quiet.err == ""
    monkeypatch.setattr(terminal, "is_watched", lambda: True)
    assert run("predict", trained, *films, "--out", tmp_path) == 0
    watched = capsys.readouterr()
    assert watched.out == quiet.out and "2/2 [" in watched.err and "frame" in watched.err


# Whose files they are ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_is_not_replaced_and_the_other_images_are_done(
    trained, by_hand, tmp_path, capsys, kind
):
    (tmp_path / f"hand_{kind}").write_bytes(b"mine")
    tifffile.imwrite(tmp_path / "other.tif", PIXELS)
    command = ["predict", trained, by_hand, tmp_path / "other.tif", "--out", tmp_path, *EVERYTHING]
    assert run(*command) == 1
    assert f"hand_{kind} is not of this program, and is not replaced" in capsys.readouterr().err
    assert (tmp_path / f"hand_{kind}").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.glob("hand_*")] == [f"hand_{kind}"]
    assert {row["image"] for row in table_of(tmp_path)} == {"other"}


def test_a_table_of_another_is_refused_before_anything_is_done(
    complaint, trained, by_hand, tmp_path
):
    (tmp_path / "cells.csv").write_text("mine")
    words = complaint("predict", trained, by_hand, "--out", tmp_path, "--table")
    assert words == f"{tmp_path / 'cells.csv'} is not of this program, and is not replaced"
    assert (tmp_path / "cells.csv").read_text() == "mine"
    assert not (tmp_path / "hand_cells.tif").exists()


def test_the_table_tells_of_all_results_in_its_folder(trained, by_hand, tmp_path):
    tifffile.imwrite(tmp_path / "other.tif", PIXELS)
    for names in (["hand", "other"], ["other"], ["hand"]):
        files = [tmp_path / f"{name}.tif" for name in names]
        assert run("predict", trained, *files, "--out", tmp_path, "--table") == 0
        assert sorted(row["image"] for row in table_of(tmp_path)) == ["hand"] * 2 + ["other"] * 2


def test_nan_in_a_film_leaves_nothing_of_it(trained, by_hand, tmp_path, capsys):
    frames = np.stack([PIXELS, PIXELS]).astype(np.float32)
    frames[1, 3, 3] = np.nan
    tifffile.imwrite(tmp_path / "bad.tif", frames)
    command = ["predict", trained, tmp_path / "bad.tif", by_hand, "--out", tmp_path / "out"]
    assert run(*command, *EVERYTHING) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"unet-book: {tmp_path / 'bad.tif'}: frame 2: image holds NaN")
    assert "1 image, 2 cells" in said.out
    assert {row["image"] for row in table_of(tmp_path / "out")} == {"hand"}
    names = ["cells.csv", *(f"hand_{kind}" for kind in KINDS)]
    assert sorted(os.listdir(tmp_path / "out")) == names


def test_what_was_done_before_an_interruption_is_in_the_table(
    trained, by_hand, tmp_path, monkeypatch
):
    tifffile.imwrite(tmp_path / "other.tif", PIXELS)

    def interrupted(probability, rule, whole=predict_room.find_cells, calls=[]):  # noqa: B006
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(probability, rule)

    monkeypatch.setattr(predict_room, "find_cells", interrupted)
    command = ["predict", trained, by_hand, tmp_path / "other.tif", "--out", tmp_path / "out"]
    assert run(*command, "--table") == 130
    assert sorted(os.listdir(tmp_path / "out")) == ["cells.csv", "hand_cells.tif"]
    assert [row["image"] for row in table_of(tmp_path / "out")] == ["hand", "hand"]


def test_a_missing_package_is_told_before_anything_is_done(
    complaint, trained, by_hand, tmp_path, monkeypatch
):
    monkeypatch.setattr(inputs, "find_spec", lambda name: None)
    words = complaint("predict", trained, by_hand, "--out", tmp_path / "out", "--rois")
    assert words == "--rois needs the package roifile: pip install roifile, or unet_book[rois]"
    assert not (tmp_path / "out").exists()


# Which images ------------------------------------------------------------------------------------


def test_images_may_stand_before_the_options_and_behind_them(trained, by_hand, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "other.tif", PIXELS)
    command = ["predict", trained, "--out", tmp_path / "out", "--table"]
    assert run(*command, by_hand, tmp_path / "other.tif") == 0
    names = ["cells.csv", "hand_cells.tif", "other_cells.tif"]
    assert sorted(os.listdir(tmp_path / "out")) == names
    with pytest.raises(SystemExit):
        run(*command, by_hand, "--tabel")
    assert "unrecognized arguments" in capsys.readouterr().err


@pytest.mark.parametrize(
    "data, names",
    [("folder", ["0", "1", "2", "3"]), ("nuclei", ["000"])],
)
def test_all_of_a_folder_is_meant_and_of_a_named_set_the_test(
    trained, folder, tmp_path, data, names
):
    data = folder if data == "folder" else data
    assert run("predict", trained, "--data", data, "--out", tmp_path, "--table") == 0
    assert sorted(os.listdir(tmp_path)) == [*(f"{name}_cells.tif" for name in names), "cells.csv"]
    found = table_of(tmp_path)
    highest = max(float(row["max_gray"]) for row in found)
    assert 200 < highest <= 255 if data == folder else 0.5 < highest <= 1


def test_gray_values_reach_the_network_as_it_learned_them(tmp_path):
    """One without percentiles takes files by `to_unit`, and the book's sets as they are."""
    finder = replace(bright_finder(), percentiles=None)
    finder.save(tmp_path / "a.safetensors")
    command = ["predict", tmp_path / "a.safetensors", "--out", tmp_path, "--probability"]
    tifffile.imwrite(tmp_path / "file.tif", PIXELS)
    assert run(*command, tmp_path / "file.tif") == 0
    assert run(*command, "--data", "nuclei") == 0
    for name, image in (
        ("file", datasets.to_unit(PIXELS)),
        ("000", datasets.load("nuclei", "test").images[0]),
    ):
        found = tifffile.imread(tmp_path / f"{name}_probability.tif")
        assert np.array_equal(found, finder.answer(image))


def test_results_of_a_folder_are_those_of_its_files(trained, folder, tmp_path):
    assert run("predict", trained, "--data", folder, "--out", tmp_path / "a", *EVERYTHING) == 0
    assert run("predict", trained, folder / "images", "--out", tmp_path / "b", *EVERYTHING) == 0
    assert len(os.listdir(tmp_path / "a")) == 4 * 5 + 1
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_the_channel_that_was_asked_for_is_measured(trained, tmp_path):
    colors = np.stack([PIXELS, PIXELS + 7, PIXELS[::-1, ::-1]])
    tifffile.imwrite(tmp_path / "a.tif", colors, imagej=True, metadata={"axes": "CYX"})
    command = ["predict", trained, tmp_path / "a.tif", "--channel", 1, "--out", tmp_path]
    assert run(*command, "--table") == 0
    assert [row["max_gray"] for row in table_of(tmp_path)] == ["3007", "2807"]


def test_without_being_asked_no_probability_is_written(trained, image, tmp_path):
    run("predict", trained, image, "--out", tmp_path / "out")
    assert os.listdir(tmp_path / "out") == ["one_cells.tif"]


def test_a_folder_stands_for_the_images_in_it(trained, folder, tmp_path):
    assert run("predict", trained, folder / "images", "--out", tmp_path) == 0
    assert sorted(os.listdir(tmp_path)) == [f"{i}_cells.tif" for i in range(4)]


@pytest.mark.parametrize("split, names", [("test", ["3"]), ("all", ["0", "1", "2", "3"])])
def test_predict_takes_a_data_set_too(trained, folder, tmp_path, split, names):
    assert run("predict", trained, "--data", folder, "--split", split, "--out", tmp_path) == 0
    assert sorted(os.listdir(tmp_path)) == [f"{name}_cells.tif" for name in names]


@pytest.mark.parametrize("depth, variant", [(1, "paper"), (4, "paper"), (3, "same")])
def test_the_tile_of_predictions_fits_the_network(depth, variant):
    model = UNet(base_channels=1, depth=depth, variant=variant)
    assert 572 <= best_tile(model) < 572 + 2**depth


def test_a_damaged_network_is_refused(complaint, trained, image, tmp_path):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes((trained / run_room.MODEL).read_bytes()[:-50])
    assert f"{damaged} is damaged" in complaint("predict", damaged, image, "--out", tmp_path)


def test_an_image_in_color_is_refused(complaint, trained, tmp_path):
    Image.new("RGB", (40, 40), (9, 8, 7)).save(tmp_path / "color.png")
    command = ["predict", trained, tmp_path / "color.png", "--out", tmp_path / "out"]
    words = complaint(*command, status=1)
    assert "color.png: shape (40, 40, 3) has 3 channels, but one gray channel is needed" in words


def test_a_missing_image_is_refused(complaint, trained, tmp_path):
    words = complaint("predict", trained, tmp_path / "no.png", "--out", tmp_path / "out", status=1)
    assert f"{tmp_path / 'no.png'}: no such file" in words


def test_a_broken_result_stops_nobody(trained, image, tmp_path, capsys):
    """A file that was cut off, called as a result: beside the images, and where one should go."""
    (tmp_path / "old_cells.tif").write_bytes(b"II*\0")
    assert run("predict", trained, tmp_path, "--out", tmp_path / "out") == 1
    assert "old_cells.tif: can't be read" in capsys.readouterr().err
    (tmp_path / "one_cells.tif").write_bytes(b"II*\0")
    assert run("predict", trained, image, "--out", tmp_path) == 1
    assert "one_cells.tif is not of this program" in capsys.readouterr().err


def test_images_that_share_a_name_in_two_folders_have_two_results(trained, tmp_path):
    folder = write_folder(tmp_path / "data", 2)
    for kind in ("images", "masks"):
        for i in range(2):
            (folder / kind / f"day{i}").mkdir()
            (folder / kind / f"{i}.tif").rename(folder / kind / f"day{i}" / "a.tif")
    out = tmp_path / "out"
    assert run("predict", trained, "--data", folder, "--split", "all", "--out", out) == 0
    found = [path.relative_to(out).as_posix() for path in sorted(out.rglob("*.tif"))]
    assert found == ["images/day0/a_cells.tif", "images/day1/a_cells.tif"]


def test_results_that_a_shell_names_are_no_images(complaint, trained, image, tmp_path):
    """`predict run images/*` a second time, the results beside the images."""
    for _ in range(2):
        everything = sorted(tmp_path.iterdir())
        assert run("predict", trained, *everything, image, "--out", tmp_path) == 0
    assert sorted(os.listdir(tmp_path)) == ["one.png", "one_cells.tif"]
    words = complaint("predict", trained, tmp_path / "one_cells.tif", "--out", tmp_path)
    assert "one_cells.tif is a result of this program" in words


def test_folders_within_a_folder_are_told(trained, image, tmp_path, capsys):
    (tmp_path / "more").mkdir()
    (tmp_path / "stack.tif").mkdir()  # a folder, whatever it is called
    assert run("predict", trained, tmp_path, "--out", tmp_path / "out") == 0
    assert "more, … is left out" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_name_that_cannot_be_printed_is_no_error(trained, image, tmp_path, monkeypatch, encoding):
    strange = image.rename(tmp_path / os.fsdecode(b"\xe2\x98\x83\xff.png"))
    with open(tmp_path / "said", "w", encoding=encoding) as said, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", said)
        assert run("predict", trained, strange, "--out", tmp_path / "out") == 0
    assert len(os.listdir(tmp_path / "out")) == 1 and "cells" in (tmp_path / "said").read_text()


def test_bad_images_are_told_at_the_end_and_the_others_are_done(trained, image, tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(b"half an image")
    files = [tmp_path / "bad.png", tmp_path / "no.png", image]
    assert run("predict", trained, *files, "--out", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert os.listdir(tmp_path / "out") == ["one_cells.tif"] and "one_cells.tif: " in said.out
    told = said.err.splitlines()
    assert len(told) == 2 and "bad.png" in told[0] and "no.png" in told[1]


def test_somebodys_own_file_is_not_replaced_and_a_result_is(trained, image, tmp_path, capsys):
    own = tmp_path / "one_cells.tif"
    tifffile.imwrite(own, np.full((47, 53), 7, np.uint16))
    before = own.read_bytes()
    assert run("predict", trained, image, "--out", tmp_path) == 1
    assert own.read_bytes() == before and "not of this program" in capsys.readouterr().err
    own.unlink()
    assert run("predict", trained, image, "--out", tmp_path) == 0
    assert run("predict", trained, image, "--out", tmp_path) == 0  # its own it may make again


def test_results_beside_the_images_are_no_images(trained, image, tmp_path):
    for _ in range(2):
        assert run("predict", trained, tmp_path, "--out", tmp_path, "--probability") == 0
    assert sorted(os.listdir(tmp_path)) == ["one.png", "one_cells.tif", "one_probability.tif"]
    assert run("predict", trained, tmp_path / "*", "--out", tmp_path) == 0  # as PowerShell says it
    assert len(os.listdir(tmp_path)) == 3


def test_a_wildcard_that_no_shell_expanded_is_expanded(complaint, trained, image, tmp_path):
    assert run("predict", trained, tmp_path / "o*.png", "--out", tmp_path / "out") == 0
    assert os.listdir(tmp_path / "out") == ["one_cells.tif"]
    words = complaint("predict", trained, tmp_path / "x*.png", "--out", tmp_path / "out")
    assert "no file has such a name" in words


def test_a_stack_is_predicted_frame_by_frame_and_its_pixels_size_kept(trained, tmp_path):
    frames = np.stack([np.uint8(255 * phantom.cells((60, 66), seed=k)[0]) for k in range(3)])
    tifffile.imwrite(
        tmp_path / "film.ome.tif",
        frames,
        metadata={"axes": "TYX"},
        resolution=(31000, 31000),
        resolutionunit="centimeter",
    )
    assert run("predict", trained, tmp_path / "film.ome.tif", "--out", tmp_path) == 0
    cells = tifffile.imread(tmp_path / "film_cells.tif")
    assert cells.shape == (3, 60, 66) and all(frame.any() for frame in cells)
    assert read_resolution(tmp_path / "film_cells.tif") == ((31000, 31000), 3)


def test_a_network_of_three_classes_is_refused(complaint, image, tmp_path):
    checkpoint.save(tmp_path / "a.safetensors", UNet(base_channels=2, depth=1, num_classes=3))
    words = complaint("predict", tmp_path / "a.safetensors", image, "--out", tmp_path)
    assert "knows 3 classes" in words


def test_two_images_of_one_name_are_refused(complaint, trained, image, tmp_path):
    (tmp_path / "other").mkdir()
    twin = image.rename(tmp_path / "other" / image.name)
    words = complaint("predict", trained, image, twin, "--out", tmp_path / "out")
    assert "would both give one_cells.tif" in words


def test_a_folder_without_images_is_refused(complaint, trained, tmp_path):
    words = complaint("predict", trained, tmp_path, "--out", tmp_path / "out")
    assert f"{tmp_path}: no image in it; known are .tif" in words


def test_neither_images_nor_data_is_refused(complaint, trained, tmp_path):
    words = complaint("predict", trained, "--out", tmp_path)
    assert words == "give either image files or --data"


def test_both_images_and_data_are_refused(complaint, trained, folder, image, tmp_path):
    words = complaint("predict", trained, image, "--data", folder, "--out", tmp_path)
    assert words == "give either image files or --data"


def test_a_link_to_nowhere_is_refused(complaint, trained, image, tmp_path):
    (tmp_path / "out").symlink_to(tmp_path / "gone")
    words = complaint("predict", trained, image, "--out", tmp_path / "out")
    assert "out is a link to nowhere" in words


def test_an_empty_argument_is_refused(complaint, trained, image):
    """As of "$OUT" where OUT is not set; else the results would go where the user stands."""
    assert "an argument is empty" in complaint("predict", trained, image, "--out", "")
