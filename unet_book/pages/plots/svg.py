"""A matplotlib figure as a small SVG: the same one each time, with text as text."""

import hashlib
import html
import io
import re

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from unet_book.pages.sheet import FAINT, INK, MUTED, SHEET

__all__ = ["drawn", "typeset"]

FACE = "'Source Sans', 'Source Sans 3', 'Helvetica Neue', Arial, sans-serif"
LETTERS = "'Source Serif', 'Source Serif 4', Georgia, serif"  # of a formula
TEXT = 14  # px, as all sizes here: a figure has 72 of them to an inch

STYLE = {
    "figure.dpi": 72,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 3 / 72,
    "figure.constrained_layout.w_pad": 3 / 72,
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "xtick.labelsize": TEXT,
    "ytick.labelsize": TEXT,
    "text.color": INK,
    "text.parse_math": False,  # `typeset` does it
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "legend.frameon": False,
    "image.cmap": "gray",
    "image.interpolation": "none",
    "svg.fonttype": "none",
}

WORDS = "words"  # the gid of texts that may lie on a line
HALO = (
    f"paint-order: stroke; stroke: {SHEET['page'].light}; stroke-width: 4px; stroke-linejoin: round"
)
READABLE = {color.light: color.light_text for color in SHEET.values()}


def drawn(figure: Figure) -> str:
    """A figure as an SVG without a background, in the colors of the sheet.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Made under `STYLE`.

    Returns
    -------
    str
        The element, on one line. Its ids come from its content, so that a page may hold several.
    """
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with plt.rc_context(STYLE | {"svg.hashsalt": "figure"}):
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    return _tidied(file.getvalue())


def _tidied(svg: str) -> str:
    """What matplotlib wrote, without what a page does not need."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = svg.replace(f'id="{WORDS}"', f'style="{HALO}"')
    svg = re.sub(r'(<g\b[^>]*?) id="[^"]*"', r"\1", svg)
    svg = re.sub(r"<text\b.*?</text>", lambda found: _text(found[0]), svg, flags=re.DOTALL)
    svg = svg.replace("xlink:href", "href").replace("image-rendering:optimizeSpeed", "")
    svg = re.sub(r"(\d+\.\d\d)\d+(?![\w.])", r"\1", svg)
    svg = re.sub(r"\s*\n\s*", " ", svg)
    svg = re.sub(r'(<svg\b.*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg\b.*?) height="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace("<svg", f'<svg font-family="{FACE}"', 1)
    return _renamed(re.sub(r">\s+<", "><", svg).strip())


def _renamed(svg: str) -> str:
    """Ids that no other drawing has."""
    own = hashlib.sha256(svg.encode()).hexdigest()[:8]
    names = re.findall(r'\bid="([^"]+)"', svg)
    for number, name in enumerate(dict.fromkeys(names)):
        svg = re.sub(rf'(id="|url\(#|href="#){name}\b', rf"\g<1>f{own}-{number}", svg)
    return svg


def _text(element: str) -> str:
    """A text in the page's face, in a color that can be read."""
    opening, words = re.fullmatch(r"(<text\b[^>]*>)(.*)</text>", element, flags=re.DOTALL).groups()
    opening = re.sub(r"font: (?:\w+ )*?([\d.]+px)[^;\"]*", r"font-size: \1", opening)
    opening = re.sub(r"font-family: [^;\"]*(; )?", "", opening)
    opening = re.sub(r" transform=\"rotate\(-?0(\.0)? [^)]*\)\"", "", opening)
    for color, readable in READABLE.items():
        opening = opening.replace(color, readable)
    if "fill:" not in opening:
        opening = opening.replace('style="', f'style="fill: {INK}; ', 1)
    return f"{opening}{typeset(html.unescape(words), svg=True)}</text>"


def typeset(words: str, svg: bool = False) -> str:
    r"""Words with formulas in them, as HTML or for an SVG.

    Parameters
    ----------
    words : str
        A formula stands between dollars; an index is one character, or stands in braces.
    svg : bool
        For a text of an SVG, where HTML's elements do not count.

    Returns
    -------
    str

    Examples
    --------
    >>> typeset("$d_1 + d_2$ < 12 px")
    '<i>d</i><sub>1</sub> + <i>d</i><sub>2</sub> &lt; 12 px'
    """
    parts = re.split(r"\$(.*?)\$", words)
    text = "".join(
        _formula(part, svg) if number % 2 else html.escape(part, quote=False)
        for number, part in enumerate(parts)
    )
    return text if svg else text.replace("\n", "<br>")


def _formula(source: str, svg: bool) -> str:
    """What stands between dollars."""
    made = []
    for index, plain in re.findall(r"_(\{.*?\}|.)|([^_]+)", source):
        if index:
            made.append(_index(index.strip("{}"), svg))
            continue
        slanted = f'<tspan font-family="{LETTERS}" font-style="italic">' if svg else "<i>"
        close = "</tspan>" if svg else "</i>"
        words = html.escape(plain, quote=False)
        made.append(re.sub(r"(?<![&\w])([A-Za-z])(?!\w)", rf"{slanted}\1{close}", words))
    return "".join(made)


def _index(words: str, svg: bool) -> str:
    """An index; in an SVG what follows is moved up again."""
    words = html.escape(words, quote=False)
    if not svg:
        return f"<sub>{words}</sub>"
    # A space of no width carries the way back up.
    return f'<tspan font-size="80%" dy="0.25em">{words}</tspan><tspan dy="-0.2em">\u200b</tspan>'
