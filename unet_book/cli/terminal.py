"""What the commands say while they work."""

import os
import sys

__all__ = ["say", "is_watched"]


def say(line: str) -> None:
    """Print a line at once; if nobody reads any more, go on without: what counts are the files.

    Parameters
    ----------
    line : str
        What to say.
    """
    try:
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
