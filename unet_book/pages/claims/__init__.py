"""The paper's numbers and design statements, each with what this book finds, from one list.

claims.toml is the list, in the order of the paper; `load` reads it. A `Claim` with a value has a
function that measures it when the ledger is made, from the package or from a recorded run, and its
verdict follows from what is expected, what is found and the tolerance. A claim without a number, a
design statement, names the test that shows that this package does what it says.
"""

# ruff: noqa: F401

from unet_book.pages.claims.claim import DIFFERS, REPRODUCED, UNTESTABLE, Claim, Finding, ledger
from unet_book.pages.claims.loader import CLAIMS, PARTS, load
from unet_book.pages.claims.page import counts, page

__all__ = ["Claim", "Finding", "counts", "ledger", "load", "page"]
