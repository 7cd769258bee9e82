"""Images brought to one size of cells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unet_book.datasets import Stack
from unet_book.magnification import (
    common_diameter,
    factor,
    largest_side,
    middle_diameter,
    resampled,
    resize,
    scaled_shape,
)


def squares(side, count=3, unknown=False):
    """An image and its labels: squares in a row, 4 px apart."""
    labels = np.zeros((side + 8, count * (side + 4) + 4), int)
    for i in range(count):
        labels[4:-4, 4 + i * (side + 4) :][:, :side] = i + 1
    if unknown:
        labels[:2] = -1
    return (labels > 0) * 0.8 + 0.1, labels


def stack(*sides):
    return Stack("squares", *zip(*map(squares, sides)), names=[f"s{side}" for side in sides])


def test_the_diameter_is_that_of_the_cell_in_the_middle():
    _, labels = squares(10)
    labels[labels == 3] = 0
    labels[4:14, 32:60] = 9
    assert middle_diameter(labels) == pytest.approx(2 * (100 / np.pi) ** 0.5)
    assert middle_diameter(np.full((3, 3), -1)) is None


def test_images_that_are_alike_have_no_common_size():
    assert common_diameter(stack(20, 22, 19)) is None
    assert common_diameter(stack(10, 20, 30)) == pytest.approx(2 * 20 / np.pi**0.5)
    empty = Stack("empty", *zip(*[squares(9), (np.zeros((9, 9)), np.zeros((9, 9), int))]))
    assert common_diameter(empty) is None
    assert common_diameter(Stack("no cell", np.zeros((1, 9, 9)), np.zeros((1, 9, 9), int))) is None


@given(st.floats(0.1, 1000), st.floats(0.1, 1000))
def test_a_factor_brings_cells_nearer_to_the_common_size_and_never_too_far(diameter, common):
    by = factor(diameter, common)
    assert 1 / 4 <= by <= 2
    off = abs(np.log(common / diameter))
    assert abs(np.log(common / (diameter * by))) <= off + 1e-9
    assert by == 1 or off > np.log(1.2) - 1e-9
    assert factor(None, common) == factor(diameter, None) == 1


def test_images_and_labels_are_resampled_together_and_to_the_common_size():
    given_images = stack(10, 20, 40)
    found = resampled(given_images, common_diameter(given_images))
    assert found.names == given_images.names
    assert [image.shape for image in found.images] == [(36, 92), (28, 76), (24, 68)]
    for image, labels in found:
        assert 18 <= middle_diameter(labels) * np.pi**0.5 / 2 <= 22
        assert sorted(np.unique(labels)) == [0, 1, 2, 3]
        assert ((image > 0.5) != (labels > 0)).mean() < 0.03
    assert np.array_equal(found.images[1], given_images.images[1])


def test_what_is_unknown_stays_unknown_and_an_empty_image_as_it_is():
    image, labels = squares(40, unknown=True)
    empty = np.zeros((30, 30))
    both = Stack("both", [image, empty], [labels, empty.astype(int)])
    found = resampled(both, 20.0)
    assert (found.labels[0][0] == -1).all() and found.labels[0].min() == -1
    assert found.images[1].shape == (30, 30)
    assert resampled(both, None) is both


@given(
    arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 4))
)
def test_labels_take_what_lies_under_their_centers(labels):
    labels[0, 0] = 1
    common = 3.0
    by = factor(middle_diameter(labels), common)
    height, width = scaled_shape(labels.shape, by)
    (found,) = resampled(Stack("any", [labels * 0.2], [labels]), common).labels
    assert found.shape == (height, width)
    for row in range(height):
        for column in range(width):
            i = int((row + 0.5) * labels.shape[0] / height)
            j = int((column + 0.5) * labels.shape[1] / width)
            assert found[row, column] == labels[i, j]


def test_a_resized_image_keeps_its_mean_and_its_range():
    image = np.random.default_rng(0).random((64, 48)).astype(np.float32)
    small = resize(image, (16, 12))
    blocks = image.reshape(16, 4, 12, 4).mean((1, 3))
    assert abs(float(small.mean()) - float(image.mean())) < 0.005
    assert np.corrcoef(small.ravel(), blocks.ravel())[0, 1] > 0.8
    large = resize(np.float32(image > 0.5), (128, 96))
    assert large.min() == 0 and large.max() == 1


def test_the_largest_side_is_that_of_the_resampled_images():
    images = stack(10, 20, 40)
    common = common_diameter(images)
    shapes = [image.shape for image in images.images]
    middles = map(middle_diameter, images.labels)
    found = resampled(images, common)
    assert largest_side(shapes, middles, common) == max(min(i.shape) for i in found.images) == 36
