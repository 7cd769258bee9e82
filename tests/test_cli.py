"""The command line, from images in a folder to cells in a file, and what it says when it can't."""

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from command_line import run, write_folder
from PIL import Image

import unet_book
from unet_book import checkpoint, cli, datasets, training
from unet_book import run as run_room
from unet_book.augmentation import Augmentation
from unet_book.cli import inputs
from unet_book.datasets import phantom
from unet_book.training import Preset
from unet_book.unet import UNet
from unet_book.weight_map import part_touching_cells

TINY = Preset(
    base_channels=2,
    depth=1,
    tile=44,
    steps=60,
    optimizer="adam",
    learning_rate=1e-2,
    dropout=0.0,
    schedule="cosine",
    balance=False,
    w0=0.0,
    measure_every=30,
    augmentation=Augmentation.none(),
)


@pytest.fixture(autouse=True)
def tiny_preset(monkeypatch):
    monkeypatch.setitem(training.PRESETS, "quick", TINY)
    monkeypatch.setattr(inputs, "FEW", 0)  # no cross-validation, but where a test asks for it


def train(folder, out, *more):
    return run("train", "--data", folder, "--out", out, "--device", "cpu", *more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "my cells", 4)


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory, arithmetic):
    """The folder that one training left; tests must not write into it."""
    out = tmp_path_factory.mktemp("runs") / "a run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(training.PRESETS, "quick", TINY)
        patch.setattr(inputs, "FEW", 0)
        assert train(folder, out, "--seed", 2) == 0
    return out


@pytest.fixture
def image(tmp_path):
    """One gray image as a PNG."""
    path = tmp_path / "one.png"
    Image.fromarray(np.uint8(255 * phantom.cells((47, 53), seed=5)[0])).save(path)
    return path


# Help --------------------------------------------------------------------------------------------


HELP = {
    "fetch": ["name"],
    "train": [
        "--data",
        "--preset",
        "--out",
        "--steps",
        "--seed",
        "--device",
        "--precision",
        "--compile",
        "--from",
        "--log",
        "--hold-out",
        "--minutes",
        "--classes",
        "--ignore",
    ],
    "predict": [
        "TRAINED",
        "images",
        "--data",
        "--split",
        "--out",
        "--table",
        "--overlay",
        "--numbers",
        "--rois",
        "--geojson",
        "--probability",
        "--threshold",
        "--min-size",
        "--diameter",
        "--device",
        "--channel",
    ],
    "evaluate": ["TRAINED", "--data", "--split", "--csv", "--device"],
    "export": ["TRAINED", "--out", "--format", "--image", "--channel", "--author", "--license"],
}


def help_of(capsys, *command):
    with pytest.raises(SystemExit) as end:
        run(*command, "--help")
    assert end.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", HELP)
def test_help_of_a_command_names_its_arguments(capsys, command):
    text = help_of(capsys, command)
    assert [name for name in HELP[command] if name not in text] == []


def test_help_names_the_commands_and_how_to_arrange_images(capsys):
    text = help_of(capsys)
    words = [*HELP, "images/*.tif", "masks/*.tif", "black and white masks"]
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    "line",
    [line.strip() for line in cli.EXAMPLES.splitlines() if line.strip().startswith("unet-book")],
)
def test_the_examples_in_the_help_are_commands_that_exist(line):
    assert callable(cli.parser().parse_args(line.split()[1:]).run)


def test_every_data_set_is_named_where_one_is_asked_for(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")  # no name is broken at its hyphen
    text = help_of(capsys, "train")
    assert [name for name in datasets.names() if name not in text] == []


def test_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit):
        run("--version")
    assert capsys.readouterr().out == f"unet-book {unet_book.__version__}\n"


def test_it_runs_as_a_program_of_its_own(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "unet_book.cli", "train", "--data", "nowhere", "--out", tmp_path],
        capture_output=True,
        text=True,
        cwd=Path(unet_book.__file__).parents[1],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("unet-book: 'nowhere' is neither a data set nor a folder")
    assert done.stderr.count("\n") == 1


# From images to cells ----------------------------------------------------------------------------


def test_fetch_says_where_the_data_set_lies(capsys):
    assert run("fetch", "nuclei") == 0
    assert (Path(capsys.readouterr().out.strip()) / "image.tif").is_file()


def test_training_leaves_the_network_that_it_trained(trained, folder):
    data, held_out = (datasets.load(folder, split) for split in ("train", "test"))
    how = {"seed": 2, "device": "cpu", "progress": False, "engine": training.Engine()}
    expected = training.train(data, TINY, held_out, **how).model
    model = checkpoint.load_model(trained / run_room.MODEL)
    assert all(a.equal(b) for a, b in zip(model.parameters(), expected.parameters()))


@pytest.mark.usefixtures("arithmetic")
def test_training_prints_its_held_out_error_beside_the_majoritys(folder, tmp_path, capsys):
    assert train(folder, tmp_path / "a", "--steps", 3) == 0
    out = capsys.readouterr().out
    assert "\n3 steps in " in out
    assert "% of the held-out pixels wrong; guessing the majority class gives " in out
    assert str(tmp_path / "a" / run_room.MODEL) in out


@pytest.mark.usefixtures("arithmetic")
def test_held_out_images_of_different_sizes_are_counted_pixel_by_pixel(tmp_path, capsys):
    data = write_folder(tmp_path / "data", 10)
    for kind in ("images", "masks"):
        path = data / kind / "9.tif"
        tifffile.imwrite(path, tifffile.imread(path)[:50, :60])
    assert train(data, tmp_path / "a", "--steps", 1) == 0
    assert run("evaluate", tmp_path / "a", "--data", data, "--device", "cpu") == 0
    trained, measured = capsys.readouterr().out.split("guessing the majority class gives ")
    labels = datasets.load(data, "test").labels
    assert [array.shape for array in labels] == [(60, 66), (50, 60)]
    cells = np.concatenate([part_touching_cells(array).ravel() > 0 for array in labels])
    assert measured.startswith(f"{min(cells.mean(), 1 - cells.mean()):.2%}")
    assert "8 of the 10 images trained the network and are left out" in measured
    assert "\ndata: 2 images, " in measured


def test_the_record_says_how_to_make_the_run_again(trained, folder):
    record = json.loads((trained / run_room.RECORD).read_text())
    assert record["command"] == (
        f"unet-book train --data '{folder}' --out '{trained}' --device cpu --seed 2 --preset quick"
    )
    assert record["data"] == str(folder)
    assert record["preset"] == asdict(TINY)
    assert record["seed"] == 2
    assert record["device"] == "CPU"
    assert record["threads"] == torch.get_num_threads()
    assert record["versions"]["torch"] == torch.__version__
    assert record["versions"]["unet_book"] == unet_book.__version__
    assert record["peak_memory_mib"] > 0 and "revision" in record
    assert record["resumed_from_step"] == 0
    assert record["seconds"] >= 0
    assert [entry["step"] for entry in record["history"]] == [30, 60]


def test_a_finished_training_is_not_repeated(trained, folder, monkeypatch, capsys):
    before = [path.read_bytes() for path in sorted(trained.iterdir())]
    monkeypatch.setattr(training, "training_step", None)
    assert train(folder, trained, "--seed", 2) == 0
    assert [path.read_bytes() for path in sorted(trained.iterdir())] == before
    assert "\n0 steps in " in capsys.readouterr().out


def test_the_same_command_into_another_folder_gives_the_same_file(trained, folder, tmp_path):
    assert train(folder, tmp_path, "--seed", 2) == 0
    assert (tmp_path / run_room.MODEL).read_bytes() == (trained / run_room.MODEL).read_bytes()


def test_ctrl_c_gives_130_and_the_same_command_goes_on(
    trained, folder, tmp_path, monkeypatch, capsys
):
    def interrupted(model, optimizer, tiles, step, whole=training.training_step):
        if step == 101:
            raise KeyboardInterrupt
        return whole(model, optimizer, tiles, step)

    with monkeypatch.context() as patch:
        patch.setattr(training, "training_step", interrupted)
        assert train(folder, tmp_path / "a", "--steps", 102) == 130
    message = capsys.readouterr().err
    assert message.startswith("unet-book: interrupted; the same command goes on")
    assert train(folder, tmp_path / "a", "--steps", 102) == 0
    assert json.loads((tmp_path / "a" / run_room.RECORD).read_text())["resumed_from_step"] == 100
    assert train(folder, tmp_path / "b", "--steps", 102) == 0
    models = [(tmp_path / name / run_room.MODEL).read_bytes() for name in "ab"]
    assert models[0] == models[1]


def test_ctrl_c_in_the_terminal_saves_the_step_and_the_same_command_goes_on(
    folder, tmp_path, monkeypatch, capsys
):
    def interrupted(model, optimizer, tiles, step, whole=training.training_step):
        if step == 2:
            signal.raise_signal(signal.SIGINT)
        return whole(model, optimizer, tiles, step)

    monkeypatch.setattr(training, "training_step", interrupted)
    assert train(folder, tmp_path / "a", "--steps", 5) == 130
    path = tmp_path / "a" / run_room.CHECKPOINT
    told = f"unet-book: stopped after step 3, saved in {path}; the same command goes on from there"
    assert told in capsys.readouterr().err
    assert train(folder, tmp_path / "a", "--steps", 5) == 0
    assert "\n2 steps in " in capsys.readouterr().out


@pytest.mark.usefixtures("arithmetic")
def test_the_record_says_how_the_training_was_computed(folder, tmp_path):
    assert train(folder, tmp_path, "--steps", 2, "--precision", "bf16") == 0
    engine = json.loads((tmp_path / run_room.RECORD).read_text())["engine"]
    assert (engine["precision"], engine["compile"]) == ("bf16", False)


@pytest.mark.usefixtures("arithmetic")
def test_of_several_processes_the_first_alone_writes_and_prints(
    folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("RANK", "1")
    assert train(folder, tmp_path, "--steps", 2) == 0
    assert capsys.readouterr().out == ""
    assert not (tmp_path / run_room.MODEL).exists() and not (tmp_path / run_room.RECORD).exists()


def test_predict_finds_cells_where_they_are(trained, tmp_path):
    image, labels = phantom.cells((90, 90), seed=11)
    tifffile.imwrite(tmp_path / "new.tif", np.uint8(255 * image))
    assert run("predict", trained, tmp_path / "new.tif", "--out", tmp_path) == 0
    cells = tifffile.imread(tmp_path / "new_cells.tif")
    assert cells.dtype == np.uint16
    assert np.mean((cells > 0) != (labels > 0)) < 0.15


# What can't be done ------------------------------------------------------------------------------


def test_an_unknown_data_set_is_refused_with_those_there_are(complaint, tmp_path):
    words = complaint("train", "--data", "nucleii", "--out", tmp_path)
    assert "'nucleii' is neither a data set nor a folder" in words
    assert "'nuclei'" in words


def test_a_data_set_that_cannot_be_fetched_is_refused(complaint):
    assert "'mitosis' can't be fetched" in complaint("fetch", "mitosis")


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_missing_network_is_refused(complaint, folder, tmp_path, command):
    more = ["--out", tmp_path / "out"] if command == "predict" else []
    for path in (tmp_path / "typo", tmp_path):
        words = complaint(command, path, "--data", folder, *more)
        assert f"there is no trained network {path}" in words


def test_a_damaged_checkpoint_is_refused_and_kept(complaint, folder, tmp_path):
    (tmp_path / run_room.CHECKPOINT).write_bytes(b"half a file")
    words = complaint("train", "--data", folder, "--out", tmp_path)
    assert f"{tmp_path / run_room.CHECKPOINT} is damaged" in words
    assert (tmp_path / run_room.CHECKPOINT).read_bytes() == b"half a file"


@pytest.mark.usefixtures("arithmetic")
def test_a_network_in_the_place_of_the_checkpoint_is_refused(complaint, trained, folder, tmp_path):
    (tmp_path / run_room.CHECKPOINT).write_bytes((trained / run_room.MODEL).read_bytes())
    words = complaint("train", "--data", folder, "--out", tmp_path)
    assert "holds a network only, not a training that could go on" in words


def test_another_training_in_the_folder_is_refused_and_kept(complaint, trained, folder):
    before = (trained / run_room.MODEL).read_bytes()
    words = complaint("train", "--data", folder, "--out", trained, "--seed", 9)
    assert "was trained with another seed (2, not 9)" in words
    assert words.endswith("start at another place; there --from begins with these weights")
    assert (trained / run_room.MODEL).read_bytes() == before


@pytest.mark.usefixtures("arithmetic")
def test_other_images_are_told_in_words(complaint, trained, tmp_path):
    more = write_folder(tmp_path / "more", 5)
    words = complaint("train", "--data", more, "--out", trained, "--seed", 2)
    assert "was trained with another data (other images or masks): go on as it began" in words


def test_nobody_has_to_listen(trained, folder, image, tmp_path, monkeypatch, capsys):
    """`| head` ends before the program does, and a service has closed its stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", os.fdopen(writer, "w"))
        assert run("predict", trained, image, "--out", tmp_path / "out") == 0
    assert os.listdir(tmp_path / "out") == ["one_cells.tif"] and not capsys.readouterr().err
    monkeypatch.setattr("sys.stderr", None)
    assert train(folder, tmp_path / "run", "--steps", 1) == 0


def test_two_trainings_do_not_share_a_folder(complaint, folder, tmp_path):
    with run_room.Folder(tmp_path).locked():
        words = complaint("train", "--data", folder, "--out", tmp_path)
    assert f"another training is at work there: process {os.getpid()}, since 20" in words


@pytest.mark.usefixtures("arithmetic")
def test_a_trained_network_without_its_checkpoint_is_not_replaced(complaint, folder, tmp_path):
    assert train(folder, tmp_path, "--steps", 2) == 0
    (tmp_path / run_room.CHECKPOINT).unlink()
    before = (tmp_path / run_room.MODEL).read_bytes()
    words = complaint("train", "--data", folder, "--out", tmp_path, "--seed", 4, "--steps", 2)
    assert "whose checkpoint is gone" in words
    assert (tmp_path / run_room.MODEL).read_bytes() == before


def test_a_training_may_begin_with_a_trained_network(complaint, trained, folder, tmp_path):
    how = ["--steps", 1, "--precision", "fp32"]
    assert train(folder, tmp_path / "a", *how, "--from", trained) == 0
    began, ended = (
        checkpoint.load_model(path / run_room.MODEL).state_dict()
        for path in (trained, tmp_path / "a")
    )
    apart = max((began[name] - ended[name]).abs().max() for name in began)
    assert 0 < apart < 0.05
    words = complaint("train", "--data", folder, "--out", tmp_path / "a", *how, "--device", "cpu")
    assert "another initializer (weights of " in words
    save = UNet(base_channels=3, depth=1)
    checkpoint.save(tmp_path / "other.safetensors", save)
    command = ["train", "--data", folder, "--out", tmp_path / "b", "--from"]
    assert run(*command, tmp_path / "other.safetensors", *how, "--device", "cpu") == 0
    assert checkpoint.load_model(tmp_path / "b" / run_room.MODEL).base_channels == 3


@pytest.mark.usefixtures("arithmetic")
def test_classes_and_unknown_pixels_are_named(complaint, tmp_path):
    kinds = write_folder(tmp_path / "kinds", 2, (150, 160))
    for path in (kinds / "masks").iterdir():
        labels = part_touching_cells(datasets.read_labels(path))
        path.unlink()
        tifffile.imwrite(path, np.where(labels > 0, 1 + labels % 2, 0).astype(np.uint8))
    assert "--classes 1" in complaint("train", "--data", kinds, "--out", tmp_path / "a")
    how = ["--steps", 1, "--precision", "fp32", "--classes", "1,2"]
    assert train(kinds, tmp_path / "a", *how) == 0


@pytest.mark.parametrize("device", ["toaster", "cuda:99", "meta", "mps"])
def test_an_unknown_device_is_refused(complaint, folder, tmp_path, device):
    words = complaint("train", "--data", folder, "--out", tmp_path, "--device", device)
    assert f"no device '{device}' here" in words and len(words) < 300


@pytest.mark.parametrize(
    "option, value, expected",
    [
        ("--steps", 0, "steps must be a whole number, 1 or more, not 0"),
        ("--seed", -1, "seed is a whole number from 0 to 2^63 - 1, not -1"),
    ],
)
def test_a_number_out_of_range_is_refused(complaint, folder, tmp_path, option, value, expected):
    assert complaint("train", "--data", folder, "--out", tmp_path, option, value) == expected


def test_a_file_in_the_place_of_the_folder_is_refused_and_kept(complaint, folder, tmp_path):
    (tmp_path / "out").write_text("mine")
    words = complaint("train", "--data", folder, "--out", tmp_path / "out")
    assert str(tmp_path / "out") in words
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_refused_before_training(complaint, folder, tmp_path):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write everywhere")
    words = complaint("train", "--data", folder, "--out", tmp_path)
    assert words == f"can't write into {tmp_path}"


@pytest.mark.usefixtures("arithmetic")
def test_a_disk_without_room_is_told_before_training(complaint, folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "posix_fallocate", full, raising=False)
    monkeypatch.setattr(training, "training_step", None)
    words = complaint("train", "--data", folder, "--out", tmp_path)
    assert "No space left on device; that needs" in words and "are free there" in words


@pytest.mark.usefixtures("arithmetic")
def test_a_log_without_its_package_is_refused_before_training(
    complaint, folder, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setattr(training, "training_step", None)
    words = complaint("train", "--data", folder, "--out", tmp_path, "--log", tmp_path / "log")
    assert words == (
        "log= writes event files, which needs the package tensorboard: "
        "pip install tensorboard, or unet_book[log]"
    )


def test_one_image_alone_cannot_be_trained_on_and_tested(complaint, tmp_path):
    data = write_folder(tmp_path / "one", 1)
    words = complaint("train", "--data", data, "--out", tmp_path / "out")
    assert "one image can't be cut into train and test" in words


@pytest.mark.usefixtures("arithmetic")
def test_a_loss_that_runs_away_is_told_in_one_line(complaint, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "training_step", lambda *_: torch.tensor(float("nan")))
    words = complaint("train", "--data", folder, "--out", tmp_path)
    assert "the loss of step 1 is nan: the learning rate, 0.01, is probably too high" in words


def test_a_message_of_several_lines_becomes_one(complaint, monkeypatch):
    def fail(name):
        raise OSError(f"{name}\nis\nfar away")

    monkeypatch.setattr(datasets, "fetch", fail)
    assert complaint("fetch", "isbi2012") == "isbi2012 is far away"


@pytest.mark.usefixtures("arithmetic")
def test_too_small_a_gpu_is_told_in_one_line(complaint, folder, tmp_path, monkeypatch):
    def fail(*_):
        raise torch.cuda.OutOfMemoryError("a page of numbers")

    monkeypatch.setattr(training, "training_step", fail)
    words = complaint("train", "--data", folder, "--out", tmp_path)
    assert words.startswith("the GPU's memory is too small for this")


def test_ctrl_c_outside_of_training_promises_nothing(monkeypatch, capsys):
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "fetch", interrupt)
    assert run("fetch", "isbi2012") == 130
    assert capsys.readouterr().err == "unet-book: interrupted\n"
