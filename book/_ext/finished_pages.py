"""Changes to a page after the theme has written it.

An extension that wants one says `app.connect("page-finished", change)`, and its `change(app, page)`
puts another text into `page.html`.
"""

from dataclasses import dataclass

from sphinx.application import Sphinx


@dataclass
class Page:
    """A page as it goes to the disk: its name, what the theme knew of it, its text."""

    name: str
    context: dict
    html: str


def watch(app: Sphinx) -> None:
    """Let each page pass by those that asked for it."""
    if app.builder.format != "html":
        return
    templates = app.builder.templates
    written = templates.render

    def render(template: str, context: dict) -> str:
        page = Page(context.get("pagename", ""), context, written(template, context))
        if "<body" in page.html:
            app.emit("page-finished", page)
        return page.html

    templates.render = render


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.add_event("page-finished")
    app.connect("builder-inited", watch)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
