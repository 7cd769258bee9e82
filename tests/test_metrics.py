"""The metrics against hand-counted cases and against loops that follow their definitions."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unet_book.metrics import iou, majority_error, pixel_error, seg

two_images = [pixel_error, iou, seg]
# Few pixels of few ids often look like a mask: tests/test_metrics_overlaps.py has the warning.
pytestmark = pytest.mark.filterwarnings("ignore:.*holds one number")


@st.composite
def pairs(draw, axes=2):
    """A truth with an annotated pixel, and a prediction: few pixels, few ids, many ties."""
    shape = draw(st.tuples(*[st.integers(1, 5)] * axes))
    truth = draw(arrays(np.int32, shape, elements=st.integers(-1, 3)))
    assume((truth != -1).any())
    return truth, draw(arrays(np.int32, shape, elements=st.integers(0, 4)))


def pixels_of(labels, number):
    return {pixel for pixel in np.ndindex(labels.shape) if labels[pixel] == number}


def loop_scores(truth, prediction):
    """The score of each true cell of one image, word for word."""
    ignored = pixels_of(truth, -1)
    predicted = [pixels_of(prediction, s) - ignored for s in set(prediction.flat) if s > 0]
    scores = []
    for number in {r for r in truth.flat if r > 0}:
        r = pixels_of(truth, number)
        matches = [s for s in predicted if len(r & s) > 0.5 * len(r)]
        assert len(matches) <= 1
        scores.append(len(r & matches[0]) / len(r | matches[0]) if matches else 0.0)
    return scores


# Classes


def test_pixel_error_by_hand():
    assert pixel_error([[0, 1, 1], [0, -1, 1]], [[0, 1, 0], [1, 1, 1]]) == 2 / 5


@given(pairs())
def test_pixel_error_counts_wrong_pixels_one_by_one(pair):
    wrong, counted = 0, 0
    for t, p in zip(*(array.ravel() for array in pair)):
        if t != -1:
            counted, wrong = counted + 1, wrong + (t != p)
    assert pixel_error(*pair) == pytest.approx(wrong / counted)


@given(pairs())
def test_a_perfect_prediction_has_no_pixel_error(pair):
    assert pixel_error(pair[0], pair[0]) == 0


def test_majority_error_by_hand():
    assert majority_error([[1, 1, 1, 0], [2, -1, -1, -1]]) == 2 / 5


@given(pairs())
def test_majority_error_is_the_smallest_pixel_error_of_a_constant(pair):
    truth, _ = pair
    constants = [np.full_like(truth, c) for c in range(4)]
    assert majority_error(truth) == pytest.approx(min(pixel_error(truth, c) for c in constants))


def test_iou_by_hand():
    assert iou([[0, 1, 2, 0, -1]], [[0, 3, 0, 3, 3]]) == 1 / 3


@given(pairs())
def test_iou_counts_pixels_one_by_one(pair):
    truth, prediction = pair
    annotated = set(np.ndindex(truth.shape)) - pixels_of(truth, -1)
    t = {pixel for pixel in annotated if truth[pixel] > 0}
    p = {pixel for pixel in annotated if prediction[pixel] > 0}
    assert iou(*pair) == pytest.approx(len(t & p) / len(t | p) if t | p else 1)


def test_iou_without_any_foreground_is_one():
    assert iou([[0, 0]], [[0, 0]]) == 1
    assert iou([[0, -1]], [[0, 5]]) == 1


# SEG


def test_seg_by_hand():
    truth = np.array([[1, 1, 1, 1, 0, 2, 2, 0, 3]])
    prediction = np.array([[7, 7, 7, 0, 7, 8, 8, 8, 0]])
    # Cell 1: 3 of 4 pixels found, and 1 beside it; cell 2: all of it, and 1 beside; cell 3: missed.
    assert seg(truth, prediction) == pytest.approx((3 / 5 + 2 / 3 + 0) / 3)


def test_exactly_half_of_a_cell_is_no_match():
    truth = np.array([[1, 1, 1, 1]])
    assert seg(truth, np.array([[5, 5, 0, 0]])) == 0
    assert seg(truth, np.array([[5, 5, 6, 6]])) == 0
    assert seg(truth, np.array([[5, 5, 5, 0]])) == 0.75


def test_one_prediction_can_match_two_cells_that_it_merges():
    assert seg(np.array([[1, 1, 2, 2]]), np.array([[9, 9, 9, 9]])) == 0.5


def test_unmatched_predictions_cost_nothing():
    truth = np.array([[1, 1, 0, 0, 0, 0]])
    assert seg(truth, truth) == seg(truth, np.array([[1, 1, 0, 2, 3, 3]])) == 1


def test_predicted_background_matches_nothing():
    assert seg(np.array([[1, 1]]), np.array([[0, 0]])) == 0


def test_pixels_without_annotation_are_left_out_of_seg():
    truth = np.array([[-1, -1, 1, 1, 0]])
    assert seg(truth, np.array([[4, 4, 4, 4, 0]])) == 1
    assert seg(truth, np.array([[4, 4, 0, 0, 0]])) == 0


@given(pairs())
def test_seg_follows_its_definition(pair):
    expected = loop_scores(*pair)
    assume(expected)
    assert seg(*pair) == pytest.approx(np.mean(expected))


@given(pairs(axes=3))
def test_seg_of_a_stack_is_the_mean_over_the_cells_of_all_slices(pair):
    expected = [score for one in zip(*pair) for score in loop_scores(*one)]
    assume(expected)
    assert seg(*pair) == pytest.approx(np.mean(expected))


@given(pairs(), st.permutations([1, 2, 3]), st.permutations([1, 2, 3, 2**31 - 1]))
def test_numbers_of_the_cells_do_not_matter(pair, true_numbers, predicted_numbers):
    truth, prediction = pair
    assume((truth > 0).any())
    renamed = np.array([0, *true_numbers, -1], np.int32)[truth]  # index -1 is the last
    renamed_prediction = np.array([0, *predicted_numbers], np.int32)[prediction]
    assert seg(renamed, renamed_prediction) == pytest.approx(seg(truth, prediction))


@given(pairs())
def test_a_perfect_segmentation_scores_one(pair):
    truth, _ = pair
    assume((truth > 0).any())
    assert seg(truth, np.maximum(truth, 0)) == 1


# Libraries, types and errors


@pytest.mark.parametrize("metric", two_images)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, bool])
def test_any_integer_type_and_bool_are_classes(metric, dtype):
    truth, prediction = np.array([[0, 1, 1, 1]]), np.array([[0, 1, 1, 0]])
    expected = metric(truth, prediction)
    assert metric(truth.astype(dtype), prediction.astype(dtype)) == expected


@pytest.mark.parametrize("metric", two_images)
def test_torch_gives_the_same_float(metric):
    truth, prediction = np.array([[0, 1, 1, -1]]), np.array([[0, 1, 1, 1]])
    result = metric(torch.from_numpy(truth), torch.from_numpy(prediction))
    assert type(result) is float and result == metric(truth, prediction)


@pytest.mark.parametrize("metric", two_images)
def test_shapes_that_differ_are_named(metric):
    with pytest.raises(ValueError, match=r"differ in shape: \(2, 3\), \(3, 2\)"):
        metric(np.zeros((2, 3), int), np.zeros((3, 2), int))


@pytest.mark.parametrize("metric", two_images)
def test_probabilities_are_refused(metric):
    with pytest.raises(TypeError, match="float64"):
        metric(np.ones((2, 2), int), np.full((2, 2), 0.7))
    with pytest.raises(TypeError, match="float64"):
        metric(np.ones((2, 2)), np.ones((2, 2), int))


@pytest.mark.parametrize("metric", two_images)
@pytest.mark.parametrize("shape", [(2, 2), (0, 2)])
def test_a_truth_without_annotation_is_refused(metric, shape):
    with pytest.raises(ValueError, match="no annotated pixel"):
        metric(np.full(shape, -1), np.zeros(shape, int))


def test_majority_error_without_annotation_is_refused():
    with pytest.raises(ValueError, match="no annotated pixel"):
        majority_error(np.full((2, 2), -1))


def test_seg_without_a_true_cell_is_refused():
    with pytest.raises(ValueError, match="the truth has none"):
        seg(np.array([[0, -1]]), np.array([[1, 1]]))


@pytest.mark.parametrize("shape", [(4,), (1, 1, 2, 2)])
def test_seg_of_other_axes_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(H, W\) or \(N, H, W\)"):
        seg(np.ones(shape, int), np.ones(shape, int))
