"""How fast a prediction is scored, image by image, beside what one could install for it.

    make bench ONLY=metrics                # the record, benchmarks/results/metrics.json
    python benchmarks/metrics.py --trial   # the tables, and no record

One image of 512 x 512 and one thread: the metrics of the ISBI 2012 challenge on membranes, and SEG
of the Cell Tracking Challenge on cells. The membranes are those of the first training slice where
UNET_BOOK_DATA has ISBI 2012, else a phantom's; the cells are a phantom's. What is scored is the
image itself, blurred: a membrane is dark and a cell bright, so gray values do as probabilities, and
the mistakes are those of a bad network, more than a good one makes.

scikit-image's `adapted_rand_error` takes all predicted membrane for one segment, where the
challenge takes each of its pixels for one; without predicted membrane the two agree. Its watershed
thins. py-ctcmetrics reads label images from files: here it is handed arrays.
"""

from unittest import mock

import harness
import numpy as np
from harness import OURS, Row, find, target
from scipy import ndimage

from unet_book import datasets, metrics
from unet_book.datasets import phantom
from unet_book.metrics.segments import segments

SIDE, THRESHOLD, BLUR = 512, 0.5, 2.0
FAMILY, RAND = "Rand error, V_Rand and V_Info of a mask", "Rand error of labels"
THIN, WARP, ALL, SEG = "thinning", "warping error", "all at one threshold", "SEG of labels"
ADAPTED, WATERSHED = "scikit-image adapted_rand_error", "scikit-image watershed"
CTC = "py-ctcmetrics"
NEEDS = {ADAPTED: "scikit-image", WATERSHED: "scikit-image", CTC: "py-ctcmetrics"}
METHODS = {
    OURS: "unet_book.metrics",
    ADAPTED: "skimage.metrics.adapted_rand_error(truth, labels)",
    WATERSHED: "ndimage.label, then skimage.segmentation.watershed with watershed_line=True",
    CTC: "ctc_metrics' match and seg, which read arrays instead of files",
}


# ---- what is scored


def membranes(side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Truth (instance labels, int32) and a probability of cell, float32, of one image."""
    if datasets.is_here("isbi2012"):
        stack = datasets.load("isbi2012", "train")
        image, truth = stack.images[0, :side, :side], stack.labels[0, :side, :side]
    else:
        image, truth = phantom.membranes((side, side), seed=0)
    return segments(truth), as_probability(image, (truth > 0).mean())


def cells(side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted instance labels, int32, of one image of cells."""
    image, truth = phantom.cells((side, side), seed=0)
    found = as_probability(image, (truth > 0).mean()) > THRESHOLD
    return truth, segments(found)


def as_probability(image: np.ndarray, share: float) -> np.ndarray:
    """The blurred image between 0 and 1, brought to that share of pixels above the threshold."""
    blurred = ndimage.gaussian_filter(image.astype(np.float32), BLUR)
    return np.clip(blurred * THRESHOLD / np.quantile(blurred, 1 - share), 0, 1)


# ---- what scores it


def family(truth: np.ndarray, mask: np.ndarray) -> list[float]:
    """The three, as a training would ask for them."""
    return [score(truth, mask) for score in (metrics.rand_error, metrics.v_rand, metrics.v_info)]


def adapted(truth: np.ndarray, labels: np.ndarray) -> float:
    """scikit-image's adapted Rand error."""
    from skimage.metrics import adapted_rand_error

    return adapted_rand_error(truth, labels)[0]


def watershed(mask: np.ndarray) -> np.ndarray:
    """scikit-image's way to segments that a line parts."""
    from skimage import segmentation

    parts = ndimage.label(mask)[0]
    return segmentation.watershed(~mask, parts, connectivity=1, watershed_line=True)


def of_ctcmetrics(truth: np.ndarray, labels: np.ndarray) -> float:
    """SEG as py-ctcmetrics has it; where it would read two files it gets the two arrays."""
    from ctc_metrics.metrics import seg
    from ctc_metrics.utils import representations

    files = {__file__: truth, "labels": labels}  # it asks whether the first one exists
    with mock.patch.object(representations.tiff, "imread", lambda file: files[file].copy()):
        ids, _, _, _, overlaps = representations.match(*files)
    return seg([ids], [overlaps])


# ---- the record


def case_of(what: str) -> str:
    """What is scored, and on which image."""
    if what == SEG:
        return f"{what}, phantom's cells"
    real = datasets.is_here("isbi2012")
    return f"{what}, {'ISBI slice 0' if real else 'membranes of a phantom'}"


def rows_of(names: list[str], methods: list[str]) -> list[Row]:
    """What is timed, of the cases and methods of those names."""
    truth, probability = membranes(SIDE)
    mask = probability > THRESHOLD
    labels, true_cells, found_cells = segments(mask), *cells(SIDE)
    runs = {
        FAMILY: {OURS: lambda: family(truth, mask)},
        RAND: {
            OURS: lambda: metrics.rand_error(truth, labels),
            ADAPTED: lambda: adapted(truth, labels),
        },
        THIN: {OURS: lambda: metrics.thin(mask), WATERSHED: lambda: watershed(mask)},
        WARP: {OURS: lambda: metrics.warping_error(truth, mask)},
        ALL: {OURS: lambda: metrics.challenge_scores(truth, probability, [THRESHOLD])},
        SEG: {
            OURS: lambda: metrics.seg(true_cells, found_cells),
            CTC: lambda: of_ctcmetrics(true_cells, found_cells),
        },
    }
    return [
        Row(case_of(what), method, run)
        for what, of in runs.items()
        if case_of(what) in names
        for method, run in of.items()
        if method in methods
    ]


def difference(methods: list[str]) -> dict:
    """How far our values are from the peers', where both define the same."""
    found = {}
    if ADAPTED in methods:
        truth, probability = membranes(SIDE)
        filled = ndimage.distance_transform_edt(  # every pixel gets the nearest cell's number
            probability <= THRESHOLD, return_distances=False, return_indices=True
        )
        labels = segments(probability > THRESHOLD)[tuple(filled)]
        found[RAND] = abs(metrics.rand_error(truth, labels) - adapted(truth, labels))
    if CTC in methods:
        found[SEG] = abs(metrics.seg(*cells(SIDE)) - of_ctcmetrics(*cells(SIDE)))
    return found


def targets(rows: list[dict], found: dict) -> list[dict]:
    """What was asked for."""
    lines = []
    for what, most in ((FAMILY, 10), (WARP, 50)):
        seconds = find(rows, case_of(what), OURS)
        lines.append(target(f"{what}, ms", seconds and 1000 * seconds, most=most))
    lines.append(target("Rand error: difference from scikit-image's", found.get(RAND), most=1e-9))
    lines.append(target("SEG: difference from py-ctcmetrics'", found.get(SEG), most=1e-9))
    return lines


def measure(names: list[str], methods: list[str], rounds: int) -> dict:
    """The record's figures for the cases and methods of those names."""
    rows, found = harness.timed(rows_of(names, methods), rounds), difference(methods)
    return {
        "cases": {case: f"{SIDE} x {SIDE} pixels" for case in names},
        "methods": {method: told for method, told in METHODS.items() if method in methods},
        "rows": rows,
        "difference": found,
        "targets": targets(rows, found),
    }


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""
    harness.benchmark(
        "metrics",
        __doc__,
        [case_of(what) for what in (FAMILY, RAND, THIN, WARP, ALL, SEG)],
        harness.of_methods(measure, METHODS, NEEDS),
        arguments,
        rounds=31,
        threads=1,
        packages=("scipy", "numba"),
        peers=NEEDS.values(),
    )


if __name__ == "__main__":
    main()
