"""The two cells that move, against the package's own border term."""

import itertools
import json

import numpy as np
import pytest

from unet_book.pages import explorers
from unet_book.pages.explorers.two_cells import CENTERS, HEIGHT, RADIUS, WIDTH
from unet_book.weight_map import border_term, two_nearest_distances

PLACES = [(34, 22, 62, 22), (20, 13, 40, 31), (83, 13, 50, 30), (13, 22, 83, 22)]
GRID = [*itertools.product(PLACES, [0, 10], [1, 11.5])]


def labels_of(x1, y1, x2, y2):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    labels = np.zeros(x.shape, np.int32)
    for number, (u, v) in enumerate([(x1, y1), (x2, y2)], start=1):
        labels[(x - u) ** 2 + (y - v) ** 2 <= RADIUS**2] = number
    return labels


# All at once: a cell that is set after the other one might meet it on its way.
PLACE = """settings => settings.map(values => {
  const figure = document.querySelector(".explorer");
  for (const [name, value] of Object.entries(values))
    figure.querySelector(`[name=${name}]`).value = value;
  figure.dispatchEvent(new Event("input"));
  return {...figure.dataset, says: figure.querySelector(".says").textContent};
})"""


def placed(x1, y1, x2, y2):
    return {"x1": x1, "y1": y1, "x2": x2, "y2": y2}


def numbers(figure):
    """What it computes, and is it what it says?"""
    term = json.loads(figure["term"])
    assert f"d\u2081 + d\u2082: {term['nearest']:.2f} px" in figure["says"]
    assert f"Largest term: {term['largest']:.3f}" in figure["says"]
    assert f"more than 1 on {term['above']:,} pixels" in figure["says"]
    return term["nearest"], term["largest"], term["above"]


def test_it_says_what_the_package_computes(move, page):
    move(explorers.two_cells())
    settings = [placed(*where) | {"w0": w0, "sigma": sigma} for where, w0, sigma in GRID]
    for (where, w0, sigma), figure in zip(GRID, page.evaluate(PLACE, settings)):
        labels = labels_of(*where)
        term = border_term(labels, w0, sigma)
        expected = np.where(labels == 0, sum(two_nearest_distances(labels)), np.inf).min()
        nearest, largest, above = numbers(figure)
        assert nearest == pytest.approx(expected, abs=6e-3), where
        assert largest == pytest.approx(term.max(), abs=6e-4), where
        assert above == np.count_nonzero(term > 1), where


@pytest.mark.parametrize("of", ["second", "product"])
def test_other_quantities_reach_pixels_that_the_sum_does_not(move, of):
    move(explorers.two_cells())
    labels = labels_of(34, 22, 65, 22)
    d1, d2 = two_nearest_distances(labels)
    other = {"second": 2 * d2, "product": 2 * np.sqrt(d1 * d2)}[of]
    term = np.where(labels == 0, 10 * np.exp(-(other**2) / 50), 0)
    (figure,) = move.each([{"of": of, "x2": 65}])
    _, largest, above = numbers(figure)
    assert largest == pytest.approx(term.max(), abs=6e-4) and above == (term > 1).sum()


def test_cells_never_overlap(move, page):
    """Neither when one is set into the other nor when it is dragged there."""
    move(explorers.two_cells())
    move.each([{"x1": 50}])
    assert page.input_value("[name=x1]") == str(CENTERS[0][0])
    knob = page.locator(".map .knob").first.bounding_box()
    x, y = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for share in range(1, 21):  # across the other one, to the right edge
        page.mouse.move(x + share * 8, y + 3)
        first, second = (
            np.array([float(page.input_value(f"[name={axis}{k}]")) for axis in "xy"])
            for k in (1, 2)
        )
        assert np.hypot(*(first - second)) >= 2 * RADIUS + 1
    page.mouse.up()


def test_it_fits_a_phone(move, page):
    move(explorers.two_cells())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".map image").bounding_box()["width"] > 300
