"""What is heavy in a page becomes a file of its own, loaded when a reader comes near.

A notebook carries its pictures and the data of its moving figures in itself, so that it works
wherever it is opened. A page of the book need not: a picture written into it becomes a file that
the browser loads late, and so does a long script of a moving figure (book/_static/near.js). A
photograph that was stored as a large PNG goes to the page as WebP, which is a fraction of it.
"""

import base64
import hashlib
import re
from pathlib import Path

from finished_pages import Page
from PIL import Image
from sphinx.application import Sphinx

LONG = 12_000  # characters of a script or a picture that are worth a request
LARGE = 60_000  # bytes of a stored PNG
STORED = re.compile(r'(<img\b[^>]*?\bsrc="[^"]*_images/)(\w{64})\.png"')
INLINE = re.compile(r'(<img\b(?![^>]*data-inline)[^>]*?\bsrc=")data:image/(\w+);base64,([\w+/=]+)"')
FIGURE = re.compile(r'<div class="explorer".*?</script>', re.DOTALL)
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def put_out(app: Sphinx, page: Page) -> None:
    """Write the heavy parts of a page into files."""
    folder = Path(app.outdir) / "_images"
    up = "../" * page.name.count("/") + "_images/"

    def file(content: bytes, ending: str) -> str:
        """The address of a file with this content."""
        name = f"part-{hashlib.sha256(content).hexdigest()[:16]}.{ending}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        return up + name

    def picture(found: re.Match) -> str:
        if len(found[3]) < LONG:
            return found[0]
        return f'{found[1]}{file(base64.b64decode(found[3]), found[2])}" loading="lazy"'

    def script(found: re.Match) -> str:
        if len(found[1]) < LONG:
            return found[0]
        return f'<script type="text/plain" data-near="{file(found[1].encode(), "js")}"></script>'

    def photograph(found: re.Match) -> str:
        source = next(k for k, v in app.builder.images.items() if v == f"{found[2]}.png")
        ending = as_webp(Path(app.srcdir, source), folder / f"{found[2]}.webp")
        return f'{found[1]}{found[2]}{ending}"'

    page.html = STORED.sub(photograph, page.html)
    page.html = INLINE.sub(picture, page.html)
    page.html = FIGURE.sub(lambda figure: SCRIPT.sub(script, figure[0]), page.html)


def as_webp(source: Path, target: Path) -> str:
    """Write a large PNG as WebP, if that is smaller; the ending of the better one."""
    if source.stat().st_size < LARGE:
        return ".png"
    if not target.exists():  # the name is the content's hash
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(source).convert("RGB").save(target, quality=88, method=4)
    return ".webp" if target.stat().st_size < source.stat().st_size else ".png"


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.setup_extension("finished_pages")
    app.connect("page-finished", put_out, priority=400)
    app.add_js_file("near.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
