"""The figure of spaced samples, moved in a browser and held against `unet_book.pages.survey`."""

import json
import re

import numpy as np
import pytest

from unet_book import datasets
from unet_book.pages import explorers, survey

RECORD = datasets.data_folder() / "runs" / "data_sets.json"
SETS = {
    "nuclei": survey.describe(datasets.load("nuclei", "all")),
    **json.loads(RECORD.read_text(encoding="utf-8"))["sets"],
}


def numbers(text):
    text = text.replace("\u2212", "-").replace(",", "")
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text)]


def summed(curve, step):
    """The correlation at all offsets of a raster, added up in a loop over the offsets."""
    end = next((r for r, rho in enumerate(curve) if rho <= 0), len(curve))
    most = end // step + 1
    offsets = np.arange(-most, most + 1) * step
    rings = np.rint(np.hypot(offsets[:, None], offsets)).astype(int)
    return sum(curve[r] for r in rings.ravel() if r < end)


def two_digits(x, at_most):
    return min(at_most, float(f"{x:.2g}"))


def test_all_pixels_are_worth_what_the_package_says(move):
    move(explorers.spaced_samples(SETS))
    for name, described in SETS.items():
        said = numbers(move(set=name, step=1))
        assert said[:2] == [described["pixels"], described["pixels"]]
        expected = described["pixels"] / survey.correlation_area(described["class_correlation"])
        assert said[-1] == two_digits(expected, described["pixels"])


@pytest.mark.parametrize("name", SETS)
def test_a_raster_takes_fewer_and_is_worth_the_same_until_it_is_wide(move, name):
    move(explorers.spaced_samples(SETS), set=name)
    described = SETS[name]
    for step in (1, 2, 5, 12, 40, 100):
        taken, pixels, distance, classes, grays, worth = numbers(move(step=step))
        assert taken == pytest.approx(pixels / step**2, abs=0.51) and distance == step
        assert classes == pytest.approx(described["class_correlation"][step], abs=0.0051)
        assert grays == pytest.approx(described["gray_correlation"][step], abs=0.0051)
        expected = pixels / step**2 / summed(described["class_correlation"], step)
        assert worth == two_digits(expected, taken)


def test_both_curves_are_drawn_and_marked(page, move):
    move(explorers.spaced_samples(SETS), step=30)
    for drawing in ("correlation", "counts"):
        assert page.locator(f"svg.{drawing} path").count() == 2
        assert page.locator(f"svg.{drawing} .ink circle").count() == 2


@pytest.mark.parametrize("width", [390, 900])
def test_it_fits_the_page(page, move, width):
    page.set_viewport_size({"width": width, "height": 900})
    move(explorers.spaced_samples(SETS), set="isbi2012", step=100)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
