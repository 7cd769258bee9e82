"""Record the film on the book's first page: what a small U-Net sees in an image while it learns.

    python tools/film.py

trains the preset "quick" on the left part of the embedded image, for STEPS steps from SEED, and
keeps what it says of a part of the image that no step sees. It writes the gray image and a sheet of
all probability maps, side by side and row by row, to book/_static/film; the page lays one over the
other. It takes a few minutes on one core.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from unet_book import datasets
from unet_book.metrics import pixel_error
from unet_book.overlap_tile import predict
from unet_book.pages.plots import brightened
from unet_book.training import PRESETS, classes, train
from unet_book.weight_map import part_touching_cells

FOLDER = Path(__file__).resolve().parent.parent / "book" / "_static" / "film"
SEED = 0
STEPS = 400
SHOWN = [*range(0, 60, 5), *range(60, 120, 10), *range(120, STEPS + 1, 40)]
TOP, SIDE = 96, 192  # px: the square that is shown, as wide as the part kept for the end
COLUMNS = 6
HOW = {"format": "WEBP", "method": 6}


def record() -> tuple[np.ndarray, list[np.ndarray], list[float]]:
    """The image, the probability map of each shown step, and its share of wrong pixels."""
    held_out = datasets.load("nuclei", "test")
    square = np.s_[TOP : TOP + SIDE, :SIDE]
    truth = classes(part_touching_cells(held_out.labels))[0]
    maps, wrong = [], []

    def watch(step: int, model: object) -> None:
        if step in SHOWN:
            probability = predict(model, held_out.images[0])[1]
            maps.append(probability[square])
            wrong.append(float(pixel_error(truth, probability > 0.5)))

    preset = replace(PRESETS["quick"], steps=STEPS, measure_every=5)
    train(datasets.load("nuclei", "train"), preset, seed=SEED, watch=watch, progress=False)
    return brightened(held_out.images[0])[square], maps, wrong


def as_bytes(values: np.ndarray) -> Image.Image:
    """Values in [0, 1] as a gray picture."""
    return Image.fromarray(np.round(255 * np.clip(values, 0, 1)).astype(np.uint8))


def sheet(maps: list[np.ndarray]) -> np.ndarray:
    """All maps as one, row by row."""
    rows = -(-len(maps) // COLUMNS)
    empty = [np.zeros_like(maps[0])] * (rows * COLUMNS - len(maps))
    together = np.reshape([*maps, *empty], (rows, COLUMNS, SIDE, SIDE))
    return together.transpose(0, 2, 1, 3).reshape(rows * SIDE, COLUMNS * SIDE)


def main() -> None:
    """Write the film's files."""
    image, maps, wrong = record()
    FOLDER.mkdir(exist_ok=True)
    as_bytes(image).save(FOLDER / "image.webp", quality=80, **HOW)
    as_bytes(sheet(maps)).save(FOLDER / "maps.webp", quality=50, **HOW)
    facts = {"side": SIDE, "columns": COLUMNS, "steps": SHOWN, "wrong": np.round(wrong, 4).tolist()}
    (FOLDER / "film.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
