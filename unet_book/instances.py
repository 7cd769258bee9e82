"""From probabilities to cells: what a threshold leaves, parted, cleaned, and chosen on images.

A network says of each pixel how probably it lies in a cell. Which pixels are *one* cell is decided
here, by a `Rule` of a few numbers, and the numbers are chosen where the truth is known and nobody
trained.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush

import numpy as np
from scipy import ndimage

from unet_book import datasets
from unet_book._arrays import ArrayLike, to_numpy
from unet_book._compiled import compiled
from unet_book.datasets.masks import cell_sizes
from unet_book.metrics import f1, seg
from unet_book.sizes import whole_number

__all__ = [
    "Rule",
    "Choice",
    "find_cells",
    "score",
    "choose_rule",
    "sizes_to_try",
    "flood",
    "summits",
    "fill_holes",
]

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
CORES = (None, 0.6, 0.7, 0.8, 0.9, 0.95)
WAISTS = (None, 1 / 32, 1 / 16, 1 / 8, 1 / 4)  # of the median true cell's radius
SMALL = 0.05  # this share of the true cells is smaller than a small one
SIZES = (0, 1 / 4, 1 / 2)  # of a small true cell
GROWTHS = (0, 1)
SMOOTH = 1.0  # px; a distance between pixels is a staircase, and every step a summit
ROUNDING = 1e-6  # by which a mean of probabilities may leave [0, 1]
WORTH = 0.005  # what a rule must score above the plain one


@dataclass(frozen=True)
class Rule:
    """How cells are made of probabilities.

    Parameters
    ----------
    threshold : float
        Above 0 and below 1. Pixels whose probability is above it lie in cells.
    core : float or None
        With a number there are as many cells as parts above it (at least `threshold`); what lies
        between the two goes to the core that it can be reached from over the highest probabilities,
        a watershed, and a part without a core is no cell. None: each part above the threshold is a
        cell.
    smallest : int
        Cells with fewer pixels are dropped.
    grow : int
        Each cell takes the free pixels that are at most so far away; one that two could take goes
        to the nearer. It gives back the line by which touching cells were parted for the training.
    waist : float or None
        With a number a cell is cut in two where it is thinner, by more than so many pixels of half
        its width, than on both sides: two cells that touch make a figure of eight. In terms of the
        distance to the cell's edge: each summit that stands that high above the pass to a higher
        one is a cell. None: nothing is cut.

    Raises
    ------
    ValueError
        For a number out of range, or a core and a waist.
    """

    threshold: float = 0.5
    core: float | None = None
    smallest: int = 0
    grow: int = 0
    waist: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold is above 0 and below 1, not {self.threshold}")
        if self.core is not None and not self.threshold <= self.core < 1:
            raise ValueError(
                f"core is a probability from the threshold, {self.threshold}, to 1, or None: "
                f"{self.core}"
            )
        if self.waist is not None and not 0 < self.waist < np.inf:
            raise ValueError(f"waist is a number of pixels above 0, or None: {self.waist}")
        if self.core is not None and self.waist is not None:
            raise ValueError("cells are parted by cores or at waists: one of the two is None")
        for name in ("smallest", "grow"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least=0))

    def in_words(self) -> str:
        """The rule as a sentence's end: "what is above 0.5, with at least 20 px".

        Returns
        -------
        str
        """
        parts = [f"what is above {self.threshold:g}"]
        if self.core is not None:
            parts.append(f"one for each core above {self.core:g}")
        if self.waist is not None:
            parts.append(f"cut where they narrow by {self.waist:.2g} px")
        if self.smallest:
            parts.append(f"with at least {self.smallest} px")
        if self.grow:
            parts.append(f"grown by {self.grow} px")
        return ", ".join(parts)


@dataclass(frozen=True)
class Choice:
    """The rule that was chosen.

    Parameters
    ----------
    rule : Rule
        The best.
    score : float
        Its score.
    tried : list of tuple of Rule and float
        All that was tried, with its score, in turn.
    """

    rule: Rule
    score: float
    tried: list[tuple[Rule, float]]


def find_cells(probability: ArrayLike, rule: Rule | None = None) -> np.ndarray:
    """The cells of one image.

    Holes in a cell are filled before it is cut at its waists; then small cells are dropped, and the
    others grow.

    Parameters
    ----------
    probability : array_like, (H, W)
        The probability of a cell at each pixel, in [0, 1].
    rule : Rule or None
        None is the plain one: 4-connected parts above one half.

    Returns
    -------
    ndarray of int32, (H, W)
        Instance labels 1 ... K, 0 outside.

    Raises
    ------
    ValueError
        For other axes, NaN, or values outside [0, 1].

    Examples
    --------
    >>> find_cells([[0.9, 0.1, 0.8]]).tolist()
    [[1, 0, 2]]
    """
    rule, probability = rule or Rule(), to_numpy(probability)
    if probability.ndim != 2 or not (np.abs(probability - 0.5) <= 0.5 + ROUNDING).all():
        raise ValueError(f"probabilities are (H, W), from 0 to 1; got {probability.shape}")
    cells = _parts(probability, rule.threshold, rule.core)
    fill_holes(cells)
    if rule.waist is not None:
        cells = _cut(cells, rule.waist)
    cells = _without_small(cells, rule.smallest)
    return _grown(cells, rule.grow)


def score(truth: Sequence[np.ndarray], cells: Sequence[np.ndarray]) -> float:
    """What a rule is chosen by: the mean of F1 at IoU 0.5, F1 at 0.7, and SEG.

    SEG alone would let invented cells pass, F1 alone says little about outlines.

    Parameters
    ----------
    truth, cells : sequence of ndarray of int, (H, W)
        Instance labels of each image; at least one true cell in all.

    Returns
    -------
    float
        From 0 to 1.
    """
    return float(np.mean([f1(truth, cells, 0.5), f1(truth, cells, 0.7), seg(truth, cells)]))


def choose_rule(
    probabilities: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    known: Sequence[np.ndarray] | None = None,
) -> Choice:
    """The rule with the best `score` on images that the network was not trained on.

    Threshold, core or waist, and smallest size are tried together, each with each, and the growth
    on the best. The plain rule stays if nothing is better by more than half a hundredth.

    Few images choose, and the smallest cells of others may be smaller than theirs. So what is small
    is judged by all cells that are known.

    Parameters
    ----------
    probabilities : sequence of ndarray, (H, W)
        The network's answers.
    truth : sequence of ndarray of int, (H, W)
        Instance labels of the same images.
    known : sequence of ndarray of int, (H, W), or None
        Instance labels of all images that there are, those which trained among them. None: `truth`.

    Returns
    -------
    Choice
        The rule, its score, and everything that was tried.

    Raises
    ------
    ValueError
        Where no true cell is on the images, or as `find_cells` and `score` do.
    """
    probabilities, truth = [*map(to_numpy, probabilities)], [*map(to_numpy, truth)]
    radius = float(np.median(cell_sizes(truth)) / np.pi) ** 0.5
    smallest_sizes = sizes_to_try(truth if known is None else known)
    tried: dict[Rule, float] = {}
    for outlines in _outlines(radius):
        cells = [find_cells(image, outlines) for image in probabilities]
        for smallest in smallest_sizes:
            left = [_without_small(each, smallest) for each in cells]
            tried[replace(outlines, smallest=smallest)] = score(truth, left)
    best = max(tried, key=tried.__getitem__)
    for rule in [replace(best, grow=pixels) for pixels in GROWTHS[1:]]:
        tried[rule] = score(truth, [find_cells(image, rule) for image in probabilities])
        best = rule if tried[rule] > tried[best] + WORTH else best
    rule = best if tried[best] > tried[Rule()] + WORTH else Rule()
    return Choice(rule, tried[rule], list(tried.items()))


def sizes_to_try(labels: Iterable[np.ndarray]) -> list[int]:
    """What a smallest size may be: none, a quarter and a half of a small cell.

    One of twenty cells is smaller than a small one.

    Parameters
    ----------
    labels : iterable of ndarray of int, (H, W)
        Instance labels of all images that there are.

    Returns
    -------
    list of int
        Pixels.

    Raises
    ------
    ValueError
        If there is no cell.

    Examples
    --------
    >>> sizes_to_try([np.repeat([[1, 2, 3]], 20, axis=0)])
    [0, 5, 10]
    """
    small = np.quantile(cell_sizes(map(to_numpy, labels)), SMALL)
    return [round(share * small) for share in SIZES]


def _outlines(radius: float) -> list[Rule]:
    """What is tried of threshold, core and waist."""
    cores = [Rule(t, core) for t in THRESHOLDS for core in CORES if core is None or core > t]
    return cores + [Rule(t, waist=share * radius) for t in THRESHOLDS for share in WAISTS[1:]]


def _parts(probability: np.ndarray, threshold: float, core: float | None) -> np.ndarray:
    """The parts above the threshold, each with one core, if cores are asked for; int32."""
    above = probability > threshold
    if core is None:
        return datasets.instances(above)
    cells = datasets.instances(probability > max(core, threshold))
    flood(cells, np.where(above, probability, -1).astype(np.float64))
    return cells


@compiled
def flood(cells: np.ndarray, heights: np.ndarray) -> None:
    """Give each pixel whose height is not below 0 to a cell that it can be reached from, in place.

    A watershed: of all pixels beside the cells the highest is taken next, of equals the one that
    waits longest. So the lowest place on the way from its cell is as high for each pixel as it
    could be from any.

    Parameters
    ----------
    cells : ndarray of int32, (H, W)
        The cells to begin with, 0 outside; changed in place.
    heights : ndarray of float64, (H, W)
        How soon a pixel is taken; below 0, never.
    """
    height, width = cells.shape
    waiting = [(0.0, 0, 0, 0)]  # (how low, in turn, row, column)
    for row in range(height):
        for column in range(width):
            if cells[row, column] > 0:
                waiting.append((-np.inf, len(waiting), row, column))
    turn = len(waiting)
    waiting = waiting[1:]  # all alike, and in turn: a heap already
    while waiting:
        low, _, row, column = heappop(waiting)
        for down, right in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            i, j = row + down, column + right
            if 0 <= i < height and 0 <= j < width and cells[i, j] == 0 and heights[i, j] >= 0:
                cells[i, j] = cells[row, column]
                turn += 1
                heappush(waiting, (-heights[i, j], turn, i, j))


def _cut(cells: np.ndarray, waist: float) -> np.ndarray:
    """The 4-connected cells, each cut at its waists, numbered anew."""
    inside = np.pad(cells > 0, 1)  # the image's edge is one of the cell's
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(inside), SMOOTH)
    return summits(np.where(inside, distance, -1.0), waist)[1:-1, 1:-1]


@compiled
def summits(heights: np.ndarray, least: float) -> np.ndarray:
    """Which summit each pixel belongs to, where only those count that stand out.

    Water falls. Each pixel that comes up beside dry land belongs to the land beside it that is
    highest, or is a summit of its own. Where two lands meet, the lower summit's becomes part of the
    other if it stands less than `least` above the pass.

    Parameters
    ----------
    heights : ndarray of float64, (H, W)
        Below 0 is outside.
    least : float
        How high a summit has to stand above the pass to a higher one.

    Returns
    -------
    ndarray of int32, (H, W)
        1 ... K, 0 outside.
    """
    height, width = heights.shape
    flat = heights.ravel()
    land = np.zeros(flat.size, np.int32)  # of each pixel; 0 is under water
    parent, top = np.zeros(flat.size + 1, np.int32), np.zeros(flat.size + 1)
    count = 0
    for pixel in np.argsort(-flat, kind="mergesort"):
        if flat[pixel] < 0:
            break
        row, column = pixel // width, pixel % width
        best = -1
        for down, right in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            i, j = row + down, column + right
            if 0 <= i < height and 0 <= j < width and land[i * width + j] > 0:
                beside = i * width + j
                if best < 0 or flat[beside] > flat[best]:
                    best = beside
        if best < 0:
            count += 1
            land[pixel], parent[count], top[count] = count, count, flat[pixel]
            continue
        land[pixel] = land[best]
        for down, right in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            i, j = row + down, column + right
            if 0 <= i < height and 0 <= j < width and land[i * width + j] > 0:
                one, other = _root(parent, land[pixel]), _root(parent, land[i * width + j])
                if top[one] < top[other]:
                    one, other = other, one
                if one != other and top[other] - flat[pixel] < least:
                    parent[other] = one
    numbers, last = np.zeros(count + 1, np.int32), 0
    for pixel in range(flat.size):
        if land[pixel] > 0:
            root = _root(parent, land[pixel])
            if numbers[root] == 0:
                last += 1
                numbers[root] = last
            land[pixel] = numbers[root]
    return land.reshape(height, width)


@compiled
def _root(parent: np.ndarray, land: int) -> int:
    """The land that a land has become part of."""
    while parent[land] != land:
        land = parent[land]
    return land


def fill_holes(cells: np.ndarray) -> None:
    """Give each cell the background that it encloses, in place.

    What lies in a cell that lies in a hole of another belongs to the inner one.

    Parameters
    ----------
    cells : ndarray of int, (H, W)
        Instance labels, 0 outside.
    """
    boxes = [(n, box) for n, box in enumerate(ndimage.find_objects(cells), start=1) if box]
    for number, box in sorted(boxes, key=lambda numbered: cells[numbered[1]].size):
        cell = cells[box]
        own = cell == number
        holes = ndimage.binary_fill_holes(own) & (cell == 0)
        if holes.any():  # those between inner cells are out of reach, and stay
            cell[ndimage.binary_propagation(own, mask=own | holes)] = number


def _without_small(cells: np.ndarray, smallest: int) -> np.ndarray:
    """The cells that have that many pixels, numbered anew."""
    sizes = np.bincount(cells.ravel())
    kept = sizes >= max(smallest, 1)
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return numbers[cells]


def _grown(cells: np.ndarray, pixels: int) -> np.ndarray:
    """Each cell with the free pixels around it."""
    if not pixels or not cells.any():
        return cells
    far, nearest = ndimage.distance_transform_edt(cells == 0, return_indices=True)
    return np.where(far <= pixels, cells[tuple(nearest)], 0)
