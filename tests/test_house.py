"""The two shelves: the ideas know nothing of what only the book's pages need."""

import ast
from pathlib import Path

import pytest

import unet_book

HERE = Path(unet_book.__file__).parent
IDEAS = sorted(path for path in HERE.rglob("*.py") if HERE / "pages" not in path.parents)
DOOR = HERE / "cli"  # the command line opens both shelves


def imports(path):
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", IDEAS, ids=lambda path: str(path.relative_to(HERE)))
def test_no_idea_needs_a_page(path):
    if DOOR not in path.parents:
        assert [name for name in imports(path) if "pages" in name.split(".")] == []


def test_the_command_line_needs_pages_for_one_command_only():
    for path in DOOR.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = [ast.unparse(node) for node in tree.body if isinstance(node, ast.ImportFrom)]
        assert not any("pages" in line for line in top)
