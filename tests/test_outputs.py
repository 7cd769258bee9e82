"""Results in files: outlines that give back their cells, tables, pictures, and whose they are."""

import csv
import io
import json
import sys
import zipfile

import numpy as np
import pytest
import roifile
import tifffile
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path as Region
from PIL import Image

from unet_book import datasets, outputs
from unet_book.datasets import phantom
from unet_book.outputs import Frame, Origin
from unet_book.outputs.measures import COLUMNS
from unet_book.outputs.table import HEADER

# Label maps of every kind: one pixel, at edges, touching by a side or a corner, holes, pieces.
MAPS = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: arrays(np.int32, shape, elements=st.integers(-1, 4))
)
DIAGONAL = np.array([[1, 2], [2, 1]])
RING = np.array([[1, 1, 1], [1, 2, 1], [1, 1, 1]])
PINCHED = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 3]])
SPLIT_HOLE = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]])


def inside(rings, shape):
    """Which pixels have their center within the rings, by matplotlib; a hole counts twice."""
    y, x = np.indices(shape).reshape(2, -1) + 0.5
    counts = sum(Region(ring).contains_points(np.stack([x, y], 1)) for ring in rings)
    return (np.array(counts) % 2 == 1).reshape(shape)


def area(ring):
    """The shoelace formula, with the sign of the turn."""
    x, y = np.transpose(ring)
    return (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2


def cells_of(labels):
    return [int(cell) for cell in np.unique(labels) if cell > 0]


def frame(labels, image=None, number=1):
    labels = np.asarray(labels)
    image = (
        np.arange(labels.size, dtype=np.uint16).reshape(labels.shape) if image is None else image
    )
    return Frame(np.asarray(image), labels, np.float32(labels > 0), number)


def written(writer, path, *frames, origin=None, **how):
    with writer(path, origin or Origin(len(frames)), **how) as add:
        for each in frames:
            add(each)
    return path


# Outlines ----------------------------------------------------------------------------------------


@example(DIAGONAL)
@example(RING)
@example(PINCHED)
@example(SPLIT_HOLE)
@example(np.zeros((3, 4), int))
@given(MAPS)
def test_outlines_filled_again_are_the_cells(labels):
    found = outputs.outlines(labels)
    assert [*found] == cells_of(labels)
    for cell, polygons in found.items():
        rings = [ring for polygon in polygons for ring in polygon]
        assert np.array_equal(inside(rings, labels.shape), labels == cell)
        assert sum(map(area, rings)) == np.count_nonzero(labels == cell)


@example(DIAGONAL)
@example(PINCHED)
@example(SPLIT_HOLE)
@given(MAPS)
def test_rings_turn_at_each_corner_and_touch_themselves_nowhere(labels):
    """What QuPath takes for valid: simple rings, outside one way around, holes the other."""
    for polygons in outputs.outlines(labels).values():
        for outer, *holes in polygons:
            assert area(outer) > 0 and all(area(hole) < 0 for hole in holes)
            for ring in (outer, *holes):
                assert ring.dtype.kind == "i" and len(set(map(tuple, ring))) == len(ring) >= 4
                steps = np.roll(ring, -1, axis=0) - ring
                assert ((steps == 0).sum(axis=1) == 1).all()  # along rows or columns
                assert ((steps == 0) != np.roll(steps == 0, 1, axis=0)).all()  # and in turn


def test_a_cell_of_one_pixel_is_its_square():
    [[ring]] = outputs.outlines([[0, 0], [0, 9]])[9]
    assert ring.tolist() == [[1, 1], [2, 1], [2, 2], [1, 2]]


def test_pieces_are_polygons_and_a_hole_is_a_ring():
    found = outputs.outlines(PINCHED)
    assert [len(polygon) for polygon in found[1]] == [2] and len(found[3]) == 1
    assert [len(polygon) for polygon in outputs.outlines(DIAGONAL)[1]] == [1, 1]


def test_outlines_of_drawn_cells_are_theirs():
    labels = phantom.cells((90, 110), seed=3)[1]
    for cell, [[ring]] in outputs.outlines(labels).items():
        assert np.array_equal(inside([ring], labels.shape), labels == cell)


# Measures ----------------------------------------------------------------------------------------

LABELS = np.array([[5, 5, 0, 0], [0, 5, 0, 0], [0, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]])
GRAY = np.arange(20, dtype=np.uint8).reshape(5, 4) * 12


def test_measures_by_hand():
    """Cell 2 is the pixel of row 3 and column 2; cell 5 has (0, 0), (0, 1) and (1, 1)."""
    found = {name: values.tolist() for name, values in outputs.measure(LABELS, GRAY).items()}
    assert found == {
        "cell": [2, 5],
        "area_px": [1, 3],
        "x_px": [2.5, (0.5 + 1.5 + 1.5) / 3],
        "y_px": [3.5, (0.5 + 0.5 + 1.5) / 3],
        "left_px": [2, 0],
        "top_px": [3, 0],
        "width_px": [1, 2],
        "height_px": [1, 2],
        "diameter_px": pytest.approx([2 / np.pi**0.5, 2 * (3 / np.pi) ** 0.5]),
        "mean_gray": [168, (0 + 12 + 60) / 3],
        "min_gray": [168, 0],
        "max_gray": [168, 60],
        "sum_gray": [168, 72],
        "touches_edge": [0, 1],
    }


def test_micrometers_where_a_pixel_has_a_size():
    pixels, found = outputs.measure(LABELS, GRAY), outputs.measure(LABELS, GRAY, (0.5, 0.25))
    assert [*COLUMNS] == sorted(found, key=COLUMNS.index) and {*COLUMNS} == {*found}
    assert found["area_um2"].tolist() == [0.125, 0.375]
    assert found["x_um"][0] == 1.25 and found["y_um"][0] == 0.875
    assert found["diameter_um"] ** 2 == pytest.approx(found["area_um2"] * 4 / np.pi)
    assert all(np.array_equal(found[name], pixels[name]) for name in pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float32, np.float64])
def test_gray_values_are_summed_without_loss(dtype):
    image = np.full((300, 300), 100, dtype)
    found = outputs.measure(np.ones((300, 300), int), image)
    assert found["sum_gray"].tolist() == [9_000_000] and found["mean_gray"].tolist() == [100]


@given(MAPS)
def test_measures_are_those_of_scikit_image(labels):
    from skimage.measure import regionprops

    found, i = outputs.measure(labels, np.abs(labels) * 3.0), -1
    for i, region in enumerate(regionprops(np.maximum(labels, 0))):
        y, x = np.array(region.centroid) + 0.5
        top, left, bottom, right = region.bbox
        assert (found["cell"][i], found["area_px"][i]) == (region.label, region.area)
        assert (found["x_px"][i], found["y_px"][i]) == pytest.approx((x, y))
        box = [found[f"{name}_px"][i] for name in ("left", "top", "width", "height")]
        assert box == [left, top, right - left, bottom - top]
        assert found["diameter_px"][i] == pytest.approx(region.equivalent_diameter_area)
    assert len(found["cell"]) == i + 1


@pytest.mark.parametrize(
    "resolution, size",
    [
        (((31000.0, 15500.0), 3), (10000 / 31000, 10000 / 15500)),
        (((50800.0, 50800.0), 2), (0.5, 0.5)),
        (((72.0, 72.0), 2), None),  # a printer's
        (((1200.0, 1200.0), 2), None),
        (((28.35, 28.35), 3), None),
        (((2.0, 2.0), 1), None),  # no unit
        (None, None),
    ],
)
def test_a_pixels_size_is_a_microscopes_or_not_known(resolution, size):
    assert outputs.pixel_size(resolution) == (pytest.approx(size) if size else None)


@pytest.mark.parametrize("function", [outputs.measure, outputs.overlay])
def test_labels_of_another_shape_are_refused(function):
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        args = [np.zeros((2, 3), int), np.zeros((3, 2))]
        function(*args) if function is outputs.measure else function(*args[::-1])


# The table ---------------------------------------------------------------------------------------


def rows(path):
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return [*csv.DictReader(file)]


def test_a_table_has_a_row_for_each_cell_and_numbers_in_full(tmp_path):
    with outputs.Table(tmp_path / "cells.csv") as table:
        with table.image("a, 1", Origin()) as add:
            add(frame(LABELS, GRAY))
        with table.image("empty", Origin()) as add:
            add(frame(LABELS * 0, GRAY))
        with table.image("film", Origin(2, ((20000.0, 20000.0), 3))) as add:
            add(frame(LABELS, GRAY, 1))
            add(frame(LABELS, GRAY, 2))
    text = (tmp_path / "cells.csv").read_bytes()
    assert text.startswith(",".join(HEADER).encode() + b"\n") and b"\r" not in text
    found = rows(tmp_path / "cells.csv")
    assert [(row["image"], row["frame"], row["cell"]) for row in found] == [
        ("a, 1", "1", "2"),
        ("a, 1", "1", "5"),
        *[("film", number, cell) for number in "12" for cell in "25"],
    ]
    assert found[0]["sum_gray"] == "168" and float(found[1]["x_px"]) == (0.5 + 1.5 + 1.5) / 3
    assert [row["area_um2"] for row in found[1:4]] == ["", "0.25", "0.75"]


def test_an_image_that_failed_leaves_no_row(tmp_path):
    with outputs.Table(tmp_path / "cells.csv") as table:
        with table.image("good", Origin()) as add:
            add(frame(LABELS))
        with pytest.raises(ValueError), table.image("bad", Origin(2)) as add:
            add(frame(LABELS))
            raise ValueError
        with table.image("last", Origin()) as add:
            add(frame(LABELS))
    assert [row["image"] for row in rows(tmp_path / "cells.csv")] == ["good"] * 2 + ["last"] * 2


def test_a_table_that_was_interrupted_has_what_was_done(tmp_path):
    with pytest.raises(KeyboardInterrupt), outputs.Table(tmp_path / "cells.csv") as table:
        with table.image("done", Origin()) as add:
            add(frame(LABELS))
        with table.image("half", Origin(2)) as add:
            add(frame(LABELS))
            raise KeyboardInterrupt
    assert {row["image"] for row in rows(tmp_path / "cells.csv")} == {"done"}
    assert [path.name for path in tmp_path.iterdir()] == ["cells.csv"]


def test_rows_of_other_images_are_kept_and_those_of_the_same_replaced(tmp_path):
    strange = "\udcff, \n'\""
    for names, labels in (([strange, "b"], LABELS), (["b", "c"], LABELS == 2)):
        with outputs.Table(tmp_path / "cells.csv") as table:
            for name in names:
                with table.image(name, Origin()) as add:
                    add(frame(labels.astype(int)))
    found = [(row["image"], row["cell"]) for row in rows(tmp_path / "cells.csv")]
    assert found == [("b", "1"), ("c", "1"), (strange, "2"), (strange, "5")]


# Files for others --------------------------------------------------------------------------------


def test_label_images_are_stacks_of_16_bits_with_the_pixels_size(tmp_path):
    origin = Origin(2, ((31000.0, 31000.0), 3))
    path = written(
        outputs.label_tiff, tmp_path / "a.tif", frame(LABELS), frame(2 * LABELS), origin=origin
    )
    pixels = tifffile.imread(path)
    assert pixels.dtype == np.uint16 and np.array_equal(pixels, [LABELS, 2 * LABELS])
    assert datasets.files.read_resolution(path) == origin.resolution
    with Image.open(path) as other:  # another reader sees both pages
        assert other.n_frames == 2


def test_many_cells_get_32_bits_or_an_error_that_says_so(tmp_path):
    many = np.arange(70_000).reshape(250, 280)
    assert np.array_equal(
        tifffile.imread(written(outputs.label_tiff, tmp_path / "a.tif", frame(many))), many
    )
    with pytest.raises(ValueError, match="frame 2 has 69,999 cells"):
        written(outputs.label_tiff, tmp_path / "b.tif", frame(many % 9), frame(many, number=2))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_tiff_above_4_gigabytes_is_a_big_one(tmp_path):
    path = written(
        outputs.probability_tiff, tmp_path / "a.tif", frame(LABELS), origin=Origin(10**9)
    )
    assert path.read_bytes()[:4] == b"II+\0"


def region_of(roi):
    """The rings of a region, as Fiji takes them from its file."""
    if roi.composite:
        return [ring[:-1] for ring in roi.coordinates(multi=True)]
    assert roi.roitype == roifile.ROI_TYPE.TRACED
    return [roi.coordinates()]


@example(DIAGONAL)
@example(RING)
@example(PINCHED)
@given(MAPS)
def test_regions_for_fiji_give_back_the_cells(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("rois") / "a.zip"
    found = roifile.roiread(written(outputs.fiji_rois, path, frame(labels)))
    assert [int(roi.name) for roi in found] == cells_of(labels)
    for roi in found:
        assert np.array_equal(inside(region_of(roi), labels.shape), labels == int(roi.name))
        rows, columns = np.nonzero(labels == int(roi.name))
        assert (roi.left, roi.top) == (columns.min(), rows.min()) and roi.position == 0


def test_regions_of_a_stack_lie_on_their_slices(tmp_path):
    frames = [frame(LABELS, number=number) for number in (1, 2, 3)]
    path = written(outputs.fiji_rois, tmp_path / "a.zip", *frames)
    found = [(roi.name, roi.position) for roi in roifile.roiread(path)]
    assert found == [(f"{k:04}-{cell:04}", k) for k in (1, 2, 3) for cell in (2, 5)]
    origin = Origin(3, axes={"T": 3, "C": 2, "Y": 5, "X": 4}, channel=1)
    path = written(outputs.fiji_rois, tmp_path / "b.zip", *frames, origin=origin)
    assert [roi.position for roi in roifile.roiread(path)][::2] == [2, 4, 6]


def test_a_region_far_out_is_where_it_is(tmp_path):
    """Beyond 32,767 px whole numbers of 16 bits turn negative."""
    labels = np.zeros((2, 70_000), np.uint8)
    labels[1, 40_000:40_002] = labels[0, 69_990:] = 1
    labels[0, 69_990:] = 2
    [near, far] = roifile.roiread(written(outputs.fiji_rois, tmp_path / "a.zip", frame(labels)))
    assert sorted(map(tuple, near.coordinates())) == [
        (40_000, 1),
        (40_000, 2),
        (40_002, 1),
        (40_002, 2),
    ]
    assert far.coordinates().min(axis=0).tolist() == [69_990, 0]


@pytest.mark.parametrize(
    "axes, count, planes, positions",
    [
        ({"Y": 5, "X": 4}, 1, [(0, 0)], [1]),
        ({"T": 2, "Y": 5, "X": 4}, 2, [(0, 0), (0, 1)], [1, 2]),
        ({"Z": 2, "Y": 5, "X": 4}, 2, [(0, 0), (1, 0)], [1, 2]),
        ({"I": 2, "Y": 5, "X": 4}, 2, [(0, 0), (0, 1)], [1, 2]),
        ({}, 2, [(0, 0), (0, 1)], [1, 2]),  # a GIF
        (
            {"T": 2, "Z": 3, "C": 2, "Y": 5, "X": 4},
            6,
            [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)],
            [1, 3, 5, 7, 9, 11],
        ),
        ({"Z": 2, "T": 2, "Y": 5, "X": 4}, 4, [(0, 0), (0, 1), (1, 0), (1, 1)], [1, 3, 2, 4]),
    ],
)
def test_planes_and_times_and_fijis_count_of_slices(axes, count, planes, positions):
    origin = Origin(count, axes=axes)
    numbers = range(1, count + 1)
    assert [origin.plane(number) for number in numbers] == planes
    assert [origin.position(number) for number in numbers] == positions


@example(DIAGONAL)
@example(RING)
@example(PINCHED)
@given(MAPS)
def test_geojson_gives_back_the_cells(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("geojson") / "a.geojson"
    content = json.loads(written(outputs.qupath_geojson, path, frame(labels)).read_text())
    assert content["type"] == "FeatureCollection"
    assert [int(one["properties"]["name"]) for one in content["features"]] == cells_of(labels)
    for one in content["features"]:
        geometry = one["geometry"]
        several = geometry["type"] == "MultiPolygon"
        polygons = geometry["coordinates"] if several else [geometry["coordinates"]]
        rings = [ring for polygon in polygons for ring in polygon]
        assert all(ring[0] == ring[-1] for ring in rings) and one["type"] == "Feature"
        cell = labels == int(one["properties"]["name"])
        assert np.array_equal(inside(rings, labels.shape), cell)


def test_geojson_of_a_stack_tells_the_time(tmp_path):
    frames = [frame(LABELS, number=number) for number in (1, 2)]
    path = written(outputs.qupath_geojson, tmp_path / "a.geojson", *frames)
    features = json.loads(path.read_text())["features"]
    assert [one["geometry"]["plane"]["t"] for one in features] == [0, 0, 1, 1]


def test_without_its_package_regions_are_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "roifile", None)
    with pytest.raises(ImportError, match=r"pip install roifile, or unet_book\[rois\]"):
        written(outputs.fiji_rois, tmp_path / "a.zip", frame(LABELS))
    assert not [*tmp_path.iterdir()]


# The overlay -------------------------------------------------------------------------------------


def test_lines_are_inside_their_cells_and_the_image_is_between_them():
    labels = np.zeros((500, 900), int)
    labels[100:110, 200:220], labels[100:110, 220:240] = 1, 2  # they touch
    labels[0:5, 0:5] = 3  # at the edge
    picture = outputs.overlay(np.zeros(labels.shape), labels)
    colored = picture.any(axis=2)
    assert picture.shape == (500, 900, 3) and not colored[labels == 0].any()
    for cell, (rows, columns) in {1: (10, 20), 2: (10, 20), 3: (5, 5)}.items():
        assert colored[labels == cell].sum() == 2 * rows + 2 * columns - 4
        assert len(np.unique(picture[(labels == cell) & colored], axis=0)) == 1
    assert (picture[105, 219] != picture[105, 220]).any()


def test_small_images_are_enlarged_and_one_pixel_is_seen():
    labels = np.zeros((30, 40), int)
    labels[3, 7] = 1
    picture = outputs.overlay(np.zeros(labels.shape), labels)
    rows, columns = np.nonzero(picture.any(axis=2))
    assert picture.shape == (120, 160, 3) and len(rows) == 12
    assert {*rows // 4} == {3} and {*columns // 4} == {7}


@pytest.mark.parametrize(
    "low, high, dtype", [(100, 110, np.uint16), (0, 1e-6, np.float64), (-5, 5, np.int16)]
)
def test_an_image_of_any_range_can_be_seen(low, high, dtype):
    image = np.linspace(low, high, 30 * 40).reshape(30, 40).astype(dtype)
    picture = outputs.overlay(image, np.zeros(image.shape, int))
    assert picture.min() == 0 and picture.max() == 255


def test_numbers_are_written_on_the_cells():
    labels = np.zeros((100, 100), int)
    labels[20:60, 30:70] = 12
    plain, numbered = (outputs.overlay(np.zeros(labels.shape), labels, n) for n in (False, True))
    changed = np.argwhere((plain != numbered).any(axis=2))
    assert len(changed) > 20
    assert (changed.min(axis=0) >= [140, 180]).all() and (changed.max(axis=0) <= [180, 220]).all()


def test_an_overlay_is_a_png_and_of_a_stack_a_tiff_in_colors(tmp_path):
    path = written(outputs.overlay_picture, tmp_path / "a.png", frame(LABELS))
    with Image.open(path) as picture:
        assert picture.format == "PNG" and np.array(picture).shape == (20, 16, 3)
    path = written(outputs.overlay_picture, tmp_path / "a.tif", frame(LABELS), frame(LABELS))
    assert tifffile.imread(path).shape == (2, 20, 16, 3)


# Whose they are ----------------------------------------------------------------------------------


WRITERS = {
    "a.tif": outputs.label_tiff,
    "b.tif": outputs.probability_tiff,
    "c.png": outputs.overlay_picture,
    "d.zip": outputs.fiji_rois,
    "e.geojson": outputs.qupath_geojson,
}


@pytest.mark.parametrize("name", WRITERS)
def test_results_say_whose_they_are_and_appear_whole(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(ZeroDivisionError), WRITERS[name](path, Origin(2)) as add:
        add(frame(LABELS))
        raise ZeroDivisionError
    assert not [*tmp_path.iterdir()]
    assert outputs.is_result(written(WRITERS[name], path, frame(LABELS)))
    first = path.read_bytes()
    assert written(WRITERS[name], path, frame(LABELS)).read_bytes() == first  # the same again
    path.write_bytes(first[:9])
    assert not outputs.is_result(path)


def foreign(name):
    """A sound file of the kind, from another program."""
    file = io.BytesIO()
    if name.endswith(".tif"):
        tifffile.imwrite(file, LABELS.astype(np.uint16))
    elif name.endswith(".png"):
        Image.fromarray(GRAY).save(file, "png")
    elif name.endswith(".zip"):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("0001.roi", b"Iout")
    else:
        file.write(b'{"type": "FeatureCollection", "features": []}')
    return file.getvalue()


@pytest.mark.parametrize("name", WRITERS)
def test_files_of_others_are_no_results(tmp_path, name):
    (tmp_path / name).write_bytes(foreign(name))
    assert not outputs.is_result(tmp_path / name)
    assert not outputs.is_result(tmp_path / "missing" / name)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / name).mkdir()
    assert not outputs.is_result(tmp_path / "x" / name)


@pytest.mark.parametrize("change", [(b",", b";"), (b"\n", b"\r\n"), (b"cell,", b"Cell,")])
def test_a_table_that_a_spreadsheet_saved_is_its_users(tmp_path, change):
    path = tmp_path / "cells.csv"
    with outputs.Table(path) as made, made.image("a", Origin()) as add:
        add(frame(LABELS))
    assert outputs.is_result(path)
    path.write_bytes(path.read_bytes().replace(*change))
    assert not outputs.is_result(path)
