"""The claim ledger: every check is there and is run, and every verdict follows from its numbers."""

import inspect
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from unet_book.pages import claims, results
from unet_book.pages.claims import CLAIMS, DIFFERS, PARTS, REPRODUCED, UNTESTABLE, Claim, measures
from unet_book.pages.claims.checks import missing
from unet_book.pages.claims.page import CHAPTERS, KINDS

ROOT = Path(__file__).parent.parent
RAND = ("rand", "pixel")  # the errors with four digits


@pytest.fixture(scope="module")
def findings():
    return claims.ledger(CLAIMS)


# ---- the checks are there, and they are run


def test_every_check_is_there_and_is_run():
    assert list(claims.load(root=ROOT)) == list(PARTS)


TESTS = """\
import pytest
def test_kept(): pass
def helper(): pass
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.skipif(True, reason="")
def test_skipped_somewhere(): pass
def test_gives_up(): pytest.skip("today")
"""


@pytest.fixture
def project(tmp_path):
    """A project with four tests and three cells."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(TESTS)
    cell = {"id": "run", "source": "1", "metadata": {}, "execution_count": 1}
    cells = [
        cell,
        cell | {"id": "never-run", "execution_count": None},
        cell | {"id": "ignored", "source": "# NBVAL_IGNORE_OUTPUT"},
    ]
    (tmp_path / "page.ipynb").write_text(json.dumps({"cells": cells}))
    return tmp_path


@pytest.mark.parametrize("check", ["tests/test_it.py::test_kept", "page.ipynb#run", "page.ipynb"])
def test_a_check_that_is_there_is_found(project, check):
    assert missing(check, project) == ""


@pytest.mark.parametrize(
    "check, words",
    [
        ("tests/test_it.py::test_gone", "has no"),
        ("tests/gone.py::test_kept", "not there"),
        ("tests/test_it.py::test_skipped", "not always"),
        ("page.ipynb#gone", "no cell"),
        ("tests/test_it.py::test_skipped_somewhere", "not always"),
        ("page.ipynb#ignored", "not run"),
        ("tests/test_it.py::test_gives_up", "not always"),
        ("page.ipynb#never-run", "not run"),
        ("gone.ipynb#run", "not there"),
        ("data/gone.json", "not there"),
    ],
)
def test_a_check_that_proves_nothing_is_named(project, check, words):
    assert words in missing(check, project)


def test_a_file_that_is_skipped_as_a_whole_proves_nothing(project):
    file = project / "tests" / "test_never.py"
    file.write_text("import pytest\npytestmark = pytest.mark.skip\ndef test_it(): pass\n")
    assert "not always" in missing("tests/test_never.py::test_it", project)


def test_a_check_that_disappears_is_noticed(tmp_path):
    claim = next(claim for claim in CLAIMS if claim.key == "tile-572")
    file, name = claim.check.split("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    for folder, test in (("kept", name), ("renamed", "test_renamed")):
        (tmp_path / folder / "tests").mkdir(parents=True)
        (tmp_path / folder / file).write_text(text.replace(f"def {name}(", f"def {test}("))
    assert missing(claim.check, tmp_path / "kept") == ""
    assert "has no" in missing(claim.check, tmp_path / "renamed")


# ---- the list


def test_there_are_many_claims_and_no_two_share_a_key():
    assert len(CLAIMS) >= 100
    assert len({claim.key for claim in CLAIMS}) == len(CLAIMS) == sum(map(len, PARTS.values()))


def test_the_numbers_of_the_tables_are_those_of_the_results():
    says = {claim.key: claim.says for claim in CLAIMS}
    for name, row in results.TABLE_1.items():
        if name != "u-net":
            numbers = [f"{row['warping_error']:.6f}", *(f"{row[f'{m}_error']:.4f}" for m in RAND)]
            assert re.findall(r"0\.\d+", says[f"table-1-{name.lower()}"]) == numbers
    for name, row in results.TABLE_2.items():
        if not name.startswith("u-net"):
            numbers = [str(score) for score in row.values() if score is not None]
            found = re.findall(r"0\.\d+", says[f"table-2-{name.split()[0].lower()}"])
            assert found == numbers


def test_the_boards_numbers_are_those_of_the_results():
    expected = {claim.key: claim.expected for claim in CLAIMS}
    assert {name: expected[name.replace("_", "-")] for name in results.BOARD} == results.BOARD


def test_every_measure_is_asked_for():
    asked = {claim.measure.func.__name__ for claim in CLAIMS if claim.measure}
    own = inspect.getmembers(measures, lambda f: getattr(f, "__module__", "") == measures.__name__)
    assert asked == {name for name, _ in own if not name.startswith("_")} - {"work"}  # chapter 11's


ENTRY = """\
[[part]]
key = "few"
section = "Section 0"
says = "Few are enough."
chapter = 0
check = "tests/test_it.py::test_kept"
"""


def file_of(tmp_path, text):
    path = tmp_path / "claims.toml"
    path.write_text(text)
    return path


def test_a_file_is_read_part_by_part(tmp_path):
    more = 'measure = "titan_seconds"\narguments = [188]\nexpected = [1, "two"]\n'
    other = ENTRY.replace("few", "many").replace("[[part]]", '[["another part"]]')
    parts = claims.load(file_of(tmp_path, other + more + ENTRY))
    assert list(parts) == ["another part", "part"]
    (many,), (few,) = parts.values()
    assert many.expected == (1, "two") and many.measure() == measures.titan_seconds(188)
    assert few == Claim("few", "Section 0", "Few are enough.", 0, "tests/test_it.py::test_kept")


@pytest.mark.parametrize(
    "text, words",
    [
        (ENTRY.replace("chapter = 0\n", ""), "few has no chapter"),
        (ENTRY.replace('key = "few"\n', ""), "Few are enough. has no key"),
        (ENTRY + "chaptr = 3", "few has chaptr; a claim has key, "),
        (ENTRY + 'measure = "most_luck"', "few: measures.py has no measure 'most_luck'"),
        (ENTRY + 'measure = "math"', "no measure 'math'"),
        (ENTRY + 'measure = "cache"', "no measure 'cache'"),
        (ENTRY + 'measure = "_network"', "no measure '_network'"),
        (ENTRY + 'measure = "work"', r"few: work\(\): missing a required argument: 'tile'"),
        (ENTRY + 'measure = "channels"\narguments = [1]', "too many positional arguments"),
        (ENTRY + "arguments = [1]", "no measure that takes them"),
        (ENTRY + "expected = 3", "few expects 3"),
        (ENTRY + ENTRY, "2 claims have the key 'few'"),
        (ENTRY + ENTRY.replace("part", "other"), "2 claims have the key 'few'"),
        (ENTRY.replace("[[part]]", "[part]"), r"part is no list of claims: write \[\[part\]\]"),
        (ENTRY + "chapter = 3", "Cannot overwrite a value"),
    ],
)
def test_a_wrong_entry_is_refused_in_one_line(tmp_path, text, words):
    with pytest.raises(ValueError, match=words) as refused:
        claims.load(file_of(tmp_path, text))
    assert "\n" not in str(refused.value)


def test_a_check_that_is_not_there_is_refused(project):
    path = file_of(project, ENTRY)
    assert claims.load(path, project)
    path.write_text(ENTRY.replace("test_kept", "test_gone"))
    with pytest.raises(ValueError, match="few: test_it.py has no test_gone"):
        claims.load(path, project)


def test_every_verdict_occurs(findings):
    assert {finding.verdict for finding in findings} == {REPRODUCED, DIFFERS, UNTESTABLE}


def test_what_is_not_reproduced_has_a_reason(findings):
    others = [finding.claim for finding in findings if finding.verdict != REPRODUCED]
    bare = [claim.key for claim in others if not claim.reason]
    assert bare == []


def test_a_chapter_that_shows_a_claim_is_in_the_book():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    shown = {CHAPTERS[claim.chapter] for claim in CLAIMS}
    assert [name for name in sorted(shown) if f"book/{name}\n" not in toc] == []


# ---- verdicts follow from numbers


def test_a_value_is_reproduced_exactly_where_it_is_within_the_tolerance(findings):
    for finding in findings:
        claim, value = finding.claim, finding.value
        if not claim.testable or isinstance(claim.expected, (str, tuple, type(None))):
            continue
        if claim.relation == "surely above":
            low, high = value
            within = low > claim.expected
            assert (finding.verdict == DIFFERS) == (high < claim.expected), claim.key
        elif claim.relation == "equals":
            within = abs(value - claim.expected) <= claim.tolerance * (1 + 1e-9)
        else:
            sign = 1 if claim.relation == "at most" else -1
            within = sign * (value - claim.expected) <= claim.tolerance
        assert (finding.verdict == REPRODUCED) == within, claim.key


def broken(claim):
    """A value that the claim can't stand."""
    if isinstance(claim.expected, str):
        return "another"
    if isinstance(claim.expected, tuple):
        *others, last = claim.expected
        return (*others, "another" if isinstance(last, str) else last + 1)
    off = claim.tolerance + 1 + abs(claim.expected)
    if claim.relation == "surely above":
        return claim.expected - 2 * off, claim.expected - off
    return claim.expected + (off if claim.relation != "at least" else -off)


def test_a_broken_value_turns_the_verdict(findings):
    turned = 0
    for finding in findings:
        claim = finding.claim
        if claim.testable and claim.expected is not None:
            value = broken(claim)
            assert claim.verdict(value) == DIFFERS, f"{claim.key} stands {value}"
            turned += finding.verdict == REPRODUCED
    assert turned >= 40


def made(**changes):
    return Claim("unit", "Section 0", "1 is 1", 0, "nowhere", **changes)


@pytest.mark.parametrize(
    "relation, value, verdict",
    [
        ("equals", 1.1, REPRODUCED),
        ("equals", 0.9, REPRODUCED),
        ("equals", 1.11, DIFFERS),
        ("at most", 1.1, REPRODUCED),
        ("at most", -5, REPRODUCED),
        ("at most", 1.2, DIFFERS),
        ("at least", 0.9, REPRODUCED),
        ("at least", 5, REPRODUCED),
        ("at least", 0.8, DIFFERS),
        ("surely above", (1.2, 2), REPRODUCED),
        ("surely above", (0.9, 2), UNTESTABLE),
        ("surely above", (0.1, 0.2), DIFFERS),
        ("equals", float("nan"), DIFFERS),
    ],
)
def test_the_verdict_on_one_number(relation, value, verdict):
    claim = made(expected=1, measure=lambda: value, relation=relation, tolerance=0.1)
    assert claim.find().verdict == verdict


def test_tuples_agree_entry_by_entry():
    claim = made(expected=(1, "two"), measure=lambda: (1.0, "two"))
    assert claim.find().verdict == REPRODUCED
    for other in ((1, "two", 3), (1,), (2, "two"), (1, "too")):
        assert claim.verdict(other) == DIFFERS


def test_a_statement_without_a_number_stands_on_its_check():
    assert made().find().verdict == REPRODUCED


def test_what_cant_be_tested_shows_a_value_and_no_more():
    found = made(expected=1, measure=lambda: 1, testable=False, reason="no labels").find()
    assert (found.verdict, found.value) == (UNTESTABLE, 1)


@pytest.mark.parametrize(
    "wrong",
    [{"relation": "about"}, {"expected": 3}, {"testable": False}],
    ids=lambda w: next(iter(w)),
)
def test_a_claim_that_could_not_be_judged_is_refused(wrong):
    with pytest.raises(ValueError):
        made(**wrong)


# ---- the page


def test_the_page_has_every_claim_with_its_verdict(findings):
    text = claims.page(findings).data
    for finding in findings:
        row = text.split(f'id="claim-{finding.claim.key}"')[1].split("</tr>")[0]
        said = f'<span class="verdict">{finding.verdict}</span>'
        assert said in row and CHAPTERS[finding.claim.chapter] in row
        assert (finding.value is None) == (f"{said}<small>" not in row)


def test_a_claim_that_a_cell_checks_leads_to_that_cell(findings):
    text = claims.page(findings).data
    links = re.findall(r'href="(\w+)\.html#cell-([\w-]+)"', text)
    checks = {finding.claim.check for finding in findings}
    assert len(links) > 10 and {f"book/{file}.ipynb#{cell}" for file, cell in links} <= checks


def test_the_stored_page_has_the_verdicts_that_are_found(findings):
    cells = json.loads((ROOT / "book" / "claims.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output["data"] for cell in cells for output in cell.get("outputs", ())]
    text = "".join(line for data in outputs for line in data["text/html"])
    stored = re.findall(r'id="claim-(.+?)" class="(.+?)"', text)
    assert stored == [(finding.claim.key, KINDS[finding.verdict]) for finding in findings]


def test_the_filter_leaves_what_is_asked_for_and_says_how_many(page, findings):
    both = claims.counts(findings).data + claims.page(findings).data
    page.goto("about:blank")
    page.set_content(f"<!doctype html><title>ledger</title>{both}")
    rows = page.locator(".ledger tbody tr:visible")
    assert rows.count() == len(findings)
    page.get_by_label("verdict").focus()
    page.keyboard.type("diff")  # as a reader without a mouse chooses
    different = [f for f in findings if f.verdict == DIFFERS]
    assert rows.count() == len(different) == page.locator(".ledger tr.no").count()
    assert page.inner_text(".ledger output") == f"{len(different)} of {len(findings)} claims"
    chapter = different[0].claim.chapter
    page.get_by_label("chapter").select_option(str(chapter))
    assert rows.count() == len([f for f in different if f.claim.chapter == chapter])
    page.get_by_label("verdict").select_option("")
    assert rows.count() == len([f for f in findings if f.claim.chapter == chapter])


@pytest.mark.parametrize("width", [390, 700, 1280])
def test_a_claim_has_room_for_its_words(page, findings, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.set_content(claims.page(findings).data)
    table = page.locator(".ledger table").bounding_box()["width"]
    assert page.locator(".ledger tbody th").first.bounding_box()["width"] > 0.4 * table


def test_without_scripts_the_page_shows_every_claim_and_no_filter(browser, findings):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(claims.counts(findings).data + claims.page(findings).data)
    assert page.locator(".ledger tbody tr:visible").count() == len(findings)
    assert page.locator(".ledger .filter:visible").count() == 0
    context.close()


def test_the_counts_add_up(findings):
    numbers = [int(n) for n in re.findall(r">(\d+)</", claims.counts(findings).data)]
    assert numbers[0] == len(CLAIMS) == sum(numbers[1:])


def test_values_are_written_in_their_own_form():
    claim = made(expected=0.25, measure=lambda: 0.5, form=".1%", unit="of it", tolerance=0.01)
    text = claims.page([claim.find()]).data
    assert ">25.0% ± 0.01</td>" in text and ">50.0% of it</small>" in text
    text = claims.page([made(expected=(True, 2), measure=lambda: (False, 2)).find()]).data
    assert ">yes, 2</td>" in text and ">no, 2</small>" in text


def test_a_tag_in_a_statement_stays_text():
    text = claims.page([replace(made(), says="a < b & c").find()]).data
    assert "a &lt; b &amp; c" in text


def test_the_longest_training_is_told_in_hours(monkeypatch):
    runs = {"folds": [{"seconds": 1800, "history": []}, {"seconds": 5400, "history": []}]}
    monkeypatch.setattr(measures.records, "run", lambda name: runs)
    assert measures.hours_a_training() == 1.5
