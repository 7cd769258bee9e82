"""The pixel that moves, against the package's energy and autograd."""

import itertools
import re

import pytest
import torch

from unet_book.loss import weighted_cross_entropy
from unet_book.pages import explorers

GRID = [*itertools.product([-3, 2], [-2.5, 1], [-3, 0, 2.5], [0, 1, 2.75], [0, 1])]


def numbers(text):
    """The six numbers the figure says: two probabilities, the loss, two gradients."""
    text = text.replace("\u2212", "-")
    found = re.findall(r"[-+]?\d+\.\d+", text)
    return [float(found[0]) / 100, float(found[1]) / 100, *map(float, found[2:])]


def package(background, cell, both, weight, truth):
    """The same from the package, the gradient by autograd."""
    logits = torch.tensor([background + both, cell + both], dtype=torch.float64)
    logits = logits.reshape(1, 2, 1, 1).requires_grad_()
    w = torch.full((1, 1, 1), float(weight), dtype=torch.float64)
    energy = weighted_cross_entropy(logits, torch.full((1, 1, 1), truth), w, normalize=False)
    energy.backward()
    p = logits.softmax(dim=1)
    return [*p.flatten().tolist(), energy.item(), *logits.grad.flatten().tolist()]


def test_it_says_what_the_package_and_autograd_compute(move):
    move(explorers.pixel_energy())
    settings = [dict(zip(("background", "cell", "both", "weight", "truth"), at)) for at in GRID]
    for setting, figure in zip(settings, move.each(settings)):
        assert numbers(figure["says"]) == pytest.approx(package(**setting), abs=6e-4), setting


def test_adding_the_same_to_both_logits_changes_nothing(move):
    move(explorers.pixel_energy())
    before = move(background=2, cell=-1.5, weight=2.5)
    assert {move(both=c) for c in (-3, -0.75, 2, 3)} == {before}


def places(path):
    """The points of a path of straight lines."""
    return [tuple(map(float, place.split(","))) for place in re.findall(r"[\d.,-]+", path)]


def test_the_dot_lies_on_the_curve_and_the_arrows_point_downhill(move, page):
    move(explorers.pixel_energy())
    for cell, truth in [(-3, 1), (2, 1), (3, 0)]:
        move(background=0.5, cell=cell, weight=2, truth=truth)
        x, y = page.eval_on_selector(
            ".loss .grip", "e => e.getAttribute('transform').match(/[\\d.-]+/g).map(Number)"
        )
        points = places(page.eval_on_selector(".loss path", "e => e.getAttribute('d')"))
        nearest = min(points, key=lambda point: abs(point[0] - x))
        assert nearest == pytest.approx((x, y), abs=0.01)
        ends = page.eval_on_selector_all(
            ".pulls polygon", "all => all.map(e => +e.getAttribute('points').split(',')[0])"
        )
        dots = page.eval_on_selector_all(
            ".pulls .grip",
            "all => all.map(e => +e.getAttribute('transform').match(/[\\d.-]+/))",
        )
        assert (ends[truth] > dots[truth]) and (ends[1 - truth] < dots[1 - truth])


def test_the_tangent_is_straight_through_the_dot_and_below_the_curve(move, page):
    move(explorers.pixel_energy())
    for cell, weight in itertools.product([-3, 0, 0.5, 3], [0, 3]):
        move(background=0, cell=cell, weight=weight, truth=1)
        x, y = page.eval_on_selector(
            ".loss .grip", "e => e.getAttribute('transform').match(/[\\d.-]+/g).map(Number)"
        )
        curve, tangent = (
            places(path)
            for path in page.eval_on_selector_all(
                ".loss path", "all => all.map(e => e.getAttribute('d'))"
            )
        )
        (x0, y0), (x1, y1) = tangent
        assert x0 <= x <= x1
        assert y0 + (y1 - y0) * (x - x0) / (x1 - x0) == pytest.approx(y, abs=0.01)
        for h, v in curve:
            assert not x0 <= h <= x1 or y0 + (y1 - y0) * (h - x0) / (x1 - x0) >= v - 0.01


@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_no_wider_than_its_page_and_nothing_leaves_the_drawing(move, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    move(explorers.pixel_energy())
    move(background=-3, cell=3, both=3, weight=3, truth=0)  # the farthest arrows
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for drawing in (".loss", ".pulls"):
        box = page.locator(drawing).bounding_box()
        for text in page.locator(f"{drawing} text").all():
            inner = text.bounding_box()
            assert inner["x"] >= box["x"] - 1
            assert inner["x"] + inner["width"] <= box["x"] + box["width"] + 1
