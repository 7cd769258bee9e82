"""Two pages that are no part of the book: the front door, and what stands where no page is.

The front door, `index.html` beside the folder of the pages, leads to the first of them at once. A
server shows `404.html` for any address that it doesn't know, in whatever folder: it can be read by
itself, and its links begin at the site's root.
"""

from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from head import describe, tags
from sphinx.application import Sphinx

from unet_book.pages.emblem import drawn_u

START = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{tags}
<title>{title}</title>
"""
DOOR = """\
<link rel="canonical" href="{address}">
<link rel="icon" href="_static/favicon.svg">
<meta http-equiv="refresh" content="0; url={first}">
</head>
<body><a href="{first}">{title}</a></body>
</html>
"""
NOT_FOUND = """\
<meta name="robots" content="noindex">
<style>
{faces}
:root {{ color-scheme: light dark; }}
body {{ background: light-dark(#fff, #121212); color: light-dark(#222832, #ced6dd);
  font: 1.15rem/1.6 "Source Serif", Georgia, serif; margin: 12vh auto; max-width: 34rem;
  padding: 0 1rem; }}
h1 {{ font: 600 2rem/1.2 "Source Sans", system-ui, sans-serif; }}
a {{ color: light-dark(#2a6a9a, #74b7e4); }}
svg {{ color: #888; max-width: 16rem; }}
svg rect {{ fill: #3a7fb5; }}
svg .up rect {{ fill: #45a078; }} svg .bottom rect {{ fill: #8466b8; }}
svg :is(.input, .output) rect {{ fill: #d9822b; }} svg .skip-arrow {{ display: none; }}
svg path {{ fill: none; stroke: #8d96a0; stroke-width: 2; }}
</style>
</head>
<body>
{drawing}
<h1>This page was taken apart, too</h1>
<p>There is nothing at this address. <a href="{root}{first}">The first page</a> lists all chapters,
and <a href="{root}search.html">the search</a> finds words in them.</p>
</body>
</html>
"""


def write(app: Sphinx, error: Exception | None) -> None:
    """Write both into the built book."""
    if error or app.builder.format != "html":
        return
    title, address = app.config.html_title or app.config.project, app.config.html_baseurl
    first = app.builder.get_target_uri(app.config.root_doc)
    first_page = app.env.get_doctree(app.config.root_doc)
    said = "\n".join(tags(app, app.config.root_doc, title, describe(first_page)))
    facts = {"title": escape(title), "first": first, "address": address + first}
    root = urlsplit(address).path
    faces = Path(app.outdir, "_static", "faces.css").read_text(encoding="utf-8")
    faces = faces.replace("url(faces/", f"url({root}_static/faces/")
    facts |= {"drawing": drawn_u(labels=False), "root": root, "faces": faces}
    for name, rest, head in [("index", DOOR, said), ("404", NOT_FOUND, "")]:
        page = (START + rest).format(tags=head, **facts)
        Path(app.outdir, f"{name}.html").write_text(page, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.connect("build-finished", write, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
