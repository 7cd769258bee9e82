"""Exact drawings of what a chapter derives: windows, crops, tiles, candidates, a spline."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from unet_book._arrays import ArrayLike, to_numpy
from unet_book.elastic import spline_matrix
from unet_book.overlap_tile import mirror_index
from unet_book.pages.plots.curves import SERIES, box, label
from unet_book.pages.plots.panels import Panels, chart
from unet_book.pages.sheet import BORDER, CELL, FAINT, INK, MUTED, OURS, SHEET, WHITE, WRONG
from unet_book.sizes import feature_map_sizes

__all__ = [
    "valid_convolutions",
    "crops",
    "windows",
    "overlapping_tiles",
    "two_candidates",
    "three_vectors",
]

GREEN = SHEET["green"].light


def valid_convolutions(side: int = 8) -> Panels:
    """What two valid 3 x 3 convolutions take: each the outermost ring of its map.

    Parameters
    ----------
    side : int
        Of the first map, px.

    Returns
    -------
    Panels
    """
    sides = (side, side - 2, side - 4)
    titles = [f"{n} x {n} {when}" for n, when in zip(sides, ("in", "after one", "after two"))]
    with chart(*titles, height=216, phone=3, square=True) as (figure, axes):
        for step, (ax, now) in enumerate(zip(axes, sides)):
            for y, x in np.ndindex(now, now):
                taken = step < 2 and (min(y, x) == 0 or max(y, x) == now - 1)
                ax.add_patch(box(x + step, y + step, WRONG if taken else CELL, 0.45))
            if step < 2:
                _frame(ax, step - 0.5, step - 0.5, 3, INK)
            if step:
                ax.add_patch(box(step, step, BORDER))
            ax.set(xlim=(-0.7, side - 0.3), ylim=(side - 0.3, -0.7), aspect="equal")
            ax.axis("off")
    return figure


def _frame(ax: Axes, x: float, y: float, side: float, color: str, dashes: str = "-") -> None:
    """The outline of a square with a corner at a place."""
    look = {"facecolor": "none", "edgecolor": color, "linewidth": 2, "linestyle": dashes}
    ax.add_patch(Rectangle((x, y), side, side, **look))


def crops(tile: int = 572, depth: int = 4) -> Panels:
    """What is left of each kept map when it is laid beside the one that comes up.

    Parameters
    ----------
    tile : int
        The side of the input, px.
    depth : int
        The number of poolings.

    Returns
    -------
    Panels
        The deepest level first, where the way up begins; all maps as large as each other.
    """
    path = feature_map_sizes(tile, depth)
    pairs = [(path[level][2], path[2 * depth - level][0]) for level in range(depth)][::-1]
    titles = [f"{kept} to {left}: {(kept - left) // 2} a side" for kept, left in pairs]
    with chart(*titles, columns=min(depth, 4), height=160, phone=2, square=True) as (figure, axes):
        for ax, (kept, left) in zip(axes if depth > 1 else [axes], pairs):
            start = (kept - left) / 2 / kept
            ax.add_patch(Rectangle((0, 0), 1, 1, facecolor=(WRONG, 0.4)))
            ax.add_patch(Rectangle((start, start), left / kept, left / kept, facecolor=CELL))
            ax.set(xlim=(-0.02, 1.02), ylim=(1.02, -0.02), aspect="equal")
            ax.axis("off")
    return figure


def _walked(depth: int) -> list[tuple[str, int, int, float]]:
    """The windows of output pixel 0, from the answer back to the tile.

    Each is a name, the stride of its map in pixels of the tile, how many pixels of the map are in
    the window, and where it begins, in pixels of the tile.
    """
    arrive, at = [], 0.0  # where pixel 0 of each map has its middle
    for level in range(depth):
        arrive.append(at)
        at += 2.5 * 2**level  # two convolutions move it by a pixel each, the pooling by half
    arrive.append(at)
    for level in range(depth - 1, -1, -1):
        at += 2 * 2 ** (level + 1) - 2**level / 2
        arrive.append(at)
    first, last = 0, 0
    found = [("the answer", 1, 1, at + 2 - 0.5)]
    for station in range(2 * depth, -1, -1):
        level = min(station, 2 * depth - station)
        if station < depth:
            first, last = 2 * first, 2 * last + 1
        last += 4
        name = (
            "bottom"
            if level == depth
            else f"level {level + 1} {'up' if station > depth else 'down'}"
        )
        stride = 2**level
        found.append((name, stride, last - first + 1, arrive[station] + stride * (first - 0.5)))
        if station > depth:
            first, last = first // 2, last // 2
    return found


def windows(depth: int = 4) -> Panels:
    """The window of one output pixel, walked from the answer back to the tile.

    Parameters
    ----------
    depth : int
        The number of poolings.

    Returns
    -------
    Panels
        A bar for each map, with its pixels as wide as they are in the tile.
    """
    rows = _walked(depth)
    middle = rows[0][3] + 0.5
    with chart(height=34 * len(rows) + 40) as (figure, ax):
        for y, (name, stride, count, left) in enumerate(reversed(rows)):
            color = GREEN if "up" in name else BORDER if name == "the answer" else OURS
            start, width = left - middle, stride * count
            ax.barh(y, width, left=start, height=0.62, color=color)
            if stride > 1:
                ax.vlines(start + stride * np.arange(1, count), y - 0.31, y + 0.31, "white", lw=1)
            words = f"{count}" if stride == 1 else f"{count} of {stride} px"
            label(ax, words, (start + width, y), color, (6, 0))
        half = max(width * count for _, width, count, _ in rows) / 2
        ax.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
        ax.set(xlabel="distance from the answer in the tile, px", ylim=(len(rows) - 0.4, -0.6))
        ax.set(xlim=(-1.1 * half, 1.25 * half))
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    return figure


def overlapping_tiles(image: ArrayLike, tile: int, border: int, step: int) -> Panels:
    """The paper's Fig. 2 on an image: two tiles, what each answers, and the mirrored rest.

    Parameters
    ----------
    image : array_like, (H, W)
        In [0, 1].
    tile, border, step : int
        The side of a tile; what it does not answer on each side; from a tile to the next. In px.

    Returns
    -------
    Panels
    """
    pixels = to_numpy(image)
    high, wide = pixels.shape
    rows, columns = (mirror_index(np.arange(-border, n + border), n) for n in (high, wide))
    around = 0.45 * pixels[np.ix_(rows, columns)]
    around[border : border + high, border : border + wide] = pixels
    ratio = (high + 2 * border) / (wide + 2 * border)
    with chart(height=460 * ratio, phone_height=346 * ratio) as (figure, ax):
        ax.imshow(around, extent=(-border, wide + border, high + border, -border), vmin=0, vmax=1)
        for x, dashes in ((step, "--"), (0, "-")):
            _frame(ax, x - border, -border, tile, CELL, dashes)
            _frame(ax, x, 0, tile - 2 * border, BORDER, dashes)
        words = {"color": WHITE, "ha": "center", "va": "center"}
        ax.text((tile - 2 * border) / 2, tile - 1.5 * border, "seen", **words)
        ax.text((tile - 2 * border) / 2, (tile - 2 * border) / 2, "answered", **words)
        ax.axis("off")
    return figure


def two_candidates(across: int = 4, up: int = 1, down: int = 3, far: int = 5) -> Panels:
    """Why two candidates a column are enough: a third one is behind both, from everywhere.

    Parameters
    ----------
    across : int
        From the pixel that asks to the column that it asks, px.
    up, down, far : int
        From its row to the nearest cell A of that column, to the nearest other one B, and to a
        third, C. In px.

    Returns
    -------
    Panels
    """
    cells = {"A": (-up, SERIES[0]), "B": (down, SERIES[2]), "C": (far, MUTED)}
    rows, columns = range(-2, far + 1), range(-1, across + 2)
    with chart(height=330, phone_height=250) as (figure, ax):
        for y in rows:
            for x in columns:
                ax.add_patch(box(x, y, FAINT, 0.5 if x == across else 0.2))
        ax.add_patch(box(0, 0, BORDER))
        for name, (y, color) in cells.items():
            ax.add_patch(box(across, y, color))
            line = ":" if name == "C" else "-"
            ax.plot([0, across], [0, y], line, color=color, zorder=3)
            distance = f"{name}: {across}² + {abs(y)}² = {across**2 + y**2}"
            label(ax, distance, (across + 1.7, y), color)
        label(ax, "the pixel that asks", (-0.7, 0), INK, ha="right")
        ax.set(xlim=(-6, across + 7), ylim=(far + 0.6, -2.6), aspect="equal")
        ax.axis("off")
    return figure


def three_vectors(values: tuple[float, float, float] = (8.0, -6.0, 11.0)) -> Panels:
    """A displacement along a line, made of three vectors: the spline and its three parts.

    Parameters
    ----------
    values : tuple of float
        One component of each vector, px.

    Returns
    -------
    Panels
    """
    parts = spline_matrix(201, 3) * np.array(values)
    t = np.linspace(0, 2, 201)
    with chart(height=300) as (figure, ax):
        ax.axhline(0, color=FAINT, linewidth=1)
        for k, (value, color) in enumerate(zip(values, SERIES)):
            ax.plot(t, parts[:, k], "--", color=color, linewidth=1.5)
            ax.annotate("", (k, value), (k, 0), arrowprops={"color": color, "arrowstyle": "-|>"})
            side = -10 if k == 2 else 10
            label(ax, f"$v_{k}$", (k, 0.55 * value), color, (side, 0), ha="center")
        ax.plot(t, parts.sum(axis=1), color=INK, linewidth=2.5)
        label(ax, "sum", (1.68, 3.0), INK)
        ax.set(xlabel="place on the line", ylabel="displacement, px", xticks=[0, 1, 2])
        ax.set(xlim=(-0.12, 2.12))
    return figure
