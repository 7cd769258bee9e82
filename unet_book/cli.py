"""The whole path on the command line.

``unet-book fetch | train | predict | evaluate | reproduce``
"""

import argparse
import hashlib
import shlex
import sys
import time
import warnings
from contextlib import nullcontext
from dataclasses import asdict, replace
from glob import glob
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from unet_book import __version__, datasets, metrics, training
from unet_book.checkpoint import load_model, peek, save
from unet_book.datasets.files import (
    SOFTWARE,
    read_frames,
    read_resolution,
    write_labels,
    write_tiff,
    written_by,
)
from unet_book.datasets.folder import natural
from unet_book.overlap_tile import predict
from unet_book.run import Folder, circumstances, find_model, revision
from unet_book.sizes import nearest_valid_sizes
from unet_book.training.distributed import choose_device
from unet_book.training.evaluation import all_pixels, predicted_classes, true_classes
from unet_book.unet import UNet

__all__ = ["main", "parser"]

EXAMPLES = """\
a first try, on the image that comes with the book (about a minute on a laptop):
  unet-book train --data nuclei --out runs/nuclei
  unet-book evaluate runs/nuclei --data nuclei
  unet-book predict runs/nuclei --data nuclei --out predicted

your own images: put them into one folder, as images/*.tif and masks/*.tif of the same names: gray,
of any sizes, two at least, since the last fifth of them is kept to test the network. In a mask, 0
is background and each cell has a number of its own (Fiji, napari and Cellpose save such masks);
black and white masks work too. Then find the cells of any other images, masks not needed:
  unet-book train --data my-cells --out runs/my-cells
  unet-book predict runs/my-cells new-images --out predicted
"""


def main(arguments=None) -> int:
    """Run one command; the exit status is 0, 1 where some files failed, 2 for bad input, 130 when
    interrupted."""
    arguments = sys.argv[1:] if arguments is None else [str(one) for one in arguments]
    choice = parser().parse_args(arguments)
    choice.command = shlex.join(["unet-book", *arguments])
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: complain(message)
            return choice.run(choice) or 0
    except torch.cuda.OutOfMemoryError:
        return complain("the GPU's memory is too small for this; --device cpu is slower, but works")
    except (ValueError, TypeError, OSError, FloatingPointError, ImportError) as error:
        return complain(error)
    except KeyboardInterrupt as stop:
        there = "there" if str(stop) else "the last checkpoint"
        goes_on = f"; the same command goes on from {there}" if choice.run is run_train else ""
        complain((str(stop) or "interrupted") + goes_on)
        return 130


def complain(what) -> int:
    """One line about what went wrong; the exit status that goes with it."""
    print("unet-book:", " ".join(str(what).splitlines()), file=sys.stderr)
    return 2


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        "unet-book",
        description="Train a 2015 U-Net on images of cells, and find cells with it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"unet-book {__version__}")
    commands = top.add_subparsers(required=True, metavar="command")

    one = commands.add_parser("fetch", help="find a data set on this machine, or download it")
    one.add_argument("name", help="nuclei, isbi2012, phc-u373 or dic-hela")
    one.set_defaults(run=run_fetch)

    one = commands.add_parser("train", help="train a network on images and their masks")
    add_data(one, "what to learn from")
    one.add_argument(
        "--preset",
        default="quick",
        choices=training.PRESETS,
        help="quick: a CPU, about a minute; colab: a GPU, minutes; modern: a GPU, "
        "longer; paper: the paper's network and recipe, hours (default: quick)",
    )
    one.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where the trained network goes; an unfinished training there goes on",
    )
    one.add_argument("--steps", type=int, help="train for so many steps instead of the preset's")
    one.add_argument("--seed", type=int, default=0, help="another seed, another training")
    one.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    one.add_argument(
        "--precision",
        default="auto",
        choices=training.engine.WORDS["precision"],
        help="bf16 where the hardware multiplies it faster (auto), always, or never",
    )
    one.add_argument(
        "--compile",
        action="store_true",
        help="compile the network first; takes a minute, and pays on a GPU",
    )
    one.add_argument(
        "--from",
        type=Path,
        dest="from_",
        metavar="TRAINED",
        help="begin with the weights of a trained network instead of random ones",
    )
    one.add_argument(
        "--log",
        type=Path,
        metavar="FOLDER",
        help="TensorBoard's event files; needs the package tensorboard",
    )
    one.set_defaults(run=run_train)

    one = commands.add_parser("predict", help="find the cells of images with a trained network")
    add_model(one)
    one.add_argument(
        "images",
        nargs="*",
        type=Path,
        help="gray images (TIFF, PNG, JPEG, ...), stacks, or folders of them",
    )
    one.add_argument("--channel", type=int, help="of colored images the channel to take, from 0")
    add_data(one, "instead of image files", required=False)
    add_split(one)
    one.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="for each image NAME a NAME_cells.tif: 0 background, 1 ... the cells",
    )
    one.add_argument(
        "--probability",
        action="store_true",
        help="also NAME_probability.tif: how sure the network is of a cell, 0 to 1",
    )
    one.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    one.set_defaults(run=run_predict)

    one = commands.add_parser("evaluate", help="compare a trained network with the truth")
    add_model(one)
    add_data(one, "images with masks")
    add_split(one)
    one.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    one.set_defaults(run=run_evaluate)

    one = commands.add_parser("reproduce", help="make one of the book's recorded tables again")
    one.add_argument(
        "table",
        help="isbi2012, the paper's Table 1, or phc-u373 or dic-hela, a column of its Table 2",
    )
    one.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where networks, scores and, in the end, TABLE.json go; what is there "
        "already is not made again",
    )
    one.add_argument(
        "--part",
        nargs="+",
        metavar="PART",
        help="only these trainings (fold0-seed0, ...): several machines may share",
    )
    one.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    one.set_defaults(run=run_reproduce)
    return top


def add_data(command, purpose, required=True):
    command.add_argument(
        "--classes",
        type=numbers,
        default=(),
        metavar="1,2",
        help="in the masks these numbers mean cell, and each piece is one",
    )
    command.add_argument(
        "--ignore", type=int, metavar="255", help="in the masks this number means: not annotated"
    )
    command.add_argument(
        "--data",
        required=required,
        metavar="NAME|FOLDER",
        help=f"{purpose}: {', '.join(datasets.names())}, or a folder with images/ and masks/",
    )


def numbers(text: str) -> tuple[int, ...]:
    """The whole numbers of a list with commas."""
    return tuple(int(word) for word in text.split(","))


def add_model(command):
    command.add_argument(
        "model",
        type=Path,
        metavar="TRAINED",
        help="the folder that train wrote, or a .safetensors file in it",
    )


def add_split(command):
    command.add_argument(
        "--split", default="test", help="train, test (images that training did not see) or all"
    )


def run_fetch(choice):
    """Say where a data set lies, after a download if need be."""
    print(datasets.fetch(choice.name))


def run_train(choice):
    """Train, and write the network, a checkpoint and the record of the run."""
    preset = training.named(choice.preset)
    if choice.steps is not None:
        preset = replace(preset, steps=choice.steps)
    data, held_out = (load(choice, split) for split in ("train", "test"))
    device = choose_device(choice.device)
    engine = training.Engine(choice.precision, compile=choice.compile)
    how = {"initialize": Trained(find_model(choice.from_))} if choice.from_ else {}
    first = training.distributed.is_main_process()
    folder = Folder(choice.out)
    with folder.locked() if first else nullcontext():  # the first of several processes holds it
        resumed = peek(folder.checkpoint).get("step", 0) if folder.checkpoint.exists() else 0
        watched = sys.stderr.isatty()
        began = time.perf_counter()
        result = training.train(
            data,
            preset,
            held_out,
            seed=choice.seed,
            device=device,
            checkpoint=folder.checkpoint,
            progress=watched,
            watch=training.Live(held_out) if watched else None,
            engine=engine,
            log=choice.log,
            **how,
        )
        seconds = time.perf_counter() - began
        if first:
            settled = engine.settled(device, preset.base_channels)
            save(folder.model, result.model)
            record = describe_run(result, choice, device, resumed, seconds)
            folder.write_record(record | {"engine": asdict(settled)}, resumed >= preset.steps)
            print_run(result, held_out, folder, resumed, seconds)


def print_run(result, held_out, folder, resumed, seconds):
    """Where the network is, and how well it did."""
    last = result.history[-1]
    guess = metrics.majority_error(all_pixels(true_classes(held_out.labels)))
    print(f"the network: {folder.model}")
    print(
        f"{last['step'] - resumed} steps in {seconds:.0f} s: {last['error']:.2%} of the "
        f"held-out pixels wrong; guessing the majority class gives {guess:.2%}"
    )


def run_predict(choice):
    """Write the cells that the network finds in each image, one image at a time.

    A file that can't be read, or whose result would replace somebody's own file, is told at the
    end; the others are done. The exit status is then 1.
    """
    if bool(choice.images) == bool(choice.data):
        raise ValueError("give either image files or --data")
    images = images_of(choice)
    model = find_cells_with(choice.model, choice.device)
    choice.out.mkdir(parents=True, exist_ok=True)
    failed = []
    for name, source in images:
        try:
            predict_one(choice, model, name, source)
        except (ValueError, OSError) as error:
            failed.append(error)
    for error in failed:
        complain(error)
    return 1 if failed else 0


def predict_one(choice, model, name, source):
    """The cells of one file, or of one image of a data set."""
    is_file = isinstance(source, Path)
    frames = read_frames(source, choice.channel) if is_file else [source]
    resolution = read_resolution(source) if is_file else None
    places = {"cells": choice.out / f"{name}_cells.tif"}
    if choice.probability:
        places["probability"] = choice.out / f"{name}_probability.tif"
    for place in places.values():
        if place.exists() and not is_ours(place):
            raise FileExistsError(f"{place} is not of this program, and is not replaced")
    probability = np.stack([predict(model, frame, best_tile(model))[1] for frame in frames])
    cells = np.stack([datasets.instances(one > 0.5) for one in probability])
    alone = len(frames) == 1
    write_labels(places["cells"], cells[0] if alone else cells, resolution)
    if choice.probability:
        write_tiff(places["probability"], probability[0] if alone else probability, resolution)
    print(f"{places['cells']}: {sum(int(one.max()) for one in cells)} cells")


def find_cells_with(path, device):
    """The network of a run, which must know two classes: background and cell."""
    model = load_model(find_model(path), choose_device(device))
    if model.num_classes != 2:
        raise ValueError(f"{path} knows {model.num_classes} classes; cells are found with two")
    return model


def run_evaluate(choice):
    """Print the network's errors on a data set."""
    model = find_cells_with(choice.model, choice.device)
    stack = load(choice, choice.split)
    found = predicted_classes(model, stack.images, best_tile(model))
    cells = [datasets.instances(mask == 1) for mask in found]
    truth, found = all_pixels(true_classes(stack.labels)), all_pixels(found)
    print(f"{stack.name}, {choice.split}: {len(stack)} images, {stack.cell_count()} cells")
    print(f"pixel error            {metrics.pixel_error(truth, found):8.2%}")
    print(f"  of the majority class{metrics.majority_error(truth):8.2%}")
    print(f"foreground IoU         {metrics.iou(truth, found):8.3f}")
    print(f"SEG, cell by cell      {seg_of(stack.labels, cells):>8}")


def seg_of(truth, found) -> str:
    """SEG over all cells of images of any sizes, or that there is none."""
    counts = [np.count_nonzero(np.unique(labels) > 0) for labels in truth]
    scores = [metrics.seg(t, f) if n else 0 for t, f, n in zip(truth, found, counts)]
    return f"{np.average(scores, weights=counts):.3f}" if any(counts) else "n/a: no true cell"


def run_reproduce(choice):
    """Train and score the parts of a table; its record when the last of them is there."""
    from unet_book.pages import reproduce  # which no other command needs

    if choice.table not in reproduce.TABLES:
        raise ValueError(f"tables are {', '.join(reproduce.TABLES)}, not {choice.table!r}")
    parts = {part.name: part for part in reproduce.TABLES[choice.table].parts}
    wanted = choice.part or list(parts)
    unknown = [name for name in wanted if name not in parts]
    if unknown:
        raise ValueError(f"{choice.table} has the parts {', '.join(parts)}, not {unknown[0]!r}")
    choice.out.mkdir(parents=True, exist_ok=True)
    device = choose_device(choice.device)
    for name in wanted:
        run = reproduce.run_part(
            choice.table, parts[name], choice.out, device, progress=sys.stderr.isatty()
        )
        print(f"{name}: trained in {run['seconds']:.0f} s, and scored")
    missing = reproduce.missing_parts(choice.table, choice.out)
    if missing:
        print(f"the table still needs {', '.join(missing)}")
        return
    record = reproduce.collect(choice.table, choice.out, f"unet-book reproduce {choice.table}")
    path = choice.out / f"{choice.table}.json"
    reproduce.write_json(path, record, indent=1)
    print(f"the record: {path}")


def images_of(choice) -> list:
    """(name, where it is) of the files, or of the data set's images, that were asked for."""
    if choice.images:
        return [(_stem(path), path) for path in image_files(choice.images)]
    stack = load(choice, choice.split)
    return list(zip(stack.names, stack.images))


def image_files(paths) -> list[Path]:
    """The files that `paths` are, hold if folders, or mean if they have wildcards.

    Results of this program are no images. Raises ValueError where two would give one result.
    """
    files = []
    for path in paths:
        found = [path]
        if path.is_dir():
            found = [
                file
                for file in sorted(path.iterdir(), key=natural)
                if file.suffix.lower() in datasets.SUFFIXES
                and not file.name.startswith(".")
                and not is_ours(file)
            ]
            if not found:
                known = ", ".join(datasets.SUFFIXES)
                raise ValueError(f"{path}: no image in it; known are {known}")
        elif not path.exists() and set("*?[") & set(str(path)):  # a shell that passes them on
            found = [Path(file) for file in sorted(glob(str(path)), key=natural)]
            found = [file for file in found if not is_ours(file)]
            if not found:
                raise ValueError(f"{path}: no file has such a name")
        files += found
    for file, other in pairwise(sorted(files, key=lambda file: _stem(file))):
        if _stem(file) == _stem(other):
            raise ValueError(
                f"{file} and {other} would both give {_stem(file)}_cells.tif; "
                "predict them into two folders"
            )
    return files


def _stem(path: Path) -> str:
    """The file's name without what says its kind."""
    return path.stem.removesuffix(".ome")


def is_ours(path: Path) -> bool:
    """Whether a file is a result of `predict`, by its name and by what is written in it."""
    if not path.stem.endswith(("_cells", "_probability")) or not path.is_file():
        return False
    return written_by(path) == SOFTWARE


def load(choice, split):
    """The data set or the folder that was asked for."""
    return datasets.load(choice.data, split, classes=choice.classes, ignore=choice.ignore)


class Trained:
    """An initializer that begins with the weights of a trained network."""

    def __init__(self, path):
        self.path = path
        self.name = f"weights of {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"

    def __call__(self, model, generator):
        trained = load_model(self.path)
        mine, theirs = (
            {name: tuple(weight.shape) for name, weight in one.state_dict().items()}
            for one in (model, trained)
        )
        if mine != theirs:
            raise ValueError(
                f"{self.path} has {trained.base_channels} channels and depth {trained.depth}, the "
                f"preset {model.base_channels} and {model.depth}: they must be alike to go on from"
            )
        model.load_state_dict(trained.state_dict())


def best_tile(model: UNet, about: int = 572) -> int:
    """A tile of about that many pixels that fits the network."""
    return nearest_valid_sizes(about, model.depth, model.variant)[1]


def describe_run(result, choice, device, resumed, seconds) -> dict:
    """What one has to know to make the same run again; `seconds` passed since step `resumed`."""
    return {
        "command": choice.command,
        "data": str(choice.data),
        "preset": asdict(result.preset),
        "seed": choice.seed,
        **circumstances(revision(), seconds, device),
        "resumed_from_step": resumed,
        "history": result.history,
    }


if __name__ == "__main__":
    sys.exit(main())
