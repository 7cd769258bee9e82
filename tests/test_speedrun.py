"""The speedrun stops its clock while it measures, and itself at its goal."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unet_book import metrics
from unet_book.augmentation import Augmentation
from unet_book.datasets import Stack, phantom
from unet_book.training import Engine, Preset

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import speedrun  # noqa: E402

TINY = Preset(
    base_channels=2,
    depth=1,
    tile=44,
    steps=6,
    measure_every=2,
    augmentation=Augmentation(sigma=2.0),
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data():
    return Stack("cells", *phantom.stack("cells", 7, (64, 72), seed=0))


@pytest.mark.usefixtures("arithmetic")
@pytest.mark.parametrize("goal, measured, reached", [(1.0, 1, True), (-1.0, 3, False)])
def test_a_run_ends_at_the_goal_or_with_its_recipe(data, goal, measured, reached):
    run = speedrun.race(data, data, TINY, Engine(), CPU, goal=goal)
    assert [measurement["step"] for measurement in run["measurements"]] == [2, 4, 6][:measured]
    last = run["measurements"][-1]["seconds"]
    assert run["seconds_to_goal"] == (last if reached else None)


def test_the_clock_does_not_count_what_measuring_takes(data, monkeypatch):
    clock_face = SimpleNamespace(now=0.0)
    monkeypatch.setattr(speedrun, "time", SimpleNamespace(perf_counter=lambda: clock_face.now))

    def measured(*_):
        clock_face.now += 1000.0
        return 0.5, 0.5

    monkeypatch.setattr(speedrun, "least_error", measured)
    monkeypatch.setattr(speedrun, "probabilities", lambda model, stack: 0)
    monkeypatch.setattr(speedrun, "error_at", lambda *_: 1.0)
    clock = speedrun.Clock(data, data, CPU, 0.5)
    clock.start()
    for step in (0, 2, 4):
        clock_face.now += 3.0
        clock(step, None)
    assert [measurement["seconds"] for measurement in clock.measurements] == [6.0, 9.0]


def test_the_threshold_is_the_one_of_least_error(data, monkeypatch):
    shifted = np.where(data.labels > 0, 0.42, 0.33)  # between which is the one right threshold
    monkeypatch.setattr(speedrun, "probabilities", lambda model, stack: shifted)
    threshold, error = speedrun.least_error(None, data)
    assert (threshold, error) == (pytest.approx(0.35), 0.0)
    assert speedrun.error_at(shifted, data, 0.3) == metrics.f_error(
        data.labels, np.ones(data.labels.shape, int)
    )


@pytest.mark.parametrize("device", speedrun.RECIPES)
def test_recipes_measure_often_enough_to_see_the_goal(device):
    preset = speedrun.RECIPES[device]
    assert preset.steps // preset.measure_every >= 10
