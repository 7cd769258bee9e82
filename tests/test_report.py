"""The report of a training: right numbers, sentences that rest on them, a page that holds."""

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path as Polygon
from scipy import ndimage

from unet_book import instances, metrics, otsu, report, training
from unet_book.datasets import Stack
from unet_book.instances import Choice, Rule
from unet_book.report import charts, pictures, verdict
from unet_book.report.advice import NOTHING, advise
from unet_book.report.evidence import METHODS, NETWORK, OTSU, gather, scores, touching

PLAIN = Choice(Rule(), 0.9, [(Rule(), 0.9), (Rule(0.6), 0.8), (Rule(0.4), 0.7)])
HISTORY = [
    {"step": step, "loss": 1 / step, "error": error}
    for step, error in [(10, 0.2), (20, 0.1), (30, 0.05), (40, 0.05)]
]
NASTY = '" onload="a()" <img src=x onerror=alert(1)>&\'\x1b[31m\udc80</script>'
VOID = {"meta", "input", "br", "img"}


def drawn(shape, *boxes):
    """Labels with a cell in each box (top, bottom, left, right), numbered from 1."""
    labels = np.zeros(shape, np.int32)
    for number, (top, bottom, left, right) in enumerate(boxes, start=1):
        labels[top:bottom, left:right] = number
    return labels


# Two images of different sizes. On the first, cells 1 and 2 touch and are merged, 3 is found
# with an IoU of 0.6, 4 is missed, and a cell is invented; on the second the one cell is split.
FIRST = drawn((40, 50), (2, 10, 2, 10), (2, 10, 10, 18), (20, 30, 5, 15), (20, 30, 30, 40))
SECOND = drawn((24, 30), (4, 14, 4, 24))
APART = np.where(FIRST == 2, 0, FIRST)
FOUND_FIRST = drawn((40, 50), (2, 10, 2, 18), (20, 30, 5, 11), (34, 38, 20, 26))
FOUND_SECOND = drawn((24, 30), (4, 14, 4, 13), (4, 14, 15, 24))


def images_of(labels):
    """Bright cells on a darker ground; a gap of one pixel in a row is as bright as the cells."""
    bright = [ndimage.binary_closing(each > 0, np.ones((1, 3))) | (each > 0) for each in labels]
    return [0.6 * each + 0.2 + np.linspace(0, 0.1, each.shape[1])[None] for each in bright]


def stacked(*labels, names=None):
    return Stack("drawn", [np.float32(image) for image in images_of(labels)], labels, names=names)


def probable(*cells):
    return [np.where(each > 0, 0.9, 0.1).astype(np.float32) for each in cells]


def evidence_of(truth, found, history=HISTORY, choice=PLAIN, **more):
    return gather(history, stacked(*truth), probable(*found), choice, **more)


def written(path, truth=(FIRST, SECOND), found=(FOUND_FIRST, FOUND_SECOND), names=None, **changed):
    """Write a report; gives its verdict, and the page as it was parsed."""
    usual = {
        "history": HISTORY,
        "stack": stacked(*truth, names=names),
        "probabilities": probable(*found),
        "choice": PLAIN,
        "percentiles": (1.0, 99.8),
        "names_of_training": ["a", "b"],
        "seconds": 125.0,
        "preset": training.named("quick"),
        "command": "unet-book train mine",
    }
    said = report.write(path, **usual | changed)
    return said, Page(path.read_text(encoding="utf-8"))


class Page(HTMLParser):
    """A page: its elements, that close in turn, its text, and the rows of its tables."""

    def __init__(self, text):
        super().__init__()
        self.source, self.open, self.elements, self.words, self.rows = text, [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if {"td", "th"} & {*self.open}:
            self.rows[-1][-1] += data

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def attributes(self, name):
        return [each[name] for _, each in self.elements if name in each]


# ---- the numbers


def test_the_table_has_the_right_numbers(tmp_path):
    _, page = written(tmp_path / "report.html", names=["first", "second"])
    rows = {}
    for row in page.rows:
        if len(row) == 12:  # the first of an image
            image = row.pop(0)
        if len(row) == 11 and row[0] in METHODS:
            rows[image, row[0]] = row[1:]
    #                                  cells found missed invented merged split, F1 twice
    assert rows["first", NETWORK][:8] == [*"411120", "0.286", "0.000"]
    assert rows["second", NETWORK][:8] == [*"100001", "0.000", "0.000"]
    assert rows["all 2 images", NETWORK][:8] == [*"511121", "0.200", "0.000"]
    stack = stacked(FIRST, SECOND)
    diameter = 2 * np.sqrt(100 / np.pi)  # of the cells 64, 64, 100, 100 and 200 pixels large
    for method, how in (("Otsu", None), ("Otsu, watershed", diameter)):
        cells = [otsu.find_cells(image, diameter=how) for image in stack.images]
        shown = rows["all 2 images", method]
        mistakes = metrics.cell_mistakes(stack.labels, cells)
        assert [shown[0], *shown[2:6]] == [
            str(mistakes[k])
            for k in (0, 4, 5, 2, 3)  # cells, missed, invented, merged, split
        ]
        assert shown[6] == f"{metrics.f1(stack.labels, cells):.3f}"
        assert shown[7] == f"{metrics.f1(stack.labels, cells, 0.7):.3f}"
        assert shown[8] == f"{metrics.seg(stack.labels, cells):.3f}"


def test_the_verdict_says_what_was_counted(tmp_path):
    said, page = written(tmp_path / "report.html")
    assert said.headline == "It finds 1 of 5 cells"
    assert said.findings[0] == (
        "Of 5 cells on 2 images that the network did not train on, it finds 1 with their outline "
        "(IoU above 0.5), misses 1, and invents 1. The other 3 it sees, but outlines wrongly: "
        "merged, split, or too far off."
    )
    assert (
        said.findings[1] == "It merges 2 of the 2 cells that touch another one and splits 1 cell."
    )
    for sentence in said.findings:
        assert sentence in page.text
    assert len(said.lines) <= len(said.findings) + 3


def test_the_score_of_all_images_is_what_the_rule_was_chosen_by():
    truth, found = [FIRST, SECOND], [FOUND_FIRST, FOUND_SECOND]
    assert scores(truth, found).score == pytest.approx(instances.score(truth, found))


def test_better_equal_and_worse_images_are_counted():
    # Otsu merges all pairs of the first image; the cell of the two others it finds.
    evidence = evidence_of([PAIRS[0], SECOND, SECOND], [PAIRS[0], SECOND, FOUND_SECOND])
    assert verdict.beaten(evidence, OTSU) == (1, 1, 1)
    said = verdict.judge(evidence).findings[2]
    assert said.startswith("It is better than Otsu's threshold on 1 of 3 images (as good on 1)")


def test_otsu_is_told_where_cells_are_dark():
    stack = stacked(FIRST, SECOND)
    inverted = Stack("dark", [1 - stack.images[0], stack.images[1]], stack.labels)
    bright, dark = (
        gather(HISTORY, each, probable(FIRST, SECOND), PLAIN).totals for each in (stack, inverted)
    )
    assert bright[OTSU] == dark[OTSU] and bright[OTSU].matches.found == 3


@given(arrays(np.int32, (6, 7), elements=st.integers(-1, 3)))
def test_touching_cells_are_those_with_a_neighbor(labels):
    expected = set()
    for (i, j), number in np.ndenumerate(labels):
        around = labels[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        if number > 0 and ((around > 0) & (around != number)).any():
            expected.add(number)
    assert {*touching(labels)} == expected


# ---- images as nobody wishes them


def test_all_missed(tmp_path):
    said, page = written(tmp_path / "report.html", found=(0 * FIRST, 0 * SECOND))
    assert said.headline == "It finds none of the 5 cells"
    assert said.findings[0].endswith(
        "it finds 0 with their outline (IoU above 0.5), misses 5, and invents 0."
    )
    assert "nothing is found, so something is wrong" in said.advice[0]
    assert page.source.count("<title>missed</title>") == 5


def test_no_true_cell_in_an_image_and_none_at_all(tmp_path):
    said, page = written(tmp_path / "a.html", truth=(APART, 0 * SECOND), found=(APART, SECOND))
    assert said.headline == "It finds all 3 cells" and "invents 1" in said.findings[0]
    assert "No cell annotated, 1 invented" in page.text
    row = next(row for row in page.rows if row[0] == "001")
    assert row[2:6] == ["0", "0", "0", "1"] and row[8:11] == ["0.000", "0.000", "–"]
    said, page = written(tmp_path / "b.html", truth=(0 * FIRST,), found=(0 * FIRST,))
    assert said.headline == "No cell to find, and so no verdict"
    assert "There is no cell on the 1 image" in said.findings[0]


def test_one_image(tmp_path):
    said, page = written(tmp_path / "a.html", truth=(SECOND,), found=(SECOND,))
    assert said.headline == "It finds the one cell"
    assert said.advice[0].startswith("hold out more images before you trust this: 1 cell on 1")
    assert "all 1 image" in [row[0] for row in page.rows]


def test_what_is_not_annotated_counts_for_nothing_and_is_hatched(tmp_path):
    truth = FIRST.copy()
    truth[32:] = -1  # where the invented cell lies
    unknown = np.full((20, 20), -1, np.int32)
    found = (FOUND_FIRST, drawn((20, 20), (5, 15, 5, 15)))
    said, page = written(tmp_path / "a.html", truth=(truth, unknown), found=found)
    assert "Of 4 cells on 1 image" in said.findings[0] and "invents 0" in said.findings[0]
    assert ["001", "not annotated"] in page.rows
    assert page.source.count('class="unknown"') == 4  # annotated and found, of both
    assert page.source.count('<g class="unjudged">') == 2
    with pytest.raises(ValueError, match="no annotated pixel"):
        written(tmp_path / "b.html", truth=(unknown,), found=(0 * unknown,))


def test_a_cross_validation_is_told_from_images_held_out(tmp_path):
    history = [entry | {"error": None} for entry in HISTORY]
    more = {"history": history, "names": ["a", "b"], "names_of_training": ["a", "b", "c"]}
    said, page = written(tmp_path / "a.html", **more)
    assert "on 2 images, each seen by a network that did not train on it, it finds" in said.lines[0]
    assert "Held out in turn, 2 images" in page.text


def test_without_a_choice_the_rule_is_the_plain_one(tmp_path):
    _, page = written(tmp_path / "a.html", truth=(0 * FIRST,), found=(0 * FIRST,), choice=None)
    assert "Cells are what is above 0.5. Without a true cell there was nothing" in page.text


def test_answers_and_images_are_as_many(tmp_path):
    with pytest.raises(ValueError, match="2 held-out images and 1 answers"):
        written(tmp_path / "a.html", probabilities=probable(FIRST))


@pytest.mark.parametrize("history", [[], HISTORY[:1], [{"step": 5, "loss": 0.0, "error": None}]])
def test_a_short_history(tmp_path, history):
    _, page = written(tmp_path / "a.html", history=history)
    charts_drawn = [a for tag, a in page.elements if a.get("class") == "chart"]
    assert len(charts_drawn) == 1 + len(history) + sum(e["error"] is not None for e in history)
    assert "nan" not in page.source and "inf" not in re.sub(r"[a-z]inf|info", "", page.source)


# ---- the page


def test_untrusted_names_stay_text(tmp_path):
    said, page = written(
        tmp_path / "a.html",
        names=[NASTY, "b"],
        command=NASTY,
        found=(0 * FIRST, SECOND),
        names_of_training=[NASTY],
    )
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "iframe", "link", "object"}
    assert not any(name.startswith("on") for _, each in page.elements for name in each)
    shown = '" onload="a()" <img src=x onerror=alert(1)>&\'?[31m?</script>'
    assert page.text.count(shown) >= 4  # a heading, the table, held out, trained on, the command
    assert all(line.isprintable() for line in said.lines)


def test_the_page_asks_nothing_of_a_network(tmp_path):
    _, page = written(tmp_path / "a.html")
    links = page.attributes("href") + page.attributes("src")
    assert links and all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    style = page.source.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style and "@import" not in style and "//" not in style
    assert not re.search(r"https?:", page.source)
    (policy,) = [a["content"] for _, a in page.elements if "http-equiv" in a]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_the_page_speaks_to_those_who_do_not_see_it(tmp_path):
    _, page = written(tmp_path / "a.html")
    pictures_shown = [a for tag, a in page.elements if tag == "svg" and "aria-hidden" not in a]
    assert len(pictures_shown) == 6 + 3  # two images, and three charts
    assert all(a["role"] == "img" and len(a["aria-label"].split()) > 3 for a in pictures_shown)
    assert all("scope" in a for tag, a in page.elements if tag == "th")
    ids = page.attributes("id")
    assert len(ids) == len({*ids}) and {*page.attributes("for")} <= {*ids}
    assert {"#" + name for name in ids} >= {*page.attributes("href")} - {
        link for link in page.attributes("href") if link.startswith("data:")
    }
    assert dict(page.elements)["html"] == {"lang": "en"}


def contrast(one, other):
    """Of two colors, as WCAG 2 defines it."""
    light = []
    for color in (one, other):
        parts = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        light.append(linear @ [0.2126, 0.7152, 0.0722] + 0.05)
    return max(light) / min(light)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read(tmp_path, scheme):
    _, page = written(tmp_path / "a.html")
    colors = dict(re.findall(r"--(\w+): (#\w{6})", page.source.split(":root {")[1 + scheme]))
    for ink in ("ink", "soft", "main", "other", "accent"):
        for ground in ("paper", "wash"):
            assert contrast(colors[ink], colors[ground]) >= 4.5, (ink, ground)


def test_a_reader_can_switch_off_and_enlarge(tmp_path, page):
    written(tmp_path / "a.html", names=["a long name without a blank".replace(" ", "_") * 9, "b"])
    page.goto((tmp_path / "a.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # on a phone
    page.set_viewport_size({"width": 1280, "height": 800})
    mark = page.locator(".panel .mark.missed")
    assert mark.is_visible()
    page.locator("#show-missed").uncheck()
    assert not mark.is_visible() and page.locator(".panel .mark.invented").is_visible()
    panel = page.locator("article .panel").first
    before = panel.bounding_box()["width"]
    panel.click()
    assert panel.bounding_box()["width"] > 2 * before


def test_the_same_training_has_the_same_report(tmp_path):
    written(tmp_path / "a.html")
    first = (tmp_path / "a.html").read_bytes()
    written(tmp_path / "a.html")  # an older report is replaced
    assert (tmp_path / "a.html").read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_not_ours_is_not_replaced(tmp_path, kind):
    path = tmp_path / "report.html"
    if kind == "file":
        path.write_text("<!DOCTYPE html>my own report of a training")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match="is not a report of this program"):
        report.check(path)
    with pytest.raises(FileExistsError):
        written(path)
    assert kind != "file" or path.read_text().endswith("my own report of a training")


def test_a_place_is_checked_without_torch():
    code = (
        "import sys; from unet_book.report import check; check('x'); print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "False\n", run.stderr


# ---- pictures


def inside(path, shape):
    """The pixels whose centers lie within a path of `_path`, by even and odd."""
    rows, columns = np.indices(shape)
    centers = np.stack([2 * columns + 1, 2 * rows + 1], axis=-1).reshape(-1, 2)
    covered = np.zeros(len(centers), bool)
    for part in re.findall(r"M([^Mz]*)z", path):
        start, moves = part.split("l")
        numbers = [int(n) for n in re.findall(r"-?\d+", moves)]
        steps = np.array(numbers).reshape(-1, 2)
        corners = np.vstack([np.array(start.split(), int), steps]).cumsum(axis=0)
        covered ^= Polygon(np.vstack([corners, corners[:1]])).contains_points(centers)
    return covered.reshape(shape)


@given(arrays(bool, (6, 7)))
def test_an_outline_holds_the_pixels_of_its_cell_and_no_others(mask):
    assert (inside(pictures._path(mask, 0, 0), mask.shape) == mask).all()


def test_an_outline_lies_where_its_cell_does():
    labels = drawn((20, 20), (3, 9, 5, 12))
    assert inside(pictures._outlines(labels, {1: "found"}), (20, 20)).sum() == 0  # shadow and line
    (mask, top, left) = pictures._masks(labels, {1})[1]
    assert (inside(pictures._path(mask, top, left), (20, 20)) == (labels == 1)).all()


def test_each_cell_is_drawn_as_what_became_of_it():
    truth = [[1, 1, 2, 2, 0, 3, 3, 0, 4, 4, 0, 5, 5, 0, 0, 6, 6, 6]]
    found = [[9, 9, 9, 9, 0, 7, 8, 0, 0, 0, 0, 6, 6, 0, 5, 0, 0, 4]]
    true, predicted = pictures._kinds(metrics.cell_outcomes(truth, found))
    assert [true[n] for n in (1, 2, 3, 4, 5, 6)] == [
        *("merged", "merged", "split", "missed", "found", "missed")
    ]
    assert predicted == {
        **{4: "rough", 5: "invented", 6: "found", 7: "split", 8: "split", 9: "merged"}
    }
    assert pictures._kinds(metrics.cell_outcomes([[1, 1, 1, 1]], [[2, 2, 0, 0]])) == (
        {1: "rough"},
        {2: "rough"},
    )


def test_every_mistake_has_its_mark_inside_the_picture(tmp_path):
    _, page = written(tmp_path / "a.html")
    marks = re.findall(
        r'<g class="mark (\w+)" transform="translate\(([\d.]+) ([\d.]+)\)[^>]*><title>', page.source
    )
    assert sorted(kind for kind, *_ in marks) == ["invented", "merged", "missed", "split"]
    places = {kind: (float(x), float(y)) for kind, x, y in marks}
    row, column = (int(at // 2) for at in reversed(places["missed"]))
    assert FIRST[row, column] == 4
    row, column = (int(at // 2) for at in reversed(places["invented"]))
    assert FOUND_FIRST[row, column] == 3


def test_the_worst_the_best_and_the_middle_come_first_of_many():
    # The cell loses a column of pixels from one image to the next, so its SEG falls.
    found = [drawn((24, 30), (4, 14, 4, 24 - k)) for k in range(9)]
    images = evidence_of([SECOND] * 9, found).images
    shown = pictures.picked(images, most=5)
    assert [rank for _, rank in shown] == ["worst", "best", "median", "", ""]
    assert [held.name for held, _ in shown][:3] == ["008", "000", "004"]
    assert len({held.name for held, _ in shown}) == 5
    everyone = pictures.picked(images)
    assert [held.name for held, _ in everyone] == [f"{k:03}" for k in range(9)][::-1]


def test_a_large_image_is_stored_small(tmp_path):
    noise = np.random.default_rng(0).random((900, 1200), np.float32)
    stored = pictures._png(noise)
    assert len(stored) < 5e6 / 12
    labels = drawn((900, 1200), (0, 900, 0, 600))
    small = pictures._smaller(labels)
    assert small.shape == (420, 560) and (small[:, :280] == 1).all() and not small[:, 280:].any()


# ---- charts


def test_a_chart_has_round_numbers_around_its_lines():
    line = charts.Line("network", [100, 200, 300], [0.2, 0.05, 0.03])
    drawn_chart = charts.chart([line], "step", "wrong", "it falls", percent=True)
    numbers = re.findall(r">([^<]+)</text>", drawn_chart)
    assert numbers[:4] == ["2%", "5%", "10%", "20%"] and numbers[-3:] == [
        "step",
        "network",
        "wrong",
    ]
    assert re.findall(r"text-anchor=\"middle\">([\d,]+)<", drawn_chart) == [
        "100",
        "150",
        "200",
        "250",
        "300",
    ]


def test_names_do_not_lie_on_each_other():
    lines = [charts.Line(name, [0, 1], [0, 1]) for name in "abc"]
    heights = re.findall(
        r'class="name main" x="[^"]*" y="([^"]*)"', charts.chart(lines, "x", "y", "")
    )
    assert np.diff([float(height) for height in heights]).min() >= charts.APART


def test_the_choice_is_drawn_with_its_yardstick():
    rules = [(Rule(t, core), 0.9 - t + (core or 0) / 9) for t in (0.2, 0.5) for core in (None, 0.6)]
    chosen = Rule(0.2, 0.6, smallest=9)
    picture = charts.threshold_chart(Choice(chosen, 0.8, [*rules, (chosen, 0.8)]))
    assert re.findall(r'<text class="name[^>]*>([^<]*)', picture) == [
        *("chosen", "cores above 0.6", "plain parts")
    ]
    assert picture.count('<circle class="chosen"') == 1


def test_a_choice_of_waists_is_drawn_as_such():
    rules = [(Rule(t, waist=w), 0.9 - t + (w or 0) / 9) for t in (0.2, 0.5) for w in (None, 1.0)]
    chosen = Rule(0.2, waist=1.0, smallest=9)
    picture = charts.threshold_chart(Choice(chosen, 0.8, [*rules, (chosen, 0.8)]))
    assert sorted(re.findall(r'<text class="name[^>]*>([^<]*)', picture)) == [
        *("chosen", "cut where 1 px narrower", "plain parts")
    ]


# ---- what to try next


def grid(count, size=6, apart=12):
    """An image with that many cells in a row, which do not touch."""
    boxes = [(4, 4 + size, apart * k + 4, apart * k + 4 + size) for k in range(count)]
    return drawn((size + 8, apart * count + 8), *boxes)


MANY = [grid(20)] * 4  # 80 cells on 4 images
EVENLY = [{"step": k, "loss": 1.0, "error": 0.02} for k in range(1, 10)]


def advice_on(truth, found, **more):
    more = {"history": EVENLY} | more
    return advise(evidence_of(truth, found, **more))


def without(labels, *numbers):
    return np.where(np.isin(labels, numbers), 0, labels)


def close_pairs():
    """Ten pairs of cells a pixel apart, which Otsu merges."""
    boxes = [(4, 10, left + at, left + at + 6) for left in range(4, 200, 20) for at in (0, 7)]
    return drawn((14, 210), *boxes)


PAIRS = [close_pairs()] * 4


def test_nothing_to_say_of_a_network_that_is_right_where_otsu_is_not():
    assert advice_on(PAIRS, PAIRS) == [NOTHING]


def test_where_otsu_is_as_good_or_better():
    (said, *_) = advice_on(MANY, MANY)
    assert said.startswith("Otsu's threshold alone does as well (1.00, the network 1.00)")
    (said, *_) = advice_on(MANY, [without(MANY[0], 1, 2, 3)] * 4)
    assert said.startswith("Otsu's threshold alone does better (1.00, the network 0.")


def test_too_few_to_say():
    assert "20 cells on 4 images" in advice_on([grid(5)] * 4, [grid(5)] * 4)[0]
    assert "80 cells on 2 images" in advice_on([grid(40)] * 2, [grid(40)] * 2)[0]


@pytest.mark.parametrize(
    "errors, words",
    [
        ([0.2, 0.1, 0.08, 0.07, 0.06, 0.05], "in the last third from 7.00% to 5.00%"),
        ([0.2, 0.1, 0.05, 0.05, 0.05, 0.05], None),
        ([0.01, 0.1, 0.05, 0.03, 0.04, 0.05], "lowest at step 4 (3.00%) and has risen to 5.00%"),
        ([0.01, 0.1, 0.05, 0.05, 0.05, 0.05], None),  # the first steps jump
        ([0.1, 0.05, 0.01], None),  # too short to say
    ],
)
def test_what_the_curve_says(errors, words):
    history = [{"step": k, "loss": 1.0, "error": e} for k, e in enumerate(errors, start=1)]
    (said,) = advice_on(PAIRS, PAIRS, history=history)
    assert said == NOTHING if words is None else words in said


def test_what_was_learned_by_heart():
    found = [without(each, 1) for each in PAIRS]
    now = metrics.pixel_error(PAIRS[0] > 0, found[0] > 0)  # 36 of 14 x 210 pixels: 1.2 %
    for known, told in ((0.5 * now, True), (0.8 * now, False)):
        said = " ".join(advice_on(PAIRS, found, training_error=known))
        assert (f"annotate more images: {now:.1%} of the held-out" in said) == told
    falling = [{"step": k, "loss": 1.0, "error": 1 / k} for k in range(1, 9)]
    said = " ".join(advice_on(PAIRS, found, training_error=0.5 * now, history=falling))
    assert "train for more minutes" in said and "annotate more images" not in said


def test_an_image_far_below_the_others_is_named():
    found = [PAIRS[0]] * 3 + [0 * PAIRS[0]]
    assert any(
        said.startswith("look at 003 first: it scores 0.00") for said in advice_on(PAIRS, found)
    )


def with_small_ones():
    labels = close_pairs()
    labels[11:13, 200:202] = 21
    labels[1:3, 100:102] = 22
    return labels


def test_small_faint_and_cut_cells_among_the_missed():
    truth = [with_small_ones()] * 4
    found = [without(each, 21, 22) for each in truth]
    said = " ".join(advice_on(truth, found))
    assert "8 of the 8 missed cells are less than half as large as a typical one (36 px)" in said
    rule = replace(PLAIN, rule=Rule(smallest=10))
    said = " ".join(advice_on(truth, found, choice=rule))
    assert "8 of the 8 missed cells are smaller than 10 px" in said and "typical" not in said
    cut = [np.roll(each, -5, axis=1) for each in PAIRS]  # the first cell reaches the edge
    missed = [without(each, 1) for each in cut]
    assert "4 of the 4 missed cells are cut by the edge" in " ".join(advice_on(cut, missed))


def test_faint_cells_among_the_missed():
    stack = stacked(*PAIRS)
    dim = [image.copy() for image in stack.images]
    for image, labels in zip(dim, stack.labels):
        image[np.isin(labels, (1, 2))] = 0.3
    found = probable(*[without(each, 1, 2) for each in PAIRS])
    evidence = gather(EVENLY, Stack("dim", dim, stack.labels), found, PLAIN)
    assert any("8 of the 8 missed cells are faint" in s for s in advise(evidence))


def test_mergers_pieces_inventions_and_rough_outlines():
    merged = [ndimage.binary_closing(each > 0, np.ones((1, 3))) for each in PAIRS]
    assert any("80 of 80 cells are merged" in said for said in advice_on(PAIRS, merged))
    pieces = [each.copy() for each in MANY]
    for each in pieces:
        each[:, 6::12] = 0  # a line through every cell
    assert any("80 of 80 cells are split" in said for said in advice_on(MANY, pieces))
    more = [each.copy() for each in PAIRS]
    for each in more:
        each[12:14, ::10] = np.arange(21, 21 + len(each[0, ::10]))
    assert any("cells it finds are invented" in said for said in advice_on(PAIRS, more))
    thin = [np.where(np.roll(each, 2, axis=0) == each, each, 0) for each in PAIRS]  # IoU of 2 / 3
    assert any(
        "of 80 cells found at an IoU of 0.5 only 0 are at 0.7" in s for s in advice_on(PAIRS, thin)
    )


@pytest.mark.parametrize("threshold, words", [(0.4, "the lowest"), (0.6, "the highest"), (0.5, "")])
def test_a_threshold_at_the_edge_of_what_was_tried(threshold, words):
    (said,) = advice_on(PAIRS, PAIRS, choice=replace(PLAIN, rule=Rule(threshold)))
    assert said == NOTHING if not words else f"{threshold}, is {words} that was tried" in said


@given(st.floats(1e-6, 1), st.floats(1e-6, 1))
def test_ticks_in_powers_lie_around_what_is_drawn(one_end, other_end):
    """A network that has learned nothing may have 70 % wrong, between ticks at 50 and at 100."""
    low, high = sorted((one_end, other_end))
    ticks = charts._log_ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and ticks == sorted(ticks)
    assert all(f"{tick:.0e}"[0] in "125" for tick in ticks)
