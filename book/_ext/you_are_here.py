"""At the head of each chapter the drawn U, with the part lit that the chapter is about."""

from docutils import nodes
from sphinx.application import Sphinx

from unet_book.pages.emblem import PARTS, drawn_u

LIT = {
    "02_data": ("input",),
    "03_architecture": ("down", "bottom", "skip", "up"),
    "04_initialization": ("down", "bottom", "up"),
    "05_energy": ("output",),
    "06_weight_map": ("output",),
    "07_elastic_deformation": ("input",),
    "08_overlap_tile": ("input", "output"),
    "10_measuring": ("output",),
    "13_your_own_images": ("input", "output"),
}


def light(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the U before the title of a chapter."""
    if app.builder.format != "html" or "" not in app.env.toc_secnumbers.get(docname, {}):
        return
    parts = LIT.get(docname.split("/")[-1], PARTS)
    drawing = f'<div class="you-are-here">{drawn_u(lit=parts, labels=False)}</div>'
    doctree.insert(0, nodes.raw("", drawing, format="html"))


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.connect("doctree-resolved", light)
    app.add_css_file("emblem.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
