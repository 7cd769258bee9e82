"""The search for the two nearest cells: the fast loops and the tensor version, on harder maps."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from test_weight_map import brute_distances, label_maps

from unet_book import weight_map as numpy_map
from unet_book.weight_map import tensors


def by_transforms(labels):
    """One exact Euclidean distance transform a cell, stacked and sorted: the common way."""
    numbers = np.unique(labels[labels > 0])
    stack = [ndimage.distance_transform_edt(labels != number) for number in numbers]
    stack += [np.full(labels.shape, np.inf)] * 2
    return np.sort(np.stack(stack), axis=0)[:2]


def scattered(seed, shape=(150, 210), cells=12, pixels=40):
    """Cells in many pieces, strewn over an image that is mostly empty."""
    random = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    rows, columns = random.integers(0, shape[0], pixels), random.integers(0, shape[1], pixels)
    labels[rows, columns] = random.integers(1, cells + 1, pixels)
    return labels


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cells, pixels", [(2, 3), (12, 40), (30, 2000)])
def test_distances_of_scattered_cells_equal_the_common_way(seed, cells, pixels):
    labels = scattered(seed, cells=cells, pixels=pixels)
    for found, expected in zip(numpy_map.two_nearest_distances(labels), by_transforms(labels)):
        np.testing.assert_array_equal(found, expected.astype(np.float32))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("w0, sigma", [(10, 5), (10, 1), (50, 6), (1e-3, 5), (3, 30)])
def test_border_terms_of_scattered_cells_are_within_1e_5(seed, w0, sigma):
    labels = scattered(seed)
    d1, d2 = by_transforms(labels)
    expected = np.where(labels == 0, w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)), 0)
    for found in (numpy_map.border_term, tensors.border_term):
        labels_there = torch.from_numpy(labels) if found is tensors.border_term else labels
        np.testing.assert_allclose(found(labels_there, w0, sigma), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 4])
def test_bands_of_rows_meet_without_a_seam_on_any_number_of_threads(monkeypatch, threads):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    labels = scattered(0, (900, 40), 30, 150)  # four bands
    d1, d2 = by_transforms(labels)
    expected = np.where(labels == 0, 10 * np.exp(-((d1 + d2) ** 2) / 50), 0)
    np.testing.assert_allclose(numpy_map.border_term(labels), expected, rtol=1e-6, atol=1e-5)
    for found, d in zip(numpy_map.two_nearest_distances(labels, within=60), (d1, d2)):
        np.testing.assert_array_equal(found, np.where(d <= 60, d, np.inf).astype(np.float32))


@given(label_maps(), st.one_of(st.just(math.inf), st.floats(0, 9)))
def test_tensors_give_the_same_distances(labels, within):
    found = tensors.two_nearest_distances(torch.from_numpy(labels), within)
    for d, expected in zip(found, brute_distances(labels)):
        expected = np.where(expected.astype(np.float32) <= within, expected, np.inf)
        np.testing.assert_array_equal(d, expected.astype(np.float32))


@given(arrays(np.int32, (3, 6, 8), elements=st.integers(-1, 3)), st.booleans())
def test_tensors_give_the_same_weights_for_a_batch(stack, balance):
    found = tensors.weight_map(torch.from_numpy(stack), balance=balance)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, numpy_map.weight_map(stack, balance=balance), atol=1e-5)


ALIKE = [3, 2**32 + 3, 2**33 + 3, 2**63 + 3, 2**64 - 1]  # in their last bits, or as an int64


@given(st.data(), st.sampled_from(["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8"]), st.booleans())
def test_tensors_take_every_integer_and_every_number(data, dtype, balance):
    limits = np.iinfo(dtype)
    numbers = [n for n in [-1, -7, 0, 0, 1, *ALIKE] if limits.min <= n <= limits.max]
    labels = data.draw(arrays(dtype, (5, 7), elements=st.sampled_from(numbers)))
    there = torch.from_numpy(labels)
    for found in (tensors.weight_map, numpy_map.weight_map):  # the second as numpy, in the end
        weights = found(there, balance=balance)
        expected = numpy_map.weight_map(labels, balance=balance)
        np.testing.assert_allclose(weights, expected, atol=1e-5)
    for found in (tensors.two_nearest_distances(there), numpy_map.two_nearest_distances(there)):
        for d, expected in zip(found, brute_distances(labels)):
            np.testing.assert_array_equal(d, expected.astype(np.float32))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.complex64])
@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("function", ["weight_map", "class_balance", "border_term"])
def test_labels_that_are_no_integers_are_refused_on_every_device(function, device, dtype):
    with pytest.raises(TypeError, match="instance labels are integers"):
        getattr(numpy_map, function)(torch.zeros(4, 4, dtype=dtype, device=device))


@pytest.mark.parametrize("how", [{"w0": 1e39}, {"w0": np.nan}, {"sigma": 1e-200}, {"sigma": 1e39}])
@pytest.mark.parametrize("function", [numpy_map.border_term, numpy_map.weight_map])
def test_numbers_whose_squares_overflow_are_refused_for_all_labels_alike(function, how):
    labels = torch.zeros(4, 4, dtype=torch.int32)
    for there in (labels.numpy(), labels, labels.to("meta"), [labels, labels[:2]]):
        with pytest.raises(ValueError, match="need w0 >= 0 and sigma > 0 whose squares are"):
            function(there, **how)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_axes_and_reach_are_checked_on_every_device(device):
    labels = torch.zeros(1, 1, 4, 4, dtype=torch.int32, device=device)
    for function in (numpy_map.class_balance, numpy_map.border_term, numpy_map.weight_map):
        with pytest.raises(ValueError, match=r"\(H, W\) or \(N, H, W\).*\(1, 1, 4, 4\)"):
            function(labels)
    with pytest.raises(ValueError, match=r"must be \(H, W\) .*\(1, 4, 4\)"):
        numpy_map.two_nearest_distances(labels[0])
    with pytest.raises(ValueError, match="0 or more, got -1"):
        numpy_map.two_nearest_distances(labels[0, 0], within=-1)


def test_images_of_a_stack_do_not_see_each_other():
    stack = np.stack([scattered(0), np.zeros((150, 210), np.int32), scattered(1)])
    expected = np.stack([numpy_map.border_term(one) for one in stack])
    np.testing.assert_array_equal(numpy_map.border_term(stack), expected)
    np.testing.assert_allclose(tensors.border_term(torch.from_numpy(stack)), expected, atol=1e-5)


def test_labels_on_another_device_take_the_tensor_path():
    # The "meta" device holds shapes and no numbers: only tensor operations can run on it.
    labels = torch.zeros(2, 8, 9, dtype=torch.int32, device="meta")
    assert numpy_map.border_term(labels).device.type == "meta"
    assert numpy_map.weight_map(labels).shape == labels.shape
    d1, d2 = numpy_map.two_nearest_distances(labels[0])
    assert d1.shape == d2.shape == (8, 9) and d1.device.type == "meta"


@pytest.mark.parametrize("dtype", [np.uint32, np.int64, np.uint64])
def test_numbers_beyond_an_int32_are_cells_like_others(dtype):
    labels = np.array([[3, 0, 0, 2**31, 0, 2**32 - 1]], dtype)
    expected = numpy_map.two_nearest_distances(np.array([[1, 0, 0, 2, 0, 3]]))
    np.testing.assert_array_equal(numpy_map.two_nearest_distances(labels), expected)
    all_cells = labels[:, [0, 3, 5]]
    expected = numpy_map.two_nearest_distances(np.array([[1, 2, 3]]))
    np.testing.assert_array_equal(numpy_map.two_nearest_distances(all_cells), expected)


def test_very_negative_numbers_are_no_cells():
    labels = np.array([[-(2**32) + 5, 0, 7]], np.int64)
    d1, _ = numpy_map.two_nearest_distances(labels)
    np.testing.assert_array_equal(d1, [[2, 1, 0]])


def test_an_image_whose_squares_would_not_fit_asks_for_within():
    wide = np.zeros((1, 24_000), np.int32)
    wide[0, [0, 23_000]] = 1, 2
    with pytest.raises(ValueError, match=r"\(1, 24000\).*at most 23000 px, got inf"):
        numpy_map.two_nearest_distances(wide)
    d1, d2 = numpy_map.two_nearest_distances(wide, within=23_000)
    assert d2[0, 0] == 23_000 and d1[0, 10_000] == 10_000 and d2[0, 10_000] == 13_000


def test_labels_need_not_be_in_order_in_memory():
    labels = scattered(2)
    np.testing.assert_array_equal(
        numpy_map.border_term(labels[::-1, ::2]), numpy_map.border_term(labels[::-1, ::2].copy())
    )


def test_a_band_of_rows_sees_cells_as_far_away_as_the_search_reaches():
    """Rows are searched in bands; a cell 50 px above a band's first row is found from there."""
    reach, band = 60, 256
    labels = np.zeros((300, 40), np.int32)
    labels[band + 2 : band + 7], labels[band - 54 : band - 49] = 1, 2
    d1, d2 = numpy_map.two_nearest_distances(labels, within=reach)
    assert (d1[band] == 2).all() and (d2[band] == 50).all()
