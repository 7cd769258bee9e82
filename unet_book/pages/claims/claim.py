"""What a claim is, and how its verdict follows."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

__all__ = ["Claim", "Finding", "ledger"]

REPRODUCED, DIFFERS, UNTESTABLE = "reproduced", "differs", "can't be tested"
RELATIONS = ("equals", "at most", "at least", "surely above")


@dataclass(frozen=True)
class Claim:
    """One statement of the paper, and how to check it.

    Parameters
    ----------
    key : str
        A word or a few, for links; no other claim has it.
    section : str
        Where in the paper it stands.
    says : str
        The statement, in this book's words.
    chapter : int
        The number of the chapter that shows it.
    check : str
        What proves it at every test run: ``tests/test_unet.py::test_name`` or
        ``book/03_architecture.ipynb#cell``, the id of a cell; or the record that it is read from.
    testable : bool
        Whether anyone could test it from what is public and with what this book has.
    measure : callable or None
        A function of nothing that gives the value found here; None where there is none.
    expected : object
        The paper's number, or the one that its words are taken to ask for; a word or a tuple where
        it is no number, None where there is nothing to compare: a design statement, which stands
        on its check.
    relation : {"equals", "at most", "at least", "surely above"}
        How the value found has to stand to what is expected: "at most" as for an error; "surely
        above" for an interval (low, high), which can't tell as long as what is expected lies in it.
    tolerance : float
        How far off it may be, in the value's own unit.
    form : str
        How the values are written, a format specification.
    unit : str
        What follows the value found.
    reason : str
        Why it differs or can't be tested, or what the comparison is worth.

    Raises
    ------
    ValueError
        For a relation that is not listed, a value that is expected and not measured, or a claim
        that can't be tested and does not say why.
    """

    key: str
    section: str
    says: str
    chapter: int
    check: str
    testable: bool = True
    measure: Callable[[], object] | None = None
    expected: object = None
    relation: str = "equals"
    tolerance: float = 0.0
    form: str = "g"
    unit: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if self.relation not in RELATIONS:
            known = ", ".join(RELATIONS)
            raise ValueError(f"{self.key}: relation is one of {known}, not {self.relation!r}")
        if self.testable and self.expected is not None and self.measure is None:
            raise ValueError(f"{self.key} expects {self.expected!r} and has nothing to measure it")
        if not self.testable and not self.reason:
            raise ValueError(f"{self.key} can't be tested: say why, as its reason")

    def verdict(self, value: object) -> str:
        """What follows from the value found.

        Parameters
        ----------
        value : object
            As `measure` gives it.

        Returns
        -------
        {"reproduced", "differs", "can't be tested"}
        """
        if not self.testable:
            return UNTESTABLE
        if self.expected is None:
            return REPRODUCED  # a design statement, as long as its check passes
        if self.relation == "surely above":
            low, high = value
            if low > self.expected:
                return REPRODUCED
            return DIFFERS if high < self.expected else UNTESTABLE
        return REPRODUCED if self._agrees(value, self.expected) else DIFFERS

    def _agrees(self, value: Any, expected: Any) -> bool:
        """Whether the value is what is expected, up to the tolerance."""
        if isinstance(expected, tuple):
            return len(value) == len(expected) and all(map(self._agrees, value, expected))
        if not isinstance(expected, Real):
            return value == expected
        slack = self.tolerance * (1 + 1e-12)  # a difference of exactly the tolerance is within it
        above, below = value - expected <= slack, expected - value <= slack
        return {"equals": above and below, "at most": above, "at least": below}[self.relation]

    def find(self) -> "Finding":
        """The claim measured, with its verdict.

        Returns
        -------
        Finding
        """
        value = None if self.measure is None else self.measure()
        return Finding(self, value, self.verdict(value))


@dataclass(frozen=True)
class Finding:
    """A claim, what was found, and the verdict.

    Parameters
    ----------
    claim : Claim
        What the paper says.
    value : object
        What is found here; None where nothing is measured.
    verdict : {"reproduced", "differs", "can't be tested"}
        What follows.
    """

    claim: Claim
    value: object
    verdict: str


def ledger(claims: list[Claim]) -> list[Finding]:
    """Every claim measured, in their order.

    Parameters
    ----------
    claims : list of Claim
        What is to be measured.

    Returns
    -------
    list of Finding
    """
    return [claim.find() for claim in claims]
