"""The first page: a film beside the title, and a card for each chapter.

    :::{film} film
    What is to be seen.
    :::

lays the probability maps of `_static/film` (tools/film.py) over their image, one after the other.

    :::{chapter} 06_weight_map
    :panel: gaps-answer 3/3

    One sentence.
    :::

is a card with the chapter's own number and title. Its picture is the third of the three panels that
the notebook's cell `gaps-answer` shows, and pixels: a chart is not legible so small. `:panel: u` is
the drawn U.
"""

import base64
import hashlib
import io
import json
import re
from html import escape
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from PIL import Image, ImageOps
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from unet_book.pages.emblem import drawn_u

SIZE = (336, 210)  # px of a card's picture
PANEL = re.compile(r'class="panel".*?src="data:image/[^,]*;base64,([\w+/=]+)"', re.DOTALL)
FILM = """\
<div class="film" role="group" aria-label="Film" data-film='{facts}'>
<div class="film-frame"><img data-inline src="{image}" width="{side}" height="{side}" alt="{alt}">
<canvas width="{side}" height="{side}" aria-hidden="true"></canvas></div>
<div class="film-line"><button type="button" class="film-button" aria-label="Pause the film">
{pause}{play}</button><span class="film-says">{last}</span></div>
</div>
<script defer src="../_static/film-maps.js"></script>
<script defer src="../_static/film.js"></script>"""
SIGN = '<svg class="{name}" viewBox="0 0 16 16" aria-hidden="true"><path d="{path}"/></svg>'
PAUSE = SIGN.format(name="pause", path="M4 3h3v10H4zM9 3h3v10H9z")
PLAY = SIGN.format(name="play", path="M4 2.5v11l9-5.5z")


class chapter_card(nodes.container):  # noqa: N801 (docutils calls its nodes so)
    """A card that waits for its chapter's number and title."""


class Film(SphinxDirective):
    """The film of a folder of `_static`; what it contains is the alternative text."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The film as HTML."""
        folder = Path(self.env.srcdir, "book", "_static", self.arguments[0])
        self.env.note_dependency(str(folder / "film.json"))
        facts = json.loads((folder / "film.json").read_text(encoding="utf-8"))
        page = FILM.format(
            facts=escape(json.dumps(facts)),
            side=facts["side"],
            image=as_address(folder / "image.webp"),
            alt=escape(" ".join(self.content)),
            last=says(facts, -1),
            pause=PAUSE,
            play=PLAY,
        )
        return [nodes.raw("", page, format="html")]


def as_address(picture: Path) -> str:
    """A picture as an address that holds it; a script may read such a one from a disk, too."""
    return f"data:image/webp;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def write_maps(app: Sphinx) -> None:
    """The film's probability maps as a script, beside the one that draws them."""
    maps = Path(app.srcdir, "book", "_static", "film", "maps.webp")
    if app.builder.format == "html":
        folder = Path(app.outdir, "_static")
        folder.mkdir(parents=True, exist_ok=True)
        script = f'window.filmMaps = "{as_address(maps)}";\n'
        (folder / "film-maps.js").write_text(script, encoding="utf-8")


def says(facts: dict, number: int) -> str:
    """The line below a frame."""
    share = f"{100 * facts['wrong'][number]:.1f} % of pixels wrong"
    return f"A U-Net learns: step {facts['steps'][number]}, {share}"


class Chapter(SphinxDirective):
    """The card of a chapter."""

    required_arguments = 1
    option_spec = {"panel": directives.unchanged_required}
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The card, without what only the whole book knows."""
        name = self.arguments[0]
        notebook = Path(self.env.srcdir, "book", f"{name}.ipynb")
        self.env.note_dependency(str(notebook))
        card = chapter_card(classes=["chapter-card"], chapter=name, panel=self.options["panel"])
        card["notebook"] = str(notebook)
        self.state.nested_parse(self.content, self.content_offset, card)
        return [card]


def picture(notebook: Path, cell: str, which: str) -> bytes:
    """A panel of a stored figure, small."""
    number, of = map(int, which.split("/"))
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    outputs = [out for one in cells if one.get("id") == cell for out in one.get("outputs", [])]
    stored = {kind: "".join(text) for out in outputs for kind, text in out.get("data", {}).items()}
    panels = PANEL.findall(stored.get("text/html", ""))
    if panels:
        return small(base64.b64decode(panels[number - 1]))
    if "image/png" not in stored:
        raise ValueError(f"{notebook.name}: no picture of the cell {cell!r}")
    whole = Image.open(io.BytesIO(base64.b64decode(stored["image/png"])))
    left, right = (round(whole.width * (number - k) / of) for k in (1, 0))
    cut = whole.crop((left, whole.height // 9 if of > 1 else 0, right, whole.height)).convert("RGB")
    cut = cut.crop(ImageOps.invert(cut).getbbox())  # without the white around it
    file = io.BytesIO()
    cut.save(file, "PNG")
    return small(file.getvalue())


def small(content: bytes) -> bytes:
    """A picture cut to a card's form."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    enlarge = image.width < SIZE[0]
    fitted = ImageOps.fit(
        image, SIZE, Image.Resampling.BICUBIC if enlarge else Image.Resampling.LANCZOS
    )
    file = io.BytesIO()
    fitted.save(file, "WEBP", quality=60, method=6)
    return file.getvalue()


def shown(app: Sphinx, card: chapter_card) -> str:
    """The HTML of a card's picture."""
    if card["panel"] == "u":
        return (
            f'<span class="card-picture drawing" aria-hidden="true">{drawn_u(labels=False)}</span>'
        )
    content = picture(Path(card["notebook"]), *card["panel"].split())
    name = f"card-{hashlib.sha256(content).hexdigest()[:12]}.webp"
    folder = Path(app.outdir, "_images")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    size = f'width="{SIZE[0]}" height="{SIZE[1]}"'
    image = f'<img src="../_images/{name}" alt="A figure of the chapter" {size}>'
    return f'<span class="card-picture" aria-hidden="true">{image}</span>'


def complete(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give each card its picture, number and title."""
    for card in [*doctree.findall(chapter_card)]:
        target = f"book/{card['chapter']}"
        number = app.env.toc_secnumbers[target][""][0]
        title = app.env.titles[target].astext()
        uri = app.builder.get_relative_uri(docname, target)
        start = (
            f'<a class="chapter-card" href="{uri}">{shown(app, card)}'
            f'<span class="card-text"><span class="card-title">'
            f'<span class="card-number">{number}</span>{escape(title)}</span>'
        )
        words = escape(" ".join(child.astext() for child in card.children))
        text = f'{start}<span class="card-words">{words}</span></span></a>'
        card.parent.replace(card, nodes.raw("", text, format="html"))


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.add_node(chapter_card)
    app.add_directive("film", Film)
    app.add_directive("chapter", Chapter)
    app.connect("builder-inited", write_maps)
    app.connect("doctree-resolved", complete)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
