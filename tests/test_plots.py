"""Figures: what is drawn is what was given, the same each time, and readable as a drawing."""

import base64
import io
import re
from xml.etree import ElementTree

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_rgb
from PIL import Image

from unet_book import sizes, unet
from unet_book.costs import layer_costs
from unet_book.pages import plots, sheet
from unet_book.pages.plots import drawings as drawings_of
from unet_book.pages.plots.svg import typeset

SPACE = "{http://www.w3.org/2000/svg}"


def drawings(figure):
    """The SVGs of a figure: of each panel the one for a screen and the one for a phone."""
    found = re.findall(r"svg\+xml;base64,([\w+/=]+)", figure._repr_html_())
    phone, wide = (
        [ElementTree.fromstring(base64.b64decode(f)) for f in found[k::2]] for k in (0, 1)
    )
    return wide, phone


def said(drawing):
    return ["".join(text.itertext()) for text in drawing.iter(f"{SPACE}text")]


def pixels(panel):
    """What an image panel shows."""
    data = re.search(r"image/png;base64,([\w+/=]+)", panel.picture)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.mark.parametrize(
    "side, count, phone", [(128, 3, 3), (192, 3, 1), (160, 2, 2), (100, 4, 2), (512, 6, 1)]
)
def test_on_a_phone_no_picture_is_tiny_and_no_row_has_a_hole(side, count, phone):
    pictures = {str(k): np.zeros((2, side)) for k in range(count)}
    assert plots.gallery(pictures, columns=2 if count == 4 else 3).phone == phone


def test_a_gallery_has_the_very_pixels_of_each_picture_and_its_title():
    pictures = {"a": np.zeros((4, 6)), "$b_1$ <": np.ones((4, 6, 3)), "c": np.eye(4, 6)}
    figure = plots.gallery(pictures, columns=2)
    assert [panel.title for panel in figure.panels] == [*pictures]
    for panel, picture in zip(figure.panels, pictures.values()):
        assert np.array_equal(pixels(panel), np.round(255 * picture))
    page = figure._repr_html_()
    assert "<i>b</i><sub>1</sub> &lt;" in page and "--columns: 2" in page


def test_a_figure_says_of_itself_only_what_another_machine_would_say_too():
    assert repr(plots.gallery({"0.123 wrong": np.zeros((2, 2))})) == "<a figure of 1 panel>"
    assert repr(plots.gallery({"a": np.eye(2)}) + plots.gallery({"b": np.eye(2)})).endswith(
        "2 panels>"
    )


def test_small_pictures_are_magnified_in_squares_and_large_ones_are_not():
    small, large = (plots.gallery({"a": np.zeros((9, side))}) for side in (200, 201))
    assert "pixelated" in small._repr_html_() and "pixelated" not in large._repr_html_()


def two_curves():
    with plots.chart("one", "$V_{Rand}$", height=200) as (figure, axes):
        for ax in axes:
            ax.plot([0, 1], [0, 1], color=plots.AMBER)
            plots.label(ax, "$d_1$ & more", (0.5, 0.5), plots.AMBER)
            ax.set(xlabel="steps")
    return figure


def test_a_chart_is_drawn_once_for_a_screen_and_once_for_a_phone_with_letters_of_one_size():
    wide, phone = drawings(two_curves())
    assert len(wide) == len(phone) == 2
    for drawing, width in [*zip(wide, (331, 331)), *zip(phone, (350, 350))]:
        assert float(drawing.get("viewBox").split()[2]) == pytest.approx(width)
        letters = [text.get("style") for text in drawing.iter(f"{SPACE}text")]
        assert letters and all("font-size: 14px" in style for style in letters)
        assert {"steps", "d1\u200b & more"} <= set(said(drawing))


def test_a_drawing_is_the_same_each_time_and_no_two_share_an_id():
    assert two_curves()._repr_html_() == two_curves()._repr_html_()
    first, *others = (
        set(re.findall(r'id="([^"]+)"', ElementTree.tostring(drawing, encoding="unicode")))
        for group in drawings(two_curves() + plots.error_curves({"a": ([0, 9], [0.5, 0.1])}))
        for drawing in group[::2]
    )
    for other in others:
        assert other and not first & other


def test_words_in_a_drawing_have_the_darker_color_and_lines_the_full_one():
    drawing = ElementTree.tostring(drawings(two_curves())[0][0], encoding="unicode")
    amber = sheet.SHEET["amber"]
    assert f"stroke: {amber.light}" in drawing
    assert f"fill: {amber.light_text}" in drawing and f"fill: {amber.light}" not in drawing


def test_formulas_are_set_in_html_and_in_a_drawing():
    assert typeset("$w_0$ = 10") == "<i>w</i><sub>0</sub> = 10"
    assert typeset("a\nb") == "a<br>b"
    drawn = ElementTree.fromstring(f"<t>{typeset('$1 - V_{Rand}$ < 2', svg=True)}</t>")
    assert "".join(drawn.itertext()).replace("\u200b", "") == "1 - VRand < 2"


def test_drawing_leaves_the_reader_s_settings_alone_and_no_figure_open():
    before = dict(plt.rcParams)
    plots.gallery({"a": np.zeros((4, 4))})
    plots.error_curves({"a": ([0, 1], [0.5, 0.1])})
    with pytest.raises(RuntimeError), plots.chart():
        raise RuntimeError
    assert dict(plt.rcParams) == before and plt.get_fignums() == []


def test_error_curves_name_each_line_and_level_and_their_axes():
    wide, phone = drawings(plots.error_curves({"ours": ([0, 1], [0.2, 0.04])}, {"guess": 0.3}))
    for drawing in wide + phone:
        assert {"ours", "guess", "training step", "5%", "10%"} <= set(said(drawing))


@pytest.mark.parametrize("value, words", [(1, "1"), (10, "10"), (1e-7, "10⁻⁷"), (1e3, "10³")])
def test_powers_of_ten_are_written_as_such(value, words):
    with plots.chart() as (figure, ax):
        ax.semilogy([0, 1], [value / 2, value * 2])
        plots.powers(ax)
    assert words in said(drawings(figure)[0][0])


def test_an_outline_lies_on_the_cell_s_own_outermost_pixels():
    labels = np.zeros((7, 7), int)
    labels[2:5, 2:5] = 1
    picture = plots.outlined(np.zeros((7, 7)), labels)
    drawn = np.any(picture > 0, axis=-1)
    ring = labels.astype(bool)
    ring[3, 3] = False
    assert np.array_equal(drawn, ring)


def test_touching_cells_have_a_line_between_them():
    labels = np.repeat([[1, 1, 1, 2, 2, 2]], 6, axis=0)
    drawn = np.any(plots.outlined(np.zeros((6, 6)), labels) > 0, axis=-1)
    assert drawn[3].tolist() == [False, False, True, True, False, False]


def test_neighbors_in_number_differ_in_color_and_background_stays_gray():
    labels = np.arange(8)[None]
    picture = plots.colored(np.full((1, 8), 0.5), labels)
    assert np.allclose(picture[0, 0], 0.5)
    assert len({tuple(color) for color in picture[0, 1:].round(6)}) == 7


def neighbors(labels, reach):
    """Each cell's neighbors, by comparing all pixels with all."""
    found = {}
    places = [(y, x, int(labels[y, x])) for y, x in np.argwhere(labels > 0)]
    for y, x, one in places:
        for v, u, other in places:
            if one != other and max(abs(y - v), abs(x - u)) <= reach:
                found.setdefault(one, set()).add(other)
    return found


@given(arrays(np.int32, (9, 9), elements=st.integers(-1, 30)), st.integers(1, 5))
def test_cells_that_touch_never_share_a_color_while_seven_suffice(labels, zoom):
    labels = np.kron(labels[: 9 // zoom, : 9 // zoom], np.ones((zoom, zoom), np.int32))
    numbers = plots.tint_numbers(labels)
    assert np.array_equal(numbers >= 0, labels > 0) and numbers.max(initial=-1) < 7
    color = {int(cell): int(number) for cell, number in zip(labels.flat, numbers.flat)}
    near, far = neighbors(labels, 2), neighbors(labels, 6)
    for cell in filter(lambda cell: cell > 0, color):
        # A cell took its color after those of smaller numbers only.
        for around in (far, near):
            before = {color[other] for other in around.get(cell, ()) if other < cell}
            if len(before) < 7:
                assert color[cell] not in before
                break
        else:
            assert color[cell] == cell % 7


def test_mistakes_mark_missed_and_invented_pixels_and_nothing_else():
    truth, found = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 1, 0]])
    picture = plots.mistakes(np.zeros((1, 4)), truth, found)
    assert np.allclose(picture[0, [0, 3]], 0)
    assert np.allclose(picture[0, 1], to_rgb(plots.CELL))
    assert np.allclose(picture[0, 2], to_rgb(plots.WRONG))


def test_a_tint_grows_with_the_probability():
    picture = plots.tinted(np.zeros((1, 3)), np.array([[0, 0.5, 1]]), "#ffffff", strength=1)
    assert np.allclose(picture[0, :, 0], [0, 0.5, 1])


def test_brightening_keeps_a_constant_image_finite():
    assert np.isfinite(plots.brightened(np.full((3, 3), 0.2))).all()


def test_source_is_the_package_s_with_its_docstring_behind_it():
    text = plots.source(sizes.output_size).data
    assert text.startswith("<details") and text.endswith("</details>")
    code, docstring = text.split("```")[1:4:2]
    assert code.startswith("python\ndef output_size(") and code.count('"""') == 2
    assert "Raises" not in code and "return int(size) - 2 * border(depth, variant)" in code
    assert docstring.startswith("text\n") and "it names the nearest sizes" in docstring


def test_source_says_what_a_folded_listing_does():
    summary = re.search("<summary>(.*)</summary>", plots.source(sizes.output_size).data)[1]
    first = sizes.output_size.__doc__.splitlines()[0]
    assert summary == f"All of <code>output_size</code>: {first}"


def test_source_shows_the_lines_that_matter_before_the_fold():
    shown, folded = plots.source(sizes.output_size, "return int(").data.split("<details")
    assert shown == "```python\nreturn int(size) - 2 * border(depth, variant)\n```\n\n"
    assert "def output_size(" in folded
    shown, _ = plots.source(unet.UNet.join, "def join", "return").data.split("<details")
    compile(shown.strip().removeprefix("```python\n").removesuffix("```"), "page", "exec")


@pytest.mark.parametrize("first, last", [("not there", ""), ("return int(", "def output_size")])
def test_source_refuses_lines_that_are_not_there(first, last):
    with pytest.raises(ValueError, match="no line with"):
        plots.source(sizes.output_size, first, last)


def test_source_of_a_class_keeps_all_its_methods():
    text = plots.source(unet.UNet).data
    for name in ("__init__", "forward", "join"):
        assert f"def {name}(" in text
    compile(text.split("```")[1].removeprefix("python\n"), "page", "exec")


def test_heat_and_its_scale_run_from_black_to_yellow():
    picture = plots.heat(np.array([[5.0, 7.5, 10.0, 99.0]]), top=10, low=5)
    assert picture[0, 0].max() < 0.02 and picture[0, 2].min() > 0.6
    assert np.array_equal(picture[0, 2], picture[0, 3])
    assert plots.scale("5 px", "10 px").startswith('<div class="scale"')


def boxes(drawing):
    """The boxes of a drawn network: x and width of each, and of its skip's share."""
    space = [*drawing.iter(f"{SPACE}g")]
    return [
        [
            (rect.get("class"), float(rect.get("x")), float(rect.get("width")))
            for rect in group.iter(f"{SPACE}rect")
            if rect.get("class")
        ]
        for group in space
        if group.get("data-says")
    ]


def networks(model, tile):
    """Both drawings of a network."""
    page = plots.u_shape(model, tile).data
    return [ElementTree.fromstring(part) for part in re.findall(r"<svg.*?</svg>", page)]


@pytest.mark.parametrize("depth, tile", [(4, 572), (2, 188), (1, 18)])
def test_the_drawing_of_the_network_says_what_the_network_does(depth, tile):
    model = unet.UNet(base_channels=8, depth=depth, variant="paper")
    layers = [c for c in layer_costs(model, tile) if not c.kind.startswith("up-conv")]
    wide, narrow = networks(model, tile)
    numbers = [int(word) for word in said(wide) if word.isdigit()]
    assert numbers[: len(layers) + 1] == [1, *(layer.channels for layer in layers)]
    assert numbers[len(layers) + 1 :] == [tile, *(layer.height for layer in layers)]
    for drawing in (wide, narrow):
        crops = [int(word.split()[-1]) for word in said(drawing) if "crop" in word]
        assert crops == sizes.crop_offsets(depth)
        found = boxes(drawing)
        assert len(found) == 1 + len(layers) and sum(len(box) == 2 for box in found) == depth
        told = [group.get("data-says") for group in drawing.iter(f"{SPACE}g")]
        for layer, words in zip(layers, told[1:]):
            assert f"{layer.channels} channels of {layer.height} x {layer.width}" in words
        sizes_of_text = re.findall(r"font-size: (\d+)px", ElementTree.tostring(drawing, "unicode"))
        assert min(map(int, sizes_of_text)) >= 11
    with pytest.raises(ValueError, match="nearest"):
        plots.u_shape(model, tile + 1)


def test_what_the_boxes_tell_adds_up_to_the_network():
    model = unet.UNet(base_channels=8, depth=2)
    page = plots.u_shape(model, 188).data.split("</svg>")[0]
    told = re.findall(r'data-says="[^"]*?([\d,]+) parameters', page)
    assert sum(int(count.replace(",", "")) for count in told) == sum(
        parameter.numel() for parameter in model.parameters()
    )


def test_the_skip_s_share_stands_where_the_network_has_it():
    def gray_from_the_left(variant):
        model = unet.UNet(base_channels=8, depth=1, variant=variant)
        whole, skip = next(box for box in boxes(networks(model, 18)[0]) if len(box) == 2)
        return skip[1] - whole[1], skip[2] / whole[2]

    assert gray_from_the_left("paper") == pytest.approx((0, 1 / 2), abs=0.02)
    offset, share = gray_from_the_left("released")  # its last up-convolution keeps 16 channels
    assert offset > 0 and share == pytest.approx(1 / 3, abs=0.02)


def test_the_drawn_network_answers_who_points_at_a_box(page):
    page.set_content(plots.u_shape(unet.UNet(base_channels=8, depth=2), 188).data)
    page.locator("svg.wide g[data-says]").nth(1).dispatch_event("pointerenter")
    assert page.inner_text(".says").startswith("3 x 3 convolution: 8 channels of 186 x 186; 80 ")
    page.locator("svg.wide g[data-says]").nth(3).focus()
    assert page.inner_text(".says").startswith("2 x 2 max-pooling: 8 channels of 92 x 92")


# ---- drawings


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_the_walked_window_is_the_one_that_sizes_has_and_lies_around_the_answer(depth):
    rows = drawings_of._walked(depth)
    first, last = sizes.input_window(0, 0, depth)
    name, stride, count, left = rows[-1]
    assert (name, stride, count, left) == ("level 1 down", 1, last - first + 1, first - 0.5)
    answer = rows[0][3]
    assert answer == sizes.border(depth) - 0.5  # where output pixel 0 lies in the tile
    for _, stride, count, left in rows[1:]:
        assert left < answer < left + stride * count - 1


def test_crops_are_those_of_the_network():
    titles = [panel.title for panel in plots.crops().panels]
    assert [int(title.split(": ")[1].split()[0]) for title in titles] == sizes.crop_offsets()[::-1]
    assert titles[0] == "64 to 56: 4 a side" and len(plots.crops(18, 1).panels) == 1


def test_drawings_for_a_page_say_their_numbers():
    (two,) = drawings(plots.two_candidates())[0]
    assert {"A: 4² + 1² = 17", "B: 4² + 3² = 25", "C: 4² + 5² = 41"} <= set(said(two))
    assert [panel.title for panel in plots.valid_convolutions(8).panels] == [
        "8 x 8 in",
        "6 x 6 after one",
        "4 x 4 after two",
    ]
    assert len(plots.three_vectors().panels) == 1


def test_the_mirrored_margin_of_the_tiles_is_the_mirror(monkeypatch):
    image, shown = np.random.default_rng(0).random((12, 12)), []
    imshow = drawings_of.Axes.imshow

    def caught(ax, pixels, **how):
        shown.append(np.array(pixels))
        return imshow(ax, pixels, **how)

    monkeypatch.setattr(drawings_of.Axes, "imshow", caught)
    plots.overlapping_tiles(image, tile=10, border=3, step=4)
    expected = 0.45 * np.pad(image, 3, mode="reflect")
    expected[3:-3, 3:-3] = image
    assert np.allclose(shown[0], expected)
