"""A formula in a line stays with the punctuation that touches it.

A browser may break a line on either side of a formula, and a comma or a bracket would stand alone.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

BEFORE = re.compile(r"[(\[\u2018\u201c]+$")
AFTER = re.compile(r"^[.,;:!?)\]\u2019\u201d\u2026%]+")


class Together(SphinxPostTransform):
    """Put a formula and what touches it into a span that does not break."""

    default_priority = 300
    formats = ("html",)

    def run(self, **options: object) -> None:
        """All formulas in the lines of a page."""
        for formula in [*self.document.findall(nodes.math)]:
            before = cut(formula, -1, BEFORE)
            after = cut(formula, 1, AFTER)
            if before or after:
                span = nodes.inline(classes=["together"])
                formula.replace_self(span)
                span += [nodes.Text(before), formula, nodes.Text(after)]


def cut(formula: nodes.math, step: int, what: re.Pattern) -> str:
    """Take punctuation off the text before a formula (-1) or after it (1)."""
    at = formula.parent.index(formula) + step
    text = formula.parent[at] if 0 <= at < len(formula.parent) else None
    found = what.search(text.astext()) if isinstance(text, nodes.Text) else None
    if not found:
        return ""
    formula.parent[at] = nodes.Text(what.sub("", text.astext()))
    return found[0]


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.add_post_transform(Together)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
