"""What a page says of itself to search engines and to those who get a link to it."""

import re
from html import escape, unescape
from urllib.parse import urlsplit

from docutils import nodes
from finished_pages import Page
from sphinx.application import Sphinx

CARD = "_static/card.png"  # tools/logo.py draws it
WORDS = 160  # characters of a description that search engines show


def address(repository: str) -> str:
    """Where GitHub Pages shows a repository's book."""
    owner, name = urlsplit(repository).path.strip("/").split("/")
    return f"https://{owner}.github.io/{name}/"


def set_address(app: Sphinx, config: object) -> None:
    """Sphinx makes each page's canonical link from it."""
    if not config.html_baseurl:
        config.html_baseurl = address(config.html_theme_options["repository_url"])


def describe(doctree: nodes.document | None) -> str:
    """A page's question, its first paragraph, on one line."""
    paragraphs = doctree.findall(nodes.paragraph) if doctree is not None else []
    first = " ".join(next((p.astext() for p in paragraphs), "").split())
    if len(first) <= WORDS:
        return first
    return first[: WORDS - 1].rsplit(" ", 1)[0].rstrip(",;:") + "\u2026"


def remember(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Keep the description until the page is written."""
    context["description"] = describe(doctree)


def write(app: Sphinx, page: Page) -> None:
    """One title, one viewport, and the lines that a link is shown with."""
    book = app.config.html_title or app.config.project
    own = unescape(re.sub("<[^>]*>", "", page.context.get("title") or "")).strip()
    title = f"{own} \u2013 {book}" if own and own != book else book
    page.html = re.sub(
        r"<title>.*?</title>", f"<title>{escape(title)}</title>", page.html, flags=re.S
    )
    viewport = re.compile(r'\s*<meta name="viewport"[^>]*>')
    page.html = viewport.sub("", page.html)
    lines = ['<meta name="viewport" content="width=device-width, initial-scale=1">']
    lines += tags(app, page.name, own or book, page.context.get("description") or book)
    page.html = page.html.replace("<title>", "\n    ".join([*lines, "<title>"]), 1)


def tags(app: Sphinx, name: str, title: str, description: str) -> list[str]:
    """Description and social card."""
    base = app.config.html_baseurl
    facts = {
        "og:title": title,
        "og:description": description,
        "og:type": "website" if name == app.config.root_doc else "article",
        "og:site_name": app.config.html_title or app.config.project,
        "og:url": base + app.builder.get_target_uri(name),
        "og:image": base + CARD,
        "og:image:alt": "The drawn U: the network of the 2015 paper as boxes and arrows",
    }
    lines = [f'<meta name="description" content="{escape(description)}">']
    lines += [f'<meta property="{key}" content="{escape(value)}">' for key, value in facts.items()]
    return [*lines, '<meta name="twitter:card" content="summary_large_image">']


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.setup_extension("finished_pages")
    app.connect("config-inited", set_address, priority=900)
    app.connect("html-page-context", remember)
    app.connect("page-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
