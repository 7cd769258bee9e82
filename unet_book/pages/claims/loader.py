"""The claims of the paper (Ronneberger, Fischer, Brox 2015), read from claims.toml."""

import inspect
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import partial
from pathlib import Path

from unet_book.pages.claims import measures
from unet_book.pages.claims.checks import missing
from unet_book.pages.claims.claim import Claim

__all__ = ["load"]

FILE = Path(__file__).with_name("claims.toml")
REQUIRED = [field.name for field in fields(Claim) if field.default is MISSING]
KNOWN = [field.name for field in fields(Claim)] + ["arguments"]


def load(path: Path = FILE, root: Path | None = None) -> dict[str, tuple[Claim, ...]]:
    """The claims of a file, part by part, in its order.

    Parameters
    ----------
    path : Path
        A TOML file with an array of tables for each part; a table has the fields of `Claim`, with
        `measure` the name of a function of `measures`, and `arguments` for it.
    root : Path or None
        The checkout in which each check has to be found; None where none is looked for.

    Returns
    -------
    dict of str to tuple of Claim

    Raises
    ------
    ValueError
        In one line, with the claim's key: for a field that is missing or unknown, a measure that
        there is not or that does not take the arguments, a check that is not there, a key that
        occurs twice, or what `Claim` refuses; and for text that is not TOML.
    """
    file = tomllib.loads(path.read_text(encoding="utf-8"))
    parts = {part: _part(part, entries) for part, entries in file.items()}
    claims = [claim for part in parts.values() for claim in part]
    for key, times in Counter(claim.key for claim in claims).items():
        if times > 1:
            raise ValueError(f"{times} claims have the key {key!r}: each needs its own")
    for claim in claims:
        if root is not None and (why := missing(claim.check, root)):
            raise ValueError(f"{claim.key}: {why}")
    return parts


def _part(name: str, entries: object) -> tuple[Claim, ...]:
    """The claims of a part of the file."""
    if not isinstance(entries, list):  # of tables, as [[name]] makes it
        raise ValueError(f"{name} is no list of claims: write [[{name}]] above each of them")
    return tuple(map(_claim, entries))


def _claim(entry: dict) -> Claim:
    """A claim from its table in the file."""
    name = entry.get("key", entry.get("says", "a claim"))
    if lacking := [field for field in REQUIRED if field not in entry]:
        raise ValueError(f"{name} has no {', '.join(lacking)}")
    if unknown := [field for field in entry if field not in KNOWN]:
        raise ValueError(f"{name} has {', '.join(unknown)}; a claim has {', '.join(KNOWN)}")
    entry = {field: _frozen(value) for field, value in entry.items()}
    arguments = entry.pop("arguments", ())
    if "measure" in entry:
        entry["measure"] = _measure(name, entry["measure"], arguments)
    elif arguments:
        raise ValueError(f"{name} has arguments {arguments} and no measure that takes them")
    return Claim(**entry)


def _frozen(value: object) -> object:
    """A list of the file as a tuple, anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def _measure(claim: str, name: str, arguments: tuple) -> Callable[[], object]:
    """The function of `measures` of that name, waiting to be called with these arguments."""
    if name not in measures.__all__:
        raise ValueError(f"{claim}: measures.py has no measure {name!r}")
    function = getattr(measures, name)
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        raise ValueError(f"{claim}: {name}{arguments}: {error}") from None
    return partial(function, *arguments)


PARTS = load()
CLAIMS = tuple(claim for part in PARTS.values() for claim in part)
