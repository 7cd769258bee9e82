"""Chapter 13: thirty images of one's own, by this package and by four other ways.

    UNET_BOOK_DATA=... python benchmarks/own_images.py

draws 30 images to learn from and 30 unseen ones from 60 of the Data Science Bowl 2018, three times,
sizes as they come, and finds the cells of the unseen ones: by this package with its default choices
for one's own images, by Otsu's threshold alone and with a watershed, by a random forest on features
of pixels, and by a network of MONAI's with three classes. All see the same stretched gray values.
What learns does so on 24 of the 30, from three seeds, and chooses how to make cells of its
probabilities on the other six. MONAI makes as many steps as take as long as this package's, both
timed in turn, since a processor that others use is not twice the same.

Each part, a draw by one method from one seed, is stored at once in parts/own_images, and one that
is there is not made again: it may be broken off at any moment. --only WORD ... makes the parts that
have all of these words in their names; --curves the further ones, of fewer images and other
minutes, and of two other sets. When all of the first are there, data/runs/own_images.json is
written: numbers only. About two hours on one core.
"""

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import harness
import numpy as np
import own_images_peers as peers
import torch

from unet_book import datasets, fitting, instances, metrics, otsu
from unet_book._files import write_atomically
from unet_book.datasets import Stack
from unet_book.gray import DEEP, stretch
from unet_book.initialization import he_normal_
from unet_book.magnification import common_diameter, resampled
from unet_book.pages import records
from unet_book.provenance import processor, revision
from unet_book.training import Engine, Preset, Tiles, choices, start, training_step
from unet_book.unet import UNet

PARTS = Path(__file__).parent / "parts" / "own_images"
DRAWS, SEEDS = (0, 1, 2), (0, 1, 2)
TRAINED = ("ours", "forest", "monai")
METHODS = ("ours", "otsu", "otsu-watershed", "forest", "monai")
MINUTES = 2.0
ROUNDS, STEPS_A_ROUND = 7, 4
STEPS_A_MINUTE = 1600  # of this package, of about two cores of a laptop; the same on every machine


@dataclass(frozen=True)
class Part:
    """One method on one draw from one seed.

    Parameters
    ----------
    data : {"dsb2018", "hela", "isbi"}
        The set.
    method : str
        One of `METHODS`.
    draw, seed : int
        Of the images and of the training.
    images : int
        How many the training has, those that choose the rule among them.
    minutes : float
        How long it takes, counted in steps.
    """

    data: str
    method: str
    draw: int = 0
    seed: int = 0
    images: int = 30
    minutes: float = MINUTES

    @property
    def name(self) -> str:
        """Of its file."""
        named = f"{self.data}-{self.method}-draw{self.draw}-seed{self.seed}"
        more = [f"-{self.images}images"] * (self.images != 30)
        more += [f"-{self.minutes:g}minutes"] * (self.minutes != MINUTES)
        return named + "".join(more)

    @property
    def file(self) -> Path:
        """Where it is stored."""
        return PARTS / f"{self.name}.json"


def main_parts() -> list[Part]:
    """The parts of the record: what needs no seed once a draw."""
    return [
        Part("dsb2018", method, draw, seed)
        for seed, draw, method in product(SEEDS, DRAWS, METHODS)
        if method in TRAINED or seed == 0
    ]


def curves() -> list[Part]:
    """Fewer images, fewer and more minutes, and two other sets."""
    fewer = [Part("dsb2018", "ours", draw, images=n) for n, draw in product((1, 3, 10), DRAWS)]
    times = [Part("dsb2018", "ours", draw, minutes=m) for m, draw in product((1, 5, 15), DRAWS)]
    others = [Part(data, method) for data, method in product(("hela", "isbi"), METHODS)]
    return fewer + others + times


# ---- the images


def images_of(data: str) -> Stack:
    """All images of a set, gray values stretched, in the order of their names."""
    if data == "dsb2018":
        stack = datasets.read_folder(Path(os.environ["UNET_BOOK_DATA"]) / data, percentiles=None)
        stack = stack.pick(np.argsort(stack.names))  # as the names are letters, not numbers
    else:
        stack = datasets.load({"hela": "dic-hela", "isbi": "isbi2012"}[data], "all")
    images = [stretch(image, least=DEEP) for image in stack.images]
    return Stack(data, images, stack.labels, names=stack.names)


def split(part: Part, count: int) -> tuple[list[int], list[int], list[int]]:
    """Numbers of the images that train, of those that choose the rule, and of the unseen ones.

    Frames and slices stay in their order, so that the unseen ones are no neighbors of the others.
    The last fifth of those that are there for the training choose; of a single image the whole does
    both.
    """
    order = list(range(count))
    if part.data == "dsb2018":
        order = np.random.default_rng(part.draw).permutation(count).tolist()
    most = min(30, count // 2)
    mine, unseen = order[: min(part.images, most)], order[most:]
    if len(mine) == 1:
        return mine, mine, unseen
    trains = datasets.train_count(len(mine))
    return mine[:trains], mine[trains:], unseen


# ---- the methods: each gives the cells of the unseen images and what else is to be recorded

Found = tuple[list[np.ndarray], dict]


def recipe(part: Part, learn: Stack) -> Preset:
    """The tool's own, with steps instead of minutes."""
    return choices.recipe_for(learn, round(STEPS_A_MINUTE * part.minutes))


def ours(part: Part, learn: Stack, choose: Stack, unseen: Stack) -> Found:
    """This package, with its default choices."""
    preset = recipe(part, learn)
    how = {"seed": part.seed, "device": "cpu", "progress": False, "engine": Engine()}
    began = time.process_time()
    diameter = common_diameter(learn)
    finder = fitting.fit(learn, choose, preset, diameter=diameter, **how).finder
    took = round(time.process_time() - began, 1)
    cells = [instances.find_cells(finder.answer(image), finder.rule) for image in unseen.images]
    what = {"preset": asdict(preset), "diameter": diameter, "rule": asdict(finder.rule)}
    return cells, {"training_cpu_seconds": took, **what}


def by_otsu(part: Part, learn: Stack, choose: Stack, unseen: Stack) -> Found:
    """Otsu's threshold; nothing is learned but which side of it cells are on, and their size."""
    dark = np.mean([image[cells > 0].mean() < image.mean() for image, cells in learn]) > 0.5
    size = choices.median_diameter(learn.labels) if part.method == "otsu-watershed" else None
    return [otsu.find_cells(image, dark, size) for image in unseen.images], {}


def forest(part: Part, learn: Stack, choose: Stack, unseen: Stack) -> Found:
    """A random forest on features of pixels, and the rule that is best for it."""
    began = time.process_time()
    answer = peers.forest(learn, part.seed)
    took = time.process_time() - began
    known = [*learn.labels, *choose.labels]
    choice = instances.choose_rule([*map(answer, choose.images)], choose.labels, known)
    cells = [instances.find_cells(answer(image), choice.rule) for image in unseen.images]
    return cells, {"training_cpu_seconds": round(took, 1), "rule": asdict(choice.rule)}


def monai(part: Part, learn: Stack, choose: Stack, unseen: Stack) -> Found:
    """MONAI's network of three classes, in as much of the processor's time as this package."""
    preset = recipe(part, learn)
    network = peers.Monai(learn, part.seed)
    ratio = in_turn(our_step(learn, preset), lambda: network.step(1e-5))
    began = time.process_time()
    answer = peers.trained(peers.Monai(learn, part.seed), steps := round(preset.steps * ratio))
    took = round(time.process_time() - began, 1)
    known = [*learn.labels, *choose.labels]
    levels = peers.choose_levels([*map(answer, choose.images)], choose.labels, known)
    cells = [peers.cells_of(answer(image), *levels) for image in unseen.images]
    rule = dict(zip(("threshold", "core", "smallest"), levels))
    return cells, {"training_cpu_seconds": took, "steps": steps, "rule": rule}


def our_step(learn: Stack, preset: Preset) -> Callable[[], object]:
    """Makes a step of this package's training, whenever it is called."""
    learn = resampled(learn, common_diameter(learn))
    tiles = Tiles(learn, preset, 0, "cpu", Engine())
    model, optimizer = start(preset, 0, tiles.device, UNet, he_normal_, tiles.engine)
    return lambda: training_step(model, optimizer, tiles, 0)


def in_turn(one: Callable[[], object], other: Callable[[], object]) -> float:
    """How often the other is done in the time of one, by the median of some rounds."""
    ratios = []
    for _ in range(ROUNDS + 1):
        times = [time.process_time()]
        for run in (one, other):
            for _ in range(STEPS_A_ROUND):
                run()
            times.append(time.process_time())
        ratios.append((times[1] - times[0]) / (times[2] - times[1]))
    return float(np.median(ratios[1:]))  # the first round compiles


RUN: dict[str, Callable[[Part, Stack, Stack, Stack], Found]] = {
    "ours": ours,
    "otsu": by_otsu,
    "otsu-watershed": by_otsu,
    "forest": forest,
    "monai": monai,
}


# ---- measuring


def scores(truth: list[np.ndarray], cells: list[np.ndarray]) -> dict:
    """All that the chapter's table shows, over all images."""
    wrong = sum(int(((a > 0) != (b > 0)).sum()) for a, b in zip(truth, cells))
    figures = {
        "pixel_error": wrong / sum(image.size for image in truth),
        "seg": metrics.seg(truth, cells),
        **{f"f1_{iou}": metrics.f1(truth, cells, iou) for iou in (0.5, 0.7, 0.9)},
        "ap": metrics.average_precision(truth, cells),
    }
    rounded = {name: round(value, 5) for name, value in figures.items()}
    return rounded | metrics.cell_mistakes(truth, cells)._asdict()


def measure(part: Part, stack: Stack) -> dict:
    """The record of one part."""
    learn, choose, unseen = (stack.pick(numbers) for numbers in split(part, len(stack)))
    began, cpu = time.perf_counter(), time.process_time()
    cells, more = RUN[part.method](part, learn, choose, unseen)
    took = {
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
    }
    where = {"processor": processor(), "threads": torch.get_num_threads()}
    return asdict(part) | where | took | more | {"scores": scores(list(unseen.labels), cells)}


def make(parts: Iterable[Part], trial: bool) -> None:
    """Measure and store the parts that are not there yet."""
    made_at = revision() if trial else records.clean_revision()
    stacks: dict[str, Stack] = {}
    for part in parts:
        if part.file.exists():
            continue
        if part.data not in stacks:
            stacks[part.data] = images_of(part.data)
        record = measure(part, stacks[part.data]) | {"revision": made_at}
        print(part.name, f"{record['cpu_seconds']:.0f} s", line(record["scores"]), flush=True)
        if not trial:
            PARTS.mkdir(parents=True, exist_ok=True)
            write_atomically(part.file, json.dumps(record, indent=1).encode() + b"\n")


def line(figures: dict) -> str:
    """Some scores in a line."""
    shown = {name: figures[name] for name in ("seg", "f1_0.5", "f1_0.7", "f1_0.9", "ap")}
    numbers = "  ".join(f"{name} {value:.3f}" for name, value in shown.items())
    wrong = "  ".join(f"{n} {figures[n]}" for n in ("merged", "split", "missed", "invented"))
    return f"error {100 * figures['pixel_error']:.2f} %  {numbers}  {wrong} of {figures['cells']}"


# ---- the record


def means(parts: list[dict]) -> dict:
    """Of each draw and method the mean over the seeds, and of each method that over the draws."""
    rows = []
    for draw, method in product((*DRAWS, None), METHODS):
        mine = [p for p in parts if p["method"] == method and draw in (p["draw"], None)]
        names = mine[0]["scores"]
        of_draws = [
            {n: np.mean([p["scores"][n] for p in mine if p["draw"] == d]) for n in names}
            for d in sorted({p["draw"] for p in mine})
        ]
        mean = {n: round(float(np.mean([scores[n] for scores in of_draws])), 5) for n in names}
        rows.append({"draw": "all" if draw is None else draw, "method": method, **mean})
    return rows


def targets(rows: list[dict]) -> list[dict]:
    """What is to be reached: means over the draws of the distance to the draw's best other."""
    draws = [{row["method"]: row for row in rows if row["draw"] == draw} for draw in DRAWS]

    def distance(name: str, best: Callable) -> float:
        of_draw = [
            draw["ours"][name] - best(draw[method][name] for method in METHODS[1:])
            for draw in draws
        ]
        return round(float(np.mean(of_draw)), 5)

    merged = [draw["ours"]["merged"] / max(draw["monai"]["merged"], 1) for draw in draws]
    found = [
        ("pixel error, to the best other", "at most 0", distance("pixel_error", min), -0.0),
        ("SEG, to the best other", "at least 0.05", distance("seg", max), 0.05),
        ("F1 at 0.5, to the best other", "at least 0.03", distance("f1_0.5", max), 0.03),
        ("F1 at 0.7, to the best other", "at least 0.02", distance("f1_0.7", max), 0.02),
        ("merged cells, of MONAI's", "at most 0.5", round(float(np.mean(merged)), 3), 0.5),
    ]
    return [
        {
            "what": what,
            "target": target,
            "measured": value,
            "reached": value <= bound if target.startswith("at most") else value >= bound,
        }
        for what, target, value, bound in found
    ]


def collect() -> dict:
    """The record of all parts that are there."""
    stored = [json.loads(p.file.read_text()) for p in main_parts() if p.file.exists()]
    further = [json.loads(p.file.read_text()) for p in curves() if p.file.exists()]
    rows = means(stored)
    return {"rows": rows, "targets": targets(rows), "parts": stored, "curves": further}


def main(arguments: list[str] | None = None) -> None:
    """Options, parts, record."""
    options = harness.trial_parser(__doc__, "print the scores of the parts that are missing")
    options.add_argument("--only", nargs="+", metavar="WORD", help="parts with all of these words")
    options.add_argument("--curves", action="store_true", help="the further parts")
    chosen = options.parse_args(arguments)
    torch.set_num_threads(1)
    parts = curves() if chosen.curves else main_parts()
    words = chosen.only or []
    make([p for p in parts if all(word in p.name for word in words)], chosen.trial)
    if not chosen.trial and all(part.file.exists() for part in main_parts()):
        harness.experiment("own_images", collect, arguments)


if __name__ == "__main__":
    main()
