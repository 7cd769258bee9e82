"""Chapter 2's figures of the three sets that may not be passed on: numbers only, no pixels.

    UNET_BOOK_DATA=folder/with/the/sets python benchmarks/data_sets.py [--trial]

writes data/runs/data_sets.json, and runs only from a checkout without changes, so that the record
names a revision that can be checked out again; with --trial it prints and writes nothing. A
minute on one CPU core.
"""

import harness

from unet_book import datasets
from unet_book.pages import survey
from unet_book.provenance import versions

# What each record was made from: of the two tracking sets, the official archives hold more.
SETS = {
    "isbi2012": "30 training slices",
    "phc-u373": "sequence 02, the 19 frames with gold truth",
    "dic-hela": "sequence 01, the 84 frames with silver truth",
}


def measure() -> dict:
    """The figures of each set, and the versions of the packages that they depend on."""
    sets = {}
    for name, what in SETS.items():
        stack = datasets.load(name, "all")
        # The tracking sets' truth is one-sided near the edge: background is unknown, cells are not.
        margin = datasets.CTC_MARGIN if name in datasets.CTC else 0
        sets[name] = {"what": what, "source": stack.source, **survey.describe(stack, margin)}
    return {"versions": versions("numpy", "scipy"), "sets": sets}


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""
    options = harness.trial_parser(__doc__, "the figures printed").parse_args(arguments)
    harness.experiment("data_sets", measure, arguments, trial=options.trial)


if __name__ == "__main__":
    main()
