"""Where this package lies and what comes with it, installed or in a checkout."""

from pathlib import Path

ROOM = Path(__file__).resolve().parent


def shipped(folder: str) -> Path | None:
    """The folder of that name that comes with the package; None if there is none."""
    places = (place / folder for place in (ROOM, ROOM.parent))
    return next(filter(Path.is_dir, places), None)


def checkout() -> Path:
    """The folder that holds the package: of a checkout its root."""
    return ROOM.parent
