"""The paper's numbers and design statements, each with what this book finds, from one list.

`CLAIMS` is the list, in the order of the paper. A `Claim` with a value has a function that
measures it when the ledger is made, from the package or from a recorded run, and its verdict
follows from what is asked, what is found and the tolerance. A claim without a number, a
design statement, names the test that shows that this package does what it says.
"""

# ruff: noqa: F401

from unet_book.pages.claims.claim import DIFFERS, REPRODUCED, UNTESTABLE, Claim, Finding, ledger
from unet_book.pages.claims.page import counts, page
from unet_book.pages.claims.paper import CLAIMS, PARTS

__all__ = ["Claim", "Finding", "counts", "ledger", "page"]
