"""From a data set's images to the numbers beside the paper's tables: the runs of chapter 11.

A *table* is a data set with a recipe; its *parts* are single trainings, each with its own held-out
images or its own seed. A part is trained, then scored, and each of the two leaves a file in the
work folder, so that a machine that goes down costs one part at most. When all parts are there the
table's record is put together from them.
"""

import base64
import io
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from unet_book import datasets, metrics, overlap_tile, records, training
from unet_book.augmentation import Augmentation
from unet_book.checkpoint import load_model, peek, save, write_atomically
from unet_book.results import best_threshold
from unet_book.training import Engine, Preset, several

__all__ = ["Part", "Table", "contiguous_folds", "find_cells", "collect", "missing_parts",
           "run_part"]  # fmt: skip

MARGIN = slice(datasets.CTC_MARGIN, -datasets.CTC_MARGIN)
AVERAGES = {"one pass": None, "8 symmetries": "symmetries", "7 rotations": "rotations"}
THRESHOLDS = np.arange(1, 20) / 20
PICTURE = 256  # px, side of the stored crops of outputs


@dataclass(frozen=True)
class Part:
    """One training: the fold that is held out (None: the set's own split by time), and the seed.

    An `inner` one leaves the last of its training images out, too: they validate. Thresholds and
    recipes that are chosen on them have seen no held-out image, and none that the network knows.
    """

    fold: int | None = None
    seed: int = 0
    inner: bool = False

    @property
    def name(self) -> str:
        """What its files are called."""
        words = [] if self.fold is None else [f"fold{self.fold}"]
        return "-".join([*words, *["inner"] * self.inner, f"seed{self.seed}"])


@dataclass(frozen=True)
class Table:
    """A data set, how a network is trained on it, and the trainings that make the record.

    `folds` is into how many runs of neighbors the images are cut; `membranes` says whether the
    ISBI challenge's scores are asked for, or the Cell Tracking Challenge's. With `stretch` the gray
    values of each image are spread over [0, 1]. The network sees the images smaller by `shrink`;
    scores are those of the full size. Of an inner part's training images the last `validation`
    validate, and of the others it learns from the last `images` (None: all). A `trial` never looks
    at the held-out images.
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


def recipe(**changes) -> Preset:
    """What the three tables share: Adam along a cosine, one tile a step, no dropout.

    They are recipes for an hour of two CPU cores; many small tiles did better there than few large
    ones (1,000 steps of 380 px against 2,600 of 236: 0.0644 and 0.0633 of 1 - F on one fold).
    """
    tile = changes["tile"]
    same = {"base_channels": 16, "dropout": 0.0, "optimizer": "adam", "learning_rate": 2e-3,
            "schedule": "cosine", "augmentation": Augmentation(sigma=10 * tile / 572)}  # fmt: skip
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
    """The indices of `count` slices in `folds` runs of neighbors, as even as can be.

    Neighboring slices are alike: a random fold would find its test slices' neighbors in training.

    >>> [len(fold) for fold in contiguous_folds(30)]
    [6, 6, 6, 6, 6]
    """
    if not 2 <= folds <= count:
        raise ValueError(f"{count} slices can't be cut into {folds} folds")
    return np.array_split(np.arange(count), folds)


def split(table: Table, part: Part, everything=None):
    """The stacks of a part: to train on, to choose thresholds on, to test.

    An inner part chooses on the images that validate, any other on as many of those that it trained
    on. Of the two tracking sets the training sees the field of interest alone, 50 px from the edge,
    and the others are whole frames, as in the challenge, where every cell that counts is whole.
    """
    everything = everything or datasets.load(table.data, "all")
    if table.stretch:
        everything = stretched(everything)
    stacks = [pick(everything, images) for images in indices(table, part, len(everything))]
    if table.membranes:
        return stacks
    return inner(stacks[0]), whole(stacks[1]), whole(stacks[2])


def indices(table: Table, part: Part, count: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Which of the `count` images a part trains on, chooses thresholds on, is tested on."""
    held_out = test_indices(table, part, count)
    train = np.setdiff1d(np.arange(count), held_out)
    if not part.inner:
        seen = np.linspace(0, len(train) - 1, min(len(train), len(held_out), 10))
        return train, train[seen.astype(int)], held_out
    train, choose = train[: -table.validation], train[-table.validation :]
    return train if table.images is None else train[-table.images :], choose, held_out


def test_indices(table: Table, part: Part, count: int) -> list[int]:
    """Which of the `count` images a part is tested on."""
    if part.fold is None:
        return list(range(datasets.train_count(count), count))
    return contiguous_folds(count, table.folds)[part.fold].tolist()


def pick(stack, indices):
    """The images of these indices as a stack of their own."""
    return datasets.Stack(stack.name, stack.images[indices], stack.labels[indices], stack.source)


def stretched(stack):
    """Gray values of each image from its darkest to its brightest half percent, spread over [0, 1].

    The tracking sets' images are pale: their gray values vary by a few hundredths.
    """
    low, high = np.quantile(stack.images, (0.005, 0.995), axis=(1, 2), keepdims=True)
    images = np.clip((stack.images - low) / np.maximum(high - low, 1e-6), 0, 1)
    return datasets.Stack(stack.name, images, stack.labels, stack.source)


def inner(stack):
    """A tracking set without its margin, where the truth leaves cells out."""
    cut = (slice(None), MARGIN, MARGIN)
    return datasets.Stack(stack.name, stack.images[cut], stack.labels[cut], stack.source)


def shrunk(stack, factor: int):
    """Every `factor` x `factor` pixels as one: the mean of their gray values, the first's label."""
    if factor == 1:
        return stack
    n, height, width = stack.images.shape
    blocks = stack.images.reshape(n, height // factor, factor, width // factor, factor)
    labels = stack.labels[:, ::factor, ::factor]
    return datasets.Stack(stack.name, blocks.mean((2, 4)), labels, stack.source)


def whole(stack):
    """A tracking set as the challenge scores it: all that is no cell of its truth is background."""
    return datasets.Stack(stack.name, stack.images, np.maximum(stack.labels, 0), stack.source)


def run_part(
    name: str, part: Part, folder, device=None, progress: bool = True, table: Table | None = None
) -> dict:
    """Train and score one part of the table `name`, unless its files are in `folder` already.

    `device` is where; the GPU if there is one, else the CPU. `table` is a table that is not in
    `TABLES`. Returns the part's record. Raises KeyError for a name that is not there, OSError where
    a file can't be written, and what `training.train` raises.
    """
    table, device = table or TABLES[name], several.place(device)
    place = place_of(name, part, folder)
    trained, scored = files(place)
    if not trained.exists():
        write_json(trained, train_part(table, part, place, device, progress))
    if not scored.exists():
        model = load_model(weights_file(place), device)
        score = score_membranes if table.membranes else score_cells
        _, choose, test = split(table, part)
        sides = {"validation" if part.inner else "train": choose, "test": test}
        if table.trial:
            del sides["test"]
        write_json(scored, score(model, sides, table.shrink))
    return json.loads(trained.read_text()) | json.loads(scored.read_text())


def train_part(table: Table, part: Part, place: Path, device, progress) -> dict:
    """Train one part and store its network beside `place`; how it went.

    A part that was broken off goes on from its checkpoint. What the steps before it took is then
    not known any more: revision, seconds and memory are those since `resumed_from_step`.
    """
    everything = datasets.load(table.data, "all")
    train, choose, test = (shrunk(one, table.shrink) for one in split(table, part, everything))
    checkpoint = place.with_name(f"{place.name}.checkpoint.safetensors")
    resumed = peek(checkpoint)["step"] if checkpoint.exists() else 0
    engine = Engine().settled(device, table.preset.base_channels)
    if device.type == "cpu" and engine.precision == "fp32":
        engine = replace(engine, layout="nchw")  # 1.3 to 1.4 times as fast, for these tiles
    made_at, began, used = records.revision(), time.perf_counter(), time.process_time()
    result = training.train(
        train, table.preset, choose if part.inner else test, seed=part.seed, device=device,
        judge=membrane_judge(choose) if table.membranes and part.inner else None,
        progress=progress, engine=engine, checkpoint=checkpoint, save_every=250,
    )  # fmt: skip
    save(weights_file(place), result.model)
    return {
        "part": part.name, **asdict(part), "resumed_from_step": resumed,
        **records.circumstances(made_at, time.perf_counter() - began, device),
        "cpu_seconds": round(time.process_time() - used, 1),
        "engine": asdict(engine),
        "images": {"train": len(train), "choose": len(choose), "test": len(test)},
        "test": test_indices(table, part, len(everything)),
        "history": result.history,
    }  # fmt: skip


def place_of(name: str, part: Part, folder) -> Path:
    """What the names of a part's files begin with."""
    return Path(folder) / f"{name}-{part.name}"


def files(place: Path) -> tuple[Path, Path]:
    """Where the account of a part's training lies, and where its scores."""
    return place.with_name(f"{place.name}.json"), place.with_name(f"{place.name}-scores.json")


def weights_file(place: Path) -> Path:
    """Where the network of a part lies."""
    return place.with_name(f"{place.name}.safetensors")  # a suffix could be half of a name


# ---- scores


def score_membranes(model, sides: dict, shrink: int = 1) -> dict:
    """The ISBI challenge's scores of each of the `sides`, name -> stack.

    For each way of averaging, each metric over the thresholds, so that one can be chosen on one
    side and applied to another. The picture is of the network's output for the last side.
    """
    scores = {}
    for name, over in AVERAGES.items():
        scores[name] = {"thresholds": THRESHOLDS.tolist()}
        for side, stack in sides.items():
            found = probabilities(model, stack, over, shrink)
            swept = metrics.challenge_scores(stack.labels, found, THRESHOLDS)
            scores[name][side] = {key: np.round(row, 7).tolist() for key, row in swept.items()}
    return {"scores": scores, "picture": picture(found[0])}


def membrane_judge(stack):
    """What a training can ask along its way: the best scores of `stack` over the thresholds."""

    def judge(model) -> dict:
        found = probabilities(model, stack)
        swept = metrics.challenge_scores(stack.labels, found, THRESHOLDS, warping=False)
        best = {name: best_threshold(row, name) for name, row in swept.items()}
        return {name: round(float(swept[name][at]), 6) for name, at in best.items()}

    return judge


def score_cells(model, sides: dict, shrink: int = 1) -> dict:
    """SEG and foreground IoU as the Cell Tracking Challenge has them, of the last of the `sides`.

    The threshold, and by how many pixels the cells grow back what parting took, are those with the
    best SEG on the first side, which may be the same.
    """
    seen, test = list(sides.values())[0], list(sides.values())[-1]
    choices = [(threshold, grow) for threshold in THRESHOLDS for grow in range(4)]
    scores = {}
    for name in ("8 symmetries", "one pass"):
        found = probabilities(model, seen, AVERAGES[name], shrink)
        on_seen = [metrics.seg(seen.labels, find_cells(found, *choice)) for choice in choices]
        threshold, grow = choices[int(np.argmax(on_seen))]
        found = probabilities(model, test, AVERAGES[name], shrink)
        cells = find_cells(found, threshold, grow)
        scores[name] = {
            "threshold": float(threshold), "grow": grow, "seg_chosen": max(on_seen),
            "seg": metrics.seg(test.labels, cells), "iou": metrics.iou(test.labels, cells),
            "cells": test.cell_count(),
        }  # fmt: skip
    averaged = scores.pop("8 symmetries")
    return {
        "scores": scores["one pass"] | {"8 symmetries": averaged},
        "picture": picture(found[0]),
    }


def probabilities(model, stack, over: str | None = None, shrink: int = 1) -> np.ndarray:
    """The probability of a cell in each pixel of each image, (N, H, W), in one pass or averaged.

    The network sees the images smaller by `shrink`; its answers are enlarged bilinearly.
    """
    how = {} if over is None else {"over": over}
    ask = overlap_tile.predict if over is None else overlap_tile.predict_averaged
    found = np.stack([ask(model, image, **how)[1] for image in shrunk(stack, shrink).images])
    return ndimage.zoom(found, (1, shrink, shrink), order=1, mode="nearest", grid_mode=True)


def find_cells(probability, threshold: float = 0.5, grow: int = 0) -> np.ndarray:
    """Instance labels (N, H, W) of a stack of probabilities: parts above the threshold.

    Holes within a part are filled; then every part takes the free pixels within `grow` px of it,
    each pixel going to the nearest part.
    """
    found = np.stack([datasets.instances(one > threshold) for one in probability])
    for labels in found:
        fill_holes(labels)
        if grow and labels.any():
            far, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
            near = far <= grow
            labels[near] = labels[tuple(nearest[:, near])]
    return found


def fill_holes(labels) -> None:
    """Give each cell the background that it encloses, in place."""
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        cell = labels[box]
        cell[ndimage.binary_fill_holes(cell == number) & (cell == 0)] = number


def picture(probability) -> str:
    """The middle of a map of probabilities as a gray PNG, base64."""
    top, left = ((size - PICTURE) // 2 for size in probability.shape)
    crop = probability[max(top, 0) :, max(left, 0) :][:PICTURE, :PICTURE]
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * crop).astype(np.uint8)).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


# ---- records


def collect(name: str, folder, command: str) -> dict:
    """The record of the table `name` from the files of its parts.

    Raises FileNotFoundError, with the parts that are missing, unless all were trained and scored.
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
        "command": command, "data": table.data, "recipe": asdict(table.preset),
        "shrink": table.shrink,
        "revision": runs[0]["revision"], "versions": runs[0]["versions"],
        "device": runs[0]["device"],
        "runs" if table.parts[0].fold is None else "folds": runs, "pictures": pictures,
    }  # fmt: skip


def missing_parts(name: str, folder) -> list[str]:
    """The parts of the table `name` that have not been both trained and scored in `folder`."""
    places = {part.name: place_of(name, part, folder) for part in TABLES[name].parts}
    return [part for part, place in places.items() if not all(map(Path.exists, files(place)))]


def write_json(path: Path, content: dict) -> None:
    """Write `content` to `path`, whole or not at all."""
    write_atomically(path, json.dumps(content).encode())
