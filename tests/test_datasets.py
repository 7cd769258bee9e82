"""Data sets: one form for all, one clear error for each thing that can be wrong."""

import errno
import functools
import hashlib
import http.server
import os
import socket
import threading
import zipfile
from pathlib import Path

import numpy as np
import pooch
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy import ndimage

from unet_book import _files, _package, datasets, gray

REAL = os.environ.get("UNET_BOOK_DATA")
ROOT = Path(datasets.__file__).resolve().parents[2]


def real(folder):
    """Skip a test where the real images of this folder are not at hand."""
    there = bool(REAL) and (Path(REAL) / folder).is_dir()
    return pytest.mark.skipif(not there, reason=f"no {folder} in UNET_BOOK_DATA")


def message(kind, call, *args, **kwargs):
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def image_like(shape=(24, 32), seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def mask_like(shape=(24, 32), value=1):
    mask = np.zeros(shape, np.uint16)
    mask[4:10, 4:10], mask[10:16, 4:10] = value, value + 1
    return mask


# --- Stack ----------------------------------------------------------------------------------------


def unit(shape=(3, 8, 9)):
    return np.random.default_rng(0).random(shape)


def test_stack_is_a_dataset_and_slices():
    from torch.utils.data import DataLoader, Dataset

    images, labels = unit(), np.arange(3 * 72).reshape(3, 8, 9) - 1
    stack = datasets.Stack("mine", images, labels, "me")
    assert isinstance(stack, Dataset) and len(stack) == 3 and stack.source == "me"
    assert stack.images.dtype == np.float32 and stack.labels.dtype == np.int32
    image, label = stack[-1]
    assert np.array_equal(image, images[2].astype(np.float32)) and np.array_equal(label, labels[2])
    part = stack[1:]
    assert len(part) == 2 and part.name == "mine" and np.array_equal(part.labels, labels[1:])
    assert len(list(stack)) == 3, "iteration must end"
    batch, _ = next(iter(DataLoader(stack, batch_size=2)))
    assert tuple(batch.shape) == (2, 8, 9)
    assert repr(stack) == f"Stack('mine': 3 images of 8 x 9, {3 * 72 - 2} cells)"


def with_value(value):
    images = unit()
    images[1, 2, 3] = value
    return images


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (unit((8, 9)), np.zeros((8, 9), int), ["(8, 9)", "(N, H, W)"]),
        (unit((0, 8, 9)), np.zeros((0, 8, 9), int), ["(0, 8, 9)", "at least one"]),
        (unit(), np.zeros((3, 8, 8), int), ["image 000", "(8, 9)", "(8, 8)"]),
        (unit(), np.zeros((2, 8, 9), int), ["3 images, 2 labels"]),
        (np.zeros((3, 8, 9), np.uint8), np.zeros((3, 8, 9), int), ["uint8", "to_unit"]),
        (with_value(np.nan), np.zeros((3, 8, 9), int), ["nan", "[0, 1]"]),
        (with_value(np.inf), np.zeros((3, 8, 9), int), ["inf", "[0, 1]"]),
        (with_value(1.5), np.zeros((3, 8, 9), int), ["1.5", "[0, 1]"]),
        (with_value(-0.25), np.zeros((3, 8, 9), int), ["-0.25", "[0, 1]"]),
        (unit(), np.zeros((3, 8, 9), np.float32), ["float32", "integers"]),
        (unit(), np.full((3, 8, 9), -2), ["-2", "-1"]),
        (unit(), np.full((3, 8, 9), 2**31), ["2147483648", "2147483647"]),
    ],
)
def test_stack_refuses(images, labels, words):
    text = message(ValueError, datasets.Stack, "mine", images, labels)
    assert text.startswith("mine: ")
    for word in words:
        assert word in text


# --- gray values ----------------------------------------------------------------------------------

ANY_DTYPE = st.sampled_from(
    [np.bool_, np.uint8, np.int8, np.uint16, np.int32, np.int64, np.float16, np.float32, np.float64]
)


@given(st.data())
def test_to_unit_stays_in_range_and_keeps_order(data):
    dtype = data.draw(ANY_DTYPE)
    elements = {}
    if np.issubdtype(dtype, np.floating):
        elements = {"allow_nan": False, "allow_infinity": False}
    image = data.draw(
        hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
            elements=hnp.from_dtype(np.dtype(dtype), **elements),
        )
    )
    with np.errstate(all="raise", under="ignore"):
        got = datasets.to_unit(image)
    assert got.dtype == np.float32 and got.shape == image.shape
    assert got.min() >= 0 and got.max() <= 1
    order = np.argsort(image, axis=None, kind="stable")
    assert np.all(np.diff(got.ravel()[order]) >= 0), "a brighter pixel became darker"


def test_to_unit_keeps_8_bit_and_stretches_the_rest():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(datasets.to_unit(levels), (levels / 255.0).astype(np.float32))
    camera = np.linspace(400, 3000, 10_001).reshape(1, -1).round().astype(np.uint16)
    low, high = np.percentile(camera[(camera > 400) & (camera < 3000)], [0.1, 99.8])
    expected = np.clip((camera - low) / (high - low), 0, 1)
    assert np.allclose(datasets.to_unit(camera), expected, atol=1e-6)
    assert np.array_equal(datasets.to_unit(camera.astype(float)), datasets.to_unit(camera))


def test_to_unit_at_its_edges():
    assert np.array_equal(datasets.to_unit(np.full((3, 3), 700, np.uint16)), np.zeros((3, 3)))
    one_bright = np.zeros((100, 100))
    one_bright[3, 4] = 9.0  # under 0.2 % of the pixels, and all there is to see
    assert datasets.to_unit(one_bright)[3, 4] == 1.0
    assert datasets.to_unit(np.array([[-1e308, 0, 1e308]])).max() == 1
    for bad in (np.nan, np.inf):
        assert "NaN" in message(ValueError, datasets.to_unit, np.array([[0.0, bad]]))
    assert "complex128" in message(ValueError, datasets.to_unit, np.ones((2, 2), complex))


# --- single files ---------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(labels=np.array([[-1, 7]]))
@given(
    labels=hnp.arrays(
        np.int64,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.integers(-1, 2**31 - 1) | st.integers(0, 9),
    )
)
def test_labels_come_back_as_written(tmp_path, labels):
    path = tmp_path / "labels.tif"
    datasets.write_labels(path, labels)
    assert np.array_equal(datasets.read_labels(path), labels)
    small = labels.min() >= 0 and labels.max() < 2**16
    stored = tifffile.imread(path)
    assert stored.dtype == (np.uint16 if small else np.int32)
    assert os.listdir(tmp_path) == ["labels.tif"]


def test_written_labels_open_elsewhere(tmp_path):
    from skimage import io

    labels = mask_like()
    datasets.write_labels(tmp_path / "a.tif", labels)
    assert np.array_equal(io.imread(tmp_path / "a.tif"), labels)
    assert np.array_equal(np.array(Image.open(tmp_path / "a.tif")), labels)
    stack = np.stack([labels] * 3)
    datasets.write_labels(tmp_path / "stack.tif", stack)
    assert np.array_equal(tifffile.imread(tmp_path / "stack.tif"), stack)
    with tifffile.TiffFile(tmp_path / "stack.tif") as file:
        assert file.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE


def test_an_interrupted_write_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "labels.tif"
    datasets.write_labels(path, mask_like())
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        datasets.write_labels(path, mask_like() + 1)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["labels.tif"]


def test_a_write_replaces_the_older_file_and_does_not_write_into_it(tmp_path):
    path, same_file = tmp_path / "labels.tif", tmp_path / "reader.tif"
    datasets.write_labels(path, mask_like())
    os.link(path, same_file)  # stands for a reader that has the older file open
    datasets.write_labels(path, mask_like() * 2)
    assert np.array_equal(datasets.read_labels(same_file), mask_like())
    assert np.array_equal(datasets.read_labels(path), mask_like() * 2)


def test_write_labels_refuses(tmp_path):
    write = datasets.write_labels
    assert ".tif" in message(ValueError, write, tmp_path / "a.png", mask_like())
    assert "float32" in message(ValueError, write, tmp_path / "a.tif", np.zeros((3, 3), np.float32))
    assert "-2" in message(ValueError, write, tmp_path / "a.tif", np.full((3, 3), -2))
    assert "(3,)" in message(ValueError, write, tmp_path / "a.tif", np.zeros(3, int))
    assert "nowhere" in message(OSError, write, tmp_path / "nowhere" / "a.tif", mask_like())
    assert os.listdir(tmp_path) == []


SAVERS = {
    "raw.tif": lambda path, pixels: tifffile.imwrite(path, pixels),
    "zlib.tif": lambda path, pixels: tifffile.imwrite(path, pixels, compression="zlib"),
    "lzw.tif": lambda path, pixels: Image.fromarray(pixels).save(path, compression="tiff_lzw"),
    "a.TIFF": lambda path, pixels: tifffile.imwrite(path, pixels),
    "a.png": lambda path, pixels: Image.fromarray(pixels).save(path),
}


@pytest.mark.parametrize("name", SAVERS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_formats_read_exactly(tmp_path, name, dtype):
    pixels = image_like().astype(dtype) * (1 if dtype == np.uint8 else 200)
    SAVERS[name](tmp_path / name, pixels)
    assert np.array_equal(datasets.read_image(tmp_path / name), datasets.to_unit(pixels))
    assert np.array_equal(datasets.read_labels(tmp_path / name), pixels)


def test_lzw_stack_is_read_whole(tmp_path):
    slices = [Image.fromarray(image_like(seed=i)) for i in range(3)]
    path = tmp_path / "stack.tif"
    slices[0].save(path, compression="tiff_lzw", save_all=True, append_images=slices[1:])
    assert datasets.files.decode(path)[0].shape == (3, 24, 32)
    assert "3 images in one file" in message(ValueError, datasets.read_image, path)


@pytest.mark.parametrize("name", SAVERS)
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.9])
def test_a_truncated_file_is_named(tmp_path, name, share):
    path = tmp_path / name
    SAVERS[name](path, image_like((64, 64)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    for read in (datasets.read_image, datasets.read_labels):
        text = message(ValueError, read, path)
        assert str(path) in text and "it is truncated" in text


def test_read_image_refuses(tmp_path):
    read, path = datasets.read_image, tmp_path / "a.png"
    assert str(path) in message(FileNotFoundError, read, path)
    path.write_text("not an image")
    assert "not an image" in message(ValueError, read, path)
    for channels in (2, 3, 4):
        Image.fromarray(image_like((24, 32, channels))).save(path)
        text = message(ValueError, read, path)
        assert str(path) in text and f"{channels} channels" in text and "image[..., 0]" in text
    tifffile.imwrite(tmp_path / "nan.tif", np.array([[0, np.nan]], np.float32))
    text = message(ValueError, read, tmp_path / "nan.tif")
    assert "nan.tif" in text and "NaN" in text


def test_read_image_does_not_take_palette_entries_for_gray_values(tmp_path):
    Image.fromarray(image_like((24, 32, 3))).convert("P").save(tmp_path / "a.png")
    assert "3 channels" in message(ValueError, datasets.read_image, tmp_path / "a.png")
    assert datasets.read_labels(tmp_path / "a.png").max() > 1  # in a mask the entries are labels
    dark_first = Image.fromarray(image_like())
    dark_first.putpalette([255 - level // 3 for level in range(768)])  # inverted, and gray
    dark_first.save(tmp_path / "gray.png")
    expected = datasets.to_unit(255 - image_like())
    assert np.array_equal(datasets.read_image(tmp_path / "gray.png"), expected)


def test_read_labels_refuses(tmp_path):
    read = datasets.read_labels
    Image.fromarray(image_like()).save(tmp_path / "a.jpg")
    assert "JPEG" in message(ValueError, read, tmp_path / "a.jpg")
    Image.fromarray(image_like((24, 32, 3))).save(tmp_path / "rgb.png")
    text = message(ValueError, read, tmp_path / "rgb.png")
    assert "(24, 32, 3)" in text and "no colors" in text
    for value in (0.5, np.nan):
        tifffile.imwrite(tmp_path / "f.tif", np.array([[0, value]], np.float32))
        text = message(ValueError, read, tmp_path / "f.tif")
        assert "f.tif" in text and str(value) in text and "whole numbers" in text
    tifffile.imwrite(tmp_path / "neg.tif", np.array([[0, -3]], np.int16))
    text = message(ValueError, read, tmp_path / "neg.tif")
    assert "neg.tif" in text and "-3" in text
    tifffile.imwrite(tmp_path / "ok.tif", np.array([[0, 3]], np.float32))
    assert np.array_equal(read(tmp_path / "ok.tif"), [[0, 3]])


# --- a folder of your own -------------------------------------------------------------------------


def make_folder(tmp_path, n=3, mask=mask_like, folder="mine"):
    folder = tmp_path / folder
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for i in range(n):
        Image.fromarray(image_like(seed=i)).save(folder / "images" / f"im{i}.png")
        tifffile.imwrite(folder / "masks" / f"im{i}.tif", mask())
    return folder


def test_a_folder_is_read_by_name(tmp_path):
    folder = make_folder(tmp_path)
    (folder / "images" / ".DS_Store").write_text("")
    (folder / "images" / "notes.txt").write_text("")
    stack = datasets.load(folder, "all")
    assert stack.name == "mine" and len(stack) == 3
    for i in range(3):
        assert np.array_equal(stack.images[i], gray.stretch(image_like(seed=i), least=gray.DEEP))
        assert np.array_equal(stack.labels[i], mask_like())


def test_the_same_pixels_in_any_type_give_the_same_images(tmp_path):
    """Once 8 bits were divided by 255 and others stretched: worse results, for the file's type."""
    pixels = image_like() // 2
    for name, dtype in (("8", np.uint8), ("16", np.uint16), ("float", np.float32)):
        folder = make_folder(tmp_path / name)
        for path in (folder / "images").iterdir():
            tifffile.imwrite(
                path.with_suffix(".tif"), pixels.astype(dtype) * dtype(name == "8" or 9)
            )
            path.unlink() if path.suffix != ".tif" else None
    stacks = [datasets.load(tmp_path / name / "mine", "all") for name in ("8", "16", "float")]
    first = stacks[0].images[0]
    assert first.any() and np.array_equal(first, gray.stretch(pixels, least=gray.DEEP))
    for stack in stacks[1:]:
        assert np.allclose(stack.images[0], first, atol=1e-6)


def test_percentiles_decide_how_gray_values_are_spread(tmp_path):
    folder = make_folder(tmp_path)
    for percentiles in ((1, 99.8), (5, 90)):
        stack = datasets.load(folder, "all", percentiles=percentiles)
        assert np.array_equal(
            stack.images[0], gray.stretch(image_like(seed=0), *percentiles, gray.DEEP)
        )
        of_the_book = datasets.load("nuclei", percentiles=percentiles).images[0]
        unit = datasets.load("nuclei").images[0]
        assert np.array_equal(of_the_book, gray.stretch(unit, *percentiles, gray.DEEP))
    plain = datasets.load(folder, "all", percentiles=None)
    assert np.array_equal(plain.images[0], datasets.to_unit(image_like(seed=0)))


@pytest.mark.parametrize("white", [1, 255])
def test_black_and_white_masks_become_instances(tmp_path, white):
    def two_squares():
        mask = np.zeros((24, 32), np.uint8)
        mask[2:6, 2:6] = mask[6:10, 6:10] = white  # they meet at a corner: two cells
        return mask

    stack = datasets.load(make_folder(tmp_path, mask=two_squares), "all")
    assert [np.unique(labels).tolist() for labels in stack.labels] == [[0, 1, 2]] * 3


def test_black_and_white_masks_may_differ_in_what_white_is(tmp_path):
    whites = iter([255, 1, 255])

    def two_squares():
        mask = np.zeros((24, 32), np.uint8)
        mask[2:6, 2:6] = mask[8:12, 8:12] = next(whites)
        return mask

    stack = datasets.load(make_folder(tmp_path, mask=two_squares), "all")
    assert stack.cell_count() == 6


def test_instance_masks_keep_their_numbers_and_unknown_stays_unknown(tmp_path):
    def instances():
        mask = np.zeros((24, 32), np.int16)
        mask[2:6, 2:6] = mask[10:12, 2:6] = 7  # one cell in two parts stays one
        mask[2:6, 6:9], mask[20:] = 9, -1
        return mask

    stack = datasets.load(make_folder(tmp_path, mask=instances), "all")
    assert np.array_equal(stack.labels[0], instances())
    binary = make_folder(
        tmp_path, mask=lambda: np.where(instances() > 0, 5, instances()), folder="binary"
    )
    assert np.unique(datasets.read_folder(binary).labels).tolist() == [-1, 0, 1, 2]


@given(n=st.integers(2, 60))
def test_splits_are_disjoint_and_cover(n):
    images = np.linspace(0, 1, n, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    stack = datasets.Stack("mine", images, np.zeros(images.shape, int))
    train, test = (datasets.cut(stack, split) for split in ("train", "test"))
    assert np.array_equal(np.concatenate([train.images, test.images]), images)
    assert len(train) >= 1 and len(test) == max(1, n // 5)
    assert datasets.cut(stack, "all") is stack


def test_one_image_cannot_be_cut(tmp_path):
    folder = make_folder(tmp_path, n=1)
    assert "split='all'" in message(ValueError, datasets.load, folder, "train")
    assert len(datasets.load(folder, "all")) == 1


def broken_folder(folder, how):
    images, masks = folder / "images", folder / "masks"
    if how == "no mask":
        (masks / "im1.tif").unlink()
    elif how == "no image":
        (images / "im1.png").unlink()
    elif how == "mask size":
        tifffile.imwrite(masks / "im1.tif", mask_like((24, 33)))
    elif how == "float mask":
        tifffile.imwrite(masks / "im1.tif", mask_like() * np.float32(0.5))
    elif how == "rgb":
        Image.fromarray(image_like((24, 32, 3))).save(images / "im1.png")
    elif how == "truncated":
        whole = (images / "im1.png").read_bytes()
        (images / "im1.png").write_bytes(whole[: len(whole) // 2])
    elif how == "twice":
        tifffile.imwrite(images / "im1.tif", image_like())
    elif how == "no masks folder":
        masks.rename(folder / "labels")
    elif how == "nothing in it":
        for path in images.iterdir():
            path.unlink()
    elif how == "empty masks":
        for path in masks.iterdir():
            tifffile.imwrite(path, np.zeros((24, 32), np.uint8))


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("no mask", FileNotFoundError, ["images/im1.png", "masks/im1.tif"]),
        ("no image", FileNotFoundError, ["masks/im1.tif", "images/im1.tif"]),
        ("mask size", ValueError, ["masks/im1.tif", "24 x 33", "24 x 32"]),
        ("float mask", ValueError, ["masks/im1.tif", "0.5"]),
        ("rgb", ValueError, ["images/im1.png", "3 channels"]),
        ("truncated", ValueError, ["images/im1.png", "truncated"]),
        ("twice", ValueError, ["images", "'im1'"]),
        ("no masks folder", FileNotFoundError, ["masks is missing"]),
        ("nothing in it", FileNotFoundError, ["images", ".png"]),
        ("empty masks", ValueError, ["mine", "no mask holds a cell"]),
    ],
)
def test_a_broken_folder_is_named(tmp_path, how, kind, words):
    folder = make_folder(tmp_path)
    broken_folder(folder, how)
    text = message(kind, datasets.load, folder, "all").replace(os.sep, "/")
    for word in words:
        assert word in text


def test_one_empty_mask_among_others_is_fine(tmp_path):
    folder = make_folder(tmp_path)
    tifffile.imwrite(folder / "masks" / "im1.tif", np.zeros((24, 32), np.uint8))
    assert datasets.load(folder, "all").labels[1].max() == 0


# --- what comes with the book ---------------------------------------------------------------------


def test_nuclei_is_one_image_of_125_nuclei():
    whole, train, test = (datasets.load("nuclei", split) for split in ("all", "train", "test"))
    assert whole.images.shape == (1, 512, 512) and whole.cell_count() == 125
    assert train.images.shape == (1, 512, 320) and test.images.shape == (1, 512, 192)
    for of in ("images", "labels"):
        parts = [getattr(train, of), getattr(test, of)]
        assert np.array_equal(np.concatenate(parts, axis=2), getattr(whole, of))
    assert np.array_equal(np.unique(whole.labels), np.arange(126))
    assert whole.images.max() == np.float32(235 / 255)


def test_the_readme_of_nuclei_holds():
    folder = datasets.data_folder() / "nuclei"
    readme = (folder / "README.md").read_text()
    for name in ("image.tif", "labels.tif"):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert f"`{name}`" in readme and digest in readme
    image, labels = (tifffile.imread(folder / name) for name in ("image.tif", "labels.tif"))
    assert image.dtype == np.uint8 and labels.dtype == np.uint16
    assert f"values 0 to {image.max()} (median {np.median(image):.0f})" in readme
    assert f"background ({(labels == 0).mean():.1%})".replace("%", " %") in readme
    parts = [i for i in range(1, 126) if ndimage.label(labels == i)[1] > 1]
    assert parts == [87] and "Nucleus\n87 " in readme
    touching = set()
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        border = (a != b) & (a > 0) & (b > 0)
        touching |= {*a[border], *b[border]}
    assert f"{len(touching)} of the nuclei touch another one" in readme


def test_the_data_folder_is_found_in_an_installed_package_too(tmp_path, monkeypatch):
    assert datasets.data_folder().parent in (ROOT, ROOT / "unet_book")
    room = tmp_path / "unet_book"
    room.mkdir()
    monkeypatch.setattr(_package, "ROOM", room)
    assert "install" in message(FileNotFoundError, datasets.data_folder)
    (room / "data" / "nuclei").mkdir(parents=True)
    assert datasets.data_folder() == room / "data"


@pytest.mark.parametrize("name", ["phantom", "phantom-membranes"])
def test_phantoms_train_and_test_on_different_images(name):
    train, test = datasets.load(name, "train"), datasets.load(name, "test")
    assert train.images.shape == (16, 256, 256) and test.images.shape == (4, 256, 256)
    assert len({image.tobytes() for image in [*train.images, *test.images]}) == 20
    assert all(labels.max() >= 2 for labels in [*train.labels, *test.labels])


def test_names_splits_and_truths_that_do_not_exist():
    text = message(ValueError, datasets.load, "nucleus")
    for name in (
        "'nucleus'",
        "'nuclei'",
        "'phantom'",
        "'phantom-membranes'",
        "'isbi2012'",
        "'phc-u373'",
        "'dic-hela'",
        "images/",
    ):
        assert name in text
    text = message(ValueError, datasets.load, "nuclei", "validation")
    assert "'validation'" in text and "'train', 'test', 'all'" in text and "challenge" not in text
    assert "'challenge'" in message(ValueError, datasets.load, "isbi2012", "x")
    assert "'all'" in message(ValueError, datasets.load, "nuclei", "challenge")
    text = message(ValueError, datasets.load, "nuclei", "all", truth="gold")
    assert "'gold'" in text and "'phc-u373' and 'dic-hela'" in text
    assert "'phantom'" in message(ValueError, datasets.fetch, "phantom")
    assert datasets.fetch("nuclei") == datasets.data_folder() / "nuclei"


# --- small copies of the public sets --------------------------------------------------------------


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty UNET_BOOK_DATA and an empty cache; nothing outside them is reached."""
    own, cache = tmp_path / "own", tmp_path / "cache"
    own.mkdir()
    monkeypatch.setenv("UNET_BOOK_DATA", str(own))
    monkeypatch.setattr(pooch, "os_cache", lambda name: cache)
    return own


ISBI_LIKE = {
    "train-volume": image_like((30, 16, 16), 1),
    "train-labels": np.where(image_like((30, 16, 16), 2) > 60, 255, 0).astype(np.uint8),
    "test-volume": image_like((30, 16, 16), 3),
}


def make_isbi(folder, monkeypatch, known=True):
    folder.mkdir(parents=True, exist_ok=True)
    for stem, pixels in ISBI_LIKE.items():
        tifffile.imwrite(folder / f"{stem}.tif", pixels, compression="zlib")
        if known:
            digest = hashlib.sha256(pixels.tobytes()).hexdigest()
            monkeypatch.setitem(datasets.download.ISBI_PIXELS, stem, digest)


def test_isbi_is_cut_by_slice_and_labeled_by_4_connected_parts(place, monkeypatch):
    make_isbi(place / "isbi2012", monkeypatch)
    train, test, whole, challenge = (
        datasets.load("isbi2012", split) for split in ("train", "test", "all", "challenge")
    )
    assert [len(stack) for stack in (train, test, whole, challenge)] == [24, 6, 30, 30]
    assert np.array_equal(np.concatenate([train.images, test.images]), whole.images)
    assert np.array_equal(whole.images, datasets.to_unit(ISBI_LIKE["train-volume"]))
    assert np.array_equal(challenge.images, datasets.to_unit(ISBI_LIKE["test-volume"]))
    assert np.all(challenge.labels == -1)
    for labels, cells in zip(whole.labels, ISBI_LIKE["train-labels"] == 255, strict=True):
        assert np.array_equal(labels > 0, cells)
        expected, n = ndimage.label(cells, [[0, 1, 0], [1, 1, 1], [0, 1, 0]])
        assert labels.max() == n and np.array_equal(labels, expected)


def test_isbi_with_other_pixels_is_refused(place, monkeypatch):
    make_isbi(place / "isbi2012", monkeypatch, known=False)
    text = message(ValueError, datasets.load, "isbi2012")
    found = hashlib.sha256(ISBI_LIKE["train-volume"].tobytes()).hexdigest()
    assert "train-volume.tif" in text and found in text and "200da3d452d7" in text
    (place / "isbi2012" / "train-volume.tif").unlink()
    assert "train-volume.tif" in message(FileNotFoundError, datasets.load, "isbi2012")


def make_ctc(folder, sequences, shape=(120, 130)):
    """``sequences``: {"01": {"GT": 3, "ST": 10}} is ten frames, three of them with gold truth."""
    for sequence, truths in sequences.items():
        (folder / sequence).mkdir(parents=True, exist_ok=True)
        for t in range(max(truths.values())):
            pixels = image_like(shape, seed=100 * int(sequence) + t)
            Image.fromarray(pixels).save(folder / sequence / f"t{t:03}.tif", compression="tiff_lzw")
        for kind, n in truths.items():
            (folder / f"{sequence}_{kind}" / "SEG").mkdir(parents=True)
            for t in range(n):
                mask = np.zeros(shape, np.uint16)
                mask[40:70, 40:60] = {"GT": 100, "ST": 200}[kind] + t
                Image.fromarray(mask).save(
                    folder / f"{sequence}_{kind}" / "SEG" / f"man_seg{t:03}.tif",
                    compression="tiff_lzw",
                )


def test_ctc_is_cut_by_time_in_each_sequence(place):
    make_ctc(place / "PhC-C2DH-U373", {"01": {"GT": 10}, "02": {"GT": 6}})
    train, test, whole = (datasets.load("phc-u373", s) for s in ("train", "test", "all"))
    ids = [int(labels.max()) for labels in train.labels]
    assert ids == [*range(100, 108), *range(100, 105)]
    assert [int(labels.max()) for labels in test.labels] == [108, 109, 105]
    assert len(whole) == 16
    assert np.array_equal(train.images[8], datasets.to_unit(image_like((120, 130), 200)))


def test_ctc_margin_is_unknown_but_its_cells_are_not(place):
    make_ctc(place / "DIC-C2DH-HeLa", {"01": {"ST": 2}})
    labels = datasets.load("dic-hela", "all").labels[0]
    row, column = np.mgrid[:120, :130]
    margin = np.minimum.reduce([row, column, 119 - row, 129 - column]) < 50
    cell = np.zeros((120, 130), bool)
    cell[40:70, 40:60] = True
    assert np.all(labels[cell] == 200)
    assert np.all(labels[margin & ~cell] == -1) and np.all(labels[~margin & ~cell] == 0)


def test_ctc_truth_gold_or_silver(place):
    make_ctc(place / "DIC-C2DH-HeLa", {"01": {"GT": 5, "ST": 10}, "02": {"GT": 5}})
    make_ctc(place / "PhC-C2DH-U373", {"01": {"GT": 5, "ST": 10}})
    load = functools.partial(datasets.load, split="all")
    assert len(load("dic-hela")) == 10 and load("dic-hela").labels.max() == 209
    assert len(load("dic-hela", truth="gold")) == 10
    assert load("dic-hela", truth="gold").labels.max() == 104
    assert load("phc-u373").labels.max() == 104
    assert load("phc-u373", truth="silver").labels.max() == 209
    assert "'bronze'" in message(ValueError, load, "dic-hela", truth="bronze")


def test_ctc_takes_the_truth_that_is_there(place):
    make_ctc(place / "DIC-C2DH-HeLa", {"02": {"GT": 5}})
    assert len(datasets.load("dic-hela", "all")) == 5
    text = message(FileNotFoundError, datasets.load, "dic-hela", truth="silver")
    assert "silver" in text and "_ST/SEG" in text
    (place / "PhC-C2DH-U373").mkdir()
    assert "gold or silver" in message(FileNotFoundError, datasets.load, "phc-u373")


def test_ctc_mask_without_its_frame(place):
    make_ctc(place / "DIC-C2DH-HeLa", {"01": {"ST": 3}})
    (place / "DIC-C2DH-HeLa" / "01" / "t001.tif").unlink()
    text = message(FileNotFoundError, datasets.load, "dic-hela")
    assert "man_seg001.tif" in text and "t001.tif" in text


# --- downloads: every one from this machine -------------------------------------------------------


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        if not self.path.endswith("cut.zip"):
            return super().do_GET()
        body = (Path(self.directory) / "cut.zip").read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])  # and hang up


@pytest.fixture
def served(tmp_path, place, monkeypatch):
    """Serve a folder on 127.0.0.1; returns ``offer(name, make)``, which makes a set's archive."""
    folder = tmp_path / "served"
    folder.mkdir()
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()

    def offer(name, files, archive="data.zip", sha256="right"):
        with zipfile.ZipFile(folder / archive, "w", zipfile.ZIP_DEFLATED) as file:
            for path, content in files.items():
                file.writestr(path, content)
        digest = hashlib.sha256((folder / archive).read_bytes()).hexdigest()
        set_origin(
            monkeypatch,
            name,
            f"http://127.0.0.1:{server.server_port}/{archive}",
            digest if sha256 == "right" else sha256,
        )
        return folder / archive

    yield offer
    server.shutdown()
    server.server_close()
    thread.join()


def set_origin(monkeypatch, name, url, sha256):
    old = datasets.ORIGINS[name]
    new = datasets.download.Origin(old.folder, url, sha256, old.source)
    monkeypatch.setitem(datasets.ORIGINS, name, new)


def files_of(folder, top):
    return {
        f"{top}{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def u373_files(tmp_path):
    make_ctc(tmp_path / "made", {"01": {"GT": 5}})
    return files_of(tmp_path / "made", "PhC-C2DH-U373/")


def assert_clean(place):
    """Nothing, hidden or not, is left in the cache."""
    cache = place.parent / "cache"
    left = list(cache.rglob("*")) if cache.exists() else []
    assert left == []


def assert_says_what_to_do(text, folder):
    assert "http://127.0.0.1" in text and folder in text and "UNET_BOOK_DATA" in text


def test_a_download_lands_in_the_cache_and_is_found_again(place, served, u373_files):
    archive = served("phc-u373", u373_files)
    folder = datasets.fetch("phc-u373")
    assert folder == place.parent / "cache" / "PhC-C2DH-U373"
    assert os.listdir(folder.parent) == ["PhC-C2DH-U373"], "something is left beside it"
    assert len(datasets.load("phc-u373", "all")) == 5
    archive.unlink()
    assert datasets.fetch("PHC-U373") == folder


def test_your_own_place_comes_before_the_cache(place, monkeypatch):
    for where in (place, place.parent / "cache"):
        make_ctc(where / "PhC-C2DH-U373", {"01": {"GT": 2}})
    assert datasets.fetch("phc-u373") == place / "PhC-C2DH-U373"
    monkeypatch.delenv("UNET_BOOK_DATA")
    assert datasets.fetch("phc-u373") == place.parent / "cache" / "PhC-C2DH-U373"


def test_is_here_tells_what_needs_no_download(place, monkeypatch):
    assert datasets.is_here("nuclei") and datasets.is_here("Phantom")
    assert not any(map(datasets.is_here, ("isbi2012", "phc-u373", "no such set", ".")))
    (place / "isbi2012").mkdir()
    (place.parent / "cache" / "PhC-C2DH-U373").mkdir(parents=True)
    assert datasets.is_here("isbi2012") and datasets.is_here("phc-u373")
    monkeypatch.delenv("UNET_BOOK_DATA")
    assert not datasets.is_here("isbi2012") and datasets.is_here("phc-u373")


def test_a_mistyped_place_is_named_and_nothing_is_downloaded(place, monkeypatch):
    monkeypatch.setenv("UNET_BOOK_DATA", str(place / "typo"))
    text = message(FileNotFoundError, datasets.load, "isbi2012")
    assert "UNET_BOOK_DATA" in text and "typo" in text
    assert_clean(place)


def test_isbi_is_found_wherever_the_archive_keeps_it(place, served, tmp_path, monkeypatch):
    make_isbi(tmp_path / "made", monkeypatch)
    files = files_of(tmp_path / "made", "some/where/")
    files["some/__MACOSX/._train-volume.tif"] = b"not a tiff"
    served("isbi2012", files, sha256=None)
    assert sorted(os.listdir(datasets.fetch("isbi2012"))) == sorted(f"{s}.tif" for s in ISBI_LIKE)
    assert len(datasets.load("isbi2012", "train")) == 24
    assert os.listdir(place.parent / "cache") == ["isbi2012"]


def test_isbi_with_a_changed_pixel_is_refused(place, served, tmp_path, monkeypatch):
    make_isbi(tmp_path / "made", monkeypatch)
    changed = ISBI_LIKE["test-volume"].copy()
    changed[3, 4, 5] ^= 1
    tifffile.imwrite(tmp_path / "made" / "test-volume.tif", changed)
    served("isbi2012", files_of(tmp_path / "made", ""), sha256=None)
    text = message(ValueError, datasets.fetch, "isbi2012")
    assert "test-volume.tif" in text and hashlib.sha256(changed.tobytes()).hexdigest() in text
    assert_clean(place)


def test_isbi_without_one_volume_is_refused(place, served, tmp_path, monkeypatch):
    make_isbi(tmp_path / "made", monkeypatch)
    (tmp_path / "made" / "train-labels.tif").unlink()
    served("isbi2012", files_of(tmp_path / "made", ""), sha256=None)
    text = message(ValueError, datasets.fetch, "isbi2012")
    assert "train-labels.tif" in text
    assert_says_what_to_do(text, "isbi2012")
    assert_clean(place)


def test_a_wrong_checksum(place, served, u373_files):
    archive = served("phc-u373", u373_files, sha256="0" * 64)
    text = message(ValueError, datasets.fetch, "phc-u373")
    assert "data.zip" in text and "0" * 64 in text
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in text
    assert_says_what_to_do(text, "PhC-C2DH-U373")
    assert_clean(place)


def test_a_connection_that_breaks_off(place, served, u373_files):
    served("phc-u373", u373_files, archive="cut.zip")
    text = message(ConnectionError, datasets.fetch, "phc-u373")
    assert_says_what_to_do(text, "PhC-C2DH-U373")
    assert_clean(place)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_a_truncated_archive(place, served, tmp_path, monkeypatch, share):
    make_isbi(tmp_path / "made", monkeypatch)
    archive = served("isbi2012", files_of(tmp_path / "made", ""), sha256=None)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(share * len(whole))])
    text = message(ValueError, datasets.fetch, "isbi2012")
    assert "data.zip is truncated" in text
    assert_says_what_to_do(text, "isbi2012")
    assert_clean(place)


def test_a_damaged_archive(place, served, tmp_path, monkeypatch):
    make_isbi(tmp_path / "made", monkeypatch)
    archive = served("isbi2012", files_of(tmp_path / "made", ""), sha256=None)
    broken = bytearray(archive.read_bytes())
    broken[400:420] = bytes(20)
    archive.write_bytes(broken)
    assert_says_what_to_do(message(ValueError, datasets.fetch, "isbi2012"), "isbi2012")
    assert_clean(place)


def test_no_such_file_on_the_server(place, served, u373_files):
    served("phc-u373", u373_files).unlink()
    text = message(ConnectionError, datasets.fetch, "phc-u373")
    assert "404" in text
    assert_says_what_to_do(text, "PhC-C2DH-U373")
    assert_clean(place)


def test_no_network(place, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    set_origin(monkeypatch, "dic-hela", f"http://127.0.0.1:{port}/a.zip", "0" * 64)
    text = message(ConnectionError, datasets.load, "dic-hela")
    assert "Check the network" in text
    assert_says_what_to_do(text, "DIC-C2DH-HeLa")
    assert_clean(place)


def unpack_half(error):
    def extractall(self, path, members):
        for entry in members[:3]:
            self.extract(entry, path)
        raise error

    return extractall


def test_a_disk_that_is_full_in_the_middle(place, served, u373_files, monkeypatch):
    served("phc-u373", u373_files)
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(zipfile.ZipFile, "extractall", unpack_half(full))
    with pytest.raises(OSError) as caught:
        datasets.fetch("phc-u373")
    assert caught.value.errno == errno.ENOSPC
    assert "PhC-C2DH-U373" in str(caught.value) and "No space left" in str(caught.value)
    assert "Make room" in str(caught.value)
    assert_clean(place)


@pytest.mark.parametrize("where", ["download", "unpack", "move"])
def test_an_interruption_leaves_nothing(place, served, u373_files, monkeypatch, where):
    served("phc-u373", u373_files)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if where == "download":
            patch.setattr("requests.models.Response.iter_content", interrupted)
        elif where == "unpack":
            patch.setattr(zipfile.ZipFile, "extractall", unpack_half(KeyboardInterrupt()))
        else:
            patch.setattr(datasets.download, "_move_into_place", interrupted)
        with pytest.raises(KeyboardInterrupt):
            datasets.fetch("phc-u373")
    assert_clean(place)
    assert datasets.fetch("phc-u373").is_dir(), "and the next try works"


@pytest.mark.parametrize("entry", ["../evil.tif", "/evil.tif", "a/../../evil.tif", "..\\evil.tif"])
def test_an_entry_that_would_escape_is_refused(place, served, u373_files, entry):
    served("phc-u373", {**u373_files, entry: b"evil"})
    text = message(ValueError, datasets.fetch, "phc-u373")
    assert repr(entry) in text and "refused" in text
    assert_clean(place)
    assert not list(place.parent.rglob("evil.tif"))


def test_a_second_process_that_was_quicker(place, served, u373_files, monkeypatch):
    served("phc-u373", u373_files)
    target = place.parent / "cache" / "PhC-C2DH-U373"
    move = datasets.download._move_into_place

    def quicker(folder, where):
        make_ctc(target, {"01": {"GT": 5}})
        move(folder, where)

    monkeypatch.setattr(datasets.download, "_move_into_place", quicker)
    assert datasets.fetch("phc-u373") == target
    assert os.listdir(target.parent) == ["PhC-C2DH-U373"]


# --- the real images, where they are at hand ------------------------------------------------------


@real("isbi2012")
def test_real_isbi():
    stack = datasets.load("isbi2012", "all")
    assert stack.images.shape == (30, 512, 512) and stack.cell_count() == 3431
    assert abs((stack.labels > 0).mean() - 0.780) < 0.001
    held_out = datasets.load("isbi2012", "test")
    assert abs((held_out.labels == 0).mean() - 0.196) < 0.001
    assert len(datasets.load("isbi2012", "challenge")) == 30


@real("PhC-C2DH-U373")
def test_real_u373():
    stack = datasets.load("phc-u373", "all", truth="gold")
    assert stack.images.shape[1:] == (520, 696)
    assert len(stack) >= 19 and stack.cell_count() >= 110
    assert_every_cell_reaches_the_field_of_interest(stack)


@real("DIC-C2DH-HeLa")
def test_real_hela():
    stack = datasets.load("dic-hela", "all", truth="silver")
    assert stack.images.shape[1:] == (512, 512)
    assert len(stack) >= 84 and stack.cell_count() >= 1054
    assert_every_cell_reaches_the_field_of_interest(stack)


def assert_every_cell_reaches_the_field_of_interest(stack):
    """What makes the unlabeled margin unknown: no cell is annotated that lies wholly in it."""
    m = datasets.CTC_MARGIN
    for labels in stack.labels:
        inner = labels[m:-m, m:-m]
        assert set(np.unique(labels[labels > 0])) == set(np.unique(inner[inner > 0]))


# --- folders as people have them ------------------------------------------------------------------


def test_files_that_share_a_name_are_told_apart_by_their_folders(tmp_path):
    """Else `predict --data` would write the second's cells over the first's."""
    folder = make_folder(tmp_path, 2)
    for kind, suffix in (("images", "png"), ("masks", "tif")):
        for i, path in enumerate(sorted((folder / kind).iterdir())):
            (folder / kind / f"day{i}").mkdir()
            path.rename(folder / kind / f"day{i}" / f"a.{suffix}")
    assert datasets.load(folder, "all").names == ["images/day0/a", "images/day1/a"]


def test_frame_0000_has_a_mask_like_the_others(tmp_path):
    """nnU-Net's "_0000" is a channel, and everybody else's a frame."""
    folder = make_folder(tmp_path, 2)
    for i in range(2):
        (folder / "images" / f"im{i}.png").rename(folder / "images" / f"t_000{i}.png")
        (folder / "masks" / f"im{i}.tif").rename(folder / "masks" / f"t_000{i}_mask.tif")
    assert datasets.load(folder, "all").names == ["t_0000", "t_0001"]


def test_linked_folders_are_read_and_a_link_back_ends(tmp_path):
    folder = make_folder(tmp_path, 3)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        path = next((folder / kind).glob("im1.*"))
        path.rename(tmp_path / kind / path.name)
        (folder / kind / "more").symlink_to(tmp_path / kind)
        (folder / kind / "back").symlink_to(folder / kind)
    assert len(datasets.load(folder, "all")) == 3


def make_bowl(folder, counts):
    """The layout of the 2018 Data Science Bowl: a folder an image, with a file a cell."""
    for i, count in enumerate(counts):
        for kind in ("images", "masks"):
            (folder / f"id{i}" / kind).mkdir(parents=True)
        Image.fromarray(image_like()).save(folder / f"id{i}" / "images" / f"id{i}.png")
        for k in range(count):
            mask = np.zeros((24, 32), np.uint8)
            mask[2:8, 8 * k + 1 : 8 * k + 6] = 255
            Image.fromarray(mask).save(folder / f"id{i}" / "masks" / f"cell{k}.png")
    return folder


def test_an_image_with_one_cell_has_one_file_for_it(tmp_path):
    stack = datasets.load(make_bowl(tmp_path / "bowl", [3, 1, 2]), "all")
    assert [stack[i : i + 1].cell_count() for i in range(3)] == [3, 1, 2]


def test_a_folder_beside_others_that_holds_no_images_is_told(tmp_path):
    folder = make_bowl(tmp_path / "bowl", [3, 2, 2])
    (folder / "id1" / "images").rename(folder / "id1" / "Images")
    with pytest.warns(UserWarning, match="id1 left out"):
        assert len(datasets.load(folder, "all")) == 2


def test_what_is_ignored_is_no_cell(tmp_path):
    folder = make_folder(tmp_path, mask=lambda *_: 255 * (mask_like() > 0).astype(np.uint8))
    assert "no mask holds a cell" in message(ValueError, datasets.load, folder, ignore=255)


def test_the_books_sets_have_labels_and_no_classes():
    for how in ({"classes": (1,)}, {"ignore": 255}):
        assert "masks of a folder" in message(ValueError, datasets.load, "nuclei", **how)
