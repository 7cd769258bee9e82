"""Warping against connected components counted anew, and the sweep against the single metrics."""

import warnings

import numpy as np
import pytest
import tifffile
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from unet_book import metrics
from unet_book.metrics import challenge_scores, is_simple, mistake_kinds, warp, warping_error
from unet_book.metrics.warping import KINDS

EIGHT = np.ones((3, 3), bool)


@st.composite
def pairs(draw):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    return draw(arrays(bool, shape)), draw(arrays(bool, shape))


def topology(cells):
    """Numbers of cells (4-connected) and of parts of the background (8-connected)."""
    padded = np.pad(cells, 1)
    return ndimage.label(padded)[1], ndimage.label(~padded, EIGHT)[1]


def turned(cells, place):
    other = cells.copy()
    other[place] ^= True
    return other


def ids_around(labels, y, x):
    near = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    return {int(labels[place]) for place in near}


def slow_kind(warped, y, x):
    """The table of kinds, word for word: relabel the whole image for each pixel."""
    padded = np.pad(warped, 1)
    y, x = y + 1, x + 1
    white, ids = padded[y, x], ids_around(ndimage.label(padded)[0], y, x)
    if ids == {0}:
        return "object deletion" if white else "object addition"
    if len(ids) == 1:
        return "hole addition" if white else "hole deletion"
    if len(ids) == 2 and not white:
        return "hole addition"
    if len(ids) == 2:
        anew = ndimage.label(turned(padded, (y, x)))[0]
        return "split" if len(ids_around(anew, y, x)) > 2 else "hole deletion"
    return "split" if white else "merge"


def slow_warp(truth, probability, threshold):
    """One pixel after another, simple or not by counting components in its neighborhood."""
    cells, (height, width) = np.pad(truth > 0, 1), truth.shape
    found = probability > threshold
    changed = True
    while changed:
        changed, wrong = False, []
        for x in range(width):
            for y in range(height):
                if cells[y + 1, x + 1] != found[y, x]:
                    wrong.append((abs(probability[y, x] - threshold), y, x))
        for _, y, x in sorted(wrong, key=lambda one: -one[0]):
            if slow_simple(cells[y : y + 3, x : x + 3]):
                cells[y + 1, x + 1] ^= True
                changed = True
    return cells[1:-1, 1:-1]


def slow_simple(patch):
    """One part of cell beside the center, one part of background: by connected components."""
    around = patch.copy()
    around[1, 1] = False
    parts = ndimage.label(around)[0]
    beside = {int(parts[place]) for place in ((0, 1), (1, 0), (1, 2), (2, 1))} - {0}
    ground = ~patch
    ground[1, 1] = False
    return len(beside) == 1 and ndimage.label(ground, EIGHT)[1] == 1


def all_patches():
    for number in range(256):
        patch = np.zeros((3, 3), bool)
        patch.ravel()[[0, 1, 2, 3, 5, 6, 7, 8]] = [number >> k & 1 for k in range(8)]
        for center in (False, True):
            patch[1, 1] = center
            yield patch.copy()


# Simple pixels


def test_simple_pixels_are_those_with_one_part_of_each_kind_around():
    verdicts = [is_simple(patch) for patch in all_patches()]
    assert verdicts == [slow_simple(patch) for patch in all_patches()]
    assert sum(verdicts) == 2 * 116


def test_turning_over_a_simple_pixel_changes_no_number_of_parts():
    for patch in all_patches():
        other = turned(patch, (1, 1))
        if is_simple(patch):
            assert topology(patch) == topology(other)


@pytest.mark.parametrize("shape", [(2, 3), (9,)])
def test_a_neighborhood_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="3, 3"):
        is_simple(np.zeros(shape))


# Warping


@given(pairs(), st.integers(0, 2**31))
def test_warping_follows_its_definition(pair, seed):
    truth, _ = pair
    probability = np.random.default_rng(seed).integers(0, 6, truth.shape) / 5  # many ties
    for threshold in (0.0, 0.5):
        warped = warp(truth, probability, threshold)
        assert np.array_equal(warped, slow_warp(truth, probability, threshold))
        kinds = mistake_kinds(warped, probability > threshold)
        for y, x in np.ndindex(truth.shape):
            differs = warped[y, x] != (probability[y, x] > threshold)
            assert KINDS[kinds[y, x]] == (slow_kind(warped, y, x) if differs else "agrees")


OPEN_RING = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]], bool)  # closing it splits the background


@example((OPEN_RING, ~OPEN_RING))
@given(pairs())
def test_kinds_of_mistakes_follow_the_table_before_any_warping_too(pair):
    cells, prediction = pair
    kinds = mistake_kinds(cells, prediction)
    for y, x in np.ndindex(cells.shape):
        differs = cells[y, x] != prediction[y, x]
        assert KINDS[kinds[y, x]] == (slow_kind(cells, y, x) if differs else "agrees")


@given(pairs())
def test_warping_keeps_the_topology_of_the_truth(pair):
    truth, prediction = pair
    warped = warp(truth, prediction.astype(float))
    assert topology(warped) == topology(truth)
    if topology(truth) != topology(prediction):
        assert warping_error(truth, prediction, all_kinds=True) > 0


@given(pairs())
def test_a_prediction_that_differs_by_one_simple_pixel_has_no_warping_error(pair):
    truth, _ = pair
    padded = np.pad(truth, 1)
    for y, x in np.ndindex(truth.shape):
        simple = is_simple(padded[y : y + 3, x : x + 3])
        error = warping_error(truth, turned(truth, (y, x)), all_kinds=True)
        assert (error == 0) == simple


def wall(column, width=20):
    cells = np.ones((8, width), bool)
    cells[:, column] = False
    return cells


def test_a_membrane_may_move_as_far_as_the_two_still_touch():
    assert warping_error(wall(6), wall(7), all_kinds=True) == 0
    assert metrics.pixel_error(wall(6), wall(7)) == 16 / 160
    # Farther away it is a wall too few, all of it, and a wall too many, one pixel.
    assert warping_error(wall(6), wall(9)) == (8 + 1) / 160


def test_an_open_membrane_costs_one_pixel_however_thick_it_is():
    truth = np.ones((7, 11), bool)
    truth[:, 4:7] = False
    opened = truth.copy()
    opened[3, 4:7] = True
    kinds = mistake_kinds(warp(truth, opened.astype(float)), opened)
    assert np.bincount(kinds.ravel(), minlength=3)[1:].tolist()[:2] == [0, 1]
    assert warping_error(truth, opened) == 1 / 77


def test_a_wall_through_a_cell_costs_its_last_pixel():
    truth, parted = np.ones((5, 9), bool), np.ones((5, 9), bool)
    parted[:, 4] = False
    assert warping_error(truth, parted) == 1 / 45


def test_a_ring_that_opens_does_not_fall_apart():
    ring = np.ones((5, 5), bool)
    ring[1:-1, 1:-1] = False
    opened = turned(ring, (0, 2))
    kinds = mistake_kinds(warp(ring, opened.astype(float)), opened)
    assert np.argwhere(kinds).tolist() == [[0, 2]] and KINDS[kinds[0, 2]] == "hole deletion"
    assert slow_kind(ring, 0, 2) == "hole deletion" and warping_error(ring, opened) == 0
    both = turned(opened, (4, 2))  # the second gap parts what the first left whole
    assert warping_error(opened, both) == 1 / 25


def test_holes_and_islands_count_only_with_all_kinds():
    truth = np.ones((7, 7), bool)
    truth[:2] = False
    holed = truth.copy()
    holed[4, 3], holed[0, 3] = False, True
    assert warping_error(truth, holed) == 0
    assert warping_error(truth, holed, all_kinds=True) == 2 / 49


def test_an_empty_prediction_has_nothing_to_split():
    truth = np.ones((6, 9), bool)
    truth[:, 4] = False
    assert warping_error(truth, np.zeros_like(truth)) == 0
    assert warping_error(truth, np.zeros_like(truth), all_kinds=True) == 2 / 54


def test_the_surest_pixels_are_turned_over_first():
    """A gap that opens at one of two places: the warped truth closes where it is less sure."""
    truth = np.ones((3, 3), bool)
    truth[1] = False
    probability = np.array([[1, 1, 1], [0.9, 0.0, 0.6], [1, 1, 1]])
    kinds = mistake_kinds(warp(truth, probability, 0.5), probability > 0.5)
    assert kinds.sum() == 4 and kinds[1, 0] == kinds[1, 2] == 2  # neither is simple: two merges


@given(pairs())
def test_numbers_of_the_cells_do_not_matter(pair):
    truth, prediction = pair
    numbered = np.where(truth, np.arange(truth.size).reshape(truth.shape) % 7 + 1, 0)
    for every in (False, True):
        expected = warping_error(truth, prediction, every)
        assert warping_error(numbered, prediction * 9, every) == expected


def test_a_stack_is_the_mean_of_its_slices():
    truth, prediction = np.random.default_rng(3).random((2, 3, 12, 12)) < 0.6
    single = [warping_error(t, p) for t, p in zip(truth, prediction)]
    assert warping_error(truth, prediction) == pytest.approx(np.mean(single))


def test_a_truth_that_is_not_all_annotated_has_no_topology():
    with pytest.raises(ValueError, match="without annotation"):
        warping_error(np.array([[1, -1]]), np.array([[1, 0]]))
    with pytest.raises(ValueError, match="of one shape"):
        warp(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="of one shape"):
        mistake_kinds(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="NaN"):
        warp(np.ones((2, 2)), np.full((2, 2), np.nan))


def test_labels_that_touch_are_one_cell_to_it():
    assert warping_error(np.array([[1, 1, 2, 2]]), np.array([[1, 1, 1, 1]])) == 0


# The sweep


@pytest.fixture(scope="module")
def stack():
    rng = np.random.default_rng(5)
    truth = np.stack(
        [
            ndimage.label(ndimage.gaussian_filter(rng.standard_normal((40, 50)), 3) > -0.05)[0]
            for _ in range(2)
        ]
    )
    noise = 0.5 * rng.standard_normal(truth.shape)
    smooth = np.stack([ndimage.gaussian_filter(one, 1) for one in (truth > 0) + noise])
    return truth, smooth.clip(0, 1)


def test_the_sweep_is_each_metric_at_each_threshold(stack):
    truth, probability = stack
    scores = challenge_scores(truth, probability, [0.3, 0.6])
    for k, threshold in enumerate((0.3, 0.6)):
        found = probability > threshold
        assert scores["pixel_error"][k] == metrics.f_error(truth, found)
        assert scores["rand_error"][k] == metrics.rand_error(truth, found)
        assert scores["v_rand"][k] == metrics.v_rand(truth, metrics.thin(found))
        assert scores["v_info"][k] == metrics.v_info(truth, metrics.thin(found))
        kinds = [
            mistake_kinds(warp(t, p, threshold), f) for t, p, f in zip(truth, probability, found)
        ]
        wrong = np.isin(kinds, (1, 2)).mean()
        assert scores["warping_error"][k] == pytest.approx(wrong)


def test_the_sweep_has_the_challenges_thresholds_and_all_its_metrics(stack):
    scores = challenge_scores(*stack)
    names = {"pixel_error", "rand_error", "warping_error", "v_rand", "v_info"}
    assert set(scores) == names and all(values.shape == (11,) for values in scores.values())
    assert scores["pixel_error"][-1] == scores["rand_error"][-1] == 1  # nothing is above 1
    assert scores["warping_error"][-1] == 1 > scores["warping_error"][:-1].max()
    assert set(challenge_scores(*stack, [0.5], warping=False)) == names - {"warping_error"}


def test_an_empty_prediction_never_wins_a_sweep(stack):
    truth, probability = stack
    for unsure in (0.85 * probability, np.zeros_like(probability)):  # nothing above 0.9; nothing
        scores = challenge_scores(truth, unsure, [0.1, 0.5, 0.9])
        for name, values in scores.items():
            worst = values.max() if name.endswith("_error") else values.min()
            assert values[-1] == worst, name
        assert scores["warping_error"][-1] == 1


def test_an_empty_slice_is_wrong_all_over_unless_it_is_empty_in_truth():
    truth = np.ones((2, 4, 4), int)
    found = np.stack([np.ones((4, 4)), np.zeros((4, 4))])
    assert challenge_scores(truth, found, [0.5])["warping_error"] == 0.5
    truth[1] = 0
    scores = challenge_scores(truth, found, [0.5])
    assert scores["warping_error"] == 0 and scores["v_rand"] == scores["v_info"] == 1


def test_a_perfect_probability_is_perfect(stack):
    truth, _ = stack
    scores = challenge_scores(truth, (truth > 0).astype(np.float32), [0.5])
    assert scores["pixel_error"] == scores["rand_error"] == scores["warping_error"] == 0


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_what_is_no_probability_is_refused(stack, bad):
    probability = stack[1].copy()
    probability[0, 0, 0] = bad
    with pytest.raises(ValueError, match="from 0 to 1"):
        challenge_scores(stack[0], probability)
    with pytest.raises(TypeError, match="bool"):
        challenge_scores(stack[0], stack[1] > 0.5)


def test_a_sweep_without_a_threshold_is_refused(stack):
    for none in ([], (), np.array([])):
        with pytest.raises(ValueError, match="no threshold to score at"):
            challenge_scores(*stack, thresholds=none)


def test_a_single_threshold_needs_no_list(stack):
    alone, listed = (challenge_scores(*stack, thresholds=at) for at in (0.5, [0.5]))
    assert {name: row.tolist() for name, row in alone.items()} == {
        name: row.tolist() for name, row in listed.items()
    }


def test_a_sweep_warns_once_of_a_truth_that_looks_like_a_mask(stack):
    truth, probability = stack
    with pytest.warns(UserWarning, match="the truth holds one number, 255") as caught:
        as_one = challenge_scores(255 * (truth > 0), probability, [0.3, 0.5])
    assert [one.filename for one in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_mask = challenge_scores(truth > 0, probability, [0.3, 0.5])
        challenge_scores(truth, np.zeros_like(probability), [0.5])
    assert (as_one["rand_error"] != as_mask["rand_error"]).all()


# Pixels


def test_f_error_by_hand():
    assert metrics.f_error([[1, 1, 1, 0, -1]], [[1, 0, 0, 1, 1]]) == 1 - 2 * 1 / (2 + 2 + 1)
    assert metrics.f_error([[0, 0]], [[0, 0]]) == 0


@given(pairs())
def test_f_error_and_iou_tell_the_same_in_other_words(pair):
    f, overlap = 1 - metrics.f_error(*pair), metrics.iou(*pair)
    assert f == pytest.approx(2 * overlap / (1 + overlap))


# The Cell Tracking Challenge's own package


def test_seg_is_that_of_py_ctcmetrics(tmp_path):
    representations = pytest.importorskip("ctc_metrics.utils.representations")
    from ctc_metrics.metrics import seg

    rng, truth, found, references, overlaps = np.random.default_rng(0), [], [], [], []
    for k in range(3):
        smooth = ndimage.gaussian_filter(rng.standard_normal((2, 60, 70)), (0, 2, 2))
        truth.append(ndimage.label(smooth[0] > 0.02)[0])
        found.append(ndimage.label(smooth[0] + smooth[1] / 2 > 0.02)[0])
        files = [tmp_path / f"{name}{k}.tif" for name in ("truth", "found")]
        for file, labels in zip(files, (truth[-1], found[-1])):
            tifffile.imwrite(file, labels.astype(np.uint16))
        labels, _, _, _, overlap = representations.match(*map(str, files))
        references.append(labels)
        overlaps.append(overlap)
    score = seg(references, overlaps)
    assert 0.1 < score < 0.9
    assert metrics.seg(np.stack(truth), np.stack(found)) == pytest.approx(score)
