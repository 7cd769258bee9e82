"""Figures that move: plain HTML and JavaScript that a page computes by itself, with no kernel.

The same cell works in the rendered book, in JupyterLab and in Colab. Every control is a native one,
so keyboard, touch and screen reader work.
"""

import base64
import html
import io
import json

import numpy as np
from PIL import Image

FRAME = """\
<div class="explorer" id="{name}" style="max-width: {width}px; margin: auto">
<style>
#{name} img {{ width: 100%; height: auto; display: block; image-rendering: pixelated; }}
#{name} .controls {{ display: flex; gap: .6em; align-items: center; margin-top: .5em; }}
#{name} input {{ flex: 1; min-width: 0; height: 2em; }}
#{name} button {{ font: inherit; padding: .2em .8em; min-height: 2.2em; cursor: pointer; }}
#{name} output {{ display: block; margin-top: .3em; font-variant-numeric: tabular-nums; }}
</style>
{body}
<script>
(() => {{
const root = document.getElementById("{name}");
{script}
}})();
</script>
</div>"""

FILM_BODY = """\
<img alt="{alt}">
<div class="controls">
<button type="button">Play</button>
<input type="range" min="0" max="{last}" value="0" step="1" aria-label="{label}">
</div>
<output aria-live="polite"></output>"""

FILM_SCRIPT = """\
const frames = {frames}, captions = {captions};
const picture = root.querySelector("img"), slider = root.querySelector("input");
const button = root.querySelector("button"), caption = root.querySelector("output");
let timer = null;
function show() {{
  picture.src = "data:image/jpeg;base64," + frames[slider.value];
  caption.textContent = captions[slider.value];
}}
function stop() {{ clearInterval(timer); timer = null; button.textContent = "Play"; }}
function next() {{
  if (+slider.value === frames.length - 1) return stop();
  slider.value = +slider.value + 1;
  show();
}}
button.addEventListener("click", () => {{
  if (timer) return stop();
  if (+slider.value === frames.length - 1) {{ slider.value = 0; show(); }}
  button.textContent = "Pause";
  timer = setInterval(next, 700);
}});
slider.addEventListener("input", () => {{ stop(); show(); }});
show();"""


def film(name: str, pictures, captions, alt: str, label: str = "frame", width: int = 700):
    """Pictures with a slider: drag, press the arrow keys, or play.

    Parameters
    ----------
    name : the figure's id on the page; letters, digits and hyphens.
    pictures : arrays (H, W) or (H, W, 3) with values in [0, 1], all of one size.
    captions : a line of text for each picture.
    alt : a sentence that says what is to be seen.
    label : what the slider chooses, for a screen reader.
    width : of the figure, px, where the page has room for it.

    Returns an `IPython.display.HTML`. Raises ValueError if there is no picture, or if captions and
    pictures differ in number.
    """
    from IPython.display import HTML

    if not len(pictures) or len(pictures) != len(captions):
        raise ValueError(f"{len(pictures)} pictures need as many captions, got {len(captions)}")
    body = FILM_BODY.format(alt=html.escape(alt), label=html.escape(label), last=len(pictures) - 1)
    script = FILM_SCRIPT.format(
        frames=as_script([jpeg(picture) for picture in pictures]),
        captions=as_script(list(captions)),
    )
    return HTML(FRAME.format(name=name, width=width, body=body, script=script))


def as_script(value) -> str:
    """`value` as a JavaScript literal that can't end the script it stands in."""
    return json.dumps(value).replace("</", "<\\/")


def jpeg(picture, quality: int = 85) -> str:
    """An array with values in [0, 1] as a JPEG in base64."""
    pixels = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(file, "JPEG", quality=quality)
    return base64.b64encode(file.getvalue()).decode()
