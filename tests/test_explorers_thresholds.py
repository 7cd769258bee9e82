"""The figure of thresholds, moved in a browser and held against the package."""

import re

import numpy as np
import pytest

from unet_book.pages import explorers, results

MEASURES = ("pixel_error", "rand_error", "warping_error", "v_rand", "v_info")
CUTS = [0.1, 0.3, 0.5, 0.7, 0.9]


def recorded():
    """Two folds asked in two ways, with scores drawn at random and one that is no number."""
    draw = np.random.default_rng(11)

    def scores():
        drawn = {measure: draw.uniform(0.02, 0.3, len(CUTS)) for measure in MEASURES}
        for measure in ("v_rand", "v_info"):
            drawn[measure] = 1 - drawn[measure]
        drawn["rand_error"][-1] = np.nan
        return {measure: np.round(values, 7).tolist() for measure, values in drawn.items()}

    ways = ("one pass", "8 symmetries")
    return {
        "folds": [
            {
                "fold": k,
                "test": [3 * k, 3 * k + 1, 3 * k + 2],
                "scores": {
                    way: {"thresholds": CUTS, "train": scores(), "test": scores()} for way in ways
                },
            }
            for k in range(2)
        ]
    }


@pytest.fixture(scope="module")
def record():
    return recorded()


def test_it_says_what_the_package_scores(move, record):
    move(explorers.thresholds(record))
    settings = [
        {"measure": measure, "fold": fold, "way": way, "cut": cut}
        for measure in MEASURES
        for fold in (0, 1)
        for way in ("one pass", "8 symmetries")
        for cut in (0, 2)
    ]
    for how, figure in zip(settings, move.each(settings)):
        measure, scores = how["measure"], record["folds"][how["fold"]]["scores"][how["way"]]
        test = np.array(scores["test"][measure])
        at = [
            how["cut"],
            *(results.best_threshold(scores[look][measure], measure) for look in ("train", "test")),
        ]
        errors = 1 - test[at] if results.rises(measure) else test[at]
        said = [float(number) for number in re.findall(r"\d\.\d+", figure["says"])]
        assert [said[i] for i in (0, 2, 4)] == pytest.approx(errors, abs=5.1e-5)
        assert [said[i] for i in (1, 3, 5)] == pytest.approx(np.array(CUTS)[at])


def test_it_passes_over_what_is_no_number(move, record):
    text = move(explorers.thresholds(record), measure="rand_error", cut=4)
    assert text.startswith("Held out: no number at 0.90")


@pytest.mark.parametrize("width", [390, 900])
def test_it_fits_the_page(page, move, record, width):
    page.set_viewport_size({"width": width, "height": 900})
    move(explorers.thresholds(record))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "slices 3 to 5" in page.inner_text(".explorer")
