"""Matched cells, against a count of every pair by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unet_book import metrics
from unet_book.metrics import Matches, Mistakes

pytestmark = pytest.mark.filterwarnings("ignore:.* holds one number")
LABELS = arrays(np.int32, (7, 8), elements=st.integers(-1, 4))
METRICS = [metrics.f1, metrics.average_precision, metrics.cell_mistakes, metrics.cell_outcomes]
CELLS = arrays(np.int32, (7, 8), elements=st.integers(0, 4))


def cells_of(labels):
    return [number for number in np.unique(labels) if number > 0]


def counted(truth, prediction, iou):
    """Matches of one image by every pair."""
    prediction = np.where(truth == -1, 0, prediction)
    found = 0
    for i in cells_of(truth):
        for j in cells_of(prediction):
            a, b = truth == i, prediction == j
            found += (a & b).sum() / (a | b).sum() > iou
    return Matches(found, len(cells_of(truth)) - found, len(cells_of(prediction)) - found)


def named(truth, prediction, iou=0.5):
    """What became of each cell of one image, as sets of numbers, cell by cell."""
    seen = truth != -1
    true, predicted = cells_of(truth), cells_of(np.where(seen, prediction, 0))

    def most(inside, of):  # more than half of `of` lies inside
        return 2 * (inside & of & seen).sum() > (of & seen).sum()

    def share(i, j):
        a, b = (truth == i) & seen, (prediction == j) & seen
        return (a & b).sum() / (a | b).sum()

    holders = {i: [j for j in predicted if most(prediction == j, truth == i)] for i in true}
    pieces = {i: [j for j in predicted if most(truth == i, prediction == j)] for i in true}
    held = [j for some in holders.values() for j in some]
    return {
        "cells": {*true},
        "predicted": {*predicted},
        "found": {(i, j) for i in true for j in predicted if share(i, j) > iou},
        "merged": {i for i in true if any(held.count(j) > 1 for j in holders[i])},
        "joins": {j for j in predicted if held.count(j) > 1},
        "split": {i for i in true if len(pieces[i]) > 1},
        "piece": {j for some in pieces.values() for j in some if len(some) > 1},
        "missed": {i for i in true if most(prediction == 0, truth == i)},
        "invented": {j for j in predicted if most(truth == 0, prediction == j)},
    }


def mistaken(truth, prediction):
    """Mistakes of one image, counted."""
    return Mistakes(**{kind: len(named(truth, prediction)[kind]) for kind in Mistakes._fields})


@given(LABELS, CELLS, st.sampled_from([0.5, 0.6, 0.75, 0.9]))
def test_matches_are_those_of_every_pair(truth, prediction, iou):
    if (truth == -1).all():
        return
    assert metrics.matches(truth, prediction, iou) == counted(truth, prediction, iou)


@given(LABELS, CELLS)
def test_mistakes_are_those_of_every_cell(truth, prediction):
    if (truth == -1).all():
        return
    assert metrics.cell_mistakes(truth, prediction) == mistaken(truth, prediction)


@given(LABELS, CELLS, st.sampled_from([0.5, 0.6, 0.9]))
def test_each_cell_is_named_that_went_wrong(truth, prediction, iou):
    if (truth == -1).all():
        return
    each, right = metrics.cell_outcomes(truth, prediction, iou), named(truth, prediction, iou)
    assert [*each.true_ids] == sorted(right["cells"])
    assert [*each.predicted_ids] == sorted(right["predicted"])
    pairs = zip(each.true_ids[each.partner > 0], each.partner[each.partner > 0])
    assert {*pairs} == right["found"]
    for kind in ("merged", "split", "missed"):
        assert {*each.true_ids[getattr(each, kind)]} == right[kind], kind
    for kind in ("joins", "piece", "invented"):
        assert {*each.predicted_ids[getattr(each, kind)]} == right[kind], kind


def test_cells_of_every_kind_drawn_by_hand():
    #         merged        split    missed     found  invented
    truth = [[1, 1, 2, 2, 0, 3, 3, 0, 4, 4, 0, 5, 5, 0, 0]]
    found = [[9, 9, 9, 9, 0, 7, 8, 0, 0, 0, 0, 6, 6, 0, 5]]
    each = metrics.cell_outcomes(truth, found)
    assert each.true_ids.tolist() == [1, 2, 3, 4, 5]
    assert each.partner.tolist() == [0, 0, 0, 0, 6]
    assert each.merged.tolist() == [True, True, False, False, False]
    assert each.split.tolist() == [False, False, True, False, False]
    assert each.missed.tolist() == [False, False, False, True, False]
    assert each.predicted_ids.tolist() == [5, 6, 7, 8, 9]
    assert each.joins.tolist() == [False, False, False, False, True]
    assert each.piece.tolist() == [False, False, True, True, False]
    assert each.invented.tolist() == [True, False, False, False, False]


def test_a_cell_that_swallows_a_speck_is_merged_and_found():
    each = metrics.cell_outcomes([[1, 1, 1, 1, 2]], [[3, 3, 3, 3, 3]])
    assert each.merged.tolist() == [True, True] and each.partner.tolist() == [3, 0]


def test_cells_are_named_in_one_image_only():
    with pytest.raises(ValueError, match="not in 2: give each"):
        metrics.cell_outcomes([[[1]], [[1]]], [[[1]], [[1]]])


def test_images_of_any_sizes_add_up_and_ap_is_their_mean():
    truth = [np.array([[1, 1, 0, 2]]), np.array([[1], [1], [1], [1], [0]])]
    prediction = [np.array([[1, 1, 0, 0]]), np.array([[1], [1], [1], [0], [2]])]
    assert metrics.matches(truth, prediction) == Matches(2, 1, 1)
    assert metrics.f1(truth, prediction) == pytest.approx(2 / 3)
    # The first image has 1 of 2 at each IoU; the second 1 of 2 up to an IoU of 0.7, then 0 of 3.
    assert metrics.average_precision(truth, prediction) == pytest.approx((0.5 + 0.25) / 2)
    assert metrics.average_precision(truth, prediction, 0.5) == pytest.approx(0.5)


def test_a_mask_is_cut_into_its_parts():
    mask = np.array([[1, 0, 1]], bool)
    assert metrics.matches(mask, mask) == Matches(2, 0, 0)


def test_without_cells_all_is_right_and_an_invented_one_is_not():
    nothing = np.zeros((3, 3), int)
    assert metrics.f1(nothing, nothing) == metrics.average_precision(nothing, nothing) == 1
    assert metrics.f1(nothing, nothing + 1) == metrics.average_precision(nothing, nothing + 1) == 0


@pytest.mark.parametrize("iou", [0.4, 1.0, float("nan")])
def test_an_iou_at_which_cells_have_two_partners_is_refused(iou):
    with pytest.raises(ValueError, match="iou is from 0.5"):
        metrics.f1([[1]], [[1]], iou)


def test_one_half_is_not_enough():
    assert metrics.matches([[1, 1]], [[1, 0]]) == Matches(0, 1, 1)
    assert metrics.cell_mistakes([[1, 1]], [[1, 0]]) == Mistakes(1, 1, 0, 0, 0, 0)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("metric", METRICS)
def test_what_looks_like_a_mask_is_doubted_in_the_users_line(metric):
    with pytest.warns(UserWarning, match="holds one number") as caught:
        metric([[255, 0, 255]], [[1, 0, 2]])
    assert caught[0].filename == __file__
