"""Code that a first reading can do without stands folded behind what it makes.

A cell whose source is hidden shows its output first, and below it a line that says what is behind,
"Code for Fig. 5.1", or what the cell's metadata says (`mystnb: {code_prompt_show: …}`). The set-up
cell, the first of each chapter, follows the lead figure. A cell that only shows the source of a
function of the package shows that, and not its own line. What a folded check prints is one quiet
line. What is printed in columns is not broken into lines, but scrolls.
"""

import ast
import json
import re
from pathlib import Path

from docutils import nodes
from finished_pages import Page
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

UNSAID = "Show code cell"  # how MyST-NB's own prompts begin
COLUMNS = re.compile(r"\S {2,}\S|-{5,}")


def part(cell: nodes.container, name: str) -> nodes.Element | None:
    """The source or the output of a cell."""
    kind = f"cell_code_{name}"
    return next((child for child in cell.children if child.get("nb_element") == kind), None)


def parsed(code: str) -> list[ast.stmt]:
    """The statements of a cell; none where it holds a command of IPython."""
    try:
        return ast.parse(code).body
    except SyntaxError:
        return []


def shows_source(body: list[ast.stmt]) -> bool:
    """Whether a cell imports a room, if anything, and shows the source of a thing of it."""
    *imports, last = body or [None]
    shows = isinstance(last, ast.Expr) and ast.unparse(last).startswith("plots.source(")
    return shows and all(isinstance(line, ast.Import | ast.ImportFrom) for line in imports)


class Fold(SphinxPostTransform):
    """Label and order the parts of folded cells, before MyST-NB wraps them."""

    default_priority = 150  # MyST-NB's is 199
    formats = ("html",)

    def run(self, **options: object) -> None:
        """All code cells of a page."""
        cells = [
            node
            for node in self.document.findall(nodes.container)
            if node.get("nb_element") == "cell_code"
        ]
        ids = self.ids_of_cells() if cells else []
        for cell in cells:
            cell["ids"].append(f"cell-{ids[cell['cell_index']]}")
            source, output = part(cell, "source"), part(cell, "output")
            for block in output.findall(nodes.literal_block) if output is not None else ():
                self.judge(cell, block)
            body = parsed(source.astext()) if source is not None else []
            if shows_source(body) and output is not None:
                cell.remove(source)
            elif cell.get("hide_mode"):
                said = cell.get("prompt_show", UNSAID)
                label = self.label(cell, body) if said.startswith(UNSAID) else said
                cell["prompt_show"] = cell["prompt_hide"] = label
                if label == "The check":
                    cell["classes"].append("check")
        if len(cells) > 1 and cells[0].get("hide_mode") == "all":
            self.after(cells[0], cells[1])

    def judge(self, cell: nodes.container, block: nodes.literal_block) -> None:
        """Mark what is printed in columns, and an exercise's "Right." or "Not yet."."""
        if {"stream", "text_plain"} & {*block["classes"]} and COLUMNS.search(block.astext()):
            block["classes"].append("columns")
        for said, kind in (("Right. ", "right"), ("Not yet. ", "not-yet")):
            if "text_plain" in block["classes"] and block.astext().startswith(said):
                cell["classes"].append(kind)

    def ids_of_cells(self) -> list[str]:
        """The ids of a notebook's cells, which links can lead to."""
        file = Path(self.env.doc2path(self.env.docname))
        notebook = json.loads(file.read_text(encoding="utf-8"))
        return [cell["id"] for cell in notebook["cells"]]

    def label(self, cell: nodes.container, body: list[ast.stmt]) -> str:
        """What is behind the fold."""
        if cell["hide_mode"] == "all":
            return "Set-up"
        numbers = self.env.toc_fignumbers.get(self.env.docname, {})
        for kind, word in ("figure", "Fig."), ("table", "Table"):
            for node in cell.findall(nodes.Element):
                for name in node.get("ids", []):
                    if name in numbers.get(kind, {}):
                        return f"Code for {word} {'.'.join(map(str, numbers[kind][name]))}"
        if any('<table class="results"' in raw.astext() for raw in cell.findall(nodes.raw)):
            return "Code for this table"
        if any(isinstance(node, ast.Assert) for line in body for node in ast.walk(line)):
            return "The check"
        defined = [line.name for line in body if isinstance(line, ast.FunctionDef | ast.ClassDef)]
        if defined and part(cell, "output") is None:
            return "Code of " + re.sub(r", (\w+)$", r" and \1", ", ".join(defined))
        return "Code"

    def after(self, first: nodes.Element, second: nodes.Element) -> None:
        """Put a node behind another of the same parent."""
        if first.parent is second.parent:
            first.parent.remove(first)
            second.parent.insert(second.parent.index(second) + 1, first)


class OutputFirst(SphinxPostTransform):
    """What a folded source makes stands before it."""

    default_priority = 210
    formats = ("html",)

    def run(self, **options: object) -> None:
        """All code cells of a page."""
        for cell in self.document.findall(nodes.container):
            output = part(cell, "output") if cell.get("hide_mode") == "input" else None
            if output is not None:
                cell.remove(output)
                cell.insert(0, output)


def name(app: Sphinx, page: Page) -> None:
    """A fold is called what is read on it, not "Toggle hidden content"."""
    page.html = page.html.replace('<summary aria-label="Toggle hidden content">', "<summary>")


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.setup_extension("finished_pages")
    app.connect("page-finished", name)
    app.add_post_transform(Fold)
    app.add_post_transform(OutputFirst)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
