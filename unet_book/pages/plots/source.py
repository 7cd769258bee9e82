"""The package's own source, for the page."""

import html
import inspect
import re
import textwrap
from collections.abc import Callable

from IPython.display import Markdown

__all__ = ["source"]


def source(thing: Callable | type, first: str = "", last: str = "") -> Markdown:
    """The source of a function or class of the package, for the page: its lines that matter.

    The whole of it, with its docstring, is folded behind them. It is read from the package that
    runs, so the page shows the code that the tests test.

    Parameters
    ----------
    thing : callable or type
        Of this package.
    first : str
        What stands in the first line that is shown; empty where the prose says what it does.
    last : str
        What stands in the last one; empty for one line.

    Returns
    -------
    IPython.display.Markdown
        The book and JupyterLab highlight it.

    Raises
    ------
    ValueError
        Where there is no such line.

    Examples
    --------
    >>> print(source(_excerpt, "rows =", "return").data.split("```")[1])
    python
    rows = text.splitlines()
    start = _row(rows, first)
    end = _row(rows, last or first, start)
    return textwrap.dedent("\\n".join(rows[start : end + 1]))
    <BLANKLINE>
    """
    text = textwrap.dedent(inspect.getsource(thing)).rstrip()
    text = re.sub(r'"""([^"\n]+)\n.*?"""', r'"""\1"""', text, flags=re.DOTALL)
    shown = f"```python\n{_excerpt(text, first, last)}\n```\n\n" if first else ""
    about, _, rest = (inspect.getdoc(thing) or "").partition("\n")
    about = re.sub("`(.*?)`", r"<code>\1</code>", html.escape(about, quote=False))
    said = f"All of <code>{thing.__name__}</code>" + (f": {about}" if about else "")
    rest = f"```text\n{rest.strip()}\n```\n\n" if rest.strip() else ""
    return Markdown(
        f'{shown}<details class="listing">\n<summary>{said}</summary>\n\n'
        f"```python\n{text}\n```\n\n{rest}</details>"
    )


def _excerpt(text: str, first: str, last: str) -> str:
    """The lines of a text from one that holds some words to the next that holds others."""
    rows = text.splitlines()
    start = _row(rows, first)
    end = _row(rows, last or first, start)
    return textwrap.dedent("\n".join(rows[start : end + 1]))


def _row(rows: list[str], words: str, start: int = 0) -> int:
    """The first row from `start` that holds some words."""
    for row in range(start, len(rows)):
        if words in rows[row]:
            return row
    raise ValueError(f"no line with {words!r} from line {start + 1}")
