"""For the API pages: modules that import without torch, and our form of docstring.

The pages are built without torch and numpy. Sphinx stands in for them with mock objects, which may
be called and subclassed but not put into an expression, so that `Tensor | None` in a signature
would end the import. Here every operator on a mock gives the mock back.

A docstring has numpydoc's sections, each up to an empty line:

    Parameters
    ----------
    sigma : float
        Standard deviation of the displacement vectors, in pixels.

    Examples
    --------
    >>> border()
    92
"""

from collections.abc import Iterator

from sphinx.application import Sphinx
from sphinx.ext import autodoc
from sphinx.ext.autodoc.mock import _MockObject

SECTIONS = ("Parameters", "Returns", "Yields", "Raises")
OPERATORS = "or ror add radd sub rsub mul rmul truediv rtruediv matmul rmatmul pow rpow neg".split()


def make_mocks_patient() -> None:
    """Let expressions with mocks be mocks."""
    for name in OPERATORS:
        setattr(_MockObject, f"__{name}__", lambda self, *other: self)
    # A class made of a mocked one still shows the signature of its own __init__.
    autodoc._CLASS_NEW_BLACKLIST.append(f"{_MockObject.__module__}.{_MockObject.__name__}.__new__")


def field_list(title: str, lines: list[str]) -> Iterator[str]:
    """The lines of a section as a list of its entries."""
    yield f":{title}:"
    for line, following in zip(lines, [*lines[1:], ""]):
        if line.startswith(" "):
            yield f"      {line.strip()}"
            continue
        names, _, kind = line.partition(" : ")
        bold = ", ".join(f"**{name}**" for name in names.split(", "))
        head = f"{bold}: {kind}" if kind else names
        yield f"    * {head}" + " --" * following.startswith(" ")


def format_sections(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Rewrite the sections of a docstring in place."""
    for title in SECTIONS:
        if title in lines:
            start = lines.index(title)
            end = lines.index("", start) if "" in lines[start:] else len(lines)
            lines[start:end] = field_list(title, lines[start + 2 : end])
    if "Examples" in lines:  # a heading, not a section of the page
        start = lines.index("Examples")
        lines[start : start + 2] = [".. rubric:: Examples", ""]


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    make_mocks_patient()
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", format_sections)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
