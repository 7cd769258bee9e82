"""What the numbers in a mask mean: certain ones are read, doubtful ones told, others refused."""

import io
import unicodedata
import warnings

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from unet_book import datasets
from unet_book.datasets import masks as room
from unet_book.datasets import phantom
from unet_book.weight_map import part_touching_cells

SIZE = (160, 176)


def cells(seed=0):
    """Instance labels of some twenty cells, with a gap between any two."""
    return part_touching_cells(phantom.cells(SIZE, seed=seed)[1]).astype(np.int32)


def read(*masks, **how):
    names = [f"m{i}.tif" for i in range(len(masks))]
    return room.to_cells([np.asarray(mask, np.int32) for mask in masks], names, **how)


def quietly(*masks, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read(*masks, **how)


def same_cells(truth, found):
    """Whether two label maps show the same cells, whatever their numbers."""
    pairs = np.unique(np.stack([truth.ravel(), found.ravel()], 1), axis=0)
    return len(pairs) == len(np.unique(truth)) == len(np.unique(found))


WHITE = 255 * (cells() > 0)


def jpeg(mask):
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(file, "JPEG", quality=90)
    return np.array(Image.open(file))


def resized(mask):
    image = Image.fromarray(mask.astype(np.uint8))
    return np.array(image.resize((352, 320)).resize(SIZE[::-1], Image.BILINEAR))


def outlines(mask):
    return 255 * ((mask > 0) & ~ndimage.binary_erosion(mask > 0, iterations=1))


def wrapped(count=300):
    """Squares with numbers of 8 bits, of which those from 256 on begin anew."""
    side = 4 * int(np.ceil(np.sqrt(count)))
    y, x = np.mgrid[:side, :side]
    number = (y // 4) * (side // 4) + x // 4 + 1
    inside = (y % 4 > 0) & (x % 4 > 0) & (number <= count)
    return np.where(inside, (number - 1) % 255 + 1, 0)


# ---- what is read


@pytest.mark.parametrize("labels", [cells(), cells() * 7, np.where(cells() == 3, 0, cells())])
def test_instance_labels_stay_as_they_are(labels):
    assert np.array_equal(quietly(labels, cells(1))[0], labels)


def test_black_and_white_becomes_cells():
    found = quietly(WHITE, (cells(1) > 0))
    assert same_cells(found[0], cells()) and same_cells(found[1], cells(1))


@pytest.mark.parametrize("soften", [jpeg, resized])
def test_gray_edges_are_cut_at_half_and_it_is_said(soften):
    with pytest.warns(UserWarning, match=r"m0.tif: black and white with gray edges .* above"):
        found = read(soften(WHITE), soften(255 * (cells(1) > 0)))
    assert abs(len(np.unique(found[0])) - len(np.unique(cells()))) <= 1
    both = (found[0] > 0) & (cells() > 0)
    assert both.sum() > 0.9 * (cells() > 0).sum()
    assert (found[0] > 0).mean() == pytest.approx((cells() > 0).mean(), abs=0.03)


@pytest.mark.parametrize("quality", [50, 75, 96, 97, 98, 99, 100])
def test_every_quality_of_jpeg_is_seen_through(quality):
    file = io.BytesIO()
    Image.fromarray(WHITE.astype(np.uint8)).save(file, "JPEG", quality=quality)
    with pytest.warns(UserWarning, match="black and white with gray edges"):
        found = read(np.array(Image.open(file)))
    assert same_cells(found[0] > 0, WHITE > 0) or np.mean((found[0] > 0) != (WHITE > 0)) < 0.02


def test_numbers_of_classes_give_their_pieces():
    kinds = np.where(cells() > 0, 1 + cells() % 2, 0)
    assert same_cells(quietly(kinds, classes=(1, 2))[0], cells())
    with pytest.raises(ValueError, match="m0.tif: no mask holds 3, 4; the numbers are 0, 1, 2"):
        read(kinds, classes=(3, 4))
    only = quietly(kinds, classes=(2,))[0]
    assert np.array_equal(only > 0, kinds == 2)


def test_a_number_may_mean_not_annotated():
    half = cells().copy()
    half[:, 100:] = 255
    found = quietly(half, ignore=255)[0]
    assert (found[:, 100:] == -1).all() and np.array_equal(found[:, :100], half[:, :100])
    assert np.array_equal(quietly(cells(), ignore=0)[0] == -1, cells() == 0)
    white = np.where(half == 255, 7, WHITE)
    assert (quietly(white, ignore=7)[0][:, 100:] == -1).all()


def test_masks_without_a_cell_are_empty():
    found = quietly(np.zeros(SIZE), WHITE)
    assert not found[0].any() and found[1].max() > 5


def test_tissue_without_a_gap_needs_no_background():
    y, x = np.mgrid[:80, :80]
    tiles = (y // 16) * 5 + x // 16 + 1
    assert np.array_equal(quietly(tiles)[0], tiles)


# ---- what is refused


REFUSED = {
    "no background": ([np.where(cells() > 0, 1, 2)], "m0.tif: no pixel .* background.*--classes"),
    "kinds": ([np.where(cells() > 0, 1 + cells() % 2, 0)], "2 numbers.*classes.*--classes 1"),
    "inside and border": (
        [np.where(cells() == 0, 0, 2 - ndimage.binary_erosion(cells() > 0, iterations=2))],
        "look like classes",
    ),
    "outlines": ([outlines(cells())], "m0.tif: white encloses .* outlines"),
    "wrapped": ([wrapped()], "8 bits number 255 cells at most"),
    "one odd file": ([cells(), WHITE, cells(2)], "m1.tif: one number, 255, in .* pieces"),
    "one soft file": ([cells(), jpeg(WHITE)], "m1.tif: .* gray edges, which the other"),
    "noise": ([np.random.default_rng(0).integers(0, 50, SIZE)], "one number and is of one piece"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_told_is_refused_by_name(name):
    masks, words = REFUSED[name]
    with pytest.raises(ValueError, match=f"(?s){words}"):
        read(*masks)


def test_two_pieces_a_number_are_classes_if_all_have_them_and_a_torn_cell_if_one_has():
    checkered = np.kron([[1, 0, 2], [0, 0, 0], [2, 0, 1]], np.ones((6, 6)))
    with pytest.raises(ValueError, match="look like classes"):
        read(checkered, checkered)
    torn = cells() * (np.arange(SIZE[1]) != np.mean(np.nonzero(cells() == 3)[1]).round())
    assert np.array_equal(quietly(torn, cells(1))[0], torn)


@pytest.mark.parametrize("number", [255, 254, 1000, 65535])
def test_one_huge_number_is_doubted(number):
    half = cells().copy()
    half[:, 100:] = number
    with pytest.warns(UserWarning, match=f"{number} covers .*--ignore {number}"):
        found = read(half, cells(1))
    assert np.array_equal(found[0], half)


# ---- pieces


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.integers(1, 5))
def test_pieces_are_the_parts_of_each_number(seed, height, width, top):
    mask = np.random.default_rng(seed).integers(-1, top + 1, (height, width))
    found = room.look_at("m", mask)
    expected = [ndimage.label(mask == number)[1] for number in found.numbers]
    assert found.pieces.tolist() == expected
    assert found.sizes.tolist() == [np.sum(mask == number) for number in found.numbers]
    parts = room.pieces(mask)
    assert np.array_equal(parts > 0, mask > 0) and len(np.unique(parts[parts > 0])) == sum(expected)


# ---- names and folders


def write(folder, names):
    """A data folder with these pairs of names."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for i, (image, mask) in enumerate(names):
        for part, name, pixels in (
            ("images", image, phantom.cells(SIZE, seed=i)[0]),
            ("masks", mask, cells(i)),
        ):
            (folder / part / name).parent.mkdir(exist_ok=True)
            whole = np.uint8(255 * pixels) if part == "images" else pixels.astype(np.uint16)
            tifffile.imwrite(folder / part / name, whole)
    return folder


def test_files_beside_folders_are_read_with_those_in_them(tmp_path):
    names = [f"{folder}{i}.tif" for folder in ("", "day1/", "day2/") for i in range(2)]
    stack = datasets.load(write(tmp_path / "mine", zip(names, names)), "all")
    assert len(stack) == 6


@pytest.mark.parametrize(
    "image, mask",
    [
        ("a{}.tif", "a{}_mask.tif"),
        ("a{}.tif", "a{}_cp_masks.tif"),
        ("a{}_0000.tif", "a{}.tif"),
        ("a{}.ome.tif", "a{}.tif"),
        ("day{}/x.tif", "day{}/x_labels.tif"),
        (
            unicodedata.normalize("NFC", "Zelle_ü{}.tif"),
            unicodedata.normalize("NFD", "Zelle_ü{}.tif"),
        ),
    ],
)
def test_a_mask_is_found_by_its_images_name(tmp_path, image, mask):
    names = [(image.format(i), mask.format(i)) for i in (2, 10, 1)]
    stack = datasets.load(write(tmp_path / "mine", names), "all")
    assert len(stack) == 3
    for labels, seed in zip(stack.labels, (2, 0, 1)):  # by their numbers: 1, 2, 10
        assert np.array_equal(labels, cells(seed))


def test_the_data_science_bowls_layout_is_read(tmp_path):
    for i, shape in enumerate([(60, 70), (80, 64)]):
        gray, labels = phantom.cells(shape, seed=i)
        folder = tmp_path / "stage1_train" / f"id{i}"
        (folder / "images").mkdir(parents=True), (folder / "masks").mkdir()
        image = np.uint8(255 * gray)
        rgba = np.dstack([image, image, image, np.full_like(image, 255)])
        Image.fromarray(rgba).save(folder / "images" / f"id{i}.png")
        for number in range(1, labels.max() + 1):
            cell = np.uint8(255 * (labels == number))
            Image.fromarray(cell).save(folder / "masks" / f"hash{number}.png")
    stack = datasets.load(tmp_path / "stage1_train", "all")
    assert isinstance(stack.images, list) and [image.shape for image in stack.images] == [
        (60, 70),
        (80, 64),
    ]
    for i, shape in enumerate([(60, 70), (80, 64)]):
        assert same_cells(stack.labels[i], phantom.cells(shape, seed=i)[1])
    assert "60 x 70 to 80 x 64" in repr(stack)
    alone = datasets.load(tmp_path / "stage1_train" / "id1", "all")
    assert np.array_equal(alone.labels[0], stack.labels[1])


def test_masks_as_outlines_in_words_are_told(tmp_path):
    folder = write(tmp_path / "mine", [("a.tif", "a.tif")])
    (folder / "masks" / "a.tif").unlink()
    (folder / "masks" / "annotations.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="annotations.json is not read: export label"):
        datasets.load(folder, "all")
    (folder / "masks" / "annotations.json").rename(folder / "coco.json")
    (folder / "masks").rmdir()
    with pytest.raises(FileNotFoundError, match="masks is missing.*coco.json is not read"):
        datasets.load(folder, "all")


def test_a_folder_called_like_a_data_set_is_not_taken_for_it(tmp_path, monkeypatch):
    write(tmp_path / "Nuclei", [("a.tif", "a.tif"), ("b.tif", "b.tif")])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="'Nuclei' is a data set of the book and a folder here"):
        datasets.load("Nuclei")
    assert len(datasets.load("./Nuclei", "all")) == 2


# ---- a background that is not 0, and classes that are


@pytest.mark.parametrize("number", [1, 255, 65535])
def test_a_background_with_a_number_of_its_own_is_refused(number):
    """OpenCV's watershed gives it 1, and the lines between cells -1."""
    mask = np.where(cells() == 0, number, cells() + 1)
    with pytest.raises(ValueError, match=f"the number {number} covers .* like the background"):
        read(mask, mask)
    lines = np.where((mask == number) & (np.arange(SIZE[1]) % 40 == 0), -1, mask)
    with pytest.raises(ValueError, match=f"the number {number} covers"):
        read(lines)


def test_a_large_cell_in_one_mask_and_a_dense_soft_mask_are_no_background():
    one = cells()
    one[:, :140] = 99  # in one image a giant covers more than the background
    with pytest.warns(UserWarning, match="99 covers"):
        assert read(one, cells(1))[0].max() == 99
    with pytest.warns(UserWarning, match="gray edges"):  # white covers more than black
        assert len(read(resized(255 * (cells() == 0)))) == 1


def test_zero_can_be_a_class():
    """The cells of an inverted mask are black."""
    found = quietly(255 - WHITE, classes=(0,))[0]
    assert same_cells(found, quietly(WHITE)[0])
    assert np.array_equal(quietly(WHITE, classes=(0, 255))[0] > 0, np.ones(SIZE, bool))


def test_a_class_may_stand_alone_or_in_an_array():
    for classes in (255, [255], np.array([255, 7])):
        assert same_cells(quietly(WHITE, classes=classes)[0], quietly(WHITE)[0])
    for classes in (1.5, "1", (1, -1)):
        with pytest.raises(ValueError, match="whole numbers, 0 or more, not"):
            read(WHITE, classes=classes)
