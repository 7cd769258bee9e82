"""How the pages read: prose and pictures first, code where it is asked for, nothing cut off."""

import re
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import without

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import number_chapters  # noqa: E402
import reading  # noqa: E402

CHAPTERS = [*number_chapters.chapters()]
PAGES = sorted(path.stem for path in (ROOT / "book").glob("*.ipynb"))
LONGEST = 68  # characters of a line of code that is seen on a first reading


@pytest.fixture(scope="module")
def pages(browser):
    """measured(name, width) of a page, and the tab in which it is open then."""
    if not (reading.HTML / "index.html").exists():
        without("the built book", "run make book")
    with reading.served() as address:
        tab = browser.new_page()
        yield lambda name, width: reading.measured(tab, f"{address}/book/{name}.html", width), tab
        tab.close()


def cells(name):
    """The code cells of a notebook."""
    notebook = nbformat.read(ROOT / "book" / f"{name}.ipynb", as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def is_folded(cell):
    """Whether a first reading passes over a cell's source."""
    return bool({"hide-input", "hide-cell"} & set(cell.metadata.get("tags", [])))


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_fifth_of_a_chapter_at_most_is_code_and_printed_output(pages, name):
    seen = pages[0](name, reading.WIDE)
    assert seen["total"] > 5000
    assert (seen["code"] + seen["printed"]) / seen["total"] < 0.2


@pytest.mark.parametrize("width", [reading.WIDE, reading.PHONE])
@pytest.mark.parametrize("name", PAGES)
def test_what_runs_off_its_edge_says_so(pages, name, width):
    seen = pages[0](name, width)
    assert seen["unhinted"] == 0, seen["which"]


@pytest.mark.parametrize("name", PAGES)
def test_lines_of_code_on_the_page_are_short(name):
    long = [
        f"{cell.id}: {line}"
        for cell in cells(name)
        if not is_folded(cell)
        and not re.search(r"plots\.source\(|explorers\.", cell.source)
        and not cell.id.startswith(("solution", "majority"))
        for line in cell.source.splitlines()
        if len(line) > LONGEST
    ]
    assert not long


@pytest.mark.parametrize("name", CHAPTERS)
def test_figures_assertions_and_tables_are_folded(name):
    for cell in cells(name):
        made = {kind for output in cell.outputs for kind in output.get("data", ())}
        if "image/png" in made or "Table(" in cell.source:
            assert is_folded(cell), cell.id


@pytest.mark.parametrize("name", CHAPTERS)
def test_tables_are_numbered_in_their_order_and_cited_by_their_number(name):
    page = (reading.HTML / "book" / f"{name}.html").read_text(encoding="utf-8")
    found = re.findall(
        r'<caption><span class="told"><span class="caption-number">Table ([\d.]+) </span>', page
    )
    number = number_chapters.chapters()[name]
    assert found == [f"{number}.{k}" for k in range(1, len(found) + 1)]
    assert page.count('<table class="results"') >= len(found)


def test_what_is_printed_in_columns_scrolls_and_is_not_broken(pages):
    measured, tab = pages
    measured("01_what_unet_answers", reading.PHONE)
    lines = tab.locator("#cell-sizes .columns pre").evaluate(
        "e => Math.round(e.clientHeight / parseFloat(getComputedStyle(e).lineHeight))"
    )
    assert lines in (5, 6)  # with its padding


# Of each gallery, how many rows its pictures stand in; and where text, figures and captions begin.
ROWS = """() => [...document.querySelectorAll(".panels:has(img)")].map(figure => {
  const tops = [...figure.querySelectorAll("img")].map(e => e.getBoundingClientRect().top);
  const columns = Number(getComputedStyle(figure).getPropertyValue("--columns"));
  return [columns, tops.length, new Set(tops.map(Math.round)).size];
})"""
EDGES = """() => [...document.querySelectorAll("section > p, .panels, .explorer, figcaption p")]
  .filter(e => e.checkVisibility() && !e.closest(".admonition"))
  .map(e => Math.round(e.getBoundingClientRect().left))"""


def test_pictures_of_a_row_stand_in_line_and_all_begins_at_one_edge(pages):
    measured, tab = pages
    measured("05_energy", reading.WIDE)
    galleries = tab.evaluate(ROWS)
    assert len(galleries) > 3
    assert all(rows == -(-count // columns) for columns, count, rows in galleries), galleries
    assert len(set(tab.evaluate(EDGES))) == 1


# Of each table that is scrolled to its end, how far its caption sticks out of the box, px.
CAPTIONS = """() => [...document.querySelectorAll(".results.scrolls")]
  .filter(box => box.scrollWidth > box.clientWidth + 20)
  .map(box => {
    box.scrollLeft = box.scrollWidth;
    const [told, outer] = [box.querySelector(".told"), box].map(e => e.getBoundingClientRect());
    return Math.max(outer.left - told.left, told.right - outer.right);
  })"""


def test_a_caption_stays_in_sight_when_its_columns_are_scrolled(pages):
    measured, tab = pages
    measured("09_training", reading.PHONE)
    outside = tab.evaluate(CAPTIONS)
    assert outside and max(outside) < 1


# The contrast of an element's color with the ground that it lies on: the nearest one of a color.
CONTRAST = """element => {
  const parts = color => color.match(/[\\d.]+/g).map(Number);
  const light = color => parts(color).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + [0.2126, 0.7152, 0.0722][k] * v, 0);
  const colored = box => (parts(getComputedStyle(box).backgroundColor)[3] ?? 1) > 0;
  let ground = element;
  while (!colored(ground)) ground = ground.parentElement;
  const a = light(getComputedStyle(element).color);
  const b = light(getComputedStyle(ground).backgroundColor);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_comments_are_quieter_than_code_and_legible(pages, scheme):
    measured, tab = pages
    tab.emulate_media(color_scheme=scheme)
    measured("06_weight_map", reading.WIDE)
    block = tab.locator(".cell_input pre:has(.c1)").first
    comment, code = (block.locator(kind).first.evaluate(CONTRAST) for kind in (".c1", ".n"))
    tab.emulate_media(color_scheme="light")
    assert 4.5 <= comment < code


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tables_are_legible(pages, scheme):
    measured, tab = pages
    tab.emulate_media(color_scheme=scheme)
    measured("11_results", reading.WIDE)
    words = tab.locator("table.results :is(caption, th, td)").all()
    contrasts = [word.evaluate(CONTRAST) for word in words[:60]]
    tab.emulate_media(color_scheme="light")
    assert len(contrasts) == 60 and min(contrasts) >= 4.5


def test_the_ledger_s_words_are_legible(pages):
    measured, tab = pages
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        measured("claims", reading.WIDE)
        for kind in ("yes", "no", "open"):
            assert tab.evaluate(VERDICT, kind) >= 4.5, (scheme, kind)


VERDICT = """kind => {
  const canvas = document.createElement("canvas").getContext("2d");
  const shown = color => {
    canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
    canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = color => shown(color).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + [0.2126, 0.7152, 0.0722][k] * v, 0);
  const word = document.querySelector(`.ledger tr.${kind} .verdict`);
  const [a, b] = [light(getComputedStyle(word).color), light("rgba(0, 0, 0, 0)")];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""
