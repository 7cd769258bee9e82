"""The arithmetic of sizes against the network, which does what it foretells."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_unet import outputs, slender
from torch import nn

from unet_book import sizes
from unet_book.initialization import he_normal_
from unet_book.sizes import VARIANTS
from unet_book.unet import UNet

DEPTHS = range(1, 6)
EVERY_NETWORK = [*product(DEPTHS, VARIANTS)]
FIG_1 = [
    *[(572, 570, 568), (284, 282, 280), (140, 138, 136), (68, 66, 64), (32, 30, 28)],
    *[(56, 54, 52), (104, 102, 100), (200, 198, 196), (392, 390, 388)],
]

every_network = pytest.mark.parametrize("depth, variant", EVERY_NETWORK)


def walked(size, depth, variant):
    """Side of the output, step by step, or 0 where a pooling meets an odd or empty map."""
    taken = 0 if variant == "same" else 4
    size -= taken
    if size <= 0 or depth == 0:
        return max(size, 0)
    if size % 2:
        return 0
    inner = walked(size // 2, depth - 1, variant)
    return max(2 * inner - taken, 0) if inner else 0


def small_size(depth, variant):
    """The smallest size that fits, by search."""
    return next(size for size in range(1, 1000) if walked(size, depth, variant))


# What fits, and what comes out --------------------------------------------------------------------


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
    monkeypatch.setattr(UNet, "any_size", True)
    model = slender(depth=depth, variant=variant)
    start = small_size(depth, variant)
    for size in [*range(1, 66), *range(start - 17, start + 35)]:
        if size > 0:
            made = what_the_network_makes_of(size, model)
            assert sizes.is_valid_size(size, depth, variant) == (made is not None), size
            if made is not None:
                assert sizes.output_size(size, depth, variant) == made


@given(size=st.integers(-50, 10_000), depth=st.integers(1, 8), variant=st.sampled_from(VARIANTS))
def test_a_size_is_valid_where_a_walk_comes_to_an_end(size, depth, variant):
    end = walked(size, depth, variant)
    assert sizes.is_valid_size(size, depth, variant) == (end > 0)
    if end:
        assert sizes.output_size(size, depth, variant) == end


def test_at_depth_4_a_size_fits_if_it_is_12_mod_16_and_at_least_188():
    fits = [size for size in range(-20, 1200) if sizes.is_valid_size(size)]
    assert fits == [size for size in range(188, 1200) if size % 16 == 12]


def test_at_depth_4_the_output_loses_184_pixels():
    assert all(sizes.output_size(size) == size - 184 for size in range(188, 1200, 16))


@given(size=st.integers(1, 2000), depth=st.integers(1, 5))
def test_zero_padding_fits_multiples_of_2_to_the_depth_and_loses_nothing(size, depth):
    assert sizes.is_valid_size(size, depth, "same") == (size % 2**depth == 0)
    assert sizes.output_size(size * 2**depth, depth, "same") == size * 2**depth


@given(size=st.integers(-50, 10_000), depth=st.integers(1, 8), variant=st.sampled_from(VARIANTS))
def test_nearest_valid_sizes_are_those_that_a_search_finds(size, depth, variant):
    below, above = size, max(size, 1)
    while below > 0 and not walked(below, depth, variant):
        below -= 1
    while not walked(above, depth, variant):
        above += 1
    found = sizes.nearest_valid_sizes(size, depth, variant)
    assert found == (below if below > 0 else None, above)


def test_nearest_valid_sizes_of_a_deep_network_are_there_at_once():
    assert sizes.nearest_valid_sizes(572, depth=18) == (None, 12 * 2**18 - 4)
    assert sizes.nearest_valid_sizes(10**30, depth=60)[0] % 2**60 == 2**60 - 4


@every_network
def test_border_is_half_of_what_the_network_loses(depth, variant):
    size = small_size(depth, variant)
    model = slender(depth=depth, variant=variant)
    logits = model(torch.zeros(1, 1, size, size))
    assert 2 * sizes.border(depth, variant) == size - logits.shape[-1]


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_sizes_of_numpys_are_sizes(kind):
    assert sizes.nearest_valid_sizes(kind(253)) == (252, 268)  # 268 is no uint8
    assert sizes.output_size(kind(252)) == 68 and type(sizes.output_size(kind(252))) is int
    assert all(type(s) is int for triple in sizes.feature_map_sizes(kind(252)) for s in triple)


# Along the network --------------------------------------------------------------------------------


def test_sizes_along_the_network_are_those_of_the_drawing():
    assert sizes.feature_map_sizes(572) == FIG_1


@every_network
def test_crop_offsets_are_what_the_skips_lose(depth, variant):
    model, size = slender(depth=depth, variant=variant), small_size(depth, variant)
    image = torch.zeros(1, 1, size, size)
    skips = outputs(model, image, *model.encoders)
    ups = reversed(outputs(model, image, *model.up_convolutions))
    lost = [skip.shape[-1] - up.shape[-1] for skip, up in zip(skips, ups)]
    assert [2 * offset for offset in sizes.crop_offsets(depth, variant)] == lost


@every_network
def test_feature_map_sizes_are_those_of_the_network(depth, variant):
    model, size = slender(depth=depth, variant=variant), small_size(depth, variant)
    blocks = [*model.encoders, model.bottom, *model.decoders]
    arriving = []
    for block in blocks:
        block.register_forward_pre_hook(lambda _, inputs: arriving.append(inputs[0].shape[-1]))
    image = torch.zeros(1, 1, size, size)
    convolutions = [block[i] for block in blocks for i in (0, 2)]
    leaving = [x.shape[-1] for x in outputs(model, image, *convolutions)]
    expected = [*zip(arriving, leaving[::2], leaving[1::2])]
    assert sizes.feature_map_sizes(size, depth, variant) == expected


# What an output pixel sees ------------------------------------------------------------------------


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
        least = 2 * sizes.border(depth) + block + span
        height, start = sizes.nearest_valid_sizes(least, depth)[1], 0
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
        assert sizes.input_window(phase, phase, depth, variant) == window, phase


@pytest.mark.parametrize("depth, variant", [*product([1, 2, 3], ["paper", "same"])])
@pytest.mark.parametrize("span", [2, 5])
def test_input_window_of_several_pixels_is_where_their_gradient_reaches(depth, variant, span):
    for phase, window in seen_windows(depth, variant, span):
        assert sizes.input_window(phase, phase + span - 1, depth, variant) == window, phase


@pytest.mark.parametrize("depth, variant", [*product([1, 2, 3, 4], VARIANTS)])
def test_receptive_field_is_the_largest_window_with_a_gradient(depth, variant):
    widest = max(last - first + 1 for _, (first, last) in seen_windows(depth, variant))
    assert sizes.receptive_field(depth, variant) == widest


@pytest.mark.parametrize("depth, variant", [*product(range(9), VARIANTS)])
def test_receptive_field_is_the_largest_of_all_windows_at_any_depth(depth, variant):
    windows = (sizes.input_window(pixel, pixel, depth, variant) for pixel in range(2**depth))
    assert sizes.receptive_field(depth, variant) == max(last - first + 1 for first, last in windows)
    assert sizes.receptive_field(60, variant) > 2**60  # at once


def test_no_pixel_outside_the_window_changes_an_output_pixel():
    generator = torch.Generator().manual_seed(0)
    model = he_normal_(slender(base_channels=2, depth=2).double(), generator)
    image = torch.randn(1, 1, 60, 60, generator=generator, dtype=torch.float64)
    first, last = sizes.input_window(5, 5, depth=2)
    outside = torch.ones(60, dtype=bool)
    outside[first : last + 1] = False
    changed = image.clone()
    changed[:, :, outside] += 100
    before, after = model(image), model(changed)
    assert torch.equal(before[:, :, 5], after[:, :, 5]) and not torch.equal(before, after)


# What is refused ----------------------------------------------------------------------------------


def test_a_tile_that_leaves_no_output_names_the_smallest_that_does():
    with pytest.raises(ValueError, match="188, the smallest there is"):
        sizes.output_size(172)


def test_feature_map_sizes_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="508 and 524"):
        sizes.feature_map_sizes(512)


@pytest.mark.parametrize(
    "use",
    [
        lambda variant: UNet(variant=variant),
        lambda variant: sizes.output_size(572, variant=variant),
        lambda variant: sizes.is_valid_size(572, variant=variant),
        lambda variant: sizes.nearest_valid_sizes(572, variant=variant),
        lambda variant: sizes.border(variant=variant),
        lambda variant: sizes.crop_offsets(variant=variant),
        lambda variant: sizes.feature_map_sizes(572, variant=variant),
        lambda variant: sizes.input_window(0, 0, variant=variant),
        lambda variant: sizes.receptive_field(variant=variant),
    ],
)
def test_an_unknown_variant_is_refused_with_those_there_are(use):
    with pytest.raises(ValueError, match="one of paper, released, same, not 'original'"):
        use("original")


@pytest.mark.parametrize(
    "size, depth", [(572.5, 4), (float("nan"), 4), (572, -1), (572, 2.5), (572, True)]
)
@pytest.mark.parametrize("function", [sizes.output_size, sizes.nearest_valid_sizes])
def test_sizes_and_depths_that_are_no_whole_numbers_are_refused_at_once(function, size, depth):
    with pytest.raises(ValueError, match="must be a whole number"):
        function(size, depth)
