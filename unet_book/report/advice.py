"""What to try next: a table of conditions and sentences.

A condition looks at the evidence. Where it holds it gives the numbers that its sentence names, else
None. So each sentence rests on something counted, and a reader can look up on what.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unet_book.report.evidence import NETWORK, OTSU, WATERSHED, Evidence, count

__all__ = ["advise"]

FEW_CELLS, FEW_IMAGES = 50, 3  # below which a number is a first impression
MOST = 5  # sentences; who gets more follows none
EVEN = 0.01  # scores that differ by less are as good as equal


def advise(evidence: Evidence) -> list[str]:
    """The first sentences of the table whose conditions hold.

    Parameters
    ----------
    evidence : Evidence
        Of the held-out images.

    Returns
    -------
    list of str
        One to five.
    """
    told = [(sentence, condition(evidence)) for condition, sentence in ADVICE]
    said = [sentence.format(**numbers) for sentence, numbers in told if numbers is not None]
    return said[:MOST] or [NOTHING]


def _nothing_found(evidence: Evidence) -> dict | None:
    """There are cells, and none is found."""
    cells = evidence.cells
    return {} if cells.size.size and not cells.found.any() else None


def _too_few(evidence: Evidence) -> dict | None:
    """So few that one more or less is two percent, or that one image decides."""
    cells, images = len(evidence.cells.size), len(evidence.annotated)
    if cells >= FEW_CELLS and images >= FEW_IMAGES:
        return None
    return {"cells": count(cells, "cell"), "images": count(images, "image")}


def _no_network_needed(evidence: Evidence) -> dict | None:
    """Otsu is as good."""
    told = _best_otsu(evidence)
    return told if evidence.cells.found.any() and abs(told["best"] - told["mine"]) < EVEN else None


def _worse_than_otsu(evidence: Evidence) -> dict | None:
    """Otsu is better."""
    told = _best_otsu(evidence)
    return told if told["best"] >= told["mine"] + EVEN else None


def _best_otsu(evidence: Evidence) -> dict:
    """The better one of both ways without a network, and its score beside the network's."""
    total = {method: each.score for method, each in evidence.totals.items()}
    best = max((OTSU, WATERSHED), key=total.__getitem__)
    way = {OTSU: "Otsu's threshold alone", WATERSHED: "Otsu's threshold with a watershed"}[best]
    return {"way": way, "best": total[best], "mine": total[NETWORK]}


def _errors(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and the held-out errors measured there."""
    told = [(e["step"], e["error"]) for e in evidence.history if e.get("error") is not None]
    steps, errors = (np.array(column) for column in zip(*told)) if told else (np.zeros(0),) * 2
    return steps, errors


def _still_falling(evidence: Evidence) -> dict | None:
    """In the last third of the steps the error fell by a twentieth or more, and ends lowest."""
    steps, errors = _errors(evidence)
    if len(errors) < 4:
        return None
    late = errors[np.searchsorted(steps, 2 / 3 * steps[-1]) :]
    if errors[-1] > late.min() or errors[-1] > 0.95 * late[0]:
        return None
    return {"before": late[0], "now": errors[-1]}


def _risen(evidence: Evidence) -> dict | None:
    """The error was a fifth lower, and not in the first quarter of the steps, where it jumps."""
    steps, errors = _errors(evidence)
    if len(errors) < 4 or _still_falling(evidence):
        return None
    settled = np.flatnonzero(steps >= steps[-1] / 4)
    best = settled[errors[settled].argmin()]
    if errors[-1] < 1.25 * errors[best] or errors[-1] - errors[best] < 0.002:
        return None
    return {"step": int(steps[best]), "lowest": errors[best], "now": errors[-1]}


def _learned_by_heart(evidence: Evidence) -> dict | None:
    """Half as many wrong pixels again on the held-out images as on those trained on."""
    known, now = evidence.training_error, evidence.errors[NETWORK]
    if known is None or _still_falling(evidence) or now < 1.5 * known or now - known < 0.002:
        return None
    return {"known": known, "now": now}


def _one_image_apart(evidence: Evidence) -> dict | None:
    """The worst image is far below the one in the middle."""
    scored = sorted(evidence.annotated, key=lambda each: each.scores[NETWORK].score)
    if len(scored) < FEW_IMAGES:
        return None
    worst, middle = (scored[place].scores[NETWORK].score for place in (0, len(scored) // 2))
    if middle - worst < 0.25:
        return None
    return {"name": scored[0].name, "worst": worst, "middle": middle}


def _most(evidence: Evidence, kind: Callable[[Evidence], np.ndarray]) -> dict | None:
    """Of four missed cells or more, most are of a kind of which hardly a third of all is."""
    missed, of_kind = evidence.cells.missed, kind(evidence)
    both = int((missed & of_kind).sum())
    if missed.sum() < 4 or 2 * both <= missed.sum() or of_kind.mean() > 1 / 3:
        return None
    return {"part": both, "missed": int(missed.sum())}


def _too_small_for_the_rule(evidence: Evidence) -> dict | None:
    """Most of the missed cells are smaller than what the rule keeps."""
    smallest = evidence.choice.rule.smallest
    numbers = _most(evidence, lambda of: of.cells.size < smallest)
    return None if numbers is None else numbers | {"smallest": smallest}


def _small_ones(evidence: Evidence) -> dict | None:
    """Most of the missed cells are small, though the rule would keep them."""
    if not evidence.cells.size.size or _too_small_for_the_rule(evidence):
        return None
    typical = np.median(evidence.cells.size)
    numbers = _most(evidence, lambda of: of.cells.size < typical / 2)
    return None if numbers is None else numbers | {"typical": int(typical)}


def _faint_ones(evidence: Evidence) -> dict | None:
    """Most of the missed cells hardly differ from the background."""
    if not evidence.cells.size.size:
        return None
    typical = np.median(evidence.cells.contrast)
    return _most(evidence, lambda of: of.cells.contrast < typical / 2)


def _cut_ones(evidence: Evidence) -> dict | None:
    """Most of the missed cells are cut by the edge of their image."""
    return _most(evidence, lambda of: of.cells.at_edge) if evidence.cells.size.size else None


def _many(part: np.ndarray | int, whole: int, least: float) -> dict | None:
    """Three or more, and such a share."""
    part = int(np.sum(part))
    return {"part": part, "whole": whole} if part >= 3 and part > least * whole else None


def _mergers(evidence: Evidence) -> dict | None:
    """More than a twentieth of the cells is merged."""
    return _many(evidence.cells.merged, len(evidence.cells.size), 0.05)


def _pieces(evidence: Evidence) -> dict | None:
    """More than a twentieth of the cells is split."""
    return _many(evidence.cells.split, len(evidence.cells.size), 0.05)


def _inventions(evidence: Evidence) -> dict | None:
    """More than a tenth of what it finds is invented."""
    mistakes = evidence.totals[NETWORK].mistakes
    return _many(mistakes.invented, mistakes.predicted, 0.1)


def _rough_outlines(evidence: Evidence) -> dict | None:
    """A fifth of the cells that count at an IoU of 0.5 do not at 0.7."""
    total = evidence.totals[NETWORK]
    found, strictly = total.matches.found, total.strict.found
    return {"found": found, "part": strictly} if found >= 10 and strictly < 0.8 * found else None


def _threshold_at_the_edge(evidence: Evidence) -> dict | None:
    """None lower, or none higher, was tried."""
    chosen = evidence.choice.rule.threshold
    tried = {rule.threshold for rule, _ in evidence.choice.tried}
    if len(tried) < 3 or chosen not in (min(tried), max(tried)):
        return None
    sides = ("lowest", "few") if chosen == min(tried) else ("highest", "many")
    return {"chosen": chosen, "edge": sides[0], "how": sides[1]}


ADVICE: list[tuple[Callable[[Evidence], dict | None], str]] = [
    (
        _nothing_found,
        "nothing is found, so something is wrong rather than weak. Look at the pictures: are the "
        "masks the right way round (cells above 0), and do they lie on their images? If they do, "
        "train longer.",
    ),
    (
        _too_few,
        "hold out more images before you trust this: {cells} on {images} are too few to tell a "
        "good network from a lucky one.",
    ),
    (
        _no_network_needed,
        "{way} does as well ({best:.2f}, the network {mine:.2f}): on images like these no network "
        "is needed, unless what follows mends it.",
    ),
    (
        _worse_than_otsu,
        "{way} does better ({best:.2f}, the network {mine:.2f}). Train longer first; if that does "
        "not turn it round, images like these need no network.",
    ),
    (
        _still_falling,
        "train for more minutes: the held-out error was still falling at the end, in the last "
        "third from {before:.2%} to {now:.2%}.",
    ),
    (
        _one_image_apart,
        "look at {name} first: it scores {worst:.2f} where the image in the middle scores "
        "{middle:.2f}. If it looks unlike the images trained on, add some of its kind.",
    ),
    (
        _learned_by_heart,
        "annotate more images: {now:.1%} of the held-out pixels are wrong, and only {known:.1%} of "
        "those it was trained on. It has learned these images rather than cells.",
    ),
    (
        _risen,
        "add images rather than minutes: the held-out error was lowest at step {step:,} "
        "({lowest:.2%}) and has risen to {now:.2%} since.",
    ),
    (
        _too_small_for_the_rule,
        "{part} of the {missed} missed cells are smaller than {smallest} px, and what is so small "
        "is dropped. If they matter, choose a lower smallest size.",
    ),
    (
        _small_ones,
        "{part} of the {missed} missed cells are less than half as large as a typical one "
        "({typical} px): enlarge the images, or annotate more small cells.",
    ),
    (
        _faint_ones,
        "{part} of the {missed} missed cells are faint: they stand out less than half as much as "
        "a typical one. Annotate more of these, and make sure that no image leaves them out.",
    ),
    (
        _cut_ones,
        "{part} of the {missed} missed cells are cut by the edge of their image. If you count "
        "whole cells only, leave these out of the count.",
    ),
    (
        _mergers,
        "{part} of {whole} cells are merged: the narrow line between two cells is learned last. "
        "Annotate more cells that touch, train longer, or enlarge the images so that the line is "
        "wider.",
    ),
    (
        _pieces,
        "{part} of {whole} cells are split: a cell much wider than what the network sees looks "
        "like several. Make the images smaller, or annotate more such cells.",
    ),
    (
        _inventions,
        "{part} of the {whole} cells it finds are invented. Look at them first: some may be cells "
        "that the annotation left out. If not, add images of what it takes for cells.",
    ),
    (
        _rough_outlines,
        "outlines are rough: of {found} cells found at an IoU of 0.5 only {part} are at 0.7. See "
        "whether all masks are drawn alike, right at the edge of the cell; then train longer.",
    ),
    (
        _threshold_at_the_edge,
        "the chosen threshold, {chosen:g}, is the {edge} that was tried: at one half the network "
        "takes too {how} pixels for cells. Masks drawn at another edge than the one that shows in "
        "the image can do that, or too short a training.",
    ),
]
NOTHING = (
    "nothing stands out. Try it on images of another day, and count there again with unet-book "
    "evaluate before you rely on it."
)
