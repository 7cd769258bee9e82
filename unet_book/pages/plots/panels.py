"""A figure of one panel or several, which stand side by side or, on a phone, below each other.

It is stored as HTML that any notebook shows: a picture for each panel. A drawing is stored in two
widths, so that its letters keep their size on a phone. When the book is built, book/_ext/figures.py
puts the drawings into the page itself, where they follow its theme.
"""

import base64
import html
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from unet_book._arrays import ArrayLike, to_numpy
from unet_book.pages.plots.svg import STYLE, drawn, typeset

__all__ = ["Panel", "Panels", "gallery", "chart"]

WIDTH, PHONE, GAP = 680, 350, 18  # px: a page's column, a phone's, and between panels
COARSE = 200  # px; a picture of fewer a side is magnified


@dataclass(frozen=True)
class Panel:
    """One panel of a figure.

    Parameters
    ----------
    title : str
        Above it; a formula stands between dollars.
    picture : str
        HTML.
    below : str
        HTML, such as a scale.
    """

    title: str
    picture: str
    below: str = ""

    def html(self) -> str:
        """The panel for a page.

        Returns
        -------
        str
        """
        title = f'<div class="panel-title">{typeset(self.title)}</div>' if self.title else ""
        return f'<div class="panel" style="width: 100%">{title}{self.picture}{self.below}</div>'


@dataclass
class Panels:
    """A figure: end a cell with it, and the cell shows it.

    Parameters
    ----------
    panels : list of Panel
        In reading order.
    columns, phone : int
        In a row, on a screen and on a phone.
    width : float
        At most, px.
    """

    panels: list[Panel] = field(default_factory=list)
    columns: int = 1
    phone: int = 1
    width: float = WIDTH

    def __add__(self, other: "Panels") -> "Panels":
        """A figure with the panels of both."""
        return replace(self, panels=self.panels + other.panels)

    def __repr__(self) -> str:
        """Without what a run on another machine would draw differently."""
        return f"<a figure of {len(self.panels)} panel{'s' * (len(self.panels) > 1)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        style = (
            f"--columns: {self.columns}; --phone: {self.phone}; --width: {self.width:.0f}px; "
            f"display: grid; gap: 12px {GAP}px; max-width: {self.width:.0f}px; "
            f"grid-template-columns: repeat({self.columns}, minmax(0, 1fr))"
        )
        inside = "".join(panel.html() for panel in self.panels)
        return f'<div class="panels" style="{style}">{inside}</div>'


def gallery(
    pictures: dict[str, ArrayLike],
    columns: int = 3,
    width: float = WIDTH,
    phone: int | None = None,
    below: dict[str, str] | None = None,
) -> Panels:
    """A figure of several pictures with their titles, side by side.

    Parameters
    ----------
    pictures : dict of str to array_like
        A title to each picture, of any sizes: (H, W), shown in gray from 0 to 1, or (H, W, 3) in
        color.
    columns : int
        Pictures in a row.
    width : float
        Of the figure, px.
    phone : int or None
        Pictures in a row on a phone; None: as many as keep four fifths of their size and leave no
        hole in the last row.
    below : dict of str to str, or None
        HTML below the picture of a title.

    Returns
    -------
    Panels
    """
    arrays = {title: _pixels(picture) for title, picture in pictures.items()}
    panels = [
        Panel(title, _image(pixels, title), (below or {}).get(title, ""))
        for title, pixels in arrays.items()
    ]
    columns = min(columns, len(panels))
    if phone is None:
        widest = max(pixels.shape[1] for pixels in arrays.values())
        whole = [n for n in range(2, columns + 1) if len(panels) % n == 0]
        phone = max([1, *(n for n in whole if 0.8 * widest * n <= PHONE)])
    return Panels(panels, columns, min(phone, columns), width)


def _pixels(picture: ArrayLike) -> np.ndarray:
    """Gray values or colors in 255ths; what is masked or no number is white."""
    values = np.ma.filled(np.ma.asarray(to_numpy(picture)).astype(float), np.nan)
    return np.round(255 * np.nan_to_num(np.clip(values, 0, 1), nan=1.0)).astype(np.uint8)


def _image(pixels: np.ndarray, title: str) -> str:
    """An element with the very pixels."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="png", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    height, width = pixels.shape[:2]
    how = "pixelated" if width <= COARSE else "auto"
    return (
        f'<img alt="{html.escape(title) or "picture"}" width="{width}" height="{height}" '
        f'style="width: 100%; height: auto; image-rendering: {how}" '
        f'src="data:image/png;base64,{data}">'
    )


@contextmanager
def chart(
    *titles: str,
    height: float = 320,
    columns: int | None = None,
    phone: int = 1,
    square: bool = False,
    phone_height: float | None = None,
) -> Iterator[tuple[Panels, Axes | list[Axes]]]:
    """A figure to be drawn with matplotlib, each panel with axes of its own.

    Parameters
    ----------
    *titles : str
        Of the panels; without any there is one panel, untitled.
    height : float
        Of a panel, px.
    columns : int or None
        Panels in a row on a screen; None: all of them.
    phone : int
        Panels in a row on a phone; of those with letters in them only one can be read.
    square : bool
        Whether a panel keeps its shape on a phone, as one with drawn things in it must.
    phone_height : float or None
        Of a panel on a phone, px; None: as `square` says, or a little less than on a screen.

    Yields
    ------
    panels : Panels
        Filled when the block ends.
    axes : Axes or list of Axes
        One, or a list of as many as there are titles.
    """
    titles = titles or ("",)
    columns = columns or len(titles)
    width = (WIDTH - GAP * (columns - 1)) / columns
    narrow = phone_height or (height * PHONE / width if square else 0.92 * height)
    with plt.rc_context(STYLE):
        made = [plt.subplots(figsize=(width / 72, height / 72)) for _ in titles]
        panels = Panels(columns=columns, phone=phone)
        axes = [ax for _, ax in made]
        try:
            yield panels, axes if len(titles) > 1 else axes[0]
            for title, (figure, _) in zip(titles, made):
                panels.panels.append(Panel(title, _drawing(figure, title, narrow)))
        finally:
            for figure, _ in made:
                plt.close(figure)


def _drawing(figure: Figure, title: str, height: float) -> str:
    """A drawing in two widths, the second for a phone, as high as that."""
    wide = drawn(figure)
    figure.set_size_inches(PHONE / 72, height / 72)
    return _picture(wide, drawn(figure), title)


def _picture(wide: str, narrow: str, title: str) -> str:
    """An element that shows one of two drawings."""
    wide, narrow = (base64.b64encode(svg.encode()).decode() for svg in (wide, narrow))
    return (
        f'<picture><source media="(max-width: 480px)" '
        f'srcset="data:image/svg+xml;base64,{narrow}">'
        f'<img alt="{html.escape(title) or "drawing"}" style="width: 100%; background: #fff" '
        f'src="data:image/svg+xml;base64,{wide}"></picture>'
    )
