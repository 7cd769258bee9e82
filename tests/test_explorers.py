"""Figures that move, moved in a real browser."""

import base64
import io
import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from unet_book import explorers

CHROMIUM = pathlib.Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def pixels(data_url):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data_url.split(",")[1]))))


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        assert not os.environ.get("CI"), "CI tests the figures in Chromium; install it"
        pytest.skip("needs Debian's chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as play:
        yield play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 390, "height": 700})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    yield page
    page.close()
    assert not errors


def three_grays():
    frames = [np.full((8, 12), gray) for gray in (0.0, 0.5, 1.0)]
    captions = ["black", "gray", "white"]
    return explorers.film("grays", frames, captions, alt="One gray after another.")


def brightness(page):
    return pixels(page.get_attribute("#grays img", "src")).mean() / 255


def said(page):
    return page.inner_text("#grays output"), page.inner_text("#grays button")


def test_the_slider_shows_the_frame_and_the_caption_it_points_at(page):
    page.set_content(three_grays().data)
    for frame, (caption, gray) in enumerate([("black", 0), ("gray", 0.5), ("white", 1)]):
        page.locator("#grays input").fill(str(frame))
        assert page.inner_text("#grays output") == caption
        assert brightness(page) == pytest.approx(gray, abs=0.02)


def test_arrow_keys_move_it(page):
    page.set_content(three_grays().data)
    page.focus("#grays input")
    page.keyboard.press("End")
    assert page.inner_text("#grays output") == "white"
    page.keyboard.press("Home")
    assert page.inner_text("#grays output") == "black"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#grays output") == "gray"


def test_play_runs_from_the_start_to_the_end_and_stops(page):
    page.set_content(three_grays().data)
    page.clock.install()
    page.click("#grays button")
    assert said(page) == ("black", "Pause")
    page.clock.run_for(3000)
    assert said(page) == ("white", "Play")


def test_two_figures_on_one_page_do_not_disturb_each_other(page):
    other = explorers.film("other", [np.zeros((2, 2))] * 2, ["one", "two"], alt="Nothing.")
    page.set_content(three_grays().data + other.data)
    page.locator("#other input").fill("1")
    assert page.inner_text("#other output") == "two"
    assert page.inner_text("#grays output") == "black"


def test_a_figure_is_no_wider_than_a_phone(page):
    page.set_content(three_grays().data)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_captions_can_not_end_the_script_or_the_alt_text():
    film = explorers.film("x", [np.zeros((2, 2))], ['</script><b>"'], alt='a "quoted" <b>').data
    assert film.count("</script>") == 1
    assert 'alt="a &quot;quoted&quot; &lt;b&gt;"' in film


def test_the_same_frames_give_the_same_bytes():
    assert three_grays().data == three_grays().data


def test_captions_and_pictures_must_agree_in_number():
    with pytest.raises(ValueError, match="2 pictures need as many captions, got 1"):
        explorers.film("x", [np.zeros((2, 2))] * 2, ["one"], alt="")
    with pytest.raises(ValueError, match="0 pictures"):
        explorers.film("x", [], [], alt="")
