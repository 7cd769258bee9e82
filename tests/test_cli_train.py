"""What `unet-book train` makes of a folder: its recipe, and which images it keeps."""

import json

import numpy as np
import pytest
import tifffile

from unet_book import checkpoint, cli, datasets, fitting, run
from unet_book.cli import inputs
from unet_book.cli import train as command
from unet_book.datasets import phantom
from unet_book.finder import CellFinder, fingerprint
from unet_book.magnification import common_diameter
from unet_book.training import choices


def write_folder(folder, count, shape=(60, 66)):
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for i, (image, labels) in enumerate(zip(*phantom.stack("cells", count, shape, seed=0))):
        tifffile.imwrite(folder / "images" / f"day{i % 3}-{i}.tif", np.uint16(4000 * image))
        datasets.write_labels(folder / "masks" / f"day{i % 3}-{i}.tif", labels)
    return folder


def chosen(folder, *more):
    """The recipe and the parts that a command line means."""
    words = ["train", "--data", folder, "--out", folder / "none", "--device", "cpu", *more]
    choice = cli.parser().parse_args([*map(str, words)])
    inputs.check_numbers(choice)
    data, held_out = inputs.parts(choice, (1, 99.8))
    return command.preset_of(choice, data, held_out, "cpu"), data, held_out


@pytest.mark.usefixtures("arithmetic")
def test_the_recipe_follows_from_the_cells_and_the_minutes(tmp_path):
    folder = write_folder(tmp_path / "mine", 10)
    preset, data, held_out = chosen(folder)
    diameter = choices.median_diameter(data.labels)
    assert preset == choices.recipe(diameter, 60, preset.steps)
    assert preset.steps == choices.steps_for(preset, 2)
    assert chosen(folder, "--minutes", 7)[0].steps == choices.steps_for(preset, 7)
    assert chosen(folder, "--steps", 77)[0] == choices.recipe(diameter, 60, 77)
    assert (len(data), len(held_out)) == (8, 2)


def enlarge(folder, stem):
    """Make the image and the mask of a folder three times as large."""
    for kind in ("images", "masks"):
        path = folder / kind / f"{stem}.tif"
        tifffile.imwrite(path, np.kron(tifffile.imread(path), np.ones((3, 3), np.uint16)))


@pytest.mark.usefixtures("arithmetic")
def test_cells_of_several_sizes_are_brought_to_one_and_a_network_keeps_its_own(tmp_path, capsys):
    folder = write_folder(tmp_path / "mine", 10)
    enlarge(folder, "day1-1")
    preset, data, _ = chosen(folder)
    common = common_diameter(data)
    assert common and preset == choices.recipe_for(data, preset.steps)
    first = ["train", "--data", folder, "--device", "cpu", "--steps", 1]
    assert cli.main([*first, "--out", tmp_path / "a"]) == 0
    assert CellFinder.load(tmp_path / "a" / run.MODEL, "cpu").diameter == common
    assert json.loads((tmp_path / "a" / run.RECORD).read_text())["diameter"] == common
    alike = write_folder(tmp_path / "alike", 5)
    more = ["train", "--data", alike, "--device", "cpu", "--hold-out", "day0-0", "--steps", 1]
    assert cli.main([*more, "--from", tmp_path / "a", "--out", tmp_path / "b"]) == 0
    assert CellFinder.load(tmp_path / "b" / run.MODEL, "cpu").diameter == common
    assert cli.main([*first, "--preset", "quick", "--out", tmp_path / "c"]) == 0
    assert CellFinder.load(tmp_path / "c" / run.MODEL, "cpu").diameter is None


@pytest.mark.usefixtures("arithmetic")
def test_the_trainings_of_a_cross_validation_share_the_minutes(tmp_path):
    folder = write_folder(tmp_path / "mine", 9)
    preset, data, held_out = chosen(folder, "--minutes", 8)
    assert held_out is None and len(data) == 9
    assert preset.steps == choices.steps_for(preset, 2)  # three folds and the last one


@pytest.mark.parametrize(
    "names, kept",
    [
        (["day0*"], ["day0-0", "day0-3"]),
        (["day2-2", "day1-1", "day1-1"], ["day1-1", "day2-2"]),
    ],
)
def test_images_are_held_out_by_name(tmp_path, names, kept):
    folder = write_folder(tmp_path / "mine", 4)
    _, data, held_out = chosen(folder, "--steps", 5, "--hold-out", *names)
    assert held_out.names == kept
    assert sorted(data.names + held_out.names) == ["day0-0", "day0-3", "day1-1", "day2-2"]


@pytest.mark.parametrize(
    "names, word",
    [(["day7*"], "day0-0"), (["*"], "none is left"), (["day0-0", "x"], "--hold-out x")],
)
def test_names_that_fit_nothing_or_all_are_refused(tmp_path, names, word):
    folder = write_folder(tmp_path / "mine", 4)
    with pytest.raises(ValueError, match=word):
        chosen(folder, "--hold-out", *names)


@pytest.mark.parametrize(
    "options", [("--minutes", 2, "--steps", 3), ("--minutes", 0), ("--minutes", "nan")]
)
def test_minutes_that_can_not_be_are_refused(tmp_path, options):
    with pytest.raises(ValueError, match="minutes"):
        chosen(tmp_path, *options)


@pytest.mark.usefixtures("arithmetic")
def test_a_folder_of_few_images_gives_a_finder_that_trained_on_all(tmp_path, capsys):
    folder, out = write_folder(tmp_path / "mine", 3), tmp_path / "out"
    words = ["train", "--data", folder, "--out", out, "--device", "cpu", "--steps", 2]
    assert cli.main(words) == 0
    finder = CellFinder.load(out / run.MODEL, "cpu")
    images = datasets.load(folder, "all").images
    assert finder.seen == tuple(map(fingerprint, images))
    assert finder.percentiles == (1, 99.8)
    record = json.loads((out / run.RECORD).read_text())
    assert len(record["held_out"]) == 3 and record["rule"]["threshold"] == finder.rule.threshold
    assert len([*out.glob("fold*")]) == 3
    page = (out / run.REPORT).read_text()
    said = capsys.readouterr().out
    assert "day1-1" in page and "cells" in page and str(out / run.REPORT) in said
    before = (out / run.MODEL).read_bytes()
    assert cli.main(words) == 0 and (out / run.MODEL).read_bytes() == before


@pytest.mark.usefixtures("arithmetic")
def test_a_training_goes_on_from_a_network_of_another_shape_than_the_recipes(tmp_path):
    folder = write_folder(tmp_path / "mine", 4)
    first = ["train", "--data", folder, "--device", "cpu", "--hold-out", "day0-0"]
    assert cli.main([*first, "--out", tmp_path / "a", "--preset", "quick", "--steps", 2]) == 0
    how = ["--from", tmp_path / "a", "--out", tmp_path / "b", "--steps", 1]
    assert cli.main([*first, *how]) == 0
    network = checkpoint.load_model(tmp_path / "b" / run.MODEL)
    assert (network.base_channels, network.depth) == (16, 3)


@pytest.mark.usefixtures("arithmetic")
def test_a_training_that_was_broken_off_keeps_its_number_of_steps(tmp_path, monkeypatch):
    """Elsewhere the same minutes are other steps; it would be refused as another recipe."""
    folder = write_folder(tmp_path / "mine", 4)
    words = ["train", "--data", folder, "--out", tmp_path / "a", "--device", "cpu"]
    words += ["--hold-out", "day0-0"]
    monkeypatch.setattr(choices, "steps_for", lambda *_: 3)
    assert cli.main(words) == 0
    monkeypatch.setattr(choices, "steps_for", lambda *_: 4)
    assert cli.main(words) == 0
    assert cli.main([*words, "--minutes", 5]) == 2


def test_one_image_is_refused(tmp_path):
    with pytest.raises(ValueError, match="one image"):
        chosen(write_folder(tmp_path / "mine", 1))
    assert fitting.folds(2) == [[0], [1]]


@pytest.mark.usefixtures("arithmetic")
def test_a_report_that_is_somebodys_own_is_told_before_the_training(tmp_path, capsys):
    folder, out = write_folder(tmp_path / "mine", 3), tmp_path / "out"
    out.mkdir()
    (out / run.REPORT).write_text("my own notes")
    words = ["train", "--data", folder, "--out", out, "--device", "cpu", "--steps", 2]
    assert cli.main(words) == 2
    assert "report.html" in capsys.readouterr().err
    assert (out / run.REPORT).read_text() == "my own notes"
    assert not (out / run.CHECKPOINT).exists()
