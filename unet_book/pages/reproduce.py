"""From a data set's images to the numbers beside the paper's tables: the book's long runs.

A *table* is a data set with a recipe; its *parts* are single trainings, each with its own held-out
images or its own seed. A part is trained, then scored, and each of the two leaves a file in the
work folder, so that a machine that goes down costs one part at most. When all parts are there the
table's record is put together from them.
"""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from unet_book import datasets, metrics, overlap_tile, training
from unet_book._arrays import ArrayLike
from unet_book._files import write_atomically
from unet_book.augmentation import Augmentation
from unet_book.checkpoint import load_model, peek, save
from unet_book.datasets.stack import Stack, together
from unet_book.gray import stretch
from unet_book.instances import Rule, find_cells
from unet_book.pages.results import best_threshold
from unet_book.provenance import circumstances, revision
from unet_book.training import Engine, Preset
from unet_book.training.distributed import choose_device
from unet_book.unet import UNet

__all__ = [
    "Part",
    "Table",
    "recipe",
    "contiguous_folds",
    "split",
    "indices",
    "stretched",
    "shrunk",
    "run_part",
    "place_of",
    "files",
    "weights_file",
    "score_membranes",
    "membrane_judge",
    "score_cells",
    "probabilities",
    "cells_of",
    "collect",
    "missing_parts",
    "write_json",
]

MARGIN = slice(datasets.CTC_MARGIN, -datasets.CTC_MARGIN)
AVERAGES = {"one pass": None, "8 symmetries": "symmetries", "7 rotations": "rotations"}
THRESHOLDS = np.arange(1, 20) / 20
RULES = [
    Rule(threshold, core, grow=grow)
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    for grow in range(3)
    for core in (None, 0.8, 0.9, 0.95, 0.98)
    if core is None or core > threshold
]
PICTURE = 256  # px, side of the stored crops of outputs


@dataclass(frozen=True)
class Part:
    """One training: what is held out, and the seed.

    Parameters
    ----------
    fold : int or None
        The fold that is held out; None is the set's own split by time.
    seed : int
        Of the training.
    inner : bool
        Whether the last of the training images are left out, too: they validate. Thresholds and
        recipes that are chosen on them have seen no held-out image, and none that the network
        knows.
    mean_of : tuple of int
        If given, nothing is trained: the probabilities are the mean of those of the networks with
        these seeds.
    """

    fold: int | None = None
    seed: int = 0
    inner: bool = False
    mean_of: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """What its files are called (str)."""
        words = [] if self.fold is None else [f"fold{self.fold}"]
        seeds = "mean" + "".join(map(str, self.mean_of)) if self.mean_of else f"seed{self.seed}"
        return "-".join([*words, *["inner"] * self.inner, seeds])

    @property
    def members(self) -> list[Part]:
        """Itself, or the trainings with the seeds of `mean_of` (list of Part)."""
        return [replace(self, seed=seed, mean_of=()) for seed in self.mean_of or [self.seed]]


@dataclass(frozen=True)
class Table:
    """A data set, how a network is trained on it, and the trainings that make the record.

    Parameters
    ----------
    data : str
        The name of the set, as `datasets.load` knows it.
    preset : Preset
        The recipe.
    parts : tuple of Part
        The trainings.
    folds : int
        Into how many runs of neighbors the images are cut.
    membranes : bool
        Whether the ISBI challenge's scores are asked for, or the Cell Tracking Challenge's.
    shrink : int
        The network sees the images smaller by this factor; scores are those of the full size.
    stretch : bool
        Whether the gray values of each image are spread over [0, 1].
    validation : int
        Of an inner part's training images so many, the last ones, validate.
    images : int or None
        Of the others it learns from so many, the last ones; None is all.
    trial : bool
        Whether the held-out images are never looked at.
    """

    data: str
    preset: Preset
    parts: tuple[Part, ...]
    folds: int = 5
    membranes: bool = False
    shrink: int = 1
    stretch: bool = False
    validation: int = 4
    images: int | None = None
    trial: bool = False


def recipe(**changes: Any) -> Preset:
    """What the three tables share: Adam along a cosine, one tile a step, no dropout.

    They are recipes for an hour of two CPU cores; many small tiles did better there than few large
    ones (1,000 steps of 380 px against 2,600 of 236: 0.0644 and 0.0633 of 1 - F on one fold).

    Parameters
    ----------
    **changes : any
        What `Preset` takes; `tile` is needed.

    Returns
    -------
    Preset
    """
    tile = changes["tile"]
    same = {
        "base_channels": 16,
        "dropout": 0.0,
        "optimizer": "adam",
        "learning_rate": 2e-3,
        "schedule": "cosine",
        "augmentation": Augmentation(sigma=10 * tile / 572),
    }
    return Preset(**same | changes)


# With 2e-3 from the first step, the deeper networks answered one class everywhere and stayed there.
GENTLE = {"learning_rate": 1e-3, "warmup": 50, "clip": 1.0}

TABLES = {
    # Membranes weigh 3 where two cells are near, 1 elsewhere: w_0 of 10 and w_c need more steps.
    "isbi2012": Table(
        "isbi2012",
        recipe(depth=3, tile=236, steps=5000, balance=False, w0=2.0, measure_every=500),
        tuple(map(Part, range(5))),
        membranes=True,
    ),
    "phc-u373": Table(
        "phc-u373",
        recipe(depth=4, tile=380, steps=800, w0=4.0, measure_every=200, **GENTLE),
        tuple(map(Part, range(3))),
        folds=3,
        stretch=True,
    ),
    "dic-hela": Table(
        "dic-hela",
        recipe(depth=4, tile=284, steps=3000, w0=4.0, sigma=2.5, measure_every=500, **GENTLE),
        (Part(seed=0),),
        shrink=2,
        stretch=True,
    ),
}


def contiguous_folds(count: int, folds: int = 5) -> list[np.ndarray]:
    """The indices of the slices in runs of neighbors, as even as can be.

    Neighboring slices are alike: a random fold would find its test slices' neighbors in training.

    Parameters
    ----------
    count : int
        Slices in all.
    folds : int
        Into how many runs they are cut.

    Returns
    -------
    list of ndarray of int

    Raises
    ------
    ValueError
        If there are fewer than two folds, or than slices.

    Examples
    --------
    >>> [len(fold) for fold in contiguous_folds(30)]
    [6, 6, 6, 6, 6]
    """
    if not 2 <= folds <= count:
        raise ValueError(f"{count} slices can't be cut into {folds} folds")
    return np.array_split(np.arange(count), folds)


def split(
    table: Table, part: Part, everything: Stack | None = None
) -> list[Stack] | tuple[Stack, ...]:
    """The stacks of a part: to train on, to choose thresholds on, to test.

    An inner part chooses on the images that validate, any other on as many of those that it trained
    on. Of the two tracking sets the training sees the field of interest alone, 50 px from the edge,
    and the others are whole frames, as in the challenge, where every cell that counts is whole.

    Parameters
    ----------
    table : Table
        With the name of the set.
    part : Part
        Of the table.
    everything : Stack or None
        All images of the set; None loads them.

    Returns
    -------
    list of Stack, or a tuple of Stack
    """
    everything = everything or datasets.load(table.data, "all")
    if table.stretch:
        everything = stretched(everything)
    stacks = [everything.pick(images) for images in indices(table, part, len(everything))]
    if table.membranes:
        return stacks
    return _inner(stacks[0]), _whole(stacks[1]), _whole(stacks[2])


def indices(table: Table, part: Part, count: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Which of the images a part trains on, chooses thresholds on, is tested on.

    Parameters
    ----------
    table : Table
        With the folds.
    part : Part
        Of the table.
    count : int
        Images in all.

    Returns
    -------
    train : ndarray of int
    choose : ndarray of int
    test : list of int
    """
    held_out = _test_indices(table, part, count)
    train = np.setdiff1d(np.arange(count), held_out)
    if not part.inner:
        seen = np.linspace(0, len(train) - 1, min(len(train), len(held_out), 10))
        return train, train[seen.astype(int)], held_out
    train, choose = train[: -table.validation], train[-table.validation :]
    return train if table.images is None else train[-table.images :], choose, held_out


def _test_indices(table: Table, part: Part, count: int) -> list[int]:
    """Which of the `count` images a part is tested on."""
    if part.fold is None:
        return list(range(datasets.train_count(count), count))
    return contiguous_folds(count, table.folds)[part.fold].tolist()


def stretched(stack: Stack) -> Stack:
    """A stack with the gray values of each image spread over [0, 1].

    The tracking sets' images are pale: their gray values vary by a few hundredths.

    Parameters
    ----------
    stack : Stack
        Images of any sizes.

    Returns
    -------
    Stack
    """
    images = [stretch(image) for image in stack.images]
    return datasets.Stack(stack.name, images, stack.labels, stack.source)


def _inner(stack: Stack) -> Stack:
    """A tracking set without its margin, where the truth leaves cells out."""
    parts = ([image[MARGIN, MARGIN] for image in part] for part in (stack.images, stack.labels))
    return datasets.Stack(stack.name, *parts, stack.source)


def shrunk(stack: Stack, factor: int) -> Stack:
    """Every block of pixels as one: the mean of their gray values, the first's label.

    Parameters
    ----------
    stack : Stack
        Images of any sizes.
    factor : int
        The side of a block, px.

    Returns
    -------
    Stack

    Raises
    ------
    ValueError
        Where a side of an image is no multiple of `factor`.
    """
    if factor == 1:
        return stack
    images = []
    for image in stack.images:
        height, width = image.shape
        if height % factor or width % factor:
            raise ValueError(f"{stack.name}: {height} x {width} can't be shrunk by {factor}")
        blocks = image.reshape(height // factor, factor, width // factor, factor)
        images.append(blocks.mean((1, 3)))
    labels = [labels[::factor, ::factor] for labels in stack.labels]
    return datasets.Stack(stack.name, images, labels, stack.source)


def _whole(stack: Stack) -> Stack:
    """A tracking set as the challenge scores it: all that is no cell of its truth is background."""
    labels = [np.maximum(labels, 0) for labels in stack.labels]
    return datasets.Stack(stack.name, stack.images, labels, stack.source)


def run_part(
    name: str,
    part: Part,
    folder: str | PathLike,
    device: str | torch.device | None = None,
    progress: bool = True,
    table: Table | None = None,
) -> dict:
    """Train and score one part of a table, unless its files are there already.

    Parameters
    ----------
    name : str
        Of the table.
    part : Part
        Of the table.
    folder : str or PathLike
        Where the files go.
    device : str, torch.device or None
        Where to train; None takes the GPU if there is one.
    progress : bool
        Show a progress bar.
    table : Table or None
        One that is not in `TABLES`.

    Returns
    -------
    dict
        The part's record.

    Raises
    ------
    KeyError
        For a name that is not there.
    OSError
        Where a file can't be written.
    Exception
        What `training.train` raises.
    """
    table, device = table or TABLES[name], choose_device(device)
    members = [place_of(name, member, folder) for member in part.members]
    for member, place in zip(part.members, members):
        if not files(place)[0].exists():
            write_json(files(place)[0], _train_part(table, member, place, device, progress))
    trained, scored = files(place_of(name, part, folder))
    if not trained.exists():
        which = {"fold": part.fold, "inner": part.inner, "seeds": part.mean_of}
        write_json(trained, {"part": part.name} | which)
    if not scored.exists():
        models = [load_model(weights_file(place), device) for place in members]
        score = score_membranes if table.membranes else score_cells
        _, choose, test = split(table, part)
        sides = {"validation" if part.inner else "train": choose, "test": test}
        if table.trial:
            del sides["test"]
        write_json(scored, score(models, sides, table.shrink))
    return json.loads(trained.read_text()) | json.loads(scored.read_text())


def _train_part(
    table: Table, part: Part, place: Path, device: torch.device, progress: bool
) -> dict:
    """Train one part and store its network beside `place`; how it went.

    A part that was broken off goes on from its checkpoint. What the steps before it took is then
    not known any more: revision, seconds and memory are those since `resumed_from_step`.
    """
    everything = datasets.load(table.data, "all")
    train, choose, test = (shrunk(stack, table.shrink) for stack in split(table, part, everything))
    checkpoint = place.with_name(f"{place.name}.checkpoint.safetensors")
    resumed = peek(checkpoint)["step"] if checkpoint.exists() else 0
    engine = Engine().settled(device, table.preset.base_channels)
    if device.type == "cpu" and engine.precision == "fp32":
        engine = replace(engine, layout="nchw")  # 1.3 to 1.4 times as fast, for these tiles
    made_at, began, used = revision(), time.perf_counter(), time.process_time()
    result = training.train(
        train,
        table.preset,
        choose if part.inner else test,
        seed=part.seed,
        device=device,
        judge=membrane_judge(choose) if table.membranes and part.inner else None,
        progress=progress,
        engine=engine,
        checkpoint=checkpoint,
        save_every=250,
    )
    save(weights_file(place), result.model)
    return {
        "part": part.name,
        "fold": part.fold,
        "seed": part.seed,
        "inner": part.inner,
        "resumed_from_step": resumed,
        **circumstances(made_at, time.perf_counter() - began, device),
        "cpu_seconds": round(time.process_time() - used, 1),
        "engine": asdict(engine),
        "images": {"train": len(train), "choose": len(choose), "test": len(test)},
        "test": _test_indices(table, part, len(everything)),
        "history": result.history,
    }


def place_of(name: str, part: Part, folder: str | PathLike) -> Path:
    """What the names of a part's files begin with.

    Parameters
    ----------
    name : str
        Of the table.
    part : Part
        Of the table.
    folder : str or PathLike
        Where its files lie.

    Returns
    -------
    Path
    """
    return Path(folder) / f"{name}-{part.name}"


def files(place: Path) -> tuple[Path, Path]:
    """Where the account of a part's training lies, and where its scores.

    Parameters
    ----------
    place : Path
        As `place_of` gives it.

    Returns
    -------
    trained : Path
    scored : Path
    """
    return place.with_name(f"{place.name}.json"), place.with_name(f"{place.name}-scores.json")


def weights_file(place: Path) -> Path:
    """Where the network of a part lies.

    Parameters
    ----------
    place : Path
        As `place_of` gives it.

    Returns
    -------
    Path
    """
    return place.with_name(f"{place.name}.safetensors")  # a suffix could be half of a name


# ---- scores


def score_membranes(models: Sequence[UNet], sides: dict[str, Stack], shrink: int = 1) -> dict:
    """The ISBI challenge's scores, for each way of averaging over the thresholds.

    So a threshold can be chosen on one side and applied to another.

    Parameters
    ----------
    models : sequence of UNet
        The mean of their probabilities is scored.
    sides : dict of str to Stack
        What is scored, by its name.
    shrink : int
        `Table.shrink`.

    Returns
    -------
    dict
        {"scores"}, and with a side "test" a {"picture"} of the output for a held-out image.
    """
    scores, shown = {}, {}
    for name, over in AVERAGES.items():
        scores[name] = {"thresholds": THRESHOLDS.tolist()}
        for side, stack in sides.items():
            found = probabilities(models, stack, over, shrink)
            swept = metrics.challenge_scores(stack.labels, found, THRESHOLDS)
            scores[name][side] = {key: np.round(row, 7).tolist() for key, row in swept.items()}
            shown = {"picture": _picture(found[0])} if side == "test" else {}
    return {"scores": scores} | shown


def membrane_judge(stack: Stack) -> Callable[[UNet], dict]:
    """What a training can ask along its way.

    Parameters
    ----------
    stack : Stack
        Images to look at.

    Returns
    -------
    callable
        Gives of a network the best scores over the thresholds.
    """

    def judge(model: UNet) -> dict:
        found = probabilities([model], stack)
        swept = metrics.challenge_scores(stack.labels, found, THRESHOLDS, warping=False)
        best = {name: best_threshold(row, name) for name, row in swept.items()}
        return {name: round(float(swept[name][at]), 6) for name, at in best.items()}

    return judge


def score_cells(models: Sequence[UNet], sides: dict[str, Stack], shrink: int = 1) -> dict:
    """SEG and foreground IoU as the Cell Tracking Challenge has them, of the last of the sides.

    The rule by which cells are found is what has the best SEG on the first side, which may be the
    same.

    Parameters
    ----------
    models : sequence of UNet
        The mean of their probabilities is scored.
    sides : dict of str to Stack
        Where the way is chosen, and where it is scored.
    shrink : int
        `Table.shrink`.

    Returns
    -------
    dict
        {"scores", "picture"}
    """
    (first, seen), (_, test) = list(sides.items())[0], list(sides.items())[-1]
    scores = {}
    for name in ("8 symmetries", "one pass"):
        found = probabilities(models, seen, AVERAGES[name], shrink)
        tried = {rule: metrics.seg(seen.labels, cells_of(found, rule)) for rule in RULES}
        best = max(tried, key=tried.__getitem__)
        plain = max(seg for rule, seg in tried.items() if rule.core is None)
        found = probabilities(models, test, AVERAGES[name], shrink)
        cells = cells_of(found, best)
        scores[name] = {
            "threshold": best.threshold,
            "grow": best.grow,
            "core": best.core,
            f"seg_{first}": tried[best],
            f"seg_{first}_without_cores": plain,
            "seg": metrics.seg(test.labels, cells),
            "iou": metrics.iou(test.labels, cells),
            "cells": test.cell_count(),
            "found": sum(int(labels.max()) for labels in cells),
        }
    averaged = scores.pop("8 symmetries")
    return {
        "scores": scores["one pass"] | {"8 symmetries": averaged},
        "picture": _picture(found[0]),
    }


def probabilities(
    models: Sequence[UNet], stack: Stack, over: str | None = None, shrink: int = 1
) -> np.ndarray | list[np.ndarray]:
    """The probability of a cell in each pixel of each image, the mean of the networks'.

    Parameters
    ----------
    models : sequence of UNet
        Of two classes.
    stack : Stack
        Images of any sizes.
    over : {"symmetries", "rotations"} or None
        Versions of the image to average over; None is one pass.
    shrink : int
        The networks see the images smaller by this factor; their answers are enlarged bilinearly.

    Returns
    -------
    ndarray, (N, H, W), or list of ndarray, (H, W)
        A list where the images differ in size.
    """
    how = {} if over is None else {"over": over}
    ask = overlap_tile.predict if over is None else overlap_tile.predict_averaged
    found = []
    for image in shrunk(stack, shrink).images:
        mean = np.mean([ask(model, image, **how)[1] for model in models], 0)
        found.append(ndimage.zoom(mean, shrink, order=1, mode="nearest", grid_mode=True))
    return together(found)


def cells_of(probabilities: ArrayLike, rule: Rule) -> np.ndarray | list[np.ndarray]:
    """Instance labels of a stack of probabilities.

    Parameters
    ----------
    probabilities : array_like, (N, H, W), or a list of (H, W)
        Of a cell, in [0, 1].
    rule : Rule
        How cells are found.

    Returns
    -------
    ndarray of int32, (N, H, W), or list of ndarray, (H, W)
        A list where the images differ in size.
    """
    return together([find_cells(image, rule) for image in probabilities])


def _picture(probability: np.ndarray) -> str:
    """The middle of a map of probabilities as a gray PNG, base64."""
    top, left = ((size - PICTURE) // 2 for size in probability.shape)
    crop = probability[max(top, 0) :, max(left, 0) :][:PICTURE, :PICTURE]
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * crop).astype(np.uint8)).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


# ---- records


def collect(name: str, folder: str | PathLike, command: str) -> dict:
    """The record of a table from the files of its parts.

    Parameters
    ----------
    name : str
        Of the table.
    folder : str or PathLike
        Where the files lie.
    command : str
        What makes the record again.

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError
        With the parts that are missing, unless all were trained and scored.
    """
    table = TABLES[name]
    missing = missing_parts(name, folder)
    if missing:
        raise FileNotFoundError(f"{folder}: not trained and scored yet: {', '.join(missing)}")
    runs, pictures = [], []
    for part in table.parts:
        trained, scored = files(place_of(name, part, folder))
        run = json.loads(trained.read_text()) | json.loads(scored.read_text())
        shown = {"fold": part.fold, "seed": part.seed, "slice": run["test"][0]}
        pictures.append(shown | {"probability": run.pop("picture")})
        runs.append(run)
    return {
        "command": command,
        "data": table.data,
        "recipe": asdict(table.preset),
        "shrink": table.shrink,
        "revision": runs[0]["revision"],
        "versions": runs[0]["versions"],
        "device": runs[0]["device"],
        "runs" if table.parts[0].fold is None else "folds": runs,
        "pictures": pictures,
    }


def missing_parts(name: str, folder: str | PathLike) -> list[str]:
    """The parts of a table that have not been both trained and scored.

    Parameters
    ----------
    name : str
        Of the table.
    folder : str or PathLike
        Where the files lie.

    Returns
    -------
    list of str
    """
    places = {part.name: place_of(name, part, folder) for part in TABLES[name].parts}
    return [part for part, place in places.items() if not all(map(Path.exists, files(place)))]


def write_json(path: Path, content: dict, indent: int | None = None) -> None:
    """Write a JSON file, whole or not at all.

    Parameters
    ----------
    path : Path
        Of the file.
    content : dict
        What JSON can hold.
    indent : int or None
        Spaces a level; None writes one line.
    """
    write_atomically(path, (json.dumps(content, indent=indent) + "\n").encode())
