"""The figure of tile sizes, moved in a browser and held against `sizes` and `costs`."""

import json
import re

import pytest
import torch

from unet_book import sizes
from unet_book.costs import layer_costs
from unet_book.pages import explorers
from unet_book.pages.explorers.sizes import COLORS
from unet_book.unet import UNet


def cells(page):
    """The texts of the table's cells, row by row, without the head."""
    return page.eval_on_selector_all(
        "#tile-sizes tr",
        "rows => rows.slice(1).map(r => [...r.querySelectorAll('td')].map(c => c.innerText))",
    )


@pytest.mark.parametrize(
    "tile, depth, base",
    [
        (572, 4, 64),
        (188, 4, 32),
        (188, 3, 16),
        (18, 1, 16),
        (1100, 4, 64),
        (700, 5, 32),
        (380, 6, 16),
        (828, 6, 64),
    ],
)
def test_it_says_what_the_package_computes(move, page, tile, depth, base):
    page.set_viewport_size({"width": 1280, "height": 900})
    text = move(explorers.tile_sizes(), tile=tile, depth=depth, base=base)
    if not sizes.is_valid_size(tile, depth):
        tiles = [size for size in sizes.nearest_valid_sizes(tile, depth) if size]
        assert f"{tile} px do not fit" in text
        assert text.endswith(f"Nearest that do: {' and '.join(map(str, tiles))} px.")
        shown = [row for row in cells(page) if row[2]]
        path = json.loads(page.locator("#tile-sizes").get_attribute("data-sizes"))
        assert [row[2] for row in shown] == [
            " → ".join(str(side) if side > 0 else "\u2715" for side in three) for three in path[:7]
        ]
        assert {cost for row in cells(page) for cost in row[5:]} == {""}
        return
    with torch.device("meta"):  # shapes are enough, and 500 million weights take seconds to draw
        model = UNet(base_channels=base, depth=depth)
    costs = layer_costs(model, tile)
    flop = sum(layer.flop for layer in costs if "conv" in layer.kind)
    out = sizes.output_size(tile, depth)
    assert f"{out} x {out} pixels answered, {float(f'{100 * (out / tile) ** 2:.2g}'):g} %" in text
    assert f"{sum(layer.parameters for layer in costs):,} parameters" in text
    assert f"{flop / 1e9:,.1f} GFLOP" in text and f"({flop / 1e6 / out**2:.2f} MFLOP" in text
    assert f"{4 * sum(layer.values for layer in costs) / 2**20:,.0f} MiB" in text
    rows = rows_of(costs, tile, depth, base)
    assert [row for row in cells(page) if row[1]] == rows and len(cells(page)) == 7
    path = sizes.feature_map_sizes(tile, depth)
    assert json.loads(page.locator("#tile-sizes").get_attribute("data-sizes")) == [*map(list, path)]


def rows_of(costs, tile, depth, base):
    """The table as the package would write it: the layers of each level, down and up, together."""
    level, at = 0, {}
    for layer in costs:
        level += {"max-pool 2x2": 1, "up-conv 2x2": -1}.get(layer.kind, 0)
        at.setdefault(level, []).append(layer)
    path, crops = sizes.feature_map_sizes(tile, depth), [*sizes.crop_offsets(depth), ""]
    rows = []
    for level, layers in at.items():
        up = path[2 * depth - level] if level < depth else ()
        flop = sum(layer.flop for layer in layers if "conv" in layer.kind)
        mebibytes = 4 * sum(layer.values for layer in layers) / 2**20
        rows.append(
            [
                str(level + 1),
                str(base * 2**level),
                " → ".join(map(str, path[level])),
                str(crops[level]),
                " → ".join(map(str, up)),
                f"{sum(layer.parameters for layer in layers):,}",
                f"{flop / 1e9:,.1f}",
                f"{mebibytes:,.1f}",
            ]
        )
    return rows


BARS = """() => [...document.querySelectorAll("rect")].map(
  r => ["x", "y", "width", "height"].map(a => +r.getAttribute(a)).concat(r.getAttribute("fill")))"""


def test_bars_are_high_with_their_side_and_wide_with_their_channels(move, page):
    move(explorers.tile_sizes())
    bars = page.evaluate(BARS)
    assert len(bars) == 27 + 4  # nine triples, and a skip beside each of four
    sides = [side for triple in sizes.feature_map_sizes(572) for side in triple]
    whole = [bar for bar in bars if bar[4] != COLORS["up-convolved"]]
    heights = [bar[3] for bar in whole]
    assert [4 + 100 * side / 572 for side in sides] == pytest.approx(heights)
    widths = {bar[4]: [] for bar in whole}
    for bar in whole:
        widths[bar[4]].append(bar[2])
    pooled, convolved = widths[COLORS["pooled"]], widths[COLORS["convolved"]]
    assert pooled == sorted(pooled) and convolved[0] == convolved[1] < convolved[2]
    middles = [bar[1] + bar[3] / 2 for bar in whole]
    assert max(middles) == pytest.approx(middles[12]) and middles[0] == pytest.approx(middles[-1])
    said = page.locator("#tile-sizes svg text").all_text_contents()
    assert said == ["572", "284", "140", "68", "32", "56", "104", "200", "388"]


@pytest.mark.parametrize(
    "wrong", [{"tile": 2000}, {"tile": 572.5}, {"depth": 0}, {"depth": 7}, {"base_channels": 0}]
)
def test_it_refuses_what_it_can_not_show(wrong):
    with pytest.raises(ValueError):
        explorers.tile_sizes(**wrong)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_every_tile_fits_or_not_as_the_package_says(move, depth):
    move(explorers.tile_sizes())
    tiles = [*range(16, 240), 572, 573, 1084]
    figures = move.each([{"depth": depth, "tile": tile} for tile in tiles])
    assert ["px fit:" in figure["says"] for figure in figures] == [
        sizes.is_valid_size(tile, depth) for tile in tiles
    ]


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
