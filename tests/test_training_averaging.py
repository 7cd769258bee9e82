"""The mean of the weights is the mean that the formula says, and the network that is given back."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.swa_utils import AveragedModel

from unet_book import checkpoint, training
from unet_book.augmentation import Augmentation
from unet_book.datasets import Stack, phantom
from unet_book.training import Live, Preset, averaging, train
from unet_book.unet import UNet

TINY = Preset(
    base_channels=2,
    depth=1,
    tile=44,
    steps=12,
    measure_every=1,
    dropout=0.5,
    optimizer="adam",
    learning_rate=1e-2,
    augmentation=Augmentation(sigma=2.0),
    average=0.7,
)
HOW = {"seed": 3, "device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def data():
    return Stack("cells", *phantom.stack("cells", 2, (64, 72), seed=0))


def flat(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()]).double()


def walk(data, preset):
    """The weights after each step, raw and averaged, and the result."""
    seen = []

    def judge(model):
        seen.append(flat(model))
        return {"norm": seen[-1].norm().item()}

    result = train(data, preset, judge=judge, **HOW)
    return seen[1::2], seen[::2], result


# The mean ----------------------------------------------------------------------------------------


def shares(decay, count):
    """By brute force, how much each of the weights 0 ... count (the start, the steps) counts."""
    kept = [min(decay, (1 + k) / (10 + k)) for k in range(count)]
    return [float((1 - kept[k - 1] if k else 1) * np.prod(kept[k:])) for k in range(count + 1)]


@given(st.floats(0.01, 0.9999), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_mean_is_the_weighted_sum_of_all_steps(decay, count, seed):
    walk = np.random.default_rng(seed).normal(size=(count + 1, 5))
    model, mean = torch.nn.Linear(5, 1, bias=False).double(), None
    for k, place in enumerate(walk):
        with torch.no_grad():
            model.weight[:] = torch.from_numpy(place)
        if mean is None:
            mean = averaging.averaged(model, replace(TINY, average=decay))
        else:
            averaging.follow(mean, model, decay, k - 1)
    weights = shares(decay, count)
    assert sum(weights) == pytest.approx(1)
    assert mean.weight.detach().numpy()[0] == pytest.approx(np.array(weights) @ walk, abs=1e-9)


def test_it_is_pytorchs_averaged_model_with_a_warm_up(data):
    raw, averaged, result = walk(data, TINY)
    start, _ = training.start(TINY, HOW["seed"], torch.device("cpu"))
    theirs = AveragedModel(
        start,
        avg_fn=lambda mean, now, k: mean + (now - mean) * (1 - min(0.7, k.item() / (9 + k.item()))),
    )
    theirs.n_averaged += 1  # the weights at the start count as one
    for weights, ours in zip(raw, averaged, strict=True):
        torch.nn.utils.vector_to_parameters(weights.float(), start.parameters())
        theirs.update_parameters(start)
        torch.testing.assert_close(flat(theirs.module), ours, rtol=1e-5, atol=1e-7)
    assert torch.equal(flat(result.model), averaged[-1])
    assert (averaged[-1] - raw[-1]).abs().max() > 1e-3


def test_averaging_changes_no_step(data):
    raw, _, _ = walk(data, TINY)
    seen = []
    train(
        data, replace(TINY, average=0.0), judge=lambda model: seen.append(flat(model)) or {}, **HOW
    )
    assert all(torch.equal(kept, judged) for kept, judged in zip(raw, seen, strict=True))


def test_a_noisy_walk_in_a_valley_is_calmed_as_derived():
    """Chapter 9: with white noise of variance v the mean's is v (1 - a) / (1 + a)."""
    noise, decay = np.random.default_rng(0).normal(size=200_000), 0.9
    mean, found = 0.0, []
    for value in noise:
        mean = decay * mean + (1 - decay) * value
        found.append(mean)
    assert np.var(found[100:]) == pytest.approx(0.1 / 1.9, rel=0.05)


# What the training does with it ------------------------------------------------------------------


def test_the_history_has_both_and_the_averages_are_on_top(data):
    raw, averaged, result = walk(data, replace(TINY, measure_every=5))
    assert [entry["step"] for entry in result.history] == [5, 10, 12]
    for entry, mean, last in zip(result.history, averaged, raw, strict=True):
        assert entry["scores"]["norm"] == mean.norm().item()
        assert entry["raw"]["norm"] == last.norm().item()


def test_without_averaging_there_is_nothing_raw(data):
    result = train(data, replace(TINY, average=0.0, steps=2), judge=lambda model: {"a": 1}, **HOW)
    assert result.history[-1]["scores"] == {"a": 1} and "raw" not in result.history[-1]
    assert "scores" not in train(data, replace(TINY, steps=2), **HOW).history[-1]


def test_what_is_measured_and_shown_is_the_mean(data):
    shown, judged = [], []
    watch = Live(data)
    train(
        data,
        TINY,
        data,
        watch=lambda step, model: (watch(step, model), shown.append(flat(model))),
        judge=lambda model: judged.append(flat(model)) or {},
        **HOW,
    )
    assert all(
        torch.equal(watched, scored) for watched, scored in zip(shown[1:], judged[::2], strict=True)
    )


def test_a_checkpoint_gives_the_mean_and_keeps_the_latest(data, tmp_path):
    result = train(data, TINY, checkpoint=tmp_path / "a", **HOW)
    loaded = checkpoint.load_model(tmp_path / "a")
    assert torch.equal(flat(loaded), flat(result.model))
    latest = UNet(base_channels=2, depth=1)
    checkpoint.restore(tmp_path / "a", latest)
    assert not torch.equal(flat(latest), flat(result.model))


def test_a_checkpoint_without_a_mean_is_refused(data, tmp_path):
    train(data, replace(TINY, average=0.0, steps=2), checkpoint=tmp_path / "a", **HOW)
    with pytest.raises(ValueError, match="another preset.*average 0.0, not 0.7"):
        train(data, replace(TINY, steps=2), checkpoint=tmp_path / "a", **HOW)
    model = UNet(base_channels=2, depth=1)
    with pytest.raises(ValueError, match="a holds no mean of the weights"):
        checkpoint.restore(tmp_path / "a", model, average=model)


def test_a_checkpoint_needs_room_for_both(data, tmp_path):
    train(data, replace(TINY, steps=2), checkpoint=tmp_path / "a", **HOW)
    model = UNet(base_channels=2, depth=1)
    assert (tmp_path / "a").stat().st_size <= checkpoint.size(model, copies=3, numbers=20)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_that_is_none_is_refused(decay):
    with pytest.raises(ValueError, match="average must be in"):
        replace(TINY, average=decay)
