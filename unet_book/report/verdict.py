"""What the counts mean, in sentences that a biologist would use."""

from __future__ import annotations

from dataclasses import dataclass

from unet_book.report.advice import advise
from unet_book.report.evidence import NETWORK, OTSU, WATERSHED, Evidence, count

__all__ = ["Verdict", "judge", "share", "beaten"]

SAID = 3  # sentences of advice in a terminal; the page has all


@dataclass(frozen=True)
class Verdict:
    """How good a trained network is, in words.

    Parameters
    ----------
    headline : str
        In half a line.
    findings : list of str
        What was counted.
    advice : list of str
        What to try next.
    """

    headline: str
    findings: list[str]
    advice: list[str]

    @property
    def lines(self) -> list[str]:
        """What a terminal prints: findings, and the first of the advice (list of str)."""
        return [*self.findings, *(f"Next: {sentence}" for sentence in self.advice[:SAID])]


def judge(evidence: Evidence) -> Verdict:
    """Say what the evidence says.

    Parameters
    ----------
    evidence : Evidence
        Of the held-out images.

    Returns
    -------
    Verdict
    """
    findings = [_found(evidence), _neighbors(evidence), _beside_otsu(evidence)]
    return Verdict(_headline(evidence), [text for text in findings if text], advise(evidence))


def share(part: int, whole: int) -> str:
    """A share in percent, where there are enough to speak of percents.

    Parameters
    ----------
    part, whole : int
        How many of how many.

    Returns
    -------
    str
        With a blank before it, and nothing below twenty. Only all are 100%, and only none are 0%.

    Examples
    --------
    >>> share(30, 40), share(1999, 2000), share(2, 3)
    (' (75%)', ' (99%)', '')
    """
    if whole < 20:
        return ""
    percent = int(100 * part / whole + 0.5)
    return f" ({min(max(percent, 1), 99) if 0 < part < whole else percent}%)"


def beaten(evidence: Evidence, method: str) -> tuple[int, int, int]:
    """On how many images the network is better than another method, as good, and worse.

    Parameters
    ----------
    evidence : Evidence
        Of the held-out images.
    method : str
        The other one.

    Returns
    -------
    tuple of int
        Three numbers.
    """
    apart = [each.scores[NETWORK].score - each.scores[method].score for each in evidence.annotated]
    better, worse = (sum(sign * gap > 0 for gap in apart) for sign in (1, -1))
    return better, len(apart) - better - worse, worse


def _headline(evidence: Evidence) -> str:
    """The verdict in half a line."""
    found, cells = evidence.totals[NETWORK].matches.found, len(evidence.cells.size)
    if not cells:
        return "No cell to find, and so no verdict"
    if not found:
        return f"It finds none of the {count(cells, 'cell')}" if cells > 1 else "It misses the cell"
    if found == cells:
        return f"It finds all {count(cells, 'cell')}" if cells > 1 else "It finds the one cell"
    return f"It finds {found:,} of {count(cells, 'cell')}"


def _found(evidence: Evidence) -> str:
    """Found, missed, invented."""
    cells, invented = evidence.cells, evidence.totals[NETWORK].mistakes.invented
    images = count(len(evidence.annotated), "image") + (
        ", each seen by a network that did not train on it"
        if evidence.crossed
        else " that the network did not train on"
    )
    if not cells.size.size:
        return f"There is no cell on the {images}; it invents {invented:,}."
    found, missed = int(cells.found.sum()), int(cells.missed.sum())
    text = (
        f"Of {count(len(cells.size), 'cell')} on {images}, it finds {found:,}"
        f"{share(found, len(cells.size))} with their outline (IoU above 0.5), misses {missed:,}, "
        f"and invents {invented:,}."
    )
    rest = len(cells.size) - found - missed
    if rest:
        others = "The other one it sees" if rest == 1 else f"The other {rest:,} it sees"
        text += f" {others}, but outlines wrongly: merged, split, or too far off."
    return text


def _neighbors(evidence: Evidence) -> str:
    """Merged and split."""
    cells = evidence.cells
    if not cells.size.size:
        return ""
    touching, split = int(cells.touches.sum()), count(int(cells.split.sum()), "cell")
    merged, close = int(cells.merged.sum()), int((cells.merged & cells.touches).sum())
    if not touching:
        return f"No two cells touch; it merges {merged:,} all the same, and splits {split}."
    text = f"It merges {close:,} of the {touching:,} cells that touch another one"
    apart = merged - close
    also = f", {apart:,} more that {'lies' if apart == 1 else 'lie'} apart," if apart else ""
    return f"{text}{also} and splits {split}."


def _beside_otsu(evidence: Evidence) -> str:
    """Better than what needs no network, or not."""
    images, total = len(evidence.annotated), {m: s.score for m, s in evidence.totals.items()}
    (alone, even, _), (parted, evenly, _) = (beaten(evidence, way) for way in (OTSU, WATERSHED))
    ties = [f" (as good on {ties})" if ties else "" for ties in (even, evenly)]
    return (
        f"It is better than Otsu's threshold on {alone} of {count(images, 'image')}{ties[0]}, and "
        f"than Otsu with a watershed on {parted}{ties[1]}. Over all it scores {total[NETWORK]:.2f} "
        f"of 1, these {total[OTSU]:.2f} and {total[WATERSHED]:.2f} (the mean of F1 at IoU 0.5, F1 "
        "at 0.7, and SEG)."
    )
