"""``unet-book reproduce``, once its inputs have been looked at."""

from argparse import Namespace
from collections.abc import Iterable

from unet_book.cli.terminal import is_watched, say
from unet_book.training.distributed import choose_device

__all__ = ["reproduce_parts"]


def reproduce_parts(choice: Namespace, names: Iterable[str]) -> None:
    """Train and score parts of a table; its record when none is missing.

    Parameters
    ----------
    choice : Namespace
        The options of ``unet-book reproduce``.
    names : iterable of str
        Of the parts.
    """
    from unet_book.pages import reproduce  # which no other command needs

    parts = {part.name: part for part in reproduce.TABLES[choice.table].parts}
    choice.out.mkdir(parents=True, exist_ok=True)
    device = choose_device(choice.device)
    for name in names:
        run = reproduce.run_part(
            choice.table, parts[name], choice.out, device, progress=is_watched()
        )
        say(f"{name}: trained in {run['seconds']:.0f} s, and scored")
    missing = reproduce.missing_parts(choice.table, choice.out)
    if missing:
        say(f"the table still needs {', '.join(missing)}")
        return
    record = reproduce.collect(choice.table, choice.out, f"unet-book reproduce {choice.table}")
    path = choice.out / f"{choice.table}.json"
    reproduce.write_json(path, record, indent=1)
    say(f"the record: {path}")
