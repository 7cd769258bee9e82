"""The whole path on the command line.

``unet-book fetch | train | predict | evaluate | reproduce``
"""

import argparse
import shlex
import sys
import warnings
from pathlib import Path

from unet_book import __version__, _header, datasets
from unet_book.cli import inputs
from unet_book.run import Folder, check_place, find_model

# What is wrong with a command should be told in less than a second, and importing torch takes
# several: nothing imported above needs it, and each command looks at all its inputs before it
# imports `unet_book.cli.commands`, which does.

__all__ = ["main", "parser"]

PRESETS = ("quick", "colab", "modern", "paper")  # the names in training.PRESETS
PRECISIONS = ("auto", "fp32", "bf16")  # the words of training.Engine
PARTS = {  # of each table of pages.reproduce the trainings that make it
    "isbi2012": [f"fold{k}-seed0" for k in range(5)],
    "phc-u373": [f"fold{k}-seed0" for k in range(3)],
    "dic-hela": ["seed0"],
}

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
    except (ValueError, TypeError, OSError, FloatingPointError, ImportError) as error:
        return complain(error)
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which may not be imported
            raise
        return complain("the GPU's memory is too small for this; --device cpu is slower, but works")
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
        choices=PRESETS,
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
        choices=PRECISIONS,
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
    inputs.check_numbers(choice)
    Folder(choice.out).check()
    if choice.from_:
        _header.read(find_model(choice.from_))
    data, held_out = (inputs.load(choice, split) for split in ("train", "test"))
    from unet_book.cli import commands

    commands.train(choice, data, held_out)


def run_predict(choice):
    """Write the cells that the network finds in each image, one image at a time.

    A file that can't be read, or whose result would replace somebody's own file, is told at the
    end; the others are done. The exit status is then 1.
    """
    if bool(choice.images) == bool(choice.data):
        raise ValueError("give either image files or --data")
    network, model = inputs.cell_network(choice.model), None
    check_place(choice.out)
    failed = []
    for name, source in inputs.images(choice):
        try:
            places = inputs.places(choice, name)
            frames, resolution = inputs.frames(source, choice.channel)
        except (ValueError, OSError) as error:
            failed.append(error)
            continue
        from unet_book.cli import commands

        model = model or commands.cell_finder(network, choice.device)
        try:
            commands.write_cells(model, frames, places, resolution)
        except (ValueError, OSError) as error:
            failed.append(error)
    for error in failed:
        complain(error)
    return 1 if failed else 0


def run_evaluate(choice):
    """Print the network's errors on a data set."""
    network = inputs.cell_network(choice.model)
    stack = inputs.load(choice, choice.split)
    from unet_book.cli import commands

    commands.evaluate(choice, network, stack)


def run_reproduce(choice):
    """Train and score the parts of a table; its record when the last of them is there."""
    if choice.table not in PARTS:
        raise ValueError(f"tables are {', '.join(PARTS)}, not {choice.table!r}")
    parts = PARTS[choice.table]
    unknown = [name for name in choice.part or [] if name not in parts]
    if unknown:
        raise ValueError(f"{choice.table} has the parts {', '.join(parts)}, not {unknown[0]!r}")
    check_place(choice.out)
    from unet_book.cli import commands

    commands.reproduce_parts(choice, choice.part or parts)
