"""The network against its drawing, the arithmetic of its sizes against the network."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unet_book import unet
from unet_book.initialization import he_normal_
from unet_book.unet import VARIANTS, UNet

DEPTHS = range(1, 6)
EVERY_NETWORK = [*product(DEPTHS, VARIANTS)]
FIG_1 = [
    *[(572, 570, 568), (284, 282, 280), (140, 138, 136), (68, 66, 64), (32, 30, 28)],
    *[(56, 54, 52), (104, 102, 100), (200, 198, 196), (392, 390, 388)],
]

steady = settings(deadline=None, derandomize=True, database=None)  # the same examples every time
every_network = pytest.mark.parametrize("depth, variant", EVERY_NETWORK)


def network(seed=0, **arguments):
    """A small network in float64 with the paper's weights and biases that are not 0."""
    arguments = {"base_channels": 2, "depth": 2, **arguments}
    generator = torch.Generator().manual_seed(seed)
    model = he_normal_(UNet(**arguments).double().eval(), generator)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.1, generator=generator)
    return model


def noise(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def on_paper(**arguments):
    """A network of any width that takes no memory, and so has nothing to compute with."""
    with torch.device("meta"):
        return UNet(**arguments)


def slender(**arguments):
    """A network that does to sizes what the wide ones do."""
    return UNet(**{"base_channels": 1, **arguments}).eval().requires_grad_(False)


def outputs(model, image, *parts):
    """What the modules `parts` put out when `model` sees `image`."""
    seen = []
    hooks = [part.register_forward_hook(lambda *call: seen.append(call[-1])) for part in parts]
    model(image)
    for hook in hooks:
        hook.remove()
    return seen


def small_size(depth, variant):
    return unet.nearest_valid_sizes(1, depth, variant)[1]


# The network of Fig. 1 ---------------------------------------------------------------------------


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_drawing_has_31_030_658_parameters():
    assert parameters(on_paper()) == 31_030_658


def test_the_released_code_has_31_100_354_parameters():
    assert parameters(on_paper(variant="released")) == 31_100_354


def test_zero_padding_changes_no_parameter():
    shapes = [[p.shape for p in on_paper(variant=v).parameters()] for v in ("paper", "same")]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_network_has_23_convolutional_layers(variant):
    kinds = nn.Conv2d, nn.ConvTranspose2d
    assert sum(isinstance(layer, kinds) for layer in on_paper(variant=variant).modules()) == 23


def test_572_pixels_become_388():
    logits = slender()(torch.zeros(1, 1, 572, 572))
    assert logits.shape == (1, 2, 388, 388)


def test_channels_classes_and_width_are_free():
    model = slender(in_channels=3, num_classes=5, base_channels=7, depth=2)
    size = small_size(2, "paper")
    assert model(torch.zeros(2, 3, size, size)).shape == (2, 5, 4, 4)


def test_sizes_along_the_network_are_those_of_the_drawing():
    assert unet.feature_map_sizes(572) == FIG_1


# A network of loops, in numpy --------------------------------------------------------------------


def loop_convolution(image, layer, relu=True):
    weight, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
    side, pad = weight.shape[-1], layer.padding[0]
    image = np.pad(image, ((0, 0), (pad, pad), (pad, pad)))
    height, width = (size - side + 1 for size in image.shape[1:])
    out = np.empty((len(weight), height, width))
    for k, row, column in np.ndindex(out.shape):
        window = image[:, row : row + side, column : column + side]
        out[k, row, column] = (weight[k] * window).sum() + bias[k]
    return np.maximum(out, 0) if relu else out


def loop_pool(image):
    out = np.empty((len(image), image.shape[1] // 2, image.shape[2] // 2))
    for k, row, column in np.ndindex(out.shape):
        out[k, row, column] = image[k, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].max()
    return out


def loop_up_convolution(image, layer):
    weight, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
    out = np.empty((weight.shape[1], 2 * image.shape[1], 2 * image.shape[2]))
    for k, row, column in np.ndindex(out.shape):
        incoming = image[:, row // 2, column // 2] * weight[:, k, row % 2, column % 2]
        out[k, row, column] = incoming.sum() + bias[k]
    return out


def loop_unet(model, image, level=0):
    """The U below `level`: a pair of convolutions around a smaller U (no code shared with UNet)."""

    def pair(x, block):
        return loop_convolution(loop_convolution(x, block[0]), block[2])

    if level == model.depth:
        return pair(image, model.bottom)
    skip = pair(image, model.encoders[level])
    below = loop_unet(model, loop_pool(skip), level + 1)
    climb = model.depth - 1 - level
    up = loop_up_convolution(below, model.up_convolutions[climb])
    top, left = ((s - u) // 2 for s, u in zip(skip.shape[1:], up.shape[1:]))
    skip = skip[:, top : top + up.shape[1], left : left + up.shape[2]]
    if model.variant == "released":
        x = np.concatenate([np.maximum(up, 0), skip])
    else:
        x = np.concatenate([skip, up])
    return pair(x, model.decoders[climb])


@pytest.mark.parametrize("depth, variant", [*product([1, 2], VARIANTS)])
def test_logits_are_those_of_plain_loops(depth, variant):
    model = network(depth=depth, variant=variant, in_channels=2, num_classes=3)
    height = small_size(depth, variant)
    width = unet.nearest_valid_sizes(height + 1, depth, variant)[1]
    image = noise(2, height, width)
    slow = loop_convolution(loop_unet(model, image.numpy()), model.classifier, relu=False)
    fast = model(image[None])[0].detach().numpy()
    assert fast.shape == slow.shape
    np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-12)


# The arithmetic of sizes -------------------------------------------------------------------------


def what_the_network_makes_of(size, model):
    """The output's side when no check refuses the input, or None if a layer cannot do its work."""

    def halve(_pool, inputs):
        if any(side % 2 for side in inputs[0].shape[-2:]):
            raise RuntimeError("odd")

    handle = model.pool.register_forward_pre_hook(halve)
    try:
        return model(torch.zeros(1, 1, size, size)).shape[-1]
    except RuntimeError:
        return None
    finally:
        handle.remove()


@every_network
def test_a_size_is_valid_where_the_network_can_compute_it(depth, variant, monkeypatch):
    monkeypatch.setattr(UNet, "_check", lambda self, image: None)
    model = slender(depth=depth, variant=variant)
    start = small_size(depth, variant)
    for size in [*range(1, 66), *range(start - 17, start + 35)]:
        if size > 0:
            made = what_the_network_makes_of(size, model)
            assert unet.is_valid_size(size, depth, variant) == (made is not None), size
            if made is not None:
                assert unet.output_size(size, depth, variant) == made


def test_at_depth_4_a_size_fits_if_it_is_12_mod_16_and_at_least_188():
    fits = [size for size in range(-20, 1200) if unet.is_valid_size(size)]
    assert fits == [size for size in range(188, 1200) if size % 16 == 12]


def test_at_depth_4_the_output_loses_184_pixels():
    assert all(unet.output_size(size) == size - 184 for size in range(188, 1200, 16))


@steady
@given(size=st.integers(1, 2000), depth=st.integers(1, 5))
def test_zero_padding_fits_multiples_of_2_to_the_depth_and_loses_nothing(size, depth):
    assert unet.is_valid_size(size, depth, "same") == (size % 2**depth == 0)
    assert unet.output_size(size * 2**depth, depth, "same") == size * 2**depth


@steady
@given(size=st.integers(-50, 2000), network=st.sampled_from(EVERY_NETWORK))
def test_nearest_valid_sizes_are_the_nearest(size, network):
    fits = [n for n in range(1, 2500) if unet.is_valid_size(n, *network)]
    below = max((n for n in fits if n <= size), default=None)
    above = min(n for n in fits if n >= size)
    assert unet.nearest_valid_sizes(size, *network) == (below, above)


@every_network
def test_border_is_half_of_what_the_network_loses(depth, variant):
    size = small_size(depth, variant)
    model = slender(depth=depth, variant=variant)
    logits = model(torch.zeros(1, 1, size, size))
    assert 2 * unet.border(depth, variant) == size - logits.shape[-1]


@pytest.mark.parametrize("depth", DEPTHS)
def test_crop_offsets_are_what_the_skips_lose(depth):
    model, size = slender(depth=depth), small_size(depth, "paper")
    image = torch.zeros(1, 1, size, size)
    skips = outputs(model, image, *model.encoders)
    ups = reversed(outputs(model, image, *model.up_convolutions))
    lost = [skip.shape[-1] - up.shape[-1] for skip, up in zip(skips, ups)]
    assert [2 * offset for offset in unet.crop_offsets(depth)] == lost


@pytest.mark.parametrize("depth", DEPTHS)
def test_feature_map_sizes_are_those_of_the_network(depth):
    model, size = slender(depth=depth), small_size(depth, "paper")
    blocks = [*model.encoders, model.bottom, *model.decoders]
    arriving = []
    for block in blocks:
        block.register_forward_pre_hook(lambda _, inputs: arriving.append(inputs[0].shape[-1]))
    image = torch.zeros(1, 1, size, size)
    convolutions = [block[i] for block in blocks for i in (0, 2)]
    leaving = [x.shape[-1] for x in outputs(model, image, *convolutions)]
    assert unet.feature_map_sizes(size, depth) == [*zip(arriving, leaving[::2], leaving[1::2])]


def test_crop_keeps_the_center():
    x = torch.arange(7 * 9).reshape(1, 7, 9)
    assert torch.equal(unet.crop(x, (3, 5)), x[:, 2:5, 2:7])


def test_crop_refuses_a_window_larger_than_the_map():
    with pytest.raises(ValueError, match="cannot crop 3 x 9 to 5 x 5"):
        unet.crop(torch.zeros(1, 3, 9), (5, 5))


# What an output pixel sees -----------------------------------------------------------------------


def all_open(depth, variant):
    """A network through which every path leads: positive weights, and a mean for the maximum."""
    model = UNet(base_channels=1, depth=depth, variant=variant).double().eval()
    model.pool = nn.AvgPool2d(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(0 if name.endswith("bias") else 1 / parameter[0].numel())
    return model


def seen_windows(depth, variant, span=1):
    """First and last input row that rows p ... p + span - 1 of the output see, for every phase p.

    Counted from the first pixel; for "same" from the first pixel of a block amid the image.
    """
    block = 2**depth
    if variant == "same":
        height, start = 16 * block, 8 * block
    else:
        height, start = unet.nearest_valid_sizes(2 * unet.border(depth) + block + span, depth)[1], 0
    width = small_size(depth, variant)
    image = torch.ones(1, 1, height, width, dtype=torch.float64, requires_grad=True)
    logits = all_open(depth, variant)(image)
    for phase in range(block):
        rows = logits[0, 0, start + phase : start + phase + span, 0]
        (gradient,) = torch.autograd.grad(rows.sum(), image, retain_graph=True)
        seen = gradient[0, 0].sum(dim=1).nonzero().flatten()
        assert variant != "same" or 0 < seen[0] and seen[-1] < height - 1
        yield phase, (seen[0].item() - start, seen[-1].item() - start)


@every_network
def test_input_window_is_where_the_gradient_reaches(depth, variant):
    for phase, window in seen_windows(depth, variant):
        assert unet.input_window(phase, phase, depth, variant) == window, phase


@pytest.mark.parametrize("depth, variant", [*product([1, 2, 3], ["paper", "same"])])
@pytest.mark.parametrize("span", [2, 5])
def test_input_window_of_several_pixels_is_where_their_gradient_reaches(depth, variant, span):
    for phase, window in seen_windows(depth, variant, span):
        assert unet.input_window(phase, phase + span - 1, depth, variant) == window, phase


@pytest.mark.parametrize("depth, variant", [*product([1, 2, 3, 4], VARIANTS)])
def test_receptive_field_is_the_largest_window_with_a_gradient(depth, variant):
    widest = max(last - first + 1 for _, (first, last) in seen_windows(depth, variant))
    assert unet.receptive_field(depth, variant) == widest


def test_no_pixel_outside_the_window_changes_an_output_pixel():
    model, size = network(depth=2), unet.nearest_valid_sizes(60, 2)[1]
    image = noise(1, 1, size, size)
    first, last = unet.input_window(5, 5, depth=2)
    outside = torch.ones(size, dtype=bool)
    outside[first : last + 1] = False
    changed = image.clone()
    changed[:, :, outside] += 100
    assert torch.equal(model(image)[:, :, 5], model(changed)[:, :, 5])


@pytest.mark.parametrize("depth, variant", [*product([1, 2, 3], ["paper", "released"])])
def test_the_network_moves_with_the_image_by_multiples_of_2_to_the_depth_only(depth, variant):
    block = 2**depth
    model = network(depth=depth, variant=variant)
    size = small_size(depth, variant) + 2 * block
    image = noise(1, 1, size + 2 * block, size)
    whole = model(image[:, :, :size])
    for shift in range(1, 2 * block + 1):
        moved = model(image[:, :, shift : shift + size])
        overlap = whole.shape[2] - shift
        same = torch.allclose(moved[:, :, :overlap], whole[:, :, shift:], rtol=0, atol=1e-12)
        assert same == (shift % block == 0), shift


# What the variants differ in ---------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_skip_comes_first_in_the_drawing_and_last_in_the_released_code(variant):
    model = network(depth=1, variant=variant)
    size = small_size(1, variant) + 8
    image = noise(1, 1, size, size)
    skips, ups = model.encoders[0][2].out_channels, model.up_convolutions[0].out_channels
    skip = slice(ups, None) if variant == "released" else slice(skips)
    up = slice(ups) if variant == "released" else slice(skips, None)

    def depends_on_the_bottom_without(channels):
        read = model.decoders[0][0].weight.data
        whole = read.clone()
        read[:, channels] = 0
        before = model(image)
        model.bottom[0].weight.data *= 1.5
        after = model(image)
        model.bottom[0].weight.data /= 1.5
        read.copy_(whole)
        return not torch.equal(before, after)

    assert depends_on_the_bottom_without(skip)
    assert not depends_on_the_bottom_without(up)


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_the_released_code_cuts_negative_values_behind_an_up_convolution(variant):
    model = network(depth=1, variant=variant)
    size = small_size(1, variant) + 8
    image = noise(1, 1, size, size)
    model.up_convolutions[0].bias.data.fill_(-1000)
    once = model(image)
    model.up_convolutions[0].bias.data.fill_(-2000)
    assert torch.equal(once, model(image)) == (variant == "released")


# Dropout -----------------------------------------------------------------------------------------


class Silence(nn.Module):
    def forward(self, x):
        return torch.zeros_like(x)


@every_network
def test_dropout_sees_the_last_encoder_and_the_bottom(depth, variant):
    model = slender(depth=depth, variant=variant).train()
    size = small_size(depth, variant)
    image = torch.zeros(1, 1, size, size)
    dropped = outputs(model, image, model.dropout)
    ends = outputs(model, image, model.encoders[-1], model.bottom)
    assert [x.shape for x in dropped] == [x.shape for x in ends]


def test_the_skip_of_the_last_encoder_carries_the_dropout_and_no_other():
    model = network(depth=3, variant="same")
    model.dropout = Silence()
    inputs = []
    for decoder in model.decoders:
        decoder.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    model(noise(1, 1, 16, 16))
    skips = [x[:, : x.shape[1] // 2] for x in inputs]
    assert [bool(skip.any()) for skip in skips] == [False, True, True]


def test_dropout_is_off_in_evaluation():
    model, image = network(dropout=0.5), noise(1, 1, 44, 44)
    assert torch.equal(model(image), network(dropout=0)(image))


def test_dropout_is_on_in_training():
    model, image = network(dropout=0.5).train(), noise(1, 1, 44, 44)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert not torch.equal(model(image), model(image))


# A batch -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_image_does_not_depend_on_its_batch(variant):
    model, batch = network(variant=variant), noise(3, 1, 44, 60)
    alone = torch.cat([model(image[None]) for image in batch])
    assert torch.allclose(model(batch), alone, rtol=0, atol=1e-12)


def test_forward_leaves_the_image_as_it_is():
    image = noise(1, 1, 44, 44)
    network()(image)
    assert torch.equal(image, noise(1, 1, 44, 44))


def test_every_parameter_gets_a_gradient():
    model = network()
    model(noise(1, 1, 60, 60)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


# What is refused ---------------------------------------------------------------------------------


def named_sizes(error):
    return [int(word) for word in str(error.value).replace(",", " ").split()[-4:] if word.isdigit()]


@pytest.mark.parametrize("size", [570, 573, 574, 580, 187 + 16])
def test_a_tile_that_no_pooling_can_halve_names_its_neighbors(size):
    with pytest.raises(ValueError, match=f"a side of {size} pixels") as error:
        slender()(torch.zeros(1, 1, size, size))
    below, above = named_sizes(error)
    assert below < size < above == below + 16


@every_network
def test_the_sizes_that_a_refusal_names_work(depth, variant):
    model = slender(depth=depth, variant=variant)
    wrong = small_size(depth, variant) + 1
    with pytest.raises(ValueError, match="nearest sizes") as error:
        model(torch.zeros(1, 1, wrong, wrong))
    sizes = named_sizes(error)
    assert len(sizes) == 2
    for size in sizes:
        model(torch.zeros(1, 1, size, size))


def test_a_tile_that_leaves_no_output_names_the_smallest_that_does():
    with pytest.raises(ValueError, match="188, the smallest there is"):
        unet.output_size(172)


def test_each_axis_must_fit():
    model = slender()
    for height, width in [(572, 570), (570, 572)]:
        with pytest.raises(ValueError, match="a side of 570 pixels"):
            model(torch.zeros(1, 1, height, width))


def test_feature_map_sizes_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="508 and 524"):
        unet.feature_map_sizes(512)


@pytest.mark.parametrize("shape", [(1, 3, 44, 44), (1, 44, 44), (44, 44), (1, 1, 1, 44, 44)])
def test_a_batch_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected a batch \(N, 1, H, W\), got \(.*44, 44\)"):
        network()(torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize("name", ["in_channels", "num_classes", "base_channels", "depth"])
def test_a_count_below_1_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name} must be a whole number, 1 or more, not 0"):
        UNet(**{name: 0})


@pytest.mark.parametrize("rate", [-0.1, 1, 2, float("nan")])
def test_a_dropout_that_is_no_probability_is_refused(rate):
    with pytest.raises(ValueError, match=f"dropout is a probability .*, not {rate}"):
        UNet(dropout=rate)


@pytest.mark.parametrize(
    "use",
    [
        lambda variant: UNet(variant=variant),
        lambda variant: unet.output_size(572, variant=variant),
        lambda variant: unet.is_valid_size(572, variant=variant),
        lambda variant: unet.nearest_valid_sizes(572, variant=variant),
        lambda variant: unet.border(variant=variant),
        lambda variant: unet.input_window(0, 0, variant=variant),
        lambda variant: unet.receptive_field(variant=variant),
    ],
)
def test_an_unknown_variant_is_refused_with_those_there_are(use):
    with pytest.raises(ValueError, match="one of paper, released, same, not 'original'"):
        use("original")


@pytest.mark.parametrize("size, depth", [(572.5, 4), (float("nan"), 4), (572, -1), (572, 2.5)])
@pytest.mark.parametrize("function", [unet.output_size, unet.nearest_valid_sizes])
def test_sizes_and_depths_that_are_no_whole_numbers_are_refused_at_once(function, size, depth):
    with pytest.raises(ValueError, match="must be a whole number"):
        function(size, depth)


# ---- what each layer costs


@pytest.mark.parametrize("variant, tile", [("paper", 60), ("released", 60), ("same", 64)])
def test_costs_are_those_of_the_framework_s_own_counter(variant, tile):
    model = unet.UNet(2, 3, base_channels=4, depth=2, variant=variant)
    costs = unet.layer_costs(model, tile)
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 2, tile, tile))
    assert sum(c.flop for c in costs if "conv" in c.kind) == counter.get_total_flops()
    assert sum(c.parameters for c in costs) == sum(w.numel() for w in model.parameters())


def test_costs_follow_the_order_and_the_sizes_of_the_drawing():
    costs = unet.layer_costs(unet.UNet(), 572)
    convolutions = [c for c in costs if "conv" in c.kind]
    assert len(convolutions) == 23 and sum(c.parameters for c in convolutions) == 31_030_658
    assert sum(c.flop for c in convolutions) == 300_856_848_896
    written = [c.height for c in costs if c.kind == "conv 3x3"]
    assert written == [side for triple in unet.feature_map_sizes(572) for side in triple[1:]]
    assert [c.channels for c in costs if c.kind == "concatenation"] == [1024, 512, 256, 128]
    assert [c.height for c in costs if c.kind == "max-pool 2x2"] == [284, 140, 68, 32]
    assert costs[0].values == 64 * 570 * 570
    pooled = [c for c in costs if c.kind == "max-pool 2x2"]
    assert all(c.flop == 3 * c.values and c.parameters == 0 for c in pooled)


def test_costs_do_not_depend_on_the_precision():
    model = unet.UNet(base_channels=2, depth=1)
    assert unet.layer_costs(model.double(), 18) == unet.layer_costs(model.half(), 18)


def test_counting_costs_leaves_the_network_as_it_was():
    model = unet.UNet(base_channels=2, depth=1).train()
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    unet.layer_costs(model, 18)
    assert model.training and not model.bottom[0]._forward_hooks
    assert all(torch.equal(before[name], w) for name, w in model.state_dict().items())
    with pytest.raises(ValueError, match="nearest"):
        unet.layer_costs(model, 19)


def test_the_costs_of_a_subclass_are_those_of_its_own_skips():
    class Narrow(unet.UNet):
        def join(self, skip, upsampled):
            return super().join(torch.zeros_like(skip), upsampled)

    costs = unet.layer_costs(Narrow(base_channels=2, depth=1), 18)
    assert [c.channels for c in costs if c.kind == "concatenation"] == [4]
