"""Arrays as files give them: any byte order, any layout, read-only; and more cells than usual."""

import numpy as np
import pytest
import torch

from unet_book import datasets, metrics
from unet_book.datasets import phantom
from unet_book.elastic import deform, deform_pair, random_displacement
from unet_book.weight_map import class_balance, part_touching_cells, weight_map

IMAGE, LABELS = phantom.cells((60, 66), seed=0)
SHIFTED = np.roll(LABELS, 1, 0)
FIELD = random_displacement((60, 66), generator=np.random.default_rng(0))
VECTORS = np.random.default_rng(0).normal(size=(2, 3, 3))

ROOMS = {
    "seg": lambda image, labels: metrics.seg(labels, SHIFTED),
    "v_rand": lambda image, labels: metrics.v_rand(labels, SHIFTED),
    "warping_error": lambda image, labels: metrics.warping_error(labels, SHIFTED),
    "iou": lambda image, labels: metrics.iou(labels, SHIFTED),
    "thin": lambda image, labels: metrics.thin(labels),
    "part_touching_cells": lambda image, labels: part_touching_cells(labels),
    "weight_map": lambda image, labels: weight_map(labels),
    "class_balance": lambda image, labels: class_balance(labels),
    "instances": lambda image, labels: datasets.instances(labels),
    "deform labels": lambda image, labels: deform(labels, FIELD, order=0),
    "deform image": lambda image, labels: deform(image, FIELD),
    "deform_pair": lambda image, labels: np.stack(deform_pair(image, labels, VECTORS)),
    "to_unit": lambda image, labels: datasets.to_unit(image),
}


def as_big_endian(array):
    return array.astype(array.dtype.newbyteorder(">"))


def as_columns(array):
    return np.asfortranarray(array)


def as_read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


def as_every_other(array):
    return np.repeat(array, 2, axis=1)[:, ::2]


def as_turned(array):
    return array[::-1].copy()[::-1]


@pytest.mark.parametrize(
    "dress", [as_big_endian, as_columns, as_read_only, as_every_other, as_turned]
)
@pytest.mark.parametrize("room", ROOMS)
def test_how_an_array_lies_in_memory_changes_nothing(room, dress):
    given = dress(IMAGE), dress(LABELS)
    assert np.array_equal(ROOMS[room](*given), ROOMS[room](IMAGE, LABELS))
    assert np.array_equal(given[0], IMAGE) and np.array_equal(given[1], LABELS)


@pytest.mark.parametrize("dtype", ["u1", "i1", ">u2", ">i4", "u4", "u8", "i8"])
@pytest.mark.parametrize(
    "room", ["seg", "v_rand", "iou", "weight_map", "class_balance", "instances", "deform labels"]
)
def test_the_type_of_labels_changes_nothing(room, dtype):
    assert np.array_equal(ROOMS[room](IMAGE, LABELS.astype(dtype)), ROOMS[room](IMAGE, LABELS))


def test_as_many_cells_as_a_slide_has():
    """A table of all pairs would take 200 GB."""
    cells = np.arange(1, 160_001, dtype=np.int32).reshape(400, 400)
    truth = np.kron(cells, np.ones((2, 2), np.int32))
    found = np.where(np.arange(800) % 4 == 3, 0, truth)  # half of the cells lose half of theirs
    assert metrics.seg(truth, truth) == metrics.v_rand(truth, truth) == 1
    assert metrics.seg(truth, found) == 0.5  # a half is not more than a half
    assert 0.5 < metrics.v_rand(truth, found) < 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_float_of_torch_is_read(dtype):
    """numpy has no bfloat16."""
    image = torch.tensor(IMAGE).to(dtype)
    found = datasets.to_unit(image)
    assert isinstance(found, torch.Tensor) and found.dtype == torch.float32
    assert np.array_equal(found, datasets.to_unit(image.double().numpy()))
    stack = datasets.Stack("a", [image.clamp(0, 1)], [LABELS])
    assert np.array_equal(stack.images[0], image.clamp(0, 1).float())
    scores = [metrics.challenge_scores(LABELS, p, [0.5]) for p in (found.to(dtype), found)]
    assert abs(scores[0]["pixel_error"] - scores[1]["pixel_error"]) < 0.01


@pytest.mark.parametrize("height", [60, 50])
def test_a_stack_is_a_copy(height):
    """What its owner does to an array later changes nothing in it."""
    images = [IMAGE.copy(), IMAGE[:height].copy()]
    labels = [LABELS.copy(), LABELS[:height].copy()]
    stack = datasets.Stack("a", images, labels)
    images[0][:], labels[0][:] = 0.5, 7
    assert np.array_equal(stack.images[0], IMAGE) and np.array_equal(stack.labels[0], LABELS)
