"""He's Gaussian, its N counted by hand, and what it does to the signal."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from unet_book.initialization import activation_statistics, fan_in, he_normal_
from unet_book.unet import UNet, crop

steady = settings(deadline=None, derandomize=True, database=None)  # the same examples every time
small = st.integers(1, 3)
WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def layers(model):
    return [layer for layer in model.modules() if isinstance(layer, WEIGHTED)]


# N, counted --------------------------------------------------------------------------------------


def connections(layer, image, row, column):
    """How many elements of `image` reach one output element, by the gradient."""
    nn.init.ones_(layer.weight)
    image.requires_grad_()
    (gradient,) = torch.autograd.grad(layer(image)[0, 0, row, column], image)
    return int(gradient.count_nonzero())


@steady
@given(channels=small, groups=small, side=st.integers(1, 5), stride=small, dilation=small)
def test_fan_in_of_a_convolution_is_what_an_inner_pixel_reads(
    channels, groups, side, stride, dilation
):
    layer = nn.Conv2d(channels * groups, groups, side, stride, dilation=dilation, groups=groups)
    assert fan_in(layer) == connections(layer, torch.ones(1, channels * groups, 40, 40), 4, 4)


@steady
@given(channels=small, groups=small, side=st.integers(1, 6), stride=small)
def test_fan_in_of_an_up_convolution_is_what_an_inner_pixel_reads_on_average(
    channels, groups, side, stride
):
    layer = nn.ConvTranspose2d(channels * groups, groups, side, stride, groups=groups)
    image = torch.ones(1, channels * groups, 12, 12)
    first = 6 * stride  # an output pixel far enough from the edge, and the raster that it begins
    raster = range(first, first + stride) if side % stride else [first]
    counts = [connections(layer, image, row, column) for row in raster for column in raster]
    assert fan_in(layer) == pytest.approx(sum(counts) / len(counts), abs=1e-12)


def test_fan_in_of_the_papers_example_is_576():
    assert fan_in(nn.Conv2d(64, 64, 3)) == 576


@pytest.mark.parametrize("side, expected", [(2, 10), (4, 40)])
def test_fan_in_of_an_up_convolution_of_stride_2_counts_every_second_pixel(side, expected):
    assert fan_in(nn.ConvTranspose2d(10, 3, side, stride=2)) == expected


def test_fan_in_of_a_linear_layer_is_its_inputs():
    assert fan_in(nn.Linear(7, 3)) == 7


def test_fan_in_of_a_layer_without_weights_is_refused_by_name():
    with pytest.raises(TypeError, match="Conv2d, ConvTranspose2d, Linear, not .*ReLU"):
        fan_in(nn.ReLU())


# The draw ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_each_layer_has_the_papers_standard_deviation_within_3_sigma(variant):
    for layer in layers(he_normal_(UNet(base_channels=16, variant=variant), seeded())):
        weight, n = layer.weight, layer.in_channels
        if isinstance(layer, nn.Conv2d):
            n *= layer.kernel_size[0] ** 2
        expected = math.sqrt(2 / n)
        sigma = expected / math.sqrt(2 * weight.numel())  # of a sample's standard deviation
        assert abs(weight.std().item() - expected) < 3 * sigma, layer
        assert abs(weight.mean().item()) < 3 * expected / math.sqrt(weight.numel()), layer


def test_weights_are_gaussian():
    weight = he_normal_(nn.Conv2d(64, 256, 3), seeded()).weight * math.sqrt(576 / 2)
    kurtosis = weight.double().pow(4).mean().item()
    assert kurtosis == pytest.approx(3, abs=3 * math.sqrt(96 / weight.numel()))


def test_biases_are_0():
    model = he_normal_(UNet(base_channels=2, depth=2), seeded())
    assert not any(layer.bias.any() for layer in layers(model))


def test_a_layer_without_bias_is_taken_too():
    assert he_normal_(nn.Conv2d(1, 1, 3, bias=False), seeded()).bias is None


def test_a_linear_layer_is_drawn_too():
    layer = he_normal_(nn.Linear(1000, 100), seeded())
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 1000), rel=0.01)


def test_the_module_itself_is_returned():
    model = nn.Conv2d(1, 1, 3)
    assert he_normal_(model, seeded()) is model


def test_the_weights_still_learn():
    assert all(p.requires_grad for p in he_normal_(nn.Conv2d(1, 1, 3), seeded()).parameters())


def drawn(generator):
    model = he_normal_(UNet(base_channels=2, depth=2), generator)
    return nn.utils.parameters_to_vector(model.parameters())


def test_the_same_seed_gives_the_same_bits():
    assert torch.equal(drawn(seeded(7)), drawn(seeded(7)))


def test_another_seed_gives_other_weights():
    assert not torch.equal(drawn(seeded(7)), drawn(seeded(8)))


def test_no_generator_means_fresh_entropy():
    assert not torch.equal(drawn(None), drawn(None))


@pytest.mark.parametrize("generator", [None, seeded()])
def test_the_global_generator_is_left_alone(generator):
    model = UNet(base_channels=2, depth=2)
    before = torch.get_rng_state()
    he_normal_(model, generator)
    assert torch.equal(torch.get_rng_state(), before)


# What it is for ----------------------------------------------------------------------------------


def gain_of_a_layer(initialize, depth=20, width=256):
    """Growth of the mean square from layer to layer, in a chain of convolutions with ReLUs."""
    x = torch.randn(1, width, 8, 8, generator=seeded()).relu()  # second moment 1/2
    first = last = None
    for _ in range(depth):
        layer = nn.Conv2d(width, width, 3, padding=1, padding_mode="circular", bias=False)
        x = initialize(layer)(x)
        last = x.square().mean().item()
        first = first or last
        x = x.relu()
    return (last / first) ** (1 / (depth - 1))


@torch.no_grad()
def test_a_deep_chain_keeps_the_size_of_its_signal():
    generator = seeded(1)
    assert gain_of_a_layer(lambda layer: he_normal_(layer, generator)) == pytest.approx(1, abs=0.05)


@torch.no_grad()
def test_with_the_defaults_of_the_framework_the_signal_fades_sixfold_a_layer():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert gain_of_a_layer(lambda layer: layer) == pytest.approx(1 / 6, rel=0.05)


@torch.no_grad()
def test_an_up_convolution_keeps_the_size_of_its_signal():
    x = torch.randn(1, 512, 16, 16, generator=seeded()).relu()
    y = he_normal_(nn.ConvTranspose2d(512, 256, 2, stride=2), seeded(1))(x)
    assert y.square().mean().item() == pytest.approx(1, abs=0.05)


# Activation statistics ---------------------------------------------------------------------------


def network(**arguments):
    return he_normal_(UNet(base_channels=2, **arguments).double(), seeded())


def noise(size):
    return torch.randn(2, 1, size, size, generator=seeded(), dtype=torch.float64)


@torch.no_grad()
def before_relu(model, x):
    """What every layer of the paper's network puts out, written down layer by layer."""
    found, skips = [], []

    def apply(function, layer, x, **arguments):
        found.append(function(x, layer.weight, layer.bias, **arguments))
        return found[-1]

    def pair(block, x):
        return apply(F.conv2d, block[2], apply(F.conv2d, block[0], x).relu()).relu()

    for encoder in model.encoders:
        skips.append(pair(encoder, x))
        x = F.max_pool2d(skips[-1], 2)
    x = pair(model.bottom, x)
    for up, decoder in zip(model.up_convolutions, model.decoders):
        x = apply(F.conv_transpose2d, up, x, stride=2)
        x = pair(decoder, torch.cat([crop(skips.pop(), x.shape[-2:]), x], dim=1))
    apply(F.conv2d, model.classifier, x)
    return found


def test_statistics_are_those_of_a_forward_written_by_hand():
    model, image = network(), noise(188)
    statistics, expected = activation_statistics(model, image), before_relu(model, image)
    assert len(statistics) == len(expected) == 23
    for entry, x in zip(statistics, expected):
        assert entry.mean == pytest.approx(x.mean().item(), rel=1e-12, abs=1e-12)
        assert entry.mean_square == pytest.approx(x.square().mean().item(), rel=1e-12)
        assert entry.variance == pytest.approx(x.var(correction=0).item(), rel=1e-9)


def test_statistics_come_in_the_order_of_execution():
    names = [entry.name for entry in activation_statistics(network(depth=2), noise(44))]
    assert names == [
        *["encoders.0.0", "encoders.0.2", "encoders.1.0", "encoders.1.2", "bottom.0", "bottom.2"],
        *["up_convolutions.0", "decoders.0.0", "decoders.0.2"],
        *["up_convolutions.1", "decoders.1.0", "decoders.1.2", "classifier"],
    ]


def test_statistics_are_taken_without_dropout():
    model = network(depth=2).train()
    assert activation_statistics(model, noise(44)) == activation_statistics(model, noise(44))


def modes(model):
    return {name: module.training for name, module in model.named_modules()}


def partly_frozen():
    model = network(depth=2).train()
    model.dropout.eval()
    return model, modes(model)


def hooks(model):
    return [hook for module in model.modules() for hook in module._forward_hooks.values()]


def test_every_part_of_the_model_keeps_its_mode():
    model, before = partly_frozen()
    activation_statistics(model, noise(44))
    assert modes(model) == before


def test_no_hook_is_left():
    model = network(depth=2)
    activation_statistics(model, noise(44))
    assert hooks(model) == []


def test_a_forward_that_raises_leaves_mode_and_hooks_as_they_were():
    model, before = partly_frozen()
    with pytest.raises(ValueError, match="a side of 45 pixels"):
        activation_statistics(model, noise(45))
    assert modes(model) == before
    assert hooks(model) == []
