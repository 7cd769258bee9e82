"""What is wrong with a command is told before torch, which takes seconds, is imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

import unet_book
from unet_book import checkpoint, cli, training
from unet_book.cli import train
from unet_book.finder import CellFinder
from unet_book.pages import reproduce
from unet_book.unet import UNet

# Each command, run in the folder that `place` makes, and a part of the line that it must say.
ERRORS = {
    "fetch nuclii": "'nuclii' can't be fetched",
    "train --data nowhere --out o": "'nowhere' is neither a data set nor a folder",
    "train --data empty --out o": "images is missing",
    "train --data no-images --out o": "no image in it",
    "train --data unpaired --out o": "no mask for it",
    "train --data other-size --out o": "both must have the same",
    "train --data classes --out o": "--classes 1",
    "train --data good --out o --preset quik": "invalid choice: 'quik'",
    "train --data good --out o --precision fp8": "invalid choice: 'fp8'",
    "train --data good --out o --stepps 3": "unrecognized arguments: --stepps 3",
    "train --data good --out o --steps 0": "steps must be a whole number",
    "train --data good --out o --seed -1": "seed is a whole number",
    "train --data good --out a-file": "a-file is a file",
    "train --data good --out a-file/o": "a-file is a file",
    "train --data good --out finished": "whose checkpoint is gone",
    "train --data good --out damaged": "is damaged",
    "train --data good --out o --from nowhere": "there is no trained network",
    "train --data good --out o --from empty": "there is no trained network",
    "train --data good --out o --from bad.safetensors": "is damaged",
    "predict nowhere good/images --out o": "there is no trained network",
    "predict bad.safetensors good/images --out o": "is damaged",
    "predict other.safetensors good/images --out o": "not a checkpoint of unet_book",
    "predict three.safetensors good/images --out o": "knows 3 classes",
    "predict net.safetensors --out o": "give either image files or --data",
    "predict net.safetensors good/images --data good --out o": "give either image files or --data",
    "predict net.safetensors no.tif --out o": "no such file",
    "predict net.safetensors a-file --out o": "can't be read",
    "predict net.safetensors *.jpg --out o": "no file has such a name",
    "predict net.safetensors empty --out o": "no image in it",
    "predict net.safetensors good/images good/../good/images --out o": "would both give",
    "predict net.safetensors good/images --out a-file": "a-file is a file",
    "predict net.safetensors good/images/0.tif --out taken": "not of this program",
    "predict net.safetensors --data good --split half --out o": "split='half'",
    "predict net.safetensors good/images --out taken --table": "cells.csv is not of this program",
    "predict net.safetensors good/images --out o --threshold 1": "--threshold is above 0",
    "predict net.safetensors good/images --out o --diameter 0": "--diameter is a number of pixels",
    "predict net.safetensors good/images --out o --min-size -1": "--min-size counts pixels, from 0",
    "predict net.safetensors good --out o": "name one of the folders in it, such as good/images",
    "evaluate nowhere --data good": "there is no trained network",
    "evaluate net.safetensors --data nowhere": "neither a data set nor a folder",
    "evaluate net.safetensors --data good --split half": "split='half'",
    "evaluate net.safetensors --data good --csv taken/cells.csv": "is not of this program",
    "evaluate net.safetensors --data good --csv a-file/b.csv": "a-file is a file",
    "export nowhere --out o": "there is no trained network",
    "export bad.safetensors --out o": "is damaged",
    "export three.safetensors --out o": "knows 3 classes",
    "export net.safetensors --out o.pt": "ends in .onnx or .zip",
    "export net.safetensors --out o.zip --format onnx": "a file of onnx ends in .onnx",
    "export net.safetensors --out o --author me": "--author is for --format bioimageio",
    "export net.safetensors --out o.zip --name U": "a name is 5 to 128",
    "export net.safetensors --out o.zip": "which gray values were 0 and 1",
    "export net.safetensors --out a-file": "a-file is a file",
    "export net.safetensors --out a-file/o.onnx": "a-file is a file",
    "export found.safetensors --out o.zip --image a-file": "can't be read",
    "reproduce isbi2013 --out o": "tables are isbi2012",
    "reproduce isbi2012 --out o --part fold9": "not 'fold9'",
    "reproduce isbi2012 --out a-file": "a-file is a file",
    "evalute net.safetensors": "invalid choice: 'evalute'",
    "--help": "images/*.tif",
    "--version": unet_book.__version__,
}

PROGRAM = """
import contextlib, io, json, shlex, sys
from unet_book import cli

said = {}
for line in json.load(sys.stdin):
    with contextlib.redirect_stderr(io.StringIO()) as told, contextlib.redirect_stdout(told):
        try:
            status = cli.main(shlex.split(line))
        except SystemExit as end:
            status = end.code
    said[line] = status, told.getvalue(), "torch" in sys.modules
json.dump(said, sys.stdout)
"""


GRAY = np.zeros((40, 44), np.uint8)


def pairs(folder, image=GRAY, mask=None):
    """A data folder of two images and, if there is a mask, two of it."""
    for part, pixels in (("images", image), ("masks", mask)):
        (folder / part).mkdir(parents=True)
        for i in range(2 if pixels is not None else 0):
            tifffile.imwrite(folder / part / f"{i}.tif", pixels)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with everything that can be wrong in a command."""
    place = tmp_path_factory.mktemp("place")
    labels = np.kron(np.arange(12).reshape(3, 4), np.ones((12, 11))).astype(np.uint16)
    dotted = np.kron(np.tile([[0, 1, 0, 2]], (10, 1)), np.ones((4, 11)))[:40]
    dotted[::4] = 0
    pairs(place / "good", np.zeros((36, 44), np.uint8), labels)
    pairs(place / "other-size", mask=labels)
    pairs(place / "classes", mask=dotted.astype(np.uint8))
    pairs(place / "unpaired")
    tifffile.imwrite(place / "unpaired" / "masks" / "other.tif", labels)
    pairs(place / "no-images", None)
    for name in ("empty", "finished", "damaged", "taken"):
        (place / name).mkdir()
    (place / "a-file").write_text("mine")
    tifffile.imwrite(place / "taken" / "0_cells.tif", labels)
    (place / "taken" / "cells.csv").write_text("image,cell\n")
    checkpoint.save(place / "net.safetensors", UNet(base_channels=1, depth=1))
    checkpoint.save(place / "three.safetensors", UNet(base_channels=1, depth=1, num_classes=3))
    CellFinder(UNet(base_channels=1, depth=1)).save(place / "found.safetensors")
    whole = (place / "net.safetensors").read_bytes()
    (place / "finished" / "model.safetensors").write_bytes(whole)
    (place / "bad.safetensors").write_bytes(whole[:-9])
    (place / "damaged" / "checkpoint.safetensors").write_bytes(b"half a file")
    (place / "other.safetensors").write_bytes(checkpoint.to_bytes({"a": torch.zeros(1)}))
    return place


@pytest.fixture(scope="module")
def told(place):
    """What each command says, all in one program."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([*ERRORS]),
        capture_output=True,
        text=True,
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(Path(unet_book.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("line", ERRORS)
def test_it_is_told_without_torch(told, line):
    status, words, with_torch = told[line]
    assert status in ([0] if line in ("--help", "--version") else [1, 2])
    assert ERRORS[line] in words and "Traceback" not in words
    assert not with_torch


def test_nothing_is_made_by_a_command_that_is_refused(place, told):
    made = [path.name for path in place.iterdir()]
    assert told and "o" not in made and (place / "a-file").read_text() == "mine"
    assert [path.name for path in (place / "finished").iterdir()] == ["model.safetensors"]


def test_the_words_of_the_command_line_are_those_of_what_it_calls():
    assert list(cli.PRESETS) == [train.OWN, *training.PRESETS]
    assert cli.PRECISIONS == training.engine.WORDS["precision"]
    parts = {name: [part.name for part in table.parts] for name, table in reproduce.TABLES.items()}
    assert cli.PARTS == parts
