"""The account of a training step's memory beside the tensors that a step really has."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from unet_book import loss
from unet_book.costs import memory
from unet_book.loss import weighted_cross_entropy
from unet_book.sizes import is_valid_size
from unet_book.training import Preset, averaging
from unet_book.unet import UNet

OPTIMIZERS = {
    "sgd": lambda weights: torch.optim.SGD(weights, lr=1e-3, momentum=0.99),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def network(base=8, depth=2, variant="paper", dropout=0.5):
    return UNet(base_channels=base, depth=depth, variant=variant, dropout=dropout)


def step_of(model, tile, batch=1, precision="fp32", optimizer="sgd", average=False):
    """A training step as `training` makes it, the optimizer's state there already."""
    mean = averaging.averaged(model, Preset(average=0.9 if average else 0.0))
    optimizer = OPTIMIZERS[optimizer](model.parameters())
    image = torch.rand(batch, 1, tile, tile)
    with torch.no_grad():
        shape = (batch, *model(image).shape[-2:])
    target, weights = torch.randint(0, 2, shape, dtype=torch.int32), torch.rand(shape)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = model(image)
        energy = weighted_cross_entropy(logits, target, weights)
        del logits
        energy.backward()
        optimizer.step()
        averaging.follow(mean, model, 0.9, 0)

    step()
    model.zero_grad(set_to_none=True)
    return step


@pytest.mark.parametrize(
    "network_has, tile, step_has",
    [
        ({}, 60, {}),
        ({}, 60, {"batch": 2}),
        ({}, 60, {"precision": "bf16"}),
        ({"variant": "released"}, 60, {}),
        ({"variant": "released"}, 60, {"precision": "bf16"}),
        ({"dropout": 0.0}, 60, {"optimizer": "adam"}),
        ({"depth": 1, "base": 16}, 60, {"optimizer": "adamw"}),
        ({"depth": 3, "base": 16}, 92, {}),
        ({"depth": 3, "base": 16}, 92, {"optimizer": "adam"}),
        ({"depth": 3, "base": 16}, 92, {"optimizer": "adamw", "average": True}),
        ({"depth": 3, "base": 4}, 140, {"precision": "bf16", "batch": 2}),
    ],
)
def test_the_account_is_what_a_step_has(network_has, tile, step_has):
    model = network(**network_has)
    counted = memory.peak(step_of(model, tile, **step_has))
    assert memory.account(model, tile, **step_has).peak == pytest.approx(counted, rel=0.06)


@pytest.mark.parametrize(
    "network_has, tile, at",
    [
        ({}, 60, "join"),
        ({"variant": "released"}, 60, "join"),
        ({"variant": "released", "depth": 1}, 62, "decoders.0.0"),
        ({"base": 32}, 60, "pool"),
    ],
)
def test_in_float32_the_account_is_exact_wherever_the_peak_is(network_has, tile, at):
    model = network(**network_has)
    found = memory.account(model, tile)
    assert found.at.name == at
    assert found.peak == pytest.approx(memory.peak(step_of(model, tile)), rel=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_padded_network_within_a_tenth(precision):
    model = network(variant="same")
    counted = memory.peak(step_of(model, 64, precision=precision))
    found = memory.account(model, 64, precision=precision).peak
    assert found == pytest.approx(counted, rel=0.1)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_papers_step_counted_without_computing_it(papers, precision, monkeypatch):
    monkeypatch.setattr(loss, "_check", lambda *arguments: None)  # it looks at values
    with FakeTensorMode():  # tensors with a shape and no numbers
        step = step_of(network(64, 4), 572, precision=precision)
        counted = memory.peak(step)
    found = memory.account(papers, 572, precision=precision).peak
    assert found == pytest.approx(counted, rel=0.03)


@pytest.fixture(scope="module")
def papers():
    with torch.device("meta"):
        return UNet()


def test_the_papers_network_by_hand(papers):
    found = memory.account(papers, 572)
    assert 1e9 < found.peak < 6e9  # it fits the paper's GPU
    assert found.total("weights") == found.total("gradients") == found.total("optimizer")
    assert found.total("weights") == 4 * 31_030_658
    kept = {layer.kind: 0 for layer in found.layers}
    for layer in found.layers:
        kept[layer.kind] += layer.kept
    # Every pooled value takes 4 bytes, and 8 more for where it was.
    pooled = 64 * 284**2 + 128 * 140**2 + 256 * 68**2 + 512 * 32**2
    assert kept["max-pool 2x2"] == 12 * pooled
    joined = 128 * 392**2 + 256 * 200**2 + 512 * 104**2 + 1024 * 56**2
    assert kept["concatenation"] == 4 * joined
    assert kept["up-conv 2x2"] == 0  # its map is copied into the concatenation
    convolved = 64 * (570**2 + 568**2 + 390**2 + 388**2) + 128 * (282**2 + 280**2 + 198**2 + 196**2)
    convolved += 256 * (138**2 + 136**2 + 102**2 + 100**2) + 512 * (66**2 + 64**2 + 54**2 + 52**2)
    convolved += 1024 * (30**2 + 28**2)
    dropped = 512 * 64**2 + 1024 * 28**2  # once more behind the dropout, and once for its mask
    assert kept["conv 3x3"] == 4 * (convolved + 2 * dropped)


# Kept, passing and waiting of the smallest network, in float32 numbers: tile 18, base 2, depth 1.
BY_HAND = {
    "batch": (18**2 + 2 * 2**2, 0, 0),  # the image; class and weight of 2 x 2 answers
    "encoders.0.0": (2 * 16**2, 2 * 16**2, 0),  # the ReLU's gradient; the image gets none
    "encoders.0.2": (3 * 2 * 14**2, 2 * 16**2, 0),  # the map before dropout, behind it, the mask
    "pool": (3 * 2 * 7**2, 2 * 14**2, -2 * 14**2),  # a place takes as much as two numbers
    "bottom.0": (4 * 5**2, 4 * 5**2, 0),
    "bottom.2": (3 * 4 * 3**2, 4 * 5**2, 0),
    "up_convolutions.0": (0, 4 * 3**2 + 4 * 6**2, 0),
    "join": (4 * 6**2, 2 * 6 * 14, 2 * 14**2),
    "decoders.0.0": (2 * 4**2, 4 * 6**2, 0),
    "decoders.0.2": (2 * 2**2, 2 * 4**2, 0),
    "classifier": (0, 2 * 2 * 2**2, 0),
    "energy": (2 * 2**2 + 3 * 2**2, 2 * 2 * 2**2, 0),  # logarithms; weight and class, in int64
    "step": (0, 0, 0),
}


def columns(found):
    return {layer.name: (layer.kept, layer.passing, layer.waiting) for layer in found.layers}


@pytest.mark.parametrize("batch", [1, 3])
def test_the_smallest_network_by_hand(batch):
    found = columns(memory.account(network(2, 1), 18, batch=batch))
    assert found == {name: tuple(4 * batch * n for n in row) for name, row in BY_HAND.items()}


def test_without_dropout_no_map_is_kept_twice():
    found = columns(memory.account(network(2, 1, dropout=0), 18))
    assert found["encoders.0.2"][0] == 4 * 2 * 14**2 and found["bottom.2"][0] == 4 * 4 * 3**2


def test_where_nothing_is_cropped_the_whole_gradient_of_the_concatenation_waits():
    found = columns(memory.account(network(2, 1, "same"), 16))
    assert found["join"] == (4 * 4 * 16**2, 0, 4 * 4 * 16**2)
    assert found["pool"][2] == -4 * 4 * 16**2


def test_adam_needs_room_for_two_copies_of_the_largest_weights():
    model = network(2, 1)
    largest = 4 * 9 * 4 + 4  # of bottom.2
    for optimizer, device, numbers in [("adamw", "cpu", 2 * largest), ("adam", "cuda", 0)]:
        found = memory.account(model, 18, optimizer=optimizer, device=device)
        batch, *_, step = found.layers
        assert step.passing == 4 * numbers
        always = found.total("weights") + found.total("gradients") + found.total("optimizer")
        assert step.moment == always + batch.kept + step.passing


def test_the_peak_is_where_the_first_skip_gets_its_gradient(papers):
    found = memory.account(papers, 572)
    joins = [layer for layer in found.layers if layer.kind == "concatenation"]
    assert found.at is joins[-1]
    # All but what the last two convolutions have used up, and the gradient of a whole skip.
    assert found.at.waiting == 4 * 64 * 568**2
    assert found.peak < sum(map(found.total, ("weights", "gradients", "optimizer", "kept"))) * 1.1


def test_half_the_bytes_save_less_than_half(papers):
    single, half = (memory.account(papers, 572, precision=p) for p in ("fp32", "bf16"))
    assert half.total("weights") == single.total("weights")
    assert 0.5 < half.total("kept") / single.total("kept") < 0.7
    on_gpu = memory.account(papers, 572, precision="bf16", device="cuda")
    assert single.peak > half.peak > on_gpu.peak


def test_bf16_has_half_the_maps_and_a_copy_of_image_and_weights(papers):
    single, half = (memory.account(papers, 572, precision=p).layers for p in ("fp32", "bf16"))
    assert half[0].kept == single[0].kept + 2 * 572**2
    for one, other in zip(single, half):
        if "conv" in one.kind:
            assert other.kept == one.kept // 2 + one.weights // 2
            assert other.passing == one.passing // 2 + one.weights // 2  # the copy's gradient


def test_a_relu_behind_an_up_convolution_keeps_its_map():
    with torch.device("meta"):
        layers = memory.account(network(variant="released", base=2), 60).layers
    kept = [layer.kept for layer in layers if layer.kind == "up-conv 2x2"]
    assert kept == [4 * 4 * 16**2, 4 * 4 * 24**2]  # the last keeps its channels


@pytest.mark.parametrize("how", [{}, {"precision": "bf16", "batch": 4, "optimizer": "adam"}])
def test_the_largest_tile_is_the_last_that_fits(how):
    with torch.device("meta"):
        model = network(base=4)
    tile = memory.largest_tile(20_000_000, model, **how)
    assert is_valid_size(tile, depth=2)
    assert memory.account(model, tile, **how).peak <= 20_000_000
    assert memory.account(model, tile + 4, **how).peak > 20_000_000
    assert memory.largest_tile(10_000, model, **how) is None
    assert memory.largest_tile(-1, model, **how) is None


def test_what_is_not_known_is_refused():
    model = network(base=2)
    with pytest.raises(ValueError, match="fp32 or bf16, not 'fp16'"):
        memory.account(model, 60, precision="fp16")
    with pytest.raises(ValueError, match="sgd or adam or adamw, not 'lion'"):
        memory.account(model, 60, optimizer="lion")
    with pytest.raises(ValueError, match="batch must be 1 or more, not 0"):
        memory.account(model, 60, batch=0)
    with pytest.raises(ValueError, match="nearest sizes that do are 60 and 64"):
        memory.account(model, 61)


def test_the_peak_counts_what_is_alive_at_once():
    old = torch.zeros(1000)

    def run():
        kept = old + 1  # with `old` 8,000 bytes
        for _ in range(3):
            kept + 1  # 4,000 more, and freed
        kept.mul_(2).view(10, 100)  # nothing
        return torch.empty(500, dtype=torch.int64).fill_(0)  # 4,000 more

    assert memory.peak(run) == 12_000
    assert memory.peak(lambda: old.mul_(2)) == 4_000
    assert memory.peak(lambda: None) == 0
