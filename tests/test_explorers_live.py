"""What all live figures promise: dragged by mouse, finger and keys; nothing jumps; all is read."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from conftest import PHONE, without
from test_explorers import contrast
from test_explorers_cells import three_images
from test_explorers_thresholds import recorded

from unet_book.instances import Rule
from unet_book.pages import explorers


def survey_of(pixels):
    falls = [round(0.9**r - 0.02 * (r > 30), 3) for r in range(101)]
    return {"pixels": pixels, "class_correlation": falls, "gray_correlation": falls}


def stripes():
    labels = np.zeros((97, 97), int)
    labels[10:40, 10:40], labels[42:70, 12:44] = 1, 8
    return explorers.nine_vectors(np.random.default_rng(0).random((97, 97)), labels)


def film():
    captions = ["one", "a caption of several words, which on a phone takes two or three lines", "3"]
    return explorers.film(
        "film", [np.full((8, 12), k / 2) for k in range(3)], captions, alt="Gray."
    )


FIGURES = {
    "cells": lambda: explorers.cells(*three_images(), Rule(0.5, 0.6, 3)),
    "film": film,
    "nine_vectors": stripes,
    "one_membrane": explorers.one_membrane,
    "pixel_energy": explorers.pixel_energy,
    "spaced_samples": lambda: explorers.spaced_samples(
        {"a": survey_of(8e6), "b": survey_of(2**18)}
    ),
    "signal": explorers.signal,
    "thresholds": lambda: explorers.thresholds(recorded()),
    "tile_sizes": explorers.tile_sizes,
    "tiling": explorers.tiling,
    "two_cells": explorers.two_cells,
    "valley": explorers.valley,
}
DRAGGED = sorted(set(FIGURES) - {"film", "signal", "tile_sizes"})
LIGHT, DARK = ("rgb(50,50,50)", "#fff"), ("rgb(206,214,221)", "#14181e")
PAGE = """<html><meta name="viewport" content="width=device-width">
<body style="margin: 16px; font: 17.6px/1.6 sans-serif; color: {}; background: {}">
<div style="max-width: 736px; margin: auto">{}<p class="after">What follows.</p></div>
<div style="height: 1500px"></div></body></html>"""


def show(page, name, theme=LIGHT, width=390):
    page.set_viewport_size({"width": width, "height": 700})
    page.set_content(PAGE.format(*theme, FIGURES[name]().data))


def test_all_figures_are_here():
    assert set(FIGURES) == set(explorers.__all__)


# ---- nothing moves


DRIVE = """most => {
  const figure = document.querySelector(".explorer"), jumped = new Set(), strange = new Set();
  const parts = [...figure.querySelectorAll(".control, button, svg, img, .result, .try, table"),
    document.querySelector(".after")];
  const boxes = () => parts.map(part => {
    const box = part.getBoundingClientRect();
    return [box.top + scrollY, box.height].map(v => Math.round(v * 10) / 10).join();
  });
  const start = boxes();
  const look = how => {
    boxes().forEach((box, k) => {
      if (box !== start[k]) jumped.add(`${how}: ${parts[k].outerHTML.slice(0, 40)} ${box}`);
    });
    const odd = figure.innerText.match(/\\S*(\\de[+-]?\\d|NaN|Infinity|undefined|null|-\\d)\\S*/);
    if (odd) strange.add(`${how}: ${odd[0]}`);
  };
  const set = (control, value) => {
    control.value = value;
    control.dispatchEvent(new Event("input", {bubbles: true}));
  };
  const controls = [...figure.querySelectorAll("input, select")];
  const values = control => {
    if (control.tagName === "SELECT") return [...control.options].map(option => option.value);
    const [low, high, step] = [control.min, control.max, control.step].map(Number);
    const count = Math.round((high - low) / step), by = Math.ceil(count / most);
    return [...Array.from({length: Math.ceil(count / by)}, (_, k) => low + k * by * step), high];
  };
  let tried = 0;
  for (const control of controls) {
    const before = control.value;
    for (const value of values(control)) {
      set(control, value);
      look(`${control.name} = ${value}`);
      tried++;
    }
    set(control, before);
  }
  // And all of them together, at the ends of their ranges.
  for (let k = 0; k < Math.min(24, most); k++) {
    controls.forEach((control, i) => {
      const all = values(control), end = (k * (i + 3) + i * 5) % 2;
      set(control, all[end ? all.length - 1 : (k * (i + 1)) % all.length]);
    });
    look(`mix ${k}`);
  }
  for (const button of figure.querySelectorAll("button")) { button.click(); look(button.name); }
  return [[...jumped].slice(0, 4), [...strange].slice(0, 4), tried];
}"""


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", FIGURES)
def test_nothing_moves_and_no_number_is_strange_over_the_whole_range(page, name, width):
    show(page, name, width=width)
    most = {"tile_sizes": 1100, "nine_vectors": 8}.get(name, 24)  # of 26 sliders
    jumped, strange, tried = page.evaluate(DRIVE, most)
    assert jumped == [] and strange == [] and tried > 2


@pytest.mark.parametrize("name", FIGURES)
def test_reset_sets_everything_back(page, name):
    show(page, name)
    state = """() => [...document.querySelectorAll(".explorer :is(input, select)")]
      .map(c => c.value).concat(document.querySelector(".says").textContent)"""
    before = page.evaluate(state)
    page.evaluate(DRIVE, 3)
    page.evaluate(
        "() => { for (const c of document.querySelectorAll('.explorer input')) { c.value = c.max;"
        "c.dispatchEvent(new Event('input', {bubbles: true})); } }"
    )
    assert page.evaluate(state) != before
    page.click("[name=reset]")
    assert page.evaluate(state) == before


# ---- dragged


def knobs(page):
    """Where the knobs are on the screen."""
    boxes = [knob.bounding_box() for knob in page.locator(".grip .knob").all()]
    return [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes]


def sliders(page):
    return page.eval_on_selector_all(".explorer input", "all => all.map(e => e.value)")


WAYS = [(70, 0), (-70, 0), (0, 70), (0, -70)]


def moves(page, number, drag):
    """Whether a knob follows a drag in one of four directions at least; back to the start."""
    for right, down in WAYS:
        (x, y), before = knobs(page)[number], sliders(page)
        drag(x, y, x + right, y + down)
        after, values = knobs(page)[number], sliders(page)
        page.click("[name=reset]")
        if values != before and np.dot((after[0] - x, after[1] - y), (right, down)) > 600:
            return True
    return False


@pytest.mark.parametrize("name", DRAGGED)
def test_every_knob_is_dragged_by_the_mouse(page, name):
    show(page, name, width=1280)
    page.set_viewport_size({"width": 1280, "height": 1400})

    def drag(x, y, to_x, to_y):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move((x + to_x) / 2, (y + to_y) / 2)
        page.mouse.move(to_x, to_y)
        page.mouse.up()

    assert len(knobs(page)) >= 1
    for number in range(len(knobs(page))):
        assert moves(page, number, drag), number


@pytest.fixture(scope="module")
def touch_page(browser):
    """A page on a phone, moved by fingers."""
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    session = context.new_cdp_session(page)

    def drag(x, y, to_x, to_y):
        def send(kind, points):
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        send("touchStart", [{"x": x, "y": y}])
        for share in (0.2, 0.4, 0.6, 0.8, 1):
            at = {"x": x + share * (to_x - x), "y": y + share * (to_y - y)}
            send("touchMove", [at])
            page.wait_for_timeout(16)
        send("touchEnd", [])

    yield page, drag
    context.close()


@pytest.mark.parametrize("name", DRAGGED)
def test_a_finger_drags_a_knob_and_not_the_page(touch_page, name):
    page, drag = touch_page
    page.set_content(PAGE.format(*LIGHT, FIGURES[name]().data))
    page.evaluate("document.querySelector('.explorer svg').scrollIntoView({block: 'center'})")
    start, before = page.evaluate("scrollY"), sliders(page)
    x, y = knobs(page)[0]
    for right, down in WAYS:
        drag(x, y, x + right, y + 2 * down)
        x, y = knobs(page)[0]
        assert page.evaluate("scrollY") == start
        if sliders(page) != before:
            return
    pytest.fail("no drag moved anything")


def test_a_finger_beside_a_knob_scrolls_the_page(touch_page):
    """Which shows that the drags of the test above would have scrolled it."""
    page, drag = touch_page
    page.set_content(PAGE.format(*LIGHT, FIGURES["valley"]().data))
    box = page.locator("svg.valley").bounding_box()
    drag(box["x"] + 300, box["y"] + 200, box["x"] + 300, box["y"] + 40)
    page.wait_for_function("scrollY > 50", timeout=3000)


@pytest.mark.parametrize("name", DRAGGED)
def test_arrow_keys_move_a_knob_and_a_screen_reader_is_told(page, name):
    show(page, name)
    for grip in page.locator(".grip").all():
        assert grip.get_attribute("role") == "slider" and grip.get_attribute("aria-label")
        before, told = sliders(page), {grip.get_attribute("aria-valuetext")}
        grip.focus()
        for there, back in (("Right", "Left"), ("Up", "Down")):
            for key in (there, back, back, there):
                page.keyboard.press(f"Arrow{key}")
                told.add(grip.get_attribute("aria-valuetext"))
        assert len(told) > 1, grip.get_attribute("aria-label")
        page.click("[name=reset]")
        assert sliders(page) == before


# ---- read


TEXTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = css => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const found = [];
  const figure = document.querySelector(".explorer");
  const walker = document.createTreeWalker(figure, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text || element.closest("style, script, option, svg.field, .room")) continue;
    const style = getComputedStyle(element), drawn = element.namespaceURI.endsWith("svg");
    const color = rgba(drawn ? style.fill : style.color);
    if (element.getClientRects().length) found.push([text, color, parseFloat(style.fontSize)]);
  }
  return found;
}"""


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", FIGURES)
def test_all_text_is_large_and_dark_enough(page, name, theme):
    show(page, name, theme)
    paper = np.array([255] * 3 if theme is LIGHT else [0x14, 0x18, 0x1E])
    texts = page.evaluate(TEXTS)
    assert len(texts) > 3
    for text, (*color, alpha), size in texts:
        seen = np.array(color) * alpha / 255 + paper * (1 - alpha / 255)
        assert contrast(seen, paper) >= 4.5, (text, seen)
        assert size >= 11 or text == "\u25b2", (text, size)


@pytest.mark.parametrize("name", FIGURES)
def test_a_finger_finds_every_control(page, name):
    show(page, name)
    for control in page.locator(".explorer :is(button, select, input:not([hidden]))").all():
        assert control.bounding_box()["height"] >= 40
    for knob in page.locator(".grip .area").all():
        assert min(knob.bounding_box()["height"], knob.bounding_box()["width"]) >= 40


def test_sliders_and_choices_have_one_width(page):
    widths = set()
    for name in set(FIGURES) - {"cells"}:  # whose controls stand beside the picture
        show(page, name, width=1280)
        found = page.eval_on_selector_all(
            ".explorer :is(input:not([hidden]), select)",
            "all => all.map(e => Math.round(e.getBoundingClientRect().width))",
        )
        widths |= set(found)
    assert len(widths) == 1


ABOVE_RING = """slider => {
  const ring = ["outlineOffset", "outlineWidth"].map(s => parseFloat(getComputedStyle(slider)[s]));
  const label = slider.parentElement.querySelector("span").getBoundingClientRect();
  return slider.getBoundingClientRect().top - ring[0] - ring[1] - label.bottom;
}"""


def test_what_has_the_focus_is_seen(page):
    show(page, "two_cells")
    page.focus("[name=w0]")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert page.eval_on_selector("[name=w0]", "e => getComputedStyle(e).outlineStyle") == "solid"
    assert page.eval_on_selector("[name=w0]", ABOVE_RING) >= 0  # px: it does not lie on the label
    page.keyboard.press("Shift+Tab")  # to the second cell
    stroke = page.eval_on_selector(
        ".grip:focus-visible .area", "e => getComputedStyle(e).strokeWidth"
    )
    assert stroke == "3px"


def test_on_paper_there_are_no_controls(page):
    show(page, "valley")
    page.emulate_media(media="print")
    try:
        assert not page.is_visible(".controls") and not page.is_visible(".try")
        assert page.locator(".grip").first.bounding_box() is None
        assert page.is_visible("svg.valley") and page.is_visible(".says")
    finally:
        page.emulate_media(media="screen")


def test_the_film_stands_still_for_who_asked_for_less_motion(browser):
    page = browser.new_page(reduced_motion="reduce")
    page.set_content(film().data)
    assert page.inner_text("[name=play]") == "Next"
    page.click("[name=play]")
    page.wait_for_timeout(900)
    assert page.input_value("[name=frame]") == "1" and page.inner_text("[name=play]") == "Next"
    page.close()


def test_what_is_off_the_scale_is_marked_with_its_value(page, move):
    scores = recorded()
    test = scores["folds"][0]["scores"]["one pass"]["test"]["rand_error"]
    test[:4] = [0.9329, 0.1, 0.1, 0.1]
    text = move(explorers.thresholds(scores), measure="rand_error", cut=0)
    assert page.locator("polygon.off").count() == 1
    assert "0.9329" in page.locator("svg text").all_text_contents() and "0.9329 at 0.10" in text
    move(cut=1)
    assert page.locator("polygon.off").count() == 0


def test_a_run_that_runs_away_leaves_the_picture_and_says_when(page, move):
    move(explorers.valley(), momentum=0.9, exponent=0.7)
    assert page.locator(".valley polygon.off").count() == 1
    assert page.locator(".energy polygon.off").count() == 1
    assert "leaves at step" in page.inner_html("svg.valley")
    lowest = page.evaluate(
        "() => Math.max(...[...document.querySelectorAll('.valley path')].map(path => {"
        "const box = path.getBBox(); return box.y + box.height; }))"
    )
    assert lowest <= 280 - 40 + 0.6  # half a pixel below where the axes end
    move(exponent=-1.5)
    assert page.locator("polygon.off").count() == 0


@pytest.mark.parametrize(
    "number, written",
    [
        (0.0316227, "0.0316"),
        (1096.6, "1,100"),
        (1e6, "1.00 × 10⁶"),
        (-2.5, "\u22122.5"),
        (1.234e-10, "1.23 × 10⁻¹⁰"),
        (999999, "1.00 × 10⁶"),
        (0, "0"),
    ],
)
def test_numbers_are_written_as_a_reader_does(page, number, written):
    script = re.search(r"const minus.*?\n}\n", FIGURES["valley"]().data, re.S)[0]
    assert page.evaluate(f"() => {{ {script} return digits({number}); }}") == written


# ---- in the book


ROOT = Path(__file__).parent.parent
CELLS = {
    path.stem: cell
    for path in sorted((ROOT / "book").glob("*.ipynb"))
    for cell in nbformat.read(path, 4).cells
    if cell.cell_type == "code" and re.search(r"\bexplorers\.\w+\(", cell.source)
}


def test_every_live_figure_is_in_the_book():
    shown = {re.search(r"\bexplorers\.(\w+)\(", cell.source)[1] for cell in CELLS.values()}
    names = {cell.metadata["mystnb"]["figure"]["name"] for cell in CELLS.values()}
    assert shown == set(explorers.__all__) and len(names) == len(CELLS)


@pytest.mark.parametrize("chapter", CELLS)
def test_a_live_figure_has_a_number_a_caption_and_a_label_for_its_code(chapter):
    figure = CELLS[chapter].metadata["mystnb"]["figure"]
    assert len(figure["caption"].split()) > 12 and figure["caption"].endswith(".")
    page = ROOT / "_build" / "html" / "book" / f"{chapter}.html"
    if not page.exists():
        without("the built book", "run make book")
    html = page.read_text(encoding="utf-8").partition(f'id="{figure["name"]}"')[2]
    assert html.index('class="explorer"') < html.index("<figcaption>") < html.index("</figure>")
    number = re.search(r'class="caption-number">Fig\. (\d+\.\d+)', html)[1]
    assert re.search(rf"Code for Fig\. {re.escape(number)}\b", html)
