"""The scores of a recorded fold against the threshold at which its map is cut."""

from IPython.display import HTML

from unet_book.pages.explorers.frame import Choice, Slider, figure
from unet_book.pages.results import trainings

__all__ = ["thresholds"]

MEASURES = {
    "rand_error": "Rand error",
    "warping_error": "warping error",
    "pixel_error": "pixel error",
    "v_rand": "1 - V_Rand",
    "v_info": "1 - V_Info",
}


def thresholds(record: dict, name: str = "thresholds") -> HTML:
    """Fold, measure and way of asking in; the error of training and of held-out slices out.

    The line that cuts the map is dragged; the text says what the held-out slices score there, at
    the threshold that is best on training slices, and at the best of all for themselves. Scores of
    which more is better are drawn as what they lack.

    Parameters
    ----------
    record : dict
        That of ISBI 2012, as `records.run` gives it.
    name : str
        The figure's id on the page.

    Returns
    -------
    IPython.display.HTML
    """
    runs = trainings(record)
    ways = {way: way for way in runs[0]["scores"]}
    cuts = runs[0]["scores"][next(iter(ways))]["thresholds"]
    curves = [
        {
            way: {part: _errors(scores[part]) for part in ("train", "test")}
            for way, scores in run["scores"].items()
        }
        for run in runs
    ]
    controls = [
        Choice("measure", "measure", MEASURES),
        Choice("fold", "held out", {k: _slices(run) for k, run in enumerate(runs)}),
        Choice("way", "how it is asked", ways),
        Slider("cut", "threshold", 0, len(cuts) - 1, len(cuts) // 2),
    ]
    alt = (
        "Two curves over the threshold: the error of held-out slices and of training slices. A "
        "vertical line marks the threshold that is best on the training slices."
    )
    tries = (
        "Choose the Rand error, and drag the line from the training slices' best to the curve's "
        "lowest place: what lies between is what nobody may know before the test."
    )
    return figure(name, "thresholds.js", controls, alt, tries, {"cuts": cuts, "curves": curves})


def _errors(scores: dict[str, list[float]]) -> dict[str, list[float | None]]:
    """Each measure as an error, null where it is no number."""
    return {
        measure: [
            None if value != value else round(abs((name[0] == "1") - value), 7)
            for value in scores[measure]
        ]
        for measure, name in MEASURES.items()
    }


def _slices(run: dict) -> str:
    """What is held out, in words."""
    return f"slices {run['test'][0]} to {run['test'][-1]}"
