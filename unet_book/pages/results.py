"""The paper's two tables, the recorded runs beside them, and the spread of a score over folds.

A probability map has no score until it is cut at a threshold, and the threshold is chosen by
somebody who looks at labels. Here that is done on other slices than those that are scored, so that
a held-out score has seen no held-out label.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

__all__ = [
    "rises",
    "best_threshold",
    "trainings",
    "fold_scores",
    "kind",
    "run_scores",
    "Interval",
    "interval",
]

# Table 1: the electron-microscopy challenge on 6 March 2015, by warping error.
TABLE_1 = {
    "human": {"warping_error": 0.000005, "rand_error": 0.0021, "pixel_error": 0.0010},
    "u-net": {"warping_error": 0.000353, "rand_error": 0.0382, "pixel_error": 0.0611},
    "DIVE-SCI": {"warping_error": 0.000355, "rand_error": 0.0305, "pixel_error": 0.0584},
    "IDSIA": {"warping_error": 0.000420, "rand_error": 0.0504, "pixel_error": 0.0613},
    "DIVE": {"warping_error": 0.000430, "rand_error": 0.0545, "pixel_error": 0.0582},
    "IDSIA-SCI": {"warping_error": 0.000653, "rand_error": 0.0189, "pixel_error": 0.1027},
}

# Table 2: the Cell Tracking Challenge's SEG, which the paper calls IOU.
TABLE_2 = {
    "IMCB-SG (2014)": {"phc-u373": 0.2669, "dic-hela": 0.2935},
    "KTH-SE (2014)": {"phc-u373": 0.7953, "dic-hela": 0.4607},
    "HOUS-US (2014)": {"phc-u373": 0.5323, "dic-hela": None},
    "second-best 2015": {"phc-u373": 0.83, "dic-hela": 0.46},
    "u-net (2015)": {"phc-u373": 0.9203, "dic-hela": 0.7756},
}

# Not in the paper: what the challenge's board, which ranked by V_Rand later, says of its network.
BOARD = {"v_rand": 0.97276, "v_info": 0.98662}

# What this book set out to reach, before it measured.
GOALS = {
    "pixel_error": 0.045,
    "rand_error": 0.035,
    "warping_error": 0.0003,
    "v_rand": 0.980,
    "v_info": 0.988,
    "phc-u373": 0.93,
    "dic-hela": 0.85,
}


def rises(measure: str) -> bool:
    """Whether more of a measure is better: of all but the errors.

    Parameters
    ----------
    measure : str
        Such as "rand_error" or "v_rand".

    Returns
    -------
    bool
    """
    return not measure.endswith("_error")


def best_threshold(scores: ArrayLike, measure: str) -> int:
    """The index of the best of some scores, one for each threshold; the first of equals.

    A score that is not a number, as where the cut leaves no cell, is passed over.

    Parameters
    ----------
    scores : array_like, (thresholds,)
        A measure at each threshold.
    measure : str
        Its name, which says whether more is better.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        Where none is a number.

    Examples
    --------
    >>> best_threshold([0.3, 0.1, 0.2], "rand_error"), best_threshold([0.3, 0.1, 0.2], "v_rand")
    (1, 0)
    """
    scores = np.asarray(scores, float)
    if not np.isfinite(scores).any():
        raise ValueError(f"no threshold has a {measure}: {scores.tolist()}")
    return int(np.nanargmax(scores) if rises(measure) else np.nanargmin(scores))


def trainings(record: dict) -> list[dict]:
    """The trainings of a record, whether their test images are folds or always the same.

    Parameters
    ----------
    record : dict
        Of a table, as data/runs/README.md describes it.

    Returns
    -------
    list of dict
        Without the means of several networks.
    """
    runs = record["folds"] if "folds" in record else record["runs"]
    return [run for run in runs if "history" in run or not run.get("seeds")]


def fold_scores(
    record: dict,
    measure: str,
    way: str = "8 symmetries",
    look: str = "train",
    networks: str = "final",
) -> np.ndarray:
    """A score of each fold's held-out slices, at the threshold that was best on other slices.

    Parameters
    ----------
    record : dict
        A recorded run on ISBI 2012, as data/runs/README.md describes it.
    measure : {"pixel_error", "rand_error", "warping_error", "v_rand", "v_info"}
        Which score.
    way : {"one pass", "7 rotations", "8 symmetries"}
        How the network was asked.
    look : {"train", "validation", "test"}
        Whose labels choose the threshold: the slices that trained the network; those that no
        network of the choice has seen, whose inner trainings choose for the final one, too; or the
        held-out slices themselves, as the challenge had it.
    networks : {"final", "inner", "mean", "inner mean"}
        Whose score it is: of each network that was trained on all of the fold's training slices; of
        each that was trained without those that validate; of the mean of the former, or of the
        latter.

    Returns
    -------
    ndarray of float64, (folds,)
        In the folds' order; where a fold was trained from several seeds, their mean.

    Raises
    ------
    KeyError
        For networks or labels that the record has not.
    """
    runs, found = record["folds"], {}
    for run in runs:
        if kind(run) == networks:
            looked = (
                [run]
                if look != "validation" or run.get("inner")
                else [
                    other
                    for other in runs
                    if kind(other) == "inner" and other["fold"] == run["fold"]
                ]
            )
            swept = np.mean([other["scores"][way][look][measure] for other in looked], axis=0)
            score = run["scores"][way]["test"][measure][best_threshold(swept, measure)]
            found.setdefault(run["fold"], []).append(score)
    if not found:
        raise KeyError(f"the record has no networks {networks!r}")
    return np.array([np.mean(found[fold]) for fold in sorted(found)])


def kind(run: dict) -> str:
    """Whose scores an entry of a record has.

    Parameters
    ----------
    run : dict
        An entry.

    Returns
    -------
    {"final", "inner", "mean", "inner mean"}

    Examples
    --------
    >>> kind({"fold": 0, "inner": True, "seeds": [0, 1]})
    'inner mean'
    """
    words = ["inner"] * bool(run.get("inner")) + ["mean"] * bool(run.get("seeds"))
    return " ".join(words) or "final"


def run_scores(record: dict, measure: str = "seg", way: str = "8 symmetries") -> np.ndarray:
    """A score of each training of one of the Cell Tracking Challenge's sets, in their order.

    Threshold and growth were chosen on training frames.

    Parameters
    ----------
    record : dict
        A recorded run on "phc-u373" or "dic-hela".
    measure : {"seg", "iou"}
        Which score.
    way : {"one pass", "8 symmetries"}
        How the network was asked.

    Returns
    -------
    ndarray of float64, (trainings,)

    Raises
    ------
    KeyError
        For a way or a measure that the record has not.
    """
    scores = [run["scores"] for run in trainings(record)]
    if way != "one pass":  # whose scores lie on top, the others' below their names
        scores = [score[way] for score in scores]
    return np.array([score[measure] for score in scores])


@dataclass(frozen=True)
class Interval:
    """A mean, and how far on each side of it the interval reaches.

    Parameters
    ----------
    mean : float
        Its middle.
    half : float
        Half of its width.
    """

    mean: float
    half: float

    @property
    def low(self) -> float:
        """Its lower end (float)."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Its upper end (float)."""
        return self.mean + self.half


def interval(values: ArrayLike, held_out: float = 0.0, confidence: float = 0.95) -> Interval:
    """The t interval of the mean of some values; for the folds of a cross-validation, widened.

    Runs that share nothing vary as they look: the squared half width is t^2 s^2 / n. Folds share
    most of their training data and vary together, which no comparison of folds can see. With
    `held_out`, 1/n becomes 1/n + held_out (Nadeau and Bengio 2003), a rule of thumb.

    Parameters
    ----------
    values : array_like, (n,)
        One a run or fold.
    held_out : float
        The number of held-out items for each one trained on: 1/4 with five folds.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        For fewer than two values.

    Examples
    --------
    >>> interval([1.0, 2.0, 3.0]).mean
    2.0
    """
    values = np.asarray(values, float)
    if len(values) < 2:
        raise ValueError(f"an interval takes two values at least, got {len(values)}")
    t = stats.t.ppf((1 + confidence) / 2, len(values) - 1)
    half = t * values.std(ddof=1) * math.sqrt(1 / len(values) + held_out)
    return Interval(float(values.mean()), float(half))
