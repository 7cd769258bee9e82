"""Tables of results are numbered by chapter, like figures, and scroll within themselves.

`unet_book.pages.tables` makes them as HTML. One that has a name is a table to Sphinx, too: it gets
its chapter's next number, and a text can cite it, as in {numref}`tab-data`.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

START = re.compile(r'<table class="results"(?: id="([^"]*)")?>')
CAPTION = re.compile(r"<caption>(.*?)</caption>", re.DOTALL)


class result_table(nodes.container):  # noqa: N801 (docutils calls its nodes so)
    """A table of results, in the box in which it scrolls."""


class Find(SphinxTransform):
    """Put each into its box, before Sphinx counts what has a number."""

    default_priority = 500

    def apply(self, **options: object) -> None:
        """All outputs of a page."""
        for raw in list(self.document.findall(nodes.raw)):
            found = START.match(raw.astext().lstrip())
            if found and not isinstance(raw.parent, result_table):
                box = result_table(classes=["results", "scrolls"])
                raw.replace_self(box)
                box += raw
                if found[1]:
                    box["names"] = [found[1]]
                    self.document.note_explicit_target(box)


class Number(SphinxPostTransform):
    """Write the number of each before its caption."""

    default_priority = 140
    formats = ("html",)

    def run(self, **options: object) -> None:
        """All tables of results of a page."""
        numbers = self.env.toc_fignumbers.get(self.env.docname, {}).get("table", {})
        for box in self.document.findall(result_table):
            (raw,) = box.children
            text = START.sub('<table class="results">', raw.astext(), count=1)
            number = "".join(
                f'<span class="caption-number">Table {".".join(map(str, numbers[name]))} </span>'
                for name in filter(numbers.get, box["ids"])
            )
            # In a box of its own the caption stays in sight while the columns scroll.
            text = CAPTION.sub(
                rf'<caption><span class="told">{number}\1</span></caption>', text, count=1
            )
            box.replace(raw, nodes.raw("", text, format="html"))


def title(node: nodes.Element) -> str:
    """A table's caption in words."""
    found = CAPTION.search(node.astext())
    return re.sub("<.*?>", "", found[1]) if found else ""


def visit(self: object, node: nodes.Element) -> None:
    """Open the box."""
    self.body.append(self.starttag(node, "div", CLASS="output"))


def depart(self: object, node: nodes.Element) -> None:
    """Close it."""
    self.body.append("</div>\n")


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.add_enumerable_node(result_table, "table", title, html=(visit, depart))
    app.add_transform(Find)
    app.add_post_transform(Number)
    app.add_css_file("tables.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
