"""The built book as its readers meet it: every page there, complete, and quiet in a browser."""

import ast
import gzip
import pkgutil
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from conftest import without

import unet_book
import unet_book.pages

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import number_chapters  # noqa: E402
from built import served  # noqa: E402

HTML = ROOT / "_build" / "html"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"]] + [page["file"] for part in TOC["parts"] for page in part["chapters"]]
SHELVES = [("", unet_book.__path__), ("pages.", unet_book.pages.__path__)]
ROOMS = [
    prefix + module.name
    for prefix, path in SHELVES
    for module in pkgutil.iter_modules(path)
    if not module.name.startswith("_") and module.name != "pages"
]

WIDE, PHONE = 1280, 390  # px


@pytest.fixture(scope="module", autouse=True)
def built():
    if not (HTML / "index.html").exists():
        without("the built book", "run make book")


def html(page):
    return (HTML / f"{page}.html").read_text(encoding="utf-8")


# ---- without a browser


@pytest.mark.parametrize("page", PAGES)
def test_page_is_there_and_loads_nothing_from_outside(page):
    from_outside = r"<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=\"https?:[^\"]+"
    found = re.findall(from_outside, html(page))
    assert [tag for tag in found if 'rel="canonical"' not in tag] == []


def test_front_door_leads_to_the_first_page():
    assert f"{TOC['root']}.html" in html("index")


@pytest.mark.parametrize("page", [p for p in PAGES if (ROOT / f"{p}.ipynb").exists()])
def test_launch_button_opens_this_notebook_of_this_repository(page):
    repository = CONFIG["repository"]
    slug = repository["url"].removeprefix("https://github.com/")
    colab = CONFIG["launch_buttons"]["colab_url"]
    assert f'href="{colab}/github/{slug}/blob/{repository["branch"]}/{page}.ipynb"' in html(page)


# ---- numbers


NUMBERS = number_chapters.chapters()
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))


def words(path):
    """The texts of a notebook's markdown cells, without code."""
    cells = nbformat.read(path, as_version=4).cells
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    return [re.sub(r"```.*?```|`[^`]+`", "", text, flags=re.DOTALL) for text in texts]


def test_chapters_are_numbered_from_one_without_a_gap():
    assert [*NUMBERS.values()] == [*range(1, len(NUMBERS) + 1)]
    for name, number in NUMBERS.items():
        page = html(f"book/{name}")
        assert f'<h1><span class="section-number">{number}\u2002</span>' in page
        for kind in ("Fig.", "Exercise"):
            found = re.findall(rf'"caption-number">{kind} ([\d.]+) ', page)
            assert found and found == [f"{number}.{k}" for k in range(1, len(found) + 1)]
        equations = re.findall(r'class="eqno">\(([\d.]+)\)?', page)
        assert equations == [f"{number}.{k}" for k in range(1, len(equations) + 1)]
    assert html("book/06_weight_map").count('class="eqno"') >= 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_chapter_that_is_named_is_a_link_with_its_number(path):
    for text in words(path):
        assert number_chapters.numbered(text, NUMBERS) == text
        unlinked = re.sub(r"\[[Cc]hapter \d+\]\(\w+\.ipynb[^)]*\)", "", text)
        assert not re.search(r"[Cc]hapters? \d", unlinked), text


@pytest.mark.parametrize("page", PAGES)
def test_a_link_to_a_chapter_says_the_number_of_its_target(page):
    links = re.findall(r'<a [^>]*href="(\w+)\.html"[^>]*>(?:<[^>]*>)*[Cc]hapter (\d+)<', html(page))
    assert [number for _, number in links] == [str(NUMBERS[target]) for target, _ in links]


def test_a_link_is_given_the_number_of_its_target():
    text = "see [Chapter 99](05_energy.ipynb), [chapter 1](09_training.ipynb#limit) and chapter 7"
    expected = text.replace("99", "5").replace("chapter 1]", "chapter 9]")
    assert number_chapters.numbered(text, NUMBERS) == expected
    with pytest.raises(KeyError, match="claims"):
        number_chapters.numbered("[chapter 3](claims.ipynb)", NUMBERS)


def public(room):
    """What a room gives away: its `__all__`, or the functions and classes that it defines."""
    body = ast.parse(Path(find_spec(f"unet_book.{room}").origin).read_text(encoding="utf-8")).body
    for line in body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "__all__":
            return ast.literal_eval(line.value)
    defined = [line.name for line in body if isinstance(line, ast.FunctionDef | ast.ClassDef)]
    return [name for name in defined if not name.startswith("_")]


@pytest.mark.parametrize("room", ROOMS)
def test_api_page_shows_every_public_function(room):
    page = html("book/api")
    missing = [name for name in public(room) if f'id="unet_book.{room}.{name}"' not in page]
    assert not missing, "no docstring, or no line for this room in book/api.md"


# ---- in a browser


@pytest.fixture(scope="module")
def site():
    """The address of a server of the built book."""
    with served() as address:
        yield address


@pytest.fixture(scope="module")
def tab(browser, site):
    """A tab that opens one page after another, and what a reader's browser complains of in it."""
    context = browser.new_context()
    tab = context.new_page()
    yield tab, listen(tab, site)
    context.close()


def listen(page, site):
    """A list that fills with what a reader's browser would complain of."""
    complaints = []
    page.on("console", lambda m: m.type == "error" and complaints.append(f"console: {m.text}"))
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("requestfailed", lambda r: complaints.append(f"failed: {r.url}"))
    page.on("response", lambda r: r.status >= 400 and complaints.append(f"{r.status}: {r.url}"))

    def inside(request):
        scheme, host = urlsplit(request.url)[:2]
        if scheme not in ("data", "blob") and host != urlsplit(site)[1]:
            complaints.append(f"outside: {request.url}")

    page.on("request", inside)
    return complaints


LOOK = """async () => {
  await window.MathJax?.startup?.promise;
  const all = css => [...document.querySelectorAll(css)];
  return {
    width: document.documentElement.scrollWidth,
    unset: all(".math").filter(m => !m.querySelector("mjx-container")).map(m => m.textContent),
    wrong: all("mjx-merror").map(m => m.textContent),
    silent: all("img").filter(i => !i.alt.trim()).map(i => i.src),
    broken: all("img[src]").filter(i => i.complete && !i.naturalWidth).map(i => i.src),
  };
}"""


def look(tab, width, scheme):
    """What there is to see once the window is so wide, and the reader likes it light or dark."""
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=scheme)
    tab.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
    tab.wait_for_timeout(100)  # ms, for what a script asks for once all is there
    return tab.evaluate(LOOK)


COMPRESSED = {".html", ".css", ".js", ".svg", ".json"}  # by any server of pages
LIMITS = {"book/index": 300_000}  # bytes until a page stands there, before a figure is touched
LIMIT = 700_000


def weight(addresses):
    """Bytes on the way to a reader for the files of these addresses."""
    paths = {HTML / unquote(urlsplit(address).path[1:]) for address in addresses}
    contents = [(path.suffix, path.read_bytes()) for path in paths]
    return sum(len(gzip.compress(c, 6) if kind in COMPRESSED else c) for kind, c in contents)


@pytest.mark.parametrize("page", [*PAGES, "genindex", "search"])
def test_page_is_quiet_complete_light_and_fits(tab, site, page):
    """It is opened on a wide, light screen, which then becomes a phone in the dark."""
    tab, complaints = tab
    tab.set_viewport_size({"width": WIDE, "height": 900})
    tab.emulate_media(color_scheme="light")
    complaints.clear()
    asked = []
    note = lambda request: request.url.startswith(site) and asked.append(request.url)  # noqa: E731
    tab.on("request", note)
    tab.goto(f"{site}/{page}.html", wait_until="load")
    for width, scheme in [(WIDE, "light"), (PHONE, "dark")]:
        seen = look(tab, width, scheme)
        if width == WIDE:
            tab.remove_listener("request", note)
            assert weight(asked) < LIMITS.get(page, LIMIT)
        assert complaints == []
        assert seen.pop("width") <= width, f"wider than a window of {width} px"
        assert not any(seen.values()), seen
