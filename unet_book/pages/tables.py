"""Results as tables that a person reads: on the page in HTML, elsewhere in aligned columns.

A cell ends with a `Table`. Numbers stand with their decimal points below each other, a
column of numbers can have bars, and the page scrolls a table that is wider than a phone.
"""

import html
import re
from dataclasses import dataclass, field

__all__ = ["Table"]

NUMBER = re.compile(r"[~+−-]?[\d,]+(\.\d+)?( ?%)?(?: ± [\d.]+)?")
MISSING = "–"


@dataclass(frozen=True)
class Table:
    """Rows with a caption, for the end of a cell.

    Parameters
    ----------
    rows : list of dict
        Of the same keys, which head the columns; the first names the row. None is a dash.
    caption : str
        A sentence that says what is to be seen.
    name : str
        What a link calls it, such as "tab-data"; a table with a name has a number on the page.
    forms : dict
        A column to the format specification of its values, such as ".1%".
    bars : tuple of str
        Columns whose values are drawn, too, all on one scale from 0.
    by : str
        A column whose value stands once, above the rows that share it.
    mark : str
        The name of the row that stands out: ours.

    Raises
    ------
    ValueError
        For no rows, rows of unlike columns, or a column that is not there.

    Examples
    --------
    >>> Table([{"set": "nuclei", "cells": 125, "in cells": 0.199},
    ...        {"set": "phantom", "cells": 860, "in cells": None}], forms={"in cells": ".1%"})
    set      cells  in cells
    nuclei     125     19.9%
    phantom    860      –
    """

    rows: list[dict]
    caption: str = ""
    name: str = ""
    forms: dict = field(default_factory=dict)
    bars: tuple[str, ...] = ()
    by: str = ""
    mark: str = ""

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError("a table takes a row at least")
        keys = list(self.rows[0])
        for row in self.rows:
            if list(row) != keys:
                raise ValueError(f"a row has the columns {list(row)}, the first one has {keys}")
        for column in (*self.forms, *self.bars, *filter(None, [self.by])):
            if column not in keys:
                raise ValueError(f"no column {column!r} among {keys}")

    @property
    def _columns(self) -> list[str]:
        """The heads, without that of what stands above the rows."""
        return [column for column in self.rows[0] if not self.by or column != self.by]

    def _written(self, row: dict, column: str) -> str:
        """A value as text."""
        value = row[column]
        if value is None:
            return MISSING
        return value if isinstance(value, str) else format(value, self.forms.get(column, ""))

    def _aligned(self, column: str) -> list[tuple[str, str]] | None:
        """The texts of a column of numbers, and what each lacks to end with the longest.

        None for a column of words. "4.5" lacks "0" below "0.25", so its point stands below.
        """
        texts = [self._written(row, column) for row in self.rows]
        numbers = [text for text in texts if text != MISSING]
        if not numbers or not all(map(NUMBER.fullmatch, numbers)):
            return None
        tails = [text[text.index(".") :] if "." in text else "" for text in texts]
        longest = max(tails, key=len)
        return [(text, longest[len(tail) :]) for text, tail in zip(texts, tails)]

    def _groups(self) -> list[tuple[str, list[int]]]:
        """What stands above some rows, and their places."""
        groups: dict[str, list[int]] = {}
        for place, row in enumerate(self.rows):
            groups.setdefault(str(row[self.by]) if self.by else "", []).append(place)
        return list(groups.items())

    def __repr__(self) -> str:
        columns = {column: self._text_column(column) for column in self._columns}
        head, *lines = ("  ".join(parts).rstrip() for parts in zip(*columns.values()))
        shown = [self.caption] * bool(self.caption) + [head]
        for title, places in self._groups():
            shown += [title] * bool(title) + [lines[place] for place in places]
        return "\n".join(shown)

    def _text_column(self, column: str) -> list[str]:
        """A column as text, its head first, padded to one width."""
        aligned = self._aligned(column)
        texts = [column]
        if aligned is None:
            texts += [self._written(row, column) for row in self.rows]
        else:
            texts += [text + " " * len(lacks) for text, lacks in aligned]
        pad = str.ljust if aligned is None else str.rjust
        return [pad(text, max(map(len, texts))) for text in texts]

    def _repr_html_(self) -> str:
        heads = "".join(
            f'<th scope="col"{_class(self._aligned(column))}>{_text(column)}</th>'
            for column in self._columns
        )
        body = "\n".join(f"<tbody>{self._group(*group)}</tbody>" for group in self._groups())
        caption = f"<caption>{_text(self.caption)}</caption>\n" if self.caption else ""
        link = f' id="{self.name}"' if self.name else ""
        head = f"<thead><tr>{heads}</tr></thead>"
        return f'<table class="results"{link}>\n{caption}{head}\n{body}\n</table>'

    def _group(self, title: str, places: list[int]) -> str:
        """Some rows in HTML, below what they share."""
        cells = [self._cells(column) for column in self._columns]
        rows = []
        if title:
            head = f'<th scope="rowgroup" colspan="{len(cells)}">{_text(title)}</th>'
            rows.append(f'<tr class="above">{head}</tr>')
        for place in places:
            ours = self.mark and self._written(self.rows[place], self._columns[0]) == self.mark
            start = '<tr class="ours">' if ours else "<tr>"
            rows.append(f"{start}{''.join(column[place] for column in cells)}</tr>")
        return "\n".join(rows)

    def _cells(self, column: str) -> list[str]:
        """A column's cells in HTML; the first column's name the rows."""
        aligned = self._aligned(column)
        if aligned is None:
            texts = [_text(self._written(row, column)) for row in self.rows]
        else:
            texts = [_text(text) + _lacking(lacks) for text, lacks in aligned]
        if column == self._columns[0]:
            return [f'<th scope="row"{_class(aligned)}>{text}</th>' for text in texts]
        bars = self._bars(column) if column in self.bars else [""] * len(texts)
        return [f"<td{_class(aligned)}>{bar}{text}</td>" for bar, text in zip(bars, texts)]

    def _bars(self, column: str) -> list[str]:
        """A bar for each value of a column, which only eyes read."""
        most = max(row[drawn] or 0 for row in self.rows for drawn in self.bars) or 1
        start = '<span class="bar" aria-hidden="true" style="--share: '
        return [f'{start}{(row[column] or 0) / most:.3f}"></span>' for row in self.rows]


def _class(aligned: list | None) -> str:
    """The class of a cell of a column of numbers."""
    return "" if aligned is None else ' class="number"'


def _text(text: str) -> str:
    """Text as HTML: 3e-04, V_Rand and w_0 typeset (x_px is a name), and 512 x 512 not broken."""
    whole = re.sub(r"(?<=\d) x (?=\d)", "\N{NO-BREAK SPACE}x\N{NO-BREAK SPACE}", html.escape(text))
    powers = re.sub(r"\b(\d+(?:\.\d+)?)e([+-]?\d+)\b", _power_of_ten, whole)
    return re.sub(r"\b([A-Za-z])_([A-Z]\w*|\d+|\w)\b", r"\1<sub>\2</sub>", powers)


def _power_of_ten(number: re.Match) -> str:
    """3e-04 as one writes it."""
    factor, exponent = number.groups()
    factor = "" if factor == "1" else f"{factor} · "
    power = f"{int(exponent)}".replace("-", "−")
    return "0" if factor == "0 · " else f"{factor}10<sup>{power}</sup>"


def _lacking(digits: str) -> str:
    """The place of digits that a number does not have."""
    return digits and f'<span aria-hidden="true" style="visibility: hidden">{digits}</span>'
