"""Pictures one after the other."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from IPython.display import HTML
from PIL import Image

from unet_book._arrays import ArrayLike, to_numpy
from unet_book.pages.explorers.frame import Button, figure

__all__ = ["film"]


@dataclass(frozen=True)
class _Frames:
    """A slider over the numbers of the pictures; the caption says what it points at."""

    label: str
    last: int

    def html(self) -> str:
        """The control."""
        return (
            f'<input type="range" name="frame" min="0" max="{self.last}" value="0" step="1" '
            f'aria-label="{html.escape(self.label)}">'
        )


def film(
    name: str,
    pictures: Sequence[ArrayLike],
    captions: Sequence[str],
    alt: str,
    label: str = "frame",
    width: int = 700,
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
    width : int
        Of the figure, px, where the page has room for it.

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
    controls = [Button("play", "Play"), _Frames(label, len(pictures) - 1)]
    return figure(name, "films.js", controls, alt, data, body='<img alt="{alt}">', width=width)


def _jpeg(picture: ArrayLike, quality: int = 85) -> str:
    """An array with values in [0, 1] as a JPEG in base64."""
    pixels = np.round(np.clip(to_numpy(picture), 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(file, "JPEG", quality=quality)
    return base64.b64encode(file.getvalue()).decode()
