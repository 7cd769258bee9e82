"""Static figures stand in the page itself: their drawings follow its theme and typeface.

A notebook stores a figure of `unet_book.pages.plots` as HTML with a picture for each panel. Here
each drawing among them becomes an SVG of the page, once for a screen and once for a phone, in
colors that are CSS properties; the pixels of its pictures become files, which a browser asks for
when a reader comes near; and the figure is named by the cell's alt text.
"""

import base64
import hashlib
import html
import io
import re
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from unet_book.pages.sheet import style_sheet, themed

PICTURE = re.compile(
    r'<picture><source [^>]*?base64,(?P<narrow>[\w+/=]+)">'
    r'<img [^>]*?base64,(?P<wide>[\w+/=]+)"></picture>'
)


PIXELS = re.compile(r'(src|href)="data:image/png;base64,([\w+/=\s]+)"')


def inlined(picture: re.Match) -> str:
    """Both widths of a drawing as elements of the page."""
    return "".join(
        themed(base64.b64decode(data).decode()).replace("<svg", f'<svg class="{name}"', 1)
        for name, data in sorted(picture.groupdict().items())
    )


class Inline(SphinxPostTransform):
    """Put the drawings of a page's figures into it."""

    default_priority = 240  # once the HTML of an output was chosen
    formats = ("html",)

    def run(self, **options: object) -> None:
        """All outputs of a page."""
        for node in [*self.document.findall(nodes.raw)]:
            if not node.astext().startswith('<div class="panels"'):
                continue
            text = PIXELS.sub(self.filed, PICTURE.sub(inlined, node.astext()))
            name = html.escape(self.alt(node))
            text = text.replace("<div ", f'<div role="img" aria-label="{name}" ', 1)
            node.replace_self(nodes.raw("", text, format="html"))

    def filed(self, pixels: re.Match) -> str:
        """Pixels as a file beside the pages; its address in a page."""
        data = base64.b64decode(pixels[2])
        name = f"figure-{hashlib.sha256(data).hexdigest()[:16]}.webp"
        folder = Path(self.app.outdir, "_images")
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / name).exists():
            image, file = Image.open(io.BytesIO(data)), io.BytesIO()
            magnified = image.width <= 200  # such pixels are looked at one by one
            image.save(file, "webp", lossless=magnified, quality=85, method=4)
            (folder / name).write_bytes(file.getvalue())
        return f'{pixels[1]}="{"../" * self.env.docname.count("/")}_images/{name}"'

    def alt(self, node: nodes.Element) -> str:
        """What the cell's metadata say is to be seen."""
        while node is not None and node.get("nb_element") != "cell_code":
            node = node.parent
        metadata = node.get("cell_metadata", {}) if node is not None else {}
        return metadata.get("mystnb", {}).get("image", {}).get("alt", "A figure")


def write_colors(app: Sphinx) -> None:
    """Write the sheet's colors into the book's static files."""
    if app.builder.format == "html":
        folder = Path(app.outdir) / "_static"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sheet.css").write_text(style_sheet(), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.add_post_transform(Inline)
    app.connect("builder-inited", write_colors)
    app.add_css_file("sheet.css", priority=400)
    app.add_css_file("figures.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
