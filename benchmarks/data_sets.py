"""Chapter 2's figures of the three sets that may not be passed on: numbers only, no pixels.

    UNET_BOOK_DATA=folder/with/the/sets python benchmarks/data_sets.py [--trial]

writes data/runs/data_sets.json, and runs only from a checkout without changes, so that the record
names a revision that can be checked out again; with --trial it prints and writes nothing. A
minute on one CPU core.
"""

import json
import re
import sys
import time
from pathlib import Path

from unet_book import datasets
from unet_book._files import write_atomically
from unet_book.pages import records, survey
from unet_book.run import revision, versions

# What each record was made from: of the two tracking sets, the official archives hold more.
SETS = {
    "isbi2012": "30 training slices",
    "phc-u373": "sequence 02, the 19 frames with gold truth",
    "dic-hela": "sequence 01, the 84 frames with silver truth",
}
RECORD = Path(__file__).parent.parent / "data" / "runs" / "data_sets.json"


def main(trial):
    made_at = revision() if trial else records.clean_revision()
    began, sets = time.perf_counter(), {}
    for name, what in SETS.items():
        stack = datasets.load(name, "all")
        # The tracking sets' truth is one-sided near the edge: background is unknown, cells are not.
        margin = datasets.CTC_MARGIN if name in datasets.CTC else 0
        sets[name] = {"what": what, "source": stack.source, **survey.describe(stack, margin)}
    record = {
        "command": "python benchmarks/data_sets.py",
        "device": "CPU",
        "versions": versions("numpy", "scipy"),
        "revision": made_at,
        "seconds": round(time.perf_counter() - began, 1),
        "sets": sets,
    }
    lines = json.dumps(record, indent=1)
    text = re.sub(r"(?<=[\[\d,])\s+(?=[\d\]-])", " ", lines)  # each list of numbers on one line
    if trial:
        print(text)
    else:
        write_atomically(RECORD, text.encode())


if __name__ == "__main__":
    main("--trial" in sys.argv[1:])
