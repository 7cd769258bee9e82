"""What the commands say while they work."""

import os
import sys
from collections.abc import Iterator, Sequence

from tqdm.auto import tqdm

__all__ = ["say", "is_watched", "progress"]


def say(line: str) -> None:
    """Print a line at once; if nobody reads any more, go on without: what counts are the files.

    Parameters
    ----------
    line : str
        What to say.
    """
    try:
        with tqdm.external_write_mode():  # a bar makes room for it
            print(line, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")


def is_watched() -> bool:
    """Whether a terminal shows what goes to stderr, which a program without one may have closed.

    Returns
    -------
    bool
    """
    return sys.stderr is not None and sys.stderr.isatty()


def progress(items: Sequence[object], unit: str, inner: bool = False) -> Iterator[object]:
    """The items in turn, and for who watches a bar with the time that is left; nothing in a log.

    Parameters
    ----------
    items : sequence of object
        What there is to do.
    unit : str
        What they are.
    inner : bool
        Whether they are a part of another bar's item: no trace is left then.

    Yields
    ------
    object
        Each item.
    """
    hidden = not is_watched() or inner and len(items) < 2
    yield from tqdm(items, unit=unit, leave=not inner, disable=hidden)
