"""Training, and choosing the rule where nobody trained."""

from dataclasses import replace

import numpy as np
import pytest

from unet_book import datasets, fitting, instances, training
from unet_book.augmentation import Augmentation
from unet_book.datasets import Stack, phantom
from unet_book.finder import CellFinder, fingerprint
from unet_book.magnification import common_diameter, resampled
from unet_book.training import Preset

TINY = Preset(
    base_channels=2,
    depth=1,
    tile=44,
    steps=4,
    optimizer="adam",
    learning_rate=1e-2,
    dropout=0.0,
    w0=0.0,
    balance=False,
    measure_every=2,
    augmentation=Augmentation.none(),
)
HOW = {"device": "cpu", "progress": False, "engine": training.Engine("fp32")}


def stack(count, seed=0):
    images, labels = phantom.stack("cells", count, (60, 66), seed=seed)
    return Stack("drawn", images, labels)


def test_the_rule_is_chosen_on_the_images_that_were_held_out():
    data, held_out = stack(2), stack(2, seed=1)
    found = fitting.fit(data, held_out, TINY, (1, 99.8), **HOW)
    expected = training.train(data, TINY, held_out, **HOW).model
    mine = found.result.model.state_dict()
    assert all(value.equal(mine[name]) for name, value in expected.state_dict().items())
    answers = [CellFinder(expected).answer(image) for image in held_out.images]
    assert all(np.array_equal(a, b) for a, b in zip(answers, found.probabilities))
    known = [*data.labels, *held_out.labels]
    choice = instances.choose_rule(answers, held_out.labels, known)
    assert found.finder.rule == choice.rule == found.choice.rule
    assert found.finder.percentiles == (1, 99.8) and found.judged is held_out
    assert found.finder.seen == tuple(map(fingerprint, data.images))


def test_in_a_cross_validation_no_network_answers_what_it_has_trained_on(monkeypatch):
    data, trained_on = stack(5), []

    def train(images, preset, *rest, **how):
        trained_on.append({fingerprint(image) for image in images.images})
        return training.train(images, preset, *rest, **how)

    asked = []

    def answer(self, image):
        asked.append((len(trained_on) - 1, fingerprint(image)))
        return np.full(image.shape, 0.3, np.float32)

    monkeypatch.setattr(fitting, "train", train)
    monkeypatch.setattr(CellFinder, "answer", answer)
    found = fitting.cross_fit(data, replace(TINY, steps=1), **HOW)
    everything = {fingerprint(image) for image in data.images}
    assert len(trained_on) == 4 and trained_on[-1] == everything
    assert {image for _, image in asked} == everything and len(asked) == 5
    assert not [image for number, image in asked if image in trained_on[number]]
    assert found.finder.seen == tuple(map(fingerprint, data.images))


def test_a_cross_validation_keeps_answers_in_the_order_of_the_images(monkeypatch):
    data = stack(5)
    monkeypatch.setattr(CellFinder, "answer", lambda self, image: image)
    found = fitting.cross_fit(data, replace(TINY, steps=1), **HOW)
    assert all(np.array_equal(a, b) for a, b in zip(found.probabilities, data.images))


def test_each_training_of_a_cross_validation_goes_on_from_its_own_file(tmp_path):
    data, names = stack(3), []

    def place(name):
        names.append(name)
        return tmp_path / f"{name}.safetensors"

    first = fitting.cross_fit(data, TINY, checkpoint=place, **HOW)
    assert names == ["fold0", "fold1", "fold2", ""] and len([*tmp_path.iterdir()]) == 4
    again = fitting.cross_fit(data, TINY, checkpoint=place, **HOW)
    assert all(np.array_equal(a, b) for a, b in zip(first.probabilities, again.probabilities))


@pytest.mark.parametrize("fit", ["held out", "cross-validation"])
def test_the_network_trains_on_one_size_of_cells_and_is_judged_on_images_as_they_are(
    monkeypatch, fit
):
    small, large = stack(2), stack(2, seed=1)
    tripled = [[np.kron(a, np.ones((3, 3), a.dtype)) for a in arrays] for arrays in zip(*large)]
    images, labels = tripled
    data = Stack("both", [*small.images, *images], [*small.labels, *labels])
    shapes, size = [], common_diameter(data)

    def train(images, preset, kept=None, **how):
        shapes.append([image.shape for image in images.images])
        return training.train(images, preset, kept, **how)

    monkeypatch.setattr(fitting, "train", train)
    quick = replace(TINY, steps=1)
    if fit == "held out":
        found = fitting.fit(data, data[1:3], quick, diameter=size, **HOW)
        assert found.judged.images[1].shape == (180, 198)
    else:
        found = fitting.cross_fit(data, quick, diameter=size, **HOW)
    assert shapes[-1] == [image.shape for image in resampled(data, size).images]
    assert shapes[-1] != [image.shape for image in data.images]
    assert [a.shape for a in found.probabilities] == [i.shape for i in found.judged.images]
    assert found.finder.diameter == size
    assert found.finder.seen == tuple(map(fingerprint, data.images))


def test_without_a_true_cell_the_rule_is_the_plain_one():
    empty = Stack("empty", stack(1).images, np.zeros((1, 60, 66), int))
    with pytest.warns(UserWarning, match="holds a cell"):
        found = fitting.fit(stack(1), empty, TINY, **HOW)
    assert found.choice is None and found.finder.rule == instances.Rule()


@pytest.mark.parametrize("count", range(2, 12))
def test_folds_keep_each_image_once(count):
    kept = fitting.folds(count)
    assert sorted(sum(kept, [])) == list(range(count))
    assert len(kept) == min(3, count)
    assert max(map(len, kept)) - min(map(len, kept)) <= 1


def test_one_image_can_not_be_cross_validated():
    with pytest.raises(ValueError, match="two images"):
        fitting.cross_fit(datasets.load("nuclei"), TINY, **HOW)
