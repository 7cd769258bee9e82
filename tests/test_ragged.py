"""Images of different sizes: what takes a stack takes their list, or says that it can't."""

import inspect
import json

import numpy as np
import pytest
import torch

from unet_book import datasets, metrics, training, weight_map
from unet_book.datasets import Stack, phantom
from unet_book.gray import stretch
from unet_book.instances import Rule
from unet_book.pages import explorers, plots, reproduce, survey
from unet_book.unet import UNet

SHAPES = (72, 96), (90, 72), (80, 80), (72, 72), (84, 100)


def drawn(kind):
    draw = {"cells": phantom.cells, "membranes": phantom.membranes}[kind]
    images, labels = zip(*(draw(shape, seed=k) for k, shape in enumerate(SHAPES)))
    return Stack(kind, images, labels)


def message(kind, call, *args, **kwargs):
    with pytest.raises(kind) as raised:
        call(*args, **kwargs)
    return str(raised.value)


CELLS, MEMBRANES = drawn("cells"), drawn("membranes")
MOVED = [np.roll(labels, (2, 3), (0, 1)) for labels in CELLS.labels]  # a prediction, as it were,
for image in MOVED:
    image[30] = 0  # which cuts some cells in two
MAPS = [np.where(labels > 0, 0.9, 0.1) for labels in MOVED]


def framed(images, value):
    """A stack (N, H, W): each image in a corner of a frame of that value."""
    height, width = np.max([image.shape for image in images], axis=0)
    sides = [(height - image.shape[0], width - image.shape[1]) for image in images]
    pads = [((0, down), (0, right)) for down, right in sides]
    return np.stack([np.pad(*both, constant_values=value) for both in zip(images, pads)])


# ---- who takes them, who refuses, and who has nothing to do with images

BOTH = ("pixel_error", "f_error", "iou", "seg", "rand_error", "v_rand", "v_info")
EACH = {
    "part_touching_cells": weight_map.part_touching_cells,
    "border_term": weight_map.border_term,
    "thin": metrics.thin,
    "instances": datasets.instances,
    "cells_of": lambda labels: reproduce.cells_of([0.9 * (image > 0) for image in labels], Rule()),
}
SUMS = {
    "touching": survey.touching,
    "outline": lambda labels: np.array(survey.outline(labels)),
    "cell_count": lambda labels: Stack("s", [image / 99 for image in labels], labels).cell_count(),
}
REFUSE = {
    "contingency": lambda: metrics.contingency(CELLS.labels, MOVED),
    "overlap_table": lambda: metrics.overlap_table(CELLS.labels, MOVED),
    "is_simple": lambda: metrics.is_simple(CELLS.labels),
    "warp": lambda: metrics.warp(CELLS.labels, MAPS),
    "mistake_kinds": lambda: metrics.mistake_kinds(CELLS.labels, MOVED),
    "two_nearest_distances": lambda: weight_map.two_nearest_distances(CELLS.labels),
    "copied": lambda: survey.copied(CELLS.labels, CELLS.labels),
    "brightened": lambda: plots.brightened(CELLS.images),
    "tinted": lambda: plots.tinted(CELLS.images, CELLS.labels),
    "colored": lambda: plots.colored(CELLS.images, CELLS.labels),
    "tint_numbers": lambda: plots.tint_numbers(CELLS.labels),
    "outlined": lambda: plots.outlined(CELLS.images, CELLS.labels),
    "mistakes": lambda: plots.mistakes(CELLS.images, CELLS.labels, MOVED),
    "film": lambda: explorers.film("film", CELLS.images, "abcde", "five pictures"),
    "nine_vectors": lambda: explorers.nine_vectors(CELLS.images, CELLS.labels),
    "image_correlation": lambda: survey.correlations(CELLS.images, reach=5, lags=1),
}
OWN_TEST = {
    *("class_balance", "weight_map", "majority_error", "warping_error", "challenge_scores"),
    *("correlations", "autocorrelation", "describe", "gallery", "heat", "overlapping_tiles"),
    # tests/test_metrics_matching.py
    *("matches", "f1", "average_precision", "cell_mistakes", "cell_outcomes"),
}
NO_IMAGES = {
    *("correlation_area", "error_curves", "u_shape", "source", "box", "chart", "label", "powers"),
    *("scale", "crops", "three_vectors", "two_candidates", "valid_convolutions", "windows"),
    *("drawn", "typeset", "Matches", "Mistakes", "Outcomes"),
    *(set(explorers.__all__) - {"film", "nine_vectors"}),
}


def test_everybody_is_asked():
    functions = inspect.getmembers(plots, inspect.isfunction)
    of_plots = [
        name for name, f in functions if f.__module__.startswith(plots.__name__) and name[0] != "_"
    ]
    rooms = (metrics.__all__, weight_map.__all__, survey.__all__, explorers.__all__, of_plots)
    asked = {*BOTH, *EACH, *SUMS, *REFUSE, *OWN_TEST, *NO_IMAGES}
    assert {name for room in rooms for name in room} - asked == set()


@pytest.mark.parametrize("name", BOTH)
def test_a_metric_counts_what_a_frame_of_unknown_pixels_does_not_change(name):
    metric = getattr(metrics, name)
    expected = metric(framed(CELLS.labels, -1), framed(MOVED, 0))
    assert metric(CELLS.labels, MOVED) == pytest.approx(expected, rel=1e-12)
    tensors = [[torch.from_numpy(image) for image in side] for side in (CELLS.labels, MOVED)]
    assert metric(*tensors) == pytest.approx(expected, rel=1e-12)


def test_metrics_of_lists_that_do_not_fit():
    said = message(ValueError, metrics.seg, CELLS.labels, MOVED[:4])
    assert said == "truth and prediction differ in number: 5 and 4 images"
    said = message(ValueError, metrics.pixel_error, CELLS.labels, MOVED[::-1])
    assert said == "truth and prediction differ in shape: (72, 96), (84, 100)"
    unknown = [np.full(shape, -1) for shape in SHAPES]
    assert "no annotated pixel" in message(ValueError, metrics.iou, unknown, MOVED)


def test_a_mask_among_images_of_different_sizes_is_met_with_a_warning():
    masks = [255 * (labels > 0) for labels in CELLS.labels]
    with pytest.warns(UserWarning, match="the truth holds one number, 255"):
        metrics.rand_error(masks, MOVED)


def test_majority_error_is_that_of_all_pixels():
    everything = np.concatenate([labels.ravel() for labels in CELLS.labels])
    assert metrics.majority_error(CELLS.labels) == metrics.majority_error(everything)


def test_warping_error_is_the_share_of_all_pixels():
    errors = [metrics.warping_error(*both) for both in zip(CELLS.labels, MOVED)]
    expected = np.average(errors, weights=[labels.size for labels in MOVED])
    assert expected > 0
    assert metrics.warping_error(CELLS.labels, MOVED) == pytest.approx(expected, rel=1e-12)


def test_challenge_scores_are_those_of_the_metrics():
    scores = metrics.challenge_scores(CELLS.labels, MAPS, [0.05, 0.5])
    found = [image > 0.5 for image in MAPS]
    thinned = metrics.thin(found)
    assert {name: row[1] for name, row in scores.items()} == {
        "pixel_error": metrics.f_error(CELLS.labels, found),
        "rand_error": metrics.rand_error(CELLS.labels, found),
        "warping_error": metrics.warping_error(CELLS.labels, found),
        "v_rand": metrics.v_rand(CELLS.labels, thinned),
        "v_info": metrics.v_info(CELLS.labels, thinned),
    }
    assert scores["pixel_error"][0] == metrics.f_error(CELLS.labels, [f >= 0 for f in found])


@pytest.mark.parametrize("name", EACH)
def test_of_a_list_each_image_is_taken_alone(name):
    function = EACH[name]
    found = function(CELLS.labels)
    assert isinstance(found, list)
    for image, labels in zip(found, CELLS.labels):
        assert image.shape == labels.shape and image.any()
        np.testing.assert_array_equal(image, function([labels])[0])


@pytest.mark.parametrize("balance", [True, False])
def test_weight_maps_are_balanced_as_a_whole(balance):
    found = weight_map.weight_map(CELLS.labels, balance=balance)
    base = framed(CELLS.labels, -1)
    expected = weight_map.class_balance(base) if balance else base >= 0
    for weights, labels, whole in zip(found, CELLS.labels, expected):
        height, width = labels.shape
        own = whole[:height, :width] + weight_map.border_term(labels)
        np.testing.assert_allclose(weights, own, rtol=1e-6)


@pytest.mark.parametrize("name", SUMS)
def test_of_a_list_images_are_added_up(name):
    function = SUMS[name]
    expected = np.sum([function([labels]) for labels in CELLS.labels], axis=0)
    np.testing.assert_array_equal(function(CELLS.labels), expected)


@pytest.mark.parametrize("name", REFUSE)
def test_what_asks_for_one_image_refuses_a_list_in_one_line(name):
    with pytest.raises(ValueError, match="different sizes|one size") as refusal:
        REFUSE[name]()
    assert "\n" not in str(refusal.value)


# ---- the survey of a data set


def test_correlations_do_not_see_what_lies_beyond_a_smaller_image():
    known = framed([np.ones(shape, bool) for shape in SHAPES], False)
    expected = survey.autocorrelation(framed(CELLS.images, 0), known, reach=20)
    np.testing.assert_allclose(survey.autocorrelation(CELLS.images, reach=20), expected)
    some = [labels != 1 for labels in CELLS.labels]
    expected = survey.autocorrelation(framed(CELLS.images, 0), framed(some, False), reach=20)
    np.testing.assert_allclose(survey.autocorrelation(CELLS.images, some, reach=20), expected)
    assert "images of (72, 72)" in message(ValueError, survey.correlations, CELLS.images, reach=72)
    assert "of one shape" in message(ValueError, survey.correlations, CELLS.images, some[1:], 5)


def test_describe_adds_up_images_of_different_sizes():
    found = survey.describe(CELLS, 2, reach=9)
    assert found["shape"] == [5, None, None] and json.loads(json.dumps(found)) == found
    alone = [survey.describe(CELLS[k : k + 1], 2, reach=9) for k in range(5)]
    for name in ("cells", "touching", "pixels", "cell_pixels", "pieces", "chipped", "unknown"):
        assert found[name] == sum(image[name] for image in alone), name
    for name in ("background", "cell"):
        rows = [image["gray"][name] for image in alone]
        assert found["gray"][name] == np.sum(rows, axis=0).tolist()
    assert len(found["image_areas"]) == 1 and "copied_previous" not in found
    cell = CELLS.labels[-1][2:-2, 2:-2] > 0
    assert found["guessed"] == round(float(cell.mean()), 4)


def test_fingerprints_tell_sizes_apart():
    shapes = [(4, 30), (5, 24), (10, 12)]
    stacks = [[np.zeros(shape, int) for shape in pair] for pair in zip(shapes, shapes[1:])]
    assert len(set(map(survey._fingerprint, stacks))) == 2


def test_a_cell_is_gone_for_one_image_among_three_of_one_size_only():
    film = np.zeros((3, 9, 9), int)
    film[::2, 3:6, 3:6] = 1
    other = np.zeros((9, 10), int)
    assert survey._gone_for_one([*film, other]) == 1
    assert survey._gone_for_one([film[0], other, film[2]]) == 0


# ---- runs of chapter 11, and training


def test_reproduce_prepares_images_of_different_sizes(monkeypatch):
    monkeypatch.setattr(reproduce, "MARGIN", slice(10, -10))
    table = reproduce.Table("cells", None, (), stretch=True)
    train, choose, test = reproduce.split(table, reproduce.Part(), CELLS)
    assert [image.shape for image in train.images] == [(h - 20, w - 20) for h, w in SHAPES[:4]]
    assert choose.images[0].shape == SHAPES[0]
    assert np.array_equal(test.images[0], stretch(CELLS.images[4]))
    half = reproduce.shrunk(CELLS, 2)
    assert [labels.shape for labels in half.labels] == [(h // 2, w // 2) for h, w in SHAPES]
    corner = CELLS.images[0][:2, :2].mean()
    assert half.images[0][0, 0] == pytest.approx(corner, rel=1e-6)
    assert "72 x 96 can't be shrunk by 5" in message(ValueError, reproduce.shrunk, CELLS, 5)


def test_reproduce_scores_images_of_different_sizes(monkeypatch):
    torch.manual_seed(0)
    model = UNet(base_channels=2, depth=1)
    found = reproduce.probabilities([model, model], CELLS, shrink=2)
    assert [image.shape for image in found] == list(SHAPES)
    monkeypatch.setattr(reproduce, "RULES", [Rule(grow=1)])
    monkeypatch.setattr(reproduce, "THRESHOLDS", np.array([0.4, 0.6]))
    monkeypatch.setattr(reproduce, "probabilities", lambda *_: MAPS)
    scores = reproduce.score_cells([model], {"train": CELLS, "test": CELLS})["scores"]
    assert scores["seg"] == metrics.seg(CELLS.labels, reproduce.cells_of(MAPS, Rule(grow=1))) > 0.2
    scores = reproduce.score_membranes([model], {"test": CELLS})["scores"]["one pass"]["test"]
    assert scores["pixel_error"][0] == round(metrics.f_error(CELLS.labels, MOVED), 7)
    judged = reproduce.membrane_judge(CELLS)(model)
    assert judged["pixel_error"] == round(metrics.f_error(CELLS.labels, MOVED), 6)


def test_held_out_error_is_that_of_all_pixels():
    torch.manual_seed(0)
    model = UNet(base_channels=2, depth=1)
    errors = [training.held_out_error(model, MEMBRANES[k : k + 1], 60) for k in range(5)]
    expected = np.average(errors, weights=[labels.size for labels in MEMBRANES.labels])
    assert training.held_out_error(model, MEMBRANES, 60) == pytest.approx(expected, rel=1e-12)


def test_pictures_of_a_gallery_keep_their_shapes():
    page = plots.gallery({"wide": np.zeros((10, 40)), "tall": np.zeros((40, 10))})._repr_html_()
    assert 'width="40" height="10"' in page and 'width="10" height="40"' in page
