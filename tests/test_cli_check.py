"""``unet-book check``, and the same check before a training: what is told, when, and the status."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import unet_book
from unet_book import cli
from unet_book.cli import check as room
from unet_book.cli import inputs
from unet_book.datasets.inspection import inspect
from unet_book.magnification import common_diameter
from unet_book.training import choices

HEIGHT, WIDTH = 64, 80


def drawn(seed):
    """Twelve bright squares of 64 px on 5,120, in noise, and their labels; two of them touch."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint16)
    for number in range(12):
        row, column = 4 + 20 * (number // 4), 4 + 19 * (number % 4)
        labels[row : row + 8, column : column + 8] = number + 1
    labels[4:12, 12:20] = 13
    noise = np.random.default_rng(seed).integers(0, 30, labels.shape)
    noise[0, :2] = 0, 29
    return np.uint8(20 + 150 * (labels > 0) + noise), labels


def write(folder, count=10):
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for i in range(count):
        gray, labels = drawn(i)
        tifffile.imwrite(folder / "images" / f"im{i:02}.tif", gray)
        tifffile.imwrite(folder / "masks" / f"im{i:02}.tif", labels)
    return folder


def change(path, how):
    tifffile.imwrite(path, how(tifffile.imread(path)), photometric="minisblack")


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "mine")


@pytest.fixture
def say(capsys):
    """Runs a command; gives its status and its lines."""

    def run(*words):
        status = cli.main(words)
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err.splitlines()

    return run


@pytest.fixture
def no_plan(monkeypatch):
    """What a training will do depends on the processor."""
    from unet_book.cli import plan

    monkeypatch.setattr(plan, "lines", lambda *_: ["(the plan)"])


def spoil(folder):
    """Three faults that stop a training, and one doubt."""
    change(folder / "masks" / "im01.tif", lambda labels: labels[:30])
    (folder / "masks" / "im02.tif").unlink()
    (folder / "images" / "im03.tif").write_bytes(b"II*\0")
    change(folder / "images" / "im04.tif", lambda gray: 0 * gray)
    return folder


# ---- the table and the list


@pytest.mark.usefixtures("no_plan")
def test_the_table_has_a_line_an_image(say, folder):
    gray = tifffile.imread(folder / "images" / "im01.tif")
    Image.fromarray(np.dstack([gray] * 3)).save(folder / "images" / "im01.tif")
    change(folder / "masks" / "im02.tif", lambda labels: np.int16(np.where(labels, labels, -1)))
    status, lines, errors = say("check", folder)
    assert status == 0 and errors == []
    assert lines[0] == f"{folder}: 10 images with masks"
    table = [[word.strip() for word in line.split("  ") if word.strip()] for line in lines[2:6]]
    assert table[0] == [head.replace("_", " ") for head in room.HEADS]
    cells = ["13", "9 px", "16.2%", "2"]  # 13 * 64 / 5120; 2 * sqrt(64 / pi) = 9.03
    assert table[1] == ["im00", "64 x 80", "8 bit", "YX", "20 to 199", *cells, "-"]
    assert table[2] == ["im01", "64 x 80", "8 bit", "YXS, 3 channels", "20 to 199", *cells, "-"]
    assert table[3] == ["im02", "64 x 80", "8 bit", "YX", "20 to 199", *cells, "83.8%"]


def test_of_many_images_those_alike_share_a_line(say, tmp_path):
    folder = write(tmp_path / "mine", 30)
    for i in range(25, 30):
        for part in ("images", "masks"):
            change(folder / part / f"im{i}.tif", lambda pixels: pixels[:60])
    change(folder / "images" / "im24.tif", lambda gray: np.uint16(gray) * 16)
    found = inspect(folder)
    rows = [" ".join(line.split()) for line in room.table(found)[1:]]
    assert rows == [
        "24 images 64 x 80 8 bit YX 20 to 199 13 9 px 16.2% 48 -",
        "5 images 60 x 80 8 bit YX 20 to 199 13 9 px 17.3% 10 -",
        "1 image 64 x 80 16 bit YX 320 to 3184 13 9 px 16.2% 2 -",
    ]
    assert room.summary(found) == [
        "30 pairs, 60 x 80 to 64 x 80, 16 bit and 8 bit; in the masks each cell has a number",
        "390 cells, 13 an image; 60 of them touch another",
        "diameter of a cell: 9 px in the middle, four of five are 9 to 9 px",
        "pixels in cells: 16.4%, in an image 16.2% to 17.3%; all annotated",
    ]


def test_many_sizes_share_a_line_too(tmp_path):
    folder = write(tmp_path / "mine", 14)
    for path in folder.rglob("*.tif"):
        change(path, lambda pixels, lost=int(path.stem[2:]): pixels[: 64 - lost])
    (row,) = room.table(inspect(folder))[1:]
    assert row.startswith("14 images  51 x 80 to 64 x 80  8 bit")


def test_touching_white_cells_can_not_be_counted(folder):
    for path in (folder / "masks").iterdir():
        change(path, lambda labels: np.uint8(255 * (labels > 0)))
    found = inspect(folder)
    assert room.table(found)[1].split()[-3:] == ["16.2%", "-", "-"]
    assert room.summary(found)[0].endswith("black and white masks: each white piece is a cell")
    assert room.summary(found)[1] == "120 cells, 12 an image"


def test_errors_and_doubts_are_told_apart_and_all_of_them(say, folder):
    status, lines, errors = say("check", spoil(folder))
    assert status == 1 and errors == []
    doubt = lines.index("Doubtful, though it would train:")
    stop = lines.index("This would not train. To mend:")
    assert [line.partition(":")[0] for line in lines[stop + 1 : doubt - 1]] == [
        "- images/im02.tif",
        "- masks/im01.tif",
        "- images/im03.tif",
    ]
    assert [line.partition(":")[0] for line in lines[doubt + 1 : -1]] == [
        "- 9 images; of fewer than 10 each is held out in turn (cross-validation)",
        "- images/im04.tif",
    ]
    assert not any("What training will do" in line for line in lines)


@pytest.mark.parametrize("count", [0, 1])
def test_a_folder_with_nothing_to_learn_from_is_status_1(say, tmp_path, count):
    status, lines, errors = say("check", write(tmp_path / "mine", count))
    assert status == 1 and errors == [] and "This would not train. To mend:" in lines


def test_what_is_wrong_with_the_command_itself_is_status_2(say, folder):
    for words, told in [
        (["check", folder / "nowhere"], "no such folder"),
        (["check", folder, "--minutes", "0"], "minutes must be above 0"),
        (["check", folder, "--device", "toaster"], "toaster"),
    ]:
        status, _, errors = say(*words)
        assert status == 2 and told in errors[-1]


@pytest.mark.usefixtures("no_plan")
def test_nothing_is_written(say, folder):
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    say("check", folder)
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


# ---- what it will do


@pytest.mark.usefixtures("arithmetic")
def test_the_plan_is_told(say, folder):
    lines = say("check", folder, "--minutes", 3, "--device", "cpu")[1]
    plan = lines[lines.index("What training will do:") + 1 :]
    first = choices.recipe(2 * np.sqrt(64 / np.pi), HEIGHT)
    steps = choices.steps_for(first, 3)
    assert plan[:4] == [
        "- gray values: of each image percentile 1 becomes 0 and 99.8 becomes 1",
        "- held out: im08 and im09",
        f"- network: depth {first.depth}, {first.base_channels} channels, tiles of {first.tile} x "
        f"{first.tile} px",
        f"- steps: {steps:,}, about 3 minutes in all on this CPU",
    ]
    assert plan[5] == f"unet-book train --data {folder} --out runs/mine --minutes 3 --device cpu"


@pytest.mark.usefixtures("arithmetic")
def test_few_images_take_turns_and_the_minutes_are_shared(say, tmp_path):
    folder = write(tmp_path / "mine", 6)
    text = "\n".join(say("check", folder, "--minutes", 8, "--device", "cpu")[1])
    steps = choices.steps_for(choices.recipe(9.03, HEIGHT), 2)
    assert "- 6 images; of fewer than 10 each is held out in turn (cross-validation)" in text
    assert "- held out: each image in turn, in 3 trainings; a last one learns from all" in text
    assert f"- steps: {steps:,} a training, about 8 minutes in all" in text


@pytest.mark.usefixtures("arithmetic")
def test_named_images_are_held_out(say, folder):
    text = "\n".join(say("check", folder, "--hold-out", "im03", "im0[12]")[1])
    assert "- held out: im01, im02 and im03" in text and "--hold-out im03 'im0[12]'" in text
    status, lines, _ = say("check", folder, "--hold-out", "im77")
    assert status == 1
    assert "- --hold-out im77: no image is called so; there are im00, im01, im02 and 7 others" in (
        lines
    )


@pytest.mark.usefixtures("arithmetic")
@pytest.mark.parametrize("count", [6, 10])
@pytest.mark.parametrize("minutes", [None, 7.0])
def test_the_plan_is_what_a_training_does(tmp_path, count, minutes):
    from unet_book.cli import plan, train

    folder = write(tmp_path / "mine", count)
    small = np.kron(np.arange(1, 321, dtype=np.uint16).reshape(16, 20), np.ones((4, 4), np.uint16))
    for path in (folder / "masks").glob("im0[89].tif"):  # held out: their cells don't count
        tifffile.imwrite(path, small)
    for path in folder.rglob("*.tif"):
        times = 9 if path.stem == "im05" else 3  # whose cells are brought to the others' size
        change(path, lambda pixels, n=times: np.kron(pixels, np.ones((n, n), pixels.dtype)))
    line = ["train", "--data", str(folder), "--out", str(tmp_path / "out")]
    choice = cli.parser().parse_args(line + (["--minutes", str(minutes)] if minutes else []))
    data, held_out = inputs.parts(choice, (1.0, 99.8))
    cpu = torch.device("cpu")
    found = plan.preset_for(inspect(folder), minutes or train.MINUTES, cpu)
    assert found == train.preset_of(choice, data, held_out, cpu)
    choice = cli.parser().parse_args(["check", str(folder), "--device", "cpu"])
    (told,) = [line for line in plan.lines(inspect(folder), choice) if "size of cells" in line]
    common = common_diameter(data)
    assert told == (
        f"- size of cells: images are resampled until the cell in the middle has {common:.0f} px"
    )


# ---- before torch

PROGRAM = """
import json, sys, types
from unet_book import cli

sys.modules["unet_book.cli.plan"] = types.SimpleNamespace(lines=lambda *_: ["(the plan)"])
with_torch = {}

class Watched:
    def write(self, text):
        for line in text.splitlines():
            with_torch.setdefault(line, [name in sys.modules for name in %s])
    def flush(self):
        pass

sys.stdout, out = Watched(), sys.stdout
status = cli.main(json.loads(sys.argv[1]))
json.dump([status, with_torch], out)
"""
SLOW = ["torch", "numba", "matplotlib", "scipy.sparse", "scipy.ndimage", "requests"]


def watched(*words):
    """The status of a command, and for each of its lines which slow packages were there by then."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM % SLOW, json.dumps([*map(str, words)])],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(unet_book.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    status, lines = json.loads(done.stdout)
    return status, {
        line: [name for name, there in zip(SLOW, some) if there] for line, some in lines.items()
    }


def test_the_table_and_the_list_come_before_torch_and_all_that_is_slow(folder):
    change(folder / "images" / "im04.tif", lambda gray: 0 * gray)
    for path in (folder / "masks").iterdir():  # black and white takes most looking at
        change(path, lambda labels: np.uint8(255 * (labels > 0)))
    status, lines = watched("check", folder)
    assert status == 0
    told = list(lines)
    assert told[-1] == "(the plan)" and len(told) > 15
    assert any("im04.tif: every pixel is 0" in line for line in told)
    assert not any(lines.values())


def test_where_it_would_not_train_nothing_slow_is_imported_at_all(folder):
    status, lines = watched("check", spoil(folder))
    assert status == 1 and lines and not any(lines.values())


# ---- before a training


def test_a_training_is_refused_with_all_that_is_wrong(say, folder, tmp_path, monkeypatch):
    status, lines, errors = say("train", "--data", spoil(folder), "--out", tmp_path / "out")
    assert status == 2 and lines == [] and not (tmp_path / "out").exists()
    told = [line.removeprefix(f"unet-book: {folder}/").partition(":")[0] for line in errors]
    assert told == ["images/im02.tif", "masks/im01.tif", "images/im03.tif"]


def test_a_training_begins_with_the_summary_and_the_doubts_each_told_once(
    say, folder, tmp_path, monkeypatch
):
    from unet_book.cli import train

    began = []
    monkeypatch.setattr(train, "train", lambda *arguments: began.append(arguments))
    for path in (folder / "masks").iterdir():
        soft = Image.fromarray(np.uint8(255 * (tifffile.imread(path) > 0)))
        soft.save(path.with_suffix(".jpg"), quality=80)
        path.unlink()
        tifffile.imwrite(path, np.array(Image.open(path.with_suffix(".jpg"))))
        path.with_suffix(".jpg").unlink()
    status, lines, errors = say("train", "--data", folder, "--out", tmp_path / "out")
    assert status == 0 and len(began) == 1 and errors == []
    assert lines[:4] == room.summary(inspect(folder))
    assert lines[4] == "doubtful:" and "gray edges" in lines[5] and len(lines) == 7


def test_the_data_sets_of_the_book_are_not_checked(say, tmp_path, monkeypatch):
    from unet_book.cli import train

    monkeypatch.setattr(train, "train", lambda *arguments: None)
    assert say("train", "--data", "nuclei", "--out", tmp_path) == (0, [], [])


def test_one_of_several_processes_speaks(say, folder, tmp_path, monkeypatch):
    from unet_book.cli import train

    monkeypatch.setattr(train, "train", lambda *arguments: None)
    monkeypatch.setenv("RANK", "1")
    assert say("train", "--data", folder, "--out", tmp_path) == (0, [], [])


# ---- traps without an error


def test_inverted_masks_train_no_longer_in_silence(say, folder, tmp_path, monkeypatch):
    from unet_book.cli import train

    monkeypatch.setattr(train, "train", lambda *arguments: None)
    for path in (folder / "masks").iterdir():
        change(path, lambda labels: np.uint8(255 * (labels == 0)))
    lines = say("train", "--data", folder, "--out", tmp_path)[1]
    assert "one object covers 84% of the image. Is the mask inverted?" in "\n".join(lines)


@pytest.mark.usefixtures("no_plan")
def test_padding_that_deceives_is_doubted(say, folder):
    for part in ("images", "masks"):
        change(folder / part / "im05.tif", lambda pixels: np.pad(pixels, ((0, 40), (0, 40))))
    text = "\n".join(say("check", folder)[1])
    # 1 - 64 * 80 / (104 * 120)
    assert "images/im05.tif: 59% of it is a frame of one value: was it padded?" in text


def test_the_competitions_folder_one_too_high_names_the_right_one(say, folder, tmp_path):
    place = tmp_path / "dsb" / "stage1_train" / "id0"
    place.mkdir(parents=True)
    shutil.move(folder / "images", place), shutil.move(folder / "masks", place)
    status, lines, _ = say("check", tmp_path / "dsb")
    assert status == 1 and "Such folders are in stage1_train: give that" in "\n".join(lines)
