"""The figure of threshold, core level and smallest size, held against the package's own cells."""

import itertools
import json

import numpy as np
import pytest

from unet_book import metrics
from unet_book.datasets import Stack
from unet_book.instances import Rule, find_cells, score
from unet_book.pages import explorers
from unet_book.pages.explorers.cells import CORES, THRESHOLDS, WAISTS

LEVELS = [*sorted(THRESHOLDS)]
CORE_LEVELS = [None, *sorted(CORES)]
COUNTS = ("cells", "predicted", "merged", "split", "missed", "invented")


def drawn(shape, seed, levels):
    """A map of few levels, so that most pixels have equals: discs, some with holes or two tops."""
    rng, (height, width) = np.random.default_rng(seed), shape
    rows, columns = np.mgrid[:height, :width]
    truth, answer = np.zeros(shape, np.int32), np.zeros(shape)
    for number in range(1, 13):
        r, c, radius = rng.integers(0, height), rng.integers(0, width), rng.integers(3, 9)
        far = np.hypot(rows - r, columns - c)
        truth[far <= radius] = 2 * number  # with gaps in the numbering
        hill = np.clip(1.2 - far / radius / rng.uniform(1, 1.6), 0, 1)
        hill[far < rng.integers(0, 4)] *= rng.choice([0, 0.5, 1])
        answer = np.maximum(answer, hill)
    answer = np.clip(answer + rng.normal(0, 0.12, shape), 0, 1)
    truth[rng.random(shape) < 0.02] = -1
    return truth, np.round(answer * levels) / levels


def three_images():
    """Three images of different sizes and their maps; the levels are bytes, as in the figure."""
    parts = [drawn((41, 56), 0, 5), drawn((33, 29), 1, 17), drawn((48, 48), 2, 255)]
    truth, answers = zip(*parts)
    return Stack("drawn", list(answers), list(truth)), list(answers)


@pytest.fixture(scope="module")
def drawings():
    return three_images()


def settings(images, thresholds, cores, sizes):
    for image, threshold, core, smallest in itertools.product(images, thresholds, cores, sizes):
        levels = {"threshold": LEVELS.index(threshold), "core": CORE_LEVELS.index(core)}
        yield {"image": image, **levels, "smallest": smallest}


def rule_of(setting, grow):
    threshold, core = LEVELS[setting["threshold"]], CORE_LEVELS[setting["core"]]
    core = core and max(core, threshold)  # the figure can't refuse a lower one
    return Rule(threshold, core, setting["smallest"], grow)


def kinds(truth, cells):
    """What became of each found cell; a merger goes before a piece, a piece before the rest."""
    outcomes = metrics.cell_outcomes(truth, cells)
    found = np.isin(outcomes.predicted_ids, outcomes.partner)
    which = [outcomes.joins, outcomes.piece, outcomes.invented, found]
    names = np.select(which, ["merged", "split", "invented", "found"], "rough")
    of_each = np.full(cells.max(), "rough", object)  # a cell may lie where nobody annotated
    of_each[outcomes.predicted_ids - 1] = names
    return of_each.tolist()


def expected(stack, answers, image, rule):
    """What the package says: counts, F1, sizes and kinds of an image's cells, and score of all."""
    cells = [find_cells(answer, rule) for answer in answers]
    pair = stack.labels[image], cells[image]
    counts = metrics.cell_mistakes(*pair)._asdict()
    sizes = np.bincount(cells[image].ravel())[1:].tolist()
    return counts, metrics.f1(*pair), score(stack.labels, cells), sizes, kinds(*pair)


def test_it_cuts_waists_where_the_package_does(move, drawings):
    stack, answers = drawings
    waist = 0.625  # between the slider's steps
    move(explorers.cells(stack, answers, Rule(0.4, waist=waist)))
    tried = [
        {"image": image, "threshold": LEVELS.index(threshold), "waist": at, "smallest": 4}
        for image, threshold, at in itertools.product((0, 1, 2), (0.2, 0.4, 0.5), (0, 1, 2, 3, 5))
    ]
    cut = set()
    for setting, figure in zip(tried, move.each(tried)):
        level = sorted(WAISTS | {waist})[setting["waist"] - 1] if setting["waist"] else None
        rule = Rule(LEVELS[setting["threshold"]], None, 4, waist=level)
        told = json.loads(figure["told"])
        counts, share, total, *each = expected(stack, answers, setting["image"], rule)
        assert [told["sizes"], told["kinds"]] == each, rule
        assert {name: told[name] for name in COUNTS} == counts
        assert told["score"] == pytest.approx(total, abs=1e-12)
        cut.add(counts["predicted"])
    assert len(cut) > 5


def test_cores_and_waists_exclude_each_other(move, page, drawings):
    move(explorers.cells(*drawings, Rule(0.5, waist=0.5)), core=4)
    shown = page.locator(".control output")
    assert shown.all_inner_texts() == ["0.50", "0.65", "off", "0 px"]
    move(waist=3)
    assert shown.all_inner_texts() == ["0.50", "off", "0.75 px", "0 px"]
    page.click("[name=best]")
    assert shown.all_inner_texts() == ["0.50", "off", "0.5 px", "0 px"]
    assert "cut at waists of 0.5 px, has" in page.inner_text(".says")


@pytest.mark.parametrize("grow", [0, 2])
def test_it_finds_the_cells_that_the_package_finds(move, drawings, grow):
    stack, answers = drawings
    move(explorers.cells(stack, answers, Rule(0.4, 0.8, 9, grow)))
    tried = [
        *settings((0, 1, 2), (0.2, 0.4, 0.55, 0.8), (None, 0.5, 0.8, 0.95), (0, 9)),
        *settings((0,), (0.2, 0.6), CORE_LEVELS, (1, 20)),
    ]
    merged = split = 0
    for setting, figure in zip(tried, move.each(tried)):
        rule, told = rule_of(setting, grow), json.loads(figure["told"])
        counts, share, total, *each = expected(stack, answers, setting["image"], rule)
        assert {name: told[name] for name in COUNTS} == counts, (setting, rule)
        assert [told["sizes"], told["kinds"]] == each, (setting, rule)
        assert [told["f1"], told["score"]] == pytest.approx([share, total], abs=1e-12)
        merged, split = merged + counts["merged"], split + counts["split"]
    assert merged > 20 and split > 20  # else little was compared


def test_a_watershed_of_equals_takes_the_one_that_waits_longest(move):
    """Two cores at the ends of a plateau meet in the middle; the upper one moves first."""
    answer = np.full((1, 8), 0.6)
    answer[0, [0, -1]] = 1
    stack = Stack("plateau", answer[None], np.array([[[1, 1, 1, 1, 2, 2, 2, 2]]]))
    move(explorers.cells(stack, [answer], Rule(0.5, 0.9)))
    (figure,) = move.each([{"threshold": LEVELS.index(0.5), "core": CORE_LEVELS.index(0.9)}])
    assert json.loads(figure["told"])["sizes"] == [4, 4]


def test_it_says_what_it_found(move, drawings):
    stack, answers = drawings
    text = move(explorers.cells(stack, answers, Rule(0.6, 0.9, 9, 1)))
    counts, share, total, *_ = expected(stack, answers, 0, Rule(0.5, grow=1))
    assert text.startswith(f"{counts['predicted']} cells for {counts['cells']} true ones: ")
    assert f"{counts['merged']} merged, {counts['split']} split" in text
    assert f"F1 {share:.3f}.\nAll 3 images: F1 " in text and f"score {total:.3f}; the best" in text
    assert "above 0.6, cores above 0.9, at least 9 px, grown by 1 px, has " in text


def test_the_button_goes_to_the_best_rule(move, page, drawings):
    stack, answers = drawings
    best = Rule(0.35, 0.92, 13)
    move(explorers.cells(stack, answers, best), image=2)
    page.focus("[name=best]")
    page.keyboard.press("Enter")
    total = score(stack.labels, [find_cells(answer, best) for answer in answers])
    assert f"score {total:.3f}; the best by score, above 0.35" in page.inner_text(".says")
    shown = page.locator(".control output").all_inner_texts()
    assert shown == ["0.35", "0.92", "off", "13 px"]


def test_keys_move_it_and_a_screen_reader_hears_levels(move, page, drawings):
    move(explorers.cells(*drawings, Rule()))
    page.focus("[name=threshold]")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("[name=threshold]", "aria-valuetext") == "0.55"
    page.focus("[name=core]")
    assert page.get_attribute("[name=core]", "aria-valuetext") == "off"
    page.keyboard.press("End")
    assert page.get_attribute("[name=core]", "aria-valuetext") == "0.99"
    assert "outline" in page.get_attribute("svg.field", "aria-label")


def test_the_mark_stands_below_the_thumb_of_the_best(move, page, drawings):
    move(explorers.cells(*drawings, Rule(0.8, 0.9, 5)))
    page.click("[name=best]")
    for key in ("threshold", "core", "waist", "smallest"):
        place = page.locator(f"[name={key}]")
        share = place.evaluate("e => (e.value - e.min) / (e.max - e.min)")
        mark = page.locator(".control", has=place).locator("b").bounding_box()
        track = place.bounding_box()
        thumb = track["x"] + 10 + share * (track["width"] - 20)
        assert mark["x"] + mark["width"] / 2 == pytest.approx(thumb, abs=1)


def test_without_a_script_the_best_rules_cells_are_a_picture(page, drawings):
    figure = explorers.cells(*drawings, Rule())
    page.set_content(figure.data.partition("<script>")[0] + "</div>")
    assert page.is_visible("img.still") and "true cells" in page.get_attribute("img.still", "alt")
    assert page.evaluate("document.querySelector('img.still').naturalWidth") == 56


@pytest.mark.parametrize("width", [320, 390, 900])
def test_it_fits_the_page(page, move, drawings, width):
    page.set_viewport_size({"width": width, "height": 900})
    move(explorers.cells(*drawings, Rule()))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    parts = [page.locator(css).bounding_box() for css in ("svg.field", ".controls", ".result")]
    assert parts[0]["height"] > 200
    lowest = max(part["y"] + part["height"] for part in parts)
    assert lowest - parts[0]["y"] < 796  # px: all of it stands in a window
    assert page.locator("img.still").count() == 0
    move(under="answer")
    assert page.get_attribute("svg.field image", "href").startswith("data:image/png")


def test_maps_that_are_none_are_refused(drawings):
    stack, answers = drawings
    with pytest.raises(ValueError, match="a map of its size"):
        explorers.cells(stack, answers[:2], Rule())
    with pytest.raises(ValueError, match="from 0 to 1"):
        explorers.cells(stack, [2 * answer for answer in answers], Rule())
