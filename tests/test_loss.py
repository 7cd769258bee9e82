"""The energy against a loop over pixels, in Python's floats."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unet_book.loss import weighted_cross_entropy

shapes = st.tuples(st.integers(1, 3), st.integers(2, 5), st.integers(1, 5), st.integers(1, 5))
seeds = st.integers(0, 2**32)


def loop_energy(logits, target, weights, normalize, ignore_index=-1):
    """Eq. (1) with its minus sign, pixel by pixel, from the definition of the softmax."""
    energy = total = 0.0
    for n, row, column in [*torch.cartesian_prod(*(torch.arange(s) for s in target.shape))]:
        label = target[n, row, column].item()
        if label == ignore_index:
            continue
        a = logits[n, :, row, column].tolist()
        w = 1.0 if weights is None else weights[n, row, column].item()
        p = math.exp(a[label]) / math.fsum(math.exp(other) for other in a)
        energy -= w * math.log(p)
        total += w
    if normalize:
        return energy / total if total else 0.0
    return energy


def drawn(shape, seed, ignored=0.3):
    """Logits, target and weights, some pixels ignored and some of weight 0."""
    generator = torch.Generator().manual_seed(seed)
    n, classes, height, width = shape
    logits = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    target = torch.randint(classes, (n, height, width), generator=generator)
    target[torch.rand(target.shape, generator=generator) < ignored] = -1
    weights = 10 * torch.rand(target.shape, generator=generator, dtype=torch.float64)
    weights[torch.rand(target.shape, generator=generator) < 0.2] = 0
    return logits, target, weights


def close(energy, expected):
    return energy.item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


# The value ---------------------------------------------------------------------------------------


@given(shape=shapes, seed=seeds, weighted=st.booleans(), normalize=st.booleans())
def test_energy_is_that_of_a_loop_over_pixels(shape, seed, weighted, normalize):
    logits, target, weights = drawn(shape, seed)
    weights = weights if weighted else None
    energy = weighted_cross_entropy(logits, target, weights, normalize=normalize)
    assert energy.shape == ()
    assert close(energy, loop_energy(logits, target, weights, normalize))


@given(shape=shapes, seed=seeds)
def test_without_weights_it_is_the_frameworks_cross_entropy(shape, seed):
    logits, target, _ = drawn(shape, seed, ignored=0.1)
    target[0, 0, 0] = 0  # where everything is ignored, the framework gives NaN
    for normalize, reduction in [(True, "mean"), (False, "sum")]:
        expected = torch.nn.functional.cross_entropy(
            logits, target, ignore_index=-1, reduction=reduction
        )
        assert close(weighted_cross_entropy(logits, target, normalize=normalize), expected.item())


@pytest.mark.parametrize("ignore_index", [1, 255, -100])
def test_any_number_can_stand_for_ignored(ignore_index):
    logits, target, weights = drawn((2, 3, 4, 5), 0)
    target[target == -1] = ignore_index
    energy = weighted_cross_entropy(logits, target, weights, ignore_index=ignore_index)
    assert close(energy, loop_energy(logits, target, weights, True, ignore_index))


def test_a_coin_toss_between_two_classes_costs_log_2():
    energy = weighted_cross_entropy(torch.zeros(1, 2, 3, 3), torch.zeros(1, 3, 3, dtype=int))
    assert energy.item() == pytest.approx(math.log(2))


def test_one_class_costs_nothing():
    energy = weighted_cross_entropy(torch.randn(1, 1, 2, 2), torch.zeros(1, 2, 2, dtype=int))
    assert energy == 0


def test_normalized_energy_does_not_depend_on_the_weights_scale():
    logits, target, weights = drawn((1, 2, 5, 5), 0)
    once = weighted_cross_entropy(logits, target, weights)
    assert close(weighted_cross_entropy(logits, target, 1000 * weights), once.item())


def test_an_ignored_pixel_counts_for_nothing():
    logits, target, weights = drawn((1, 3, 4, 4), 0, ignored=0.5)
    ignored = target == -1
    others = logits + 50 * ignored[:, None] * torch.arange(3.0)[:, None, None]
    heavy = weights + 1000 * ignored
    before = weighted_cross_entropy(logits, target, weights)
    assert torch.equal(weighted_cross_entropy(others, target, heavy), before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("label, expected", [(0, 0.0), (1, 2e4)])
def test_logits_of_1e4_give_a_finite_energy_and_gradient(dtype, label, expected):
    logits = torch.tensor([1e4, -1e4], dtype=dtype).reshape(1, 2, 1, 1).requires_grad_()
    energy = weighted_cross_entropy(logits, torch.full((1, 1, 1), label))
    energy.backward()
    assert energy.item() == expected
    assert logits.grad.flatten().tolist() == ([0, 0] if label == 0 else [1, -1])


@given(shape=shapes, seed=seeds, shift=st.floats(-50, 50))
def test_the_same_number_added_to_all_logits_of_a_pixel_changes_nothing(shape, seed, shift):
    logits, target, weights = drawn(shape, seed)
    before = weighted_cross_entropy(logits, target, weights)
    assert close(weighted_cross_entropy(logits + shift, target, weights), before.item())


@given(seed=seeds)
def test_two_channels_are_one_channel_with_a_sigmoid(seed):
    logits, target, weights = drawn((2, 2, 4, 3), seed, ignored=0)
    one = logits[:, 1] - logits[:, 0]
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        one, target.double(), weight=weights, reduction="sum"
    )
    assert close(weighted_cross_entropy(logits, target, weights, normalize=False), each.item())


@pytest.mark.parametrize("ratio", [0.2, 1, 8])
def test_weights_move_the_minimum_by_the_logarithm_of_their_ratio(ratio):
    """A pixel that is a cell in a share of all cases: its best logit is that share's, plus ln r."""
    share, weights = 0.3, torch.tensor([[[ratio * 0.3, 0.7]]], dtype=torch.float64)
    best = math.log(share / (1 - share)) + math.log(ratio)
    a = torch.tensor([[0.0, 0.0], [best, best]], dtype=torch.float64).reshape(1, 2, 1, 2)
    cell = a[:, 1].clone().requires_grad_()
    logits = torch.stack([a[:, 0], cell.mean().expand_as(a[:, 0])], dim=1)
    weighted_cross_entropy(logits, torch.tensor([[[1, 0]]]), weights).backward()
    assert cell.grad.abs().max() < 1e-12


# The gradient ------------------------------------------------------------------------------------


@given(shape=shapes, seed=seeds, normalize=st.booleans())
def test_gradient_is_w_times_p_minus_y(shape, seed, normalize):
    logits, target, weights = drawn(shape, seed)
    logits.requires_grad_()
    weighted_cross_entropy(logits, target, weights, normalize=normalize).backward()
    y = torch.nn.functional.one_hot(target.clamp_min(0), shape[1]).movedim(-1, 1)
    w = weights * (target != -1)
    expected = (logits.detach().softmax(dim=1) - y) * w[:, None]
    if normalize and w.sum() > 0:
        expected = expected / w.sum()
    assert torch.allclose(logits.grad, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("normalize", [True, False])
def test_gradient_is_that_of_finite_differences(normalize):
    logits, target, weights = drawn((2, 3, 3, 4), 0)

    def energy(logits, weights):
        return weighted_cross_entropy(logits, target, weights, normalize=normalize)

    weights = weights + 0.1  # away from 0, where a difference would need negative weights
    assert torch.autograd.gradcheck(energy, (logits.requires_grad_(), weights.requires_grad_()))


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("nothing", ["ignored", "weightless"])
def test_without_an_annotated_weight_energy_and_gradient_are_0(nothing, normalize):
    logits, target, weights = drawn((1, 2, 4, 4), 0, ignored=float(nothing == "ignored"))
    weights = weights if nothing == "ignored" else 0 * weights
    logits.requires_grad_()
    energy = weighted_cross_entropy(logits, target, weights, normalize=normalize)
    energy.backward()
    assert energy == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


# Types -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("normalize", [True, False])
def test_half_precision_logits_of_a_whole_tile_are_summed_in_float32(dtype, normalize):
    logits, target, weights = drawn((1, 2, 388, 388), 0)
    logits = logits.to(dtype)
    energy = weighted_cross_entropy(logits, target, weights, normalize=normalize)
    exact = weighted_cross_entropy(logits.double(), target, weights, normalize=normalize)
    assert energy.dtype == torch.float32
    assert energy.item() == pytest.approx(exact.item(), rel=1e-5)


def test_half_precision_logits_get_a_half_precision_gradient():
    logits, target, weights = drawn((1, 2, 8, 8), 0)
    logits = logits.half().requires_grad_()
    weighted_cross_entropy(logits, target, weights).backward()
    assert logits.grad.dtype == torch.float16
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32])
def test_target_may_be_of_any_integer_type(dtype):
    logits, target, weights = drawn((2, 3, 4, 5), 0, ignored=0)
    before = weighted_cross_entropy(logits, target, weights)
    assert torch.equal(weighted_cross_entropy(logits, target.to(dtype), weights), before)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32])
def test_weights_may_be_of_any_type(dtype):
    logits, target, weights = drawn((2, 3, 4, 5), 0)
    weights = weights.to(dtype)
    energy = weighted_cross_entropy(logits, target, weights)
    assert close(energy, loop_energy(logits, target, weights.double(), True))


# What is refused ---------------------------------------------------------------------------------


def fine():
    return torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4, dtype=int), torch.ones(1, 4, 4)


@pytest.mark.parametrize("shape", [(2, 4, 4), (1, 4, 5), (1, 1, 4, 4), (4, 4)])
def test_a_target_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"disagree: \(1, 2, 4, 4\) and \("):
        weighted_cross_entropy(fine()[0], torch.zeros(shape, dtype=int))


@pytest.mark.parametrize("shape", [(), (2,), (2, 4, 4), (1, 2, 4)])
def test_logits_without_their_four_axes_are_refused(shape):
    with pytest.raises(ValueError, match=r"logits \(N, classes, H, W\)"):
        weighted_cross_entropy(torch.zeros(shape), fine()[1])


def test_weights_of_another_shape_are_refused():
    logits, target, _ = fine()
    with pytest.raises(ValueError, match=r"target's shape \(1, 4, 4\), not \(4, 4\)"):
        weighted_cross_entropy(logits, target, torch.ones(4, 4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool])
def test_a_target_that_holds_no_class_numbers_is_refused(dtype):
    logits, target, _ = fine()
    with pytest.raises(TypeError, match=f"an integer type, not {dtype}"):
        weighted_cross_entropy(logits, target.to(dtype))


def test_logits_of_integer_type_are_refused():
    logits, target, _ = fine()
    with pytest.raises(TypeError, match="logits are of float type, not torch.int64"):
        weighted_cross_entropy(logits.long(), target)


@pytest.mark.parametrize("label", [2, -2, 255])
def test_a_class_that_does_not_exist_is_refused_with_those_that_do(label):
    logits, target, _ = fine()
    target[0, 1, 2] = label
    with pytest.raises(ValueError, match=f"class {label}, but the logits have classes 0 to 1"):
        weighted_cross_entropy(logits, target)


def test_255_in_a_uint8_mask_is_no_ignored_pixel():
    logits, target, _ = fine()
    target[0, 1, 2] = 255  # as uint8 the same byte as -1
    with pytest.raises(ValueError, match="class 255"):
        weighted_cross_entropy(logits, target.to(torch.uint8))


@pytest.mark.parametrize("weight", [-0.5, float("nan"), float("inf")])
def test_a_weight_that_is_negative_or_not_finite_is_refused(weight):
    logits, target, weights = fine()
    weights[0, 1, 2] = weight
    with pytest.raises(ValueError, match=f"finite and not negative, not {weight}"):
        weighted_cross_entropy(logits, target, weights)


@pytest.mark.parametrize("unit", [1e-30, 1e-6, 1e6, 1e30])
def test_the_unit_of_the_weights_cancels(unit):
    logits, target, weights = drawn((2, 3, 4, 5), 0)
    energy = weighted_cross_entropy(logits, target, weights)
    torch.testing.assert_close(weighted_cross_entropy(logits, target, unit * weights), energy)
