"""The figure of the signal's size, moved in a browser and held against the package."""

import json

import pytest
import torch

from unet_book import initialization as init
from unet_book.pages import explorers
from unet_book.unet import UNet


def expected(rule, depth, gain, alike, base=64):
    """The same numbers by the package; on the meta device, since no weight is ever needed."""
    with torch.device("meta"):
        model = UNet(base_channels=base, depth=depth)
    unit = init.unit_variances(model)
    variances = {
        "paper": init.he_variances,
        "miscounted": lambda layer: (2 / init.framework_fan_in(layer), 0.0),
        "xavier": init.xavier_variances,
        "default": init.framework_variances,
        "unit": lambda layer: (unit[layer], 0.0),
    }[rule]

    def multiplied(layer):
        weights, biases = variances(layer)
        return gain**2 * weights, biases

    return init.predicted_mean_squares(model, multiplied, init.Moments(1.0, alike))


@pytest.mark.parametrize("rule", ["paper", "miscounted", "xavier", "default", "unit"])
def test_it_draws_what_the_package_predicts(move, rule):
    move(explorers.signal())
    settings = [
        {"rule": rule, "depth": depth, "gain": gain, "alike": alike}
        for depth in (1, 2, 4, 6)
        for gain, alike in ((1, 0), (0.5, 0.95) if depth == 4 else (1.5, 1))
    ]
    for setting, figure in zip(settings, move.each(settings)):
        assert json.loads(figure["squares"]) == pytest.approx(expected(**setting), rel=1e-6)


def test_another_width_matters_only_to_the_frameworks_biases(move):
    move(explorers.signal(base_channels=8))
    (figure,) = move.each([{"rule": "default"}])
    assert json.loads(figure["squares"]) == pytest.approx(
        expected("default", 4, 1, 0, base=8), rel=1e-6
    )


def test_it_says_the_first_the_bottom_and_the_last(move):
    text = move(explorers.signal())
    assert text == "23 layers: 2 in the first, 17.1 at the bottom, 32.3 at the logits."
    assert move(rule="unit").startswith("23 layers: 1 in the first, 1 at the bottom, 1 at")
    assert "8 layers: " in move(depth=1)


@pytest.mark.parametrize("width", [390, 900])
def test_it_fits_the_page(page, move, width):
    page.set_viewport_size({"width": width, "height": 900})
    move(explorers.signal(), depth=6, gain=1.5)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
