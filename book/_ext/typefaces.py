"""The book's typefaces: taken from packages when the book is built, cut down to what it uses.

A serif for reading and its sans for headings and menus (Source Serif and Source Sans, Frank
Grießhammer and Paul D. Hunt), and a mono for code (Fira Code, Nikita Prokopov). All three are under
the SIL Open Font License. The pages ask nobody else for them.
"""

from importlib.resources import files
from pathlib import Path

from fontTools import subset
from sphinx.application import Sphinx
from sphinx.util.fileutil import copy_asset_file

SERIF, SANS, MONO = "Source Serif", "Source Sans", "Fira Code"
FACES = [  # package, file, family, weight, style
    ("font_source_serif_pro", "files/SourceSerifPro-Regular.otf", SERIF, "400", "normal"),
    ("font_source_serif_pro", "files/SourceSerifPro-It.otf", SERIF, "400", "italic"),
    ("font_source_serif_pro", "files/SourceSerifPro-Semibold.otf", SERIF, "600", "normal"),
    ("font_source_sans_pro", "files/SourceSansPro-Regular.otf", SANS, "400", "normal"),
    ("font_source_sans_pro", "files/SourceSansPro-Semibold.otf", SANS, "600", "normal"),
    (
        "sphinx_nefertiti",
        "fonts/fira-code/fira-code-latin-wght-normal.woff2",
        MONO,
        "300 700",
        "normal",
    ),
]
# ASCII and Western European letters, Greek, dashes and quotes, arrows, mathematics.
CHARACTERS = "20-7E,A0-17F,391-3C9,2010-2026,2030-203A,2070-208E,2190-21D4,2200-22A5"


def make(app: Sphinx) -> None:
    """Write the faces and the style sheet that names them into the book's static files."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static" / "faces"
    folder.mkdir(parents=True, exist_ok=True)
    rules = []
    for package, file, family, weight, style in FACES:
        target = folder / Path(file).with_suffix(".woff2").name
        source = files(package) / file
        if source.suffix == ".woff2":
            copy_asset_file(source, target)
        elif not target.exists():
            cut(source, target)
        rules.append(
            f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style}; '
            f'font-display: swap; src: url(faces/{target.name}) format("woff2"); }}'
        )
    (folder.parent / "faces.css").write_text("\n".join(rules) + "\n", encoding="utf-8")


def cut(source: Path, target: Path) -> None:
    """A font with the book's characters only, compressed for the web."""
    options = subset.Options(flavor="woff2", layout_features=["kern", "liga", "mark"])
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=subset.parse_unicodes(CHARACTERS))
    subsetter.subset(font)
    subset.save_font(font, target, options)


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.connect("builder-inited", make)
    app.add_css_file("faces.css", priority=400)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
