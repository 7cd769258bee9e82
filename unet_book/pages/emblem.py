"""The drawn U: the paper's network from its own sizes, as a picture that pages are known by.

It is an SVG of boxes and arrows, a box for each map: as high as the map's side and as wide as it
has channels, both on a scale that keeps small ones visible. Its colors are the page's, so that it
is at home in light and in dark.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby

from unet_book.sizes import crop_offsets, feature_map_sizes

__all__ = ["drawn_u"]

PARTS = ("input", "down", "bottom", "skip", "up", "output")  # what may be lit
GAP, STEP = 9, 26  # px between boxes of a level, and from a level to the next along the rows
ROOM = 22  # px between the levels, up and down


@dataclass(frozen=True)
class _Box:
    """A map: which part of the network it is, its level, channels, side, and where it is drawn."""

    part: str
    level: int
    channels: int
    side: int
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Where it ends, px."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """Half its height, px."""
        return self.y + self.height / 2

    @property
    def upper(self) -> float:
        """Where a skip arrives, px."""
        return self.y + 0.3 * self.height

    @property
    def lower(self) -> float:
        """Where an up-convolution arrives, px."""
        return self.y + 0.75 * self.height

    def says(self) -> str:
        """What a reader is told who points at it."""
        word = "channel" if self.channels == 1 else "channels"
        return f"{self.part}: {self.channels} {word}, {self.side} x {self.side}"


def drawn_u(
    tile: int = 572,
    depth: int = 4,
    base_channels: int = 64,
    classes: int = 2,
    lit: Collection[str] = PARTS,
    labels: bool = True,
) -> str:
    """The network as an SVG.

    Parameters
    ----------
    tile : int
        The side of the input, px.
    depth : int
        The number of poolings.
    base_channels : int
        Of the first convolution.
    classes : int
        Of the output.
    lit : collection of str
        The parts, of `PARTS`, that are in full color; the others are pale.
    labels : bool
        Channels above each box, and the first and last side of each level beside it.

    Returns
    -------
    str
        An element ``<svg>``, without an id, so that a page may hold several.

    Raises
    ------
    ValueError
        For a tile that does not fit, or a part that is none.
    """
    wrong = set(lit) - set(PARTS)
    if wrong:
        raise ValueError(f"parts are {', '.join(PARTS)}, not {', '.join(sorted(wrong))}")
    boxes = [*_boxes(tile, depth, base_channels, classes)]
    width = max(box.right for box in boxes) + 34
    height = max(box.y + box.height for box in boxes) + 16
    drawn = [_arrows(boxes, depth, labels, lit)]
    drawn += [_box(box, labels, box.part in lit) for box in boxes]
    title = f"The U-Net of depth {depth}: {tile} pixels a side in, {boxes[-1].side} out"
    return (
        f'<svg class="drawn-u" viewBox="-34 -16 {width + 34:.0f} {height + 16:.0f}" role="img" '
        f'aria-label="{title}" xmlns="http://www.w3.org/2000/svg">{"".join(drawn)}</svg>'
    )


def _boxes(tile: int, depth: int, base: int, classes: int) -> Iterator[_Box]:
    """All maps, from the image to the answer."""
    path = feature_map_sizes(tile, depth)
    high = {level: 8 + 76 * (path[level][0] / tile) ** 0.75 for level in range(depth + 1)}
    tops = [sum(high[k] + ROOM for k in range(level)) for level in range(depth + 1)]
    x = 0.0
    for station, sides in enumerate(path):
        level = min(station, 2 * depth - station)
        part = "bottom" if level == depth else "down" if station < depth else "up"
        channels = [base * 2**level] * 2
        if station == 0:
            maps = [("input", 1, tile), *((part, c, s) for c, s in zip(channels, sides[1:]))]
        elif part == "up":
            maps = [(part, 2 * channels[0], sides[0])]
            maps += [(part, c, s) for c, s in zip(channels, sides[1:])]
        else:
            maps = [(part, c, s) for c, s in zip(channels, sides[1:])]
        if station == 2 * depth:
            maps.append(("output", classes, sides[-1]))
        for name, count, side in maps:
            wide = 3 + 15 * (count / (base * 2**depth)) ** 0.5
            tall = 8 + 76 * (side / tile) ** 0.75
            yield _Box(name, level, count, side, x, tops[level], wide, tall)
            x += wide + GAP
        x += STEP - GAP


def _box(box: _Box, labels: bool, lit: bool) -> str:
    """A map with its numbers."""
    number = (
        f'<text x="{box.x + box.width / 2:.1f}" y="{box.y - 4:.1f}">{box.channels}</text>'
        if labels
        else ""
    )
    focus = ' tabindex="0"' if labels else ""
    return (
        f'<g class="{box.part} {"lit" if lit else "pale"}"{focus}><title>{box.says()}</title>'
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="1"/>{number}</g>'
    )


def _arrows(boxes: list[_Box], depth: int, labels: bool, lit: Collection[str]) -> str:
    """Poolings, up-convolutions and skips, and the sides beside the levels."""
    levels = [list(group) for _, group in groupby(boxes, lambda box: box.level)]
    drawn = [_turn(here[-1], there[0], lit) for here, there in zip(levels, levels[1:])]
    for level, cut in enumerate(crop_offsets(depth)):
        left, right = levels[level][-1], levels[-1 - level][0]
        says = f"copied, {cut} pixels cut off each side"
        start = f"M{left.right + 3:.1f} {right.upper:.1f}"
        drawn.append(_arrow("skip", says, start, right.upper, right, lit))
    if labels:
        ends = [group[0] if k <= depth else group[-1] for k, group in enumerate(levels)]
        drawn += [
            f'<text class="side" x="{box.x + box.width / 2:.1f}" '
            f'y="{box.y + box.height + 10:.1f}">{box.side}\u00b2</text>'
            for box in ends
        ]
    return "".join(drawn)


def _turn(box: _Box, to: _Box, lit: Collection[str]) -> str:
    """From the last map of a level down or up to the first of the next."""
    kind, says = ("down", "pooled") if to.level > box.level else ("up", "twice as large")
    end = to.middle if kind == "down" else to.lower
    start = box.y + (box.height if kind == "down" else 0)
    return _arrow(kind, says, f"M{box.x + box.width / 2:.1f} {start:.1f}V{end:.1f}", end, to, lit)


def _arrow(kind: str, says: str, path: str, y: float, to: _Box, lit: Collection[str]) -> str:
    """A path to the left side of a map, with its head."""
    tip = to.x - 2
    return (
        f'<g class="{kind}-arrow {"lit" if kind in lit else "pale"}"><title>{says}</title>'
        f'<path d="{path}H{tip - 3:.1f}"/>'
        f'<path class="head" d="M{tip:.1f} {y:.1f}l-5 -2.6v5.2z"/></g>'
    )
