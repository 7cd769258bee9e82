"""One tile, one resampling: places, registration, gray values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from unet_book import augmentation
from unet_book.augmentation import (
    Augmentation,
    change_gray_values,
    random_tile,
    tile_coordinates,
)
from unet_book.elastic import pixel_grid, resample

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 30)
BENT = Augmentation(contrast=0, brightness=0)  # every change of place, none of gray values
LARGEST = 2**31 - 1


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(height, width):
    """Labels that name their place: row * width + column."""
    return torch.arange(height * width, dtype=torch.int32).reshape(height, width)


def texture(height, width, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random((height, width), np.float32))


def global_states():
    """The states of both libraries' global generators, as bytes."""
    numpy_state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    return numpy_state, torch.get_rng_state().numpy().tobytes()


@pytest.fixture
def always_highest(monkeypatch):
    """Each uniform number is the largest possible: the full angle, and no mirroring."""
    monkeypatch.setattr(augmentation, "_uniform", lambda low, high, generator: high)


# Places


@given(sizes, sizes, st.integers(1, 12), st.integers(0, 4), seeds)
def test_an_unchanged_tile_is_a_crop_of_the_mirrored_image(height, width, output, border, seed):
    tile = output + 2 * border
    image, labels = texture(height, width), numbered(height, width)
    places = tile_coordinates(image.shape, tile, border, Augmentation.none(), seeded(seed))
    top, left = (int(place) for place in places[:, 0, 0])
    assert top == places[0, 0, 0] and left == places[1, 0, 0]  # whole pixels

    pad = tile + 15
    mirrored = np.pad(image, pad, mode="reflect")
    crop = mirrored[pad + top : pad + top + tile, pad + left : pad + left + tile]
    gray, seen, _ = random_tile(
        image, labels, None, tile, border, Augmentation.none(), seeded(seed)
    )
    np.testing.assert_allclose(gray, crop, rtol=0, atol=1e-5)
    crop = np.pad(labels, pad, mode="reflect")[
        pad + top + border : pad + top + border + output,
        pad + left + border : pad + left + border + output,
    ]
    np.testing.assert_array_equal(seen, crop)


@given(sizes, sizes, st.integers(1, 30), st.integers(0, 4), seeds)
def test_the_output_lies_inside_a_large_enough_image(height, width, output, border, seed):
    how = Augmentation.none()
    places = tile_coordinates((height, width), output + 2 * border, border, how, seeded(seed))
    for along, size in zip(
        places[:, border : border + output, border : border + output], (height, width)
    ):
        if size >= output:
            assert along.min() >= 0 and along.max() <= size - 1
        else:
            assert abs(along.mean() - (size - 1) / 2) <= 0.5


def test_every_place_is_as_likely_as_any_other():
    how, generator = Augmentation.none(), seeded()
    starts = [tile_coordinates((6, 5), 5, 1, how, generator)[:, 1, 1] for _ in range(1200)]
    places, counts = torch.stack(starts).unique(dim=0, return_counts=True)
    assert len(places) == 4 * 3
    assert counts.min() > 60 and counts.max() < 140  # 100, with standard deviation 10


def test_rotation_is_isotropic():
    how, generator = Augmentation(sigma=0, mirror=False), seeded()
    places = torch.stack([tile_coordinates((9, 9), 3, 0, how, generator) for _ in range(500)])
    right = places[:, :, 0, 1] - places[:, :, 0, 0]
    angles = torch.atan2(right[:, 0], right[:, 1])
    for k in (1, 2, 3, 4):
        assert abs(torch.exp(1j * k * angles).mean()) < 0.13  # 3 / sqrt(500)


def test_rotation_stays_within_its_bounds():
    how, generator = Augmentation(rotation=30, sigma=0, mirror=False), seeded()
    places = torch.stack([tile_coordinates((9, 9), 3, 0, how, generator) for _ in range(300)])
    right = places[:, :, 0, 1] - places[:, :, 0, 0]
    angles = torch.rad2deg(torch.atan2(right[:, 0], right[:, 1]))
    assert -30.001 <= angles.min() < -27 and 27 < angles.max() <= 30.001


@given(seeds)
def test_rotation_and_mirroring_keep_distances(seed):
    places = tile_coordinates((50, 60), 7, 0, Augmentation(sigma=0), seeded(seed)).double()
    points, original = places.reshape(2, -1).T, pixel_grid((7, 7)).reshape(2, -1).T
    torch.testing.assert_close(
        torch.cdist(points, points), torch.cdist(original, original), rtol=0, atol=1e-4
    )


def test_the_logarithm_of_the_zoom_uses_all_of_its_range():
    how, generator = Augmentation(sigma=0, zoom=1.5), seeded()
    places = [tile_coordinates((9, 9), 3, 1, how, generator) for _ in range(400)]
    sides = torch.stack([torch.hypot(*(p[:, 0, 1] - p[:, 0, 0])) for p in places])
    powers = sides.log() / math.log(1.5)
    assert -1.0001 <= powers.min() < -0.97 and 0.97 < powers.max() <= 1.0001
    assert abs(powers.mean()) < 0.09  # 0.029 is its standard deviation


@given(sizes, sizes, seeds, st.floats(1.01, 3))
def test_a_zoomed_tile_has_its_center_where_the_others_have_it(height, width, seed, zoom):
    plain, zoomed = (
        tile_coordinates((height, width), 9, 2, Augmentation(sigma=0, zoom=z), seeded(seed))
        for z in (1, zoom)
    )
    torch.testing.assert_close(plain[:, 4, 4], zoomed[:, 4, 4], rtol=0, atol=1e-9)
    away, farther = (p - p[:, 4:5, 4:5] for p in (plain, zoomed))
    factor = (farther.norm() / away.norm()).item()
    assert 1 / zoom - 1e-9 <= factor <= zoom + 1e-9
    torch.testing.assert_close(factor * away, farther, rtol=0, atol=1e-9)


def test_without_a_zoom_nothing_is_drawn_for_it():
    """So the tiles of a training that has none are what they were before there was one."""
    image, labels = texture(30, 30), numbered(30, 30)
    generator, other = seeded(3), seeded(3)
    random_tile(image, labels, None, 20, 2, Augmentation(), generator)
    for _ in range(2):
        torch.randint(15, (), generator=other)  # the place
    for _ in range(2):
        torch.rand((), generator=other, dtype=torch.float64)  # angle, mirror
    torch.randn(2, 3, 3, generator=other)
    for _ in range(2):
        torch.rand((), generator=other, dtype=torch.float64)  # gray values
    assert torch.equal(generator.get_state(), other.get_state())


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("degrees, quarters", [(90, -1), (180, 2), (270, 1)])
def test_quarter_turns_are_exact(always_highest, size, degrees, quarters):
    how = Augmentation(rotation=degrees, mirror=False, sigma=0, contrast=0, brightness=0)
    image, labels = texture(size, size), numbered(size, size)
    gray, seen, _ = random_tile(image, labels, None, size, 0, how, seeded())
    np.testing.assert_allclose(gray, np.rot90(image, quarters), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(seen, np.rot90(labels, quarters))


def test_half_of_the_tiles_are_mirrored():
    how, generator, labels = Augmentation(rotation=0, sigma=0), seeded(), numbered(5, 5)
    tiles = [random_tile(texture(5, 5), labels, None, 5, 0, how, generator)[1] for _ in range(400)]
    mirrored = [torch.equal(tile, labels.flip(1)) for tile in tiles]
    straight = [torch.equal(tile, labels) for tile in tiles]
    assert sum(mirrored) + sum(straight) == 400
    assert 160 < sum(mirrored) < 240  # 200, with standard deviation 10


def test_without_mirroring_no_tile_is_mirrored():
    how, generator = Augmentation(mirror=False, sigma=0), seeded()
    for _ in range(100):
        places = tile_coordinates((9, 9), 3, 0, how, generator)
        down, right = places[:, 1, 0] - places[:, 0, 0], places[:, 0, 1] - places[:, 0, 0]
        assert down[0] * right[1] - down[1] * right[0] > 0


def test_elastic_vectors_have_standard_deviation_sigma_on_the_tiles_grid():
    how, generator = Augmentation(rotation=0, mirror=False, sigma=7), seeded()
    straight = pixel_grid((9, 9))
    bends = [tile_coordinates((9, 9), 9, 0, how, generator) - straight for _ in range(400)]
    at_grid = torch.stack(bends)[:, :, ::4, ::4]
    assert at_grid.shape == (400, 2, 3, 3)
    np.testing.assert_allclose(at_grid.std(), 7, rtol=0.04)


# One resampling for all


@given(sizes, sizes, seeds)
def test_the_image_is_interpolated_once(height, width, seed):
    image, labels = texture(height, width).double(), numbered(height, width)
    places = tile_coordinates(image.shape, 12, 2, BENT, seeded(seed))
    gray, _, _ = random_tile(image, labels, None, 12, 2, BENT, seeded(seed))
    expected = ndimage.map_coordinates(image, places.double(), order=1, mode="mirror")
    np.testing.assert_allclose(gray, expected, rtol=0, atol=1e-4)


@given(seeds)
def test_image_labels_and_weights_stay_registered(seed):
    height, width = 40, 50
    rows, columns = pixel_grid((height, width))
    image, weights = (rows / height).float(), columns.float()
    gray, labels, weights = random_tile(
        image, numbered(height, width), weights, 24, 4, BENT, seeded(seed)
    )
    inner = gray[4:-4, 4:-4] * height
    assert (labels // width - inner).abs().max() < 0.501  # nearest pixel and place between pixels
    assert (labels % width - weights).abs().max() < 0.501


@given(seeds)
def test_labels_are_the_image_of_their_nearest_pixels(seed):
    labels = numbered(30, 20)
    inner = tile_coordinates(labels.shape, 16, 3, BENT, seeded(seed))[:, 3:-3, 3:-3]
    _, seen, _ = random_tile(labels.double(), labels, None, 16, 3, BENT, seeded(seed))
    np.testing.assert_array_equal(seen, resample(labels.double(), inner, order=0))


@given(seeds, st.sampled_from([torch.int32, torch.int64]))
def test_labels_keep_their_type_and_only_existing_values_occur(seed, dtype):
    values = torch.tensor([-1, 0, 3, LARGEST - 1, LARGEST], dtype=dtype)
    labels = values[torch.randint(5, (20, 20), generator=seeded(seed))]
    _, seen, _ = random_tile(texture(20, 20), labels, None, 24, 4, Augmentation(), seeded(seed))
    assert seen.dtype == dtype and torch.isin(seen, labels).all()


@given(seeds)
def test_weights_stay_between_their_extremes(seed):
    weights = 9 * texture(20, 20) + 1
    image, labels = texture(20, 20), numbered(20, 20)
    _, _, seen = random_tile(image, labels, weights, 24, 4, Augmentation(), seeded(seed))
    assert seen.min() >= weights.min() - 1e-4 and seen.max() <= weights.max() + 1e-4


def test_the_image_tile_has_the_border_and_the_others_do_not():
    gray, labels, weights = random_tile(
        texture(30, 30), numbered(30, 30), texture(30, 30), 20, 3, Augmentation(), seeded()
    )
    assert gray.shape == (20, 20) and labels.shape == weights.shape == (14, 14)


def test_an_image_much_smaller_than_the_tile_is_mirrored_until_it_fills_it():
    gray, labels, _ = random_tile(
        texture(3, 1), numbered(3, 1), None, 40, 4, Augmentation(), seeded()
    )
    assert gray.shape == (40, 40) and 0 <= gray.min() and gray.max() <= 1
    assert set(labels.unique().tolist()) == {0, 1, 2}


# Gray values


@given(seeds, st.floats(0, 0.99), st.floats(0, 2))
def test_gray_values_stay_in_their_range(seed, contrast, brightness):
    how = Augmentation(contrast=contrast, brightness=brightness, noise=0.3)
    gray = change_gray_values(texture(9, 9), how, seeded(seed))
    assert gray.dtype == torch.float32 and 0 <= gray.min() and gray.max() <= 1


@given(seeds, st.floats(0, 0.99), st.floats(0, 0.5))
def test_gray_values_move_within_their_bounds(seed, contrast, brightness):
    image, how = texture(9, 9), Augmentation(contrast=contrast, brightness=brightness)
    moved = (change_gray_values(image, how, seeded(seed)) - image).abs()
    assert (moved <= contrast * (image - 0.5).abs() + brightness + 1e-6).all()


def test_noise_has_every_strength_up_to_the_most_and_no_mean():
    how, generator = Augmentation(contrast=0, brightness=0, noise=0.05), seeded()
    flat = torch.full((40, 40), 0.5)
    noises = torch.stack([change_gray_values(flat, how, generator) for _ in range(300)]) - 0.5
    spreads = noises.flatten(1).std(1)
    assert spreads.min() < 1e-4 and 0.047 < spreads.max() < 0.054
    assert abs(spreads.mean() - 0.0125) < 0.0025  # 0.05 / 4, with standard deviation 0.0008
    assert abs(spreads.median() - 0.05 / 8) < 0.003 and abs(noises.mean()) < 2e-4
    beside = (noises[:, 1:] * noises[:, :-1]).mean() / noises.pow(2).mean()
    assert abs(beside) < 0.01  # pixels know nothing of each other


def test_noise_takes_as_many_numbers_for_any_image():
    """Processes pass over each other's tiles with an image of one pixel."""
    how, generators = Augmentation(noise=0.1), [seeded(), seeded()]
    change_gray_values(texture(9, 9), how, generators[0])
    change_gray_values(torch.zeros(()), how, generators[1])
    assert torch.equal(*(generator.get_state() for generator in generators))


@given(seeds)
def test_gray_values_keep_their_order(seed):
    ramp = torch.linspace(0, 1, 50)
    assert (change_gray_values(ramp, Augmentation(), seeded(seed)).diff() >= 0).all()


def test_contrast_and_brightness_use_all_of_their_range():
    generator, ends = seeded(), torch.tensor([0.4, 0.6])
    changed = torch.stack([change_gray_values(ends, Augmentation(), generator) for _ in range(500)])
    brightness, contrast = changed.mean(1) - 0.5, changed.diff(dim=1) / 0.2
    assert -0.1 <= brightness.min() < -0.09 and 0.09 < brightness.max() <= 0.1
    assert 0.8 <= contrast.min() + 1e-5 < 0.82 and 1.18 < contrast.max() - 1e-5 <= 1.2
    assert abs(brightness.mean()) < 0.01 and abs(contrast.mean() - 1) < 0.02


def test_without_augmentation_gray_values_are_the_same_bits():
    image = 3 * texture(9, 9) - 1
    assert torch.equal(change_gray_values(image, Augmentation.none(), seeded()), image)


# Randomness


def test_the_same_seed_gives_the_same_bits():
    def tile(seed):
        image, labels = texture(30, 30), numbered(30, 30)
        return random_tile(image, labels, image, 20, 2, Augmentation(), seeded(seed))

    assert all(torch.equal(a, b) for a, b in zip(tile(3), tile(3)))
    assert not any(torch.equal(a, b) for a, b in zip(tile(3), tile(4)))


def test_global_random_state_is_neither_read_nor_set():
    before = global_states()
    random_tile(texture(9, 9), numbered(9, 9), None, 8, 1, Augmentation(), seeded())
    assert global_states() == before


# Errors


@pytest.mark.parametrize("name", ["rotation", "sigma", "contrast", "brightness", "noise"])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_numbers_below_zero_or_not_finite_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be 0 or more, and finite: {value}"):
        Augmentation(**{name: value})


@pytest.mark.parametrize("value", [1, 1.5])
def test_a_contrast_that_may_invert_the_image_is_refused(value):
    with pytest.raises(ValueError, match=f"contrast must be below 1, got {value}"):
        Augmentation(contrast=value)


@pytest.mark.parametrize("value", [0.99, 0, -1, math.nan, math.inf])
def test_a_zoom_below_one_is_refused(value):
    with pytest.raises(ValueError, match=f"zoom must be 1 or more, and finite: {value}"):
        Augmentation(zoom=value)


@pytest.mark.parametrize("grid", [1, 0, -3, 3.5, math.inf, True])
def test_a_grid_of_fewer_than_two_points_is_refused(grid):
    with pytest.raises(ValueError, match=f"grid must be a whole number, 2 or more, not {grid}"):
        Augmentation(grid=grid)


@pytest.mark.parametrize("factor, shift", [(255, 0), (1, 0.5), (1, -0.5)])
def test_gray_values_outside_their_range_are_refused(factor, shift):
    image = factor * torch.rand(40, 40) + shift
    labels = torch.zeros(40, 40, dtype=torch.int32)
    with pytest.raises(ValueError, match=r"gray values lie in \[0, 1\], not in"):
        random_tile(image, labels, None, 30, 4, Augmentation(), torch.Generator())


def test_an_unknown_parameter_is_refused():
    with pytest.raises(TypeError, match="shear"):
        Augmentation(shear=3)


@pytest.mark.parametrize("tile, border", [(0, 0), (8, 4), (8, 5), (8, -1)])
def test_a_border_that_leaves_nothing_is_refused(tile, border):
    message = f"a tile of {tile} px has nothing left within a border of {border} px"
    with pytest.raises(ValueError, match=message):
        random_tile(
            texture(9, 9), numbered(9, 9), None, tile, border, Augmentation.none(), seeded()
        )


def test_shapes_that_differ_are_named():
    with pytest.raises(ValueError, match=r"\(9, 9\), \(9, 8\)"):
        random_tile(texture(9, 9), numbered(9, 8), None, 8, 0, Augmentation(), seeded())
    with pytest.raises(ValueError, match=r"\(9, 9\), \(9, 9\), \(8, 9\)"):
        random_tile(texture(9, 9), numbered(9, 9), texture(8, 9), 8, 0, Augmentation(), seeded())


def test_images_of_three_axes_are_refused():
    image, labels = texture(9, 9)[None], numbered(9, 9)[None]
    with pytest.raises(ValueError, match=r"one shape \(H, W\), got \(1, 9, 9\)"):
        random_tile(image, labels, None, 8, 0, Augmentation(), seeded())


def test_an_image_of_integers_is_refused():
    with pytest.raises(TypeError, match="float image"):
        random_tile(numbered(9, 9), numbered(9, 9), None, 8, 0, Augmentation(), seeded())


@pytest.mark.parametrize(
    "name, value", [("mirror", "no"), ("rotation", "180"), ("sigma", None), ("contrast", True)]
)
def test_a_setting_of_another_kind_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*, not {value!r}"):
        Augmentation(**{name: value})
