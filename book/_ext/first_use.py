"""The first time a chapter uses a word of the glossary, the word leads there.

Only in running text: no heading, no caption, no code, no link. Pointing at the word, or coming to
it by keyboard, shows the first sentence of its entry (book/_static/terms.js).
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

GLOSSARY = "book/glossary"
# Words that mean something else as often as what the glossary says of them.
EVERYDAY = {
    "border",
    "bridge",
    "core",
    "d1",
    "d2",
    "fold",
    "grid",
    "margin",
    "phase",
    "rank",
    "step",
}
ELSEWHERE = (
    nodes.reference,
    nodes.literal,
    nodes.caption,
    nodes.title,
    nodes.math,
    nodes.Admonition,
)


def entries(env: BuildEnvironment) -> dict[str, tuple[str, str]]:
    """For each term in small letters its anchor, and the first sentence about it."""
    found = {}
    for item in env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
        about = next(iter(item.findall(nodes.paragraph)), None)
        sentence = first_sentence(about) if about is not None else ""
        for term in item.findall(nodes.term):
            found[term.astext().lower()] = (term["ids"][0], sentence)
    return found


def first_sentence(paragraph: nodes.paragraph) -> str:
    """As plain text; nothing where it has a formula in it that plain text can't show."""
    text = re.sub(r"\s+", " ", paragraph.astext())
    sentence = re.split(r"(?<=[.?!])\s+(?=[A-Z])", text, maxsplit=1)[0]
    formulas = [math.astext() for math in paragraph.findall(nodes.math)]
    return "" if any(formula in sentence and len(formula) > 1 for formula in formulas) else sentence


def pattern(terms: list[str]) -> re.Pattern:
    """Any of the terms, the longest first; one or several, with a hyphen or a space."""
    longest_first = sorted(terms, key=len, reverse=True)
    words = "|".join(re.sub(r"[-\\ ]+", "[- ]", re.escape(term)) for term in longest_first)
    return re.compile(rf"(?<![\w-])({words})(?:s|es)?(?![\w-])", re.IGNORECASE)


def running_text(doctree: nodes.document) -> list[nodes.Text]:
    """The words of all paragraphs that are no part of anything else."""
    words = []
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section | nodes.list_item):
            words += [text for text in paragraph.findall(nodes.Text) if not within(text, paragraph)]
    return words


def within(text: nodes.Text, paragraph: nodes.paragraph) -> bool:
    """Whether a text stands in a link, in code or the like."""
    node = text.parent
    while node is not paragraph:
        if isinstance(node, ELSEWHERE):
            return True
        node = node.parent
    return False


def link(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link each term of the glossary where a chapter first uses it."""
    if app.builder.format != "html" or "" not in app.env.toc_secnumbers.get(docname, {}):
        return
    terms = {k: v for k, v in entries(app.env).items() if k not in EVERYDAY}
    glossary = app.builder.get_relative_uri(docname, GLOSSARY)
    linked = {node["refuri"] for node in doctree.findall(nodes.reference) if "refuri" in node}
    left = {k: v for k, v in terms.items() if f"{glossary}#{v[0]}" not in linked}
    for text in running_text(doctree):
        if left:
            replace(text, left, glossary)


def replace(text: nodes.Text, left: dict[str, tuple[str, str]], glossary: str) -> None:
    """Put links into a text for terms that are `left`, and take these out."""
    pieces, end, words = [], 0, text.astext()
    for found in pattern([*left]).finditer(words):
        name = re.sub(r"[- ]", " ", found[1].lower())
        term = next((k for k in left if re.sub(r"[- ]", " ", k) == name), None)
        if term is None:  # linked already in this text
            continue
        anchor, sentence = left.pop(term)
        pieces.append(nodes.Text(words[end : found.start()]))
        where = {"refuri": f"{glossary}#{anchor}", "internal": True, "classes": ["term"]}
        pieces.append(
            nodes.reference("", found[0], **where, reftitle=sentence or "In the glossary")
        )
        end = found.end()
    if pieces:
        text.parent.replace(text, [*pieces, nodes.Text(words[end:])])


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set
) -> list[str]:
    """With the glossary, its links change."""
    return [*env.toc_secnumbers] if GLOSSARY in changed else []


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.connect("doctree-resolved", link, priority=700)
    app.connect("env-get-outdated", outdated)
    app.add_js_file("terms.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
