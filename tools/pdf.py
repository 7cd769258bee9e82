"""Print the built book into one PDF: _build/unet-taken-apart.pdf.

    python tools/pdf.py [--to=file] [page ...]

A browser prints each page of _toc.yml, or those that are named (06_weight_map), as a reader's
would. The parts are joined in order, with a bookmark for each, and links between them lead within
the file.
"""

import io
import sys
from pathlib import Path

import built
import yaml
from playwright.sync_api import Page, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject

TARGET = built.ROOT / "_build" / "unet-taken-apart.pdf"
FOOT = """<div style="color: #666; display: flex; font: 8px sans-serif; padding: 0 16mm;
justify-content: space-between; width: 100%"><span class="title"></span>
<span class="pageNumber"></span></div>"""

# What a page loads only when a reader comes near, and when all of it is there.
WALK = """async () => {
  await window.MathJax?.startup?.promise;
  for (let y = 0; y < document.body.scrollHeight; y += 700) {
    scrollTo(0, y);
    await new Promise(done => setTimeout(done, 30));
  }
  const late = [...document.images].filter(image => image.src && image.checkVisibility());
  await Promise.all(late.map(image => image.decode().catch(() => null)));
}"""


def pages() -> list[str]:
    """The names of all pages, in reading order."""
    toc = yaml.safe_load((built.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]


def printed(tab: Page, address: str) -> tuple[str, bytes]:
    """A page's title and its PDF."""
    tab.goto(address, wait_until="load")
    tab.evaluate(WALK)
    paper = {"format": "A4", "print_background": True, "prefer_css_page_size": True}
    foot = {"display_header_footer": True, "header_template": "<i></i>", "footer_template": FOOT}
    return tab.title().partition(" \u2013 ")[0], tab.pdf(**paper, **foot)


def lead_within(book: PdfWriter, starts: dict[str, int]) -> None:
    """Let links to a page of the book lead to where it begins in the file."""
    for sheet in book.pages:
        for note in sheet.get("/Annots") or []:
            action = note.get_object().get("/A") or DictionaryObject()
            target = starts.get(str(action.get_object().get("/URI", "")).partition("#")[0])
            if target is not None:
                place = ArrayObject([book.pages[target].indirect_reference, NameObject("/Fit")])
                goto = {NameObject("/S"): NameObject("/GoTo"), NameObject("/D"): place}
                note.get_object()[NameObject("/A")] = DictionaryObject(goto)


def join(browser: str, names: list[str]) -> PdfWriter:
    """All of these pages as one document."""
    book, starts = PdfWriter(), {}
    with built.served() as site, sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=built.FLAGS)
        tab = chromium.new_page(color_scheme="light", reduced_motion="reduce")
        for name in names:
            print(name, end=" ", flush=True)
            address = f"{site}/{name}.html"
            title, content = printed(tab, address)
            starts[address] = len(book.pages)
            book.append(PdfReader(io.BytesIO(content)), outline_item=title)
            print(f"{len(book.pages) - starts[address]} sheets")
        chromium.close()
    lead_within(book, starts)
    return book


def main(arguments: list[str]) -> None:
    """Write the PDF, or say what is missing."""
    names = [word for word in arguments if not word.startswith("--to=")]
    target = next((Path(word[5:]) for word in arguments if word not in names), TARGET)
    browser = built.browser()
    if browser is None:
        sys.exit("no PDF: it is printed by a browser, and there is no Chromium or Chrome here")
    if not (built.HTML / "index.html").exists():
        sys.exit("no PDF: the book is not built yet; make book builds it")
    book = join(browser, [f"book/{name}" for name in names] or pages())
    book.add_metadata({"/Title": "U-Net, Taken Apart"})
    book.write(target)
    size = f"{len(book.pages)} sheets, {target.stat().st_size / 1e6:.1f} MB"
    print(f"{target}: {size}")


if __name__ == "__main__":
    main(sys.argv[1:])
