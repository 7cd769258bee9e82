"""Keep the pages from asking for anything outside the book.

Jupyter Book always loads sphinx-thebe, which puts a script with an outside address and one that
fails without it on every page. This book has no live code cells in the page, so both are dropped.
"""

from typing import Any

from sphinx.application import Sphinx


def is_thebe(script: Any) -> bool:
    """Whether a script of a page is thebe's."""
    body = script.attributes.get("body") or ""
    return "sphinx-thebe" in str(script.filename or "") or "THEBE_JS_URL" in body


def drop_thebe(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: Any) -> None:
    """Leave thebe's scripts out of a page."""
    context["script_files"] = [s for s in context["script_files"] if not is_thebe(s)]


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    # Late, so that scripts which other extensions add on this event are seen, too.
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
