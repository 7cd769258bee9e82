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
    finder = CellFinder(model, (2.0, 97.0), RULE, seen=(3, 2**32 - 1))
    finder.save(tmp_path / "a.safetensors")
    found = CellFinder.load(tmp_path / "a.safetensors", "cpu")
    assert (found.percentiles, found.rule, found.seen) == ((2.0, 97.0), RULE, (3, 2**32 - 1))
    assert np.array_equal(found.find(image), finder.find(image))


def test_a_network_alone_is_used_as_the_book_uses_it(model, tmp_path):
    checkpoint.save(tmp_path / "a.safetensors", model)
    found = CellFinder.load(tmp_path / "a.safetensors", "cpu")
    assert (found.percentiles, found.rule, found.seen) == (None, Rule(), ())


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
        {"rule": {}},
    ],
)
def test_settings_that_cannot_be_are_refused(model, tmp_path, settings):
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, model, state={"finder": settings})
    with pytest.raises(ValueError, match="a.safetensors: what it says of finding cells"):
        CellFinder.load(path, "cpu")


def test_a_fingerprint_tells_images_apart_and_their_shapes():
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    same = np.asfortranarray(image)
    others = [image + 1, image.T, image.reshape(4, 3), image[:, ::-1]]
    assert fingerprint(same) == fingerprint(image)
    assert len({fingerprint(array) for array in (image, *others)}) == 5
