"""The claim ledger: every check is there and is run, and every verdict follows from its numbers."""

import ast
import json
import re
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from unet_book.pages import claims
from unet_book.pages.claims import CLAIMS, DIFFERS, PARTS, REPRODUCED, UNTESTABLE, Claim, measures
from unet_book.pages.claims.page import CHAPTERS

ROOT = Path(__file__).parent.parent
each_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)


@pytest.fixture(scope="module")
def findings():
    return claims.ledger(CLAIMS)


# ---- the checks are there, and they are run


def missing(check: str, root: Path) -> str:
    """Why a check proves nothing, or nothing where it does."""
    if "::" in check:
        return missing_test(root, *check.split("::"))
    if "#" in check:
        return missing_cell(root, *check.split("#"))
    return "" if (root / check).is_file() else f"{check} is not there"


def missing_test(root, file, name):
    if not (root / file).is_file():
        return f"{file} is not there"
    module, tests = functions_of(root / file)
    if name not in tests:
        return f"{file} has no {name}"
    marks = [*map(ast.unparse, tests[name].decorator_list), module]
    words = marks + [ast.unparse(node) for node in ast.walk(tests[name]) if called(node, "skip")]
    return f"{name} is not always run" if re.search(r"skip|xfail", " ".join(words)) else ""


@cache
def functions_of(file):
    """The marks of a test file as a whole, and its test functions by name."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    marks = [ast.unparse(line) for line in body if ast.unparse(line).startswith("pytestmark")]
    functions = {line.name: line for line in body if isinstance(line, ast.FunctionDef)}
    return " ".join(marks), functions


def called(node, name):
    return isinstance(node, ast.Call) and name in ast.unparse(node.func)


def missing_cell(root, file, name):
    if not (root / file).is_file():
        return f"{file} is not there"
    cells = cells_of(root / file)
    if name not in cells:
        return f"{file} has no cell {name}"
    cell = cells[name]
    text = "".join(cell["source"]) + " ".join(cell["metadata"].get("tags", []))
    run = cell.get("execution_count") and not re.search(r"nbval[-_](skip|ignore)", text, re.I)
    return "" if run else f"{name} in {file} is not run and compared"


@cache
def cells_of(file):
    return {cell["id"]: cell for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]}


@each_claim
def test_a_check_is_there_and_is_run(claim):
    assert missing(claim.check, ROOT) == ""


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


def test_a_check_that_disappears_is_noticed(tmp_path):
    claim = next(claim for claim in CLAIMS if claim.id == "tile-572")
    file, name = claim.check.split("::")
    (tmp_path / "tests").mkdir()
    copy = shutil.copy(ROOT / file, tmp_path / file)
    assert missing(claim.check, tmp_path) == ""
    functions_of.cache_clear()
    Path(copy).write_text(Path(copy).read_text().replace(f"def {name}(", "def test_renamed("))
    assert "has no" in missing(claim.check, tmp_path)


# ---- the list


def test_there_are_many_claims_and_no_two_share_an_id():
    assert len(CLAIMS) >= 40
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS) == sum(map(len, PARTS.values()))


def test_every_verdict_occurs(findings):
    assert {finding.verdict for finding in findings} == {REPRODUCED, DIFFERS, UNTESTABLE}


def test_what_is_not_reproduced_has_a_reason(findings):
    bare = [one.claim.id for one in findings if one.verdict != REPRODUCED and not one.claim.reason]
    assert bare == []


def test_a_chapter_that_shows_a_claim_is_in_the_book():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    shown = {CHAPTERS[claim.chapter] for claim in CLAIMS}
    assert [name for name in sorted(shown) if f"book/{name}\n" not in toc] == []


# ---- verdicts follow from numbers


def test_a_value_is_reproduced_exactly_where_it_is_within_the_tolerance(findings):
    for finding in findings:
        claim, value = finding.claim, finding.value
        if not claim.testable or isinstance(claim.asked, (str, tuple, type(None))):
            continue
        if claim.relation == "surely above":
            low, high = value
            within = low > claim.asked
            assert (finding.verdict == DIFFERS) == (high < claim.asked), claim.id
        elif claim.relation == "equals":
            within = abs(value - claim.asked) <= claim.tolerance * (1 + 1e-9)
        else:
            sign = 1 if claim.relation == "at most" else -1
            within = sign * (value - claim.asked) <= claim.tolerance
        assert (finding.verdict == REPRODUCED) == within, claim.id


def broken(claim):
    """A value that the claim can't stand."""
    if isinstance(claim.asked, str):
        return "another"
    if isinstance(claim.asked, tuple):
        *others, last = claim.asked
        return (*others, "another" if isinstance(last, str) else last + 1)
    off = claim.tolerance + 1 + abs(claim.asked)
    if claim.relation == "surely above":
        return claim.asked - 2 * off, claim.asked - off
    return claim.asked + (off if claim.relation != "at least" else -off)


def test_a_broken_value_turns_the_verdict(findings):
    turned = 0
    for finding in findings:
        claim = finding.claim
        if claim.testable and claim.asked is not None:
            value = broken(claim)
            assert claim.verdict(value) == DIFFERS, f"{claim.id} stands {value}"
            turned += finding.verdict == REPRODUCED
    assert turned >= 40


def made(**changes):
    return Claim("one", "Section 0", "one is one", 0, "nowhere", **changes)


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
    claim = made(asked=1, measure=lambda: value, relation=relation, tolerance=0.1)
    assert claim.find().verdict == verdict


def test_tuples_agree_entry_by_entry():
    claim = made(asked=(1, "two"), measure=lambda: (1.0, "two"))
    assert claim.find().verdict == REPRODUCED
    for other in ((1, "two", 3), (1,), (2, "two"), (1, "too")):
        assert claim.verdict(other) == DIFFERS


def test_a_statement_without_a_number_stands_on_its_check():
    assert made().find().verdict == REPRODUCED


def test_what_cant_be_tested_shows_a_value_and_no_more():
    found = made(asked=1, measure=lambda: 1, testable=False, reason="no labels").find()
    assert (found.verdict, found.value) == (UNTESTABLE, 1)


@pytest.mark.parametrize(
    "wrong", [{"relation": "about"}, {"asked": 3}, {"testable": False}], ids=lambda w: next(iter(w))
)
def test_a_claim_that_could_not_be_judged_is_refused(wrong):
    with pytest.raises(ValueError):
        made(**wrong)


# ---- the page


def test_the_page_has_every_claim_with_its_verdict(findings):
    text = claims.page(findings).data
    for finding in findings:
        item = text.split(f'id="claim-{finding.claim.id}"')[1].split("</li>")[0]
        assert f">{finding.verdict}</p>" in item and CHAPTERS[finding.claim.chapter] in item
        assert (finding.value is None) == ("found: " not in item)


def test_the_counts_add_up(findings):
    numbers = [int(n) for n in re.findall(r">(\d+)</", claims.counts(findings).data)]
    assert numbers[0] == len(CLAIMS) == sum(numbers[1:])


def test_values_are_written_in_their_own_form():
    claim = made(asked=0.25, measure=lambda: 0.5, form=".1%", unit="of it", tolerance=0.01)
    text = claims.page([claim.find()]).data
    assert "asked: 25.0% ± 0.01; found: 50.0% of it" in text
    text = claims.page([made(asked=(True, 2), measure=lambda: (False, 2)).find()]).data
    assert "asked: yes, 2; found: no, 2" in text


def test_a_tag_in_a_statement_stays_text():
    text = claims.page([replace(made(), says="a < b & c").find()]).data
    assert "a &lt; b &amp; c" in text


def test_the_longest_training_is_told_in_hours(monkeypatch):
    runs = {"folds": [{"seconds": 1800, "history": []}, {"seconds": 5400, "history": []}]}
    monkeypatch.setattr(measures.records, "run", lambda name: runs)
    assert measures.hours_a_training() == 1.5
