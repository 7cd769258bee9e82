"""The figure of tilings, moved in a browser and held against `unet_book.overlap_tile`."""

import json
from math import ceil

import numpy as np
import pytest

from unet_book import explorers
from unet_book.overlap_tile import even_tiles, tile_step
from unet_book.unet import border, output_size

MOVE_ALL = """settings => settings.map(values => {
  for (const [name, value] of Object.entries(values))
    document.querySelector(`[name=${name}]`).value = value;
  document.querySelector("[name=size]").dispatchEvent(new Event("input", {bubbles: true}));
  return {...document.querySelector(".explorer").dataset,
          says: document.querySelector(".says").textContent};
})"""


def two_digits(value):
    return f"{float(f'{value:.2g}'):g}"


def expected(size, tile, step, depth):
    """The two lines, pixel by pixel along one axis."""
    answer, block = output_size(tile, depth), 2**depth
    step = min(step, answer)
    starts, phase = [*range(0, size, step)], np.zeros(size, int)
    for start in starts:
        phase[start : start + step] = start % block
    read, dropped = (len(starts) * tile / size) ** 2, 1 - (size / (len(starts) * answer)) ** 2
    first = (f"{len(starts) ** 2:,} tiles, which overlap by {tile - step} px and read each pixel "
             f"{two_digits(read)} times; {two_digits(100 * dropped)} % of their answers are "
             "dropped.\n")  # fmt: skip
    if step % block == 0:
        return starts, first + f"{step} is a multiple of {block}: no seam, as one pass."
    share = 1 - np.mean(phase == 0) ** 2
    named = ", ".join(str(start % block) for start in starts[:5]) + ", …" * (len(starts) > 5)
    return starts, first + (f"Phases {named} (mod {block}): {two_digits(100 * share)} % of the "
                            "image is pooled otherwise than in one pass.")  # fmt: skip


def test_it_says_what_counting_pixel_by_pixel_gives(move, page):
    move(explorers.tiling())
    settings = [
        {"size": size, "tile": tile, "step": step, "depth": depth}
        for size in (64, 512, 1100, 2048) for tile in (252, 572, 1212)
        for step in (64, 129, 388, 384, 1028) for depth in (3, 4)
    ]  # fmt: skip
    for setting, found in zip(settings, page.evaluate(MOVE_ALL, settings)):
        starts, says = expected(**setting)
        assert json.loads(found["phases"]) == [start % 2 ** setting["depth"] for start in starts]
        assert found["says"] == says, setting


@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize(
    "size, tile", [(512, 572), (64, 1212), (2048, 572), (1100, 252), (764, 444)]
)  # fmt: skip
def test_the_button_sets_the_packages_tiles(move, page, size, tile, depth):
    move(explorers.tiling(), size=size, tile=tile, depth=depth)
    page.click("[name=even]")
    side, step = even_tiles(size, tile, depth)
    found = page.locator("#tiling")
    assert found.get_attribute("data-step") == str(step)
    assert found.get_attribute("data-count") == str(ceil(size / tile_step(tile, depth)[0]))
    shown = int(page.input_value("[name=tile]"))  # the slider moves in steps of 16
    assert side <= shown < side + 16 or shown == 252
    assert "no seam" in page.inner_text(".says")


def test_each_part_has_the_color_of_its_phase(move, page):
    move(explorers.tiling(), size=1024, tile=572, step=388)
    parts = page.locator("rect.part")
    assert parts.count() == 9
    colors = [part.get_attribute("fill") for part in parts.all()]
    assert colors == ["var(--blue)"] + 8 * ["var(--orange)"]
    move(step=384)
    assert all("blue" in part.get_attribute("fill") for part in page.locator("rect.part").all())


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
