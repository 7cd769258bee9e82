"""Cut the images of data/mixed out of those of the 2018 Data Science Bowl.

    UNET_BOOK_DATA=... python tools/mixed_images.py

That folder holds dsb2018/images and dsb2018/masks: a gray image of 8 bits and a mask with a number
a nucleus under the first twelve letters of the image's name in BBBC038.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent.parent / "data" / "mixed"


class Crop(NamedTuple):
    """A part of an image: the name of that, where the part begins, and its size; px."""

    origin: str
    top: int
    left: int
    height: int
    width: int


# In the order of their names here; the last four are those that no training sees.
CROPS = {
    "field01": Crop("1c8b905c9519", 40, 60, 192, 224),
    "field02": Crop("245b99587837", 70, 20, 160, 176),
    "field03": Crop("0c6507d493bf", 30, 60, 200, 180),
    "field04": Crop("431b9b0c520a", 0, 0, 224, 256),
    "field05": Crop("5b2ccfb94ded", 80, 60, 130, 160),
    "field06": Crop("220b37f4ca7c", 12, 0, 96, 120),
    "field07": Crop("edd36ed822e7", 84, 90, 172, 150),
    "field08": Crop("e23e11414ee6", 30, 300, 180, 240),
    "field09": Crop("6b61ab2e3ff0", 40, 330, 240, 200),
    "field10": Crop("fd8065bcb1af", 56, 0, 200, 256),
    "field11": Crop("07fb37aafa66", 240, 0, 200, 240),
    "field12": Crop("3f9fc8e63f87", 180, 60, 256, 256),
    "field13": Crop("5953af5080d9", 0, 0, 176, 200),
    "field14": Crop("d827a7d80fc6", 150, 0, 106, 256),
}


def cut(folder: Path, crop: Crop) -> tuple[np.ndarray, np.ndarray]:
    """The part of an image, uint8, and of its mask, uint16, its nuclei numbered anew from 1."""
    rows = slice(crop.top, crop.top + crop.height)
    columns = slice(crop.left, crop.left + crop.width)
    image, mask = (
        np.asarray(Image.open(folder / kind / f"{crop.origin}.png"))[rows, columns]
        for kind in ("images", "masks")
    )
    if image.shape != crop[3:]:
        raise ValueError(f"{crop.origin}: no {crop[3:]} pixels at {crop[1:3]}")
    numbers = np.concatenate([[0], np.unique(mask[mask > 0])])
    return image, np.searchsorted(numbers, mask).astype(np.uint16)


def write(folder: Path, into: Path, crops: dict[str, Crop] = CROPS) -> None:
    """Write images/NAME.png and masks/NAME.png for all parts of the images in `folder`."""
    for name, crop in crops.items():
        for kind, pixels in zip(("images", "masks"), cut(folder, crop)):
            (into / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(into / kind / f"{name}.png", optimize=True)


if __name__ == "__main__":
    write(Path(os.environ["UNET_BOOK_DATA"]) / "dsb2018", HERE)
