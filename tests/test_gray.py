"""Gray values in one range."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unet_book import gray
from unet_book.gray import stretch

TISSUE = np.random.default_rng(0).normal(100, 10, (60, 70))


def test_percentiles_become_0_and_1():
    found = stretch(TISSUE)
    bottom, top = np.percentile(np.sort(TISSUE.ravel())[1:-1], [gray.LOW, gray.HIGH])
    expected = np.clip((TISSUE - bottom) / (top - bottom), 0, 1)
    assert found.dtype == np.float32 and np.allclose(found, expected, rtol=0, atol=1e-7)
    assert found.min() == 0 and found.max() == 1


@given(
    arrays(np.uint8, (6, 7)),
    st.sampled_from([(1, 0, np.uint8), (257, 0, np.uint16), (16, 300, np.int32), (0.5, -7, float)]),
)
def test_the_same_field_looks_the_same_in_every_type(image, how):
    times, plus, dtype = how
    other = (image.astype(np.float64) * times + plus).astype(dtype)
    assert np.allclose(stretch(other), stretch(image), rtol=0, atol=1e-6)


def test_a_frame_of_zeros_and_saturated_spots_change_nothing():
    framed = np.pad(np.round(TISSUE), 40)
    framed[50:60, 50:60] = 255
    inside = np.s_[40:-40, 40:-40]
    plain = stretch(np.round(TISSUE))
    away = np.ones(TISSUE.shape, bool)
    away[10:20, 10:20] = False
    assert np.abs(stretch(framed)[inside] - plain)[away].max() < 0.03
    assert stretch(framed)[0, 0] == 0 and stretch(framed)[55, 55] == 1


def test_two_levels_and_one():
    assert stretch(np.array([[3, 3, 9]])).tolist() == [[0, 0, 1]]
    assert stretch(np.array([[3, 5, 9]])).tolist() == [[0, pytest.approx(1 / 3), 1]]
    assert not stretch(np.full((2, 3), 7)).any()
    assert stretch(np.zeros((0, 3))).shape == (0, 3)
    assert torch.equal(stretch(torch.tensor([[0.0, 2.0]])), torch.tensor([[0.0, 1.0]]))
    assert stretch(np.array([[-1e308, 0, 1e308]])).tolist() == [[0, 0.5, 1]]


def test_what_has_no_range_is_refused():
    with pytest.raises(ValueError, match="NaN or infinity"):
        stretch(np.array([0, np.nan]))
    for wrong in (np.ones((2, 2), complex), np.array(["a"]), np.array([None])):
        with pytest.raises(ValueError, match="needed are integers or floating point"):
            stretch(wrong)
    with pytest.raises(ValueError, match="percentiles are"):
        stretch(TISSUE, 50, 50)


def test_the_noise_is_that_of_pixels_and_not_of_cells():
    random = np.random.default_rng(0)
    grain = random.normal(0, 3, (200, 300))
    assert gray.noise(grain) == pytest.approx(3, rel=0.03)
    cells = np.zeros((200, 300))
    cells[40:120, 50:90] = cells[30:90, 150:250] = 500
    assert gray.noise(grain + cells + np.arange(300)) == pytest.approx(3, rel=0.05)
    hot = np.where(random.random(grain.shape) < 0.001, 10_000, grain)
    assert gray.noise(hot) == pytest.approx(3, rel=0.05)
    assert gray.noise(np.arange(5)) == gray.noise(np.ones((1, 9))) == gray.noise(3) == 0


def test_an_empty_image_stays_dark_and_one_with_cells_as_it_was():
    empty = np.random.default_rng(0).normal(100, 3, (128, 128))
    assert stretch(empty).std() > 0.15 and stretch(empty).max() == 1
    dark = stretch(empty, least=gray.DEEP)
    # The percentiles are 5.2 standard deviations apart, and the range has become 25.
    assert dark.max() < 0.3 and dark.std() == pytest.approx(1 / 25, rel=0.1)
    cells = empty.copy()
    cells[20:50, 20:50] += 100
    assert np.array_equal(stretch(cells, least=gray.DEEP), stretch(cells))
    assert np.allclose(stretch(7 * empty + 5, least=gray.DEEP), dark, atol=1e-6)


@pytest.mark.parametrize("least", [-1.0, float("nan"), float("inf")])
def test_a_least_range_that_is_none_is_refused(least):
    with pytest.raises(ValueError, match="least"):
        stretch(TISSUE, least=least)
