"""What a claim is, and how its verdict follows."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

REPRODUCED, DIFFERS, UNTESTABLE = "reproduced", "differs", "can't be tested"
RELATIONS = ("equals", "at most", "at least", "surely above")


@dataclass(frozen=True)
class Claim:
    """One statement of the paper, and how to check it.

    Parameters
    ----------
    id : a word or two, for links; no other claim has it.
    section : where in the paper it stands.
    says : the statement, in this book's words.
    chapter : the number of the chapter that shows it.
    check : what proves it at every test run: ``tests/test_unet.py::test_name`` or
        ``book/03_architecture.ipynb#cell``, the id of a cell; or the record that it is read from.
    asked : the paper's number, or the one that its words are taken to ask for; a word or a tuple
        where it is no number, None where there is nothing to compare.
    measure : a function of nothing that gives the value found here; None where there is none.
    relation : how the value found has to stand to what is asked: "equals", "at most" (as for an
        error), "at least"; or "surely above", for an interval (low, high), which can't tell as long
        as what is asked lies in it.
    tolerance : how far off it may be, in the value's own unit.
    form : how the values are written, a format specification; `unit` follows them.
    reason : why it differs or can't be tested, or what the comparison is worth.
    testable : whether anyone could test it from what is public and with what this book has.

    Raises ValueError for a relation that is not listed, or a value that could never be compared.
    """

    id: str
    section: str
    says: str
    chapter: int
    check: str
    asked: object = None
    measure: Callable[[], object] | None = None
    relation: str = "equals"
    tolerance: float = 0.0
    form: str = "g"
    unit: str = ""
    reason: str = ""
    testable: bool = True

    def __post_init__(self):
        if self.relation not in RELATIONS:
            raise ValueError(f"a relation is one of {', '.join(RELATIONS)}, not {self.relation!r}")
        if self.testable and self.asked is not None and self.measure is None:
            raise ValueError(f"{self.id} asks for a value and has nothing to measure it")
        if not self.testable and not self.reason:
            raise ValueError(f"{self.id} can't be tested: say why")

    def verdict(self, value) -> str:
        """What follows from the value found."""
        if not self.testable:
            return UNTESTABLE
        if self.asked is None:
            return REPRODUCED  # a design statement, as long as its check passes
        if self.relation == "surely above":
            low, high = value
            return REPRODUCED if low > self.asked else DIFFERS if high < self.asked else UNTESTABLE
        return REPRODUCED if self._agrees(value, self.asked) else DIFFERS

    def _agrees(self, value, asked):
        if isinstance(asked, tuple):
            return len(value) == len(asked) and all(map(self._agrees, value, asked))
        if not isinstance(asked, Real):
            return value == asked
        slack = self.tolerance * (1 + 1e-12)  # a difference of exactly the tolerance is within it
        above, below = value - asked <= slack, asked - value <= slack
        return {"equals": above and below, "at most": above, "at least": below}[self.relation]

    def find(self) -> "Finding":
        """The claim measured, with its verdict."""
        value = None if self.measure is None else self.measure()
        return Finding(self, value, self.verdict(value))


@dataclass(frozen=True)
class Finding:
    """A claim, the value found, None where nothing is measured, and the verdict."""

    claim: Claim
    value: object
    verdict: str


def ledger(claims) -> list[Finding]:
    """Every claim measured, in their order."""
    return [claim.find() for claim in claims]
