"""What the commands do, once their inputs have been looked at."""

import hashlib
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from unet_book import datasets, metrics, training
from unet_book.checkpoint import load_model, peek, save
from unet_book.datasets import Stack
from unet_book.datasets.files import Resolution, write_labels, write_tiff
from unet_book.overlap_tile import predict
from unet_book.provenance import circumstances, revision
from unet_book.run import Folder, find_model
from unet_book.sizes import nearest_valid_sizes
from unet_book.training.distributed import choose_device
from unet_book.training.evaluation import all_pixels, predicted_classes, true_classes
from unet_book.unet import UNet

__all__ = ["train", "write_cells", "cell_finder", "evaluate", "reproduce_parts", "best_tile"]


def train(choice: Namespace, data: Stack, held_out: Stack) -> None:
    """Train, and write the network, a checkpoint and the record of the run.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book train``.
    data : Stack
        To learn from.
    held_out : Stack
        To measure on.
    """
    preset = training.named(choice.preset)
    if choice.steps is not None:
        preset = replace(preset, steps=choice.steps)
    device = choose_device(choice.device)
    engine = training.Engine(choice.precision, compile=choice.compile)
    how = {"initialize": _Trained(find_model(choice.from_))} if choice.from_ else {}
    first = training.distributed.is_main_process()
    folder = Folder(choice.out)
    with folder.locked() if first else nullcontext():  # the first of several processes holds it
        resumed = peek(folder.checkpoint).get("step", 0) if folder.checkpoint.exists() else 0
        watched = _is_watched()
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
            record = _describe_run(result, choice, device, resumed, seconds)
            folder.write_record(record | {"engine": asdict(settled)}, resumed >= preset.steps)
            _print_run(result, held_out, folder, resumed, seconds)


def _say(line: str) -> None:
    """Print a line at once; if nobody reads any more, go on without: what counts are the files."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")


def _is_watched() -> bool:
    """Whether a terminal shows what goes to stderr, which a program without one may have closed."""
    return sys.stderr is not None and sys.stderr.isatty()


def _print_run(
    result: training.Result, held_out: Stack, folder: Folder, resumed: int, seconds: float
) -> None:
    """Where the network is, and how well it did."""
    last = result.history[-1]
    guess = metrics.majority_error(all_pixels(true_classes(held_out.labels)))
    _say(f"the network: {folder.model}")
    _say(
        f"{last['step'] - resumed} steps in {seconds:.0f} s: {last['error']:.2%} of the "
        f"held-out pixels wrong; guessing the majority class gives {guess:.2%}"
    )


def write_cells(
    model: UNet,
    frames: Sequence[np.ndarray],
    places: dict[str, Path],
    resolution: Resolution | None,
) -> None:
    """Write the cells of one file's images, and what the network answered if it was asked for.

    Parameters
    ----------
    model : UNet
        A network of two classes.
    frames : sequence of ndarray of float32, (H, W)
        The images, of one size.
    places : dict of str to Path
        Where "cells" go, and "probability" if it is asked for.
    resolution : tuple or None
        The pixels' size, as `datasets.files.read_resolution` gives it.
    """
    probability = np.stack([predict(model, frame, best_tile(model))[1] for frame in frames])
    cells = np.stack([datasets.instances(frame > 0.5) for frame in probability])
    results = {"cells": (write_labels, cells), "probability": (write_tiff, probability)}
    for kind, path in places.items():
        write, images = results[kind]
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, images[0] if len(frames) == 1 else images, resolution)
    _say(f"{places['cells']}: {sum(int(frame.max()) for frame in cells)} cells")


def cell_finder(file: Path, device: str | None) -> UNet:
    """The network of a file, on a device.

    Parameters
    ----------
    file : Path
        A checkpoint.
    device : str or None
        Where it is to run; None takes the GPU if there is one.

    Returns
    -------
    UNet
    """
    return load_model(file, choose_device(device))


def evaluate(choice: Namespace, file: Path, stack: Stack) -> None:
    """Print the network's errors on a data set.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book evaluate``.
    file : Path
        The network's.
    stack : Stack
        Images and the truth.
    """
    model = cell_finder(file, choice.device)
    found = predicted_classes(model, stack.images, best_tile(model))
    cells = [datasets.instances(mask == 1) for mask in found]
    truth, found = all_pixels(true_classes(stack.labels)), all_pixels(found)
    _say(f"{stack.name}, {choice.split}: {len(stack)} images, {stack.cell_count()} cells")
    _say(f"pixel error            {metrics.pixel_error(truth, found):8.2%}")
    _say(f"  of the majority class{metrics.majority_error(truth):8.2%}")
    _say(f"foreground IoU         {metrics.iou(truth, found):8.3f}")
    _say(f"SEG, cell by cell      {_seg_of(stack.labels, cells):>8}")


def _seg_of(truth: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> str:
    """SEG over all cells of images of any sizes, or that there is none."""
    counts = [np.count_nonzero(np.unique(labels) > 0) for labels in truth]
    scores = [metrics.seg(t, f) if n else 0 for t, f, n in zip(truth, found, counts)]
    return f"{np.average(scores, weights=counts):.3f}" if any(counts) else "n/a: no true cell"


def reproduce_parts(choice: Namespace, names: Iterable[str]) -> None:
    """Train and score parts of a table; its record when none is missing.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book reproduce``.
    names : iterable of str
        Of the parts.
    """
    from unet_book.pages import reproduce  # which no other command needs

    parts = {part.name: part for part in reproduce.TABLES[choice.table].parts}
    choice.out.mkdir(parents=True, exist_ok=True)
    device = choose_device(choice.device)
    for name in names:
        run = reproduce.run_part(
            choice.table, parts[name], choice.out, device, progress=_is_watched()
        )
        _say(f"{name}: trained in {run['seconds']:.0f} s, and scored")
    missing = reproduce.missing_parts(choice.table, choice.out)
    if missing:
        _say(f"the table still needs {', '.join(missing)}")
        return
    record = reproduce.collect(choice.table, choice.out, f"unet-book reproduce {choice.table}")
    path = choice.out / f"{choice.table}.json"
    reproduce.write_json(path, record, indent=1)
    _say(f"the record: {path}")


class _Trained:
    """An initializer that begins with the weights of a trained network."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"weights of {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"

    def __call__(self, model: UNet, generator: torch.Generator) -> None:
        """Give the network the weights; nothing is drawn."""
        trained = load_model(self.path)
        mine, theirs = (
            {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
            for network in (model, trained)
        )
        if mine != theirs:
            raise ValueError(
                f"{self.path} has {trained.base_channels} channels and depth {trained.depth}, the "
                f"preset {model.base_channels} and {model.depth}: they must be alike to go on from"
            )
        model.load_state_dict(trained.state_dict())


def best_tile(model: UNet, about: int = 572) -> int:
    """A tile that fits the network.

    Parameters
    ----------
    model : UNet
        The network.
    about : int
        How large it should be, px.

    Returns
    -------
    int
        Its side, px.
    """
    return nearest_valid_sizes(about, model.depth, model.variant)[1]


def _describe_run(
    result: training.Result, choice: Namespace, device: torch.device, resumed: int, seconds: float
) -> dict:
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
