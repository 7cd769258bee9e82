"""The whole path on the command line.

``unet-book check | fetch | train | predict | evaluate | export | reproduce``
"""

import argparse
import shlex
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from unet_book import __version__, _header, datasets
from unet_book.cli import check, export, inputs
from unet_book.cli.terminal import progress
from unet_book.gray import HIGH, LOW
from unet_book.run import Folder, check_place, find_model

# What is wrong with a command should be told in less than a second, and importing torch takes
# several: nothing imported above needs it, and each command looks at all its inputs before it
# imports the module that does the work.

__all__ = ["main", "parser"]

PRESETS = ("own", "quick", "colab", "modern", "paper")  # and the names in training.PRESETS
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
  unet-book check my-cells
  unet-book train --data my-cells --out runs/my-cells
  unet-book predict runs/my-cells new-images --out predicted --table --overlay
"""


def main(arguments: Sequence[object] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of object, or None
        What stands behind the program's name; None takes it from the command line.

    Returns
    -------
    int
        The exit status: 0, 1 where some files failed, 2 for bad input, 130 when interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else [str(word) for word in arguments]
    if "" in arguments:
        return _complain("an argument is empty: is a variable of the shell not set?")
    _print_any_name()
    choice = _parsed(arguments)
    choice.command = shlex.join(["unet-book", *arguments])
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: _complain(message)
            return choice.run(choice) or 0
    except (ValueError, TypeError, OSError, FloatingPointError, ImportError) as error:
        return _complain(error)
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which may not be imported
            raise
        return _complain(
            "the GPU's memory is too small for this; --device cpu is slower, but works"
        )
    except KeyboardInterrupt as stop:
        there = "there" if str(stop) else "the last checkpoint"
        goes_on = f"; the same command goes on from {there}" if choice.run is _run_train else ""
        _complain((str(stop) or "interrupted") + goes_on)
        return 130


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command; images may stand behind them, too, which argparse alone refuses."""
    top = parser()
    choice, more = top.parse_known_args(arguments)
    if more and (not hasattr(choice, "images") or any(word.startswith("-") for word in more)):
        top.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        choice.images += map(Path, more)
    return choice


def _print_any_name() -> None:
    """Names that the terminal has no letters for are printed in escapes instead of an error."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def _complain(what: object) -> int:
    """One line about what went wrong; the exit status that goes with it."""
    print("unet-book:", " ".join(str(what).splitlines()), file=sys.stderr)
    return 2


def parser() -> argparse.ArgumentParser:
    """The commands and their options.

    Returns
    -------
    argparse.ArgumentParser
    """
    top = argparse.ArgumentParser(
        "unet-book",
        description="Train a 2015 U-Net on images of cells, and find cells with it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"unet-book {__version__}")
    commands = top.add_subparsers(required=True, metavar="command")
    adds = (_add_check, _add_fetch, _add_train, _add_predict, _add_evaluate, _add_export)
    for add in (*adds, _add_reproduce):
        add(commands)
    return top


def _add_check(commands: argparse._SubParsersAction) -> None:
    """``unet-book check``."""
    command = commands.add_parser(
        "check", help="look at a folder of images and masks before anything is trained"
    )
    command.add_argument("folder", type=Path, help="it holds images/ and masks/")
    _add_masks(command)
    _add_hold_out(command)
    command.add_argument(
        "--minutes",
        type=float,
        help="about how long a training may take (default: 2)",
    )
    command.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    command.set_defaults(run=check.check)


def _add_fetch(commands: argparse._SubParsersAction) -> None:
    """``unet-book fetch``."""
    command = commands.add_parser("fetch", help="find a data set on this machine, or download it")
    command.add_argument("name", help="nuclei, isbi2012, phc-u373 or dic-hela")
    command.set_defaults(run=_run_fetch)


def _add_train(commands: argparse._SubParsersAction) -> None:
    """``unet-book train``."""
    command = commands.add_parser("train", help="train a network on images and their masks")
    _add_data(command, "what to learn from")
    command.add_argument(
        "--preset",
        default="own",
        choices=PRESETS,
        help="own: follows from the size of the cells, and takes --minutes; quick: small, on a "
        "CPU, about a minute; colab: a GPU, minutes; modern: a GPU, longer; paper: the paper's "
        "network and recipe, hours (default: own)",
    )
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where the trained network goes; an unfinished training there goes on",
    )
    command.add_argument(
        "--minutes",
        type=float,
        help="about how long to train: more give a better network, up to a point (default: 2)",
    )
    command.add_argument("--steps", type=int, help="train for so many steps instead")
    _add_hold_out(command)
    command.add_argument("--seed", type=int, default=0, help="another seed, another training")
    command.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    command.add_argument(
        "--precision",
        default="auto",
        choices=PRECISIONS,
        help="bf16 where the hardware multiplies it faster (auto), always, or never",
    )
    command.add_argument(
        "--compile",
        action="store_true",
        help="compile the network first; takes a minute, and pays on a GPU",
    )
    command.add_argument(
        "--from",
        type=Path,
        dest="from_",
        metavar="TRAINED",
        help="begin with the weights of a trained network instead of random ones",
    )
    command.add_argument(
        "--log",
        type=Path,
        metavar="FOLDER",
        help="TensorBoard's event files; needs the package tensorboard",
    )
    command.set_defaults(run=_run_train)


def _add_predict(commands: argparse._SubParsersAction) -> None:
    """``unet-book predict``."""
    command = commands.add_parser("predict", help="find the cells of images with a trained network")
    _add_model(command)
    command.add_argument(
        "images",
        nargs="*",
        type=Path,
        help="gray images (TIFF, PNG, JPEG, ...), stacks, or folders of them",
    )
    command.add_argument(
        "--channel", type=int, help="of colored images the channel to take, from 0"
    )
    _add_data(command, "instead of image files", required=False)
    _add_split(command)
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="for each image NAME a NAME_cells.tif: 0 background, 1 ... the cells",
    )
    _add_results(command)
    command.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    command.set_defaults(run=_run_predict)


def _add_results(command: argparse.ArgumentParser) -> None:
    """What else ``unet-book predict`` writes, and how it decides what is a cell."""
    results = {
        "table": "cells.csv with a row for each cell of all images: area, place, box, gray values; "
        "in micrometers, too, where the file says how large a pixel is",
        "overlay": "NAME_overlay.png: the image with the outlines of its cells",
        "numbers": "the overlay with each cell's number on it",
        "rois": "NAME_rois.zip for Fiji's ROI Manager; needs the package roifile",
        "geojson": "NAME_cells.geojson for QuPath",
        "probability": "NAME_probability.tif: how sure the network is of a cell, 0 to 1",
    }
    for name, text in results.items():
        command.add_argument(f"--{name}", action="store_true", help=f"also {text}")
    command.add_argument(
        "--threshold",
        type=float,
        metavar="0.5",
        help="the probability above which a pixel is cell (default: as chosen in training)",
    )
    command.add_argument(
        "--min-size",
        type=int,
        metavar="PIXELS",
        help="leave smaller cells out (default: as chosen in training)",
    )
    command.add_argument(
        "--diameter",
        type=float,
        metavar="PIXELS",
        help="of the cell in the middle of an image (default: as a first answer shows it); images "
        "are resampled until it is as large as in training",
    )


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    """``unet-book evaluate``."""
    command = commands.add_parser("evaluate", help="compare a trained network with the truth")
    _add_model(command)
    _add_data(command, "images with masks")
    _add_split(command)
    command.add_argument(
        "--csv", type=Path, metavar="FILE", help="also write the table, with Otsu's for each image"
    )
    command.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    command.set_defaults(run=_run_evaluate)


def _add_export(commands: argparse._SubParsersAction) -> None:
    """``unet-book export``."""
    command = commands.add_parser(
        "export", help="write a trained network for programs that have no PyTorch"
    )
    _add_model(command)
    command.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER|FILE", help="where it goes"
    )
    command.add_argument(
        "--format",
        choices=[*export.ENDINGS],
        help="onnx: the network alone; bioimageio: a package for ilastik, deepImageJ and the "
        "tools of bioimage.io (default: as FILE ends, .onnx or .zip)",
    )
    package = command.add_argument_group("of a bioimage.io package")
    package.add_argument(
        "--image",
        type=Path,
        metavar="FILE",
        help="an image such as the network is for: the middle of it becomes test and cover "
        "(default: the nuclei of the book)",
    )
    package.add_argument("--channel", type=int, help="of a colored one the channel, from 0")
    package.add_argument("--name", help="of the package (default: Cells found by a U-Net)")
    package.add_argument(
        "--author", action="append", default=[], metavar="NAME", help="once for each author"
    )
    package.add_argument(
        "--license", metavar="TERMS", help="the SPDX name of the terms, such as CC-BY-4.0"
    )
    command.set_defaults(run=_run_export)


def _add_reproduce(commands: argparse._SubParsersAction) -> None:
    """``unet-book reproduce``."""
    command = commands.add_parser("reproduce", help="make one of the book's recorded tables again")
    command.add_argument(
        "table",
        help="isbi2012, the paper's Table 1, or phc-u373 or dic-hela, a column of its Table 2",
    )
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where networks, scores and, in the end, TABLE.json go; what is there "
        "already is not made again",
    )
    command.add_argument(
        "--part",
        nargs="+",
        metavar="PART",
        help="only these trainings (fold0-seed0, ...): several machines may share",
    )
    command.add_argument("--device", help="cpu, cuda, ... (default: the GPU if there is one)")
    command.set_defaults(run=_run_reproduce)


def _add_data(command: argparse.ArgumentParser, purpose: str, required: bool = True) -> None:
    """Which images a command takes, and how their masks are read."""
    _add_masks(command)
    command.add_argument(
        "--data",
        required=required,
        metavar="NAME|FOLDER",
        help=f"{purpose}: {', '.join(datasets.names())}, or a folder with images/ and masks/",
    )


def _add_masks(command: argparse.ArgumentParser) -> None:
    """How masks are read."""
    command.add_argument(
        "--classes",
        type=_numbers,
        default=(),
        metavar="1,2",
        help="in the masks these numbers mean cell, and each piece is one",
    )
    command.add_argument(
        "--ignore", type=int, metavar="255", help="in the masks this number means: not annotated"
    )


def _add_hold_out(command: argparse.ArgumentParser) -> None:
    """Which images are kept from a training."""
    command.add_argument(
        "--hold-out",
        nargs="+",
        default=[],
        metavar="NAME",
        help="keep these images (or day3*, ...) from the training, to choose and measure on "
        "(default: the last fifth; each in turn where a folder has less than ten)",
    )


def _numbers(text: str) -> tuple[int, ...]:
    """The whole numbers of a list with commas."""
    return tuple(int(word) for word in text.split(","))


def _add_model(command: argparse.ArgumentParser) -> None:
    """Which trained network a command takes."""
    command.add_argument(
        "model",
        type=Path,
        metavar="TRAINED",
        help="the folder that train wrote, or a .safetensors file in it",
    )


def _add_split(command: argparse.ArgumentParser) -> None:
    """Which part of the images a command takes."""
    command.add_argument(
        "--split",
        help="train, test (the last fifth) or all (default: test of a named set, all of a folder)",
    )


def _run_fetch(choice: argparse.Namespace) -> None:
    """Say where a data set lies, after a download if need be."""
    print(datasets.fetch(choice.name))


def _run_train(choice: argparse.Namespace) -> int:
    """Train, and write the network, a checkpoint and the record of the run."""
    inputs.check_numbers(choice)
    Folder(choice.out).check()
    if choice.from_:
        _header.read(find_model(choice.from_))
    if status := check.before_training(choice):
        return status
    percentiles = (LOW, HIGH)
    if choice.from_ and inputs.percentiles(find_model(choice.from_)):
        percentiles = inputs.percentiles(find_model(choice.from_))
    data, held_out = inputs.parts(choice, percentiles)
    from unet_book.cli import train

    train.train(choice, data, held_out, percentiles)
    return 0


def _run_predict(choice: argparse.Namespace) -> int:
    """Write the cells that the network finds in each image, one image at a time.

    A file that can't be read, or whose result would replace somebody's own file, is told at the
    end; the others are done. The exit status is then 1.
    """
    if bool(choice.images) == bool(choice.data):
        raise ValueError("give either image files or --data")
    inputs.check_results(choice)
    network, predictor, failed = inputs.cell_network(choice.model), None, []
    check_place(choice.out)
    with ExitStack() as opened:
        for name, source in progress(inputs.images(choice), "image"):
            try:
                frames, origin = inputs.frames(source, choice.channel)
                places = inputs.places(choice, name, origin.count)
            except (ValueError, OSError) as error:
                failed.append(error)
                continue
            from unet_book.cli.predict import Predictor

            predictor = predictor or opened.enter_context(Predictor(choice, network))
            try:
                predictor.write(name, source, frames, origin, places)
            except (ValueError, OSError) as error:
                failed.append(error)
    for error in failed:
        _complain(error)
    return 1 if failed else 0


def _run_evaluate(choice: argparse.Namespace) -> None:
    """Print the network's errors on a data set."""
    file = inputs.cell_network(choice.model)
    inputs.check_scores(choice)
    stack = inputs.load(choice, inputs.part(choice), inputs.percentiles(file))
    from unet_book.cli.evaluate import evaluate
    from unet_book.finder import CellFinder

    evaluate(choice, CellFinder.load(file, choice.device), stack)


def _run_export(choice: argparse.Namespace) -> None:
    """Write the network in a form that other programs read."""
    to = export.place(choice)
    file = export.network(choice)
    image = export.example(choice)
    export.check_packages(choice)
    export.write(choice, file, to, image)


def _run_reproduce(choice: argparse.Namespace) -> None:
    """Train and score the parts of a table; its record when the last of them is there."""
    if choice.table not in PARTS:
        raise ValueError(f"tables are {', '.join(PARTS)}, not {choice.table!r}")
    parts = PARTS[choice.table]
    unknown = [name for name in choice.part or [] if name not in parts]
    if unknown:
        raise ValueError(f"{choice.table} has the parts {', '.join(parts)}, not {unknown[0]!r}")
    check_place(choice.out)
    from unet_book.cli.reproduce import reproduce_parts

    reproduce_parts(choice, choice.part or parts)
