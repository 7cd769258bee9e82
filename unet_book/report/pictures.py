"""Held-out images with the outlines of their cells, as drawings over a PNG.

The image is stored once and shown in each panel; outlines are paths, so that they stay thin at any
size, can be switched off kind by kind, and marks say what they are when pointed at.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Container, Iterable
from html import escape

import numpy as np
from contourpy import contour_generator
from PIL import Image
from scipy import ndimage

from unet_book import gray
from unet_book.metrics import Outcomes
from unet_book.report.evidence import NETWORK, HeldOut, count

__all__ = ["picked", "panels", "counted", "symbol"]

LARGEST = 560  # px of the longer side, as stored
GRAYS = 64  # as many as an eye tells apart, and half the bytes of 256

# What may have become of a cell, what it is called, and its mark in a square from -6 to 6: another
# shape for each, since colors alone are not for everybody.
NAMES = {
    "found": "found",
    "missed": "missed",
    "invented": "invented",
    "merged": "merged",
    "split": "split",
    "rough": "outline off",
}
MARKS = {
    "found": '<ellipse rx="5.5" ry="4"/>',
    "missed": '<circle r="4.5" stroke-dasharray="2.6 2"/>',
    "invented": '<path d="M-4-4 4 4M-4 4 4-4"/>',
    "merged": '<circle cx="-2.6" r="3.2"/><circle cx="2.6" r="3.2"/>',
    "split": '<path d="M0-5.5V5.5M-2.6-3-5.4 0-2.6 3M2.6-3 5.4 0 2.6 3"/>',
    "rough": '<path d="M0-4.8 5 3.6H-5Z"/>',
}


def picked(images: Iterable[HeldOut], most: int = 12) -> list[tuple[HeldOut, str]]:
    """Which images are shown, in which order, and what each is among all.

    Parameters
    ----------
    images : iterable of HeldOut
        All.
    most : int
        Three at least.

    Returns
    -------
    list of tuple of HeldOut and str
        From the worst to the best; where there are more than `most` the worst, the best and the one
        in the middle come first, then some evenly between. Those without annotation come last.
    """
    images = list(images)
    ranked = sorted([i for i in images if i.scores], key=lambda held: held.scores[NETWORK].score)
    last = len(ranked) - 1
    names = {last // 2: "median", last: "best", 0: "worst"} if last > 1 else {}
    order = [*range(len(ranked)), *range(len(ranked), len(images))]
    if len(images) > most:
        first = [*dict.fromkeys([0, last, last // 2])] if ranked else []
        between = [round(k) for k in np.linspace(0, len(images) - 1, most)]
        order = [*dict.fromkeys([*first, *between, *order])][:most]
    ranked += [held for held in images if not held.scores]
    return [(ranked[place], names.get(place, "")) for place in order]


def panels(held: HeldOut, number: int) -> str:
    """An image, the same with its true cells, and with the cells that were found.

    Parameters
    ----------
    held : HeldOut
        The image.
    number : int
        Another for each image of a page.

    Returns
    -------
    str
        Three elements ``<figure>``.
    """
    truth, found = (_smaller(labels) for labels in (held.truth, held.cells[NETWORK]))
    image = f'<use href="#image{number}"/>'
    stored = f'<image id="image{number}" width="100%" height="100%" href="{_png(held.image)}"/>'
    unknown = _unknown(truth, number)
    kinds = _kinds(held.outcomes)
    layers = {
        "image": stored,
        "annotated": image + unknown + _outlines(truth, dict.fromkeys(_numbers(truth), "true")),
        "found": image + unknown + _found(truth, found, kinds) + _marks(truth, found, kinds),
    }
    says = {
        "image": f"{held.name}, as the network sees it",
        "annotated": f"the {count(len(_numbers(truth)), 'cell')} annotated on {held.name}",
        "found": f"the {count(len(_numbers(found)), 'cell')} found on {held.name}: {counted(held)}",
    }
    return "".join(_panel(name, truth.shape, layers[name], says[name]) for name in layers)


def counted(held: HeldOut) -> str:
    """What became of an image's cells, in a line.

    Parameters
    ----------
    held : HeldOut
        The image.

    Returns
    -------
    str
    """
    if held.outcomes is None:
        return "nothing is annotated, and so nothing is counted"
    each = held.outcomes
    rest = len(each.true_ids) - int((each.partner > 0).sum() + each.missed.sum())
    numbers = {
        "missed": int(each.missed.sum()),
        "invented": int(each.invented.sum()),
        "merged": int(each.merged.sum()),
        "split": int(each.split.sum()),
    }
    parts = [f"{number} {kind}" for kind, number in numbers.items() if number]
    if rest and not (numbers["merged"] or numbers["split"]):
        parts.append(f"{rest} with an outline that is off")
    found = f"{(each.partner > 0).sum()} of {count(len(each.true_ids), 'cell')} found"
    if not len(each.true_ids):
        found = "no cell annotated" if parts else "no cell annotated, and none found"
    return ", ".join([found, *parts])


def symbol(kind: str) -> str:
    """The mark of a kind of mistake, for a legend.

    Parameters
    ----------
    kind : str
        A key of the marks.

    Returns
    -------
    str
        An element ``<svg>``.
    """
    return (
        f'<svg class="symbol" viewBox="-9 -9 18 18" aria-hidden="true"><g class="mark {kind}">'
        f'<circle class="disc" r="8.5"/>{MARKS[kind]}</g></svg>'
    )


def _kinds(outcomes: Outcomes | None) -> tuple[dict[int, str], dict[int, str]]:
    """What each true and each predicted cell is drawn as, by its number."""
    if outcomes is None:
        return {}, {}
    each = outcomes
    true = np.select(
        [each.missed, each.merged, each.split, each.partner > 0],
        ["missed", "merged", "split", "found"],
        "rough",
    )
    partners = np.isin(each.predicted_ids, each.partner)
    predicted = np.select(
        [each.invented, each.joins, each.piece, partners],
        ["invented", "merged", "split", "found"],
        "rough",
    )
    return (
        dict(zip(each.true_ids.tolist(), true.tolist())),
        dict(zip(each.predicted_ids.tolist(), predicted.tolist())),
    )


def _numbers(labels: np.ndarray) -> list[int]:
    """Those of the cells."""
    return np.unique(labels[labels > 0]).tolist()


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width, as stored."""
    factor = max(1.0, max(shape) / LARGEST)
    return tuple(max(1, round(side / factor)) for side in shape)


def _smaller(labels: np.ndarray) -> np.ndarray:
    """Labels in the size in which the image is stored."""
    pairs = zip(labels.shape, _size(labels.shape))
    rows, columns = (((np.arange(to) + 0.5) * side / to).astype(int) for side, to in pairs)
    return labels[np.ix_(rows, columns)]


def _png(image: np.ndarray) -> str:
    """An image as a data URI, in 64 grays."""
    height, width = _size(image.shape)
    picture = Image.fromarray(np.uint8(255 * gray.stretch(image) + 0.5))
    picture = np.asarray(picture.resize((width, height), Image.Resampling.BOX), np.float32)
    levels = np.round(picture * (GRAYS - 1) / 255) * 255 / (GRAYS - 1)
    file = io.BytesIO()
    Image.fromarray(np.uint8(levels)).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _panel(name: str, shape: tuple[int, ...], layers: str, says: str) -> str:
    """One drawing; its unit is half a pixel, so that outlines have whole numbers."""
    height, width = shape
    return (
        f'<figure><svg class="panel" viewBox="0 0 {2 * width} {2 * height}" role="img" '
        f'aria-label="{escape(says)}">{layers}</svg><figcaption>{name}</figcaption></figure>'
    )


def _outlines(labels: np.ndarray, kinds: dict[int, str]) -> str:
    """The outlines of the cells that have a kind, each kind one path over its own dark shadow."""
    paths: dict[str, list[str]] = {}
    for number, (mask, top, left) in _masks(labels, kinds).items():
        paths.setdefault(kinds[number], []).append(_path(mask, top, left))
    return "".join(
        f'<g class="{kind}"><path class="shadow" d="{(d := "".join(of_kind))}"/>'
        f'<path class="line" d="{d}"/></g>'
        for kind, of_kind in paths.items()
    )


def _masks(labels: np.ndarray, wanted: Container[int]) -> dict[int, tuple[np.ndarray, int, int]]:
    """The mask of each cell that is wanted, by its number, and where its corner lies."""
    numbers = np.array(_numbers(labels), int)
    places = np.where(labels > 0, np.searchsorted(numbers, labels) + 1, 0)
    boxes = zip(numbers.tolist(), ndimage.find_objects(places))
    return {
        number: (labels[box] == number, box[0].start, box[1].start)
        for number, box in boxes
        if number in wanted
    }


def _path(mask: np.ndarray, top: int, left: int) -> str:
    """The edge of a mask, in half pixels from the corner of the image; straight runs in one."""
    parts = []
    for line in contour_generator(z=np.pad(mask, 1).astype(float)).lines(0.5):
        points = np.round(2 * line).astype(int) + [2 * left - 1, 2 * top - 1]
        steps = np.diff(points, axis=0)
        turns = np.flatnonzero((steps[1:] != steps[:-1]).any(axis=1)) + 1
        corners = points[[0, *turns, len(points) - 1]]
        moves = np.diff(corners, axis=0)[:-1].ravel()  # z draws the last
        parts.append(f"M{corners[0][0]} {corners[0][1]}l{' '.join(map(str, moves))}z")
    return "".join(parts).replace(" -", "-")


def _found(
    truth: np.ndarray, found: np.ndarray, kinds: tuple[dict[int, str], dict[int, str]]
) -> str:
    """The cells that were found, and, broken, the true ones that were missed or merged."""
    true, predicted = kinds
    lost = {number: f"{kind} true" for number, kind in true.items() if kind in ("missed", "merged")}
    known = dict.fromkeys(_numbers(found), "unjudged") | predicted
    return _outlines(found, known) + _outlines(truth, lost)


def _marks(
    truth: np.ndarray, found: np.ndarray, kinds: tuple[dict[int, str], dict[int, str]]
) -> str:
    """A mark on each mistake: on the true cell, or the found one if it is invented or joins two."""
    sides = (truth, ("missed", "split", "rough")), (found, ("invented", "merged"))
    radius = _radius(truth)
    parts = []
    for (labels, marked), of_side in zip(sides, kinds):
        wanted = {number for number, kind in of_side.items() if kind in marked}
        for number, place in _masks(labels, wanted).items():
            inside = zip(_middle(*place), reversed(truth.shape))  # the whole mark, at an edge, too
            x, y = (min(max(at, radius), 2 * side - radius) for at, side in inside)
            kind = of_side[number]
            parts.append(
                f'<g class="mark {kind}" transform="translate({x:g} {y:g}) '
                f'scale({radius / 9:.3g})"><title>{NAMES[kind]}</title>'
                f'<circle class="disc" r="8.5"/>{MARKS[kind]}</g>'
            )
    return "".join(parts)


def _radius(truth: np.ndarray) -> float:
    """Of a mark, in half pixels: a typical cell's, if that is neither too small nor too large."""
    sizes = np.unique(truth[truth > 0], return_counts=True)[1]
    typical = 2 * float(np.sqrt(np.median(sizes) / np.pi)) if sizes.size else 0.0
    return round(min(max(typical, max(truth.shape) / 30), max(truth.shape) / 19), 1)


def _middle(mask: np.ndarray, top: int, left: int) -> tuple[int, int]:
    """The pixel of a cell that lies deepest in it, (x, y) in half pixels."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), mask.shape)
    return 2 * (left + int(column)) + 1, 2 * (top + int(row)) + 1


def _unknown(truth: np.ndarray, number: int) -> str:
    """What is not annotated, hatched."""
    unknown, wide = truth == -1, max(truth.shape) // 16 + 1
    if not unknown.any():
        return ""
    return (
        f'<pattern id="hatch{number}" width="{wide}" height="{wide}" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><path class="hatch" d="M0 0V{wide}"/></pattern>'
        f'<path class="unknown" style="fill: url(#hatch{number})" fill-rule="evenodd" '
        f'd="{_path(unknown, 0, 0)}"><title>not annotated</title></path>'
    )
