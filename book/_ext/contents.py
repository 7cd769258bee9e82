"""The list of contents beside a page marks what is read, and makes room for what is in the margin.

The theme marks a part when its heading comes by: after a jump another one may stay marked. And it
shortens the list only once something in the margin is far up the page. Both is contents.js's work;
the theme's own script looks for the list by its id and, not finding it, leaves it alone.
"""

from finished_pages import Page
from sphinx.application import Sphinx


def rename(app: Sphinx, page: Page) -> None:
    """Give the list an id that the theme's script doesn't know."""
    page.html = page.html.replace('id="pst-page-toc-nav"', 'id="page-contents"')


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.setup_extension("finished_pages")
    app.connect("page-finished", rename)
    app.add_js_file("contents.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
