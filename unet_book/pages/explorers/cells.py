"""What a threshold, cores or waists, and a smallest size make of probabilities."""

import base64
import io
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from IPython.display import HTML
from PIL import Image
from scipy import ndimage

from unet_book._arrays import ArrayLike, to_numpy
from unet_book.datasets import Stack
from unet_book.instances import SMOOTH, Rule, find_cells, score
from unet_book.pages.explorers.frame import Button, Choice, Slider, figure, swatch
from unet_book.pages.plots import outlined

__all__ = ["cells"]

THRESHOLDS = {k / 20 for k in range(1, 20)}
CORES = {k / 20 for k in range(10, 20)} | {0.98, 0.99}
WAISTS = {k / 4 for k in range(1, 17)}  # px
KINDS = {  # what became of a found cell: a color, a mark on it, and what is read
    "found": ("#56B4E9", "", "found (IoU above 0.5)"),
    "merged": ("#E69F00", "M", "merged"),
    "split": ("#CC79A7", "S", "split"),
    "invented": ("#F0E442", "+", "invented"),
    "rough": ("#BBBBBB", "", "overlaps, IoU up to 0.5"),
}
MISSED = "#FF6A4D"

BODY = """\
<style>
#NAME .control > b {{ bottom: -.3em; }}
#NAME :is(.field, .legend) {{ align-self: start; }}
@media (max-width: 600px) {{
  #NAME {{ display: flex; flex-direction: column; }}
  #NAME .controls {{ grid-template-columns: repeat(2, minmax(0, 1fr)); order: 1; gap: .3em 1em; }}
  #NAME .legend {{ font-size: .78rem; }}
  #NAME .chances {{ order: 2; }}
  #NAME .result {{ order: 3; font-size: .88rem; }}
  #NAME .try {{ order: 4; }}
}}
@media (min-width: 601px) {{
  #NAME {{ display: grid; grid-template-columns: minmax(0, 4fr) minmax(0, 3fr); gap: .4em 1.6em; }}
  #NAME > :is(.chances, .result, .try) {{ grid-column: 1 / -1; margin-block: 0; }}
  #NAME .controls {{ grid-area: 1 / 2 / span 2; grid-template-columns: minmax(0, 1fr); }}
}}
</style>
<img class="still" alt="{alt}" src="STILL" style="max-width: 430px; margin: auto">
<svg class="field" role="img" aria-label="{alt}"></svg>
<div class="legend">LEGEND</div>
<svg class="drawing chances" aria-label="How many pixels have each probability."></svg>"""


def cells(
    stack: Stack, probabilities: Sequence[ArrayLike], rule: Rule, name: str = "cells"
) -> HTML:
    """Threshold, core level or waist, and smallest size in; cells, their mistakes and F1 out.

    Found cells lie over the image in the color of what became of them: found, merged, split,
    invented; the truth is outlined, and cells that were missed. Threshold and core level are
    dragged in the histogram of probabilities. A mark below each slider, and a
    button, show the rule that is best by `instances.score`; its growth holds for all settings. The
    text says the counts and F1 of the image that is shown, and F1 and score of all of them.

    Parameters
    ----------
    stack : Stack
        Images with their true cells; a few of up to 256 x 256 px, since each move finds all cells.
    probabilities : sequence of array_like, (H, W)
        The network's answers to these images, from 0 to 1; they are rounded to 255ths.
    rule : Rule
        The best, as `instances.choose_rule` gives it.
    name : str
        The figure's id on the page.

    Returns
    -------
    IPython.display.HTML

    Raises
    ------
    ValueError
        Unless there is a map for each image, of its size and with values from 0 to 1.
    """
    maps = [np.rint(255 * to_numpy(answer)) / 255 for answer in probabilities]
    shapes = [[array.shape for array in arrays] for arrays in (stack.images, maps)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"each image needs a map of its size: {shapes[0]} and {shapes[1]}")
    found = [find_cells(answer, rule) for answer in maps]
    thresholds = sorted(THRESHOLDS | {rule.threshold})
    cores = [None, *sorted((CORES | {rule.core}) - {None})]
    waists = [None, *sorted((WAISTS | {rule.waist}) - {None})]
    controls = [
        Choice("image", "image", dict(enumerate(stack.names))),
        Choice("under", "beneath", {"gray": "the image", "answer": "the probabilities"}),
        Slider("threshold", "threshold", 0, len(thresholds) - 1, thresholds.index(0.5)),
        Slider("core", "core level", 0, len(cores) - 1, 0),
        Slider("waist", "waist", 0, len(waists) - 1, 0),
        Slider("smallest", "smallest size", 0, _largest(stack, rule), 0, unit=" px"),
        Button("best", "\u25b2 best by score"),
    ]
    alt = (
        "A gray image of cells. Found cells are tinted and outlined in the color of what became of "
        "them; white lines outline the true cells."
    )
    still = _png(outlined(stack.images[0], found[0]))
    data = {
        "images": [_image(*parts) for parts in zip(stack.images, maps, stack.labels)],
        "thresholds": thresholds,
        "cores": cores,
        "waists": waists,
        "gaussian": _gaussian(),
        "best": asdict(rule),
        "score": score(stack.labels, found),
        "kinds": KINDS,
        "missed": MISSED,
    }
    tries = (
        "Drag the threshold to the right: mergers part, but cells shrink and dim ones go. Set it "
        "back, and drag the core level in from the right edge: clusters part, and outlines stay."
    )
    body = BODY.replace("STILL", still).replace("LEGEND", _legend()).replace("NAME", name)
    return figure(name, "cells.js", controls, alt, tries, data, body)


def _gaussian() -> list[float]:
    """The weights that smooth distances, from the middle outward, as scipy has them."""
    line = np.zeros(33)
    line[16] = 1
    weights = ndimage.gaussian_filter1d(line, SMOOTH)[16:]
    return weights[weights > 0].tolist()


def _image(gray: np.ndarray, answer: np.ndarray, truth: np.ndarray) -> dict:
    """What the script needs of an image: a picture, the map in bytes, runs of true labels."""
    height, width = gray.shape
    starts = np.flatnonzero(np.diff(truth.ravel(), prepend=truth[0, 0] - 1))
    lengths = np.diff(starts, append=truth.size)
    return {
        "width": width,
        "height": height,
        "gray": _png(gray),
        "answer": base64.b64encode(np.rint(255 * answer).astype(np.uint8).tobytes()).decode(),
        "truth": np.column_stack([truth.ravel()[starts], lengths]).ravel().tolist(),
    }


def _largest(stack: Stack, rule: Rule) -> int:
    """Where the slider of sizes ends: at half the pixels of the median true cell."""
    sizes = [np.unique(image[image > 0], return_counts=True)[1] for image in stack.labels]
    return max(rule.smallest, round(float(np.median(np.concatenate(sizes))) / 2))


def _png(pixels: np.ndarray) -> str:
    """Pixels with values from 0 to 1 as the address of a picture."""
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _legend() -> str:
    """What colors and marks mean, as HTML."""
    swatches = {f"background: {color}": f"{mark} {text}" for color, mark, text in KINDS.values()}
    swatches[f"border: 2px solid {MISSED}"] = "\u2212 missed"
    swatches["background: white; height: 2px; vertical-align: middle"] = "a true cell"
    return " ".join(swatch(style, text.strip()) for style, text in swatches.items())
