"""Links to chapters that take their numbers from the table of contents.

A notebook says "[chapter 5](05_energy.ipynb)", so that it reads well in JupyterLab and Colab, too.
On the page the number is the target's own, whatever was typed.
"""

import posixpath
import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

CHAPTER = re.compile(r"([Cc]hapter )\d+")
logger = logging.getLogger(__name__)


def number_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the target's number into each link whose text is "chapter" and a number."""
    for link in doctree.findall(nodes.reference):
        text = CHAPTER.fullmatch(link.astext())
        if text is None or not link.get("internal"):
            continue
        page = posixpath.join(posixpath.dirname(docname), link.get("refuri", "").split("#")[0])
        target = posixpath.normpath(page).removesuffix(app.builder.link_suffix)
        number = app.env.toc_secnumbers.get(target, {}).get("")
        if number is None:
            logger.warning("%r is no chapter with a number", target, location=link)
            continue
        words = next(iter(link.findall(nodes.Text)))
        words.parent.replace(words, nodes.Text(f"{text[1]}{number[0]}"))


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.connect("doctree-resolved", number_links)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
