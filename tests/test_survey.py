"""What a data set holds, against loops over pixels and pairs of pixels."""

import itertools
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unet_book import datasets
from unet_book.pages import survey

small_labels = hnp.arrays(
    np.int32,
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    elements=st.integers(-1, 4),
)


def neighbors(shape):
    """Every ordered pair of pixels that share an edge."""
    for y, x in np.ndindex(shape):
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            if 0 <= y + dy < shape[0] and 0 <= x + dx < shape[1]:
                yield (y, x), (y + dy, x + dx)


@given(small_labels)
def test_touching_counts_cells_with_another_cell_beside_them(labels):
    met = {
        (n, int(image[a]))
        for n, image in enumerate(labels)
        for a, b in neighbors(image.shape)
        if image[a] > 0 and image[b] > 0 and image[a] != image[b]
    }
    assert survey.touching(labels) == len(met)
    assert survey.touching(labels) == sum(map(survey.touching, labels))


@given(small_labels)
def test_outline_counts_the_pixels_on_both_sides(labels):
    inner, outer = set(), set()
    for n, image in enumerate(labels):
        for a, b in neighbors(image.shape):
            if image[a] > 0 and image[b] == 0:
                inner.add((n, a))
                outer.add((n, b))
    assert survey.outline(labels) == (len(inner), len(outer))


def correlation_by_pairs(values, known, reach, lag=0):
    mean, variance = values[known].mean(), values[known].var()
    products = [[] for _ in range(reach + 1)]
    for n in range(len(values) - lag):
        first, second = values[n], values[n + lag]
        for a, b in itertools.product(np.argwhere(known[n]), np.argwhere(known[n + lag])):
            r = round(float(np.hypot(*(a - b))))
            if r <= reach:
                products[r].append((first[tuple(a)] - mean) * (second[tuple(b)] - mean))
    return np.array([np.mean(p) / variance if p else 0.0 for p in products])


@given(st.integers(0, 10**6), st.sampled_from([(1, 8, 11), (3, 7, 6)]), st.booleans())
def test_correlations_are_means_over_pairs_of_pixels(seed, shape, everywhere):
    rng = np.random.default_rng(seed)
    values, known = rng.random(shape), rng.random(shape) < (1.1 if everywhere else 0.7)
    known[0, 0, :2] = True
    given_known, lags = None if everywhere else known, shape[0] - 1
    found = survey.correlations(values, given_known, 5, lags)
    for lag in range(lags + 1):
        expected = correlation_by_pairs(values, known, 5, lag)
        assert np.allclose(found[lag], expected, rtol=0, atol=1e-9)
    curve = survey.autocorrelation(values, given_known, reach=5)
    assert np.allclose(curve, found[0], rtol=0, atol=1e-12)
    if shape[0] == 1:
        again = survey.autocorrelation(values[0], known[0], reach=5)
        assert np.allclose(again, curve, rtol=0, atol=1e-12)


def test_autocorrelation_does_not_see_unknown_values():
    rng = np.random.default_rng(0)
    values, known = rng.random((2, 20, 20)), rng.random((2, 20, 20)) < 0.5
    changed = np.where(known, values, 1e3)
    assert np.array_equal(*(survey.autocorrelation(v, known, 9) for v in (values, changed)))


@pytest.mark.parametrize("reach", [-1, 8, 9])
def test_autocorrelation_refuses_a_reach_beyond_the_image(reach):
    with pytest.raises(ValueError, match=f"reach={reach}.*8"):
        survey.autocorrelation(np.eye(8), reach=reach)


@pytest.mark.parametrize("lags", [-1, 2])
def test_correlations_refuse_more_lags_than_there_are(lags):
    with pytest.raises(ValueError, match=f"lags={lags}: 2 images"):
        survey.correlations(np.random.default_rng(0).random((2, 8, 8)), reach=3, lags=lags)


def test_autocorrelation_refuses_a_constant():
    with pytest.raises(ValueError, match="equal"):
        survey.autocorrelation(np.ones((5, 5)), reach=2)


def test_correlation_area_is_the_sum_over_the_plane():
    curve = np.array([1, 0.5, 0.25, 0.1, -0.2, 0.3])
    expected = sum(
        curve[round(float(np.hypot(y, x)))]
        for y in range(-9, 10)
        for x in range(-9, 10)
        if round(float(np.hypot(y, x))) < 4
    )
    assert survey.correlation_area(curve) == pytest.approx(expected)
    assert survey.correlation_area(np.exp(-np.arange(200) / 10)) == pytest.approx(
        2 * np.pi * 10**2, rel=0.01
    )
    assert survey.correlation_area([1.0]) == 1.0
    assert survey.correlation_area([0.0, 1.0]) == 0
    assert survey.correlation_area(np.ones(3)) == 21  # without a zero, as far as the curve goes


def test_correlation_area_predicts_how_much_an_average_varies():
    """Blurred noise, many blocks: the variance of their means, against the formula."""
    from scipy import ndimage

    rng = np.random.default_rng(1)
    noise = ndimage.gaussian_filter(rng.standard_normal((1024, 1024)), 2, mode="wrap")
    area = survey.correlation_area(survey.autocorrelation(noise, reach=30))
    blocks = noise.reshape(16, 64, 16, 64).mean(axis=(1, 3))
    assert area == pytest.approx(4 * np.pi * 2**2, rel=0.1)
    assert blocks.var() * 64**2 / noise.var() == pytest.approx(area, rel=0.2)


@given(st.integers(0, 10**6), st.floats(0.2, 0.8))
def test_copied_is_the_error_of_the_nearest_training_pixel(seed, share):
    rng = np.random.default_rng(seed)
    classes, train = rng.integers(0, 2, (6, 7)), rng.random((6, 7)) < share
    train[0, 0], train[5, 6] = True, False
    places = np.argwhere(train)
    low, high = [], []  # ties may be broken either way
    for place in np.argwhere(~train):
        d = np.hypot(*(places - place).T)
        wrong = [classes[tuple(p)] != classes[tuple(place)] for p in places[d <= d.min() + 1e-9]]
        low.append(min(wrong))
        high.append(max(wrong))
    assert np.mean(low) - 1e-9 <= survey.copied(classes, train) <= np.mean(high) + 1e-9


@pytest.mark.parametrize("all_of_them", [True, False])
def test_copied_needs_both_parts(all_of_them):
    with pytest.raises(ValueError, match="training"):
        survey.copied(np.eye(4, dtype=int), np.full((4, 4), all_of_them))


def two_images():
    labels = np.zeros((2, 12, 12), int)
    labels[0, 2:5, 2:5], labels[0, 2:5, 5:7] = 4, 9
    labels[0, 10, :2] = 1
    labels[1, 8, 8], labels[1, 9, 9] = 3, 3  # one cell in two pieces that meet at a corner
    labels[1, 0] = -1
    images = np.full(labels.shape, 0.2)
    images[labels > 0] = 1.0
    return datasets.Stack("two", images, labels)


def test_describe_counts():
    found = survey.describe(two_images(), 0, 5)
    assert found["shape"] == [2, 12, 12]
    assert (found["pixels"], found["unknown"]) == (2 * 144 - 12, 12)
    assert (found["cells"], found["per_image"], found["cell_pixels"]) == (4, [3, 1], 19)
    assert (found["touching"], found["pieces"], found["pieces_8"]) == (2, 4, 3)
    assert (found["chipped"], found["torn"]) == (1, 0)  # it hangs together over a corner
    assert (found["crumbs"], found["crumbs_8"]) == (2, 0)  # its two halves
    assert len(found["class_correlation"]) == 6 and found["class_correlation"][0] == 1
    background, cell = (np.array(found["gray"][name]) for name in ("background", "cell"))
    assert background.sum() + cell.sum() == found["pixels"]
    assert background[51 // 5] == background.sum() and cell[50] == 19
    diameters = 2 * np.sqrt(np.array([2, 2, 6, 9]) / np.pi)
    assert found["diameters"][2] == pytest.approx(np.median(diameters), abs=0.051)
    first, second = two_images().labels > 0
    known = two_images().labels >= 0
    mean, variance = (19 / known.sum(), 19 / known.sum() * (1 - 19 / known.sum()))
    correlation = np.mean(((first - mean) * (second - mean))[1:]) / variance
    assert found["image_correlation"][1] == pytest.approx(correlation, abs=1e-4)
    curves = survey.correlations(two_images().labels > 0, known, 5, 1)
    areas = [survey.correlation_area(curve) for curve in curves]
    assert found["image_areas"] == pytest.approx(areas, abs=0.051)
    wrong = np.mean(first[1:] != second[1:])
    assert found["copied_previous"] == found["copied_last_training"] == round(wrong, 4)
    assert found["guessed"] == round(2 / 132, 4)  # background, on the second image
    assert json.loads(json.dumps(found)) == found


def test_describe_leaves_the_margin_out_of_shares_and_keeps_whole_cells():
    two = two_images()
    two.labels[0, :3][two.labels[0, :3] == 0] = -1  # unknown background, as near an edge
    whole, inner = survey.describe(two, 0, 5), survey.describe(two, 3, 5)
    part = datasets.Stack("inner", two.images[:, 3:-3, 3:-3], two.labels[:, 3:-3, 3:-3])
    expected = survey.describe(part, 0, 5)
    of_images = [
        "fingerprint",
        "image_fingerprint",
        "shape",
        "unknown",
        "cells",
        "per_image",
        "touching",
        "pieces",
        "crumbs",
        "pieces_8",
        "crumbs_8",
        "chipped",
        "torn",
        "diameters",
        "gone_for_one",
    ]
    for key, value in inner.items():
        assert value == (3 if key == "margin" else (whole if key in of_images else expected)[key])
    assert inner["pixels"] == 2 * 6 * 6 and inner["cell_pixels"] == 2 * 4 + 1


@pytest.mark.parametrize("label", [0, -1])
def test_describe_of_a_stack_without_cells_says_so(label):
    empty = datasets.Stack("dark", np.zeros((2, 9, 9)), np.full((2, 9, 9), label))
    with pytest.raises(ValueError, match="^dark: no cell in 2 images, and nothing to describe$"):
        survey.describe(empty, reach=5)


def test_the_guess_is_what_most_training_pixels_are():
    labels = np.zeros((5, 8, 8), int)
    labels[:4, :, :5], labels[4, :2] = 1, 1  # mostly cell, and the last image mostly background
    found = survey.describe(datasets.Stack("five", labels / 2, labels), 0, 5)
    assert found["guessed"] == 0.75
    assert (
        found["copied_previous"]
        == found["copied_last_training"]
        == np.mean(labels[3] != labels[4]).round(4)
    )


def test_a_cell_that_is_gone_for_one_image():
    labels = np.zeros((4, 20, 20), int)
    labels[:, 5:10, 5:10], labels[:, 0:4, 5:10], labels[:, 12:17, 12:17] = 1, 2, 3
    assert survey.describe(datasets.Stack("film", labels / 3, labels), 0, 5)["gone_for_one"] == 0
    labels[1, 5:10, 5:10] = 0  # gone, and back
    labels[1, :4] = -1  # at the edge: not counted
    labels[1, 12:17, 12:14] = 0  # smaller, and not gone
    labels[2:, 12:17, 12:17] = 0  # gone for good
    labels[:, 5:10, 13:18] = 4
    labels[1, 5:10, 15:18] = 0  # two fifths of it stay
    labels[1, 5:10, 13:15], labels[1, 5, 13:15] = 4, 0  # 8 of 25 pixels: not gone
    film = datasets.Stack("film", labels.clip(0) / 4, labels)
    assert survey.describe(film, 0, 5)["gone_for_one"] == 1


def test_describe_tells_labels_and_images_apart_and_one_image_has_no_neighbor():
    two, single = two_images(), two_images()[:1]
    found, alone = survey.describe(two, 0, 5), survey.describe(single, 0, 5)
    assert found["fingerprint"] != alone["fingerprint"]
    two.images[0, 0, 0] = 0.9
    again = survey.describe(two, 0, 5)
    assert again["fingerprint"] == found["fingerprint"]
    assert again["image_fingerprint"] != found["image_fingerprint"]
    assert "copied_previous" not in alone and len(alone["image_areas"]) == 1


def test_the_class_correlates_from_image_to_image():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2, (2, 64, 64))
    labels = np.stack([first, first, second, second])
    found = survey.describe(datasets.Stack("pairs", labels / 2, labels), 0, 5)["image_correlation"]
    assert found[0] == 1 and found[1] == pytest.approx(2 / 3, abs=0.05)
    assert found[2] == pytest.approx(0, abs=0.05) and len(found) == 4


RECORD = datasets.data_folder() / "runs" / "data_sets.json"


@pytest.mark.parametrize("name", ["isbi2012", "phc-u373", "dic-hela"])
def test_the_record_is_what_the_images_give(name):
    if not os.environ.get("UNET_BOOK_DATA") or not datasets.is_here(name):
        pytest.skip("the images are not at hand")
    stored = json.loads(RECORD.read_text(encoding="utf-8"))["sets"][name]
    found = survey.describe(datasets.load(name, "all"), stored["margin"])
    if found["image_fingerprint"] != stored["image_fingerprint"]:
        pytest.skip("this copy holds other frames than the record was made from")
    for key, value in found.items():
        if isinstance(value, list | float):  # areas, some thousand px^2, are kept to a tenth
            assert np.allclose(value, stored[key], rtol=0, atol=0.11 if "areas" in key else 2e-4)
        else:
            assert value == stored[key], key
