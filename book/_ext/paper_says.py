"""The paper's own sentences: a quotation that ends with the place it is from.

    > We pre-compute the weight map for each ground truth segmentation … (Section 3)

gets a class, so that the style sheet can set it into the margin of a wide page.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx

PLACE = re.compile(r"\((?:Abstract|Section|Fig\.|Table|eq\.)[^()]*\)\.?$")


def mark(app: Sphinx, doctree: nodes.document) -> None:
    """Give the paper's quotations their class."""
    for quotation in doctree.findall(nodes.block_quote):
        if PLACE.search(quotation.astext().strip()):
            quotation["classes"] += ["paper-says"]


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.connect("doctree-read", mark)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
