"""The paper's tables, thresholds chosen on other slices, and intervals over folds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unet_book.pages import results

numbers = st.lists(st.floats(-10, 10), min_size=2, max_size=8)


@pytest.fixture(scope="module")
def record():
    """Two folds, one trained from two seeds; train and test differ in their best thresholds."""

    def scores(test):
        of = {"train": [0.3, 0.1, math.nan], "test": test}
        rising = {look: [1 - value for value in values] for look, values in of.items()}
        return {
            "8 symmetries": {look: {"rand_error": of[look], "v_rand": rising[look]} for look in of}
        }

    tests = [(1, [0.2, 0.5, 0.4]), (0, [0.1, 0.3, 0.2]), (1, [0.2, 0.7, 0.4])]
    return {"folds": [{"fold": fold, "scores": scores(test)} for fold, test in tests]}


def test_the_tables_are_the_papers():
    assert results.TABLE_1["u-net"] == {
        "warping_error": 0.000353,
        "rand_error": 0.0382,
        "pixel_error": 0.0611,
    }
    assert results.TABLE_2["u-net (2015)"] == {"phc-u373": 0.9203, "dic-hela": 0.7756}
    assert len(results.TABLE_1) == 6 and len(results.TABLE_2) == 5


def test_less_of_an_error_is_better_and_more_of_the_others():
    assert not any(map(results.rises, ("pixel_error", "rand_error", "warping_error")))
    assert all(map(results.rises, ("v_rand", "v_info", "seg", "iou")))


def test_the_best_threshold_is_the_first_of_the_best():
    assert results.best_threshold([0.4, 0.1, 0.1], "rand_error") == 1
    assert results.best_threshold([math.nan, 0.3, 0.9, math.nan], "v_rand") == 2


def test_scores_of_which_none_is_a_number_are_refused():
    with pytest.raises(ValueError, match="rand_error"):
        results.best_threshold([math.nan, math.nan], "rand_error")


def test_the_training_slices_choose_the_threshold_and_seeds_are_averaged(record):
    assert results.fold_scores(record, "rand_error") == pytest.approx([0.3, (0.5 + 0.7) / 2])
    assert results.fold_scores(record, "v_rand") == pytest.approx([0.7, 0.4])


def test_a_threshold_chosen_on_the_held_out_slices_flatters(record):
    assert results.fold_scores(record, "rand_error", look="test") == pytest.approx([0.1, 0.2])


def test_the_validation_slices_of_the_inner_trainings_choose_for_all():
    def run(side, swept, test, **more):
        scores = {"8 symmetries": {side: {"v_rand": swept}, "test": {"v_rand": test}}}
        return {"fold": 0, "scores": scores} | more

    record = {
        "folds": [
            run("validation", [0.1, 0.9, 0.5], [0.11, 0.12, 0.13], inner=True),
            run(
                "validation", [0.1, 0.2, 0.7], [0.21, 0.22, 0.23], inner=True
            ),  # together: the last
            run("train", [0.9, 0.1, 0.1], [0.31, 0.32, 0.33]),
            run("train", [0.9, 0.1, 0.1], [0.41, 0.42, 0.43], seeds=[0, 1]),
            run("validation", [0.1, 0.9, 0.1], [0.51, 0.52, 0.53], inner=True, seeds=[0, 1]),
        ]
    }

    def score(networks, look="validation"):
        return results.fold_scores(record, "v_rand", look=look, networks=networks)

    assert score("final") == pytest.approx([0.33]) and score("mean") == pytest.approx([0.43])
    assert score("inner") == pytest.approx([(0.12 + 0.23) / 2])
    assert score("inner mean") == pytest.approx([0.52])
    assert score("final", "train") == pytest.approx([0.31])
    assert len(results.trainings(record)) == 3
    with pytest.raises(KeyError, match="mean"):
        results.fold_scores({"folds": record["folds"][:1]}, "v_rand", networks="mean")


def test_trainings_come_as_recorded():
    runs = [
        {"scores": {"seg": 0.7, "iou": 0.9, "8 symmetries": {"seg": 0.9, "iou": 0.95}}},
        {"scores": {"seg": 0.6, "iou": 0.8, "8 symmetries": {"seg": 0.8, "iou": 0.97}}},
    ]
    assert results.run_scores({"runs": runs}).tolist() == [0.9, 0.8]
    assert results.run_scores({"runs": runs}, "iou").tolist() == [0.95, 0.97]
    assert results.run_scores({"runs": runs}, way="one pass").tolist() == [0.7, 0.6]
    with pytest.raises(KeyError, match="7 rotations"):
        results.run_scores({"runs": runs}, way="7 rotations")


@given(numbers, st.sampled_from([0.8, 0.95]))
def test_the_interval_is_students(values, confidence):
    found = results.interval(values, confidence=confidence)
    sem = stats.sem(values)
    low, high = stats.t.interval(confidence, len(values) - 1, np.mean(values), sem or 1)
    if sem > 1e-9:
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.mean == pytest.approx(np.mean(values))


@given(numbers)
def test_folds_that_share_training_data_widen_it(values):
    alone, shared = results.interval(values), results.interval(values, held_out=1 / 4)
    factor = math.sqrt(1 + len(values) / 4)
    assert shared.half == pytest.approx(factor * alone.half)


def test_five_folds_that_share_three_quarters_are_covered_about_as_often_as_promised():
    """Nadeau and Bengio's rule takes the correlation of the folds as the share held out: 1/5."""
    draw, n = np.random.default_rng(0), 1000
    common, own = draw.normal(size=(n, 1)), draw.normal(size=(n, 5))
    scores = math.sqrt(1 / 5) * common + math.sqrt(4 / 5) * own
    found = [results.interval(row, held_out=1 / 4) for row in scores]
    covered = np.mean([abs(interval.mean) < interval.half for interval in found])
    students = np.mean([abs(interval.mean) < interval.half / 1.5 for interval in found])
    assert students < 0.89 and abs(covered - 0.95) < 0.02


def test_one_value_has_no_interval():
    with pytest.raises(ValueError, match="two"):
        results.interval([1.0])
