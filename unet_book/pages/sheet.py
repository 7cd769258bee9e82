"""The colors of the book's figures: what each stands for, in light and in dark.

A figure is stored with the light colors written out, so that it is right wherever a notebook is
opened. When the book is built, `themed` puts a CSS property in the place of each of them, and
`style_sheet` gives these properties their two values. Hues are Okabe and Ito's, which were made to
be told apart without red or green cones; where one is too pale to be read as letters, its text has
a darker value.
"""

import re
from dataclasses import dataclass

__all__ = ["Color", "contrast", "themed", "style_sheet"]

PAGE = {"light": "#ffffff", "dark": "#121212"}  # what a figure stands on


@dataclass(frozen=True)
class Color:
    """A color of the sheet, as "#rrggbb".

    Parameters
    ----------
    light, dark : str
        For lines and areas.
    light_text, dark_text : str
        For letters.
    """

    light: str
    dark: str
    light_text: str
    dark_text: str


SHEET = {
    "page": Color(PAGE["light"], PAGE["dark"], PAGE["light"], PAGE["dark"]),
    "ink": Color("#222832", "#ced6dd", "#222832", "#ced6dd"),
    "muted": Color("#6b7482", "#99a2ad", "#596270", "#a3acb7"),
    "faint": Color("#c9ced6", "#474e57", "#59626f", "#a3acb6"),
    "blue": Color("#0072b2", "#4fb0ea", "#00679f", "#6bbdf0"),
    "vermilion": Color("#d55e00", "#f5853a", "#b04c00", "#fa9550"),
    "green": Color("#009e73", "#2fc79a", "#007556", "#45cfa5"),
    "purple": Color("#cc79a7", "#d98fb8", "#a2427a", "#e3a3c6"),
    "sky": Color("#56b4e9", "#56b4ea", "#14709f", "#74c3f1"),
    "amber": Color("#e69f00", "#e8a51b", "#8a5d00", "#efb544"),
    "yellow": Color("#f0e442", "#e5da45", "#706900", "#ece257"),
}

# What they stand for, in every figure.
CELL = SHEET["sky"].light
BORDER = SHEET["amber"].light  # of a cell, and between cells that touch
WRONG = SHEET["vermilion"].light
OURS = SHEET["blue"].light
PAPER = SHEET["purple"].light
WHITE = "#fefefe"  # in both themes, on a picture
INK, MUTED, FAINT = (SHEET[name].light for name in ("ink", "muted", "faint"))


def _luminance(color: str) -> float:
    """How bright a color is to the eye, from 0 to 1 (WCAG 2)."""
    parts = (int(color[k : k + 2], 16) / 255 for k in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """How far two colors are apart for a reader, from 1 to 21 (WCAG 2, contrast ratio).

    Parameters
    ----------
    one, other : str
        As "#rrggbb".

    Returns
    -------
    float

    Examples
    --------
    >>> contrast("#000000", "#ffffff")
    21.0
    """
    dark, bright = sorted([_luminance(one), _luminance(other)])
    return (bright + 0.05) / (dark + 0.05)


def themed(drawing: str) -> str:
    """A drawing that follows the page's theme.

    Parameters
    ----------
    drawing : str
        An SVG with colors of the sheet.

    Returns
    -------
    str
        With each of them as a CSS property, which falls back on the color that it replaces.
    """
    names = {}
    for name, color in SHEET.items():
        names[color.light_text] = f"var(--figure-{name}-text, {color.light_text})"
    for name, color in SHEET.items():
        names[color.light] = f"var(--figure-{name}, {color.light})"
    return re.sub(r"#[0-9a-f]{6}\b", lambda found: names.get(found[0], found[0]), drawing)


def style_sheet() -> str:
    """The CSS that gives each property its value in light and in dark.

    Returns
    -------
    str
    """
    rules = []
    for theme, where in (("light", "html"), ("dark", 'html[data-theme="dark"]')):
        values = [
            f"--figure-{name}: {getattr(color, theme)}; "
            f"--figure-{name}-text: {getattr(color, theme + '_text')};"
            for name, color in SHEET.items()
            if name != "page"
        ]
        values += ["--figure-page: var(--pst-color-background, #fff);"]
        rules.append(f"{where} {{\n  " + "\n  ".join(values) + "\n}\n")
    return "".join(rules)
