"""A cell finder: network, gray values and rule, kept together."""

from dataclasses import asdict

import numpy as np
import pytest
import torch

from unet_book import checkpoint, gray, instances
from unet_book.datasets import phantom, to_unit
from unet_book.finder import CellFinder, best_tile, fingerprint
from unet_book.instances import Rule
from unet_book.overlap_tile import predict
from unet_book.unet import UNet

RULE = Rule(0.2, core=0.3, smallest=3, grow=1)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return UNet(base_channels=2, depth=1).eval()


@pytest.fixture
def image():
    return np.uint16(900 * phantom.cells((60, 50), seed=2)[0] + 70)


def test_gray_values_reach_the_network_as_its_percentiles_say(model, image):
    for percentiles in ((1, 99.8), (5, 90)):
        expected = predict(model, gray.stretch(image, *percentiles), best_tile(model))[1]
        assert np.array_equal(CellFinder(model, percentiles).probability(image), expected)
    plain = CellFinder(model, None)
    assert np.array_equal(plain.probability(image), plain.answer(to_unit(image)))


def test_cells_are_those_of_the_rule(model, image):
    finder = CellFinder(model, rule=RULE)
    cells = instances.find_cells(finder.probability(image), RULE)
    assert cells.any() and np.array_equal(finder.find(image), cells)


def test_the_type_of_a_file_changes_nothing(model, image):
    finder = CellFinder(model)
    expected = finder.probability(image)
    for other in (image * 60, image.astype(float) / 7, image.astype(np.float32) - 500):
        assert np.allclose(finder.probability(other), expected, atol=1e-5)


def test_one_file_holds_all_of_it(model, image, tmp_path):
    finder = CellFinder(model, (2.0, 97.0), RULE, seen=(3, 2**32 - 1), diameter=17.5)
    finder.save(tmp_path / "a.safetensors")
    found = CellFinder.load(tmp_path / "a.safetensors", "cpu")
    assert (found.percentiles, found.rule, found.seen) == ((2.0, 97.0), RULE, (3, 2**32 - 1))
    assert found.diameter == 17.5
    assert np.array_equal(found.find(image), finder.find(image))


def test_a_network_alone_is_used_as_the_book_uses_it(model, tmp_path):
    checkpoint.save(tmp_path / "a.safetensors", model)
    found = CellFinder.load(tmp_path / "a.safetensors", "cpu")
    assert (found.percentiles, found.rule, found.seen) == (None, Rule(), ())
    assert found.diameter is None


@pytest.mark.parametrize(
    "settings",
    [
        {"percentiles": [99, 1], "rule": {}},
        {"percentiles": [1], "rule": {}},
        {"percentiles": "ab", "rule": {}},
        {"percentiles": None, "rule": {"threshold": 2}},
        {"percentiles": None, "rule": {"level": 0.5}},
        {"percentiles": None, "rule": asdict(RULE), "more": 1},
        {"percentiles": None, "rule": asdict(RULE), "seen": ["a"]},
        {"percentiles": None, "rule": {}, "diameter": 0},
        {"percentiles": None, "rule": {}, "diameter": float("nan")},
        {"rule": {}},
    ],
)
def test_settings_that_cannot_be_are_refused(model, tmp_path, settings):
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, model, state={"finder": settings})
    with pytest.raises(ValueError, match="a.safetensors: what it says of finding cells"):
        CellFinder.load(path, "cpu")


# Cells of another size ---------------------------------------------------------------------------


def discs(diameter, side=120):
    """Four discs, whose probability is 1."""
    near = np.abs(np.arange(side) % (side // 2) - side / 4 + 0.5)
    return np.float32(np.hypot(*np.meshgrid(near, near)) < diameter / 2)


def asked(monkeypatch, image, diameter, cells=None):
    """The shapes in which a network that repeats the image is asked, and what comes out."""
    shapes = []

    def predict(model, image, tile):
        shapes.append(image.shape)
        return np.stack([1 - image, image])

    monkeypatch.setattr("unet_book.finder.predict", predict)
    network = UNet(base_channels=1, depth=1)
    return shapes, *CellFinder(network, diameter=diameter).sized_answer(image, cells)


@pytest.mark.parametrize(
    "diameter, shapes",
    [
        (None, [(120, 120)]),
        (30, [(120, 120)]),
        (33, [(120, 120)]),
        (15, [(120, 120), (60, 60)]),
        (3, [(120, 120), (30, 30)]),
        (55, [(120, 120), (220, 220)]),
        (90, [(120, 120), (240, 240)]),
    ],
)
def test_an_image_of_other_cells_is_answered_again_at_their_size(monkeypatch, diameter, shapes):
    image = discs(30)
    found, answer, _ = asked(monkeypatch, image, diameter)
    # the discs' pixels are counted, so that the diameter is a little off
    assert [np.allclose(a, b, atol=2) for a, b in zip(found, shapes)] == [True] * len(shapes)
    assert len(found) == len(shapes) and answer.shape == image.shape
    assert ((answer > 0.5) != (image > 0.5)).mean() < 0.02


@pytest.mark.parametrize("cells, asked_at", [(30, [(120, 120)]), (15, [(240, 240)])])
def test_a_diameter_that_is_said_needs_no_first_answer(monkeypatch, cells, asked_at):
    shapes, _, by = asked(monkeypatch, discs(30), 30, cells)
    assert (shapes, by) == (asked_at, 30 / cells)


def test_an_image_without_a_cell_is_answered_once(monkeypatch):
    assert asked(monkeypatch, np.zeros((50, 40), np.float32), 20)[0] == [(50, 40)]


def test_a_fingerprint_tells_images_apart_and_their_shapes():
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    same = np.asfortranarray(image)
    others = [image + 1, image.T, image.reshape(4, 3), image[:, ::-1]]
    assert fingerprint(same) == fingerprint(image)
    assert len({fingerprint(array) for array in (image, *others)}) == 5
