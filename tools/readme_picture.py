"""Write the README's picture: the first figure of "Before you start", as its notebook stores it."""

import base64
import pathlib

import nbformat

ROOT = pathlib.Path(__file__).parent.parent
NOTEBOOK = ROOT / "book" / "00_before_you_start.ipynb"
PICTURE = ROOT / "book" / "_static" / "finished.png"


def stored_picture() -> bytes:
    """The PNG that the cell `finished` of the notebook put out."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.get("id") == "finished")
    data = next(o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {}))
    return base64.b64decode(data)


if __name__ == "__main__":
    PICTURE.write_bytes(stored_picture())
