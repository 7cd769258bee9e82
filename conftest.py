"""What strict nbval leaves uncompared in the chapters: pictures.

PNG it skips by itself. A figure of `unet_book.pages.plots` is HTML, which holds pictures, too, and
numbers of a training differ from processor to processor. Its place is compared, not its pixels.
"""

import pytest

FIGURE = r'<div class="panels".*</div>'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell the chapters' own collectors."""
    for item in items:
        patterns = getattr(item.parent, "sanitize_patterns", None)
        if patterns is not None:
            patterns[FIGURE] = "a figure"
