"""Rand error, V_Rand and V_Info against pairs drawn one by one, and thinning against its rules."""

from itertools import combinations, product
from math import log

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from unet_book.metrics import rand_error, thin, v_info, v_rand
from unet_book.metrics.rand import within_cells

scores = [rand_error, v_rand, v_info]
# Few pixels of few ids often look like a mask: tests/test_metrics_overlaps.py has the warning.
pytestmark = pytest.mark.filterwarnings("ignore:.*holds one number")


@st.composite
def pairs(draw):
    """A truth with a cell, and a prediction: few pixels, few ids, many ties."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    truth = draw(arrays(np.int32, shape, elements=st.integers(-1, 3)))
    assume((truth > 0).any())
    return truth, draw(arrays(np.int32, shape, elements=st.integers(0, 3)))


masks = arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7)))


def together(labels, one, other):
    """Whether two pixels are of one segment; background pixels are alone, but with themselves."""
    return one == other or (labels[one] > 0 and labels[one] == labels[other])


def pair_f(truth, prediction, chosen):
    """F over the chosen pairs of pixels of true cells, one by one."""
    inside = [pixel for pixel in np.ndindex(truth.shape) if truth[pixel] > 0]
    both = true = predicted = 0
    for one, other in chosen(inside):
        t, p = together(truth, one, other), together(prediction, one, other)
        both, true, predicted = both + (t and p), true + t, predicted + p
    return 2 * both / (true + predicted) if true + predicted else 1.0


# Pair by pair


@given(pairs())
def test_rand_error_counts_pairs_of_different_pixels(pair):
    expected = 1 - pair_f(*pair, lambda pixels: combinations(pixels, 2))
    assert rand_error(*pair) == pytest.approx(expected)


@given(pairs())
def test_v_rand_counts_pairs_drawn_with_replacement(pair):
    expected = pair_f(*pair, lambda pixels: product(pixels, repeat=2))
    assert v_rand(*pair) == pytest.approx(expected)


@given(pairs())
def test_v_info_is_the_f_score_of_mutual_information(pair):
    truth, prediction = pair
    inside = [pixel for pixel in np.ndindex(truth.shape) if truth[pixel] > 0]
    true = [truth[pixel] for pixel in inside]
    found = [prediction[pixel] or f"alone {k}" for k, pixel in enumerate(inside)]

    def entropy(names):
        shares = [names.count(name) / len(names) for name in set(names)]
        return -sum(share * log(share) for share in shares)

    a, b, both = entropy(true), entropy(found), entropy(list(zip(true, found)))
    shared = a + b - both
    if a and b:
        precision, recall = shared / b, shared / a
        assume(abs(precision + recall) > 1e-9)
        expected = 2 * precision * recall / (precision + recall)
    else:
        expected = float(a == b)
    assert v_info(*pair) == pytest.approx(expected, abs=1e-9)


@given(pairs())
def test_pixels_within_true_cells_are_counted(pair):
    truth, prediction = pair
    shared, a, b, singletons = within_cells(*pair)
    inside = truth > 0
    counted = [
        np.count_nonzero((truth == i) & (prediction == j)) for i in (1, 2, 3) for j in (1, 2, 3)
    ]
    assert sorted(shared) == sorted(count for count in counted if count)
    assert sorted(a) == sorted(np.unique(truth[inside], return_counts=True)[1])
    assert sorted(b) == sorted(
        np.unique(prediction[inside & (prediction > 0)], return_counts=True)[1]
    )
    assert singletons == np.count_nonzero(inside & (prediction == 0))


# By hand


def test_a_cell_split_in_two_halves():
    truth, prediction = np.array([[5, 5, 5, 5]]), np.array([[1, 1, 2, 2]])
    # 6 pairs are together in truth, 2 of them in the prediction: F = 2 * 2 / (6 + 2).
    assert rand_error(truth, prediction) == 1 - 4 / 8
    assert v_rand(truth, prediction) == pytest.approx(2 * 8 / (16 + 8))  # of 16 ordered pairs
    assert v_info(truth, prediction) == 0  # one true cell: nothing to know


def test_two_cells_merged_and_two_found():
    truth = np.array([[1, 1, 0, 2, 2]])
    merged = np.array([[1, 1, 1, 1, 1]])
    assert rand_error(truth, merged) == 1 - 2 * 2 / (2 + 6)
    assert v_info(truth, merged) == 0
    for score, best in [(rand_error, 0), (v_rand, 1), (v_info, 1)]:
        assert score(truth, truth) == best


def test_a_pixel_of_a_cell_that_is_predicted_membrane_is_alone():
    truth, prediction = np.array([[1, 1, 1]]), np.array([[4, 4, 0]])
    assert rand_error(truth, prediction) == 1 - 2 * 1 / (3 + 1)
    assert v_rand(truth, prediction) == pytest.approx(2 * 5 / (9 + 5))


def test_what_is_predicted_on_true_membrane_does_not_count():
    truth = np.array([[1, 1, 0, 0, 2]])
    for score in scores:
        expected = score(truth, np.array([[1, 1, 0, 0, 2]]))
        assert score(truth, np.array([[1, 1, 1, 2, 2]])) == expected
        assert score(truth, np.array([[1, 1, 3, 4, 2]])) == expected


def test_the_split_of_a_cell_costs_as_many_pairs_as_it_parts():
    truth = np.ones((1, 10), int)
    for cut in range(1, 10):
        prediction = 1 + (np.arange(10) >= cut)[None].astype(int)
        kept = 45 - cut * (10 - cut)
        assert rand_error(truth, prediction) == pytest.approx(1 - 2 * kept / (45 + kept))


# Properties


@given(pairs(), st.permutations([1, 2, 3]), st.permutations([1, 2, 2**31 - 1]))
def test_numbers_of_the_segments_do_not_matter(pair, true_numbers, predicted_numbers):
    renamed = np.array([0, *true_numbers, -1])[pair[0]], np.array([0, *predicted_numbers])[pair[1]]
    for score in scores:
        assert score(*renamed) == pytest.approx(score(*pair))


@given(pairs())
def test_scores_lie_between_0_and_1_and_the_truth_itself_is_perfect(pair):
    truth, _ = pair
    for score, best in zip(scores, (0, 1, 1)):
        assert -1e-12 <= score(*pair) <= 1 + 1e-12
        assert score(truth, np.maximum(truth, 0)) == pytest.approx(best)


@given(pairs())
def test_without_background_truth_and_prediction_may_change_places(pair):
    truth, prediction = (np.maximum(labels, 1) for labels in pair)
    for score in scores:
        assert score(truth, prediction) == pytest.approx(score(prediction, truth))


@pytest.mark.parametrize("score", scores)
def test_a_mask_stands_for_its_four_connected_parts(score):
    truth, mask = np.array([[1, 1, 0], [0, 0, 2]]), np.array([[1, 1, 0], [0, 0, 1]], bool)
    assert score(truth, mask) == score(truth, truth) == score(mask, truth)


def test_stacks_sum_pairs_and_average_the_other_two():
    truth = np.array([[[1, 1, 1, 1]], [[1, 1, 2, 2]]])
    prediction = np.array([[[1, 1, 2, 2]], [[1, 1, 1, 1]]])
    assert rand_error(truth, prediction) == 1 - 2 * (2 + 2) / (6 + 2 + 2 + 6)
    for score in (v_rand, v_info):
        single = [score(t, p) for t, p in zip(truth, prediction)]
        assert score(truth, prediction) == pytest.approx(np.mean(single))


def test_slices_of_a_stack_know_nothing_of_each_other():
    truth = np.array([[[1, 1]], [[1, 1]]])
    assert rand_error(truth, np.array([[[1, 1]], [[2, 2]]])) == 0


@pytest.mark.parametrize("score", scores)
def test_a_truth_without_cells_is_refused(score):
    with pytest.raises(ValueError, match="has none"):
        score(np.zeros((2, 2), int), np.ones((2, 2), int))
    with pytest.raises(ValueError, match=r"\(H, W\) or \(N, H, W\)"):
        score(np.ones(3, int), np.ones(3, int))
    with pytest.raises(TypeError, match="float64"):
        score(np.ones((2, 2), int), np.ones((2, 2)))


def test_torch_gives_the_same_float():
    truth, prediction = np.array([[1, 1, 2, 0]]), np.array([[1, 0, 2, 2]])
    for score in scores:
        result = score(torch.from_numpy(truth), torch.from_numpy(prediction))
        assert type(result) is float and result == score(truth, prediction)


def test_scikit_images_adapted_rand_error_without_predicted_background():
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 5, (2, 30, 30))
    prediction += 1  # theirs takes 0 in the prediction for a segment like any other
    theirs = metrics.adapted_rand_error(truth, prediction)[0]
    assert rand_error(truth, prediction) == pytest.approx(theirs, abs=2e-3)
    one = prediction.copy()
    one[one == 5] = 0
    theirs_with_zero = metrics.adapted_rand_error(truth, one)[0]
    assert theirs_with_zero == pytest.approx(metrics.adapted_rand_error(truth, prediction)[0])
    assert v_rand(truth, one) < v_rand(truth, prediction) - 0.01  # ours: singletons


def test_scikit_images_variation_of_information_without_background():
    metrics = pytest.importorskip("skimage.metrics")
    truth, prediction = np.random.default_rng(1).integers(1, 5, (2, 20, 20))
    prediction[:10] = truth[:10]
    split, merge = metrics.variation_of_information(truth, prediction)  # in bits
    shares = [np.bincount(labels.ravel())[1:] / 400 for labels in (truth, prediction)]
    a, b = (-(share * np.log2(share)).sum() for share in shares)
    assert v_info(truth, prediction) == pytest.approx((a + b - split - merge) / (a + b))


@pytest.mark.parametrize("score", [v_rand, v_info])
def test_slices_without_a_true_cell_are_left_out_of_the_mean(score):
    truth, found = np.array([[[1, 1, 2, 2]], [[0, 0, 0, 0]]]), np.array([[[1, 1, 1, 2]]] * 2)
    assert score(truth, found) == score(truth[0], found[0])
    with pytest.raises(ValueError, match="has none"):
        score(truth[1], found[1])


def test_with_one_true_cell_v_info_is_all_or_nothing():
    truth, nearly = np.ones((5, 5), int), np.ones((5, 5), int)
    nearly[2, 2] = 0
    assert v_info(truth, truth) == 1 and v_info(truth, nearly) == pytest.approx(0, abs=1e-9)
    assert v_rand(truth, nearly) > 0.95


# Thinning


def loop_thin(mask):
    """Ring by ring and pixel by pixel, in reading order, or the order in which they were met."""
    labels = ndimage.label(mask)[0]
    height, width = mask.shape

    def sides(y, x):
        near = ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x))
        return [(v, u) for v, u in near if 0 <= v < height and 0 <= u < width]

    cells = [pixel for pixel in np.ndindex(mask.shape) if mask[pixel]]
    waiting = [
        pixel
        for pixel in np.ndindex(mask.shape)
        if not mask[pixel] and any(mask[side] for side in sides(*pixel))
    ]
    met = set(waiting) | set(cells)
    for pixel in waiting:  # it grows while we go
        parts = {labels[side] for side in sides(*pixel)} - {0}
        if len(parts) == 1:
            labels[pixel] = parts.pop()
            new = [side for side in sides(*pixel) if side not in met]
            waiting.extend(new)
            met.update(new)
    return labels


@given(masks)
def test_thinning_follows_its_rules_pixel_by_pixel(mask):
    assert np.array_equal(thin(mask), loop_thin(mask))


@given(masks)
def test_thinned_cells_keep_their_number_never_touch_and_leave_no_free_pixel(mask):
    parts, count = ndimage.label(mask)
    thinned = thin(mask)
    assert np.array_equal(thinned[mask], parts[mask])  # it only adds
    assert ndimage.label(thinned > 0)[1] == count  # and never joins
    padded = np.pad(thinned, 1)
    for y, x in np.argwhere(thinned == 0) + 1:
        near = {padded[y - 1, x], padded[y + 1, x], padded[y, x - 1], padded[y, x + 1]} - {0}
        assert len(near) != 1


@given(masks)
def test_thinning_twice_is_thinning_once(mask):
    once = thin(mask) > 0
    assert np.array_equal(thin(once) > 0, once)


def test_thinning_by_hand():
    mask = np.array([[1, 0, 0, 0, 0, 1], [1, 1, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0]], bool)
    assert thin(mask).tolist() == [[1, 1, 1, 0, 2, 2], [1, 1, 1, 0, 2, 2], [1, 1, 1, 0, 2, 2]]
    assert thin(np.zeros((2, 3), bool)).tolist() == [[0, 0, 0]] * 2
    assert thin(np.array([[0, 2, 0]])).tolist() == [[1, 1, 1]]


def test_thinning_of_a_stack_is_slice_by_slice_and_keeps_torch():
    stack = np.random.default_rng(0).random((2, 9, 11)) < 0.4
    assert np.array_equal(thin(stack), np.stack([thin(one) for one in stack]))
    assert torch.equal(thin(torch.from_numpy(stack)), torch.from_numpy(thin(stack)))


@pytest.mark.parametrize(
    "mask, error", [(np.ones((2, 2)), TypeError), (np.ones(3, int), ValueError)]
)
def test_what_is_no_mask_is_not_thinned(mask, error):
    with pytest.raises(error):
        thin(mask)


def test_scikit_images_watershed_draws_the_same_dams_up_to_ties():
    """Theirs floods with a heap, whose order among equals differs: dams may lie one pixel off."""
    segmentation = pytest.importorskip("skimage.segmentation")
    for seed, size in ((0, 3.0), (1, 5.0)):
        noise = np.random.default_rng(seed).standard_normal((90, 110))
        mask = ndimage.gaussian_filter(noise, size) > 0.02
        markers = ndimage.label(mask)[0]
        theirs = segmentation.watershed(~mask, markers, connectivity=1, watershed_line=True)
        ours = thin(mask)
        assert set(np.unique(ours)) == set(np.unique(theirs))
        assert np.mean(ours != theirs) < 0.05
        from_mine = ndimage.distance_transform_cdt(ours > 0, "taxicab")
        assert from_mine[theirs == 0].max() <= 3
    odd = np.ones((9, 31), bool)
    odd[:, 14:17] = False  # three pixels wide: one middle
    theirs = segmentation.watershed(
        ~odd, ndimage.label(odd)[0], connectivity=1, watershed_line=True
    )
    assert np.array_equal(thin(odd), theirs)
