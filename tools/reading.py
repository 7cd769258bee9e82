"""How a page of the built book reads: what share of it is code, and what runs off its edge.

    python tools/reading.py [book/05_energy ...]

For each page: the share of its height that visible code and printed output take at 1280 px, and how
many lines, formulas and tables are wider than their place at 1280 and at 390 px (and how many of
those without a hint that they scroll).
"""

import sys

from built import FLAGS, HTML, browser, served

WIDE, PHONE = 1280, 390  # px

# A box is seen if it has a place on the page: what lies in a closed fold or solution has none.
MEASURE = """async () => {
  await window.MathJax?.startup?.promise;
  const article = document.querySelector("article.bd-article");
  const seen = css => [...article.querySelectorAll(css)].filter(box =>
    box.getBoundingClientRect().height && box.checkVisibility({visibilityProperty: true}));
  const height = boxes => boxes.reduce((sum, box) => sum + box.getBoundingClientRect().height, 0);
  const code = seen(".cell_input, .cell_output > div[class*=highlight-]:not(.output)");
  const printed = seen(".cell_output > .output:is(.stream, .text_plain)");
  const box = inner => inner.closest(".pst-scrollable-table-container, .scrolls") ?? inner;
  const boxes = new Set(seen("pre, table, div.math, mjx-container[display=true]").map(box));
  const wide = [...boxes].filter(box => box.scrollWidth > box.clientWidth + 1);
  const hinted = box => getComputedStyle(box).backgroundAttachment.includes("local");
  return {
    total: article.getBoundingClientRect().height, code: height(code), printed: height(printed),
    longest: Math.max(0, ...code.map(box => box.textContent.trim().split("\\n").length)),
    wide: wide.length, unhinted: wide.filter(box => !hinted(box)).length,
    which: wide.map(box => `${box.scrollWidth} in ${box.clientWidth} px: ` +
      box.textContent.trim().slice(0, 60).replaceAll("\\n", " ")),
  };
}"""


def measured(page: object, address: str, width: int) -> dict:
    """What a page of the browser finds at an address in a window so wide."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address, wait_until="load")
    return page.evaluate(MEASURE)


def main(names: list[str]) -> None:
    """A line for each page."""
    from playwright.sync_api import sync_playwright

    names = names or [f"book/{path.stem}" for path in sorted((HTML / "book").glob("*.html"))]
    print(f"{'page':28} code  printed  longest   wider at {WIDE} and {PHONE} px (without a hint)")
    with sync_playwright() as play, served() as address:
        page = play.chromium.launch(executable_path=browser(), args=FLAGS).new_page()
        for name in names:
            wide, phone = (measured(page, f"{address}/{name}.html", w) for w in (WIDE, PHONE))
            code, printed = (wide[key] / wide["total"] for key in ("code", "printed"))
            print(
                f"{name:28} {code:4.0%} {printed:7.0%} {wide['longest']:8}   "
                f"{wide['wide']:4} ({wide['unhinted']}) {phone['wide']:4} ({phone['unhinted']})"
            )
            if len(names) == 1:
                print(*wide["which"], f"-- {PHONE} px", *phone["which"], sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
