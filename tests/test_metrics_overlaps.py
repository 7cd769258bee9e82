"""The sparse table against a dense one, what a mask means to it, and what labels are warned of."""

import time
import warnings
from math import comb, log

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unet_book.metrics import contingency, overlap_table, rand_error, seg, v_info, v_rand
from unet_book.metrics.segments import segments

scores = [seg, rand_error, v_rand, v_info]
quiet = pytest.mark.filterwarnings("ignore:.*holds one number")

IDS = (1, 2, 3, 40, 2000, 2**31 - 1, 2**31 + 5, 2**40)
LAYOUTS = {
    "as it is": lambda labels: labels,
    "by columns": np.asfortranarray,
    "transposed twice": lambda labels: np.ascontiguousarray(labels.T).T,
    "every second": lambda labels: np.repeat(np.repeat(labels, 2, 0), 2, 1)[::2, 1::2],
    "backwards": lambda labels: np.ascontiguousarray(labels[::-1, ::-1])[::-1, ::-1],
    "read-only": lambda labels: np.broadcast_to(labels, (1, *labels.shape))[0],
}


@st.composite
def pairs(draw):
    """A truth with a cell, and a prediction without negative ids: few pixels, ids far apart."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    cells = st.sampled_from(draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=4)))
    truth = draw(arrays(np.int64, shape, elements=st.one_of(st.sampled_from((-1, 0)), cells)))
    assume((truth > 0).any())
    found = st.sampled_from(draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=4)))
    return truth, draw(arrays(np.int64, shape, elements=st.one_of(st.just(0), found)))


def dense(truth, prediction):
    """All pairs, each counted in its own pass; float64. Row 0 and column 0 are the background's."""
    true_ids, found_ids = (
        [0, *sorted({*one.ravel().tolist()} - {-1, 0})] for one in (truth, prediction)
    )
    table = [[np.sum((truth == t) & (prediction == p)) for p in found_ids] for t in true_ids]
    return np.array(table, np.float64), true_ids, found_ids


def dense_scores(truth, prediction):
    """SEG, Rand error, V_Rand and V_Info by their formulas, with a row or column for all."""
    table = dense(truth, prediction)[0]
    sizes, found = table.sum(1, keepdims=True)[1:], table.sum(0)[1:]
    inner, alone = table[1:, 1:], table[1:, 0].sum()
    overlap = inner / (sizes + found - inner)
    best = np.where(2 * inner > sizes, overlap, 0).sum(1).mean()
    n, a, b = sizes.sum(), sizes.ravel(), inner.sum(0)

    def together(counts):
        return (counts * (counts - 1)).sum() / 2

    def entropy(counts):
        share = counts[counts > 0] / n
        return -(share * np.log(share)).sum()

    both, true, predicted = together(inner), together(a), together(b)
    rand = 1 - 2 * both / (true + predicted) if true + predicted else 0.0
    squares = 2 * ((inner**2).sum() + alone) / ((a**2).sum() + (b**2).sum() + alone)
    single = np.ones(int(alone))
    h = [entropy(counts) for counts in (a, np.append(b, single), np.append(inner, single))]
    information = 2 * (h[0] + h[1] - h[2]) / (h[0] + h[1]) if h[0] + h[1] else 1.0
    return best, rand, squares, information


# The table


@given(pairs())
def test_the_sparse_table_is_the_dense_one_without_its_zeros(pair):
    table, true_ids, found_ids = dense(*pair)
    met = contingency(*pair)
    entries = dict(
        zip(
            zip(met.true_ids[met.i].tolist(), met.predicted_ids[met.j].tolist()),
            met.shared.tolist(),
        )
    )
    assert len(entries) == len(met.shared)  # each pair once
    assert entries == {
        (t, p): table[row, column]
        for row, t in enumerate(true_ids)
        for column, p in enumerate(found_ids)
        if table[row, column]
    }


@given(pairs())
def test_the_sizes_are_the_sums_of_the_dense_table(pair):
    table, true_ids, found_ids = dense(*pair)
    met = contingency(*pair)
    for ids, sizes, names, sums in (
        (met.true_ids, met.true_sizes, true_ids, table.sum(1)),
        (met.predicted_ids, met.predicted_sizes, found_ids, table.sum(0)),
    ):
        there = {name: size for name, size in zip(names, sums) if size}
        assert dict(zip(ids.tolist(), sizes.tolist())) == there
        assert ids.tolist() == sorted(there) and sizes.dtype == np.int64
    assert met.shared.dtype == np.int64 and met.shared.sum() == np.count_nonzero(pair[0] != -1)


@given(pairs())
def test_overlap_table_is_the_dense_one(pair):
    table, true_ids, predicted_ids = overlap_table(*pair)
    expected, *names = dense(*pair)
    rows, columns = expected.any(axis=1), expected.any(axis=0)
    assert np.array_equal(table, expected[rows][:, columns]) and table.dtype == np.int64
    assert true_ids.tolist() == np.array(names[0])[rows].tolist()
    assert predicted_ids.tolist() == np.array(names[1])[columns].tolist()


@quiet
@given(pairs())
def test_the_metrics_follow_from_the_dense_table(pair):
    for score, expected in zip(scores, dense_scores(*pair)):
        assert score(*pair) == pytest.approx(expected, abs=1e-12)


@quiet
@given(pairs(), *[st.sampled_from(sorted(LAYOUTS))] * 2, *[st.sampled_from("<>")] * 2)
def test_neither_layout_nor_byte_order_matters(pair, true_layout, layout, true_order, order):
    other = [
        LAYOUTS[name](labels.astype(f"{sign}i8"))
        for name, labels, sign in zip((true_layout, layout), pair, (true_order, order))
    ]
    for name, mine, expected in zip(
        contingency(*pair)._fields, contingency(*other), contingency(*pair)
    ):
        assert np.array_equal(mine, expected), name
    for score in scores:
        assert score(*other) == score(*pair)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint32, np.uint64])
def test_ids_at_the_ends_of_their_type(dtype):
    top = np.iinfo(dtype).max
    truth = np.array([[top, top, 1, 1, 0, 0]], dtype)
    found = np.array([[top - 1, top - 1, top, 0, top, 0]], dtype)
    met = contingency(truth, found)
    assert met.true_ids.tolist() == [0, 1, int(top)]
    assert met.predicted_ids.tolist() == [0, int(top) - 1, int(top)]
    assert met.shared.tolist() == [1, 1, 1, 1, 2] and seg(truth, found) == 0.5


@pytest.mark.parametrize("dtype", [np.int8, np.int64])
def test_numbers_below_zero_are_no_segments(dtype):
    truth = np.array([[127, 127, 127, -3, 2, 2, -1]], dtype)
    found = np.array([[127, 127, -128, 5, -1, -128, 5]], dtype)
    met = contingency(truth, found)
    assert met.true_ids.tolist() == [-3, 2, 127]
    assert met.predicted_ids.tolist() == [-128, -1, 5, 127]
    assert met.shared.tolist() == [1, 1, 1, 1, 2]
    for score in scores:
        assert score(truth, found) == score(np.maximum(truth, -1), np.maximum(found, 0))


def test_the_table_by_hand():
    truth, found = np.array([[5, 5, 9, 0, -1]]), np.array([[3, 0, 3, 3, 3]])
    met = contingency(truth, found)
    assert met.true_ids.tolist() == [0, 5, 9] and met.true_sizes.tolist() == [1, 2, 1]
    assert met.predicted_ids.tolist() == [0, 3] and met.predicted_sizes.tolist() == [1, 3]
    assert list(zip(met.i.tolist(), met.j.tolist())) == [(0, 1), (1, 0), (1, 1), (2, 1)]
    assert met.shared.tolist() == [1, 1, 1, 1]
    assert [one.tolist() for one in contingency(*map(torch.from_numpy, (truth, found)))] == [
        one.tolist() for one in met
    ]


@pytest.mark.parametrize("shape", [(2, 3), (0, 4), (0, 0)])
def test_nothing_annotated_is_an_empty_table(shape):
    met = contingency(np.full(shape, -1), np.ones(shape, int))
    assert [len(one) for one in met] == [0] * 7
    assert overlap_table(np.full(shape, -1), np.ones(shape, int))[0].shape == (0, 0)


@pytest.mark.parametrize("table", [contingency, overlap_table])
def test_what_is_no_pair_of_label_images_is_refused(table):
    with pytest.raises(ValueError, match=r"differ in shape: \(2, 3\), \(3, 2\)"):
        table(np.ones((2, 3), int), np.ones((3, 2), int))
    with pytest.raises(TypeError, match="float64"):
        table(np.ones((2, 3), int), np.ones((2, 3)))
    for shape in ((4,), (2, 2, 2)):
        with pytest.raises(ValueError, match=r"one image, \(H, W\), got"):
            table(np.ones(shape, int), np.ones(shape, int))


def test_eighty_thousand_cells_take_less_than_two_seconds():
    """Cells of 14 x 14 pixels, each merged with its neighbor: a dense table has 7e9 entries."""
    rows, s = 292, 14 * 14
    k = rows**2
    truth = np.zeros((4096, 4096), np.int32)
    numbers = np.arange(1, k + 1).reshape(rows, rows)
    truth[:4088, :4088] = np.kron(numbers, np.ones((14, 14), np.int32))
    merged = (truth + 1) // 2 * 11  # with gaps between the numbers
    rand = 1 - 2 * k * comb(s, 2) / (k * comb(s, 2) + k // 2 * comb(2 * s, 2))
    information = 2 * log(k / 2) / (log(k) + log(k / 2))
    for score, expected in zip(scores, (0.5, rand, 2 / 3, information)):
        began = time.process_time()
        assert score(truth, merged) == pytest.approx(expected)
        assert time.process_time() - began < 2


# Masks


@pytest.mark.parametrize("score", scores)
def test_a_mask_of_bool_stands_for_its_four_connected_parts(score):
    cells = np.array([[1, 1, 0, 1], [0, 0, 1, 1], [1, 1, 0, 0]], bool)
    found = np.array([[1, 1, 1, 1], [0, 0, 1, 0], [1, 0, 0, 1]], bool)
    expected = score(segments(cells), segments(found))
    assert score(cells, found) == score(segments(cells), found) == expected
    assert score(cells, segments(found)) == expected
    stack = np.stack([cells, found]), np.stack([found, cells])
    labels = [np.stack([segments(one) for one in masks]) for masks in stack]
    assert score(*stack) == score(*labels)


def test_seg_of_two_masks_goes_cell_by_cell():
    truth, found = np.array([[1, 1, 0, 1, 1]], bool), np.array([[1, 1, 0, 0, 0]], bool)
    assert seg(truth, found) == 0.5
    assert seg(truth, np.ones((1, 5), bool)) == pytest.approx(2 / 5)  # both match the one segment


def test_parts_of_a_mask_are_found_before_pixels_are_left_out():
    truth, found = np.array([[1, 1, -1, 2, 2]]), np.ones((1, 5), bool)
    assert seg(truth, found) == 0.5 and contingency(truth, found).predicted_sizes.tolist() == [4]


# Labels that look like a mask


TWO = np.array([[1, 1, 0, 1, 1]])
HONEST = np.array([[1, 1, 0, 2, 2]])


def told(score, *pair):
    """The one warning, which names the line that called the metric."""
    with pytest.warns(UserWarning) as caught:
        score(*pair)
    (one,) = caught
    assert one.filename == __file__
    return str(one.message)


@pytest.mark.parametrize("score", scores)
@pytest.mark.parametrize("number", [1, 255])
def test_one_number_in_several_parts_is_warned_of(score, number):
    mask = (number * TWO).astype(np.uint8)
    expected = f"holds one number, {number}, in 2 separate parts (segments counted: 1, not 2)"
    for name, pair in {"truth": (mask, HONEST), "prediction": (HONEST, mask)}.items():
        message = told(score, *pair)
        assert f"the {name} {expected}" in message and "`mask > 0`" in message
        assert "\n" not in message


@pytest.mark.parametrize("score", scores)
def test_a_stack_of_masks_is_warned_of_once(score):
    stack = np.stack([TWO, TWO, 0 * TWO])
    message = told(score, np.stack([HONEST] * 3), stack)
    assert "in 4 separate parts (segments counted: 2, not 4)" in message


@pytest.mark.parametrize("score", scores)
def test_a_mask_that_is_not_all_annotated_is_to_keep_that(score):
    message = told(score, np.array([[1, 1, -1, 1, 0, 1]]), np.array([[1, 1, 0, 2, 0, 3]]))
    assert "in 3 separate parts" in message and "ndimage.label" in message
    assert "mask > 0" not in message


@pytest.mark.parametrize("score", scores)
@pytest.mark.parametrize(
    "labels",
    [
        HONEST,  # several numbers
        np.array([[1, 1, 0, 2, 1]]),  # one of them in two parts
        np.array([[0, 7, 7, 7, 0]]),  # a single cell
        np.stack([7 * (HONEST == 1), 7 * (HONEST == 2)]),  # one in each slice
        np.stack([HONEST, TWO]),
        TWO > 0,
        np.array([[-1, 1, 1, 1, 0]]),
    ],
    ids=str,
)
def test_honest_labels_are_not_warned_of(score, labels):
    other = np.broadcast_to(HONEST, labels.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score(labels, other)
        score(other, np.maximum(labels, 0) if labels.dtype != bool else labels)
        score(other, np.zeros_like(labels))
