"""The two cells that move, against the package's own border term."""

import itertools
import re

import numpy as np
import pytest

from unet_book.pages import explorers
from unet_book.pages.explorers.two_cells import FIRST, HEIGHT, RADIUS, WIDTH
from unet_book.weight_map import border_term, two_nearest_distances

GRID = [*itertools.product([26, 47], [-17, 0, 8], [0, 10], [1, 11.5])]


def labels_of(right, down):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    cx, cy = FIRST
    labels = np.zeros(x.shape, np.int32)
    for number, (u, v) in enumerate([(cx, cy), (cx + right, cy + down)], start=1):
        labels[(x - u) ** 2 + (y - v) ** 2 <= RADIUS**2] = number
    return labels


def numbers(text):
    smallest, largest, _, above = re.findall(r"\d+\.?\d*", text)
    return [float(smallest), float(largest), int(above)]


def test_it_says_what_the_package_computes(move):
    move(explorers.two_cells())
    settings = [dict(zip(("right", "down", "w0", "sigma"), at)) for at in GRID]
    for setting, figure in zip(settings, move.each(settings)):
        labels = labels_of(setting["right"], setting["down"])
        term = border_term(labels, setting["w0"], setting["sigma"])
        nearest = np.where(labels == 0, sum(two_nearest_distances(labels)), np.inf).min()
        smallest, largest, above = numbers(figure["says"])
        assert smallest == pytest.approx(nearest, abs=6e-3), setting
        assert largest == pytest.approx(term.max(), abs=6e-4), setting
        assert above == np.count_nonzero(term > 1), setting


@pytest.mark.parametrize("of", ["second", "product"])
def test_other_quantities_reach_pixels_that_the_sum_does_not(move, of):
    move(explorers.two_cells())
    d1, d2 = two_nearest_distances(labels_of(31, 0))
    other = {"second": 2 * d2, "product": 2 * np.sqrt(d1 * d2)}[of]
    term = np.where(labels_of(31, 0) == 0, 10 * np.exp(-(other**2) / 50), 0)
    _, largest, above = numbers(move(of=of, right=31))
    assert largest == pytest.approx(term.max(), abs=6e-4) and above == (term > 1).sum()


def test_it_fits_a_phone(move, page):
    move(explorers.two_cells())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("canvas").bounding_box()["width"] > 300
