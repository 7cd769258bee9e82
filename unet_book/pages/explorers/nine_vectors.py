"""Nine vectors, and what they do to an image, its labels and a grid."""

from __future__ import annotations

import base64

import numpy as np
from IPython.display import HTML

from unet_book._arrays import ArrayLike, to_numpy
from unet_book.pages.explorers.frame import Button, Choice, Slider, figure
from unet_book.pages.plots.pictures import tint_numbers

__all__ = ["nine_vectors"]

REACH = 40  # px, how far a vector may be drawn out

BODY = (
    '<div style="display: flex; gap: 8px">'
    '<div style="flex: 1; min-width: 0">where it looks<svg class="drawing looks" '
    'aria-label="{alt}" style="overflow: hidden"></svg></div>'
    '<div style="flex: 1; min-width: 0">what comes out<svg class="drawing sees" role="img" '
    'aria-label="The image, or its labels, bent by the nine vectors; pixels where the field folds '
    'are hatched."></svg></div></div><div class="legend">hatched black and white, and dotted: '
    "the field folds</div>"
)
PLACES = [
    "top left",
    "top",
    "top right",
    "left",
    "middle",
    "right",
    "bottom left",
    "bottom",
    "bottom right",
]


def nine_vectors(
    image: ArrayLike,
    labels: ArrayLike,
    vectors: ArrayLike | None = None,
    name: str = "nine-vectors",
) -> HTML:
    """Nine vectors in, to be dragged; grid, image and labels, bent by their field, out.

    The field is `dense_displacement`'s, and the determinant it says is `jacobian`'s.

    Parameters
    ----------
    image : array_like, (H, H)
        A small part of a data set, in [0, 1].
    labels : array_like of int, (H, H)
        Its cells.
    vectors : array_like, (2, 3, 3), or None
        To begin with: whole pixels, up to 40; None is none.
    name : str
        The figure's id on the page.

    Returns
    -------
    IPython.display.HTML

    Raises
    ------
    ValueError
        Unless image and labels are one square.
    """
    gray, cells = to_numpy(image), to_numpy(labels)
    if gray.ndim != 2 or gray.shape != cells.shape or gray.shape[0] != gray.shape[1]:
        raise ValueError(f"image and labels are one square, got {gray.shape} and {cells.shape}")
    vectors = np.zeros((2, 3, 3)) if vectors is None else to_numpy(vectors)
    data = {
        "side": len(gray),
        "places": PLACES,
        "gray": _packed(255 * gray),
        "labels": _packed(tint_numbers(cells) + 1),
    }
    start = vectors.reshape(2, 9).round().astype(int).tolist()
    controls = [
        *(
            Slider(f"{key}{p}", "", -REACH, REACH, start[axis][p], seen=False)
            for axis, key in enumerate(("down", "right"))
            for p in range(9)
        ),
        Choice("shown", "show", {"gray": "the image", "labels": "its labels"}),
        Button("draw", "draw nine from a Gaussian of 10 px"),
        Button("rest", "all to zero"),
    ]
    alt = "The image with a grid laid over it that nine arrows bend; each arrow can be dragged."
    tries = (
        "Drag one knob nearly onto its neighbor: stripes mark where the field folds, and dots on "
        "the left where those pixels look. Then show the labels: they go along, in whole colors."
    )
    return figure(name, "nine_vectors.js", controls, alt, tries, data, BODY)


def _packed(pixels: np.ndarray) -> str:
    """Pixels from 0 to 255 as bytes, base64."""
    return base64.b64encode(pixels.round().astype(np.uint8).tobytes()).decode()
