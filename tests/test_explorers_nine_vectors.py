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
        settings.append({"point": point, "down": vectors[0, point], "right": vectors[1, point]})
        field = dense_displacement(vectors.reshape(2, 3, 3), (SIDE, SIDE))
        area = jacobian(field)
        expected.append((area.min(), area.max(), np.hypot(*field).max(), (area <= 0).sum()))
    answers = [said(figure["says"]) for figure in move.each(settings)]
    np.testing.assert_allclose(np.array(answers)[:, :2], np.array(expected)[:, :2], atol=6e-3)
    np.testing.assert_allclose(np.array(answers)[:, 2], np.array(expected)[:, 2], atol=6e-2)
    np.testing.assert_allclose(np.array(answers)[:, 3], np.array(expected)[:, 3], atol=2)
    assert {count > 0 for *_, count in expected} == {True, False}


def test_a_vector_can_be_dragged(move, page, figure):
    move(figure)
    handle = page.locator(".looks circle[data-point='4']").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    box = page.locator(".looks").bounding_box()
    scale = box["width"] / (SIDE + 24)  # screen px of an image px
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20 * scale, y - 10 * scale)
    page.mouse.up()
    down, right = (page.input_value(f"[name={key}]") for key in ("down", "right"))
    assert abs(int(down) + 10) <= 1 and abs(int(right) - 20) <= 1
    far = said(page.inner_text(".says"))[2]
    assert far == pytest.approx(np.hypot(int(down), int(right)), abs=0.6)
    page.mouse.move(x, y)  # the button is up: nothing follows
    assert page.input_value("[name=right]") == right


def test_a_handle_drawn_out_of_the_picture_stays_and_can_be_drawn_back(move, page, figure):
    page.set_viewport_size({"width": 390, "height": 900})
    move(figure)
    move(point=8, down=40, right=40)
    picture = page.locator(".looks").bounding_box()
    handle = page.locator(".looks circle[data-point='8']").bounding_box()
    assert handle["x"] + handle["width"] <= picture["x"] + picture["width"] + 3
    assert handle["y"] + handle["height"] <= picture["y"] + picture["height"] + 3
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    scale = picture["width"] / (SIDE + 24)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 30 * scale, y)
    page.mouse.up()
    assert abs(int(page.input_value("[name=right]")) - 10) <= 1
    assert page.input_value("[name=down]") == "40"


def test_choosing_a_vector_shows_it_and_zero_is_rest(move, page, figure):
    move(figure)
    move(point=0, down=7, right=-3)
    move(point=8)
    assert page.input_value("[name=down]") == "0"
    move(point=0)
    assert page.input_value("[name=down]") == "7" and page.input_value("[name=right]") == "-3"
    page.click("[name=rest]")
    assert said(page.inner_text(".says")) == (1, 1, 0, 0)
    page.click("[name=draw]")
    assert said(page.inner_text(".says"))[2] > 0


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
