"""Draw the book's logo, its favicon and the card that is shown where a link to it is shared.

    python tools/logo.py

writes logo.svg, favicon.svg and card.png into book/_static. All three are the U of the pages'
heads, with colors of their own, at home on light and on dark ground. The card needs a browser:
where there is none, the stored one stays.
"""

import base64
import io
import shutil
from importlib.resources import files
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from unet_book.pages.emblem import drawn_u

FOLDER = Path(__file__).resolve().parent.parent / "book" / "_static"
COLORS = {"down": "#3a7fb5", "bottom": "#8466b8", "up": "#45a078", "input": "#d9822b"}
STYLE = "".join(
    f".{part} rect{{fill:{color}}}.{part}-arrow path{{stroke:{color}}}"
    f".{part}-arrow .head{{fill:{color}}}"
    for part, color in (COLORS | {"output": COLORS["input"], "skip": "#8d96a0"}).items()
)
STYLE += "path{fill:none;stroke-width:3}.skip-arrow path{stroke-dasharray:7 5}.head{stroke:none}"

# At 16 pixels a U of four levels is dust: the favicon has two, as broad bars.
BARS = [  # part, x, y, width, height, of 32
    ("down", 2, 4, 5, 17),
    ("down", 9, 13, 4, 10),
    ("bottom", 13, 24, 6, 5),
    ("up", 19, 13, 4, 10),
    ("up", 25, 4, 5, 17),
]
SIZE = (1200, 630)  # px, of a card
FACE = "files/SourceSansPro-Semibold.otf"  # of the package font-source-sans-pro, as on the pages
CARD = """<style>
@font-face {{ font-family: Face; src: url(data:font/otf;base64,{face}) }}
body {{ align-items: center; background: #fff; color: #222832; display: grid; font-family: Face;
  grid-template-columns: 1fr 560px; height: 630px; margin: 0; width: 1200px }}
.words {{ padding-left: 72px }}
.title {{ font-size: 100px; letter-spacing: -2px; line-height: 1.02 }}
.below {{ color: #596270; font-size: 33px; line-height: 1.35; margin-top: 30px }}
.drawing {{ padding-right: 56px }}
</style>
<div class="words"><div class="title">U-Net,<br>Taken Apart</div><div class="below">The 2015 paper,
idea by idea:<br>derived, implemented,<br>tested and measured</div></div>
<div class="drawing">{drawing}</div>"""


def logo() -> str:
    """The SVG."""
    start, rest = drawn_u(labels=False).split(">", 1)
    return f"{start}><style>{STYLE}</style>{rest}\n"


def favicon() -> str:
    """The smallest U."""
    bars = "".join(
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="1" fill="{COLORS[part]}"/>'
        for part, x, y, width, height in BARS
    )
    skip = f'<path d="M9 7h14" stroke="{COLORS["input"]}" stroke-width="3" stroke-dasharray="4 1"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{bars}{skip}</svg>\n'


def card(browser: str) -> bytes:
    """A PNG of few colors."""
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport=dict(zip(("width", "height"), SIZE)))
        face = base64.b64encode((files("font_source_sans_pro") / FACE).read_bytes()).decode()
        drawing = logo().replace("<svg", '<svg width="100%"', 1)
        page.set_content(CARD.format(face=face, drawing=drawing))
        page.evaluate("document.fonts.ready")
        photograph = page.screenshot()
        chromium.close()
    file = io.BytesIO()
    few = Image.open(io.BytesIO(photograph)).convert("RGB").quantize(64, dither=Image.Dither.NONE)
    few.save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    (FOLDER / "logo.svg").write_text(logo(), encoding="utf-8")
    (FOLDER / "favicon.svg").write_text(favicon(), encoding="utf-8")
    found = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if found:
        (FOLDER / "card.png").write_bytes(card(found))
