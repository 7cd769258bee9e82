"""Icons as lines in the page, where the theme would load a script and two fonts of a megabyte.

The drawings are GitHub's Octicons (MIT license), which sphinx-design, a part of Jupyter Book, has
with it.
"""

import re
from pathlib import Path
from urllib.parse import quote

from finished_pages import Page
from sphinx.application import Sphinx
from sphinx_design.icons import get_octicon

OCTICONS = {  # the theme's name, the octicon's
    "angle-left": "chevron-left",
    "angle-right": "chevron-right",
    "arrow-up": "arrow-up",
    "bars": "three-bars",
    "download": "download",
    "expand": "screen-full",
    "file": "file",
    "file-pdf": "book",
    "github": "mark-github",
    "lightbulb": "light-bulb",
    "list": "list-unordered",
    "magnifying-glass": "search",
    "moon": "moon",
    "rocket": "rocket",
    "sun": "sun",
}
HALF = (
    '<svg viewBox="0 0 16 16" width="1.0em" height="1.0em" class="sd-octicon" aria-hidden="true">'
    '<path d="M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm0 1.5a5.5 5.5 0 0 1 0 11z"/></svg>'
)
MASKS = {  # icons that style sheets show
    ".admonition > .admonition-title": "info",
    ".admonition:is(.tip, .hint) > .admonition-title": "light-bulb",
    ".admonition:is(.warning, .caution, .danger) > .admonition-title": "alert",
    ".admonition.seealso > .admonition-title": "book",
    ".admonition.exercise > .admonition-title": "pencil",
}
PLACE = re.compile(r'<(i|span) class="([^"]*\bfa[bs]?(?:-solid)? [^"]*)"([^>]*)>\s*</\1>')


def icon(place: re.Match) -> str:
    """The drawing for an element that the theme left empty for one."""
    classes, names = [], []
    for word in place[2].split():
        (names if word.startswith("fa") else classes).append(word)
    name = next(n.removeprefix("fa-") for n in names if n not in ("fab", "fas", "fa-solid"))
    drawing = HALF if name == "circle-half-stroke" else get_octicon(OCTICONS[name], "1em")
    return f'<span class="{" ".join(["icon", *classes])}"{place[3]}>{drawing}</span>'


def draw(app: Sphinx, page: Page) -> None:
    """Put the icons into a page and leave the theme's script out."""
    page.html = PLACE.sub(icon, page.html)
    page.html = re.sub(r"\s*<script [^>]*fontawesome\.js[^>]*></script>", "", page.html)


def mask(octicon: str) -> str:
    """An icon as an address that CSS can use."""
    drawing = re.sub(
        r' (?:version|width|height|class|aria-hidden)="[^"]*"', "", get_octicon(octicon)
    )
    drawing = drawing.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f'url("data:image/svg+xml,{quote(drawing, safe=" =/<>:")}")'


def make(app: Sphinx) -> None:
    """Write the style sheet of the boxes' icons."""
    if app.builder.format != "html":
        return
    rules = [
        f"{place}::after {{ -webkit-mask-image: {mask(name)}; mask-image: {mask(name)}; }}"
        for place, name in MASKS.items()
    ]
    folder = Path(app.outdir) / "_static"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "icons.css").write_text("\n".join(rules) + "\n", encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.setup_extension("finished_pages")
    app.connect("page-finished", draw)
    app.connect("builder-inited", make)
    app.add_css_file("icons.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
