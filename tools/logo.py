"""Draw the book's logo: the U of the pages' heads, with colors of its own.

    python tools/logo.py

writes book/_static/logo.svg, which is at home on light and on dark ground.
"""

from pathlib import Path

from unet_book.pages.emblem import drawn_u

FILE = Path(__file__).resolve().parent.parent / "book" / "_static" / "logo.svg"
COLORS = {"down": "#3a7fb5", "bottom": "#8466b8", "up": "#45a078", "input": "#d9822b"}
STYLE = "".join(
    f".{part} rect{{fill:{color}}}.{part}-arrow path{{stroke:{color}}}"
    f".{part}-arrow .head{{fill:{color}}}"
    for part, color in (COLORS | {"output": COLORS["input"], "skip": "#8d96a0"}).items()
)
STYLE += "path{fill:none;stroke-width:3}.skip-arrow path{stroke-dasharray:7 5}.head{stroke:none}"


def logo() -> str:
    """The SVG."""
    start, rest = drawn_u(labels=False).split(">", 1)
    return f"{start}><style>{STYLE}</style>{rest}\n"


if __name__ == "__main__":
    FILE.write_text(logo(), encoding="utf-8")
