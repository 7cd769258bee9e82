"""He's Gaussian, its N counted by hand, and what it does to the signal."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from unet_book.initialization import (
    Moments,
    activation_statistics,
    fan_in,
    framework_default_,
    framework_fan_in,
    framework_variances,
    he_normal_,
    he_variances,
    image_moments,
    max_pooled,
    predicted_mean_squares,
    rectified,
    unit_variance_,
    unit_variances,
    xavier_normal_,
    xavier_variances,
)
from unet_book.unet import UNet, crop

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


@given(channels=small, groups=small, side=st.integers(1, 5), stride=small, dilation=small)
def test_fan_in_of_a_convolution_is_what_an_inner_pixel_reads(
    channels, groups, side, stride, dilation
):
    layer = nn.Conv2d(channels * groups, groups, side, stride, dilation=dilation, groups=groups)
    assert fan_in(layer) == connections(layer, torch.ones(1, channels * groups, 40, 40), 4, 4)


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
    with pytest.raises(TypeError, match="Conv2d, .*ConvTranspose3d, Linear, not .*ReLU"):
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


# Other rules -------------------------------------------------------------------------------------


def test_xavier_is_pytorchs_own():
    for layer in (nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 4, 2, stride=2), nn.Linear(5, 7)):
        weight = xavier_normal_(layer, seeded()).weight.clone()
        assert torch.allclose(weight, nn.init.xavier_normal_(layer.weight, generator=seeded()))
        assert not layer.bias.any()


def test_the_frameworks_default_is_what_a_new_layer_holds():
    for make in (
        lambda: nn.Conv2d(16, 64, 3),
        lambda: nn.ConvTranspose2d(64, 32, 2, stride=2),
        lambda: nn.Linear(200, 100),
    ):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            new = make()
        ours = framework_default_(make(), seeded())
        for theirs, drawn in ((new.weight, ours.weight), (new.bias, ours.bias)):
            bound = 1 / math.sqrt(framework_fan_in(ours))
            assert drawn.abs().max() <= bound and theirs.abs().max() <= bound
            assert drawn.abs().max() > 0.8 * bound and theirs.abs().max() > 0.8 * bound
        assert new.weight.std().item() == pytest.approx(ours.weight.std().item(), rel=0.05)


@pytest.mark.parametrize("draw", [xavier_normal_, framework_default_])
def test_another_rule_too_leaves_the_global_generator_alone(draw):
    model = UNet(base_channels=2, depth=1)
    before = torch.get_rng_state()
    draw(model)
    assert torch.equal(torch.get_rng_state(), before)
    same = [draw(UNet(base_channels=2, depth=1), seeded(3)).classifier.weight for _ in range(2)]
    assert torch.equal(*same) and not torch.equal(same[0], model.classifier.weight)


def test_a_layer_without_bias_is_taken_by_the_default_too():
    assert framework_default_(nn.Conv2d(1, 1, 3, bias=False), seeded()).bias is None


# The theory's steps ------------------------------------------------------------------------------

correlations = st.floats(0, 1)


def gaussians(rho, count, seed=0):
    """`count` standard Gaussians, any two with correlation rho >= 0, a million times."""
    shared, own = torch.randn(count + 1, 1_000_000, generator=seeded(seed)).split([1, count])
    return math.sqrt(rho) * shared + math.sqrt(1 - rho) * own


@pytest.mark.parametrize("rho", [0, 0.2, 0.5, 0.9, 1])
def test_a_relu_does_to_moments_what_it_does_to_samples(rho):
    a, b = gaussians(rho, 2).relu()
    after = rectified(Moments(3.0, 3.0 * rho))
    assert after.square == 1.5
    assert after.product == pytest.approx(3 * (a * b).mean().item(), abs=0.02)


def test_a_relu_leaves_nothing_of_opposites():
    assert rectified(Moments(2.0, -2.0)) == Moments(1.0, 0.0)


@pytest.mark.parametrize("rho", [0, 1 / math.pi, 0.7, 0.97, 1])
def test_pooling_does_to_moments_what_it_does_to_samples(rho):
    x = gaussians(rho, 8).relu().reshape(2, 4, -1).amax(dim=1)
    after = max_pooled(Moments(2.0, 2.0 * rho))
    assert after.square == pytest.approx(2 * x.square().mean().item(), rel=0.005)
    assert after.product == pytest.approx(2 * x.prod(dim=0).mean().item(), rel=0.005)


def test_pooling_of_equal_pixels_is_the_relu_alone():
    after = max_pooled(Moments(1.0, 1.0))
    assert (after.square, after.product) == (pytest.approx(0.5), pytest.approx(0.5))


@given(correlations, correlations, st.floats(1e-6, 1e6))
def test_the_less_alike_the_more_the_maximum_finds(one, other, size):
    low, high = sorted((one, other))
    less, more = (max_pooled(Moments(size, size * rho)) for rho in (low, high))
    assert less.square >= more.square * (1 - 1e-9)
    assert less.square == pytest.approx(size * max_pooled(Moments(1.0, low)).square)


def test_a_map_of_zeros_stays_one():
    assert max_pooled(Moments(0.0, 0.0)) == rectified(Moments(0.0, 0.0)) == Moments(0.0, 0.0)


def test_moments_of_images():
    board = torch.ones(1, 1, 6, 8)
    board[..., ::2, ::2] = board[..., 1::2, 1::2] = -1
    assert image_moments(board) == Moments(1.0, -1.0)
    assert image_moments(torch.full((2, 5, 5), 3.0)) == Moments(9.0, 9.0)
    stripes = torch.tensor([1.0, -1.0]).expand(8, 2).T.repeat(4, 1)  # alike along one axis only
    assert image_moments(stripes) == Moments(1.0, 0.0)
    noise = image_moments(torch.randn(400, 400, generator=seeded()))
    assert noise.square == pytest.approx(1, abs=0.02) and abs(noise.product) < 0.02


# The theory --------------------------------------------------------------------------------------


def ghost(**arguments):
    """A network of the paper's width that takes no memory."""
    with torch.device("meta"):
        return UNet(**arguments)


def test_the_papers_rule_in_the_papers_network():
    numbers = predicted_mean_squares(ghost(), he_variances)
    assert len(numbers) == 23
    expected = [2, 2, 5.35, 5.35, 9.52, 9.52, 13.6, 13.6, 17.1, 17.1, 17.1, 23.9, 23.9, 23.9]
    assert numbers == pytest.approx([*expected, *[28.7] * 3, *[31.3] * 3, *[32.3] * 3], rel=3e-3)


def test_the_frameworks_count_does_what_a_relu_behind_the_up_convolution_would():
    miscounted = predicted_mean_squares(ghost(), lambda layer: (2 / framework_fan_in(layer), 0.0))
    assert miscounted[-1] == pytest.approx(5.45, abs=0.01)
    assert miscounted[11] == pytest.approx((13.603 + 17.114) / 2, rel=1e-3)


@pytest.mark.parametrize("variant", ["paper", "released"])
@pytest.mark.parametrize("image", [Moments(1.0, 0.0), Moments(0.0275, 0.027)])
@pytest.mark.parametrize(
    "draw, rule",
    [
        (he_normal_, he_variances),
        (xavier_normal_, xavier_variances),
        (framework_default_, framework_variances),
    ],
)
def test_the_theory_is_what_many_draws_average_to(variant, image, draw, rule):
    """Two levels, where few draws are enough; the image's pixels all share one number."""
    model, measured = UNet(base_channels=32, depth=2, variant=variant), []
    rho = image.product / image.square
    for seed in range(40):
        generator = seeded(seed)
        noise, shared = torch.randn(1, 1, 44, 44, generator=generator), torch.ones(1)
        shared = math.sqrt(rho) * (1 if seed % 2 else -1)
        picture = math.sqrt(image.square) * (shared + math.sqrt(1 - rho) * noise)
        layers = activation_statistics(draw(model, generator), picture)
        measured.append([layer.mean_square for layer in layers])
    average = torch.tensor(measured, dtype=torch.float64).mean(dim=0)[:-1].tolist()
    assert average == pytest.approx(predicted_mean_squares(model, rule, image)[:-1], rel=0.2)


def test_the_weights_at_hand_are_taken_where_no_rule_is_given():
    model = he_normal_(UNet(base_channels=8, depth=2), seeded())
    by_rule = predicted_mean_squares(model, he_variances)
    assert predicted_mean_squares(model) == pytest.approx(by_rule, rel=0.4)
    with torch.no_grad():
        model.encoders[0][0].weight.mul_(3)
    tripled = [9 * number for number in predicted_mean_squares(he_normal_(model, seeded()))]
    with torch.no_grad():
        model.encoders[0][0].weight.mul_(3)
    assert predicted_mean_squares(model) == pytest.approx(tripled)


def test_biases_count():
    model = he_normal_(UNet(base_channels=2, depth=1), seeded())
    before = predicted_mean_squares(model)
    nn.init.constant_(model.encoders[0][0].bias, 2.0)
    after = predicted_mean_squares(model)
    assert after[0] == pytest.approx(before[0] + 4) and after[-1] > before[-1]


# Unit variance -----------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["paper", "released", "same"])
@pytest.mark.parametrize("depth", range(1, 7))
@pytest.mark.parametrize("image", [Moments(1.0, 0.0), Moments(0.03, 0.02)])
def test_every_layer_is_given_unit_variance(variant, depth, image):
    model = ghost(base_channels=4, depth=depth, variant=variant)
    variances = unit_variances(model, image)
    numbers = predicted_mean_squares(model, lambda layer: (variances[layer], 0.0), image)
    assert numbers == pytest.approx([1.0] * (5 * depth + 3))


def test_behind_a_relu_the_rule_is_hes():
    model = ghost()
    variances = unit_variances(model)
    same = [layer for layer in variances if variances[layer] == pytest.approx(2 / fan_in(layer))]
    seconds = [block[2] for block in (*model.encoders, model.bottom, *model.decoders)]
    assert same == [
        layer
        for layer in variances
        if layer in [*seconds, *model.up_convolutions, model.classifier]
    ]
    assert variances[model.encoders[0][0]] == pytest.approx(1 / 9)
    assert variances[model.decoders[0][0]] == pytest.approx(1 / (9 * 1024 * 0.75))


def test_unit_variance_is_hes_draw_in_other_units():
    ours = unit_variance_(UNet(base_channels=4, depth=2), seeded(5))
    hes = he_normal_(UNet(base_channels=4, depth=2), seeded(5))
    for mine, his in zip(layers(ours), layers(hes)):
        factor = (mine.weight / his.weight).flatten()
        assert torch.allclose(factor, factor[:1]) and not mine.bias.any()


def test_many_draws_of_unit_variance_average_to_one():
    model, measured = UNet(base_channels=32, depth=2), []
    for seed in range(40):
        noise = torch.randn(1, 1, 44, 44, generator=seeded(seed))
        entries = activation_statistics(unit_variance_(model, seeded(seed)), noise)
        measured.append([entry.mean_square for entry in entries])
    average = torch.tensor(measured).mean(dim=0)[:-1].tolist()
    assert average == pytest.approx([1.0] * 12, rel=0.2)


@pytest.mark.parametrize("function", [unit_variances, unit_variance_, predicted_mean_squares])
def test_what_is_no_unet_is_refused(function):
    with pytest.raises(TypeError, match="through a UNet, not through .*Conv2d"):
        function(nn.Conv2d(1, 1, 3))


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


@pytest.mark.parametrize("layer", [nn.Conv1d(64, 64, 3), nn.Conv3d(16, 32, 3)])
def test_layers_of_other_dimensions_are_drawn_too(layer):
    """Left as PyTorch drew them they would be too small, and nobody would be told."""
    incoming = layer.in_channels * math.prod(layer.kernel_size)
    he_normal_(layer, torch.Generator().manual_seed(0))
    assert layer.weight.var().item() == pytest.approx(2 / incoming, rel=0.05)
    assert not layer.bias.any()


def test_an_up_convolution_of_a_volume_meets_each_voxel_once():
    assert fan_in(nn.ConvTranspose3d(8, 4, 2, stride=2)) == 8
