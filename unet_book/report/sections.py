"""The sections of a report below its verdict: images, table, curves, the choice of a rule."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from unet_book.instances import Choice, Rule
from unet_book.report import charts, pictures
from unet_book.report.evidence import METHODS, NETWORK, OTSU, Evidence, HeldOut, Scores, count

__all__ = ["images", "table", "learning", "choosing"]

MOST = 12  # images that are shown
COLUMNS = {
    "cells": "annotated",
    "found": "with an IoU above 0.5",
    "missed": "background for more than half",
    "invented": "on background for more than half",
    "merged": "shares its outline with another one",
    "split": "cut into several",
    "F1 0.5": "of cells, at an IoU of 0.5",
    "F1 0.7": "of cells, at an IoU of 0.7",
    "SEG": "mean IoU of true cells",
    "pixel error": "share of pixels that are wrong",
}


def images(evidence: Evidence) -> str:
    """The held-out images, with what each kind of mistake looks like.

    Parameters
    ----------
    evidence : Evidence
        Of the held-out images.

    Returns
    -------
    str
        An element ``<section>``.
    """
    shown = pictures.picked(evidence.images, MOST)
    rest = len(evidence.images) - len(shown)
    order = (
        f"{len(shown)} of {len(evidence.images)} are shown: the worst, the best, the one in the "
        "middle, and some between."
        if rest
        else "From the worst to the best."
        if len(shown) > 1
        else ""
    )
    switches = "".join(
        f'<label><input type="checkbox" id="show-{kind}" checked>{pictures.symbol(kind)} '
        f"{name}</label>"
        for kind, name in pictures.NAMES.items()
    )
    figures = "\n".join(_image(k, *each) for k, each in enumerate(shown))
    return (
        f'<section class="wide images">\n<h2>The held-out images</h2>\n<p>{order} Marks stand '
        "where something went wrong; broken lines are true cells that were missed or merged. "
        "Click a picture to enlarge it, and switch off what is in the way.</p>\n"
        f'<fieldset class="legend"><legend>Show</legend>{switches}</fieldset>\n{figures}\n'
        "</section>"
    )


def _image(number: int, held: HeldOut, place: str) -> str:
    """One image in its three panels."""
    rank = f' <span class="rank">{place}</span>' if place else ""
    beside = ""
    if held.scores:
        mine, other = (held.scores[method].score for method in (NETWORK, OTSU))
        beside = f" Score {mine:.2f}, Otsu {other:.2f}."
    text = pictures.counted(held)
    return (
        f"<article>\n<h3>{escape(held.name)}{rank}</h3>\n<p>{text[0].upper() + text[1:]}.{beside} "
        f'<label class="enlarge"><input type="checkbox" id="large{number}"> enlarge</label></p>\n'
        f'<label class="panels" for="large{number}">{pictures.panels(held, number)}</label>\n'
        "</article>"
    )


def table(evidence: Evidence) -> str:
    """Each image and all together, for the network and for what needs none.

    Parameters
    ----------
    evidence : Evidence
        Of the held-out images.

    Returns
    -------
    str
        An element ``<section>``.
    """
    head = "".join(f'<th scope="col" title="{says}">{name}</th>' for name, says in COLUMNS.items())
    everything = f"all {count(len(evidence.annotated), 'image')}"
    groups = [_group(everything, evidence.totals, ' class="all"')]
    groups += [_group(held.name, held.scores) for held in evidence.images]
    return (
        '<section class="wide">\n<h2>Image by image</h2>\n<p>Beside the network stand two ways '
        "that need none: Otsu's threshold, which cuts gray values into bright and dark, and the "
        "same with a watershed that parts what touches. Each is told on which images cells are "
        "dark, and how large they are.</p>\n"
        '<div class="scroll" tabindex="0" role="region" aria-label="Scores image by image">'
        '<table>\n<thead><tr><th scope="col">image</th><th scope="col">by</th>'
        f"{head}</tr></thead>\n{''.join(groups)}</table></div>\n</section>"
    )


def _group(name: str, scores: dict[str, Scores], attributes: str = "") -> str:
    """The rows of one image."""
    if not scores:
        cells = f'<td class="none" colspan="{len(COLUMNS) + 1}">not annotated</td>'
        return f'<tbody><tr><th scope="rowgroup">{escape(name)}</th>{cells}</tr></tbody>\n'
    rows = []
    for method in METHODS:
        first = f'<th scope="rowgroup" rowspan="{len(METHODS)}">{escape(name)}</th>'
        cells = "".join(f"<td>{text}</td>" for text in _numbers(scores[method]))
        mine = ' class="mine"' if method == NETWORK else ""
        rows.append(
            f'<tr{mine}>{first if method == NETWORK else ""}<th scope="row">{method}</th>'
            f"{cells}</tr>"
        )
    return f"<tbody{attributes}>{''.join(rows)}</tbody>\n"


def _numbers(scores: Scores) -> list[str]:
    """What stands in a row, as `COLUMNS` has it."""
    mistakes = scores.mistakes
    counts = (
        mistakes.cells,
        scores.matches.found,
        mistakes.missed,
        mistakes.invented,
        mistakes.merged,
        mistakes.split,
    )
    return [
        *(f"{number:,}" for number in counts),
        f"{scores.matches.f1:.3f}",
        f"{scores.strict.f1:.3f}",
        "–" if scores.seg is None else f"{scores.seg:.3f}",
        f"{scores.error:.2%}",
    ]


def learning(evidence: Evidence) -> str:
    """The curves.

    Parameters
    ----------
    evidence : Evidence
        Of the held-out images.

    Returns
    -------
    str
        An element ``<section>``.
    """
    levels = {name: evidence.errors[name] for name in (OTSU, "guessing")}
    drawn = "".join(charts.curves(evidence.history, levels))
    known = evidence.training_error
    told = (
        f" On images it was trained on {known:.2%} of the pixels are wrong in the end."
        if known is not None
        else ""
    )
    return (
        '<section class="wide">\n<h2>How it learned</h2>\n<p>The loss is what the training lowers; '
        "it jumps, since every step sees another piece of another image. What counts is the share "
        f"of wrong pixels on the held-out images.{told}</p>\n"
        f'<div class="charts">{drawn}</div>\n</section>'
    )


def choosing(choice: Choice) -> str:
    """The rule in words, and what else was tried.

    Parameters
    ----------
    choice : Choice
        With all that was tried.

    Returns
    -------
    str
        An element ``<section>``.
    """
    title = '<section class="wide">\n<h2>How cells are made of probabilities</h2>\n'
    rule = f"Cells are {choice.rule.in_words()}."
    if not choice.tried:
        return f"{title}<p>{rule} Without a true cell there was nothing to choose by.</p></section>"
    plain = dict(choice.tried).get(Rule())
    beside = f", plain parts above one half {plain:.3f}" if plain is not None else ""
    return (
        f"{title}<p>{rule} This rule scores {choice.score:.3f}{beside}. "
        f"{count(len(choice.tried), 'rule')} were tried, and plain parts stay unless another is "
        "better by half a hundredth.</p>\n"
        f'<div class="charts"><figure>{charts.threshold_chart(choice)}<figcaption>Each line is '
        "one height of the cores or one depth of the waists, and the gray one with dots does "
        "without. Scores far below the best are left out. The ring is what was chosen, with "
        "smallest size and growth."
        f"</figcaption></figure>{_later_choices(choice)}</div>\n</section>"
    )


def _later_choices(choice: Choice) -> str:
    """What was tried for the smallest size and the growth, as a small table."""
    chosen = choice.rule
    outlines = replace(chosen, smallest=0, grow=0)
    alike = [t for t in choice.tried if replace(t[0], smallest=0, grow=0) == outlines]
    sizes = {rule.smallest: score for rule, score in alike if rule.grow == 0}
    growths = {rule.grow: score for rule, score in alike if rule.smallest == chosen.smallest}
    rows = [
        *_rows_of_choice("smallest size, px", sizes, chosen.smallest),
        *_rows_of_choice("growth, px", growths, chosen.grow),
    ]
    columns = "".join(f'<th scope="col">{name}</th>' for name in ("then", "tried", "score"))
    head = f"<thead><tr>{columns}</tr></thead>"
    return f'<table class="choices">{head}{"".join(rows)}</table>' if rows else ""


def _rows_of_choice(name: str, tried: dict[int, float], chosen: int) -> list[str]:
    """A row for each value that was tried, if there were several."""
    if len(tried) < 2:
        return []
    rows = []
    for value, score in sorted(tried.items()):
        first = "" if rows else f'<th scope="rowgroup" rowspan="{len(tried)}">{name}</th>'
        mark, says = (' class="mine"', "chosen: ") if value == chosen else ("", "")
        rows.append(f"<tr{mark}>{first}<td>{says}{value}</td><td>{score:.3f}</td></tr>")
    return ["<tbody>", *rows, "</tbody>"]
