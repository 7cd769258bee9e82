"""The ball in the valley, moved in a browser and held against PyTorch's own optimizer."""

import json
import math

import numpy as np
import pytest
import torch

from unet_book.pages import explorers
from unet_book.pages.explorers.valley import ALONG, NOISE, START, STEPS
from unet_book.training.averaging import kept

CURVATURES = torch.tensor([ALONG, 1.0], dtype=torch.float64)


def ends_at(rate, momentum, noise=0.0, average=0.0):
    """Where `torch.optim.SGD` and the mean are after the steps that the figure draws."""
    mean = np.array(START)
    place = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([place], lr=rate, momentum=momentum)
    for step in range(STEPS):
        optimizer.zero_grad()
        (CURVATURES * place**2 / 2).sum().backward()
        place.grad += noise * torch.from_numpy(NOISE[step])
        optimizer.step()
        mean += (1 - kept(average, step)) * (place.detach().numpy() - mean)
    return place.detach().numpy(), mean


def largest_root(rate, momentum, curvature):
    return max(abs(np.roots([1, -(1 + momentum - rate * curvature), momentum])))


def test_it_goes_where_pytorch_goes(move):
    move(explorers.valley())
    controls = ("exponent", "momentum", "noise", "average")
    places = [
        (-1.5, 0, 0, 0),
        (-3, 0.99, 0, 0),
        (0, 0.9, 0.5, 0),
        (0.25, 0.3, 1, 0.9),
        (-4, 0.5, 0, 0.5),
    ]
    figures = move.each([dict(zip(controls, place)) for place in places])
    for (exponent, momentum, noise, average), told in zip(places, figures):
        rate = 10**exponent
        ball, mean = ends_at(rate, momentum, noise, average)
        assert json.loads(told["end"]) == pytest.approx(ball, rel=1e-9)
        assert json.loads(told["mean"]) == pytest.approx(mean, rel=1e-9)
        for name, curvature in (("across", 1.0), ("along", ALONG)):
            root = largest_root(rate, momentum, curvature)
            assert float(told[name]) == pytest.approx(root, abs=1e-7)


def test_it_runs_away_above_the_limit_and_nowhere_else(move):
    move(explorers.valley())
    settings = [
        {"momentum": m, "exponent": round(e, 2)}
        for m in (0, 0.5, 0.9, 0.99)
        for e in np.arange(-1, 1.01, 0.1)
    ]
    for setting, figure in zip(settings, move.each(settings)):
        across, along = figure["says"].partition(". Along,")[::2]
        limit = 2 * (1 + setting["momentum"])
        assert ("runs away" in across) == (10 ** setting["exponent"] > limit), setting
        assert ("runs away" in along) == (10 ** setting["exponent"] * ALONG > limit), setting


def test_it_says_what_each_direction_does(move):
    text = move(explorers.valley())
    assert text.startswith("Across, it creeps, halved every 21.6 steps. The limit is 2 ")
    assert move(exponent=-1.5, momentum=0.99).count("it swings, halved every 138 steps.") == 2
    assert "The limit is 2 (1 + 0.99) / 1 = 3.98." in move(exponent=-4)
    assert move(exponent=0.2, momentum=0).startswith("Across, it jumps from side to side")
    assert "more energy than before" in move(exponent=0.5, momentum=0.5)
    assert math.isclose(math.log(0.5) / math.log(math.sqrt(0.99)), 137.9, abs_tol=0.05)


def test_the_mean_comes_to_rest_where_the_ball_does_not(move, page):
    """Across, the walk has a variance of rate / (2 - rate), and the mean what chapter 9 derives."""
    text = move(explorers.valley(), exponent=0, noise=0.5, average=0.9)
    assert "of the energy is left, in the mean of the weights" in text
    told = page.locator(".explorer").evaluate("figure => ({...figure.dataset})")
    assert float(told["calm"]) < float(told["left"]) / 3
    assert "in the mean" not in move(average=0)


@pytest.mark.parametrize("width", [390, 900])
def test_it_fits_the_page(page, move, width):
    page.set_viewport_size({"width": width, "height": 900})
    move(explorers.valley(), exponent=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
