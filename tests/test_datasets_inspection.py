"""A folder is inspected: each kind of fault alone, all in one, and nothing where nothing is."""

import io
import re
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy import ndimage

from unet_book import datasets
from unet_book.datasets import inspection as room
from unet_book.datasets import masks, splits
from unet_book.datasets.checks import Problem, listed, settle, tell

HEIGHT, WIDTH = 64, 80
SIDE = 8  # of a cell: twelve squares of 64 px on 5,120


def drawn(seed=0):
    """Gray values of bright squares in noise, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((HEIGHT, WIDTH), np.uint16)
    for number in range(12):
        row, column = 4 + 20 * (number // 4), 4 + 19 * (number % 4)
        labels[row : row + SIDE, column : column + SIDE] = number + 1
    return np.uint8(20 + 150 * (labels > 0) + rng.integers(0, 30, labels.shape)), labels


def write(folder, count=12, image=lambda gray, i: gray, mask=lambda labels, i: labels):
    """A folder of images im00, im01, ... with masks, changed as the two functions say."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        gray, labels = drawn(i)
        save(folder / "images" / f"im{i:02}.tif", image(gray, i))
        save(folder / "masks" / f"im{i:02}.tif", mask(labels, i))
    return folder


def save(path, pixels):
    """An array, or the bytes of a file."""
    if isinstance(pixels, bytes):
        path.write_bytes(pixels)
    elif pixels is not None:
        tifffile.imwrite(path, pixels, photometric="minisblack")


def only(number, change):
    """A change of one image or mask of a folder."""
    return lambda pixels, i: change(pixels) if i == number else pixels


def white(labels, i=0):
    return np.uint8(255 * (labels > 0))


def black(labels, i=0):
    return np.uint8(255 * (labels == 0))


def dotted(labels, i=0):
    """Inverted, with a hole in a cell: white of one pixel."""
    mask = black(labels)
    mask[7, 7] = 255
    return mask


def soft(labels, i=0):
    file = io.BytesIO()
    Image.fromarray(white(labels)).save(file, "JPEG", quality=75)
    return np.array(Image.open(file))


def half_a_file(pixels):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels)
    return file.getvalue()[: pixels.nbytes // 2]


def padded(pixels):
    whole = np.zeros((HEIGHT + 16, WIDTH + 20), pixels.dtype)
    whole[:HEIGHT, :WIDTH] = pixels
    return whole


def torn(labels):
    return np.where(labels == 5, 4, labels).astype(labels.dtype)


def marked(value):
    """One dot of a number."""

    def change(labels):
        labels = labels.copy()
        labels[0, 0] = value
        return labels

    return change


def burnt(gray):
    gray = gray.copy()
    gray[16:24] = 255
    return gray


def dots(gray):
    gray = np.zeros_like(gray)
    gray[3, 3:9] = range(1, 7)
    return gray


def mask_a_cell(folder):
    """What some programs save: masks/im03_1.tif, im03_2.tif, ..."""
    _, labels = drawn(3)
    (folder / "masks" / "im03.tif").unlink()
    for number in range(1, 13):
        tifffile.imwrite(folder / "masks" / f"im03_{number}.tif", white(labels == number))


def rename(old, new):
    return lambda folder: (folder / old).rename(folder / new)


def copied(number, other):
    return lambda gray, i: drawn(other)[0] if i == number else gray


ERROR, DOUBT = True, False

# The changes of images and masks, or of the folder; the file and the words of each problem.
KINDS = {
    "nothing": ({}, []),
    "one mask inverted": (
        {"mask": lambda labels, i: black(labels) if i == 3 else white(labels)},
        [
            (DOUBT, "masks/im03.tif", "one object covers 85%.*inverted.*--classes 0"),
            (DOUBT, "images/im03.tif", "cells are darker .* brighter in the other images"),
        ],
    ),
    "all masks inverted": (
        {"mask": black},
        [(DOUBT, "masks/im00.tif", r"one object covers 85%.* \(so masks/im01.tif, .*6 others\)")],
    ),
    "all masks mirrored": (
        {"mask": lambda labels, i: labels[:, ::-1]},
        [(DOUBT, "masks/im00.tif", "as bright as outside.*upside down, mirrored or shifted")],
    ),
    "inverted masks of cells with holes": (
        {"mask": dotted},
        [(DOUBT, "masks/im00.tif", "one object covers 85%")],
    ),
    "one image inverted": (
        {"image": only(3, lambda gray: 255 - gray)},
        [(DOUBT, "images/im03.tif", "cells are darker .* brighter in the other images")],
    ),
    "classes": (
        {"mask": lambda labels, i: np.where(labels > 0, 1 + labels % 2, 0).astype(np.uint8)},
        [(ERROR, "masks/im00.tif", "2 numbers .* look like classes.*--classes 1.*6 others")],
    ),
    "perhaps classes": (
        {"mask": lambda labels, i: np.where(labels > 2, 0, labels)},
        [(DOUBT, "masks", "the only numbers in all masks are 1 and 2.*--classes 1,2")],
    ),
    "gray edges": (
        {"mask": soft},
        [(DOUBT, "masks/im00.tif", r"gray edges \(.*6 others\)")],
    ),
    "one mask with gray edges": (
        {"mask": only(3, soft)},
        [(ERROR, "masks/im03.tif", "gray edges, which the other masks have not")],
    ),
    "no background": (
        {"mask": lambda labels, i: np.uint8(1 + (labels > 0))},
        [(ERROR, "masks/im00.tif", "no pixel of any mask is background.*--classes 1")],
    ),
    "not annotated as 255": (
        {"mask": lambda labels, i: np.where(np.arange(WIDTH) < 20, 255, labels)},
        [(DOUBT, "masks/im00.tif", "the number 255 covers 1,280 pixels.*--ignore 255")],
    ),
    "sizes that don't fit": (
        {"mask": only(3, lambda labels: labels[:60, :70])},
        [(ERROR, "masks/im03.tif", "the mask is 60 x 70 but its image is 64 x 80; both must")],
    ),
    "an image without a mask": (
        {"mask": only(3, lambda labels: None)},
        [(ERROR, "images/im03.tif", "no mask for it; expected .*masks/im03.tif")],
    ),
    "a mask without an image": (
        {"image": only(3, lambda gray: None)},
        [(ERROR, "masks/im03.tif", "no image for it; expected .*images/im03.tif")],
    ),
    "a mask a cell": (
        {"then": mask_a_cell},
        [
            (
                ERROR,
                "images/im03.tif",
                "12 that begin with it, im03_1, im03_2 and 10 others.*a mask a cell",
            )
        ],
    ),
    "a stack": (
        {"image": only(3, lambda gray: np.stack([gray, gray]))},
        [(ERROR, "images/im03.tif", "2 images in one file")],
    ),
    "colors": (
        {"image": only(3, lambda gray: png(np.dstack([gray, gray, 255 - gray])))},
        [(ERROR, "images/im03.tif", "3 channels, but one gray channel is needed")],
    ),
    "a truncated image": (
        {"image": only(3, half_a_file)},
        [(ERROR, "images/im03.tif", "truncated, or not an image")],
    ),
    "a truncated mask": (
        {"mask": only(3, half_a_file)},
        [(ERROR, "masks/im03.tif", "truncated, or not an image")],
    ),
    "NaN": (
        {"image": only(3, lambda gray: np.where(gray > 180, np.nan, gray).astype(np.float32))},
        [(ERROR, "images/im03.tif", "holds NaN or infinity")],
    ),
    "a mask of fractions": (
        {"mask": only(3, lambda labels: np.float32(labels / 2))},
        [(ERROR, "masks/im03.tif", "whole numbers, but 0.5 was found")],
    ),
    "few images": (
        {"count": 4},
        [(DOUBT, "", "^4 images; of fewer than 10 each is held out in turn")],
    ),
    "a turn without a cell to measure on": (
        {"count": 4, "mask": lambda labels, i: labels if i in (1, 2) else 0 * labels},
        [
            (DOUBT, "", "^4 images; of fewer than 10 each is held out in turn"),
            (DOUBT, "masks/im00.tif", r"no cell in it.*\(so masks/im03.tif\)"),
        ],
    ),
    "one image": (
        {"count": 1},
        [(ERROR, "mine", "one image can't be cut into train and test")],
    ),
    "a constant image": (
        {"image": only(3, lambda gray: 0 * gray)},
        [(DOUBT, "images/im03.tif", "every pixel is 0")],
    ),
    "a mask among the images": (
        {"image": only(3, lambda gray: white(gray > 100))},
        [(DOUBT, "images/im03.tif", "the only gray values are 0 and 255; is it a mask")],
    ),
    "an image nearly empty": (
        {"image": only(3, dots)},
        [(DOUBT, "images/im03.tif", "99.9% of the pixels have one and the same value")],
    ),
    "a saturated image": (
        {"image": only(3, burnt)},
        [(DOUBT, "images/im03.tif", "12.5% of the pixels are at the largest value, 255")],
    ),
    "a padded image": (
        {"image": only(3, padded), "mask": only(3, padded)},
        [(DOUBT, "images/im03.tif", "36% of it is a frame of one value: was it padded")],
    ),
    "a copy in both parts": (
        {"image": copied(11, 3)},
        [(DOUBT, "images/im11.tif", "same gray values as im03.tif. One of them is held out")],
    ),
    "a copy in one part": (
        {"image": copied(4, 3)},
        [(DOUBT, "images/im04.tif", "same gray values as im03.tif. Remove one")],
    ),
    "no cell in one": (
        {"mask": only(3, lambda labels: 0 * labels)},
        [(DOUBT, "masks/im03.tif", "no cell in it")],
    ),
    "no cell at all": (
        {"mask": lambda labels, i: 0 * labels},
        [
            (ERROR, "", "^no mask holds a cell; every pixel is background or ignored"),
            (DOUBT, "masks/im00.tif", "no cell in it.*6 others"),
        ],
    ),
    "no cell to learn from": (
        {"mask": lambda labels, i: labels if i > 9 else 0 * labels},
        [
            (ERROR, "", "^none of the 10 training images of mine holds a cell"),
            (DOUBT, "masks/im00.tif", "no cell in it.*4 others"),
        ],
    ),
    "no cell to measure on": (
        {"mask": lambda labels, i: labels if i < 10 else 0 * labels},
        [
            (DOUBT, "", "^none of the 2 held-out images holds a cell"),
            (DOUBT, "masks/im10.tif", r"no cell in it.*\(so masks/im11.tif\)"),
        ],
    ),
    "nothing annotated to measure on": (
        {"mask": lambda labels, i: np.int16(labels) if i < 10 else np.int16(0 * labels - 1)},
        [
            (ERROR, "", "^no pixel of the 2 held-out images is annotated"),
            (DOUBT, "masks/im10.tif", r"no pixel is annotated .*\(so masks/im11.tif\)"),
        ],
    ),
    "a number for two cells": (
        {"mask": only(3, torn)},
        [(DOUBT, "masks/im03.tif", "^masks/im03.tif: 4: numbers in more than one piece")],
    ),
    "a speck": (
        {"mask": only(3, marked(13))},
        [(DOUBT, "masks/im03.tif", "1 of 13 cells have 4 pixels or fewer")],
    ),
    "two files of one name": (
        {"then": lambda folder: Image.fromarray(drawn(3)[0]).save(folder / "images" / "im03.png")},
        [(ERROR, "images", "more than one file is called 'im03'")],
    ),
    "other names of the folders": (
        {"then": rename("masks", "labels")},
        [(ERROR, "", "^masks is missing; .*; here is labels")],
    ),
    "a folder too high": (
        {"then": lambda folder: above(folder)},
        [
            (ERROR, "", "^images is missing.*Such folders are in train: give that"),
            (ERROR, "", "^masks is missing"),
        ],
    ),
    "outlines in words": (
        {"then": lambda folder: (rename("masks", "old")(folder), coco(folder))},
        [(ERROR, "", "^masks is missing.*coco.json is not read: export label images")],
    ),
}


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def above(folder):
    """As the competition's archive unpacks: train/ID/images."""
    for part in ("images", "masks"):
        (folder / "train" / "id0").mkdir(parents=True, exist_ok=True)
        (folder / part).rename(folder / "train" / "id0" / part)


def coco(folder):
    (folder / "coco.json").write_text("{}")


def make(place, then=None, **how):
    folder = write(place / "mine", **how)
    if then:
        then(folder)
    return folder


def problems(found):
    """(whether it stops a training, what is said) of each kind of problem, from the folder on."""
    return [
        (stops, line)
        for stops, some in ((ERROR, found.errors), (DOUBT, found.doubts))
        for line in tell(some, found.folder)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_fault_is_told_and_nothing_else(tmp_path, kind):
    how, expected = KINDS[kind]
    found = problems(room.inspect(make(tmp_path, **how)))
    assert len(found) == len(expected), found
    for (stops, line), (should, file, words) in zip(found, expected):
        assert stops == should and line.startswith(file)
        assert re.search(words, line), line


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_listed_as_an_error_is_what_reading_refuses_in_the_same_words(tmp_path, kind):
    folder = make(tmp_path, **KINDS[kind][0])
    found = room.inspect(folder)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            stack = datasets.load(folder, "all")
            datasets.load(folder, "train")
        except (ValueError, OSError) as error:
            assert str(error) in tell(found.errors)
        else:
            later = [error for error in found.errors if "training images" in error.said]
            later += [error for error in found.errors if "is annotated" in error.said]
            assert later == found.errors  # which the training itself refuses
            assert [entry.name for entry in found.entries] == stack.names
            assert [entry.cells for entry in found.entries] == [
                np.count_nonzero(np.unique(labels) > 0) for labels in stack.labels
            ]
    lines = tell(found.doubts)
    assert all(str(warning.message) in lines for warning in told)


def test_all_in_one_folder_are_all_told(tmp_path):
    images = {
        0: lambda gray: np.stack([gray, gray]),
        1: half_a_file,
        2: lambda gray: 0 * gray,
        3: burnt,
        4: lambda gray: 255 - gray,
        5: lambda gray: None,
        6: lambda gray: png(np.dstack([gray, gray, 255 - gray])),
        14: lambda gray: drawn(8)[0],
        7: padded,
    }
    changes = {
        7: padded,
        8: torn,
        9: lambda labels: labels[:30],
        10: lambda labels: None,
        11: lambda labels: 0 * labels,
        12: soft,
        13: half_a_file,
    }
    same = lambda pixels: pixels  # noqa: E731
    folder = make(
        tmp_path,
        count=20,
        image=lambda gray, i: images.get(i, same)(gray),
        mask=lambda labels, i: changes.get(i, same)(labels),
    )
    found = room.inspect(folder)
    stops = {str(Path(problem.file).relative_to(folder)) for problem in found.errors}
    assert stops == {
        *(f"images/im{i:02}.tif" for i in (0, 1, 6, 10)),
        *(f"masks/im{i:02}.tif" for i in (5, 9, 12, 13)),
    }
    doubtful = {str(Path(problem.file).relative_to(folder)) for problem in found.doubts}
    assert doubtful == {
        *(f"images/im{i:02}.tif" for i in (2, 3, 4, 7, 14)),
        *(f"masks/im{i:02}.tif" for i in (8, 11)),
    }
    assert len(found.names) == 18 and len(found.entries) == 13


# ---- the right value of what cost an analyst minutes, or misled


def test_the_competitions_layout_is_read_and_told_without_a_doubt(tmp_path):
    for i in range(12):
        gray, labels = drawn(i)
        place = tmp_path / "train" / f"id{i}"
        (place / "images").mkdir(parents=True), (place / "masks").mkdir()
        rgba = np.dstack([gray, gray, gray, np.full_like(gray, 255)])
        Image.fromarray(rgba).save(place / "images" / f"id{i}.png")
        for number in range(1, 13):
            Image.fromarray(white(labels == number)).save(place / "masks" / f"m{number}.png")
    found = room.inspect(tmp_path / "train")
    assert found.problems == [] and [entry.cells for entry in found.entries] == [12] * 12
    first = found.entries[0]
    assert (first.axes, first.channels, first.type) == ("YXS", 4, "8 bit")
    alone = room.inspect(tmp_path / "train" / "id3")
    assert [entry.cells for entry in alone.entries] == [12]


def test_sizes_may_differ(tmp_path):
    def crop(pixels, i):
        return pixels[: HEIGHT - i, : WIDTH - 2 * i]

    found = room.inspect(write(tmp_path / "mine", image=crop, mask=crop))
    assert found.problems == []
    assert [entry.shape for entry in found.entries] == [
        (HEIGHT - i, WIDTH - 2 * i) for i in range(12)
    ]


def test_classes_and_an_ignored_number_are_taken_as_they_are_said(tmp_path):
    def kinds(labels, i):
        mask = np.where(labels > 0, 1 + labels % 2, 0).astype(np.uint8)
        mask[:, :20] = 9
        return mask

    folder = write(tmp_path / "mine", mask=kinds)
    found = room.inspect(folder, classes=(1, 2), ignore=9)
    assert found.problems == [] and found.reading == "classes"
    entry = found.entries[0]
    assert entry.cells == 9 and entry.look.unknown == 0.25  # three of four columns are left
    assert room.inspect(folder, classes=(2,), ignore=9).entries[0].cells == 3  # 3, 7 and 11
    (error,) = room.inspect(folder, classes=(4,), ignore=9).errors
    assert error.said == "no mask holds 4; the numbers are 0, 1, 2, 9"


# ---- numbers


def test_the_numbers_of_an_entry_are_those_counted_by_hand(tmp_path):
    def touching(labels, i):
        labels = np.int16(labels)
        labels[4:12, 12:20] = 20  # beside cell 1, and no other
        labels[56:] = -1
        return labels

    def gray(image, i):
        return np.uint16(image) * 16 + 5

    found = room.inspect(write(tmp_path / "mine", image=gray, mask=touching))
    entry, (image, labels) = found.entries[2], drawn(2)
    assert (entry.name, entry.shape, entry.type, entry.axes) == ("im02", (64, 80), "16 bit", "YX")
    assert (entry.channels, entry.cells, entry.look.touching) == (1, 13, 2)
    assert (entry.low, entry.high) == (16 * int(image.min()) + 5, 16 * int(image.max()) + 5)
    assert entry.diameters.tolist() == pytest.approx([2 * np.sqrt(64 / np.pi)] * 13)
    assert entry.foreground == 13 * 64 / 5120 and entry.look.unknown == 8 / 64
    known = touching(labels, 2) >= 0
    inside = touching(labels, 2)[known] > 0
    assert entry.contrast == pytest.approx(np.corrcoef(image[known], inside)[0, 1])
    assert found.held_out == [["im10", "im11"]]


@pytest.mark.parametrize(
    "mask, reading, cells",
    [(white, "white", 12), (soft, "halves", 12), (lambda labels, i: labels, "numbers", 12)],
)
def test_cells_are_counted_as_the_masks_are_read(tmp_path, mask, reading, cells):
    found = room.inspect(write(tmp_path / "mine", mask=mask))
    assert found.reading == reading
    assert [entry.cells for entry in found.entries] == [cells] * 12
    for entry in found.entries:
        assert np.median(entry.areas) == pytest.approx(64, abs=6)


@pytest.mark.parametrize("dtype, name", [(bool, "1 bit"), (np.float32, "float32")])
def test_other_types_have_their_names(tmp_path, dtype, name):
    def image(gray, i):
        return (gray > 100 + i) if dtype is bool else gray.astype(dtype)

    entry = room.inspect(write(tmp_path / "mine", image=image)).entries[0]
    assert entry.type == name


small = st.integers(1, 9)


@given(st.integers(0, 2**32 - 1), small, small)
def test_a_look_counts_what_brute_force_counts(seed, height, width):
    mask = np.random.default_rng(seed).integers(-1, 3, (height, width))
    look = masks.look_at("m", mask)
    beside = set()
    for (y, x), number in np.ndenumerate(mask):
        for dy, dx in ((0, 1), (1, 0)):
            if y + dy < height and x + dx < width:
                other = mask[y + dy, x + dx]
                if min(number, other) > 0 and number != other:
                    beside |= {number, other}
    assert look.touching == len(beside)
    pieces = [ndimage.label(mask == number)[0] for number in look.numbers]
    sizes = [np.bincount(piece.ravel())[1:] for piece in pieces]
    assert look.main.tolist() == [size.max() for size in sizes]
    assert sorted(look.parts) == sorted(np.concatenate([*sizes, []]))
    assert (look.background, look.unknown) == (np.mean(mask == 0), np.mean(mask == -1))
    if len(look.numbers) == 1:
        assert look.filled == ndimage.binary_fill_holes(mask > 0).sum()


@given(
    hnp.arrays(
        np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.integers(0, 2)
    )
)
def test_a_frame_is_what_lies_outside_the_box_of_all_other_values(gray):
    shares = []
    for value in (gray[0, 0], gray[-1, -1]):
        rows, columns = np.nonzero(gray != value)
        box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1) if rows.size else 0
        shares.append(1 - box / gray.size)
    assert room._frame(gray) == pytest.approx(max(shares))


def test_memory_does_not_grow_with_the_folder(tmp_path):
    def peak(count, name):
        folder = write(tmp_path / name, count, *[lambda pixels, i: np.kron(pixels, big)] * 2)
        tracemalloc.start()
        room.inspect(folder)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    big = np.ones((5, 5), np.uint8)
    peak(2, "first")
    few, many = peak(3, "few"), peak(12, "many")
    assert many - few < HEIGHT * WIDTH * 25  # less than one image more


# ---- the words


def test_problems_of_one_kind_share_a_line_with_the_names_of_the_files():
    some = [Problem(f"m/{i}.tif", f"{i} holes", None, "holes") for i in range(9)]
    one = Problem("m/a.tif", "odd")
    assert tell([some[0], one, *some[1:]], "m") == [
        "0.tif: 0 holes (so 1.tif, 2.tif, 3.tif, 4.tif, 5.tif and 3 others)",
        "a.tif: odd",
    ]
    assert tell([Problem("m", "odd")], "m") == ["odd"] and tell([one]) == ["m/a.tif: odd"]
    assert listed("abcdef") == "a, b, c, d, e and 1 other"


def test_the_first_error_of_a_list_is_raised_and_else_each_doubt_is_told():
    doubts = [Problem("a", "odd", None), Problem("b", "even", None)]
    errors = [Problem("c", "gone", FileNotFoundError), Problem("d", "wrong")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FileNotFoundError, match="^c: gone$"):
            settle([*doubts, *errors])
    with pytest.warns(UserWarning) as told:
        settle(doubts)
    assert [str(one.message) for one in told] == ["a: odd", "b: even"]
    assert told[0].filename == __file__


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(NotADirectoryError, match="nowhere: no such folder"):
        room.inspect(tmp_path / "nowhere")
    found = room.inspect(tmp_path)
    assert [error.said.partition(";")[0] for error in found.errors] == [
        "images is missing",
        "masks is missing",
    ]


@given(st.integers(0, 40))
def test_each_image_is_held_out_once_where_there_are_few_and_the_last_ones_of_many(count):
    turns = splits.turns(count)
    if count < 2:
        assert turns == []
    elif count < 10:
        assert sorted(sum(turns, [])) == list(range(count)) and len(turns) == min(count, 3)
    else:
        assert turns == [list(range(splits.train_count(count), count))]
