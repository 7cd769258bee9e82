"""Two charts, drawn as SVG: they take the page's font and colors, also where it is dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from matplotlib.ticker import MaxNLocator

from unet_book.instances import Choice, Rule

__all__ = ["Line", "chart", "curves", "threshold_chart"]

WIDTH, HEIGHT = 460, 270
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 30, 38  # margins, px
APART = 15  # px between the names of two lines
LOW = 0.25  # a score so far below the best line is not drawn


@dataclass(frozen=True)
class Line:
    """What a chart draws.

    Parameters
    ----------
    name : str
        Beside its end; empty for none.
    xs, ys : sequence of float
        Its points.
    kind : str
        A class of the style sheet: "main", "yardstick", "faint", "level" or "chosen".
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    kind: str = "main"


def chart(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    says: str,
    percent: bool = False,
    from_zero: bool = False,
    room: int = 110,
) -> str:
    """A chart of lines with labeled axes.

    Parameters
    ----------
    lines : sequence of Line
        At least one has a point.
    x_label, y_label : str
        What the axes are.
    says : str
        What is to be seen, for those who don't see it.
    percent : bool
        Shares are written in percent; where they span more than a factor 4, on a logarithmic scale.
    from_zero : bool
        Whether the axis of y begins at 0.
    room : int
        Right of the lines, for their names, px.

    Returns
    -------
    str
        An element ``<svg>``.
    """
    ys = [y for line in lines for y in line.ys]
    xs = [x for line in lines for x in line.xs]
    low, high = min(ys), max(ys)
    log = percent and low > 0 and high > 4 * low
    y_ticks = _log_ticks(low, high) if log else _ticks(0 if from_zero else low, high)
    place_y = _axis(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP, log)
    place_x = _axis(min(xs), max(xs), LEFT + 6, WIDTH - RIGHT - room)
    parts = [_grid(y_ticks, place_y, room, percent), _x_axis(xs, place_x, x_label)]
    parts += [_drawn(line, place_x, place_y) for line in lines]
    parts += _names(lines, place_x, place_y)
    parts.append(f'<text class="axis" x="0" y="13">{escape(y_label)}</text>')
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(says)}">{"".join(parts)}</svg>'
    )


def curves(history: Sequence[dict], levels: dict[str, float]) -> list[str]:
    """The loss, and the held-out error, along the training.

    Parameters
    ----------
    history : sequence of dict
        As `training.Result` has it.
    levels : dict of str to float
        Errors that are drawn as lines across, by name.

    Returns
    -------
    list of str
        Elements ``<svg>``, as many as there is something to draw.
    """
    steps = [entry["step"] for entry in history]
    losses = [entry["loss"] for entry in history]
    told = [(e["step"], e["error"]) for e in history if e.get("error") is not None]
    charts = []
    if steps:
        says = f"The loss went from {losses[0]:.3g} to {losses[-1]:.3g} in {steps[-1]} steps."
        line = Line("", steps, losses)
        charts.append(chart([line], "step", "loss, training", says, from_zero=True, room=10))
    if told:
        steps, errors = zip(*told)
        across = [Line(n, [steps[0], steps[-1]], [e, e], "level") for n, e in levels.items()]
        says = f"Wrong pixels of the held-out images: {errors[0]:.2%} first, {errors[-1]:.2%} last."
        lines = [*across, Line("network", steps, errors)]
        charts.append(chart(lines, "step", "wrong pixels, held out", says, percent=True))
    return charts


def threshold_chart(choice: Choice) -> str:
    """The score of every threshold that was tried, with cores, with waists, and plain.

    Parameters
    ----------
    choice : Choice
        With all that was tried.

    Returns
    -------
    str
        An element ``<svg>``.
    """
    raw = [(r, score) for r, score in choice.tried if r == Rule(r.threshold, r.core, waist=r.waist)]
    of_way, best = {}, max((score for _, score in raw), default=0)
    for rule, score in raw:
        if score > best - LOW:
            of_way.setdefault((rule.core, rule.waist), []).append((rule.threshold, score))
    chosen_way = choice.rule.core, choice.rule.waist
    names = {chosen_way: _way_in_words(choice.rule), (None, None): "plain parts"}
    kinds = {(None, None): "yardstick", chosen_way: "main"}
    lines = [
        Line(names.get(way, ""), *zip(*sorted(points)), kinds.get(way, "faint"))
        for way, points in sorted(of_way.items(), key=lambda item: item[0] in names)
    ]
    chosen = Line("chosen", [choice.rule.threshold], [choice.score], "chosen")
    says = (
        f"The score over the thresholds that were tried; chosen is {choice.rule.threshold:g}, "
        f"with a score of {choice.score:.3f}."
    )
    return chart([*lines, chosen], "threshold", "score on the held-out images", says)


def _way_in_words(rule: Rule) -> str:
    """How a rule parts cells, in a word or two."""
    if rule.waist is not None:
        return f"cut where {rule.waist:.2g} px narrower"
    return f"cores above {rule.core:g}" if rule.core else ""


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`."""
    ends = (low - 0.05, high + 0.05) if low == high else (low, high)
    return [float(tick) for tick in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(*ends)]


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... around both."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    first = max(tick for tick in ticks if tick <= low)
    last = min(tick for tick in ticks if tick >= high)
    return [tick for tick in ticks if first <= tick <= last]


def _axis(
    low: float, high: float, start: float, end: float, log: bool = False
) -> Callable[[float], float]:
    """Where a value lies on an axis, px; in the middle if there is one value only."""
    scale = math.log if log else float
    span = scale(high) - scale(low)

    def place(value: float) -> float:
        part = (scale(value) - scale(low)) / span if span else 0.5
        return round(start + part * (end - start), 1)

    return place


def _grid(ticks: Sequence[float], place: Callable[[float], float], room: int, percent: bool) -> str:
    """A line across at each tick of y, with its number."""
    parts = []
    for tick in ticks:
        says = f"{100 * tick:.3g}%" if percent else f"{tick:.3g}"
        parts.append(f'<path class="grid" d="M{LEFT} {place(tick)}H{WIDTH - RIGHT - room}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{place(tick) + 4}" text-anchor="end">{says}</text>')
    return "".join(parts)


def _x_axis(xs: Sequence[float], place: Callable[[float], float], label: str) -> str:
    """The numbers below, and what they are."""
    base = HEIGHT - BOTTOM + 18
    low, high, rounding = min(xs), max(xs), 1e-6 * (max(xs) - min(xs))
    ticks = [t for t in _ticks(low, high) if low - rounding <= t <= high + rounding] or [low]
    numbers = [
        f'<text x="{place(tick)}" y="{base}" text-anchor="middle">{tick:,.6g}</text>'
        for tick in ticks
    ]
    middle = (place(low) + place(high)) / 2
    name = f'<text class="axis" x="{middle}" y="{base + 17}" text-anchor="middle">{label}</text>'
    return "".join(numbers) + name


def _drawn(line: Line, place_x: Callable[[float], float], place_y: Callable[[float], float]) -> str:
    """The points of a line, and what joins them."""
    points = [(place_x(x), place_y(y)) for x, y in zip(line.xs, line.ys)]
    if line.kind == "level":
        return f'<path class="level" d="M{LEFT} {points[-1][1]}H{points[-1][0]}"/>'
    if line.kind == "chosen":
        return "".join(f'<circle class="chosen" cx="{x}" cy="{y}" r="8"/>' for x, y in points)
    path = "L".join(f"{x} {y}" for x, y in points)
    dots = [f'<circle class="{line.kind}" cx="{x}" cy="{y}" r="2.5"/>' for x, y in points]
    shown = line.kind in ("main", "yardstick") or len(points) == 1
    return f'<path class="{line.kind}" d="M{path}"/>' + "".join(dots if shown else [])


def _names(
    lines: Sequence[Line],
    place_x: Callable[[float], float],
    place_y: Callable[[float], float],
) -> list[str]:
    """The name of each line beside its last point, moved down where two would overlap."""
    ends = [
        (
            place_y(line.ys[-1]) + 4,
            place_x(line.xs[-1]) + (13 if line.kind == "chosen" else 8),
            line,
        )
        for line in lines
        if line.name
    ]
    parts, last = [], -math.inf
    for y, x, line in sorted(ends, key=lambda end: end[0]):
        last = max(y, last + APART)
        parts.append(
            f'<text class="name {line.kind}" x="{x}" y="{last:.1f}">{escape(line.name)}</text>'
        )
    return parts
