"""Pictures one after the other."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from IPython.display import HTML
from PIL import Image

from unet_book._arrays import ArrayLike, to_numpy
from unet_book.pages.explorers.frame import Button, Slider, figure

__all__ = ["film"]


def film(
    name: str,
    pictures: Sequence[ArrayLike],
    captions: Sequence[str],
    alt: str,
    label: str = "frame",
    tries: str = "Move the slider, or press the arrow keys while it has the focus.",
) -> HTML:
    """Pictures with a slider: drag, press the arrow keys, or play.

    Parameters
    ----------
    name : str
        The figure's id on the page; letters, digits and hyphens.
    pictures : sequence of array_like, (H, W) or (H, W, 3)
        With values in [0, 1], all of one size.
    captions : sequence of str
        A line of text for each picture.
    alt : str
        A sentence that says what is to be seen.
    label : str
        What the slider chooses, for a screen reader.
    tries : str
        One thing to do with the film, and what it shows.

    Returns
    -------
    IPython.display.HTML

    Raises
    ------
    ValueError
        If there is no picture, if captions and pictures differ in number, or pictures in size.
    """
    if not len(pictures) or len(pictures) != len(captions):
        raise ValueError(f"{len(pictures)} pictures need as many captions, got {len(captions)}")
    sizes = {np.shape(picture)[:2] for picture in pictures}
    if len(sizes) > 1:
        raise ValueError(f"the pictures of a film have one size, got {sorted(sizes)}")
    data = {"frames": [_jpeg(picture) for picture in pictures], "captions": list(captions)}
    ((height, width),) = sizes
    controls = [Slider("frame", label, 0, len(pictures) - 1, 0), Button("play", "Play")]
    body = f'<img alt="{{alt}}" width="{width}" height="{height}">'
    return figure(name, "films.js", controls, alt, tries, data, body)


def _jpeg(picture: ArrayLike, quality: int = 85) -> str:
    """An array with values in [0, 1] as a JPEG in base64."""
    pixels = np.round(np.clip(to_numpy(picture), 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(file, "JPEG", quality=quality)
    return base64.b64encode(file.getvalue()).decode()
