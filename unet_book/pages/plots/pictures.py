"""Pictures of images, labels and predictions, in colors that color-blind readers can tell apart."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb

from unet_book._arrays import ArrayLike, to_numpy
from unet_book.pages.sheet import BORDER, CELL, SHEET, WRONG

__all__ = [
    "brightened",
    "tinted",
    "tint_numbers",
    "colored",
    "outlined",
    "mistakes",
    "heat",
    "scale",
]

# Seven colors for cells. The order is such that neighbors in number differ most.
PALETTE = tuple(
    SHEET[name].light for name in ("amber", "sky", "green", "yellow", "blue", "vermilion", "purple")
)
HEAT = "inferno"  # the one map for quantities
REACH = 6, 2  # px; cells so close get different colors: the near ones if not the farther


def brightened(image: ArrayLike, percentile: float = 99.5) -> np.ndarray:
    """An image stretched so that the eye sees its dark parts.

    Parameters
    ----------
    image : array_like, (H, W)
        Gray values.
    percentile : float
        Of the gray values, what becomes white.

    Returns
    -------
    ndarray of float64, (H, W)
        In [0, 1].
    """
    pixels = to_numpy(image).astype(float)
    low, high = np.percentile(pixels, [0.5, percentile])
    return np.clip((pixels - low) / max(high - low, 1e-12), 0, 1)


def tinted(
    image: ArrayLike, mask: ArrayLike, color: str = BORDER, strength: float = 0.6
) -> np.ndarray:
    """An image with a color laid over it where a mask is high.

    Parameters
    ----------
    image : array_like, (H, W) or (H, W, 3)
        In [0, 1].
    mask : array_like, (H, W)
        In [0, 1]; a probability map gives a tint that grows with it.
    color : str
        As matplotlib names it.
    strength : float
        The color's share where the mask is 1.

    Returns
    -------
    ndarray of float64, (H, W, 3)
        In [0, 1].
    """
    pixels = to_numpy(image)
    gray = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
    alpha = strength * to_numpy(mask).astype(float)[..., None]
    return (1 - alpha) * gray + alpha * np.array(to_rgb(color))


def tint_numbers(labels: ArrayLike) -> np.ndarray:
    """For each pixel the number of its cell's color, so that no two cells that touch share one.

    One cell after another takes a color that no neighbor has yet, beginning with the one of its own
    number: first a color that none has within 6 px, else one that none has within 2 px.

    Parameters
    ----------
    labels : array_like of int, (H, W)
        Instance labels.

    Returns
    -------
    ndarray of int, (H, W)
        From 0 to 6; -1 where there is no cell.
    """
    labels = to_numpy(labels)
    around = [_neighbors(labels, reach) for reach in REACH]
    chosen: dict[int, int] = {}
    cells, where = np.unique(labels, return_inverse=True)
    for cell in cells[cells > 0].tolist():
        order = [(cell + k) % len(PALETTE) for k in range(len(PALETTE))]
        taken = [{chosen.get(other) for other in near.get(cell, ())} for near in around]
        free = [color for colors in taken for color in order if color not in colors]
        chosen[cell] = (free or order)[0]
    colors = np.array([chosen.get(cell, -1) for cell in cells.tolist()])
    return colors[where].reshape(labels.shape)


def _neighbors(labels: np.ndarray, reach: int) -> dict[int, set[int]]:
    """Each cell's neighbors: those with a pixel within a square of so many pixels around one."""
    found: dict[int, set[int]] = {}
    high, wide = labels.shape
    for dy in range(min(reach, high - 1) + 1):
        for dx in range(-min(reach, wide - 1), min(reach, wide - 1) + 1):
            here = labels[: high - dy, max(-dx, 0) : wide - max(dx, 0)]
            there = labels[dy:, max(dx, 0) : wide + min(dx, 0)]
            differ = (here != there) & (here > 0) & (there > 0)
            for one, other in set(zip(here[differ].tolist(), there[differ].tolist())):
                found.setdefault(one, set()).add(other)
                found.setdefault(other, set()).add(one)
    return found


def colored(image: ArrayLike, labels: ArrayLike, strength: float = 0.55) -> np.ndarray:
    """An image with each cell in one of seven colors, cells that touch in different ones.

    Parameters
    ----------
    image : array_like, (H, W)
        In [0, 1].
    labels : array_like of int, (H, W)
        Instance labels.
    strength : float
        The color's share.

    Returns
    -------
    ndarray, (H, W, 3)
        In [0, 1].
    """
    picture = np.repeat(to_numpy(image)[..., None], 3, axis=-1)
    labels = to_numpy(labels)
    inside = labels > 0
    tints = np.array([to_rgb(color) for color in PALETTE])[tint_numbers(labels)[inside]]
    picture[inside] = (1 - strength) * picture[inside] + strength * tints
    return picture


def outlined(image: ArrayLike, labels: ArrayLike, color: str = BORDER) -> np.ndarray:
    """An image with the outer pixels of each cell in color.

    Parameters
    ----------
    image : array_like, (H, W)
        In [0, 1].
    labels : array_like of int, (H, W)
        Instance labels.
    color : str
        As matplotlib names it.

    Returns
    -------
    ndarray of float64, (H, W, 3)
        In [0, 1].
    """
    labels = to_numpy(labels)
    padded = np.pad(labels, 1, mode="edge")
    around = [padded[1:-1, 2:], padded[1:-1, :-2], padded[2:, 1:-1], padded[:-2, 1:-1]]
    edge = (labels > 0) & np.any([labels != other for other in around], axis=0)
    return tinted(image, edge, color, strength=1.0)


def mistakes(image: ArrayLike, truth: ArrayLike, prediction: ArrayLike) -> np.ndarray:
    """An image with wrong pixels in color: blue where a cell was missed, orange where invented.

    Parameters
    ----------
    image : array_like, (H, W)
        In [0, 1].
    truth : array_like, (H, W)
        0 and 1.
    prediction : array_like, (H, W)
        0 and 1.

    Returns
    -------
    ndarray of float64, (H, W, 3)
        In [0, 1].
    """
    truth, prediction = to_numpy(truth), to_numpy(prediction)
    missed = tinted(image, (truth == 1) & (prediction == 0), CELL, strength=1.0)
    invented = (truth == 0) & (prediction == 1)
    missed[invented] = to_rgb(WRONG)
    return missed


def heat(values: ArrayLike, top: float = 1.0, low: float = 0.0) -> np.ndarray:
    """A quantity in the colors of the one map, from black over red to yellow.

    Parameters
    ----------
    values : array_like, (H, W)
        In any unit.
    top : float
        What is brightest.
    low : float
        What is black.

    Returns
    -------
    ndarray of float64, (H, W, 3)
        In [0, 1].
    """
    share = (to_numpy(values).astype(float) - low) / (top - low)
    return colormaps[HEAT](np.clip(share, 0, 1))[..., :3]


def scale(low: str, top: str) -> str:
    """A scale to stand below a picture of `heat`.

    Parameters
    ----------
    low, top : str
        What its two ends mean.

    Returns
    -------
    str
        HTML.
    """
    stops = ", ".join(to_hex(colormaps[HEAT](k / 8)) for k in range(9))
    return (
        f'<div class="scale" style="display: flex; gap: 8px; align-items: center">'
        f'<span>{low}</span><span style="flex: 1; height: 10px; '
        f'background: linear-gradient(90deg, {stops})"></span><span>{top}</span></div>'
    )
