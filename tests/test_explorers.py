"""Figures that move, moved in a real browser."""

import base64
import io

import numpy as np
import pytest
from conftest import listening
from PIL import Image

from unet_book.pages import explorers
from unet_book.pages.explorers import frame


def pixels(data_url):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data_url.split(",")[1]))))


def three_grays():
    frames = [np.full((8, 12), gray) for gray in (0.0, 0.5, 1.0)]
    captions = ["black", "gray", "white"]
    return explorers.film("grays", frames, captions, alt="One gray after another.")


def brightness(page):
    return pixels(page.get_attribute("#grays img", "src")).mean() / 255


def said(page):
    return page.inner_text("#grays .says"), page.inner_text("#grays [name=play]")


def test_the_slider_shows_the_frame_and_the_caption_it_points_at(page):
    page.set_content(three_grays().data)
    for number, (caption, gray) in enumerate([("black", 0), ("gray", 0.5), ("white", 1)]):
        page.locator("#grays input").fill(str(number))
        assert page.inner_text("#grays .says") == caption
        assert brightness(page) == pytest.approx(gray, abs=0.02)


def test_arrow_keys_move_it(page):
    page.set_content(three_grays().data)
    page.focus("#grays input")
    page.keyboard.press("End")
    assert page.inner_text("#grays .says") == "white"
    page.keyboard.press("Home")
    assert page.inner_text("#grays .says") == "black"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#grays .says") == "gray"


def test_play_runs_from_the_start_to_the_end_and_stops(browser):
    with listening(browser) as (page, errors):  # which keeps its false clock
        page.set_content(three_grays().data)
        page.clock.install()
        page.click("#grays [name=play]")
        assert said(page) == ("black", "Pause")
        page.clock.run_for(3000)
        assert said(page) == ("white", "Play")
    assert not errors


def test_two_figures_on_one_page_do_not_disturb_each_other(page):
    other = explorers.film("other", [np.zeros((2, 2))] * 2, ["one", "two"], alt="Nothing.")
    page.set_content(three_grays().data + other.data)
    page.locator("#other input").fill("1")
    assert page.inner_text("#other .says") == "two"
    assert page.inner_text("#grays .says") == "black"


def test_two_figures_of_one_name_both_work(page):
    page.set_content(three_grays().data + three_grays().data)
    sliders, says = page.locator("#grays input"), page.locator("#grays .says")
    sliders.nth(1).fill("2")
    assert says.nth(0).inner_text() == "black" and says.nth(1).inner_text() == "white"


def test_a_control_can_not_start_where_it_can_not_be():
    for start in (-1, 11, 2.5):
        with pytest.raises(ValueError, match="from 0 to 10 in steps of 1"):
            frame.Slider("n", "number", 0, 10, start)
    with pytest.raises(ValueError, match="one of"):
        frame.Choice("c", "color", {"r": "red"}, "g")
    assert " selected" in frame.Choice("c", "color", {1: "one", 2: "two"}, 2).html()


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


# ---- the frame


@pytest.mark.parametrize("width", [1280, 390])
def test_a_drawing_is_as_wide_as_its_page(page, width, monkeypatch, tmp_path):
    """One unit of the drawing is one pixel of the page, so 13 px are 13 px on a phone, too."""
    (tmp_path / "lines.js").write_text(
        "draws(() => { const pen = drawing(200); const a = axes(pen, {x: [0, 10], y: [0, 1]});"
        "a.line([[0, 0], [10, 1]], 'var(--blue)'); say(`${pen.width} ${value('n')}`); });"
    )
    for file in ("frame.css", "frame.js"):
        (tmp_path / file).write_bytes((frame.HERE / file).read_bytes())
    monkeypatch.setattr(frame, "HERE", tmp_path)
    page.set_viewport_size({"width": width, "height": 700})
    controls = [frame.Slider("n", "number", 0, 5, 2, 0.5, " px")]
    page.set_content(frame.figure("lines", "lines.js", controls, "A line.", "Look.").data)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn, chosen = page.inner_text("#lines .says").split()
    box = page.locator("#lines svg").bounding_box()
    assert float(drawn) == pytest.approx(box["width"], abs=1) and chosen == "2"
    assert page.inner_text("#lines .control output") == "2 px"
    assert page.locator("#lines svg").get_attribute("aria-label") == "A line."
    page.set_viewport_size({"width": 320, "height": 700})
    page.wait_for_function("document.querySelector('#lines .says').textContent < '310'")
    box = page.locator("#lines svg").bounding_box()
    assert float(page.inner_text("#lines .says").split()[0]) == pytest.approx(box["width"], abs=1)


def test_colors_stand_out_from_a_light_and_from_a_dark_page(page):
    """Every named color has a contrast of 4.5 with white and with near-black (WCAG AA)."""
    page.set_content(three_grays().data)
    for ink, paper in [("rgb(50,50,50)", (255, 255, 255)), ("rgb(206,214,221)", (20, 24, 30))]:
        for name in ("cell", "border", "wrong", "ours", "paper", "green", "gray"):
            page.evaluate(
                "([ink, name]) => { const box = document.querySelector('#grays');"
                "box.style.color = ink; box.style.borderColor = `var(--${name})`; }",
                [ink, name],
            )
            painted = page.evaluate(
                "() => { const c = document.createElement('canvas').getContext('2d');"
                "c.fillStyle = getComputedStyle(document.querySelector('#grays')).borderTopColor;"
                "c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; }"
            )
            alpha = painted[3] / 255
            seen = [alpha * c + (1 - alpha) * p for c, p in zip(painted, paper)]
            assert contrast(seen, paper) >= 4.5, (name, ink, painted)


def contrast(color, background):
    """The contrast ratio of two sRGB colors, 1 to 21, as WCAG 2 defines it."""

    def luminance(color):
        c = np.asarray(color) / 255
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted([luminance(color), luminance(background)])
    return (high + 0.05) / (low + 0.05)
