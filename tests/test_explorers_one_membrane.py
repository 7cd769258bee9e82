"""The membrane that goes wrong in four ways, against the package's metrics."""

import itertools
import json

import pytest

from unet_book import metrics
from unet_book.metrics.segments import segments
from unet_book.pages import explorers
from unet_book.pages.explorers.one_membrane import masks

GRID = [*itertools.product([0, 1, 5, 12], [-3, 0, 1], [1, 2, 5], [0, 5, 8])]


def errors(truth, found):
    labels, thinned = segments(truth), metrics.thin(found)
    return [
        metrics.pixel_error(truth, found),
        metrics.f_error(truth, found),
        1 - metrics.iou(truth, found),
        metrics.rand_error(truth, found),
        1 - metrics.v_rand(labels, thinned),
        1 - metrics.v_info(labels, thinned),
        1 - metrics.seg(labels, segments(found)),
        metrics.warping_error(truth, found),
    ]


def test_it_computes_what_the_package_computes(move):
    move(explorers.one_membrane())
    settings = [dict(zip(("gap", "shift", "thick", "wall"), at)) for at in GRID]
    for setting, figure in zip(settings, move.each(settings)):
        truth, found = masks(**setting)
        expected = errors(truth, found)
        assert json.loads(figure["errors"]) == pytest.approx(expected, abs=1e-9), setting
        assert f"{(truth != found).sum()} of 204 pixels wrong" in figure["says"]
        assert f"warping error {round(expected[-1] * 204)} of 204" in figure["says"]


def test_one_open_pixel_merges_two_cells(move):
    text = move(explorers.one_membrane())
    assert "1 of 204 pixels wrong; 1 predicted cell for 2 true ones" in text
    assert "2 predicted cells" in move(gap=0)


def test_it_fits_a_phone(move, page):
    move(explorers.one_membrane())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("svg.drawing").bounding_box()["height"] > 300
