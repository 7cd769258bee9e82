"""What several test files need: a browser, a page that listens for errors, two processors."""

import contextlib
import os
import shutil

import pytest
import torch
from command_line import run
from hypothesis import settings

from unet_book.training import engine

# A property is tried on the same few examples every time, and weekly on many, drawn anew.
settings.register_profile("quick", deadline=None, derandomize=True, database=None, max_examples=25)
settings.register_profile("thorough", deadline=None, print_blob=True, max_examples=200)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync""".split()


THIS_PROCESSOR = torch.backends.cpu.get_cpu_capability


@pytest.fixture(scope="module", params=["bf16", "fp32"])
def arithmetic(request):
    """What "auto" picks: on a processor with instructions for bf16, and on one without."""
    has = request.param == "bf16"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512" if has else "AVX2")
        for unit in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
            patch.setattr(torch.cpu, unit, lambda: has, raising=False)
        yield request.param


@pytest.fixture(autouse=True)
def on_any_processor(monkeypatch):
    """A test in which "auto" would look at this machine's processor fails, on every machine."""

    def asked(device, has_bf16=engine.has_bf16):
        mine = torch.backends.cpu.get_cpu_capability is THIS_PROCESSOR
        if mine and torch.device(device).type == "cpu":
            pytest.fail('this depends on the processor: use the fixture "arithmetic"')
        return has_bf16(device)

    monkeypatch.setattr(engine, "has_bf16", asked)


def without(thing, how):
    """Locally a missing tool skips its tests; where everything should be there, it fails them."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{thing} is not there: {how}")


@pytest.fixture(scope="session")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        without("a browser", "install Debian's chromium, or Chrome")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


PHONE = {"width": 390, "height": 700}  # px


@contextlib.contextmanager
def listening(browser):
    """A page of its own, as wide as a phone, and the list of its scripts' errors."""
    page, errors = browser.new_page(viewport=PHONE), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    yield page, errors
    page.close()


@pytest.fixture(scope="session")
def shared_page(browser):
    with listening(browser) as both:
        yield both


@pytest.fixture
def page(shared_page):
    """An empty page, as wide as a phone; a script's error fails the test."""
    page, errors = shared_page
    page.set_viewport_size(PHONE)
    page.set_content("")
    errors.clear()
    yield page
    assert not errors


EACH = """settings => settings.map(values => {
  for (const [name, value] of Object.entries(values)) {
    const control = document.querySelector(`.explorer [name=${name}]`);
    if (control.value === String(value)) continue;
    control.value = value;
    control.dispatchEvent(new Event("input", {bubbles: true}));
  }
  const figure = document.querySelector(".explorer");
  return {...figure.dataset, says: figure.querySelector(".says").textContent};
})"""


@pytest.fixture
def move(page):
    """move(figure) puts a moving figure on the page; move(name=value, …) sets its controls.

    Both return the text that the figure's line below then says. move.each(settings), a list of
    dictionaries, sets one after the other within the page, which is quicker than a call for each,
    and returns for each a dictionary: the figure's data attributes, and that text as "says".
    """

    def move(figure=None, **controls):
        if figure is not None:
            page.set_content(figure.data)
        for name, value in controls.items():
            control = page.locator(f".explorer [name={name}]")
            if control.evaluate("element => element.tagName") == "SELECT":
                control.select_option(str(value))
            else:
                control.fill(str(value))
        return page.inner_text(".explorer .says")

    move.each = lambda settings: page.evaluate(EACH, settings)
    return move


@pytest.fixture
def complaint(capsys):
    """Runs a command that must fail, and gives the one line that it says."""

    def of(*arguments, status=2):
        capsys.readouterr()
        assert run(*arguments) == status
        said = capsys.readouterr()
        looked = said.out.splitlines()  # what train has seen in the folder
        assert not looked or (arguments[0] == "train" and "pairs, " in looked[0])
        assert said.err.startswith("unet-book: ")
        assert said.err.count("\n") == 1
        return said.err.removeprefix("unet-book: ").strip()

    return of
