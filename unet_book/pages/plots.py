"""Pictures of images, labels and predictions, in colors that color-blind readers can tell apart.

A function that makes a figure returns it, closed: end a cell with the call, and the cell shows it.
"""

import html
import inspect
import re
import textwrap
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from unet_book._arrays import ArrayLike, to_numpy
from unet_book.costs import layer_costs
from unet_book.unet import UNet

__all__ = [
    "gallery",
    "error_curves",
    "brightened",
    "tinted",
    "colored",
    "outlined",
    "mistakes",
    "u_shape",
    "source",
]

# From Okabe and Ito's palette, which was made to be told apart without red or green cones.
ORANGE, BLUE, GREEN, PURPLE = "#E69F00", "#0072B2", "#009E73", "#CC79A7"
PALETTE = (ORANGE, "#56B4E9", GREEN, "#F0E442", BLUE, "#D55E00", PURPLE)

STYLE = {
    "figure.dpi": 130,
    "figure.constrained_layout.use": True,
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}


def gallery(pictures: dict[str, ArrayLike], columns: int = 3, width: float = 6.2) -> Figure:
    """A figure of several pictures with their titles, side by side.

    Parameters
    ----------
    pictures : dict of str to array_like
        A title to each picture, of any sizes: (H, W), shown in gray from 0 to 1, or (H, W, 3) in
        color.
    columns : int
        Pictures in a row.
    width : float
        Of the figure, inches.

    Returns
    -------
    matplotlib.figure.Figure
        Closed.
    """
    rows = -(-len(pictures) // columns)
    shapes = [to_numpy(picture).shape for picture in pictures.values()]
    tallest = max(shape[0] / shape[1] for shape in shapes)
    height = rows * (width / min(columns, len(pictures)) * tallest + 0.45)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            rows, min(columns, len(pictures)), figsize=(width, height), squeeze=False
        )
        for ax in axes.flat:
            ax.axis("off")
        for ax, (title, picture) in zip(axes.flat, pictures.items()):
            ax.imshow(to_numpy(picture), vmin=0, vmax=1)
            ax.set_title(title)
        plt.close(figure)
    return figure


def error_curves(
    series: dict[str, tuple], level: dict[str, float] | None = None, width: float = 6.2
) -> Figure:
    """A figure of errors against training steps, on a logarithmic scale in percent.

    Each line is named at its end, so that no color has to be looked up.

    Parameters
    ----------
    series : dict of str to tuple
        A name to (steps, errors), with errors as shares.
    level : dict of str to float, or None
        A name to an error that is drawn as a dashed line across.
    width : float
        Of the figure, inches.

    Returns
    -------
    matplotlib.figure.Figure
        Closed.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(width, 3.2))
        for color, (name, (xs, ys)) in zip((BLUE, "#D55E00", GREEN, PURPLE), series.items()):
            ax.semilogy(xs, ys, "o-", color=color, markersize=4)
            ax.annotate(
                name, (xs[-1], ys[-1]), (6, 0), textcoords="offset points", color=color, va="center"
            )
        for name, height in (level or {}).items():
            ax.axhline(height, color="0.4", linestyle="--", linewidth=1)
            ax.annotate(
                name,
                (1, height),
                (0, 3),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                color="0.3",
                ha="right",
                va="bottom",
            )
        ax.set(xlabel="training step", ylabel="wrong pixels, held out")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 * error:g}%"))
        ax.yaxis.set_minor_locator(NullLocator())
        plt.close(figure)
    return figure


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
    image: ArrayLike, mask: ArrayLike, color: str = ORANGE, strength: float = 0.6
) -> np.ndarray:
    """An image with a color laid over it where a mask is high.

    Parameters
    ----------
    image : array_like, (H, W)
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
    gray = np.repeat(to_numpy(image)[..., None], 3, axis=-1)
    alpha = strength * to_numpy(mask).astype(float)[..., None]
    return (1 - alpha) * gray + alpha * np.array(to_rgb(color))


def colored(image: ArrayLike, labels: ArrayLike, strength: float = 0.55) -> np.ndarray:
    """An image with each cell in one of seven colors.

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
    tints = np.array([to_rgb(color) for color in PALETTE])[labels[inside] % len(PALETTE)]
    picture[inside] = (1 - strength) * picture[inside] + strength * tints
    return picture


def outlined(image: ArrayLike, labels: ArrayLike, color: str = ORANGE) -> np.ndarray:
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
    missed = tinted(image, (truth == 1) & (prediction == 0), "#56B4E9", strength=1.0)
    invented = (truth == 0) & (prediction == 1)
    missed[invented] = to_rgb(ORANGE)
    return missed


MAPS = {"max-pool 2x2": "#D55E00", "conv 3x3": BLUE, "conv 1x1": PURPLE, "image": "0.45"}
DROP = 2.4  # from one level of the drawing to the next


def u_shape(model: UNet, tile: int, width: float = 6.2) -> Figure:
    """The paper's Fig. 1 drawn from the model: a box for each map, as it comes out of each layer.

    A box is as high as the map's side and as wide as it has channels (both on a scale that keeps
    small ones visible); its channels stand above it, its side in pixels below. Where paths meet,
    the skip's share of the box is gray.

    Parameters
    ----------
    model : UNet
        Its layers are drawn; it may be on "meta".
    tile : int
        The side of the input, px.
    width : float
        Of the figure, inches.

    Returns
    -------
    matplotlib.figure.Figure
        Closed.

    Raises
    ------
    ValueError
        For a tile that does not fit.
    """
    boxes, x, level = [], 0.0, 0
    costs = [layer for layer in layer_costs(model, tile) if not layer.kind.startswith("up-conv")]
    image = ("image", model.in_channels, tile)
    for kind, channels, side in [
        image,
        *((layer.kind, layer.channels, layer.height) for layer in costs),
    ]:
        level += {"max-pool 2x2": 1, "concatenation": -1}.get(kind, 0)
        x += 0.5 if kind in ("max-pool 2x2", "concatenation") else 0.35
        thick = 0.14 + 0.5 * (channels / (model.base_channels * 2**model.depth)) ** 0.5
        boxes.append((kind, channels, side, x, level, thick, (side / tile) ** 0.7))
        x += thick
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(width, 0.16 * width * (model.depth + 1)))
        for box in boxes:
            _draw_map(ax, model, *box)
        _draw_skips(ax, boxes, model.depth)
        ax.set(xlim=(0.2, x + 0.2), ylim=(-DROP * model.depth - 1.1, 1.7))
        ax.axis("off")
        plt.close(figure)
    return figure


def _draw_map(
    ax: Axes,
    model: UNet,
    kind: str,
    channels: int,
    side: int,
    x: float,
    level: int,
    thick: float,
    high: float,
) -> None:
    """One box of `u_shape`, with its numbers."""
    bottom = -DROP * level - high
    ax.add_patch(plt.Rectangle((x, bottom), thick, 2 * high, color=MAPS.get(kind, GREEN)))
    if kind == "concatenation":
        skip = thick * model.base_channels * 2**level / channels
        left = x + thick - skip if model.variant == "released" else x  # there the skip comes last
        ax.add_patch(plt.Rectangle((left, bottom), skip, 2 * high, color="0.75"))
    how = {"ha": "center", "rotation": 90, "fontsize": 9}
    ax.text(x + thick / 2, bottom + 2 * high + 0.08, channels, va="bottom", **how)
    ax.text(x + thick / 2, bottom - 0.08, side, va="top", **how)


def _draw_skips(ax: Axes, boxes: list[tuple], depth: int) -> None:
    """A gray arrow from the end of each level of the contracting path to where it is read again."""
    for level in range(depth):
        here = [box for box in boxes if box[4] == level]
        end = next(number for number, box in enumerate(here) if box[0] == "concatenation")
        (_, _, side, x, _, thick, _), (_, _, smaller, target, *_) = here[end - 1], here[end]
        ax.annotate(
            "",
            (target, -DROP * level),
            (x + thick, -DROP * level),
            arrowprops={"arrowstyle": "->", "color": "0.6", "linestyle": "--"},
        )
        crop = (side - smaller) // 2
        ax.text(
            (x + thick + target) / 2,
            0.06 - DROP * level,
            f"crop {crop}",
            color="0.3",
            ha="center",
            fontsize=9,
        )


def source(thing: Callable | type, first: str = "", last: str = "") -> Markdown:
    """The source of a function or class of the package, for the page: its lines that matter.

    The whole of it, with its docstring, is folded behind them. It is read from the package that
    runs, so the page shows the code that the tests test.

    Parameters
    ----------
    thing : callable or type
        Of this package.
    first : str
        What stands in the first line that is shown; empty where the prose says what it does.
    last : str
        What stands in the last one; empty for one line.

    Returns
    -------
    IPython.display.Markdown
        The book and JupyterLab highlight it.

    Raises
    ------
    ValueError
        Where there is no such line.

    Examples
    --------
    >>> print(source(_excerpt, "rows =", "return").data.split("```")[1])
    python
    rows = text.splitlines()
    start = _row(rows, first)
    end = _row(rows, last or first, start)
    return textwrap.dedent("\\n".join(rows[start : end + 1]))
    <BLANKLINE>
    """
    text = textwrap.dedent(inspect.getsource(thing)).rstrip()
    text = re.sub(r'"""([^"\n]+)\n.*?"""', r'"""\1"""', text, flags=re.DOTALL)
    shown = f"```python\n{_excerpt(text, first, last)}\n```\n\n" if first else ""
    about, _, rest = (inspect.getdoc(thing) or "").partition("\n")
    about = re.sub("`(.*?)`", r"<code>\1</code>", html.escape(about, quote=False))
    said = f"All of <code>{thing.__name__}</code>" + (f": {about}" if about else "")
    rest = f"```text\n{rest.strip()}\n```\n\n" if rest.strip() else ""
    return Markdown(
        f'{shown}<details class="listing">\n<summary>{said}</summary>\n\n'
        f"```python\n{text}\n```\n\n{rest}</details>"
    )


def _excerpt(text: str, first: str, last: str) -> str:
    """The lines of a text from one that holds some words to the next that holds others."""
    rows = text.splitlines()
    start = _row(rows, first)
    end = _row(rows, last or first, start)
    return textwrap.dedent("\n".join(rows[start : end + 1]))


def _row(rows: list[str], words: str, start: int = 0) -> int:
    """The first row from `start` that holds some words."""
    for row in range(start, len(rows)):
        if words in rows[row]:
            return row
    raise ValueError(f"no line with {words!r} from line {start + 1}")
