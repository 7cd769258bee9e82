"""Pictures: what is drawn is what was given, and the page shows the package's own source."""

import re

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from unet_book import sizes, unet
from unet_book.costs import layer_costs
from unet_book.pages import plots


def test_a_gallery_has_a_titled_picture_for_each_entry():
    pictures = {"a": np.zeros((4, 6)), "b": np.ones((4, 6, 3)), "c": np.eye(4, 6)}
    figure = plots.gallery(pictures, columns=2)
    titles = [ax.get_title() for ax in figure.axes if ax.images]
    assert titles == ["a", "b", "c"]
    assert all(not ax.axison for ax in figure.axes)


def test_drawing_leaves_the_reader_s_settings_alone():
    before = dict(plt.rcParams)
    plots.gallery({"a": np.zeros((4, 4))})
    plots.error_curves({"a": ([0, 1], [0.5, 0.1])})
    assert dict(plt.rcParams) == before


def test_error_curves_name_each_line_and_level_and_their_axes():
    figure = plots.error_curves({"ours": ([0, 1], [0.2, 0.1])}, level={"guess": 0.3})
    (ax,) = figure.axes
    assert ax.get_xlabel() == "training step" and ax.get_yscale() == "log"
    assert {text.get_text() for text in ax.texts} == {"ours", "guess"}
    assert ax.yaxis.get_major_formatter()(0.05) == "5%"


def test_figures_come_back_closed_so_that_a_notebook_shows_them_once():
    plots.gallery({"a": np.zeros((4, 4))})
    assert plt.get_fignums() == []


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


def test_mistakes_mark_missed_and_invented_pixels_and_nothing_else():
    truth, found = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 1, 0]])
    picture = plots.mistakes(np.zeros((1, 4)), truth, found)
    assert np.allclose(picture[0, [0, 3]], 0)
    assert np.allclose(picture[0, 1], to_rgb("#56B4E9"))
    assert np.allclose(picture[0, 2], to_rgb(plots.ORANGE))


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


@pytest.mark.parametrize("depth, tile", [(4, 572), (2, 188), (1, 18)])
def test_the_drawing_of_the_network_says_what_the_network_does(depth, tile):
    model = unet.UNet(base_channels=8, depth=depth, variant="paper")
    said = [text.get_text() for text in plots.u_shape(model, tile).axes[0].texts]
    sides = [side for triple in sizes.feature_map_sizes(tile, depth) for side in triple]
    numbers = [int(word) for word in said if word.isdigit()]
    assert sorted(numbers[1::2]) == sorted([*sides, sizes.output_size(tile, depth)])
    layers = [c for c in layer_costs(model, tile) if not c.kind.startswith("up-conv")]
    assert numbers[::2] == [1, *(layer.channels for layer in layers)]
    boxes = {
        box
        for box in plots.u_shape(model, tile).axes[0].patches
        if isinstance(box, plots.plt.Rectangle)
    }
    skips = [box for box in boxes if box.get_facecolor()[:3] == (0.75, 0.75, 0.75)]
    assert len(boxes) == 1 + len(layers) + depth and len(skips) == depth
    assert len({round(box.get_y() + box.get_height() / 2, 6) for box in boxes}) == depth + 1
    tallest = max(boxes, key=lambda box: box.get_height())
    assert tallest.get_x() == min(box.get_x() for box in boxes)  # the tile itself
    crops = [word for word in said if word.startswith("crop")]
    assert crops == [f"crop {pixels}" for pixels in sizes.crop_offsets(depth)]
    with pytest.raises(ValueError, match="nearest"):
        plots.u_shape(model, tile + 1)


def test_the_skip_s_share_stands_where_the_network_has_it():
    def gray_from_the_left(variant):
        model = unet.UNet(base_channels=8, depth=1, variant=variant)
        boxes = plots.u_shape(model, 18).axes[0].patches
        gray = next(b for b in boxes if b.get_facecolor()[:3] == (0.75, 0.75, 0.75))
        under = next(
            b
            for b in boxes
            if b is not gray
            and b.get_x() <= gray.get_x()
            and b.get_x() + b.get_width() >= gray.get_x() + gray.get_width() - 1e-9
        )
        return gray.get_x() - under.get_x(), gray.get_width() / under.get_width()

    assert gray_from_the_left("paper") == pytest.approx((0, 1 / 2))
    offset, share = gray_from_the_left("released")  # its last up-convolution keeps 16 channels
    assert offset > 0 and share == pytest.approx(1 / 3)
