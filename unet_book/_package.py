"""Where this package lies and what comes with it, installed or in a checkout."""

from pathlib import Path

__all__ = ["shipped", "checkout"]

ROOM = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """The folder that comes with the package: in it where installed, else beside it.

    Parameters
    ----------
    folder : str
        Its name, such as "data/runs".

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        Where there is none.
    """
    for place in (ROOM / folder, ROOM.parent / folder):
        if place.is_dir():
            return place
    raise FileNotFoundError(
        f"{folder} is neither in {ROOM} nor beside it; install the package again"
    )


def checkout() -> Path:
    """The folder that holds the package: of a checkout its root.

    Returns
    -------
    Path
    """
    return ROOM.parent
