"""The drawn U: every map of the network, and only what a page may hold."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from unet_book.pages.emblem import PARTS, drawn_u
from unet_book.sizes import feature_map_sizes

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import logo  # noqa: E402


@pytest.mark.parametrize("tile, depth", [(572, 4), (188, 3), (92, 2)])
def test_every_map_of_the_network_is_drawn(tile, depth):
    told = re.findall(r"<title>\w+: (\d+) channels?, (\d+) x \d+</title>", drawn_u(tile, depth))
    path = feature_map_sizes(tile, depth)
    sides = [tile]
    for station, (arriving, middle, leaving) in enumerate(path):
        sides += [arriving, middle, leaving] if station > depth else [middle, leaving]
    assert [int(side) for _, side in told] == [*sides, path[-1][2]]
    counts = [int(channels) for channels, _ in told]
    assert counts[0] == 1 and counts[-1] == 2 and max(counts) == 64 * 2**depth


def test_it_is_one_element_whose_boxes_lie_within_it():
    root = ElementTree.fromstring(drawn_u())
    left, top, width, height = map(float, root.get("viewBox").split())
    space = "{http://www.w3.org/2000/svg}"
    for box in root.iter(f"{space}rect"):
        x, y, w, h = (float(box.get(key)) for key in ("x", "y", "width", "height"))
        assert left <= x and x + w <= left + width and top <= y and y + h <= top + height
    assert root.get("aria-label") == "The U-Net of depth 4: 572 pixels a side in, 388 out"
    assert "id=" not in drawn_u()


def test_only_the_parts_that_are_asked_for_are_lit():
    for part in PARTS:
        groups = re.findall(r'<g class="([\w-]+) (lit|pale)"', drawn_u(lit=[part]))
        lit = {name.removesuffix("-arrow") for name, state in groups if state == "lit"}
        assert lit == {part}


def test_a_part_that_is_none_is_named():
    with pytest.raises(ValueError, match="parts are input, .*, not middle"):
        drawn_u(lit=["middle"])


def test_the_logo_is_the_u_of_today():
    assert (logo.FOLDER / "logo.svg").read_text(encoding="utf-8") == logo.logo()
    assert (logo.FOLDER / "favicon.svg").read_text(encoding="utf-8") == logo.favicon()
    ElementTree.fromstring(logo.logo())
