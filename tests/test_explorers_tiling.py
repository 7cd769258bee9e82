"""The figure of tilings, moved in a browser and held against `unet_book.overlap_tile`."""

import json
from math import ceil

import numpy as np
import pytest

from unet_book.overlap_tile import even_tiles
from unet_book.pages import explorers
from unet_book.sizes import border, nearest_valid_sizes, output_size


def two_digits(value):
    return f"{float(f'{value:.2g}'):g}"


def percent(share):
    return "more than 99 %" if 0.99 < share < 1 else f"{two_digits(100 * share)} %"


def expected(size, tile, step, depth):
    """The two lines, pixel by pixel along one axis."""
    tile = max(nearest_valid_sizes(tile, depth)[0] or 0, {3: 116, 4: 220}[depth])
    answer, block, asked = output_size(tile, depth), 2**depth, step
    step = min(step, answer)
    starts, phase = [*range(0, size, step)], np.zeros(size, int)
    for start in starts:
        phase[start : start + step] = start % block
    read, dropped = (len(starts) * tile / size) ** 2, 1 - (size / (len(starts) * answer)) ** 2
    tiles = f"{len(starts) ** 2:,} tiles, which overlap by {tile - step:,} px and read each pixel "
    first = (
        f"{tiles if starts != [0] else '1 tile, which reads each pixel '}{two_digits(read)} "
        f"times; {percent(dropped)} of the answers are dropped.\n"
    )
    if asked > answer:
        first += f"The step is cut to {answer}, the answer of a tile. "
    if starts == [0]:
        return starts, first + "No seam: nothing to join."
    if step % block == 0:
        return starts, first + f"{step} is a multiple of {block}: no seam, as one pass."
    share = 1 - np.mean(phase == 0) ** 2
    named = ", ".join(str(start % block) for start in starts[:5]) + ", …" * (len(starts) > 5)
    return starts, first + (
        f"Phases {named} (mod {block}): {percent(share)} of the "
        "image is pooled otherwise than in one pass."
    )


def test_it_says_what_counting_pixel_by_pixel_gives(move):
    move(explorers.tiling())
    settings = [
        {"size": size, "tile": tile, "step": step, "depth": depth}
        for size in (64, 512, 2048)
        for tile in (116, 252, 572, 1212)
        for step in (129, 388, 384, 1028)
        for depth in (3, 4)
    ]
    for setting, found in zip(settings, move.each(settings)):
        starts, says = expected(**setting)
        assert json.loads(found["phases"]) == [start % 2 ** setting["depth"] for start in starts]
        assert found["says"] == says, setting


@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize(
    "size, tile",
    [
        (512, 572),
        (64, 1212),
        (2048, 572),
        (1100, 252),
        (764, 444),
        (64, 116),
        (68, 252),
        (100, 444),
    ],
)
def test_the_button_sets_the_packages_tiles(move, page, size, tile, depth):
    move(explorers.tiling(), size=size, tile=tile, depth=depth)
    page.click("[name=even]")
    least = {3: 116, 4: 220}[depth]
    side, step = even_tiles(size, max(tile, least), depth)
    found = page.locator("#tiling")
    assert found.get_attribute("data-step") == str(step)
    assert found.get_attribute("data-count") == str(ceil(size / step))
    assert found.get_attribute("data-tile") == page.input_value("[name=tile]") == str(side)
    assert "no seam" in page.inner_text(".says").lower()


def squares(page, color):
    """Where the squares of a color begin, px from the first one's corner."""
    path = {name: page.get_attribute(f"path.{name}", "d") or "" for name in ("blue", "orange")}
    left, top = map(float, path["blue"][1:].partition("h")[0].split())
    starts = [part.partition("h")[0].split() for part in path[color].split("M")[1:]]
    return [f"{float(x) - left:.1f} {float(y) - top:.1f}" for x, y in starts]


def test_each_part_has_the_color_of_its_phase(move, page):
    move(explorers.tiling(), size=1024, tile=572, step=388)
    assert squares(page, "blue") == ["0.0 0.0"] and len(squares(page, "orange")) == 8
    move(step=384)
    assert len(squares(page, "blue")) == 9 and squares(page, "orange") == []


def test_a_step_beyond_the_answer_is_cut_to_it(move):
    answer = 252 - 2 * border(4)
    assert f"overlap by {252 - answer} px" in move(explorers.tiling(), tile=252, step=1000)


@pytest.mark.parametrize("width", [390, 900])
def test_it_fits_the_page(page, move, width):
    page.set_viewport_size({"width": width, "height": 900})
    move(explorers.tiling(), size=2048, tile=252, step=65)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("wrong", [{"size": 66}, {"tile": 570}, {"step": 4}, {"depth": 5}])
def test_it_refuses_what_it_can_not_show(wrong):
    with pytest.raises(ValueError):
        explorers.tiling(**wrong)
