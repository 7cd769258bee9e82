"""The paper's Fig. 1, drawn from a network: an SVG for a screen and one for a phone.

A box is the map that a layer puts out, as high as the map's side and as wide as it has channels,
both on scales that keep small maps visible. Whoever points at it, tabs to it or taps it is told its
shape and what its layer costs, in a line below.
"""

import html
from dataclasses import dataclass

from IPython.display import HTML

from unet_book.costs import LayerCost, layer_costs
from unet_book.pages.plots.svg import FACE
from unet_book.pages.sheet import FAINT, INK, MUTED, OURS, SHEET, WRONG, themed
from unet_book.unet import UNet

__all__ = ["u_shape"]

COLORS = {
    "image": INK,
    "conv 3x3": OURS,
    "max-pool 2x2": WRONG,
    "concatenation": SHEET["green"].light,
    "conv 1x1": SHEET["purple"].light,
}
SAYS = "Point at a box, or tap it: its shape, and what its layer costs."

SCRIPT = """\
(() => {
const root = document.currentScript?.parentElement ?? document.getElementById("NAME");
const line = root.querySelector(".says");
for (const box of root.querySelectorAll("[data-says]"))
  for (const event of ["pointerenter", "focus", "click"])
    box.addEventListener(event, () => { line.textContent = box.dataset.says; });
})();"""


@dataclass(frozen=True)
class _Size:
    """How large a drawing is: of its boxes, px, and whether each has its numbers."""

    width: float
    thin: float  # a box of no channels, and
    thick: float  # what the most channels add
    gap: float
    high: float  # the image
    between: float  # levels, for numbers and arrows
    pitch: float  # from the middle of a box to the next, at least
    each: bool

    def across(self, channels: int, most: int) -> float:
        """The width of a box."""
        return self.thin + self.thick * (channels / most) ** 0.5

    def down(self, side: int, tile: int) -> float:
        """The height of a box."""
        return 8 + (self.high - 8) * (side / tile) ** 0.75


WIDE = _Size(680, thin=5, thick=21, gap=7, high=96, between=48, pitch=24, each=True)
NARROW = _Size(350, thin=2.5, thick=8, gap=4.6, high=74, between=44, pitch=0, each=False)


@dataclass(frozen=True)
class _Box:
    """A map and where it is drawn, px."""

    kind: str
    level: int
    channels: int
    side: int
    says: str
    skip: float  # the share of its channels that was copied
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """Half its width."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """Where it ends below."""
        return self.y + self.height


def u_shape(model: UNet, tile: int) -> HTML:
    """The paper's Fig. 1 drawn from the model: a box for each map, as it comes out of each layer.

    The channels of a map stand above its box, its side in pixels below; on a phone these numbers
    stand once for each level. Where paths meet, the copy's share of the box is gray.

    Parameters
    ----------
    model : UNet
        Its layers are drawn; it may be on "meta".
    tile : int
        The side of the input, px.

    Returns
    -------
    IPython.display.HTML
        It moves without a kernel.

    Raises
    ------
    ValueError
        For a tile that does not fit.
    """
    drawings = [
        _drawn(_boxes(model, tile, size), model, size).replace("<svg", f"<svg {how}", 1)
        for how, size in (
            ('class="wide"', WIDE),
            ('class="narrow" style="display: none"', NARROW),  # the book's style sheet shows it
        )
    ]
    name = f"u-{model.variant}-{tile}-{model.depth}-{model.base_channels}"
    return HTML(
        f'<div class="u-drawing" id="{name}">{"".join(drawings)}'
        f'<p class="says" aria-live="polite">{SAYS}</p>'
        f"<script>{SCRIPT.replace('NAME', name)}</script></div>"
    )


def _boxes(model: UNet, tile: int, size: _Size) -> list[_Box]:
    """All maps, from the image to the answer, the whole drawing as wide as it may be."""
    layers = [cost for cost in layer_costs(model, tile) if not cost.kind.startswith("up-conv")]
    ups = [cost for cost in layer_costs(model, tile) if cost.kind.startswith("up-conv")]
    most = model.base_channels * 2**model.depth
    sides = [tile] + [c.height for c in layers if c.kind == "max-pool 2x2"]
    tops = [sum(size.down(side, tile) + size.between for side in sides[:k]) for k in range(99)]
    boxes, x, level = [], 0.0, 0
    for cost in [None, *layers]:
        kind = cost.kind if cost else "image"
        level += {"max-pool 2x2": 1, "concatenation": -1}.get(kind, 0)
        channels, side = (cost.channels, cost.height) if cost else (model.in_channels, tile)
        skip = model.base_channels * 2**level / channels if kind == "concatenation" else 0
        says = _told(cost, ups.pop(0) if skip else None) if cost else f"the image, {side} x {side}"
        high, wide = size.down(side, tile), size.across(channels, most)
        if boxes:
            turn = kind in ("max-pool 2x2", "concatenation")
            x += max(size.gap * (1.8 if turn else 1), size.pitch - (wide + boxes[-1].width) / 2)
        place = (x, tops[level] + (size.down(sides[level], tile) - high) / 2, wide, high)
        boxes.append(_Box(kind, level, channels, side, says, skip, *place))
        x += wide
    return boxes


def _told(cost: LayerCost, up: LayerCost | None) -> str:
    """What a reader is told who points at a box."""
    kind = {
        "conv 3x3": "3 x 3 convolution",
        "conv 1x1": "1 x 1 convolution",
        "max-pool 2x2": "2 x 2 max-pooling",
        "concatenation": "the copy and the up-convolution, joined",
    }[cost.kind]
    parameters = cost.parameters + (up.parameters if up else 0)
    flop = cost.flop + (up.flop if up else 0)
    weights = f"{parameters:,} parameters, " if parameters else ""
    return (
        f"{kind}: {cost.channels} channels of {cost.height} x {cost.width}; {weights}"
        f"{flop / 1e9:.2g} GFLOP, {4 * cost.values / 2**20:.3g} MiB"
    )


def _drawn(boxes: list[_Box], model: UNet, size: _Size) -> str:
    """The SVG."""
    width = max(size.width, max(box.right for box in boxes)) + 2
    shift = (width - max(box.right for box in boxes)) / 2
    height = max(box.bottom for box in boxes) + 34
    parts = _arrows(boxes, model.depth, size)
    parts += [_drawn_box(box, model) for box in boxes]
    parts += _numbers(boxes) if size.each else _level_numbers(boxes)
    label = f"The U-Net of depth {model.depth}: {boxes[0].side} in, {boxes[-1].side} out"
    return themed(
        f'<svg viewBox="{-shift:.1f} -20 {width:.1f} {height:.1f}" role="group" '
        f'aria-label="{label}" font-family="{FACE}" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(parts)}</svg>"
    )


def _drawn_box(box: _Box, model: UNet) -> str:
    """A map, and the room around it where a finger finds it."""
    area = f'y="{box.y:.1f}" height="{box.height:.1f}"'
    skip = box.width * box.skip
    left = box.right - skip if model.variant == "released" else box.x  # there it comes last
    gray = f'<rect class="skip" x="{left:.1f}" width="{skip:.1f}" {area} style="fill: {FAINT}"/>'
    says = html.escape(box.says)
    return (
        f'<g tabindex="0" data-says="{says}"><title>{says}</title>'
        f'<rect x="{box.x - 3:.1f}" width="{box.width + 6:.1f}" y="{box.y - 14:.1f}" '
        f'height="{box.height + 28:.1f}" style="fill: transparent"/>'
        f'<rect class="map" x="{box.x:.1f}" width="{box.width:.1f}" {area} '
        f'style="fill: {COLORS[box.kind]}"/>{gray if box.skip else ""}</g>'
    )


def _words(x: float, y: float, words: str, anchor: str = "middle", color: str = INK) -> str:
    """A text."""
    color = {c.light: c.light_text for c in SHEET.values()}[color]
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" style="font-size: 12px; text-anchor: {anchor}; '
        f'fill: {color}">{words}</text>'
    )


def _numbers(boxes: list[_Box]) -> list[str]:
    """Channels above each box, its side below."""
    above = [_words(box.middle, box.y - 5, f"{box.channels}") for box in boxes]
    return above + [
        _words(box.middle, box.bottom + 13, f"{box.side}", color=MUTED) for box in boxes
    ]


def _level_numbers(boxes: list[_Box]) -> list[str]:
    """Channels above the boxes of a level, its sides below, on the way down and up."""
    depth = max(box.level for box in boxes)
    turn = next(k for k, box in enumerate(boxes) if box.level == depth)
    words = []
    for level in range(depth + 1):
        left = [box for k, box in enumerate(boxes) if box.level == level and k <= turn + 2]
        right = [box for k, box in enumerate(boxes) if box.level == level and k > turn + 2]
        groups = [(left, "start", left[0].x)]
        if level == depth:
            groups = [(left, "middle", (left[0].x + left[-1].right) / 2)]
        elif level:
            groups += [(right, "start", right[0].x)]
        else:
            groups += [(right, "end", right[-1].right)]
        for group, anchor, x in groups:
            channels = " · ".join(dict.fromkeys(f"{box.channels}" for box in group))
            sides = f"{group[0].side}–{group[-1].side}"
            words.append(_words(x, min(b.y for b in group) - 6, channels, anchor))
            words.append(_words(x, max(b.bottom for b in group) + 14, sides, anchor, MUTED))
    return words


def _arrows(boxes: list[_Box], depth: int, size: _Size) -> list[str]:
    """Copies from left to right, poolings down, up-convolutions up."""
    drawn = []
    for one, two in zip(boxes, boxes[1:]):
        if two.level > one.level:
            start, turn, color = one.bottom + 18, two.y + two.height / 2, WRONG
        elif two.level < one.level:
            start, turn, color = one.y - 19, two.y + 0.8 * two.height, COLORS["concatenation"]
        else:
            continue
        drawn.append(_arrow(f"M{one.middle:.1f} {start:.1f}V{turn:.1f}", two.x, turn, color))
    for level in range(depth):
        here = [box for box in boxes if box.level == level]
        end = next(k for k, box in enumerate(here) if box.kind == "concatenation")
        left, right = here[end - 1], here[end]
        y = right.y + 0.35 * right.height
        drawn.append(_arrow(f"M{left.right + 3:.1f} {y:.1f}", right.x, y, MUTED, dashed=True))
        crop = (left.side - right.side) // 2
        words = f"copy, crop {crop}" if level == 0 else f"crop {crop}"
        drawn.append(_words((left.right + right.x) / 2, y - 5, words, color=MUTED))
    return drawn


def _arrow(path: str, x: float, y: float, color: str, dashed: bool = False) -> str:
    """A path to the left side of a box, with its head."""
    tip = x - 2
    line = f"fill: none; stroke: {color}; stroke-width: 1.8"
    line += "; stroke-dasharray: 5 4" if dashed else ""
    return (
        f'<path d="{path}H{tip - 4:.1f}" style="{line}"/>'
        f'<path d="M{tip:.1f} {y:.1f}l-6 -3.4v6.8z" style="fill: {color}"/>'
    )
