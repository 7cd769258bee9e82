"""The sheet of colors: every text can be read in both themes, and hues can be told apart."""

import itertools
import re

import numpy as np
import pytest

from unet_book.pages import sheet

TEXT, LINE = 4.5, 3.0  # WCAG 2, for letters and for what is drawn

# What a reader sees who lacks one kind of cones: linear RGB to linear RGB (Machado et al., 2009).
BLIND = {
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}


@pytest.mark.parametrize("theme", sheet.PAGE)
@pytest.mark.parametrize("name", [name for name in sheet.SHEET if name != "page"])
def test_letters_in_every_color_can_be_read_on_the_page(name, theme):
    letters = getattr(sheet.SHEET[name], f"{theme}_text")
    assert sheet.contrast(letters, sheet.PAGE[theme]) >= TEXT


@pytest.mark.parametrize("theme", sheet.PAGE)
@pytest.mark.parametrize("name", ["ink", "muted", "blue", "vermilion", "green", "purple"])
def test_lines_stand_out_from_the_page(name, theme):
    assert sheet.contrast(getattr(sheet.SHEET[name], theme), sheet.PAGE[theme]) >= LINE


def test_the_contrast_is_wcag_s():
    assert sheet.contrast("#ffffff", "#777777") == pytest.approx(4.48, abs=0.01)
    assert sheet.contrast("#123456", "#123456") == 1


def seen(color, matrix):
    """A color as such a reader sees it, in CIE Lab."""
    values = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ np.clip(matrix @ linear, 0, 1)
        / np.array([0.9505, 1, 1.089])
    )
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", sheet.PAGE)
@pytest.mark.parametrize("kind", BLIND)
def test_color_blind_readers_tell_the_hues_apart(kind, theme):
    names = ["blue", "vermilion", "green", "purple", "amber", "ink"]
    colors = {name: seen(getattr(sheet.SHEET[name], theme), BLIND[kind]) for name in names}
    for one, other in itertools.combinations(names, 2):
        distance = np.linalg.norm(colors[one] - colors[other])
        assert distance > 10, f"{one} and {other}: {distance:.0f}"


def test_the_parts_that_a_figure_tells_apart_have_colors_of_their_own():
    roles = (sheet.CELL, sheet.BORDER, sheet.WRONG, sheet.OURS, sheet.PAPER, sheet.INK, sheet.MUTED)
    assert len({*roles, sheet.FAINT}) == 8


def test_a_drawing_follows_the_theme_and_is_right_without_it():
    drawing = f'<path style="stroke: {sheet.OURS}"/><text style="fill: #00679f">#123abc</text>'
    assert sheet.themed(drawing) == (
        '<path style="stroke: var(--figure-blue, #0072b2)"/>'
        '<text style="fill: var(--figure-blue-text, #00679f)">#123abc</text>'
    )


def test_every_property_has_a_value_in_both_themes():
    light, dark = sheet.style_sheet().split('html[data-theme="dark"]')
    names = [re.findall(r"--figure-[\w-]+(?=:)", part) for part in (light, dark)]
    assert names[0] == names[1] and len(names[0]) == 2 * len(sheet.SHEET) - 1
    assert sheet.SHEET["blue"].dark in dark and sheet.SHEET["blue"].dark not in light
