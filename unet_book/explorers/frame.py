"""What the moving figures share: controls, a place to draw on, and a line that says the result.

A figure is its controls (`Slider`, `Choice`), a script that draws, and data that the script reads.
`figure` puts them together with ``frame.css`` and ``frame.js``, whose functions every script may
use.
"""

import html
import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent

PAGE = """\
<div class="explorer" id="{name}" style="max-width: {width}px; margin: auto">
<style>
{style}
</style>
{body}
<div class="controls">
{controls}
</div>
<output class="says" aria-live="polite"></output>
<script>
(() => {{
const root = document.getElementById("{name}"), data = {data};
{frame}
{script}
}})();
</script>
</div>"""

DRAWING = '<svg class="drawing" role="img" aria-label="{alt}"></svg>'


@dataclass(frozen=True)
class Slider:
    """A number to be dragged: `value(key)` in the script, from `low` to `high` in steps.

    `unit` follows the number that is shown beside the slider; a script may show something else,
    with `show(key, text)`.
    """

    key: str
    label: str
    low: float
    high: float
    start: float
    step: float = 1
    unit: str = ""

    def html(self) -> str:
        return (
            f'<label><span>{html.escape(self.label)}</span><input type="range" name="{self.key}" '
            f'min="{self.low:g}" max="{self.high:g}" step="{self.step:g}" value="{self.start:g}">'
            f'<output data-unit="{html.escape(self.unit)}"></output></label>'
        )


@dataclass(frozen=True)
class Choice:
    """One of several: `choice(key)` in the script. `options` maps a value to what is read."""

    key: str
    label: str
    options: dict

    def html(self) -> str:
        entries = "".join(
            f'<option value="{html.escape(str(value))}">{html.escape(text)}</option>'
            for value, text in self.options.items()
        )
        return (
            f"<label><span>{html.escape(self.label)}</span>"
            f'<select name="{self.key}">{entries}</select></label>'
        )


@dataclass(frozen=True)
class Button:
    """A button; the script listens with `part("[name=KEY]").addEventListener("click", …)`."""

    key: str
    label: str

    def html(self) -> str:
        return f'<button type="button" name="{self.key}">{html.escape(self.label)}</button>'


def figure(name: str, script: str, controls, alt: str, data=None, body: str = DRAWING, width=700):
    """A moving figure, as an `IPython.display.HTML`.

    Parameters
    ----------
    name : the figure's id on the page; letters, digits and hyphens.
    script : the file beside this one that draws, such as "films.js". It may use what ``frame.js``
        defines, and `data`.
    controls : `Slider`, `Choice` and `Button` objects, in reading order.
    alt : a sentence that says what is to be seen.
    data : numbers and texts for the script, anything that JSON can hold.
    body : HTML above the controls, with {alt} where the sentence belongs; an SVG drawing if not
        given.
    width : of the figure, px, where the page has room for it.
    """
    from IPython.display import HTML

    page = PAGE.format(
        name=name,
        width=width,
        style=_read("frame.css").replace("FIGURE", f"#{name}"),
        body=body.format(alt=html.escape(alt)),
        controls="\n".join(control.html() for control in controls),
        data=as_script(data),
        frame=_read("frame.js"),
        script=_read(script),
    )
    return HTML(page)


def as_script(value) -> str:
    """`value` as a JavaScript literal that can't end the script it stands in."""
    return json.dumps(value).replace("</", "<\\/")


def _read(file):
    return (HERE / file).read_text(encoding="utf-8").strip()
