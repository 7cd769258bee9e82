"""A page loads what it needs, and first what is seen first.

Scripts that a page has no use for are left out, the others wait until the page is drawn; pictures
below the first screen wait until a reader comes near; style sheets lose the rules that no page of
the book can use.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import imagesize
from finished_pages import Page
from sphinx.application import Sphinx

MATHJAX = [  # without its menu, whose every formula is a stop for the tab key
    "input/tex",
    "output/chtml",
    "a11y/assistive-mml",
]
UNUSED = {  # a script of the theme's, and what a page that needs it has
    "mathjax": 'class="math',
    "design-tabs": "sd-tab-set",
    "searchtools": 'id="search-results"',
    "language_data": 'id="search-results"',
    "searchindex": 'id="search-results"',
}
SCRIPT = re.compile(r'\s*<script\b([^>]*\bsrc="([^"]*)"[^>]*)></script>')
PICTURE = re.compile(r'<img\b[^>]*\bsrc="([^":]*)"[^>]*>')
LATER = ("togglebutton", "copybutton", "clipboard", "sphinx_highlight", "doctools", "book-theme")
LATER += ("design-tabs",)


# ---- pages


def trim(app: Sphinx, page: Page) -> None:
    """Leave out or put off scripts and pictures."""
    text = page.html
    later = () if page.name == "search" else LATER  # whose own scripts need them at once
    page.html = SCRIPT.sub(lambda script: put_off(script, text, later), page.html)
    page.html = re.sub(r'\s*<link rel="preload" as="script"[^>]*>', "", page.html)
    if 'class="math' not in text:
        page.html = re.sub(r"\s*<script>window\.MathJax = .*?</script>", "", page.html)
    head, body, article = page.html.partition('<article class="bd-article"')
    sources = {name: Path(app.srcdir, path) for path, name in app.builder.images.items()}
    pictures = iter([True])  # the first is seen at once
    article = PICTURE.sub(lambda p: when_near(p, sources, next(pictures, False)), article)
    page.html = head + body + article


def put_off(script: re.Match, page: str, later: tuple[str, ...]) -> str:
    """A script as the page needs it: not at all, after the drawing, or as it is."""
    name = script[2].split("?")[0].rpartition("/")[2]
    wanted = next((use for part, use in UNUSED.items() if part in script[2]), "")
    if wanted not in page:
        return ""
    if any(part in name for part in later) and "defer" not in script[1]:
        return script[0].replace("<script", "<script defer", 1)
    return script[0]


def when_near(picture: re.Match, sources: dict[str, Path], first: bool) -> str:
    """A picture that keeps its place and, but for the first, loads when a reader comes near."""
    tag, more = picture[0], ""
    source = sources.get(Path(picture[1]).with_suffix(".png").name)
    if source and not re.search(r"\b(width|height|style)\b", tag):
        width, height = imagesize.get(source)
        more = f' width="{width}" height="{height}"' if width > 0 else ""
    if not first and "loading=" not in tag:
        more += ' loading="lazy" decoding="async"'
    return tag.replace("<img", f"<img{more}", 1)


# ---- style sheets


def rules(css: str) -> Iterator[tuple[str, str]]:
    """The rules of a style sheet: what stands before the braces, and what in them."""
    depth, start, begin = 0, 0, 0
    for mark in re.finditer(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[{};]', css):
        if mark[0] == "{":
            depth += 1
            begin = mark.end() if depth == 1 else begin
        elif mark[0] == "}":
            depth -= 1
            if depth == 0:
                yield css[start : begin - 1].strip(), css[begin : mark.start()]
                start = mark.end()
        elif mark[0] == ";" and depth == 0:
            yield css[start : mark.end()].strip(), ""
            start = mark.end()


def used(selector: str, words: set[str]) -> bool:
    """Whether each class that a selector asks for stands on some page."""
    selector = re.sub(r":(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)", "", selector)
    return {name.replace("\\", "") for name in re.findall(r"\.((?:\\.|[\w-])+)", selector)} <= words


def without_unused(css: str, words: set[str]) -> str:
    """A style sheet without rules for classes that are on no page."""
    kept = []
    for before, inside in rules(re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)):
        if before.endswith(";"):  # such as @import
            kept.append(before)
        elif not inside.strip():
            continue
        elif before.startswith(("@media", "@supports", "@container", "@layer")):
            inner = without_unused(inside, words)
            kept += [f"{before}{{{inner}}}"] if inner else []
        elif before.startswith("@"):
            kept += [] if "Font Awesome" in inside else [f"{before}{{{inside}}}"]
        else:
            selectors = [s for s in re.split(r",(?![^(]*\))", before) if used(s, words)]
            kept += [f"{','.join(selectors)}{{{inside.strip()}}}"] if selectors else []
    return "\n".join(kept)


def words_of(folder: Path) -> set[str]:
    """Whatever may be the name of a class on a page, or is given to one by a script."""
    scripts = [*folder.glob("_static/*.js"), *folder.glob("_static/scripts/*theme.js")]
    scripts += folder.glob("_static/scripts/bootstrap.js")
    words = set()
    for path in [*folder.rglob("*.html"), *scripts]:
        words.update(re.findall(r"[A-Za-z_][\w-]*", path.read_text(encoding="utf-8")))
    return words


def tidy(app: Sphinx, error: Exception | None) -> None:
    """Make the style sheets small, and take away what nobody loads any more."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    words = words_of(Path(app.outdir))
    for sheet in [*static.glob("*.css"), *static.glob("styles/*.css")]:
        sheet.write_text(without_unused(sheet.read_text(encoding="utf-8"), words), encoding="utf-8")


def set_up_math(app: Sphinx, config: object) -> None:
    """MathJax in parts, only those that the book's formulas need."""
    config.mathjax_path = "mathjax/startup.js"
    config.mathjax3_config = dict(config.mathjax3_config or {}) | {"loader": {"load": MATHJAX}}


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.setup_extension("finished_pages")
    app.connect("config-inited", set_up_math, priority=900)
    app.connect("page-finished", trim)
    app.connect("build-finished", tidy, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
