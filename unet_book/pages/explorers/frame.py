"""What the live figures share: controls, a place to draw on, and a line that says the result.

A figure is its controls (`Slider`, `Choice`, `Button`), a script that draws, and data that the
script reads. `figure` puts them together with ``frame.css`` and ``frame.js``, whose functions every
script may use: among them `grip`, by which a thing in the drawing is dragged.
"""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from IPython.display import HTML

__all__ = ["Slider", "Choice", "Button", "figure", "swatch"]

HERE = Path(__file__).parent

PAGE = """\
<div class="explorer" id="{name}">
<style>
{style}
</style>
{body}
<div class="result"><output class="says" aria-live="polite"></output>\
<div class="room" aria-hidden="true"></div></div>
<div class="controls">
{controls}
<div class="buttons">
{buttons}
</div>
</div>
<p class="try"><strong>Try this.</strong> {tries}</p>
<script>
(() => {{
const own = document.currentScript?.closest(".explorer");  // two figures may have one name
const root = own ?? document.getElementById("{name}"), data = {data};
{frame}
{script}
}})();
</script>
</div>"""

DRAWING = '<svg class="drawing" role="img" aria-label="{alt}"></svg>'


@dataclass(frozen=True)
class Slider:
    """A number to be dragged: ``value(key)`` in the script.

    Parameters
    ----------
    key : str
        Its name in the script.
    label : str
        What is read beside it.
    low : float
        The smallest number.
    high : float
        The largest.
    start : float
        Where it stands at first.
    step : float
        From one number to the next.
    unit : str
        Follows the number that is shown; a script may show another with ``show(key, text)``.
    seen : bool
        False for one that is only moved by what is dragged in the drawing: a `grip` in the script.

    Raises
    ------
    ValueError
        For a start that the slider can't show.
    """

    key: str
    label: str
    low: float
    high: float
    start: float
    step: float = 1
    unit: str = ""
    seen: bool = True

    def __post_init__(self) -> None:
        steps = (self.start - self.low) / self.step
        if not self.low <= self.start <= self.high or abs(steps - round(steps)) > 1e-6:
            raise ValueError(
                f"{self.label} goes from {self.low:g} to {self.high:g} in steps of {self.step:g}: "
                f"it can't start at {self.start}"
            )

    def html(self) -> str:
        """The control.

        Returns
        -------
        str
            HTML.
        """
        slider = (
            f'<input type="range" name="{self.key}" min="{self.low:g}" max="{self.high:g}" '
            f'step="{self.step:g}" value="{self.start:g}" data-unit="{html.escape(self.unit)}"'
        )
        if not self.seen:
            return slider + " hidden>"
        return (
            f'<div class="control"><label><span>{html.escape(self.label)}</span>{slider}></label>'
            '<output aria-live="off"></output></div>'
        )


@dataclass(frozen=True)
class Choice:
    """One of several: ``choice(key)`` in the script.

    Parameters
    ----------
    key : str
        Its name in the script.
    label : str
        What is read beside it.
    options : dict
        A value to what is read.
    start : object
        The value that is chosen at first; None is the first one.

    Raises
    ------
    ValueError
        For a start that is not there.
    """

    key: str
    label: str
    options: dict
    start: object = None

    def __post_init__(self) -> None:
        if self.start is not None and self.start not in self.options:
            raise ValueError(f"{self.label} is one of {[*self.options]}, not {self.start!r}")

    def html(self) -> str:
        """The control.

        Returns
        -------
        str
            HTML.
        """
        entries = "".join(
            f'<option value="{html.escape(str(value))}"{" selected" * (value == self.start)}>'
            f"{html.escape(text)}</option>"
            for value, text in self.options.items()
        )
        return (
            f'<div class="control"><label><span>{html.escape(self.label)}</span>'
            f'<select name="{self.key}">{entries}</select></label></div>'
        )


@dataclass(frozen=True)
class Button:
    """A button; the script listens with ``part("[name=KEY]").addEventListener("click", …)``.

    Parameters
    ----------
    key : str
        Its name in the script.
    label : str
        What is read on it.
    """

    key: str
    label: str

    def html(self) -> str:
        """The control.

        Returns
        -------
        str
            HTML.
        """
        return f'<button type="button" name="{self.key}">{html.escape(self.label)}</button>'


def figure(
    name: str,
    script: str,
    controls: Sequence[Slider | Choice | Button],
    alt: str,
    tries: str,
    data: object = None,
    body: str = DRAWING,
) -> HTML:
    """A live figure.

    A button that sets all controls back is added to them.

    Parameters
    ----------
    name : str
        The figure's id on the page; letters, digits and hyphens.
    script : str
        The file beside this one that draws, such as "films.js". It may use what ``frame.js``
        defines, and `data`.
    controls : sequence of Slider, Choice and Button
        In reading order.
    alt : str
        A sentence that says what is to be seen.
    tries : str
        One thing to do with the figure, and what it shows.
    data : object
        Numbers and texts for the script, anything that JSON can hold.
    body : str
        HTML above the controls, with {alt} where the sentence belongs.

    Returns
    -------
    IPython.display.HTML
    """
    buttons = [control for control in controls if isinstance(control, Button)]
    page = PAGE.format(
        name=name,
        style=_read("frame.css").replace("FIGURE", f"#{name}"),
        body=body.format(alt=html.escape(alt)),
        controls="\n".join(c.html() for c in controls if c not in buttons),
        buttons="\n".join(button.html() for button in [*buttons, Button("reset", "Reset")]),
        tries=html.escape(tries),
        data=_as_script(data),
        frame=_read("frame.js"),
        script=_read(script),
    )
    return HTML(page)


def swatch(style: str, words: str) -> str:
    """An entry of a legend: a small box, and what it stands for.

    Parameters
    ----------
    style : str
        CSS of the box.
    words : str
        Beside it.

    Returns
    -------
    str
        HTML.
    """
    return f'<span><b style="{style}"></b> {html.escape(words)}</span>'


def _as_script(value: object) -> str:
    """`value` as a JavaScript literal that can't end the script it stands in."""
    return json.dumps(value).replace("</", "<\\/")


def _read(file: str) -> str:
    """The text of a file beside this one."""
    return (HERE / file).read_text(encoding="utf-8").strip()
