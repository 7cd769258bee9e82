"""Fields and resampling against scipy in float64; the bicubic kernel against loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.interpolate import CubicSpline

from unet_book.elastic import (
    _pick,
    deform,
    deform_pair,
    dense_displacement,
    jacobian,
    pixel_grid,
    place_factors,
    random_displacement,
    resample,
    spline_matrix,
)

sizes = st.integers(1, 12)
seeds = st.integers(0, 2**32 - 1)


def random_case(seed, shape, largest):
    """An image and a displacement of up to `largest` pixels, float64."""
    rng = np.random.default_rng(seed)
    return rng.random(shape), rng.uniform(-largest, largest, (2, *shape))


def scipy_deform(image, displacement, order):
    places = np.indices(image.shape) + displacement
    return ndimage.map_coordinates(image, places, order=order, mode="mirror")


def loop_bicubic(image, places):
    """Cubic convolution (Keys 1981) with a = -0.75, as torch and OpenCV have it, in float64."""

    def kernel(t, a=-0.75):
        t = abs(t)
        if t <= 1:
            return (a + 2) * t**3 - (a + 3) * t**2 + 1
        return a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0

    def mirrored(i, size):
        while size > 1 and not 0 <= i < size:
            i = -i if i < 0 else 2 * (size - 1) - i
        return i if size > 1 else 0

    result = np.zeros(places.shape[1:])
    for pixel in np.ndindex(result.shape):
        y, x = places[:, *pixel]
        for i in range(math.floor(y) - 1, math.floor(y) + 3):
            for j in range(math.floor(x) - 1, math.floor(x) + 3):
                seen = image[mirrored(i, image.shape[0]), mirrored(j, image.shape[1])]
                result[pixel] += kernel(y - i) * kernel(x - j) * seen
    return result


def global_states():
    """The states of both libraries' global generators, as bytes."""
    numpy_state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    return numpy_state, torch.get_rng_state().numpy().tobytes()


# From vectors to a field


@given(st.integers(2, 40), st.integers(2, 6), seeds)
def test_spline_matrix_interpolates_by_cubic_splines(size, grid, seed):
    # Mirrored values have no slope at the mirrors: the clamped spline.
    values = np.random.default_rng(seed).normal(size=grid)
    spline = CubicSpline(np.linspace(0, 1, grid), values, bc_type="clamped")
    expected = spline(np.linspace(0, 1, size))
    np.testing.assert_allclose(spline_matrix(size, grid) @ values, expected, atol=1e-9)


@pytest.mark.parametrize("grid", [2, 3, 4, 5])
def test_spline_matrix_meets_the_values_at_the_grid_points(grid):
    step = 7
    matrix = spline_matrix(step * (grid - 1) + 1, grid)
    np.testing.assert_allclose(matrix[::step], np.eye(grid), atol=1e-12)


@given(st.integers(1, 40), st.integers(2, 6))
def test_rows_of_the_spline_matrix_sum_to_one(size, grid):
    np.testing.assert_allclose(spline_matrix(size, grid).sum(1), 1, atol=1e-12)


@given(st.integers(2, 20), st.integers(2, 20), st.integers(2, 5), seeds)
def test_field_is_the_two_dimensional_cubic_spline(height, width, grid, seed):
    vectors = np.random.default_rng(seed).normal(size=(2, grid, grid))
    ends = (np.linspace(0, grid - 1, height), np.linspace(0, grid - 1, width))
    places = np.stack(np.meshgrid(*ends, indexing="ij"))
    expected = [ndimage.map_coordinates(v, places, order=3, mode="mirror") for v in vectors]
    np.testing.assert_allclose(dense_displacement(vectors, (height, width)), expected, atol=1e-10)


def test_equal_vectors_shift_every_pixel_alike():
    vectors = np.ones((2, 3, 3)) * np.array([4.0, -7.0])[:, None, None]
    np.testing.assert_allclose(dense_displacement(vectors, (5, 8))[:, 2, 3], [4, -7])
    assert np.ptp(dense_displacement(vectors, (5, 8)), axis=(1, 2)).max() < 1e-12


def test_vectors_of_integers_are_not_cut_to_integers():
    vectors = np.arange(18).reshape(2, 3, 3)
    field = dense_displacement(vectors, (6, 6))
    np.testing.assert_array_equal(field, dense_displacement(vectors.astype(float), (6, 6)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_field_has_the_vectors_library_and_precision(dtype):
    field = dense_displacement(torch.ones(2, 3, 3, dtype=dtype), (4, 5))
    assert field.dtype == dtype and field.shape == (2, 4, 5)


# Random fields


def test_vectors_at_the_grid_points_have_standard_deviation_sigma():
    rng = np.random.default_rng(0)
    fields = [random_displacement((21, 31), generator=rng) for _ in range(400)]
    at_grid = np.stack(fields)[:, :, ::10, ::15]
    assert at_grid.shape == (400, 2, 3, 3)
    np.testing.assert_allclose(at_grid.std(), 10, rtol=0.03)
    np.testing.assert_allclose(at_grid.std(axis=0), 10, rtol=0.2)
    assert abs(at_grid.mean()) < 0.4


def test_vectors_are_independent_of_one_another():
    rng = np.random.default_rng(1)
    fields = [random_displacement((3, 3), generator=rng).ravel() for _ in range(2000)]
    correlation = np.corrcoef(np.array(fields).T)
    assert np.abs(correlation - np.eye(18)).max() < 0.1


def test_the_field_grows_linearly_with_sigma():
    one, ten = (random_displacement((9, 9), 3, s, np.random.default_rng(5)) for s in (1, 10))
    np.testing.assert_allclose(ten, 10 * one, rtol=1e-5)


def test_sigma_zero_is_no_displacement():
    assert not random_displacement((9, 9), sigma=0).any()


def test_the_same_seed_gives_the_same_bits():
    first, second = (random_displacement((9, 7), generator=np.random.default_rng(3)) for _ in "12")
    np.testing.assert_array_equal(first, second)
    first, second = (
        random_displacement((9, 7), generator=torch.Generator().manual_seed(3)) for _ in "12"
    )
    assert torch.equal(first, second)


def test_a_generator_moves_on():
    rng = np.random.default_rng(3)
    first, second = (random_displacement((9, 7), generator=rng) for _ in "12")
    assert (first != second).any()


def test_without_a_generator_each_field_is_new():
    assert (random_displacement((9, 9)) != random_displacement((9, 9))).any()


def test_global_random_state_is_neither_read_nor_set():
    before = global_states()
    for generator in (None, np.random.default_rng(0), torch.Generator()):
        random_displacement((5, 5), generator=generator)
    assert global_states() == before


def test_the_generator_decides_between_numpy_and_torch():
    field = random_displacement((5, 6), generator=torch.Generator())
    assert isinstance(field, torch.Tensor) and field.dtype == torch.float32
    for generator in (None, np.random.default_rng(0)):
        field = random_displacement((5, 6), generator=generator)
        assert isinstance(field, np.ndarray) and field.dtype == np.float32
        assert field.shape == (2, 5, 6)


# Folding


@given(seeds)
def test_the_jacobian_of_a_linear_map_is_its_determinant(seed):
    matrix = np.random.default_rng(seed).normal(size=(2, 2))
    displacement = np.einsum("ij,jhw->ihw", matrix - np.eye(2), np.indices((4, 5)))
    np.testing.assert_allclose(jacobian(displacement), np.linalg.det(matrix), atol=1e-12)


def test_the_jacobian_has_the_fields_library_and_is_negative_where_it_folds():
    field = torch.zeros(2, 9, 9)
    field[1, :, 5:] = -3  # columns 5 ... 8 look further left than column 4
    area = jacobian(field)
    assert isinstance(area, torch.Tensor) and area.shape == (9, 9)
    assert (area[:, 4:6] < 0).all() and (area[:, :4] == 1).all()


@pytest.mark.parametrize("shape", [(2, 1, 5), (2, 5), (3, 5, 5)])
def test_what_is_no_field_has_no_jacobian(shape):
    with pytest.raises(ValueError, match=r"\(2, H, W\)"):
        jacobian(np.zeros(shape))


# Resampling


@given(sizes, sizes, seeds, st.sampled_from([0.4, 3, 50]), st.sampled_from([0, 1]))
def test_nearest_and_bilinear_equal_scipys(height, width, seed, largest, order):
    image, displacement = random_case(seed, (height, width), largest)
    expected = scipy_deform(image, displacement, order)
    np.testing.assert_allclose(deform(image, displacement, order), expected, rtol=0, atol=1e-9)


@given(sizes, sizes, seeds, st.sampled_from([0.4, 3, 50]))
def test_bicubic_equals_loops_over_the_kernel(height, width, seed, largest):
    image, displacement = random_case(seed, (min(height, 6), min(width, 6)), largest)
    expected = loop_bicubic(image, np.indices(image.shape) + displacement)
    np.testing.assert_allclose(deform(image, displacement, 3), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_single_precision_agrees_with_double(order):
    image, displacement = random_case(0, (200, 180), 30)
    single = deform(image.astype(np.float32), displacement.astype(np.float32), order)
    assert single.dtype == np.float32
    double = deform(image, displacement.astype(np.float32), order)
    assert np.mean(np.abs(single - double) > 1e-4) < 1e-3  # where `nearest` meets a tie


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 40_000), (40_000, 3)])
def test_far_from_the_first_pixel_a_field_of_single_precision_loses_nothing(shape, dtype):
    image, displacement = random_case(0, shape, 30)
    image, displacement = image.astype(dtype), displacement.astype(np.float32)
    expected = scipy_deform(image.astype(np.float64), displacement, 1)
    np.testing.assert_allclose(deform(image, displacement), expected, rtol=0, atol=1e-6)
    labels = np.arange(120_000, dtype=np.int32).reshape(shape)
    nearest = scipy_deform(labels, displacement.astype(np.float64), 0)
    np.testing.assert_array_equal(deform(labels, displacement, order=0), nearest)


@given(sizes, sizes, seeds)
def test_whole_and_half_places_and_a_million_pixels_outside_are_mirrored(height, width, seed):
    rng = np.random.default_rng(seed)
    image, lasts = rng.random((height, width)), np.array([height - 1, width - 1])[:, None, None]
    for places in (rng.integers(-99, 99, (2, 9, 9)) / 2, rng.uniform(-1e6, 1e6, (2, 9, 9))):
        folded = places % np.maximum(2 * lasts, 1)
        folded = np.where(lasts > 0, np.minimum(folded, 2 * lasts - folded), 0)
        expected = ndimage.map_coordinates(image, folded, order=1)
        np.testing.assert_allclose(resample(image, places), expected, rtol=0, atol=1e-8)
        nearest = image[tuple(np.floor(folded + 0.5).astype(int))]  # of two, the later one
        np.testing.assert_array_equal(resample(image, places, order=0), nearest)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("dtype, far", [(np.float32, 3e38), (np.float64, 1e308)])
def test_places_as_far_as_numbers_go_are_read_inside_the_image(order, dtype, far):
    image = np.random.default_rng(0).random((5, 7)) + 1
    places = np.random.default_rng(1).choice([-far, far], (2, 40, 40)).astype(dtype)
    read = resample(image, places, order)
    assert ((read >= image.min()) & (read <= image.max())).all()


@pytest.mark.parametrize("order", [0, 1, 3])
def test_zero_displacement_is_the_identity(order):
    image = np.random.default_rng(0).random((97, 140), np.float32)
    result = deform(image, np.zeros((2, 97, 140), np.float32), order)
    np.testing.assert_allclose(result, image, rtol=0, atol=0 if order == 0 else 1e-5)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_whole_displacements_roll_the_interior(order):
    image, _ = random_case(2, (20, 30), 1)
    displacement = np.ones((2, 20, 30)) * np.array([3, -5])[:, None, None]
    rolled = np.roll(image, (-3, 5), axis=(0, 1))
    inside = np.s_[5:-5, 5:-5]
    np.testing.assert_allclose(
        deform(image, displacement, order)[inside], rolled[inside], atol=1e-10
    )


def test_beyond_the_edge_the_image_is_mirrored_without_repeating_it():
    row = np.arange(4.0)[None]
    displacement = np.stack([np.zeros((1, 4)), np.full((1, 4), 2.0)])
    np.testing.assert_allclose(deform(row, displacement), [[2, 3, 2, 1]], atol=1e-12)


@given(seeds, st.sampled_from([np.uint8, np.uint16, np.int16, np.int32, np.int64]))
def test_labels_keep_their_type_and_only_existing_values_occur(seed, dtype):
    rng = np.random.default_rng(seed)
    values = [0, 1, 200, np.iinfo(dtype).max if dtype is not np.int64 else 2**31 - 1]
    labels = rng.choice(values, (9, 11)).astype(dtype)
    result = deform(labels, rng.normal(0, 9, (2, 9, 11)), order=0)
    assert result.dtype == labels.dtype and np.isin(result, labels).all()


def test_every_int32_comes_through():
    labels = np.array([[-(2**31), -1, 0, 1, 2**24 + 1, 2**31 - 2, 2**31 - 1]], np.int32)
    np.testing.assert_array_equal(deform(labels, np.zeros((2, 1, 7)), order=0), labels)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_channels_are_deformed_alike(order):
    rng = np.random.default_rng(0)
    stack, displacement = rng.random((3, 8, 9)), rng.normal(0, 4, (2, 8, 9))
    alone = [deform(channel, displacement, order) for channel in stack]
    np.testing.assert_array_equal(deform(stack, displacement, order), alone)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_images_one_pixel_wide_repeat_it(shape, order):
    along = 9 if 9 in shape else 1
    image = np.arange(float(along)).reshape(shape)
    sideways = np.zeros((2, *shape))
    sideways[shape.index(1)] = 3.7
    np.testing.assert_allclose(deform(image, sideways, order), image, atol=1e-12)


def test_resample_gives_an_image_of_the_coordinates_shape():
    rng = np.random.default_rng(0)
    image, places = rng.random((3, 9, 7)), rng.uniform(-20, 20, (2, 4, 5))
    expected = [ndimage.map_coordinates(c, places, order=1, mode="mirror") for c in image]
    np.testing.assert_allclose(resample(image, places), expected, atol=1e-9)


def test_pixel_grid_holds_row_and_column():
    np.testing.assert_array_equal(pixel_grid((3, 4)), np.indices((3, 4)))


@pytest.mark.parametrize("order", [0, 1, 3])
def test_torch_in_torch_out(order):
    image, displacement = random_case(0, (8, 9), 3)
    tensor = deform(torch.from_numpy(image), torch.from_numpy(displacement), order)
    np.testing.assert_array_equal(tensor.numpy(), deform(image, displacement, order))


def test_an_image_and_a_displacement_of_two_libraries_give_the_images():
    assert isinstance(deform(torch.eye(3), np.zeros((2, 3, 3))), torch.Tensor)
    assert isinstance(deform(np.eye(3), torch.zeros(2, 3, 3)), np.ndarray)


def test_neither_image_nor_displacement_is_changed():
    image, displacement = random_case(0, (8, 9), 3)
    copies = image.copy(), displacement.copy()
    deform(image, displacement)
    np.testing.assert_array_equal(image, copies[0])
    np.testing.assert_array_equal(displacement, copies[1])


def test_labels_of_one_byte_to_eight_are_moved_alike():
    rng = np.random.default_rng(0)
    labels, displacement = rng.integers(0, 2, (8, 9)), rng.normal(0, 4, (2, 8, 9))
    expected = deform(labels, displacement, order=0)
    for dtype in (bool, np.uint8, np.uint16, np.uint32, np.uint64, np.float16, np.float64):
        result = deform(labels.astype(dtype), displacement, order=0)
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, expected.astype(dtype))


@given(sizes, sizes, seeds, st.sampled_from([0.4, 3, 50]))
def test_indexing_in_torch_picks_what_the_loop_picks(height, width, seed, largest):
    image, displacement = random_case(seed, (height, width), largest)
    places = torch.from_numpy(np.indices(image.shape) + displacement)
    picked = _pick(torch.from_numpy(image), places)
    np.testing.assert_array_equal(picked, deform(image, displacement, order=0))


def test_gradients_reach_image_and_displacement():
    image, displacement = map(torch.from_numpy, random_case(0, (8, 9), 3))
    without = deform(image, displacement)
    image.requires_grad_(), displacement.requires_grad_()
    result = deform(image, displacement)
    torch.testing.assert_close(result, without)
    result.sum().backward()
    assert image.grad.abs().sum() > 0 and displacement.grad.abs().sum() > 0


def test_images_of_half_precision_are_interpolated():
    image, displacement = map(torch.from_numpy, random_case(0, (8, 9), 3))
    half = deform(image.half(), displacement)
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.double(), deform(image, displacement), rtol=0, atol=0.02)


@pytest.mark.parametrize("side", [182, 572])
@pytest.mark.parametrize("order", [1, 3])
def test_half_precision_holds_large_images_too(side, order):
    rng = np.random.default_rng(0)
    for dtype, step in ((torch.float16, 2**-11), (torch.bfloat16, 2**-8)):
        image = torch.from_numpy(rng.random((side, side))).to(dtype)
        field = dense_displacement(rng.normal(0, 10, (2, 3, 3)), (side, side))
        exact = deform(image.double(), field, order)
        torch.testing.assert_close(
            deform(image, field, order).double(), exact, rtol=0, atol=step + 1e-4
        )


def test_a_displacement_of_half_precision_is_taken():
    image, field = np.random.default_rng(0).random((572, 572)), np.full((2, 572, 572), 0.5)
    expected = deform(image, field)
    np.testing.assert_allclose(deform(image, field.astype(np.float16)), expected, atol=1e-9)
    places = np.full((2, 300, 300), 100.0)
    np.testing.assert_array_equal(resample(image, places.astype(np.float16)), image[100, 100])


# Image and labels together


@given(sizes, sizes, st.integers(2, 5), seeds)
def test_the_factors_multiply_to_pixel_plus_displacement(height, width, grid, seed):
    vectors = np.random.default_rng(seed).normal(0, 9, (2, grid, grid))
    rows, columns = place_factors(vectors, (height, width))
    assert rows.shape == (2, height, grid + 2) and columns.shape == (grid + 2, width)
    expected = pixel_grid((height, width)).numpy() + dense_displacement(vectors, (height, width))
    np.testing.assert_allclose(rows @ columns, expected, rtol=0, atol=1e-10)


@given(sizes, sizes, seeds, st.sampled_from([0.4, 3, 50]))
def test_a_pair_is_deformed_as_each_of_the_two(height, width, seed, largest):
    rng = np.random.default_rng(seed)
    image, labels = rng.random((height, width)), rng.integers(-1, 9, (height, width), np.int32)
    vectors = rng.uniform(-largest, largest, (2, 3, 3))
    field = dense_displacement(vectors, image.shape)
    gray, seen = deform_pair(image, labels, vectors)
    np.testing.assert_allclose(gray, deform(image, field), rtol=0, atol=1e-9)
    assert seen.dtype == np.int32
    np.testing.assert_array_equal(seen, deform(labels, field, order=0))


@given(st.integers(1, 60), st.integers(1, 60), seeds, st.sampled_from([0.4, 10, 90]))
def test_a_pair_of_single_precision_is_that_of_double(height, width, seed, largest):
    rng = np.random.default_rng(seed)
    image, labels = rng.random((height, width), np.float32), rng.integers(0, 99, (height, width))
    vectors = rng.uniform(-largest, largest, (2, 3, 3))
    field = dense_displacement(vectors, image.shape)
    gray, seen = deform_pair(image, labels, vectors)
    assert gray.dtype == np.float32
    expected = scipy_deform(image.astype(np.float64), field, 1)
    np.testing.assert_allclose(gray, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(seen, scipy_deform(labels, field, 0))


def test_a_pair_keeps_library_type_and_inputs():
    image, labels = torch.rand(8, 9), torch.ones(8, 9, dtype=torch.uint8)
    copy, vectors = image.clone(), torch.ones(2, 3, 3)
    gray, seen = deform_pair(image, labels, vectors)
    assert gray.dtype == torch.float32 and seen.dtype == torch.uint8
    assert torch.equal(image, copy) and torch.equal(vectors, torch.ones(2, 3, 3))
    assert isinstance(deform_pair(image.numpy(), labels.numpy(), vectors)[0], np.ndarray)


def test_a_pair_with_a_gradient_takes_the_way_that_has_one():
    image, vectors = torch.rand(8, 9, requires_grad=True), np.ones((2, 3, 3))
    gray, _ = deform_pair(image, torch.ones(8, 9, dtype=torch.int32), vectors)
    assert gray.requires_grad


def test_the_gradient_of_a_pair_reaches_the_vectors():
    image, cells = torch.rand(8, 9), torch.ones(8, 9, dtype=torch.int32)
    vectors = torch.ones(2, 3, 3, dtype=torch.float64, requires_grad=True)
    gray, _ = deform_pair(image, cells, vectors)
    torch.testing.assert_close(gray, deform_pair(image, cells, vectors.detach())[0])
    gray.sum().backward()
    assert vectors.grad.abs().sum() > 0


def test_the_vectors_of_a_pair_may_be_a_list():
    image, cells = np.random.default_rng(0).random((8, 9)), np.ones((8, 9), int)
    as_list = deform_pair(image, cells, [[[1, 2, 3]] * 3] * 2)
    expected = deform_pair(image, cells, np.array([[[1.0, 2, 3]] * 3] * 2))
    np.testing.assert_array_equal(as_list[0], expected[0])


def test_a_pair_looks_like_elasticdeforms():
    elasticdeform = pytest.importorskip("elasticdeform")
    rng = np.random.default_rng(0)
    image, labels = rng.random((90, 120)), rng.integers(0, 9, (90, 120), np.int32)
    vectors = rng.normal(0, 10, (2, 3, 3))
    theirs = elasticdeform.deform_grid([image, labels], vectors, order=[1, 0], mode="mirror")
    ours = deform_pair(image, labels, vectors)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-3 / 255)
    np.testing.assert_array_equal(ours[1], theirs[1])


# Errors


def test_a_pair_of_two_shapes_is_refused():
    with pytest.raises(ValueError, match=r"got \(3, 3\) and \(3, 4\)"):
        deform_pair(np.eye(3), np.zeros((3, 4), int), np.zeros((2, 3, 3)))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_vectors_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="NaN or infinite"):
        deform_pair(np.eye(3), np.eye(3, dtype=int), np.full((2, 3, 3), value))


def test_a_pair_needs_vectors_not_a_field():
    with pytest.raises(ValueError, match=r"\(2, grid, grid\), got \(2, 3, 4\)"):
        deform_pair(np.zeros((3, 4)), np.zeros((3, 4), int), np.zeros((2, 3, 4)))


@pytest.mark.parametrize("grid, size", [(1, 5), (0, 5), (3, 0)])
def test_a_grid_or_a_size_that_is_too_small_is_named(grid, size):
    with pytest.raises(ValueError, match=f"got {grid} and {size}"):
        spline_matrix(size, grid)


@pytest.mark.parametrize("sigma, grid", [(-1, 3), (math.nan, 3), (10, 1)])
def test_impossible_random_fields_are_refused(sigma, grid):
    with pytest.raises(ValueError, match=f"got {sigma} and {grid}"):
        random_displacement((5, 5), grid, sigma)


@pytest.mark.parametrize("shape", [(3, 3), (3, 3, 3), (2, 3, 4)])
def test_vectors_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(2, grid, grid\)"):
        dense_displacement(np.zeros(shape), (5, 5))


@pytest.mark.parametrize("order", [2, -1, 4, "linear"])
def test_another_order_is_refused(order):
    with pytest.raises(ValueError, match="order is 0 .* 1 .* or 3 "):
        deform(np.eye(3), np.zeros((2, 3, 3)), order)


def test_a_displacement_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"needs a displacement \(2, 4, 5\), got \(2, 5, 4\)"):
        deform(np.zeros((4, 5)), np.zeros((2, 5, 4)))


@pytest.mark.parametrize("shape", [(4,), (1, 1, 4, 5)])
def test_an_image_of_other_axes_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(H, W\) or \(C, H, W\)"):
        deform(np.zeros(shape), np.zeros((2, 4, 5)))


def test_an_empty_image_is_refused():
    with pytest.raises(ValueError, match=r"not empty, got \(0, 5\)"):
        deform(np.zeros((0, 5)), np.zeros((2, 0, 5)))


@pytest.mark.parametrize("order", [1, 3])
def test_labels_are_not_interpolated(order):
    with pytest.raises(TypeError, match="int32.*order=0"):
        deform(np.eye(3, dtype=np.int32), np.zeros((2, 3, 3)), order)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_displacement_that_is_not_finite_is_refused(value, order):
    displacement = np.zeros((2, 3, 3))
    displacement[1, 2, 0] = value
    with pytest.raises(ValueError, match="NaN or infinite"):
        deform(np.eye(3), displacement, order)


def test_coordinates_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"coordinates are \(2, h, w\), got \(3, 4, 5\)"):
        resample(np.eye(3), np.zeros((3, 4, 5)))
