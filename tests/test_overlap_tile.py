"""Tile by tile is the same as one pass over the whole mirrored image."""

import warnings
from math import ceil

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from unet_book import overlap_tile
from unet_book.initialization import he_normal_
from unet_book.overlap_tile import (
    even_tiles,
    mirror_index,
    predict,
    predict_averaged,
    tile_step,
)
from unet_book.sizes import border, is_valid_size, nearest_valid_sizes, output_size
from unet_book.unet import UNet

VALID = ["paper", "released"]
MARGIN = {1: 8, 2: 24, 3: 48, 4: 96}  # zeros reach 8, 22, 46, 94 pixels in: the next 2^depth


def network(seed=0, **arguments):
    """A small network in float64 with the paper's weights."""
    arguments = {"base_channels": 2, "depth": 2, **arguments}
    return he_normal_(UNet(**arguments).double().eval(), torch.Generator().manual_seed(seed))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


@torch.no_grad()
def one_pass(model, image):
    """The oracle: mirror the image at once with numpy, run the network once, cut the image out."""
    image = np.asarray(image).reshape(-1, *image.shape[-2:])
    height, width = image.shape[-2:]
    padded = model.variant == "same"
    before = MARGIN[model.depth] if padded else border(model.depth)
    margins = []
    for size in (height, width):
        _, whole = nearest_valid_sizes(size + 2 * before, model.depth, model.variant)
        margins.append((before, whole - size - before))
    mirrored = torch.from_numpy(np.pad(image, [(0, 0), *margins], mode="reflect"))
    probabilities = model(mirrored[None].to(model.classifier.weight)).softmax(dim=1)[0].numpy()
    first = before if padded else 0
    return probabilities[:, first : first + height, first : first + width]


def fitting_tiles(depth, variant="paper", largest=140):
    """Every tile that fits the network and leaves a step."""
    margin = MARGIN[depth] if variant == "same" else border(depth)
    sizes = range(2**depth + 2 * margin, largest)
    return [size for size in sizes if is_valid_size(size, depth, variant)]


def affordable_tiles(height, width, depth, variant="paper", most=60):
    """Tiles of which no more than `most` cover the image."""
    for tile in fitting_tiles(depth, variant):
        step, _ = tile_step(tile, depth, variant)
        if ceil(height / step) * ceil(width / step) <= most:
            yield tile


def farthest(a, b):
    assert a.shape == b.shape
    return np.abs(np.asarray(a) - np.asarray(b)).max()


# The mirror --------------------------------------------------------------------------------------


@given(size=st.integers(1, 30), before=st.integers(0, 100), after=st.integers(0, 100))
def test_the_mirror_is_numpys_reflect(size, before, after):
    expected = np.pad(np.arange(size), (before, after), mode="reflect")
    assert np.array_equal(mirror_index(np.arange(-before, size + after), size), expected)


def test_the_mirror_does_not_repeat_the_edge_pixel():
    assert mirror_index(np.array([-2, -1, 0, 3, 4, 5]), 4).tolist() == [2, 1, 0, 3, 2, 1]


# The same as one pass ----------------------------------------------------------------------------


@st.composite
def tasks(draw, variants):
    depth, variant = draw(st.integers(1, 3)), draw(st.sampled_from(variants))
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 120))
    tile = draw(st.sampled_from([*affordable_tiles(height, width, depth, variant)]))
    classes, channels = draw(st.sampled_from([2, 3])), draw(st.sampled_from([1, 3]))
    return depth, variant, (channels, height, width), tile, classes


def seam(task):
    """How far tile by tile is from one pass."""
    depth, variant, shape, tile, classes = task
    model = network(in_channels=shape[0], num_classes=classes, depth=depth, variant=variant)
    image = noise(*shape)
    return farthest(predict(model, image, tile), one_pass(model, image))


@given(task=tasks(VALID))
@example(task=(3, "paper", (1, 1, 1), 100, 2))
@example(task=(3, "paper", (1, 90, 120), 100, 2))
@example(task=(1, "released", (3, 1, 120), 28, 3))
@example(task=(2, "paper", (1, 90, 1), 48, 2))
def test_tile_by_tile_is_the_same_as_one_pass_over_the_mirrored_image(task):
    assert seam(task) <= 1e-12


@given(task=tasks(["same"]))
@example(task=(3, "same", (1, 1, 1), 104, 2))
@example(task=(3, "same", (1, 40, 50), 104, 2))
def test_a_zero_padded_network_gives_what_it_would_in_an_endless_mirrored_image(task):
    assert seam(task) <= 1e-12


@pytest.mark.parametrize("depth, variant", [(1, "paper"), (2, "released"), (3, "paper")])
def test_the_smallest_tile_of_all_gives_the_same(depth, variant):
    assert seam((depth, variant, (1, 13, 21), fitting_tiles(depth)[0], 2)) <= 1e-12


def test_the_depth_of_the_paper_gives_the_same():
    assert seam((4, "paper", (1, 50, 70), 220, 2)) <= 1e-12


@pytest.mark.parametrize("variant", [*VALID, "same"])
def test_in_float32_the_same_within_1e_5_of_a_probability(variant):
    model, image = network(depth=3, variant=variant), noise(60, 75)
    expected, tile = one_pass(model, image), fitting_tiles(3, variant)[2]
    assert farthest(predict(model.float(), image.astype(np.float32), tile), expected) < 1e-5


@pytest.mark.parametrize("tile", [100, 108])
def test_steps_of_the_whole_output_leave_seams(tile, monkeypatch):
    model, image = network(depth=3), noise(60, 75)
    expected = one_pass(model, image)
    assert farthest(predict(model, image, tile), expected) <= 1e-12

    def whole_output(size, tile, depth, variant):
        return tile, output_size(tile, depth, variant)

    monkeypatch.setattr(overlap_tile, "even_tiles", whole_output)
    seams = predict(model, image, tile)
    assert farthest(seams, expected) > 1e-3
    first = output_size(tile, 3)  # the first tile's own output is still right
    assert farthest(seams[:, :first, :first], expected[:, :first, :first]) <= 1e-12


def test_a_zero_padded_network_differs_from_one_plain_pass_at_the_edge_only():
    model, image = network(depth=2, variant="same"), noise(64, 80)
    with torch.no_grad():
        plain = model(torch.from_numpy(image)[None, None]).softmax(dim=1)[0].numpy()
    tiled, margin = predict(model, image, 64), MARGIN[2]
    inside = (slice(None), slice(margin, -margin), slice(margin, -margin))
    assert farthest(tiled[inside], plain[inside]) <= 1e-12
    assert farthest(tiled, plain) > 1e-3


# Steps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tile, step", [(572, 384), (540, 352), (204, 16), (220, 32)])
def test_the_step_is_the_largest_multiple_of_16_in_the_output(tile, step):
    assert tile_step(tile) == (step, 92)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_a_zero_padded_tile_is_cut_by_what_the_zeros_reach(depth):
    margin = MARGIN[depth]
    assert tile_step(10 * margin, depth, "same") == (8 * margin, margin)


@given(
    size=st.integers(1, 400),
    depth=st.integers(1, 4),
    data=st.data(),
    variant=st.sampled_from([*VALID, "same"]),
)
def test_tiles_are_even_few_and_cover_the_line(size, depth, data, variant):
    largest = data.draw(st.sampled_from(fitting_tiles(depth, variant, largest=400)))
    tile, step = even_tiles(size, largest, depth, variant)
    longest, cut = tile_step(largest, depth, variant)
    assert tile <= largest and step % 2**depth == 0
    assert 0 <= tile - 2 * cut - step < 2**depth  # what is answered and not kept
    assert tile_step(tile, depth, variant) == (step, cut)
    count = ceil(size / longest)
    assert ceil(size / step) == count  # as few as with the largest tile
    assert count * step - size < count * 2**depth  # no more waste than the raster asks for


@pytest.mark.parametrize(
    "size, even",
    [(512, (444, 256)), (384, (572, 384)), (1, (204, 16)), (385, (396, 208)), (2048, (540, 352))],
)
def test_two_tiles_share_what_one_can_not_answer(size, even):
    assert even_tiles(size, 572) == even


# Whatever the image is ---------------------------------------------------------------------------


def test_probabilities_sum_to_1():
    assert np.allclose(predict(network(num_classes=3), noise(20, 30), 60).sum(axis=0), 1)


def test_a_gray_image_needs_no_channel_axis():
    model, image = network(), noise(20, 30)
    assert np.array_equal(predict(model, image, 60), predict(model, image[None], 60))


def test_numpy_in_numpy_out():
    result = predict(network(), noise(20, 30), 60)
    assert isinstance(result, np.ndarray)
    assert result.shape == (2, 20, 30)


def test_torch_in_torch_out():
    image = noise(20, 30)
    result = predict(network(), torch.from_numpy(image), 60)
    assert isinstance(result, torch.Tensor)
    assert np.array_equal(result.numpy(), predict(network(), image, 60))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_result_has_the_networks_precision(dtype):
    image = noise(20, 30).astype(dtype)
    assert predict(network(), image, 60).dtype == np.float64
    assert predict(network().float(), image, 60).dtype == np.float32


def test_the_image_stays_as_it_is():
    image = noise(20, 30)
    predict(network(), image, 60)
    assert np.array_equal(image, noise(20, 30))


@pytest.mark.parametrize(
    "stored",
    [
        lambda image: image.astype(">f8"),  # as big-endian TIFFs hold it
        lambda image: np.asfortranarray(image),
        lambda image: np.flip(np.flip(image).copy()),
        lambda image: np.broadcast_to(image, image.shape),  # read-only
    ],
)
def test_it_does_not_matter_how_the_array_is_stored(stored):
    image = noise(20, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = predict(network(), stored(image), 60)
    assert np.array_equal(result, predict(network(), image, 60))


def test_no_gradient_is_recorded():
    image = torch.from_numpy(noise(20, 30)).requires_grad_()
    assert not predict(network(), image, 60).requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("home", ["cpu", "cuda"])
def test_the_result_is_where_the_image_was(home):
    model, image = network(), noise(50, 60)
    expected = one_pass(model, image)
    result = predict(model.cuda(), torch.from_numpy(image).to(home), 60)
    assert result.device.type == home
    assert farthest(result.cpu(), expected) <= 1e-12


# The model ---------------------------------------------------------------------------------------


def partly_frozen(**arguments):
    model = network(**arguments).train()
    model.encoders[0].eval()
    return model, modes(model)


def modes(model):
    return {name: module.training for name, module in model.named_modules()}


def test_dropout_is_off():
    model, image = network().train(), noise(20, 30)
    assert np.array_equal(predict(model, image, 60), predict(model.eval(), image, 60))


def test_every_part_of_the_model_keeps_its_mode():
    model, before = partly_frozen()
    predict(model, noise(20, 30), 60)
    assert modes(model) == before


def test_the_model_keeps_its_weights_where_and_as_they_are():
    model = network().float()
    before = [(p.data_ptr(), p.stride(), p.clone()) for p in model.parameters()]
    predict(model, noise(20, 30), 60)
    for parameter, (place, strides, values) in zip(model.parameters(), before):
        assert (parameter.data_ptr(), parameter.stride()) == (place, strides)
        assert torch.equal(parameter, values)


def test_on_a_cpu_channels_come_last_and_in_whatever_layout_the_network_comes():
    model, image, layouts = network(), noise(20, 30), []
    expected = predict(model, image, 60)
    model.bottom.register_forward_hook(
        lambda *call: layouts.append(call[-1].is_contiguous(memory_format=torch.channels_last))
    )
    result = predict(model.to(memory_format=torch.channels_last), image, 60)
    assert all(layouts) and farthest(result, expected) <= 1e-12


def test_the_model_keeps_its_mode_when_it_fails():
    model, before = partly_frozen()

    def fail(*_):
        raise MemoryError("no room for this tile")

    model.bottom.register_forward_hook(fail)
    with pytest.raises(MemoryError, match="no room"):
        predict(model, noise(20, 30), 60)
    assert modes(model) == before


def largest_activation(image, tile):
    """The most elements that any layer put out, and the batches that the network saw."""
    model, sizes, batches = network(), [], set()
    model.register_forward_pre_hook(lambda _, inputs: batches.add(tuple(inputs[0].shape)))
    for module in model.modules():
        if not isinstance(module, nn.Dropout):
            module.register_forward_hook(lambda *call: sizes.append(call[-1].numel()))
    predict(model, image, tile)
    return max(sizes), batches


def test_memory_does_not_grow_with_the_image():
    small, large = largest_activation(noise(40, 40), 60), largest_activation(noise(300, 200), 60)
    assert large == small
    assert large[1] == {(1, 1, 60, 60)}


@given(height=st.integers(1, 90), width=st.integers(1, 120))
def test_no_batch_is_larger_than_the_tile_or_than_the_image_needs(height, width):
    _, [(*_, tall, wide)] = largest_activation(noise(height, width), 80)  # one shape for all tiles
    for size, tile in [(height, tall), (width, wide)]:
        assert tile == even_tiles(size, 80, 2)[0]
        assert tile <= min(80, nearest_valid_sizes(ceil(size / 4) * 4 + 40, 2)[1])


# Larger than memory ------------------------------------------------------------------------------


def mapped(folder, array):
    """The array in a file, mapped into memory for reading."""
    np.save(folder / "image.npy", array)
    return np.load(folder / "image.npy", mmap_mode="r")


def test_a_file_is_read_and_written_tile_by_tile(tmp_path, monkeypatch):
    image, model = noise(700, 600), network(depth=1)
    out = np.memmap(tmp_path / "out", np.float32, "w+", shape=(2, 700, 600))
    sizes, to_torch = [], overlap_tile.to_torch
    monkeypatch.setattr(
        overlap_tile, "to_torch", lambda part: sizes.append(part.size) or to_torch(part)
    )
    assert predict(model, mapped(tmp_path, image), 120, out=out) is out
    assert max(sizes) == overlap_tile.BLOCK**2  # four blocks, the search for NaN
    assert max(sizes[5:]) <= 120**2  # then tiles
    written = np.memmap(tmp_path / "out", np.float32, "r", shape=(2, 700, 600))
    assert farthest(written, predict(model, image, 120)) < 1e-6


def test_of_a_file_however_wide_no_more_than_a_block_is_read_at_once(tmp_path, monkeypatch):
    image = np.memmap(tmp_path / "wide", np.float32, "w+", shape=(1, 3, 100_000))
    sizes, to_torch = [], overlap_tile.to_torch
    monkeypatch.setattr(
        overlap_tile, "to_torch", lambda part: sizes.append(part.size) or to_torch(part)
    )
    overlap_tile._look_through(image)
    assert max(sizes) == 3 * overlap_tile.BLOCK and sum(sizes) == 300_000


@pytest.mark.parametrize("place", [(0, 0), (0, 1099), (599, 0), (300, 600)])
def test_a_gray_value_that_was_never_scaled_is_noticed_in_any_block(place):
    image = np.zeros((1, 600, 1100), np.float32)
    image[0, place[0], place[1]] = 200
    with pytest.warns(UserWarning, match="as far as 200 from 0"):
        overlap_tile._look_through(image)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_result_goes_into_what_is_given(kind, dtype):
    image, model = noise(20, 30), network()
    out = np.zeros((2, 20, 30), dtype)
    out = out if kind == "numpy" else torch.from_numpy(out)
    assert predict(model, image, 60, out=out) is out
    assert farthest(out, predict(model, image, 60)) < 1e-3


def test_an_out_of_another_shape_or_type_is_refused_before_anything_is_written():
    model, image = network(), noise(20, 30)
    for shape in [(20, 30), (1, 20, 30), (2, 30, 20)]:
        with pytest.raises(ValueError, match=r"out must be \(2, 20, 30\) .* not \("):
            predict(model, image, 60, out=np.zeros(shape))
    with pytest.raises(TypeError, match="out must be of float type .* not uint8"):
        predict(model, image, 60, out=np.zeros((2, 20, 30), np.uint8))
    out = np.full((2, 400, 30), 7.0)
    image = noise(400, 30)
    image[-1, -1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        predict(model, image, 60, out=out)
    assert (out == 7).all()


def test_an_out_that_can_not_be_written_is_refused_before_the_first_tile(tmp_path):
    out = mapped(tmp_path, np.zeros((2, 20, 30)))
    with pytest.raises(ValueError, match="read-only"):
        predict(network(), noise(20, 30), 60, out=out)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_an_out_that_shares_memory_with_the_image_is_refused(kind):
    both, model = noise(3, 20, 30), network()
    kept = both.copy()
    with pytest.raises(ValueError, match="shares its memory"):
        predict(model, kind(both)[0], 60, out=kind(both)[:2])
    assert np.array_equal(both, kept)
    predict(model, kind(both)[0], 60, out=kind(both)[1:])  # next to it is not within it
    assert np.array_equal(both[1:], predict(model, kept[0], 60))


def test_a_bfloat16_network_gives_numpy_float32():
    model, image = network().bfloat16(), noise(20, 30).astype(np.float32)
    result = predict(model, image, 60)
    assert result.dtype == np.float32
    assert predict(model, torch.from_numpy(image), 60).dtype == torch.bfloat16
    assert farthest(result, predict(network().float(), image, 60)) < 0.05


def test_a_bar_counts_the_tiles_if_asked(capsys):
    predict(network(), noise(40, 30), 60, progress=True)
    assert "4/4" in capsys.readouterr().err
    predict(network(), noise(40, 30), 60)
    assert capsys.readouterr().err == ""


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20, 30, 3), (3, 20, 30), (20, 30, 4), (20,), (1, 1, 20, 30)])
def test_an_image_of_other_axes_is_refused_for_a_gray_network(shape):
    with pytest.raises(ValueError, match=r"\(1, H, W\) or \(H, W\), got .*convert RGB to gray"):
        predict(network(), noise(*shape), 60)


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (1, 20, 30)])
def test_an_image_of_other_channels_is_refused_for_a_color_network(shape):
    with pytest.raises(ValueError) as error:
        predict(network(in_channels=3), noise(*shape), 60)
    assert str(error.value) == f"the network takes an image (3, H, W), got {shape}"


@pytest.mark.parametrize("shape", [(0, 30), (20, 0), (1, 0, 30)])
def test_an_empty_image_is_refused(shape):
    with pytest.raises(ValueError, match="takes an image"):
        predict(network(), noise(*shape), 60)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, bool])
def test_an_image_that_is_not_of_float_type_is_refused(dtype):
    with pytest.raises(TypeError, match=r"a float image in \[0, 1\], got torch.*to_unit"):
        predict(network(), np.ones((20, 30), dtype), 60)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused(value):
    image = noise(20, 30)
    image[3, 4] = value
    with pytest.raises(ValueError, match="NaN or infinite"):
        predict(network(), image, 60)


def test_gray_values_that_were_never_scaled_are_warned_of():
    image = noise(20, 30)
    with pytest.warns(UserWarning, match="to_unit") as caught:
        predict(network(), 255 * image, 60)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predict(network(), 6 * (image - 0.5), 60)  # what other trainings take


@pytest.mark.parametrize("variant", [*VALID, "same"])
def test_a_tile_is_at_most_what_is_asked_and_need_not_fit(variant):
    for tile in range(200, 220):
        fitting, _ = nearest_valid_sizes(tile, 3, variant)
        assert even_tiles(700, tile, 3, variant) == even_tiles(700, fitting, 3, variant)
    model, image = network(depth=3, variant=variant), noise(30, 40)
    assert farthest(predict(model, image), one_pass(model, image)) <= 1e-12  # the default, 572


def test_a_step_is_asked_of_a_tile_that_fits():
    with pytest.raises(ValueError, match="a side of 62 pixels .* are 60 and 64$"):
        tile_step(62, 2)
    with pytest.raises(ValueError, match="leaves no step .* use 44 px or more"):
        predict(network(), noise(20, 30), 43)


@pytest.mark.parametrize("depth, variant", [(d, v) for d in MARGIN for v in ("paper", "same")])
def test_a_tile_without_a_step_names_the_smallest_with_one(depth, variant):
    smallest = fitting_tiles(depth, variant, largest=300)[0]
    for tile in [1, smallest - 2**depth, smallest - 1]:
        with pytest.raises(ValueError, match=f"leaves no step .* use {smallest} px or more"):
            tile_step(tile, depth, variant)
    assert tile_step(smallest, depth, variant)[0] == 2**depth


def test_a_network_of_one_class_is_refused():
    with pytest.raises(ValueError, match="1 class has nothing to choose between"):
        predict(network(num_classes=1), noise(20, 30), 60)


# Averages over versions of the image -------------------------------------------------------------

SYMMETRIES = [(k, mirrored) for mirrored in (False, True) for k in range(4)]


def turned(image, k, mirrored):
    return np.ascontiguousarray(np.rot90(image[..., ::-1] if mirrored else image, k, (-2, -1)))


@pytest.fixture(scope="module")
def small():
    return network(depth=1)


@pytest.mark.parametrize("shape", [(20, 33), (24, 24)])
def test_the_average_over_the_symmetries_turns_with_the_image(small, shape):
    image = noise(*shape)
    averaged = predict_averaged(small, image, 48)
    plain = predict(small, image, 48)
    for k, mirrored in SYMMETRIES:
        other = turned(image, k, mirrored)
        assert farthest(predict_averaged(small, other, 48), turned(averaged, k, mirrored)) < 1e-12
    assert farthest(predict(small, turned(image, 1, False), 48), turned(plain, 1, False)) > 1e-3


@pytest.mark.parametrize("over, turns", [("symmetries", (0, 1, 2, 3)), ("mirrors", (0, 2))])
def test_the_average_is_the_mean_of_predictions_turned_back(small, over, turns):
    image, back = noise(3, 20, 33)[1], []
    for k, mirrored in SYMMETRIES:
        if k in turns:
            one = np.rot90(predict(small, turned(image, k, mirrored), 48), -k, (-2, -1))
            back.append(one[..., ::-1] if mirrored else one)
    assert len(back) == 2 * len(turns)
    assert farthest(predict_averaged(small, image, 48, over), np.mean(back, axis=0)) < 1e-12


@pytest.mark.parametrize("over", ["symmetries", "mirrors", "rotations"])
def test_probabilities_that_are_the_same_everywhere_stay_so(small, over):
    image = np.full((15, 26), 0.5)
    averaged = predict_averaged(small, image, 48, over)
    assert averaged.shape == (2, 15, 26) and averaged.dtype == np.float64
    assert farthest(averaged, predict(small, image, 48)) < 1e-12


def test_rotations_start_with_the_image_and_turn_by_a_seventh():
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(61.0), indexing="ij")
    smooth = (0.5 + torch.sin(y / 6) * torch.cos(x / 8) / 2).double()
    versions = overlap_tile.VERSIONS["rotations"]
    assert len(versions) == 7 and torch.equal(versions[0][0](smooth), smooth)
    for k, (there, back) in enumerate(versions):
        frame = there(smooth)
        assert all(side >= 40 for side in frame.shape)
        again = back(frame, smooth.shape)  # two bilinear samplings; the mirror has an edge
        assert farthest(again[2:-2, 2:-2], smooth[2:-2, 2:-2]) < 0.02, k
    # A seventh of a turn, counted in the image's rows and columns, of a point to the right.
    spot = torch.zeros(61, 61, dtype=torch.float64)
    spot[30, 50] = 1
    row, column = np.unravel_index(versions[1][0](spot).argmax(), versions[1][0](spot).shape)
    middle = (versions[1][0](spot).shape[0] - 1) / 2
    angle = np.arctan2(row - middle, column - middle)
    assert abs(abs(angle) - 2 * np.pi / 7) < 0.03


def test_the_average_takes_torch_and_other_channels():
    model = network(depth=1, in_channels=3).float()
    image = torch.from_numpy(noise(3, 18, 21)).float()
    for over in overlap_tile.VERSIONS:
        averaged = predict_averaged(model, image, 48, over)
        assert averaged.shape == (2, 18, 21) and averaged.dtype == torch.float32
        assert farthest(averaged.sum(0), torch.ones(18, 21)) < 1e-5


def test_an_average_over_something_else_is_refused(small):
    with pytest.raises(ValueError, match="'symmetries', 'mirrors', 'rotations', not 'turns'"):
        predict_averaged(small, noise(9, 9), over="turns")
    with pytest.raises(ValueError, match="takes an image"):
        predict_averaged(small, noise(9))
