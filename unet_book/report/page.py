"""The page itself: what was found out, put in order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unet_book._files import write_atomically
from unet_book.instances import Choice, Rule
from unet_book.report import pictures, sections
from unet_book.report.evidence import NETWORK, Evidence, count, gather, printable
from unet_book.report.verdict import Verdict, judge

if TYPE_CHECKING:
    from unet_book.datasets import Stack
    from unet_book.training import Preset

__all__ = ["write", "check"]

MARK = b"<!-- unet-book: the report of a training -->"
OPTIMIZERS = {"sgd": "stochastic gradient descent", "adam": "Adam", "adamw": "AdamW"}
STYLE = Path(__file__).with_name("page.css")


def write(
    path: str | os.PathLike,
    *,
    history: list[dict],
    stack: Stack,
    probabilities: Sequence[np.ndarray],
    choice: Choice | None,
    percentiles: tuple[float, float] | None,
    names_of_training: Sequence[str],
    seconds: float,
    preset: Preset,
    command: str,
    training_error: float | None = None,
) -> Verdict:
    """Write the report of a training, and give its verdict.

    Parameters
    ----------
    path : str or PathLike
        Where; an older report there is replaced.
    history : list of dict
        As `training.Result` has it.
    stack : Stack
        The held-out images, as the network was given them, and their true cells.
    probabilities : sequence of ndarray, (H, W)
        Its answers: the probability of a cell at each pixel.
    choice : Choice or None
        The rule that makes cells of these, and how it was chosen; None is the plain rule.
    percentiles : tuple of float, or None
        What became black and white in each image; None if `datasets.to_unit` scaled them.
    names_of_training : sequence of str
        What the images are called that it was trained on. If the held-out ones are among them, each
        was held out in its turn: a cross-validation.
    seconds : float
        That the training took.
    preset : Preset
        The recipe.
    command : str
        As it was typed.
    training_error : float or None
        Pixel error on images that were trained on, measured like the one in the history; if given,
        the verdict can tell learned by heart from learned.

    Returns
    -------
    Verdict
        Its lines are for the terminal.

    Raises
    ------
    ValueError
        If images and answers differ in number, or if no held-out pixel is annotated.
    FileExistsError
        As `check` does.
    OSError
        If the file can't be written.
    """
    check(path)
    choice = choice or Choice(Rule(), 0.0, [])
    crossed = {*stack.names} <= {*names_of_training}
    evidence = gather(history, stack, probabilities, choice, training_error, crossed)
    verdict = judge(evidence)
    made = _how_it_was_made(
        command=command,
        recipe=preset,
        seconds=seconds,
        percentiles=percentiles,
        held_out=[held.name for held in evidence.images],
        crossed=crossed,
        trained_on=[printable(name) for name in names_of_training],
    )
    page = _page(evidence, verdict, made)
    write_atomically(path, page.encode("utf-8", "replace"))
    return verdict


def check(path: str | os.PathLike) -> None:
    """Refuse a place where somebody's own file lies, so that it can be said before a training.

    Parameters
    ----------
    path : str or PathLike
        Where a report is to be written.

    Raises
    ------
    FileExistsError
        If what is there is not a report.
    """
    path = Path(path)
    if not os.path.lexists(path):
        return
    if path.is_file():
        with open(path, "rb") as file:
            if MARK in file.read(200):
                return
    raise FileExistsError(f"{path} is not a report of this program, and is not replaced")


def _page(evidence: Evidence, verdict: Verdict, made: str) -> str:
    """All of it."""
    parts = [
        _opening(evidence, verdict),
        sections.images(evidence),
        sections.table(evidence),
        sections.learning(evidence),
        sections.choosing(evidence.choice),
        made,
        _words(),
    ]
    return (
        f'<!DOCTYPE html>\n{MARK.decode()}\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(verdict.headline)}</title>\n"
        f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _opening(evidence: Evidence, verdict: Verdict) -> str:
    """The verdict, its numbers, and what to try next."""
    first, *others = verdict.findings
    findings = "".join(f"<p>{escape(text)}</p>" for text in others)
    advice = "".join(f"<li>{escape(text[0].upper() + text[1:])}</li>" for text in verdict.advice)
    return (
        '<div class="opening">\n<header>\n'
        '<p class="over">unet-book · the report of a training</p>\n'
        f'<h1>{escape(verdict.headline)}</h1>\n<p class="lead">{escape(first)}</p>\n'
        f"{findings}\n{_tally(evidence)}\n</header>\n"
        f'<section class="next">\n<h2>What to try next</h2>\n<ul>{advice}</ul>\n'
        '<p class="small">The rule that makes cells of probabilities was chosen on these same '
        "images, so on new ones expect a little less. What counts in the end are images that "
        "nothing was chosen on.</p>\n</section>\n</div>"
    )


def _tally(evidence: Evidence) -> str:
    """How many cells of each kind, large."""
    cells = evidence.cells
    numbers = {
        "found": int(cells.found.sum()),
        "missed": int(cells.missed.sum()),
        "invented": evidence.totals[NETWORK].mistakes.invented,
        "merged": int(cells.merged.sum()),
        "split": int(cells.split.sum()),
    }
    items = [
        f"<div><dt>{pictures.symbol(kind)} {pictures.NAMES[kind]}</dt><dd>{number:,}</dd></div>"
        for kind, number in numbers.items()
    ]
    return f'<dl class="tally">{"".join(items)}</dl>'


def _how_it_was_made(
    command: str,
    recipe: Preset,
    seconds: float,
    percentiles: tuple[float, float] | None,
    held_out: list[str],
    crossed: bool,
    trained_on: list[str],
) -> str:
    """What one has to know to make the same again."""
    gray = "8 bits divided by 255; of each image of another type spread over its own range"
    if percentiles is not None:
        low, high = percentiles
        gray = f"of each image spread from its percentile {low:g} (black) to {high:g} (white)"
    turn = " in turn" if crossed else ""
    facts = {
        "Command": f"<code>{escape(printable(command))}</code>",
        "Recipe": escape(_recipe_in_words(recipe)),
        "Gray values": gray,
        "Time": _time_in_words(seconds),
        f"Held out{turn}, {count(len(held_out), 'image')}": _list_of(held_out),
        f"Trained on, {count(len(trained_on), 'image')}": _list_of(trained_on),
    }
    items = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    return f'<section>\n<h2>How it was made</h2>\n<dl class="facts">{items}</dl>\n</section>'


def _recipe_in_words(recipe: Preset) -> str:
    """The network, what it saw, and what moved its weights."""
    optimizer = f"{OPTIMIZERS[recipe.optimizer]} with a rate of {recipe.learning_rate:g}"
    falling = ", falling to 0 along a cosine" if recipe.schedule == "cosine" else ""
    border = f"border weight {recipe.w0:g} over {recipe.sigma:g} px" if recipe.w0 else "no border"
    return (
        f"A U-Net of depth {recipe.depth} with {recipe.base_channels} channels at the top, "
        f"{count(recipe.steps, 'step')} of {count(recipe.batch_size, 'tile')} of {recipe.tile} x "
        f"{recipe.tile} px, deformed at random; {optimizer}{falling}; {border}, classes "
        f"{'balanced' if recipe.balance else 'as they come'}."
    )


def _time_in_words(seconds: float) -> str:
    """In minutes from two on."""
    if seconds < 120:
        return count(round(seconds), "second")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _list_of(names: list[str]) -> str:
    """Names in a row, folded away if there are many."""
    row = ", ".join(f"<span>{escape(name)}</span>" for name in names)
    return f"<details><summary>by name</summary>{row}</details>" if len(names) > 12 else row


WORDS = {
    "IoU": "how well two outlines agree: the pixels that both enclose, over those that either "
    "does. 1 is the same outline; above 0.5 a cell counts as found, and can have one partner only.",
    "missed, invented": "a true cell that is background for more than half; a found one that lies "
    "for more than half where nothing is.",
    "merged, split": "two true cells or more that lie, each for more than half, in one found cell; "
    "a true cell that holds more than half of two found ones, or more.",
    "F1": "twice the found cells, over all true and all found ones. Unlike missed and invented it "
    "counts each cell without a partner as wrong, also if only its outline is off.",
    "SEG": "the mean over true cells of the IoU with the found cell that covers more than half of "
    "them; the Cell Tracking Challenge ranks by it.",
    "score": "the mean of F1 at an IoU of 0.5, F1 at 0.7, and SEG; the rule was chosen by it.",
    "pixel error": "the share of annotated pixels that are taken for cell and are not, or the "
    "other way round. The curve is drawn from probabilities above one half, and cells parted "
    "where they touch; the table from the cells.",
}


def _words() -> str:
    """What the numbers mean."""
    items = "".join(f"<dt>{word}</dt><dd>{escape(says)}</dd>" for word, says in WORDS.items())
    return f'<section>\n<h2>What the words mean</h2>\n<dl class="facts">{items}</dl>\n</section>'
