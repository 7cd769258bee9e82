"""The speedrun: from random weights to the paper's pixel error on ISBI slices it has not seen.

    UNET_BOOK_DATA=... python benchmarks/speedrun.py

A network learns slices 0 ... 23 of ISBI 2012's training volume. Now and then the clock stops, and
slices 24 ... 29 are predicted in one pass: pixel error as the challenge counted it, 1 - F of the
cells, at the threshold that is best on four of the slices that were learned. The run ends when that
is 0.0611, the paper's, or when the recipe ends. (The paper's figure is of the challenge's own test
volume, whose truth was never public: the same number on other slices.) The seconds are those of
training, with the first step's set-up; reading the data and measuring are told apart.

On a GPU the recipe is sized for it, in bf16, and the run first times the paper's own recipe, 90,000
steps of one 572 tile, from some hundreds of them. On a CPU both are left to the recipe that an hour
of two cores is enough for, and the record says so. Writes data/runs/speedrun.json, numbers only,
and runs only from a checkout without changes; `--trial` takes a few steps and prints.
"""

import time
from dataclasses import asdict, replace

import harness
import numpy as np
import torch

from unet_book import datasets, metrics
from unet_book.augmentation import Augmentation
from unet_book.pages.reproduce import THRESHOLDS, probabilities
from unet_book.training import PRESETS, Engine, Preset, train
from unet_book.training.distributed import choose_device

GOAL, PAPER_STEPS, TIMED_STEPS = 0.0611, 90_000, 300
LEARNED = slice(0, 24, 6)  # the slices, of those that were learned, that choose the threshold
RECIPES = {
    # Half the paper's width; eight tiles fill the GPU, and their mean allows twice the usual rate.
    "cuda": Preset(
        base_channels=32,
        dropout=0.0,
        tile=380,
        batch_size=8,
        steps=2000,
        optimizer="adamw",
        learning_rate=2e-3,
        schedule="cosine",
        warmup=50,
        weight_decay=0.01,
        clip=1.0,
        balance=False,
        w0=2.0,
        augmentation=Augmentation(sigma=7.0),
        measure_every=100,
    ),
    "cpu": Preset(
        base_channels=16,
        depth=3,
        dropout=0.0,
        tile=236,
        steps=6000,
        optimizer="adam",
        learning_rate=2e-3,
        schedule="cosine",
        balance=False,
        w0=2.0,
        augmentation=Augmentation(sigma=4.0),
        measure_every=500,
    ),
}


class Reached(Exception):
    """The goal was reached: nothing more to train for."""


class Clock:
    """A watch that stops while it measures, and that ends the training at the goal."""

    def __init__(
        self, data: datasets.Stack, held_out: datasets.Stack, device: torch.device, goal: float
    ):
        self.learned = datasets.Stack("", data.images[LEARNED], data.labels[LEARNED])
        self.held_out, self.device, self.goal = held_out, device, goal
        self.seconds, self.began, self.measurements = 0.0, None, []

    def start(self) -> None:
        """Count from now on."""
        self.began = time.perf_counter()

    def __call__(self, step: int, model: torch.nn.Module) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds += time.perf_counter() - self.began
        if step:
            threshold, _ = least_error(model, self.learned)
            error = error_at(probabilities([model], self.held_out), self.held_out, threshold)
            self.measurements.append(
                {
                    "step": step,
                    "seconds": round(self.seconds, 2),
                    "threshold": threshold,
                    "error": error,
                }
            )
            print(self.measurements[-1], flush=True)
            if error <= self.goal:
                raise Reached
        self.start()


def error_at(probability: np.ndarray, stack: datasets.Stack, threshold: float) -> float:
    """The challenge's pixel error at a threshold."""
    return metrics.f_error(stack.labels, (probability > threshold).astype(np.int32))


def least_error(model: torch.nn.Module, stack: datasets.Stack) -> tuple[float, float]:
    """The threshold of least error on a stack, and that error."""
    probability = probabilities([model], stack)
    errors = [error_at(probability, stack, threshold) for threshold in THRESHOLDS]
    return float(THRESHOLDS[np.argmin(errors)]), float(min(errors))


def race(
    data: datasets.Stack,
    held_out: datasets.Stack,
    preset: Preset,
    engine: Engine,
    device: torch.device,
    seed: int = 0,
    goal: float = GOAL,
) -> dict:
    """One run: seconds of training until the goal (None: never), and what was measured."""
    clock = Clock(data, held_out, device, goal)
    clock.start()
    try:
        train(data, preset, seed=seed, device=device, engine=engine, progress=False, watch=clock)
        reached = False
    except Reached:
        reached = True
    return {
        "seed": seed,
        "seconds_to_goal": clock.measurements[-1]["seconds"] if reached else None,
        "measurements": clock.measurements,
    }


def paper_recipe(data: datasets.Stack, device: torch.device, steps: int = TIMED_STEPS) -> dict:
    """How long the paper's own recipe would take, from the time of some steps of it."""
    ends = []

    def watch(step: int, model: torch.nn.Module) -> None:
        torch.cuda.synchronize(device)
        ends.append(time.perf_counter())

    preset = replace(PRESETS["paper"], steps=2 * steps, measure_every=steps)
    train(data, preset, device=device, engine=Engine(graph=True), progress=False, watch=watch)
    each = (ends[2] - ends[1]) / steps  # of the second half, when all is warm
    return {
        "timed_steps": steps,
        "seconds_a_step": each,
        "steps": PAPER_STEPS,
        "minutes": PAPER_STEPS * each / 60,
    }


def measure(
    device: torch.device, preset: Preset, engine: Engine, seeds: int, timed_steps: int
) -> dict:
    """The paper's recipe, on a GPU, and the runs from all seeds."""
    data, held_out = (datasets.load("isbi2012", split) for split in ("train", "test"))
    paper = None
    if device.type == "cuda":  # first: if its graph fails, no race is lost
        paper = paper_recipe(data, device, timed_steps)
    return {
        "data": "ISBI 2012, training volume: slices 0 ... 23 learned, 24 ... 29 held out",
        "goal": {"measure": "1 - F of cells, one pass, threshold of learned slices", "error": GOAL},
        "recipe": asdict(preset),
        "engine": asdict(engine.settled(device, preset.base_channels)),
        "runs": [race(data, held_out, preset, engine, device, seed) for seed in range(seeds)],
        "paper_recipe": paper,
    }


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""
    parser = harness.trial_parser(__doc__, "a few steps")
    parser.add_argument("--compile", action="store_true", help="torch.compile; its time counts")
    parser.add_argument("--graph", action="store_true", help="a CUDA graph of each step")
    parser.add_argument("--seeds", type=int, default=3, help="runs from so many seeds (default: 3)")
    options = parser.parse_args(arguments)
    device = choose_device()
    preset, seeds, timed_steps = RECIPES[device.type], options.seeds, TIMED_STEPS
    if options.trial:
        preset, seeds, timed_steps = replace(preset, steps=4, measure_every=2), 1, 4
    engine = Engine(compile=options.compile, graph=options.graph)
    harness.experiment(
        "speedrun",
        lambda: measure(device, preset, engine, seeds, timed_steps),
        arguments,
        environment="UNET_BOOK_DATA=... ",
        trial=options.trial,
        device=device,
    )


if __name__ == "__main__":
    main()
