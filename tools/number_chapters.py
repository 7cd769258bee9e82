"""Give every link to a chapter its number.

    python tools/number_chapters.py

A chapter's number is its place among the numbered pages of _toc.yml. A link to it reads "chapter 5"
in a notebook, so that it says something in JupyterLab and Colab, too; when a chapter is put in
between, this writes the new numbers, and `make execute` does so for what it runs. The book's pages
take the numbers from the table of contents in any case (book/_ext/chapter_numbers.py).
"""

import re
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[([Cc]hapter) \d+\]\((\w+)\.ipynb")


def chapters() -> dict[str, int]:
    """The number of each chapter, by the name of its file."""
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    files = [page["file"] for part in parts if part.get("numbered") for page in part["chapters"]]
    return {Path(file).name: number for number, file in enumerate(files, start=1)}


def numbered(text: str, numbers: dict[str, int]) -> str:
    """A text whose links to chapters have the chapters' numbers.

    KeyError for a link "chapter 5" to a page without a number.
    """
    return LINK.sub(lambda link: f"[{link[1]} {numbers[link[2]]}]({link[2]}.ipynb", text)


def main() -> None:
    """All notebooks."""
    numbers = chapters()
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = numbered(cell.source, numbers)
        if nbformat.writes(notebook) != before:
            path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
            print(path)


if __name__ == "__main__":
    main()
