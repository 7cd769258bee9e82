"""Otsu's threshold, against every cut; and cells without a network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_book import metrics, otsu

Y, X = np.indices((60, 80))


def disk(row, column, radius):
    return (Y - row) ** 2 + (X - column) ** 2 < radius**2


@given(st.lists(st.integers(0, 255), min_size=2, max_size=60).filter(lambda v: len(set(v)) > 1))
def test_no_other_cut_has_a_smaller_variance_within_its_classes(values):
    values = np.array([values + [0, 255]], float)  # so that a bin holds one whole number

    def within(cut):
        sides = values[values > cut], values[values <= cut]
        return sum(side.size * side.var() for side in sides)

    least = min(within(cut) for cut in np.arange(0, 255) + 0.5)
    assert within(otsu.threshold(values)) == pytest.approx(least, rel=1e-9, abs=1e-9)


def test_two_levels_are_cut_in_the_middle_and_one_is_not_cut():
    assert otsu.threshold(np.array([[2.0, 2, 10]])) == pytest.approx(6, abs=0.1)
    assert otsu.threshold(np.full((3, 3), 7.0)) == 7
    assert not otsu.find_cells(np.full((3, 3), 7.0)).any()


def test_touching_disks_are_one_part_and_two_cells():
    apart = disk(30, 20, 12).astype(int) + 2 * (disk(30, 42, 12) & ~disk(30, 20, 12))
    rng = np.random.default_rng(0)
    image = (apart > 0) * 0.5 + 0.2 + rng.normal(0, 0.03, apart.shape)
    assert otsu.find_cells(image).max() == 1
    cells = otsu.find_cells(image, diameter=24)
    assert cells.max() == 2 and metrics.seg(apart, cells) > 0.9
    assert np.array_equal(otsu.find_cells(1 - image, dark=True, diameter=24) > 0, cells > 0)


def test_a_ring_is_filled():
    ring = disk(30, 40, 15) & ~disk(30, 40, 8)
    assert np.array_equal(otsu.find_cells(ring.astype(float)) > 0, disk(30, 40, 15))


def test_an_image_in_colors_is_refused():
    with pytest.raises(ValueError, match=r"\(H, W\), got \(3, 3, 3\)"):
        otsu.find_cells(np.zeros((3, 3, 3)))
