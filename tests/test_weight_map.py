"""The weight map against a brute force over all pairs of pixels, in float64."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unet_book.weight_map import (
    border_term,
    class_balance,
    part_touching_cells,
    two_nearest_distances,
    weight_map,
)

LARGEST = 2**31 - 1


@st.composite
def label_maps(draw, ids=None):
    """Up to 9 x 9 pixels, up to 5 cells of any number, in any number of pieces."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    cells = draw(st.lists(st.integers(1, LARGEST), max_size=5, unique=True)) if ids is None else ids
    others = draw(st.sampled_from([[0], [0, 0, 0, 0, 0, -1], [-1], []]))
    return draw(arrays(np.int32, shape, elements=st.sampled_from(others + cells or [0])))


def cell_numbers(labels):
    return np.unique(labels[labels > 0])


def brute_distances(labels):
    """d_1 and d_2 by looking at every pixel from every pixel."""
    pixels = np.argwhere(np.ones(labels.shape)).astype(float)
    distances = np.full((len(pixels), 2), np.inf)  # stands for the cells that are not there
    for number in cell_numbers(labels):
        apart = pixels[:, None] - np.argwhere(labels == number)[None]
        nearest = np.sqrt((apart**2).sum(-1)).min(1)
        distances = np.column_stack([distances, nearest])
    nearest, second = np.sort(distances, axis=1)[:, :2].T
    return nearest.reshape(labels.shape), second.reshape(labels.shape)


def brute_weight_map(labels, w0, sigma):
    """Equation (2), literally."""
    d1, d2 = brute_distances(labels)
    weights = np.zeros(labels.shape)
    for pixel in np.ndindex(labels.shape):
        if labels[pixel] >= 0:
            same_class = np.count_nonzero((labels >= 0) & ((labels > 0) == (labels[pixel] > 0)))
            weights[pixel] = np.count_nonzero(labels >= 0) / (2 * same_class)
        if labels[pixel] == 0:
            weights[pixel] += w0 * math.exp(-((d1[pixel] + d2[pixel]) ** 2) / (2 * sigma**2))
    return weights


def neighbors(labels, pixel):
    """The numbers at the up to 8 pixels around one, itself not among them."""
    (y, x), (height, width) = pixel, labels.shape
    around = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    return [labels[p] for p in around if 0 <= p[0] < height and 0 <= p[1] < width]


def touching(labels, pixel):
    """Whether a cell's pixel has another cell's pixel beside it."""
    return labels[pixel] > 0 and any(n > 0 and n != labels[pixel] for n in neighbors(labels, pixel))


two_squares = np.zeros((20, 30), np.int32)
two_squares[5:15, 5:13], two_squares[5:15, 17:25] = 1, 2


# The two nearest distances


@given(label_maps())
def test_distances_equal_brute_force(labels):
    for found, expected in zip(two_nearest_distances(labels), brute_distances(labels)):
        np.testing.assert_array_equal(found, expected.astype(np.float32))


@given(label_maps(), st.floats(0, 9))
def test_within_turns_only_the_distances_beyond_it_into_inf(labels, within):
    for found, exact in zip(two_nearest_distances(labels, within), two_nearest_distances(labels)):
        np.testing.assert_array_equal(found, np.where(exact <= within, exact, np.inf))


def test_a_far_cell_that_is_spread_out_does_not_stand_in_for_a_nearer_one():
    # From (0, 0) the dot is 4.2 px away and the frame 7, but the frame's box holds the pixel.
    labels = np.zeros((8, 8), np.int32)
    labels[7, :], labels[:, 7], labels[3, 3] = 1, 1, 2
    d1, d2 = two_nearest_distances(labels, within=2)
    assert math.isinf(d1[0, 0]) and math.isinf(d2[0, 0])


def test_distances_are_counted_between_pixel_centers():
    d1, d2 = two_nearest_distances(np.array([[1, 0, 0, 0, 2]]))
    np.testing.assert_array_equal(d1, [[0, 1, 2, 1, 0]])
    np.testing.assert_array_equal(d2, [[4, 3, 2, 3, 4]])


@pytest.mark.parametrize("pixel", [-1, 0])
def test_without_cells_both_distances_are_infinite(pixel):
    d1, d2 = two_nearest_distances(np.full((3, 4), pixel))
    assert np.isinf(d1).all() and np.isinf(d2).all()


def test_with_one_cell_only_the_second_distance_is_infinite():
    d1, d2 = two_nearest_distances(np.array([[0, 7]]))
    np.testing.assert_array_equal(d1, [[1, 0]])
    assert np.isinf(d2).all()


# Equation (2)


@given(label_maps(), st.floats(0, 100), st.floats(0.1, 20))
def test_weight_map_equals_equation_2(labels, w0, sigma):
    expected = brute_weight_map(labels, w0, sigma)
    np.testing.assert_allclose(weight_map(labels, w0, sigma), expected, rtol=1e-5, atol=1e-5)


@given(label_maps(ids=[1, 2, 3]))
def test_weight_map_is_within_1e_5_at_the_papers_settings(labels):
    np.testing.assert_allclose(
        weight_map(labels), brute_weight_map(labels, 10, 5), rtol=0, atol=1e-5
    )


def test_cutting_distances_off_loses_nothing_on_a_large_image():
    labels = np.zeros((90, 120), np.int32)
    labels[10:20, 10:20], labels[14:30, 24:30], labels[60:80, 70:110] = 1, 2, 3
    expected = brute_weight_map(labels, 10, 5)
    np.testing.assert_allclose(weight_map(labels), expected, rtol=0, atol=1e-5)


@given(label_maps())
def test_border_term_is_zero_outside_the_background(labels):
    assert not border_term(labels)[labels != 0].any()


@given(label_maps(ids=[5]))
def test_border_term_is_zero_with_fewer_than_two_cells(labels):
    assert not border_term(labels).any()


def test_border_term_is_largest_in_the_middle_of_the_narrowest_gap():
    term = border_term(two_squares)
    row, column = np.unravel_index(term.argmax(), term.shape)
    assert 5 <= row < 15 and 13 <= column < 17
    np.testing.assert_allclose(term[10, 13:17], 10 * math.exp(-0.5), rtol=1e-6)  # d1 + d2 = 5


@given(label_maps())
def test_pixels_without_annotation_weigh_nothing(labels):
    assert not weight_map(labels)[labels == -1].any()


@given(label_maps())
def test_without_balance_every_annotated_pixel_starts_from_one(labels):
    expected = (labels >= 0) + border_term(labels)
    np.testing.assert_array_equal(weight_map(labels, balance=False), expected)


@given(label_maps(), st.randoms(use_true_random=False))
def test_numbers_of_the_cells_do_not_matter(labels, random):
    renamed = labels.copy()
    for number in cell_numbers(labels):
        renamed[labels == number] = random.randrange(1, LARGEST)
    assume(len(cell_numbers(renamed)) == len(cell_numbers(labels)))
    np.testing.assert_allclose(weight_map(renamed), weight_map(labels), rtol=1e-6)


@given(label_maps(), st.integers(0, 3), st.booleans())
def test_weight_map_turns_and_mirrors_with_the_labels(labels, quarters, mirrored):
    def moved(array):
        return np.rot90(array[:, ::-1] if mirrored else array, quarters)

    np.testing.assert_allclose(weight_map(moved(labels)), moved(weight_map(labels)), rtol=1e-6)


# The balance of the classes


@given(label_maps(ids=[1, 2]))
def test_both_classes_weigh_the_same(labels):
    assume((labels == 0).any() and (labels > 0).any())
    weights = class_balance(labels)
    np.testing.assert_allclose(weights[labels == 0].sum(), weights[labels > 0].sum(), rtol=1e-5)


@given(label_maps(ids=[1, 2]))
def test_mean_weight_of_annotated_pixels_is_one(labels):
    assume((labels == 0).any() and (labels > 0).any())
    np.testing.assert_allclose(class_balance(labels)[labels >= 0].mean(), 1, rtol=1e-5)


def test_balance_by_hand():
    weights = class_balance(np.array([[0, 0, 0, 3, -1]]))
    np.testing.assert_allclose(weights, [[4 / 6, 4 / 6, 4 / 6, 4 / 2, 0]], rtol=1e-6)


@pytest.mark.parametrize("pixel, weight", [(0, 0.5), (4, 0.5), (-1, 0)])
def test_images_of_one_class_are_defined(pixel, weight):
    np.testing.assert_array_equal(class_balance(np.full((2, 3), pixel)), np.full((2, 3), weight))


def test_a_stack_is_balanced_as_a_whole():
    stack = np.array([[[0, 0, 0, 0]], [[0, 0, 1, 1]]])
    np.testing.assert_allclose(class_balance(stack), np.where(stack, 8 / 4, 8 / 12), rtol=1e-6)


def test_slices_of_a_stack_have_their_own_borders():
    stack = np.stack([two_squares, np.zeros_like(two_squares), two_squares[:, ::-1]])
    borders = weight_map(stack) - class_balance(stack)
    np.testing.assert_allclose(borders, [border_term(one) for one in stack], atol=1e-5)


# Parting cells that touch


@given(label_maps(ids=[1, 2, 3]))
def test_no_two_cells_touch_after_parting(labels):
    parted = part_touching_cells(labels)
    assert not any(touching(parted, pixel) for pixel in np.ndindex(labels.shape))


@given(label_maps(ids=[1, 2, 3]))
def test_parting_removes_only_pixels_that_touched_another_cell(labels):
    parted = part_touching_cells(labels)
    for pixel in map(tuple, np.argwhere(parted != labels)):
        assert parted[pixel] == 0 and touching(labels, pixel)


@given(label_maps(ids=[1, 2, 3]))
def test_parting_cuts_the_later_pixel_of_each_contact_one_direction_after_the_other(labels):
    expected = labels.copy()
    for dy, dx in [(-1, 0), (0, -1), (-1, -1), (-1, 1)]:
        before = np.pad(expected, 1)
        for y, x in np.ndindex(labels.shape):
            here, there = before[y + 1, x + 1], before[y + 1 + dy, x + 1 + dx]
            if here > 0 and there > 0 and here != there:
                expected[y, x] = 0
    np.testing.assert_array_equal(part_touching_cells(labels), expected)


@given(label_maps())
def test_parting_twice_changes_nothing_more(labels):
    parted = part_touching_cells(labels)
    np.testing.assert_array_equal(part_touching_cells(parted), parted)


def test_cells_that_do_not_touch_stay_as_they_are():
    np.testing.assert_array_equal(part_touching_cells(two_squares), two_squares)


@pytest.mark.parametrize("turns", [0, 1])
def test_a_gap_between_squares_is_one_pixel_wide(turns):
    squares = np.rot90(np.repeat([1, 2], 4)[:, None].repeat(4, 1), turns)
    gap = part_touching_cells(squares) == 0
    assert gap.sum() == 4 and gap.any(axis=1 - turns).sum() == 1


@pytest.mark.parametrize("flipped", [False, True])
def test_squares_that_meet_at_a_corner_lose_one_pixel(flipped):
    corner = np.kron([[1, 0], [0, 2]], np.ones((3, 3), int))
    corner = corner[:, ::-1] if flipped else corner
    assert np.count_nonzero(part_touching_cells(corner) != corner) == 1


def test_slices_of_a_stack_are_parted_on_their_own():
    stack = np.array([[[1, 1], [1, 1]], [[2, 2], [2, 2]], [[1, 2], [1, 2]]])
    np.testing.assert_array_equal(part_touching_cells(stack), [*stack[:2], [[1, 0], [1, 0]]])


# Libraries, types and errors


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.int64])
def test_any_integer_type_gives_float32_weights_and_keeps_its_labels_type(dtype):
    labels = two_squares.astype(dtype)
    assert part_touching_cells(labels).dtype == dtype
    assert weight_map(labels).dtype == np.float32
    np.testing.assert_array_equal(weight_map(labels), weight_map(two_squares))


@pytest.mark.parametrize("function", [part_touching_cells, class_balance, border_term, weight_map])
def test_torch_in_torch_out(function):
    result = function(torch.from_numpy(two_squares))
    assert isinstance(result, torch.Tensor) and isinstance(function(two_squares), np.ndarray)
    np.testing.assert_array_equal(result.numpy(), function(two_squares))


def test_torch_labels_give_torch_distances():
    d1, d2 = two_nearest_distances(torch.from_numpy(two_squares))
    assert d1.dtype == d2.dtype == torch.float32


def test_labels_are_not_changed():
    labels = np.array([[1, 2], [0, -1]])
    part_touching_cells(labels), weight_map(labels)
    np.testing.assert_array_equal(labels, [[1, 2], [0, -1]])


@pytest.mark.parametrize(
    "function", [part_touching_cells, class_balance, two_nearest_distances, border_term, weight_map]
)
def test_labels_of_another_kind_are_refused(function):
    with pytest.raises(TypeError, match="integers.*float32"):
        function(np.zeros((4, 4), np.float32))
    with pytest.raises(ValueError, match=r"must be \(H, W\).*got \(4,\)"):
        function(np.zeros(4, int))
    with pytest.raises(ValueError, match=r"not empty, got \(0, 4\)"):
        function(np.zeros((0, 4), int))


def test_a_stack_has_no_distances():
    with pytest.raises(ValueError, match=r"must be \(H, W\) and not empty, got \(2, 4, 4\)"):
        two_nearest_distances(np.zeros((2, 4, 4), int))


@pytest.mark.parametrize(
    "w0, sigma",
    [(10, 0), (10, -1), (10, math.nan), (10, math.inf), (-1, 5), (math.nan, 5), (math.inf, 5)],
)
def test_impossible_parameters_are_named(w0, sigma):
    with pytest.raises(ValueError, match=f"w0={w0}, sigma={sigma}"):
        weight_map(two_squares, w0, sigma)


@pytest.mark.parametrize("within", [-1, math.nan])
def test_an_impossible_within_is_named(within):
    with pytest.raises(ValueError, match=f"got {within}"):
        two_nearest_distances(two_squares, within)


# ---- images of different sizes


def test_a_list_of_images_is_weighted_as_one_set():
    rng = np.random.default_rng(0)
    sizes = [(20, 30), (25, 18), (9, 40)]
    labels = [rng.integers(-1, 4, size).astype(np.int32) for size in sizes]
    flat = np.concatenate([one.ravel() for one in labels])
    cell, ground = np.sum(flat > 0), np.sum(flat == 0)
    for one, parted in zip(labels, part_touching_cells(labels)):
        assert np.array_equal(parted, part_touching_cells(one))
    weights = weight_map(labels, 7.0, 3.0)
    for one, weight in zip(labels, weights):
        balance = np.select(
            [one > 0, one == 0], [(cell + ground) / (2 * cell), (cell + ground) / (2 * ground)]
        )
        expected = balance + border_term(one, 7.0, 3.0)
        assert weight.dtype == np.float32 and np.allclose(weight, expected, atol=1e-6)
    for one, weight in zip(labels, weight_map(labels, 7.0, 3.0, balance=False)):
        assert np.array_equal(weight, weight_map(one, 7.0, 3.0, balance=False))
    tensors = weight_map([torch.from_numpy(one) for one in labels])
    assert all(isinstance(one, torch.Tensor) for one in tensors)
