"""The figure of tile sizes, moved in a browser and held against `unet_book.unet`."""

import json
import re

import pytest

from unet_book import explorers, unet


def cells(page):
    rows = page.locator("#tile-sizes tr").all()[1:]
    return [[cell.inner_text() for cell in row.locator("td").all()] for row in rows]


@pytest.mark.parametrize(
    "tile, depth, base", [(572, 4, 64), (188, 4, 32), (188, 3, 16), (18, 1, 16), (1100, 4, 64),
                          (700, 5, 32), (380, 6, 16), (828, 6, 64)]
)  # fmt: skip
def test_it_says_what_the_package_computes(move, page, tile, depth, base):
    text = move(explorers.tile_sizes(), tile=tile, depth=depth, base=base)
    if not unet.is_valid_size(tile, depth):
        tiles = [size for size in unet.nearest_valid_sizes(tile, depth) if size]
        assert f"{tile} px do not fit" in text
        assert text.endswith(f"Nearest that do: {' and '.join(map(str, tiles))} px.")
        assert cells(page) == []
        return
    costs = unet.layer_costs(unet.UNet(base_channels=base, depth=depth), tile)
    flop = sum(layer.flop for layer in costs if "conv" in layer.kind)
    out = unet.output_size(tile, depth)
    assert f"{out} x {out} pixels answered" in text
    assert f"{sum(layer.parameters for layer in costs):,} parameters" in text
    assert f"{flop / 1e9:.1f} GFLOP" in text and f"({flop / 1e6 / out**2:.2f} MFLOP" in text
    assert f"{4 * sum(layer.values for layer in costs) / 2**20:.0f} MiB" in text
    path = unet.feature_map_sizes(tile, depth)
    assert json.loads(page.locator("#tile-sizes").get_attribute("data-sizes")) == [*map(list, path)]
    rows = cells(page)
    assert [int(row[3]) for row in rows[:-1]] == unet.crop_offsets(depth)
    assert rows[0][2] == " → ".join(map(str, path[0]))
    assert rows[0][4] == " → ".join(map(str, path[-1]))


TRY_ALL = """([depth, tiles]) => tiles.map(tile => {
  const [d, t] = ["depth", "tile"].map(name => document.querySelector(`[name=${name}]`));
  d.value = depth; t.value = tile;
  t.dispatchEvent(new Event("input", {bubbles: true}));
  return document.querySelector(".says").textContent.includes("px fit:");
})"""


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_every_tile_fits_or_not_as_the_package_says(move, page, depth):
    move(explorers.tile_sizes())
    tiles = [*range(16, 240), 572, 573, 1084]
    fits = page.evaluate(TRY_ALL, [depth, tiles])
    assert fits == [unet.is_valid_size(tile, depth) for tile in tiles]


def test_an_odd_map_is_named(move):
    assert "pooling 1 meets an odd side of 569 px" in move(explorers.tile_sizes(), tile=573)
    assert "pooling 4 meets an odd side of 65 px" in move(tile=580)
    assert "run out of pixels" in move(tile=60)


@pytest.mark.parametrize("width", [390, 900])
def test_it_fits_the_page_and_its_wide_table_scrolls_within(page, move, width):
    page.set_viewport_size({"width": width, "height": 900})
    move(explorers.tile_sizes(), depth=6, tile=828)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert re.search(r"\d", page.inner_text("#tile-sizes table"))
