"""The recipe that follows from the size of the cells."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unet_book.sizes import border, is_valid_size, receptive_field
from unet_book.training import choices
from unet_book.training.choices import recipe, steps_for


@given(st.floats(1, 500), st.none() | st.integers(1, 3000))
def test_every_diameter_and_size_gives_a_recipe_whose_tile_fits(diameter, largest):
    preset = recipe(diameter, largest)
    assert is_valid_size(preset.tile, preset.depth)
    answer = preset.tile - 2 * border(preset.depth)
    assert answer >= 2**preset.depth
    # A tile is at most rounded up beyond the image, which is then mirrored.
    assert largest is None or answer < max(largest, 2**preset.depth) + 2**preset.depth
    assert 2 <= preset.sigma <= 5


def test_a_network_sees_two_cells_side_by_side_if_any_of_them_does():
    for diameter in (10, 22, 50, 51, 90):
        assert receptive_field(recipe(diameter).depth) >= 2 * diameter
    assert recipe(22).depth < recipe(60).depth == recipe(300).depth == 4


def test_steps_are_taken_as_they_are_told():
    assert recipe(22, steps=7).steps == 7 and recipe(22, steps=7).warmup == 0
    with pytest.raises(ValueError, match="steps"):
        recipe(22, steps=0)


@pytest.mark.parametrize("diameter", [0, -1, float("nan"), float("inf")])
def test_a_diameter_that_is_none_is_refused(diameter):
    with pytest.raises(ValueError, match="diameter"):
        recipe(diameter)


def test_twice_the_minutes_are_twice_the_steps_and_two_cores_are_less_than_twice_one(monkeypatch):
    monkeypatch.setattr(choices, "_kind", lambda device, width: "AVX512")
    monkeypatch.setattr(choices.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    preset = recipe(22)
    one = steps_for(preset, 10)
    # 3 * 3.603 GFLOP at 100 GFLOP/s, and 16 ms: 124.1 ms, 4834 steps
    assert one == 4800
    assert steps_for(preset, 20) == pytest.approx(2 * one, rel=0.05)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert 1.7 * one < steps_for(preset, 10) < 2 * one


def test_the_fewest_steps_are_made_in_no_time_too(arithmetic):
    assert steps_for(recipe(22), 1e-6) == choices.FEWEST
    with pytest.raises(ValueError, match="minutes"):
        steps_for(recipe(22), 0)


def test_any_device_has_a_speed(arithmetic):
    assert choices._kind(torch.device("cuda"), 16) == "cuda"
    assert choices._kind(torch.device("xpu"), 16) == "other"
    assert choices._kind(torch.device("cpu"), 16) in choices.SPEEDS
