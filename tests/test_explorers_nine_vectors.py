"""The nine vectors, against the package's field and its determinant."""

import re

import numpy as np
import pytest

from unet_book import datasets
from unet_book.elastic import dense_displacement, jacobian
from unet_book.pages import explorers

SIDE = 97


@pytest.fixture(scope="module")
def figure():
    stack = datasets.load("nuclei", "all")
    crop = np.s_[0, 40 : 40 + SIDE, 300 : 300 + SIDE]
    return explorers.nine_vectors(stack.images[crop], stack.labels[crop])


def said(text):
    """Smallest and largest determinant, the farthest displacement, how many pixels fold."""
    text = text.replace("\u2212", "-").replace(",", "")
    low, high, far = (float(x) for x in re.findall(r"-?\d+\.\d+", text))
    folded = re.search(r"folds at (\d+) of 9409", text)
    assert folded or "folds nowhere" in text
    return low, high, far, int(folded[1]) if folded else 0


def test_it_says_what_the_package_computes(move, figure):
    move(figure)
    rng, vectors = np.random.default_rng(0), np.zeros((2, 9))
    settings, expected = [], []
    for _ in range(30):
        point = int(rng.integers(9))
        vectors[:, point] = rng.integers(-40, 41, 2)
        settings.append({f"down{point}": vectors[0, point], f"right{point}": vectors[1, point]})
        field = dense_displacement(vectors.reshape(2, 3, 3), (SIDE, SIDE))
        area = jacobian(field)
        expected.append((area.min(), area.max(), np.hypot(*field).max(), (area <= 0).sum()))
    answers = [said(figure["says"]) for figure in move.each(settings)]
    np.testing.assert_allclose(np.array(answers)[:, :2], np.array(expected)[:, :2], atol=6e-3)
    np.testing.assert_allclose(np.array(answers)[:, 2], np.array(expected)[:, 2], atol=6e-2)
    np.testing.assert_allclose(np.array(answers)[:, 3], np.array(expected)[:, 3], atol=2)
    assert {count > 0 for *_, count in expected} == {True, False}


def center(page, point):
    box = page.locator(".looks .knob").nth(point).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, point, right, down):
    """By so many pixels of the image."""
    scale = page.locator(".looks").bounding_box()["width"] / (SIDE + 24)
    x, y = center(page, point)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right * scale, y + down * scale)
    page.mouse.up()


def vector(page, point):
    return tuple(int(page.input_value(f"[name={key}{point}]")) for key in ("right", "down"))


def test_a_vector_can_be_dragged(move, page, figure):
    move(figure)
    drag(page, 4, 20, -10)
    right, down = vector(page, 4)
    assert abs(down + 10) <= 1 and abs(right - 20) <= 1
    far = said(page.inner_text(".says"))[2]
    assert far == pytest.approx(np.hypot(down, right), abs=0.6)
    page.mouse.move(*center(page, 0))  # the button is up: nothing follows
    assert vector(page, 4) == (right, down)


def test_a_knob_drawn_out_of_the_picture_stays_and_can_be_drawn_back(move, page, figure):
    page.set_viewport_size({"width": 390, "height": 900})
    move(figure)
    move.each([{"down8": 40, "right8": 40}])
    picture, (x, y) = page.locator(".looks").bounding_box(), center(page, 8)
    assert x <= picture["x"] + picture["width"] - 9 and y <= picture["y"] + picture["height"] - 9
    drag(page, 8, -30, 0)
    right, down = vector(page, 8)
    assert right < 30 and down < 40


def test_zero_is_rest(move, page, figure):
    move(figure)
    page.click("[name=draw]")
    assert said(page.inner_text(".says"))[2] > 0
    page.click("[name=rest]")
    assert said(page.inner_text(".says")) == (1, 1, 0, 0)


def test_more_cells_may_meet_than_there_are_colors():
    angles = np.arctan2(*np.mgrid[-20:20, -20:20])
    slices = np.int32(np.ceil((angles + np.pi) / (2 * np.pi) * 9)).clip(1, 9)
    explorers.nine_vectors(np.zeros((40, 40)), slices)


@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_no_wider_than_its_page(move, page, figure, width):
    page.set_viewport_size({"width": width, "height": 900})
    move(figure)
    move(shown="labels")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".sees image").bounding_box()["width"] > 120


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"one square, got \(3, 4\)"):
        explorers.nine_vectors(np.zeros((3, 4)), np.zeros((3, 4), int))
