"""The whole path on the command line.

``unet-book fetch | train | predict | evaluate | reproduce``
"""

import argparse
import json
import os
import shlex
import sys
import time
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import tifffile
import torch

from unet_book import __version__, datasets, metrics, training
from unet_book.checkpoint import load_model, peek, save, write_atomically
from unet_book.overlap_tile import predict
from unet_book.run import circumstances, revision
from unet_book.unet import UNet, nearest_valid_sizes
from unet_book.weight_map import part_touching_cells

__all__ = ["main", "parser"]

MODEL, CHECKPOINT, RECORD = "model.safetensors", "checkpoint.safetensors", "run.json"

EXAMPLES = """\
a first try, on the image that comes with the book (about a minute on a laptop):
  unet-book train --data nuclei --out runs/nuclei
  unet-book evaluate runs/nuclei --data nuclei
  unet-book predict runs/nuclei --data nuclei --out predicted

your own images: put them into one folder, as images/*.tif and masks/*.tif of the same names: gray,
all of one size, two at least, since the last fifth of them is kept to test the network. In a mask,
0 is background and each cell has a number of its own (Fiji, napari and Cellpose save such masks);
black and white masks work too. Then find the cells of any other images, masks not needed:
  unet-book train --data my-cells --out runs/my-cells
  unet-book predict runs/my-cells new-images --out predicted
"""


def main(arguments=None) -> int:
    """Run one command; the exit status is 0, 2 for bad input, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else [str(one) for one in arguments]
    choice = parser().parse_args(arguments)
    choice.command = shlex.join(["unet-book", *arguments])
    try:
        choice.run(choice)
    except torch.cuda.OutOfMemoryError:
        return complain("the GPU's memory is too small for this; --device cpu is slower, but works")
    except (ValueError, TypeError, OSError, FloatingPointError, ImportError) as error:
        return complain(error)
    except KeyboardInterrupt as stop:
        there = "there" if str(stop) else "the last checkpoint"
        goes_on = f"; the same command goes on from {there}" if choice.run is run_train else ""
        complain((str(stop) or "interrupted") + goes_on)
        return 130
    return 0


def complain(what) -> int:
    """One line about what went wrong; the exit status that goes with it."""
    print("unet-book:", " ".join(str(what).splitlines()), file=sys.stderr)
    return 2


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        "unet-book", description="Train a 2015 U-Net on images of cells, and find cells with it.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"unet-book {__version__}")
    commands = top.add_subparsers(required=True, metavar="command")

    one = commands.add_parser("fetch", help="find a data set on this machine, or download it")
    one.add_argument("name", help="nuclei, isbi2012, phc-u373 or dic-hela")
    one.set_defaults(run=run_fetch)

    one = commands.add_parser("train", help="train a network on images and their masks")
    add_data(one, "what to learn from")
    one.add_argument("--preset", default="quick", choices=training.PRESETS,
                     help="quick: a CPU, about a minute; colab: a GPU, minutes; modern: a GPU, "
                     "longer; paper: the paper's network and recipe, hours (default: quick)")
    one.add_argument("--out", type=Path, required=True, metavar="FOLDER",
                     help="where the trained network goes; an unfinished training there goes on")
    one.add_argument("--steps", type=int, help="train for so many steps instead of the preset's")
    one.add_argument("--seed", type=int, default=0, help="another seed, another training")
    one.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    one.add_argument("--precision", default="auto", choices=training.engine.WORDS["precision"],
                     help="bf16 where the hardware multiplies it faster (auto), always, or never")
    one.add_argument("--compile", action="store_true",
                     help="compile the network first; takes a minute, and pays on a GPU")
    one.add_argument("--log", type=Path, metavar="FOLDER",
                     help="TensorBoard's event files; needs the package tensorboard")
    one.set_defaults(run=run_train)

    one = commands.add_parser("predict", help="find the cells of images with a trained network")
    add_model(one)
    one.add_argument("images", nargs="*", type=Path,
                     help="gray images (TIFF, PNG or JPEG), or folders of them")
    add_data(one, "instead of image files", required=False)
    add_split(one)
    one.add_argument("--out", type=Path, required=True, metavar="FOLDER",
                     help="for each image NAME a NAME_cells.tif: 0 background, 1 ... the cells")
    one.add_argument("--probability", action="store_true",
                     help="also NAME_probability.tif: how sure the network is of a cell, 0 to 1")
    one.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    one.set_defaults(run=run_predict)

    one = commands.add_parser("evaluate", help="compare a trained network with the truth")
    add_model(one)
    add_data(one, "images with masks")
    add_split(one)
    one.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    one.set_defaults(run=run_evaluate)

    one = commands.add_parser("reproduce", help="make one of the book's recorded tables again")
    one.add_argument("table", help="isbi2012, the paper's Table 1, or phc-u373 or dic-hela, a "
                     "column of its Table 2")
    one.add_argument("--out", type=Path, required=True, metavar="FOLDER",
                     help="where networks, scores and, in the end, TABLE.json go; what is there "
                     "already is not made again")
    one.add_argument("--part", nargs="+", metavar="PART",
                     help="only these trainings (fold0-seed0, ...): several machines may share")
    one.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    one.set_defaults(run=run_reproduce)
    return top


def add_data(command, purpose, required=True):
    command.add_argument(
        "--data", required=required, metavar="NAME|FOLDER",
        help=f"{purpose}: {', '.join(datasets.names())}, or a folder with images/ and masks/",
    )


def add_model(command):
    command.add_argument("model", type=Path, metavar="TRAINED",
                         help="the folder that train wrote, or a .safetensors file in it")


def add_split(command):
    command.add_argument("--split", default="test",
                         help="train, test (images that training did not see) or all")


def run_fetch(choice):
    """Say where a data set lies, after a download if need be."""
    print(datasets.fetch(choice.name))


def run_train(choice):
    """Train, and write the network, a checkpoint and the record of the run."""
    preset = training.named(choice.preset)
    if choice.steps is not None:
        preset = replace(preset, steps=choice.steps)
    data, held_out = (datasets.load(choice.data, split) for split in ("train", "test"))
    device = pick_device(choice.device)
    engine = training.Engine(choice.precision, compile=choice.compile)
    choice.out.mkdir(parents=True, exist_ok=True)
    if not os.access(choice.out, os.W_OK):
        raise PermissionError(f"can't write into {choice.out}")
    checkpoint = choice.out / CHECKPOINT
    resumed = peek(checkpoint).get("step", 0) if checkpoint.exists() else 0
    watched = sys.stderr.isatty()
    began = time.perf_counter()
    result = training.train(
        data, preset, held_out, seed=choice.seed, device=device, checkpoint=checkpoint,
        progress=watched, watch=training.Live(held_out) if watched else None,
        engine=engine, log=choice.log,
    )
    seconds = time.perf_counter() - began
    if training.several.is_first():
        settled = engine.settled(device, preset.base_channels)
        write_run(result, choice, device, settled, resumed, seconds)
        print_run(result, held_out, choice, resumed, seconds)


def write_run(result, choice, device, engine, resumed, seconds):
    """The network and the record of its training; that of a finished training stands."""
    save(choice.out / MODEL, result.model)
    record = describe_run(result, choice, device, resumed, seconds) | {"engine": asdict(engine)}
    if resumed < result.preset.steps or not (choice.out / RECORD).exists():
        write_atomically(choice.out / RECORD, json.dumps(record, indent=1).encode())


def print_run(result, held_out, choice, resumed, seconds):
    """Where the network is, and how well it did."""
    last = result.history[-1]
    guess = metrics.majority_error(truth_classes(held_out))
    print(f"the network: {choice.out / MODEL}")
    print(f"{last['step'] - resumed} steps in {seconds:.0f} s: {last['error']:.2%} of the "
          f"held-out pixels wrong; guessing the majority class gives {guess:.2%}")


def run_predict(choice):
    """Write the cells that the network finds in each image."""
    if bool(choice.images) == bool(choice.data):
        raise ValueError("give either image files or --data")
    model = load_model(find_model(choice.model), pick_device(choice.device))
    choice.out.mkdir(parents=True, exist_ok=True)
    for name, image in images_of(choice):
        probability = predict(model, image, best_tile(model))[1]
        cells = datasets.instances(probability > 0.5)
        datasets.write_labels(choice.out / f"{name}_cells.tif", cells)
        if choice.probability:
            tifffile.imwrite(choice.out / f"{name}_probability.tif", probability)
        print(f"{choice.out / name}_cells.tif: {cells.max()} cells")


def run_evaluate(choice):
    """Print the network's errors on a data set."""
    model = load_model(find_model(choice.model), pick_device(choice.device))
    stack = datasets.load(choice.data, choice.split)
    tile = best_tile(model)
    found = np.stack([predict(model, image, tile).argmax(0) for image in stack.images])
    truth = truth_classes(stack)
    cells = np.stack([datasets.instances(mask == 1) for mask in found])
    print(f"{stack.name}, {choice.split}: {len(stack)} images, {stack.cell_count()} cells")
    print(f"pixel error            {metrics.pixel_error(truth, found):8.2%}")
    print(f"  of the majority class{metrics.majority_error(truth):8.2%}")
    print(f"foreground IoU         {metrics.iou(truth, found):8.3f}")
    print(f"SEG, cell by cell      {metrics.seg(stack.labels, cells):8.3f}")


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
    device = pick_device(choice.device)
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
    write_atomically(path, (json.dumps(record, indent=1) + "\n").encode())
    print(f"the record: {path}")


def images_of(choice):
    """(name, image) of the files, or of the data set, that were asked for."""
    if choice.images:
        files = image_files(choice.images)
        return [(path.stem, datasets.read_image(path)) for path in files]
    stack = datasets.load(choice.data, choice.split)
    return [(f"{stack.name}_{choice.split}_{i:03}", image) for i, image in enumerate(stack.images)]


def image_files(paths) -> list[Path]:
    """The files that `paths` are or, if folders, hold; no two that would give one result."""
    files = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else []
        found = [file for file in inside
                 if file.suffix.lower() in datasets.SUFFIXES and not file.name.startswith(".")]
        if path.is_dir() and not found:
            raise ValueError(f"{path}: no image in it; known are {', '.join(datasets.SUFFIXES)}")
        files += found or [path]
    for file, other in pairwise(sorted(files, key=lambda file: file.stem)):
        if file.stem == other.stem:
            raise ValueError(f"{file} and {other} would both give {file.stem}_cells.tif; "
                             "predict them into two folders")
    return files


def truth_classes(stack):
    """The classes that training was asked for: cells parted where they touch."""
    return training.classes(part_touching_cells(stack.labels))


def find_model(path: Path) -> Path:
    """The safetensors file that `path` is, or holds. Raises FileNotFoundError if there is none."""
    file = path / MODEL if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"there is no trained network {file}; train writes one at its end")
    return file


def best_tile(model: UNet, about: int = 572) -> int:
    """A tile of about that many pixels that fits the network."""
    return nearest_valid_sizes(about, model.depth, model.variant)[1]


def pick_device(name: str | None) -> torch.device:
    """The device of that name; without a name the GPU if there is one."""
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"no device {name!r} here: {str(error).splitlines()[0]}") from error
    return device


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
