"""Write the README's picture: the first figure of "Before you start", as its notebook stores it."""

import base64
import io
import pathlib
import re

import nbformat
from PIL import Image

ROOT = pathlib.Path(__file__).parent.parent
NOTEBOOK = ROOT / "book" / "00_before_you_start.ipynb"
PICTURE = ROOT / "book" / "_static" / "finished.png"
WIDTH, GAP = 320, 16  # px, of a panel and between panels


def stored_panels() -> list[Image.Image]:
    """The pictures that the cell `finished` of the notebook put out."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.get("id") == "finished")
    pages = "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
    found = re.findall(r"image/png;base64,([\w+/=]+)", pages)
    return [Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB") for data in found]


def side_by_side(panels: list[Image.Image]) -> Image.Image:
    """One picture, on white, which GitHub shows in light and in dark."""
    shown = [p.resize((WIDTH, round(p.height * WIDTH / p.width))) for p in panels]
    size = (len(shown) * (WIDTH + GAP) - GAP, max(panel.height for panel in shown))
    whole = Image.new("RGB", size, "white")
    for number, panel in enumerate(shown):
        whole.paste(panel, (number * (WIDTH + GAP), 0))
    return whole


if __name__ == "__main__":
    side_by_side(stored_panels()).save(PICTURE, optimize=True)
