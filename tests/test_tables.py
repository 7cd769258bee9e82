"""Tables of results: the same numbers for eyes, for screen readers, and as plain text."""

import re
from html.parser import HTMLParser

import pytest

from unet_book.pages.tables import Table

ROWS = [
    {"method": "this package", "time, ms": 11.5, "times ours": 1.0, "case": "small"},
    {"method": "sorting", "time, ms": 2065.25, "times ours": 182, "case": "small"},
    {"method": "a <third>", "time, ms": None, "times ours": 0.5, "case": "large"},
]


class Reader(HTMLParser):
    """What a screen reader finds: each cell's kind, scope and text, without what is hidden."""

    def __init__(self, page):
        super().__init__()
        self.cells, self.hidden, self.open = [], False, []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.open.append(tag)
        self.hidden = "aria-hidden" in attributes
        if tag in ("td", "th", "caption"):
            self.cells.append([tag, attributes.get("scope"), ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.hidden = False

    def handle_data(self, data):
        if self.cells and not self.hidden:
            self.cells[-1][2] += data.rstrip("\n")


def test_every_head_says_what_it_is_the_head_of():
    cells = Reader(Table(ROWS, "A caption", by="case")._repr_html_()).cells
    assert cells[0] == ["caption", None, "A caption"]
    heads = [text for tag, scope, text in cells if scope == "col"]
    assert heads == ["method", "time, ms", "times ours"]
    names = [text for tag, scope, text in cells if scope == "row"]
    assert names == ["this package", "sorting", "a <third>"]
    assert [text for _, scope, text in cells if scope == "rowgroup"] == ["small", "large"]


def test_points_stand_below_each_other():
    shown = Table(ROWS, forms={"times ours": "g"})
    lines = repr(shown).splitlines()[1:]
    assert [line.index("11.5"[2]) for line in lines[:1]] == [lines[1].index(".25")]
    found = re.findall(r'"number">([^<]*)(?:<span[^>]*hidden">([^<]*)<)?', shown._repr_html_())
    ours = dict(found)
    assert ours["11.5"] == "5" and ours["2065.25"] == "" and ours["–"] == ".25"
    assert ours["0.5"] == "" and ours["182"] == ".5"


def test_screen_readers_hear_no_digit_that_is_not_there():
    cells = Reader(Table(ROWS, forms={"times ours": "g"})._repr_html_()).cells
    assert ["td", None, "182"] in cells and ["td", None, "–"] in cells


def test_bars_are_as_long_as_their_values_on_one_scale():
    page = Table(ROWS, bars=("time, ms",))._repr_html_()
    shares = [float(share) for share in re.findall(r"--share: ([\d.]+)", page)]
    assert shares == pytest.approx([11.5 / 2065.25, 1, 0], abs=1e-3)
    page = Table(
        [{"gap": "1 px", "paper": 4.0, "ours": 16.0}], bars=("paper", "ours")
    )._repr_html_()
    assert re.findall(r"--share: ([\d.]+)", page) == ["0.250", "1.000"]


def test_our_row_stands_out_and_no_other():
    page = Table(ROWS, mark="sorting")._repr_html_()
    assert re.findall(r'<tr class="ours"><th scope="row">(\w+)', page) == ["sorting"]
    assert "ours" not in Table([{"a": "", "b": 1}])._repr_html_()


def test_words_stand_left_and_symbols_are_typeset():
    page = Table([{"set": "isbi", "V_Rand": "good"}])._repr_html_()
    assert 'class="number"' not in page and "V<sub>Rand</sub>" in page


@pytest.mark.parametrize(
    "text, shown",
    [
        ("1e-05", "10<sup>−5</sup>"),
        ("3.4028e+38", "3.4028 · 10<sup>38</sup>"),
        ("0e+00", "0"),
        ("d_1 + d_2", "d<sub>1</sub> + d<sub>2</sub>"),
        ("x_px", "x_px"),
        ("512 x 512", "512\u00a0x\u00a0512"),
        ("a < b", "a &lt; b"),
    ],
)
def test_powers_and_indices_are_typeset_and_names_are_not(text, shown):
    assert f"<td>{shown}</td>" in Table([{"set": "isbi", "value": text}])._repr_html_()


def test_text_shows_groups_once_and_the_caption_first():
    lines = repr(Table(ROWS, "A caption", by="case")).splitlines()
    assert lines[0] == "A caption" and [line for line in lines if line in ("small", "large")] == [
        "small",
        "large",
    ]


@pytest.mark.parametrize(
    "rows, how, said",
    [
        ([], {}, "a row at least"),
        ([{"a": 1}, {"b": 2}], {}, "columns"),
        ([{"a": 1}], {"forms": {"b": "d"}}, "no column 'b'"),
        ([{"a": 1}], {"bars": ("b",)}, "no column 'b'"),
        ([{"a": 1}], {"by": "b"}, "no column 'b'"),
    ],
)
def test_what_makes_no_table_is_refused(rows, how, said):
    with pytest.raises(ValueError, match=said):
        Table(rows, **how)
