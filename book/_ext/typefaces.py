"""The book's typefaces: taken from packages when the book is built, cut down to what it uses.

A serif for reading and its sans for headings and menus (Source Serif and Source Sans, Frank
Grießhammer and Paul D. Hunt), and a mono for code (Fira Code, Nikita Prokopov). All three are under
the SIL Open Font License. The pages ask nobody else for them.
"""

from importlib.resources import files
from pathlib import Path

from fontTools import subset
from sphinx.application import Sphinx

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
# Beside ASCII: European letters, Greek, dashes and quotes, arrows, mathematics. Of these a face
# gets what stands somewhere in the book, and what is made on the way to the page.
CHARACTERS = "A0-17F,391-3C9,2010-2026,2030-203A,2070-208E,2190-21D4,2200-22A5,2500-257F"
ALWAYS = "\u2002\u2009\u202f\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u00a9\u00d7"
SOURCES = ("book/*.md", "book/*.ipynb", "book/*.bib", "unet_book/**/*.py", "unet_book/**/*.js")


def make(app: Sphinx) -> None:
    """Write the faces and the style sheet that names them into the book's static files."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static" / "faces"
    folder.mkdir(parents=True, exist_ok=True)
    rules, characters = [], characters_of(Path(app.srcdir))
    for package, file, family, weight, style in FACES:
        target = folder / Path(file).with_suffix(".woff2").name
        source = files(package) / file
        cut(source, target, characters)
        rules.append(
            f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style}; '
            f'font-display: swap; src: url(faces/{target.name}) format("woff2"); }}'
        )
    (folder.parent / "faces.css").write_text("\n".join(rules) + "\n", encoding="utf-8")


def characters_of(root: Path) -> set[int]:
    """What the pages' sources are written with."""
    there = {*map(chr, range(0x20, 0x7F)), *ALWAYS}
    for pattern in SOURCES:
        for path in root.glob(pattern):
            there |= set(path.read_text(encoding="utf-8"))
    return {*range(0x20, 0x7F), *subset.parse_unicodes(CHARACTERS)} & {*map(ord, there)}


def cut(source: Path, target: Path, characters: set[int]) -> None:
    """A font with the book's characters only, compressed for the web."""
    options = subset.Options(
        flavor="woff2", layout_features=["kern", "liga", "mark"], hinting=False
    )
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    subset.save_font(font, target, options)


def setup(app: Sphinx) -> dict:
    """Sphinx calls it."""
    app.connect("builder-inited", make)
    app.add_css_file("faces.css", priority=400)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
