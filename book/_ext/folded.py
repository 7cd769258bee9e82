"""Code that a first reading can do without stands folded behind what it makes.

A cell whose source is hidden shows its output first, and below it a line that says what is behind,
"Code for Fig. 5.1". The set-up cell, the first of each chapter, follows the lead figure. A cell
that only shows the source of a function of the package shows that, and not its own one line.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

SOURCE = re.compile(r"plots\.source\((?:\w+\.)*(\w+)\)")


def part(cell: nodes.container, name: str) -> nodes.Element | None:
    """The source or the output of a cell."""
    kind = f"cell_code_{name}"
    return next((child for child in cell.children if child.get("nb_element") == kind), None)


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
        for cell in cells:
            source, output = part(cell, "source"), part(cell, "output")
            shown = SOURCE.fullmatch(source.astext().strip()) if source is not None else None
            if shown and output is not None:
                cell.remove(source)
                cell["prompt_show"] = cell["prompt_hide"] = f"The source of {shown[1]}"
            elif cell.get("hide_mode"):
                cell["prompt_show"] = cell["prompt_hide"] = self.label(cell, output)
        if len(cells) > 1 and cells[0].get("hide_mode") == "all":
            self.after(cells[0], cells[1])

    def label(self, cell: nodes.container, output: nodes.Element | None) -> str:
        """What is behind the fold."""
        if cell["hide_mode"] == "all":
            return "Set-up"
        figures = [*cell.findall(nodes.figure)]
        numbers = self.env.toc_fignumbers.get(self.env.docname, {}).get("figure", {})
        for figure in figures:
            for name in figure["ids"]:
                if name in numbers:
                    return f"Code for Fig. {'.'.join(map(str, numbers[name]))}"
        if output is not None and [*output.findall(nodes.table)]:
            return "Code for this table"
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


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.add_post_transform(Fold)
    app.add_post_transform(OutputFirst)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
