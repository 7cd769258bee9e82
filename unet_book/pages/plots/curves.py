"""Curves: what several charts of the chapters share."""

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from unet_book.pages.plots.panels import Panels, chart
from unet_book.pages.plots.svg import WORDS
from unet_book.pages.sheet import MUTED, OURS, SHEET

__all__ = ["label", "powers", "error_curves", "box"]

SERIES = tuple(SHEET[name].light for name in ("blue", "vermilion", "green", "purple", "amber"))
DIGITS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def label(
    ax: Axes,
    words: str,
    place: tuple[float, float],
    color: str,
    offset: tuple[float, float] = (0, 0),
    **how: object,
) -> None:
    """Words beside what they name, in its color.

    Parameters
    ----------
    ax : Axes
        Where.
    words : str
        A formula stands between dollars.
    place : tuple of float
        In the units of the axes, or as `xycoords` among `how` says.
    color : str
        Of the sheet; as text it is darkened where that is needed.
    offset : tuple of float
        From there, px.
    **how : object
        Such as ha="right", for `Axes.annotate`.
    """
    how = {"va": "center", "gid": WORDS} | how
    ax.annotate(words, place, offset, textcoords="offset points", color=color, **how)


def powers(ax: Axes, axis: str = "y") -> None:
    """Mark a logarithmic axis with powers of ten.

    Parameters
    ----------
    ax : Axes
        Whose axis is logarithmic already.
    axis : str
        "x" or "y".
    """
    mine = ax.yaxis if axis == "y" else ax.xaxis
    mine.set_minor_locator(NullLocator())
    mine.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))


def _power(value: float) -> str:
    """A power of ten as it is written."""
    exponent = f"{value:.0e}".partition("e")[2]
    number = int(exponent)
    return {0: "1", 1: "10"}.get(number) or f"10{str(number).translate(DIGITS)}"


def error_curves(
    series: dict[str, tuple], level: dict[str, float] | None = None, height: float = 300
) -> Panels:
    """A figure of errors against training steps, on a logarithmic scale in percent.

    Each line is named at its end, so that no color has to be looked up.

    Parameters
    ----------
    series : dict of str to tuple
        A name to (steps, errors), with errors as shares.
    level : dict of str to float, or None
        A name to an error that is drawn as a dashed line across.
    height : float
        Of the figure, px.

    Returns
    -------
    Panels
    """
    with chart(height=height) as (figure, ax):
        for color, (name, (xs, ys)) in zip((OURS, *SERIES[1:]), series.items()):
            ax.semilogy(xs, ys, "o-", color=color)
            label(ax, name, (xs[-1], ys[-1]), color, (0, 12), ha="right")
        for name, share in (level or {}).items():
            ax.axhline(share, color=MUTED, linestyle="--", linewidth=1)
            where = {"xycoords": ("axes fraction", "data"), "ha": "right"}
            label(ax, name, (1, share), MUTED, (0, 9), **where)
        ax.set(xlabel="training step", ylabel="wrong pixels, held out")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 * error:g}%"))
        ax.yaxis.set_minor_locator(NullLocator())
    return figure


def box(
    x: float,
    y: float,
    color: str,
    alpha: float = 1.0,
    side: float = 1.0,
    edge: str = "white",
) -> Rectangle:
    """A square for `Axes.add_patch`, such as a pixel of a small grid.

    Parameters
    ----------
    x, y : float
        Its middle.
    color : str
        Of its area.
    alpha : float
        How much of the color; with 0 it is an outline in it.
    side : float
        In the units of the axes.
    edge : str
        The color of its outline.

    Returns
    -------
    matplotlib.patches.Rectangle
    """
    corner = (x - side / 2, y - side / 2)
    if not alpha:
        return Rectangle(corner, side, side, facecolor="none", edgecolor=color, linewidth=1)
    look = {"facecolor": (color, alpha), "edgecolor": edge, "linewidth": 1.5}
    return Rectangle(corner, side, side, **look)
