"""Static figures in the chapters and on the built pages: one sheet, both themes, a phone."""

import base64
import re
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from conftest import without

from unet_book.pages import sheet

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html" / "book"
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
LOOKED_AT = ["03_architecture", "06_weight_map", "10_measuring"]
SMALLEST = 11  # px
PHONE = {"width": 390, "height": 800}

COLORS = {
    value
    for color in sheet.SHEET.values()
    for value in (color.light, color.light_text)
    if color is not sheet.SHEET["page"]
} | {sheet.PAGE["light"], sheet.WHITE}


def figures(path):
    """The HTML of each figure of `plots` that a notebook stores."""
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            page = output.get("data", {}).get("text/html", "")
            if page.startswith('<div class="panels"'):
                yield cell.id, page


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_drawings_have_colors_of_the_sheet_and_text_as_text(path):
    for name, page in figures(path):
        for data in re.findall(r"svg\+xml;base64,([\w+/=]+)", page):
            drawing = base64.b64decode(data).decode()
            ElementTree.fromstring(drawing)
            bare = re.sub(r"base64,[\w+/=\s]+", "", drawing)
            assert set(re.findall(r"#[0-9a-f]{6}\b", bare)) <= COLORS, name
            assert not re.findall(r"(?:fill|stroke): (?!none|#|transparent)\w+", bare), name
            letters = re.findall(r"font-size: ([\d.]+)px", bare)
            assert all(float(size) >= SMALLEST for size in letters), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_figure_is_heavy(path):
    for name, page in figures(path):
        assert len(page) < 1_200_000, name


@pytest.fixture(scope="module", params=LOOKED_AT)
def opened(request, browser):
    """A built page on a phone."""
    file = HTML / f"{request.param}.html"
    if not file.exists():
        without("the built book", "run make book")
    page = browser.new_page(viewport=PHONE)
    page.goto(file.as_uri())
    page.wait_for_load_state("load")
    yield page
    page.close()


SEEN = """() => {
  const out = [];
  for (const e of document.querySelectorAll(
      ".panels :is(text, tspan, .panel-title, .scale span), .u-drawing :is(text, .says)")) {
    if (!e.getClientRects().length || !e.textContent.trim()) continue;
    const svg = e.closest("svg"), box = svg?.viewBox.baseVal;
    const zoom = svg ? svg.getBoundingClientRect().width / box.width : 1;
    out.push([e.textContent, parseFloat(getComputedStyle(e).fontSize) * zoom]);
  }
  return out;
}"""


def test_letters_of_a_figure_can_be_read_on_a_phone(opened):
    seen = opened.evaluate(SEEN)
    assert len(seen) > 20
    assert [(words, size) for words, size in seen if size < SMALLEST - 0.05] == []


def test_no_figure_is_wider_than_the_phone(opened):
    reach = opened.evaluate(
        "() => [...document.querySelectorAll('.panels, .panels img, .panels svg, .u-drawing svg')]"
        ".filter(e => e.getClientRects().length)"
        ".map(e => [e.getBoundingClientRect().left, e.getBoundingClientRect().right])"
    )
    assert reach and all(left >= 0 and right <= PHONE["width"] for left, right in reach)


def test_figures_have_names_and_drawings_stand_in_the_page(opened):
    names = opened.evaluate(
        "() => [...document.querySelectorAll('.panels')].map(e => e.getAttribute('aria-label'))"
    )
    assert names and all(len(name.split()) >= 4 for name in names)
    assert opened.locator(".panels svg").count() and not opened.locator(".panels picture").count()
    ids = opened.evaluate("() => [...document.querySelectorAll('.panels [id]')].map(e => e.id)")
    assert ids and len(ids) == len(set(ids))
    assert "data:image/png" not in opened.evaluate(
        "() => [...document.querySelectorAll('.panels')].map(e => e.outerHTML).join()"
    )


def brightness(color):
    return sum(map(int, re.findall(r"\d+", color)[:3])) / 3


def test_a_drawing_follows_the_theme_and_has_no_card(opened):
    ink = "() => getComputedStyle(document.querySelector('.panels svg.narrow text')).fill"
    ground = """() => [...document.querySelectorAll('.panels, .panels img, .panels svg')].map(e => {
      const seen = [];
      for (let up = e; up && up.tagName !== 'ARTICLE'; up = up.parentElement)
        seen.push(getComputedStyle(up).backgroundColor);
      return seen.every(color => /, 0\\)$/.test(color));
    })"""
    for theme, dark in (("light", False), ("dark", True)):
        opened.emulate_media(color_scheme=theme)
        opened.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        assert (brightness(opened.evaluate(ink)) > 128) == dark
        assert all(opened.evaluate(ground))
