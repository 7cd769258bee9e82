"""What stands around the pages: the first page, links, search, weight, keyboard, the glossary."""

import gzip
import json
import re
import subprocess
import sys
from html import unescape
from urllib.parse import urlsplit

import pypdf
import pytest
from conftest import without
from test_book import (  # noqa: F401 (built, site and tab are fixtures)
    CONFIG,
    HTML,
    NUMBERS,
    PAGES,
    PHONE,
    ROOT,
    TOC,
    WIDE,
    built,
    html,
    site,
    tab,
)

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from lean import without_unused  # noqa: E402

CHAPTERS = [f"book/{name}" for name in NUMBERS]
BUILT = ["index", "404", "search", "genindex", *PAGES]


# ---- the first page


def test_first_page_has_a_card_for_each_chapter_with_its_number_title_and_picture():
    card = r'<a class="chapter-card" href="(\w+)\.html">(.*?)</a>'
    seen = {name: inner for name, inner in re.findall(card, html("book/index"), re.DOTALL)}
    assert [*seen] == [*NUMBERS]
    for name, inner in seen.items():
        title = re.search(r"<title>(.*?) \u2013 ", html(f"book/{name}"))[1]
        number, words = re.search(r'card-number">(\d+)</span>(.*?)</span>', inner).groups()
        assert (int(number), f"{number}\u2002{words}") == (NUMBERS[name], title)
        assert "card-words" in inner
        assert not re.search(r'src="[^"]*\.svg"', inner)  # a chart is not legible so small
        for picture in re.findall(r'src="\.\./(.*?)"', inner):
            assert len(gzip.compress((HTML / picture).read_bytes())) < 12_000
        assert "<img" in inner or "<svg" in inner


def test_no_number_of_a_card_is_typed():
    source = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
    assert "card-number" not in source
    assert set(re.findall(r":::\{chapter\} (\w+)", source)) == set(NUMBERS)


def frames(page):
    return int(page.get_attribute(".film", "data-frame"))


def test_film_moves_and_can_be_paused(browser, site):  # noqa: F811
    page = browser.new_page(viewport={"width": WIDE, "height": 900})
    page.goto(f"{site}/book/index.html")
    page.wait_for_function("Number(document.querySelector('.film').dataset.frame) > 1")
    page.get_by_role("button", name="Pause the film").click()
    page.wait_for_timeout(100)  # ms
    still = page.inner_text(".film-says")
    page.wait_for_timeout(600)
    assert page.inner_text(".film-says") == still
    page.get_by_role("button", name="Play the film").click()
    page.wait_for_function(
        "was => document.querySelector('.film-says').textContent !== was", arg=still
    )
    page.close()


def test_film_stands_still_for_who_wants_no_motion(browser, site):  # noqa: F811
    facts = json.loads((ROOT / "book" / "_static" / "film" / "film.json").read_text())
    page = browser.new_page(reduced_motion="reduce")
    page.goto(f"{site}/book/index.html")
    page.wait_for_function("document.querySelector('.film').dataset.frame")
    page.wait_for_timeout(600)  # ms
    assert frames(page) == len(facts["steps"]) - 1
    assert f"step {facts['steps'][-1]}" in page.inner_text(".film-says")
    page.close()


def test_film_is_small_and_its_numbers_fit_its_maps():
    folder = ROOT / "book" / "_static" / "film"
    facts = json.loads((folder / "film.json").read_text())
    assert sum(path.stat().st_size for path in folder.iterdir()) < 120_000
    assert len(facts["steps"]) == len(facts["wrong"])
    assert facts["steps"] == sorted(facts["steps"])
    assert facts["wrong"][-1] < 0.05 < facts["wrong"][0]


# ---- what a page says of itself


@pytest.mark.parametrize("page", BUILT)
def test_head_is_complete(page):
    text = html(page)
    assert text.count('name="viewport"') == 1
    assert text.partition("<body")[0].count("<title>") == 1
    if page == "404":
        return
    facts = dict(re.findall(r'<meta (?:name|property)="([^"]*)" content="([^"]*)">', text))
    assert facts["description"] == facts["og:description"]
    assert len(unescape(facts["description"])) <= 160
    assert facts["twitter:card"] == "summary_large_image"
    base = address()
    assert facts["og:image"] == f"{base}_static/card.png"
    assert (HTML / "_static" / "card.png").stat().st_size < 60_000
    canonical = re.findall(r'<link rel="canonical" href="([^"]*)"', text)
    assert canonical in ([], [facts["og:url"]]) and (canonical or page in ("search", "genindex"))
    assert 'rel="icon"' in text


def address():
    """GitHub Pages' name for the repository of _config.yml."""
    owner, name = urlsplit(CONFIG["repository"]["url"]).path.strip("/").split("/")
    return f"https://{owner}.github.io/{name}/"


def test_a_chapter_is_described_by_its_question():
    question = "Two cells that touch are one cell to a classifier"
    assert f'name="description" content="{question}' in html("book/06_weight_map")
    assert len(
        {re.search(r'"description" content="(.*?)"', html(page))[1] for page in PAGES}
    ) == len(PAGES)


def test_title_of_the_first_page_is_not_doubled():
    assert f"<title>{CONFIG['title']}</title>" in html(TOC["root"])


# ---- links


def anchors(text):
    return {unescape(name) for name in re.findall(r'\bid="([^"]+)"', text)}


def test_no_link_of_the_book_is_dead():
    texts = {
        path: path.read_text(encoding="utf-8")
        for path in HTML.rglob("*.html")
        if "_static" not in path.parts
    }
    names, dead, root = (
        {path: anchors(text) for path, text in texts.items()},
        [],
        urlsplit(address()).path,
    )
    for path, text in texts.items():
        for link in set(
            re.findall(r'<(?:a|link|script|img)\b[^>]*?\b(?:href|src)="([^"]*)"', text)
        ):
            parts = urlsplit(unescape(link))
            if parts.scheme or parts.netloc:
                continue
            at_root = parts.path.startswith(root)
            target = HTML / parts.path.removeprefix(root) if at_root else path.parent / parts.path
            target = target.resolve() if parts.path else path
            missing = not target.exists()
            if missing or (
                parts.fragment and target in names and parts.fragment not in names[target]
            ):
                dead.append((path.name, link))
    assert not dead


# ---- weight


@pytest.mark.parametrize("page", BUILT)
def test_page_has_no_heavy_icons_and_draws_before_scripts(page):
    text = html(page)
    assert "fontawesome" not in text and not re.search(r'class="[^"]*\bfa-', text)
    scripts = re.findall(r"<script\b([^>]*\bsrc=[^>]*)>", text.partition("<body")[0])
    assert page == "search" or sum("defer" not in script for script in scripts) <= 1
    assert ("mathjax/" in text) == ('class="math' in text)
    sheets = re.findall(r'<link[^>]*href="([^"?]*\.css)[^"]*"', text)
    folder = (HTML / f"{page}.html").parent
    blocking = {(folder / sheet).resolve() for sheet in sheets}
    assert sum(len(gzip.compress(sheet.read_bytes())) for sheet in blocking) < 50_000


def test_style_sheets_keep_what_pages_use_and_lose_the_rest():
    css = """/* */ a { color: red } .e {} .x .y:not(.z), .gone { b: c }
      @media (width > 3px) { .gone {a: b} } @media print { .y { f: "}" } }
      @font-face { font-family: "Font Awesome 6" }"""
    assert without_unused(css, {"x", "y", "e"}).split("\n") == [
        "a{color: red}",
        ".x .y:not(.z){b: c}",
        '@media print{.y{f: "}"}}',
    ]


# ---- search

QUESTIONS = {
    "weight map": "06_weight_map",
    "elastic deformation": "07_elastic_deformation",
    "overlap tile": "08_overlap_tile",
    "initialization": "04_initialization",
    "energy": "05_energy",
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_search_gives_the_chapter_first(tab, site, question):  # noqa: F811
    page, _ = tab
    page.goto(f"{site}/search.html?q={question.replace(' ', '+')}")
    page.wait_for_selector("#search-results li a")
    first = page.get_attribute("#search-results li:first-child a", "href")
    assert first.partition("?")[0].partition("#")[0] == f"book/{QUESTIONS[question]}.html"
    form = page.locator(".bd-search-container .bd-search")
    icon, words = (form.locator(css).bounding_box() for css in (".icon", "input"))
    assert icon["x"] + icon["width"] <= words["x"] + 1  # px


# ---- the glossary


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_word_of_the_glossary_is_linked_once_where_a_chapter_first_uses_it(page):
    article = html(page).partition('<article class="bd-article"')[2]
    links = re.findall(
        r'<a class="term[^"]*" href="glossary\.html#([^"]*)"[^>]*>([^<]*)</a>', article
    )
    assert len(links) >= 5
    assert len({anchor for anchor, _ in links}) == len(links)
    assert {anchor for anchor, _ in links} <= anchors(html("book/glossary"))
    assert not re.search(
        r"<(h\d|figcaption|pre)\b[^>]*>(?:(?!</\1).)*<a class=\"term", article, re.DOTALL
    )


def test_what_a_word_means_is_shown_to_keyboard_and_mouse(tab, site):  # noqa: F811
    page, _ = tab
    page.set_viewport_size({"width": PHONE, "height": 700})
    page.goto(f"{site}/book/06_weight_map.html")
    word = page.locator("a.term").first
    word.focus()
    says = page.locator("#term-says")
    assert says.is_visible() and len(says.inner_text()) > 20
    box = says.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE
    page.keyboard.press("Escape")
    assert says.is_hidden()


# ---- keyboard

FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return [at.className || at.tagName, style.outlineStyle, parseFloat(style.outlineWidth)];
}"""


def test_whoever_walks_by_keyboard_sees_where(tab, site):  # noqa: F811
    page, _ = tab
    page.set_viewport_size({"width": WIDE, "height": 900})
    page.goto(f"{site}/book/06_weight_map.html")
    seen = []
    for _ in range(45):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUS))
    assert [each for each in seen if each[1] == "none" or each[2] < 2] == []
    names = " ".join(name for name, *_ in seen)
    assert (
        "sidebar-toggle" in names and "dropdown-toggle" in names and "theme-switch-button" in names
    )
    page.wait_for_selector("mjx-container", state="attached")
    assert page.locator("mjx-container[tabindex]").count() == 0


# ---- colors

PALE = """() => {
  const light = color => {
    const [r, g, b] = color.map(v => v / 255).map(v =>
      v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parts = color => { const [r, g, b, a = 1] = color.match(/[0-9.]+/g).map(Number);
    return [r, g, b, a]; };
  const over = (color, below) => below.map((v, k) => v * (1 - color[3]) + color[k] * color[3]);
  const ground = e => {
    const above = e.parentElement ? ground(e.parentElement) : [255, 255, 255];
    return over(parts(getComputedStyle(e).backgroundColor), above);
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), pale = [];
  while (words.nextNode()) {
    const e = words.currentNode.parentElement, style = getComputedStyle(e);
    if (!words.currentNode.textContent.trim() || e.closest("script, style, svg, .cell_output")
      || !e.checkVisibility({visibilityProperty: true})) continue;
    const below = ground(e), [a, b] = [over(parts(style.color), below), below].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) {
      pale.push([words.currentNode.textContent.trim().slice(0, 30), ratio]);
    }
  }
  return pale;
}"""


# No color is on its way to another one.
CALM = "() => !document.getAnimations().some(each => each instanceof CSSTransition)"


@pytest.mark.parametrize("page", ["book/index", "book/06_weight_map", "search"])
def test_all_words_can_be_read_in_both_themes(tab, site, page):  # noqa: F811
    tab, _ = tab
    tab.set_viewport_size({"width": WIDE, "height": 900})
    tab.goto(f"{site}/{page}.html")
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_function("s => document.documentElement.dataset.theme === s", arg=scheme)
        tab.wait_for_function(CALM)
        assert tab.evaluate(PALE) == []
    tab.emulate_media(color_scheme="light")


# ---- small things


@pytest.mark.parametrize("page", CHAPTERS)
def test_punctuation_stays_with_its_formula_and_a_fold_has_the_name_that_is_read(page):
    text = html(page)
    formula = r'<span class="math notranslate nohighlight">[^<]*</span>'
    parted = re.sub(rf'<span class="together">\W*{formula}\W*</span>|<li class="toc-.*', "", text)
    assert re.findall(formula + r"[.,;:!?)]", parted) == []
    assert text.count("<summary") > 5 and "Toggle hidden content" not in text


def test_boxes_have_their_icons_and_the_reference_parts_types_from_words(tab, site):  # noqa: F811
    page, _ = tab
    page.goto(f"{site}/book/06_weight_map.html")
    title = page.locator("article div.tip > .admonition-title").first
    icon = title.evaluate("e => getComputedStyle(e, '::after').maskImage")
    assert icon.startswith("url(")
    assert re.search(r"int \u2013\s+Classes", re.sub("<[^>]*>", "", html("book/api")))


# ---- the paper's sentences


def test_the_papers_sentences_stand_in_the_margin_of_a_wide_page(tab, site):  # noqa: F811
    page, _ = tab
    page.goto(f"{site}/book/06_weight_map.html")
    for width, beside in [(WIDE, True), (PHONE, False)]:
        page.set_viewport_size({"width": width, "height": 900})
        quotation = page.locator("blockquote.paper-says").first.bounding_box()
        text = page.locator("article section > p").first.bounding_box()
        assert (quotation["x"] >= text["x"] + text["width"]) == beside
        assert quotation["x"] + quotation["width"] <= width


# Scrolled so that the first quotation's top is at some shares of the window: where the list of
# contents ends then, and where the quotation stands.
BESIDE = """async shares => {
  const list = document.querySelector(".bd-sidebar-secondary");
  const words = document.querySelector("blockquote.paper-says");
  const seen = [];
  for (const share of shares) {
    scrollBy({top: words.getBoundingClientRect().top - share * innerHeight, behavior: "instant"});
    await new Promise(resolve => setTimeout(resolve, 600));  // ms, until the list has folded
    seen.push([list.getBoundingClientRect().bottom, words.getBoundingClientRect().top]);
  }
  return seen;
}"""
JUMPS = """async places => {
  const seen = [];
  for (const place of places) {
    scrollTo({top: place, behavior: "instant"});
    await new Promise(resolve => setTimeout(resolve, 200));  // ms
    const marked = [...document.querySelectorAll(".page-toc a.active")];
    seen.push(marked.map(link => link.textContent).join());
  }
  return seen;
}"""


def test_the_list_of_contents_makes_room_for_a_quotation_and_marks_what_is_read(tab, site):  # noqa: F811
    page, _ = tab
    page.set_viewport_size({"width": WIDE, "height": 900})
    page.goto(f"{site}/book/06_weight_map.html")
    page.evaluate("window.MathJax?.startup?.promise")
    for end, top in page.evaluate(BESIDE, [0.9, 0.7, 0.3]):
        assert end <= top
    first, last, again = page.evaluate(JUMPS, [0, 10**6, 0])
    assert (first, last, again) == ("", "Further reading", "")


# ---- on paper

PRINTED = """() => {
  const seen = css => [...document.querySelectorAll(css)].filter(e => e.checkVisibility());
  const color = css => getComputedStyle(document.querySelector(css)).color;
  const ink = css => color(css).match(/[0-9.]+/g).map(Number);
  return {
    controls: seen("button, input, select, .bd-sidebar-primary, details.hide:not([open])").length,
    titles: seen("h1").length,
    wide: seen("pre").filter(e => e.scrollWidth > e.clientWidth + 1).length,
    inks: ["h1", "h2", "article p", "article pre", "article .highlight pre span"].map(ink),
    paper: getComputedStyle(document.body).backgroundColor,
  };
}"""


def test_a_page_prints_black_on_white_with_nothing_to_press(tab, site):  # noqa: F811
    page, _ = tab
    page.set_viewport_size({"width": 700, "height": 1000})
    page.goto(f"{site}/book/00_before_you_start.html")
    for scheme in ("dark", "light"):
        page.emulate_media(media="screen", color_scheme=scheme)
        page.wait_for_function("s => document.documentElement.dataset.theme === s", arg=scheme)
        page.emulate_media(media="print", color_scheme=scheme)
        seen = page.evaluate(PRINTED)
        assert (seen["controls"], seen["titles"], seen["wide"]) == (0, 1, 0)
        assert seen["paper"] == "rgb(255, 255, 255)"
        assert all(max(color[:3]) < 120 for color in seen["inks"][:4])
    page.emulate_media(media="screen")


def test_pages_print_into_one_pdf_with_links_between_them(tmp_path):
    """In a process of its own, since a browser is running in this one."""
    target = tmp_path / "book.pdf"
    command = [sys.executable, "tools/pdf.py", f"--to={target}", "glossary", "bibliography"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if "no Chromium" in done.stderr:
        without("a browser", "install Debian's chromium, or Chrome")
    assert done.returncode == 0, done.stderr
    document = pypdf.PdfReader(target)
    assert [entry.title for entry in document.outline] == ["Glossary", "Bibliography"]
    notes = [note.get_object() for sheet in document.pages for note in sheet.get("/Annots") or []]
    assert any(note.get("/A", {}).get("/S") == "/GoTo" for note in notes)
    assert "valid convolution" in document.pages[0].extract_text()
