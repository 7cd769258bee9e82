"""The network against its drawing, and against a network of plain loops."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from unet_book import sizes, unet
from unet_book.initialization import he_normal_
from unet_book.sizes import VARIANTS, nearest_valid_sizes
from unet_book.unet import UNet, crop

every_network = pytest.mark.parametrize("depth, variant", [*product(range(1, 6), VARIANTS)])


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
    return nearest_valid_sizes(1, depth, variant)[1]


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
    width = nearest_valid_sizes(height + 1, depth, variant)[1]
    image = noise(2, height, width)
    slow = loop_convolution(loop_unet(model, image.numpy()), model.classifier, relu=False)
    fast = model(image[None])[0].detach().numpy()
    assert fast.shape == slow.shape
    np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-12)


# Crops and shifts ---------------------------------------------------------------------------------


def test_crop_keeps_the_center():
    x = torch.arange(7 * 9).reshape(1, 7, 9)
    assert torch.equal(crop(x, (3, 5)), x[:, 2:5, 2:7])


def test_crop_of_an_odd_rest_leaves_the_larger_part_behind():
    assert crop(torch.arange(5).expand(1, 1, 5, 5), (2, 4))[0, 0].tolist() == [[0, 1, 2, 3]] * 2
    rows = torch.arange(5)[:, None].expand(1, 1, 5, 5)
    assert crop(rows, (2, 5))[0, 0, :, 0].tolist() == [1, 2]


def test_crop_refuses_a_window_larger_than_the_map():
    with pytest.raises(ValueError, match="cannot crop 3 x 9 to 5 x 5"):
        crop(torch.zeros(1, 3, 9), (5, 5))


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


def test_each_axis_must_fit():
    model = slender()
    for height, width in [(572, 570), (570, 572)]:
        with pytest.raises(ValueError, match="a side of 570 pixels"):
            model(torch.zeros(1, 1, height, width))


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


def test_a_network_for_any_size_takes_what_does_not_fit_and_no_other_shape():
    model, image = slender(depth=2), torch.zeros(1, 1, 46, 46)
    with pytest.raises(ValueError, match="a side of 46 pixels"):
        model(image)
    model.any_size = True
    assert model(image).shape == (1, 2, 4, 4)  # an odd side has lost a row
    with pytest.raises(ValueError, match="expected a batch"):
        model(image[0])


def test_counts_of_numpys_are_counts():
    model = UNet(base_channels=np.uint8(64), depth=np.int64(3))
    assert [block[2].out_channels for block in model.encoders] == [64, 128, 256]
    assert type(model.depth) is int


def test_the_size_of_the_output_can_be_asked_of_the_network_s_room():
    assert unet.output_size is sizes.output_size
