"""Whether what a claim names as its check is there, and is run every time."""

import ast
import json
import re
from functools import cache
from pathlib import Path

__all__ = ["missing"]


def missing(check: str, root: Path) -> str:
    """Why a check proves nothing, in one line; nothing where it does.

    Parameters
    ----------
    check : str
        ``tests/FILE.py::NAME``, ``book/FILE.ipynb#CELL`` or the path of a record.
    root : Path
        The checkout that it stands in.

    Returns
    -------
    str
        That the file, the test or the cell is not there; that the test is or may be skipped, or
        that the cell is not run and compared. Empty for a check that holds.
    """
    file, _, name = check.partition("::" if "::" in check else "#")
    if not (root / file).is_file():
        return f"{file} is not there"
    if "::" in check:
        return _missing_test(root / file, name)
    return _missing_cell(root / file, name) if "#" in check else ""


def _missing_test(file: Path, name: str) -> str:
    """Why a test proves nothing."""
    marks, tests = _tests_of(file)
    if name not in tests:
        return f"{file.name} has no {name}"
    calls = [node for node in ast.walk(tests[name]) if isinstance(node, ast.Call)]
    skips = [ast.unparse(call) for call in calls if "skip" in ast.unparse(call.func)]
    words = [marks, *map(ast.unparse, tests[name].decorator_list), *skips]
    return f"{name} is not always run" if re.search(r"skip|xfail", " ".join(words)) else ""


@cache
def _tests_of(file: Path) -> tuple[str, dict[str, ast.FunctionDef]]:
    """The marks of a test file as a whole, and its functions by name."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    marks = [ast.unparse(line) for line in body if ast.unparse(line).startswith("pytestmark")]
    functions = {line.name: line for line in body if isinstance(line, ast.FunctionDef)}
    return " ".join(marks), functions


def _missing_cell(file: Path, name: str) -> str:
    """Why a notebook's cell proves nothing."""
    cells = _cells_of(file)
    if name not in cells:
        return f"{file.name} has no cell {name}"
    cell = cells[name]
    text = "".join(cell["source"]) + " ".join(cell["metadata"].get("tags", []))
    run = cell.get("execution_count") and not re.search(r"nbval[-_](skip|ignore)", text, re.I)
    return "" if run else f"{name} in {file.name} is not run and compared"


@cache
def _cells_of(file: Path) -> dict[str, dict]:
    """The cells of a notebook by their ids."""
    return {cell["id"]: cell for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]}
