"""Thirty images are what the 2015 paper had, and what most readers have.

They come in as many forms as there are microscopes: a TIFF of thirty slices with a second TIFF of
black lines; numbered frames beside folders of "gold" and "silver" truth; a folder of PNGs that a
colleague outlined by hand. A network wants one form, and this room brings everything to it:

- ``images``: float32 in [0, 1], (N, H, W);
- ``labels``: int32, (N, H, W); 0 is background or membrane, 1 … K are the cells of one image (gaps
  in the numbering are allowed), -1 is "nobody annotated this".

``load("nuclei")`` needs no network: the image is part of the package. ``load("isbi2012")``,
``load("phc-u373")`` and ``load("dic-hela")`` look in the folder that ``UNET_BOOK_DATA`` names, then
in the user's cache, then at the official address. ``load("my/folder")`` reads a folder of your own.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pooch
import requests
import tifffile
from PIL import Image, ImageSequence
from scipy import ndimage
from torch.utils.data import Dataset

from unet_book import _package, phantom

__all__ = [
    "Stack", "load", "fetch", "is_here", "names", "data_folder", "read_folder", "to_unit",
    "instances", "read_image", "read_labels", "write_labels",
]  # fmt: skip

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")

# The Cell Tracking Challenge leaves out cells that lie wholly within this many pixels of the edge
# (its "field of interest"; 50 px for both sets used here). All 110 cells of PhC-U373, sequence 02,
# and all 1,054 of DIC-HeLa, sequence 01, do reach further in. So what is unlabeled within the
# margin is unknown, not background.
CTC_MARGIN = 50


class Stack(Dataset):
    """Images with their instance labels, as a ``torch.utils.data.Dataset``.

    ``stack[i]`` is the pair (image, labels) of arrays (H, W); ``stack[2:5]`` is a smaller stack.

    Args:
        name: what errors and figures call it.
        images: floating point in [0, 1], (N, H, W) with N >= 1; kept as float32.
        labels: integers >= -1 of the same shape; kept as int32.
        source: where the images come from and whom to cite.

    Raises:
        ValueError: if shapes, types or values are not as above; the message names the offender.

    Example:
        >>> image = np.zeros((1, 64, 64), np.float32)
        >>> len(Stack("empty", image, image.astype(int)))
        1
    """

    def __init__(self, name, images, labels, source=""):
        images, labels = np.asarray(images), np.asarray(labels)
        _check_images(name, images)
        _check_labels(name, labels)
        if images.shape != labels.shape:
            raise ValueError(
                f"{name}: images {images.shape} and labels {labels.shape} differ in shape; "
                "each pixel needs one label"
            )
        self.name, self.source = name, source
        self.images = np.ascontiguousarray(images, dtype=np.float32)
        self.labels = np.ascontiguousarray(labels, dtype=np.int32)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Stack(self.name, self.images[index], self.labels[index], self.source)
        return self.images[index], self.labels[index]

    def __repr__(self):
        n, h, w = self.images.shape
        return f"Stack({self.name!r}: {n} images of {h} x {w}, {self.cell_count()} cells)"

    def cell_count(self):
        """Number of cells in all images together."""
        return sum(int(np.count_nonzero(np.unique(labels) > 0)) for labels in self.labels)


def _check_images(name, images):
    if images.ndim != 3 or 0 in images.shape:
        raise ValueError(
            f"{name}: images have shape {images.shape}; needed is (N, H, W) with at least one image"
        )
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(
            f"{name}: images are {images.dtype}; needed is floating point in [0, 1] "
            "(datasets.to_unit brings a gray image there)"
        )
    bad = images[~((images >= 0) & (images <= 1))]  # written so that NaN counts as bad
    if bad.size:
        raise ValueError(
            f"{name}: {bad.size} image values are not in [0, 1], the first is {bad[0]}; "
            "datasets.to_unit brings a finite gray image there"
        )


def _check_labels(name, labels):
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{name}: labels are {labels.dtype}; needed are integers: 0 for background, "
            "1 … K for cells, -1 for not annotated"
        )
    if labels.size and labels.min() < -1:
        raise ValueError(f"{name}: label {labels.min()} found; the smallest allowed is -1")
    if labels.size and labels.max() > np.iinfo(np.int32).max:
        raise ValueError(f"{name}: label {labels.max()} found; the largest allowed is 2147483647")


# --- the one door ---------------------------------------------------------------------------------


def load(name, split="train", truth=None):
    """Bring a data set to the one form.

    ==================== ===================== ====================== ============================
    name                 what                  "train"                "test"
    ==================== ===================== ====================== ============================
    "nuclei"             1 image, 512 x 512    columns 0 … 319        columns 320 … 511
    "phantom"            drawn cells           16 images, seed 0      4 images, seed 1
    "phantom-membranes"  drawn tissue          16 images, seed 0      4 images, seed 1
    "isbi2012"           30 EM slices          slices 0 … 23          slices 24 … 29
    "phc-u373"           phase contrast        first 4/5 in time      the rest
    "dic-hela"           DIC                   first 4/5 in time      the rest
    a folder             images/ and masks/    first 4/5 by name      the rest, at least one
    ==================== ===================== ====================== ============================

    For "phc-u373" and "dic-hela" that is the annotated frames of each sequence, in time.

    "all" is both together (for "nuclei" the uncut image, with 125 nuclei; a nucleus on the cut has
    a part in both). "isbi2012" has a fourth split, "challenge": its 30 test slices, whose labels
    were never published and are -1 here.

    "phc-u373" and "dic-hela" mark the unlabeled pixels within 50 px of the image's edge as
    not annotated (-1): the challenge annotates no cell that lies wholly there. Cells that reach
    into the margin keep their pixels, so its known pixels are cell only; to count shares, or to
    train without that bias, leave the margin out: ``labels[:, 50:-50, 50:-50]``. Even further in,
    gold truth may leave out a cell; such pixels can't be told from background and stay 0.

    Args:
        name: one of the names above, or a path. A name wins over a folder of that name, which is
            reached as ``./name``.
        split: "train", "test" or "all".
        truth: "gold" (drawn by people) or "silver" (voted by programs), for the two sets of the
            Cell Tracking Challenge. By default the kind that covers more cells: gold for
            "phc-u373", silver for "dic-hela", and the other one if that is not there.

    Returns:
        A `Stack` with ``images`` (N, H, W) float32 in [0, 1] and ``labels`` (N, H, W) int32.

    Raises:
        ValueError: if name, split or truth is none of those, or a file's content is not as it
            should be.
        OSError: if a file is missing, or can be neither found nor downloaded.

    Example:
        >>> load("nuclei", "train").images.shape
        (1, 512, 320)
    """
    key = str(name).lower()
    splits = ("train", "test", "all") + (("challenge",) if key == "isbi2012" else ())
    if split not in splits:
        raise ValueError(f"split={split!r}: {name} has {', '.join(map(repr, splits))}")
    if key in CTC:
        return _load_ctc(key, split, truth)
    if truth is not None:
        raise ValueError(f"truth={truth!r}: only {' and '.join(map(repr, CTC))} offer a choice")
    if key in READERS:
        return READERS[key](split)
    if not Path(name).is_dir():
        known = ", ".join(map(repr, names()))
        raise ValueError(
            f"{str(name)!r} is neither a data set nor a folder. Data sets: {known}. "
            "A folder of your own holds images/ and masks/"
        )
    return _cut(read_folder(name), split)


def names():
    """The names that `load` knows, as a list of strings."""
    return [*READERS, *CTC]


def train_count(n):
    """How many of ``n`` images train: all but the last fifth, and at least one is for testing."""
    return n - max(1, n // 5)


def _cut(stack, split):
    """The part of a stack that a split names, by order."""
    if split == "all":
        return stack
    if len(stack) == 1:
        raise ValueError(
            f"{stack.name}: one image can't be cut into train and test; "
            "use split='all', or add a second image"
        )
    n = train_count(len(stack))
    return stack[:n] if split == "train" else stack[n:]


# --- sets that need no download -------------------------------------------------------------------


def data_folder():
    """The folder of the data that comes with the book: inside an installed package, or a checkout.

    Returns:
        A ``Path`` that holds ``nuclei/``.

    Raises:
        FileNotFoundError: if the package was installed without its data.
    """
    nuclei = _package.shipped("data/nuclei")
    if nuclei is None:
        raise FileNotFoundError(
            f"data/nuclei is neither in {_package.ROOM} nor beside it; install the package again"
        )
    return nuclei.parent


def _load_nuclei(split):
    folder = data_folder() / "nuclei"
    image, labels = read_image(folder / "image.tif"), read_labels(folder / "labels.tif")
    columns = {"train": slice(0, 320), "test": slice(320, 512), "all": slice(None)}[split]
    source = "2018 Data Science Bowl (BBBC038, CC0), by way of StarDist; data/nuclei/README.md"
    return Stack("nuclei", image[None, :, columns], labels[None, :, columns], source)


def _load_phantom(name, kind, split):
    parts = {"train": [(16, 0)], "test": [(4, 1)], "all": [(16, 0), (4, 1)]}[split]
    drawn = [phantom.stack(kind, count=n, seed=seed) for n, seed in parts]
    images, labels = (np.concatenate(arrays) for arrays in zip(*drawn, strict=True))
    return Stack(name, images, labels, "drawn by unet_book.phantom")


# --- ISBI 2012 ------------------------------------------------------------------------------------


def _load_isbi2012(split):
    folder = fetch("isbi2012")
    source = ORIGINS["isbi2012"].source
    if split == "challenge":
        images = _isbi_array(folder, "test-volume") / np.float32(255)
        return Stack("isbi2012", images, np.full(images.shape, -1), source)
    images = _isbi_array(folder, "train-volume") / np.float32(255)
    cells = _isbi_array(folder, "train-labels") == 255
    labels = np.stack([instances(white) for white in cells])
    return _cut(Stack("isbi2012", images, labels, source), split)


def instances(cells):
    """Number the parts of a mask, so that each becomes one cell.

    Parts are 4-connected: pixels that share only a corner belong to two of them. The metrics of the
    ISBI 2012 challenge do the same.

    Args:
        cells: (H, W), true or above 0 inside cells.

    Returns:
        int32, (H, W); 0 outside, 1 … K in reading order of the parts' first pixels.

    Example:
        >>> instances([[1, 0, 1], [1, 0, 1]]).tolist()
        [[1, 0, 2], [1, 0, 2]]
    """
    return ndimage.label(np.asarray(cells) > 0)[0].astype(np.int32)


# No checksum of the archive was ever published, but the pixels are known: sha256 of the decoded
# uint8 arrays in C order, the same in copies that do not come from one another.
ISBI_PIXELS = {
    "train-volume": "200da3d452d726e6c9ca1ce04b869d4edb727320d23b516d01cce707dc8c4760",
    "train-labels": "a7cb64000a1a7e542682927e19c91339f58f9f178e0bcce4e207371116f0ca36",
    "test-volume": "1b58fa7ec1d0ff9d39a855622db3ff66a97863036339b0d04be51b2f5a99b0e9",
}


def _isbi_array(folder, stem):
    """Read one of the three volumes, (30, 512, 512) uint8, and make sure that it is the one."""
    path = Path(folder) / f"{stem}.tif"
    pixels = np.ascontiguousarray(_read(path))
    found = hashlib.sha256(pixels.tobytes()).hexdigest()
    if found != ISBI_PIXELS[stem]:
        raise ValueError(
            f"{path}: the pixels ({pixels.shape} {pixels.dtype}) are not the challenge's: expected "
            f"sha256 {ISBI_PIXELS[stem]}, found {found}. {_by_hand(ORIGINS['isbi2012'])}"
        )
    return pixels


# --- Cell Tracking Challenge ----------------------------------------------------------------------


def _load_ctc(name, split, truth):
    folder = fetch(name)
    frames = _ctc_frames(folder, _ctc_truth(folder, truth, CTC[name]))
    chosen = []
    for sequence in frames:
        n = train_count(len(sequence))
        chosen += {"train": sequence[:n], "test": sequence[n:], "all": sequence}[split]
    if not chosen:
        raise ValueError(f"{folder}: too few annotated frames for split={split!r}; use 'all'")
    images, labels = _read_pairs(chosen)
    return Stack(name, images, _unknown_margin(labels), ORIGINS[name].source)


def _ctc_truth(folder, truth, preferred):
    """The suffix of the truth's folders, "GT" or "ST"."""
    suffixes = {"gold": "GT", "silver": "ST"}
    if truth is not None and truth not in suffixes:
        raise ValueError(f"truth={truth!r}: give 'gold', 'silver' or None")
    there = [kind for kind, end in suffixes.items()
             if any(Path(folder).glob(f"[0-9]*_{end}/SEG/man_seg*.tif"))]
    wanted = truth or (preferred if preferred in there else "".join(there))
    if wanted not in there:
        raise FileNotFoundError(
            f"{folder}: no {truth or 'gold or silver'} truth here; expected files like "
            f"01_{suffixes.get(truth, 'GT')}/SEG/man_seg000.tif"
        )
    return suffixes[wanted]


def _ctc_frames(folder, suffix):
    """For each sequence a list of (image path, mask path), in time."""
    frames = []
    for annotated in sorted(Path(folder).glob(f"[0-9]*_{suffix}")):
        sequence = annotated.with_name(annotated.name.removesuffix(f"_{suffix}"))
        masks = sorted((annotated / "SEG").glob("man_seg*.tif"))
        pairs = [(sequence / f"t{mask.stem.removeprefix('man_seg')}.tif", mask) for mask in masks]
        for image, mask in pairs:
            if not image.is_file():
                raise FileNotFoundError(f"{mask}: its image {image} is missing")
        frames.append(pairs)
    return frames


def _unknown_margin(labels):
    """Background within `CTC_MARGIN` px of the edge becomes -1; cells stay."""
    margin = np.ones(labels.shape[-2:], dtype=bool)
    margin[CTC_MARGIN:-CTC_MARGIN, CTC_MARGIN:-CTC_MARGIN] = False
    return np.where(margin & (labels == 0), -1, labels)


# --- a folder of your own -------------------------------------------------------------------------


def read_folder(folder):
    """Read your own images: ``images/`` and ``masks/``, a mask for each image with the same stem.

    Images are gray, all of one size, as TIFF, PNG or JPEG. Masks are TIFF or PNG. If no mask has
    more than one value beside 0 (black and white; 255 in one mask, 1 in another), its 4-connected
    parts become the cells; otherwise the values are taken as instance labels. In a signed mask, -1
    is "not annotated". An inverted mask, cells black, can't be told from a right one: look at it.

    Args:
        folder: a path.

    Returns:
        A `Stack` of all pairs, in the order of their names.

    Raises:
        FileNotFoundError: if a folder, a mask or an image is missing.
        ValueError: if a file can't be read, an image is not gray, a mask is not integer, sizes
            differ, or no mask holds a cell. Each message names the file.
    """
    folder = Path(folder)
    pairs = _pair_by_stem(_files(folder / "images"), _files(folder / "masks"), folder)
    images, masks = _read_pairs(pairs)
    if masks.max() <= 0:
        raise ValueError(f"{folder / 'masks'}: no mask holds a cell; every pixel is background")
    if all(len(np.unique(mask[mask > 0])) <= 1 for mask in masks):
        unknown = masks == -1
        masks = np.where(unknown, -1, np.stack([instances(mask > 0) for mask in masks]))
    return Stack(folder.name, images, masks, str(folder))


def _files(folder):
    """The images of a folder by stem; hidden files and other kinds of files are passed over."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is missing; a data folder holds images/ and masks/")
    paths = [path for path in sorted(folder.iterdir())
             if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    if not paths:
        raise FileNotFoundError(f"{folder}: no image in it; known are {', '.join(SUFFIXES)}")
    twice = [stem for stem, n in Counter(path.stem for path in paths).items() if n > 1]
    if twice:
        raise ValueError(f"{folder}: more than one file is called {twice[0]!r}; keep one")
    return {path.stem: path for path in paths}


def _pair_by_stem(images, masks, folder):
    for stem, path in images.items():
        if stem not in masks:
            raise FileNotFoundError(
                f"{path}: no mask for it; expected {folder / 'masks' / stem}.tif"
            )
    for stem, path in masks.items():
        if stem not in images:
            raise FileNotFoundError(
                f"{path}: no image for it; expected {folder / 'images' / stem}.tif"
            )
    return [(path, masks[stem]) for stem, path in images.items()]


def _read_pairs(pairs):
    """Read (image path, mask path) pairs of one size into two arrays (N, H, W)."""
    images, labels = [], []
    for image_path, mask_path in pairs:
        images.append(read_image(image_path))
        labels.append(read_labels(mask_path))
        if labels[-1].shape != images[-1].shape:
            raise ValueError(
                f"{mask_path}: the mask is {_size(labels[-1])} but its image {image_path.name} "
                f"is {_size(images[-1])}; both must have the same height x width"
            )
        if images[-1].shape != images[0].shape:
            raise ValueError(
                f"{image_path}: {_size(images[-1])}, but {pairs[0][0].name} is "
                f"{_size(images[0])}; crop or pad all images of a folder to one height x width"
            )
    return np.stack(images), np.stack(labels)


def _size(array):
    return " x ".join(map(str, array.shape))


# --- single files ---------------------------------------------------------------------------------


def to_unit(image):
    """Bring gray values to [0, 1].

    8-bit values are divided by 255: the camera used the range as its operator chose, and what is
    dark stays dark. Any other type (12 bits in uint16, float, …) says nothing about its range, so
    its 0.1th percentile becomes 0 and its 99.8th 1, and what lies outside is clipped. Each image is
    taken by itself, so that a single image at prediction is treated as it was in training.

    Args:
        image: an array of any shape; bool, integer or floating point.

    Returns:
        float32 in [0, 1], same shape. A constant image that is not 8-bit becomes 0.

    Raises:
        ValueError: if a value is not finite, or the type is none of those.

    Example:
        >>> to_unit(np.array([[0, 51, 255]], dtype=np.uint8))
        array([[0. , 0.2, 1. ]], dtype=float32)
    """
    image = np.asarray(image)
    if image.dtype == bool:
        return image.astype(np.float32)
    if image.dtype == np.uint8:
        return image / np.float32(255)
    if image.dtype.kind not in "iuf":
        raise ValueError(f"image is {image.dtype}; needed are integers or floating point numbers")
    if not np.all(np.isfinite(image)):
        raise ValueError("image holds NaN or infinity; replace them, for instance np.nan_to_num")
    if image.size == 0:
        return image.astype(np.float32)
    values = image.astype(np.float64)
    values /= max(np.abs(values).max(), np.finfo(float).tiny)  # so that no difference overflows
    low, high = np.percentile(values, [0.1, 99.8])
    if not high > low:  # (almost) all pixels equal: the percentiles say nothing
        low, high = values.min(), values.max()
    if not high > low:
        return np.zeros(image.shape, np.float32)
    with np.errstate(over="ignore"):  # an outlier far outside the range is clipped all the same
        return np.clip((values - low) / (high - low), 0, 1).astype(np.float32)


def read_image(path):
    """Read one gray image, brought to [0, 1] by `to_unit`.

    Args:
        path: a TIFF, PNG or JPEG file.

    Returns:
        float32 in [0, 1], (H, W).

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it can't be read (truncated, not an image), has colors, is a stack, or holds
            NaN.
    """
    pixels = _read(path, palette=True)
    if pixels.ndim != 2:
        raise ValueError(_not_gray(path, pixels.shape))
    try:
        return to_unit(pixels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_labels(path):
    """Read one mask of instance labels.

    Args:
        path: a TIFF or PNG file of integers, or of floats without fractions. JPEG is refused, since
            its compression changes the values.

    Returns:
        int32, (H, W); 0 is background, 1 … K are cells, -1 is not annotated.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it can't be read, has colors, is a stack, or holds anything but integers of
            at least -1.
    """
    if Path(path).suffix.lower() in (".jpg", ".jpeg"):
        raise ValueError(f"{path}: JPEG changes label values; save the mask as PNG or TIFF")
    mask = _read(path)
    if mask.ndim != 2:
        raise ValueError(
            f"{path}: shape {mask.shape}; a mask has one integer per pixel, (H, W), and no colors. "
            "If its channels are equal, save one of them: mask[..., 0]"
        )
    if mask.dtype.kind == "f":
        broken = mask[~(np.isfinite(mask) & (mask == np.round(mask)))]
        if broken.size:
            raise ValueError(
                f"{path}: a mask holds whole numbers, but {broken[0]} was found; save it as "
                "16-bit integers, and never resize a mask with interpolation"
            )
        mask = mask.astype(np.int64)
    mask = mask.astype(np.uint8) if mask.dtype == bool else mask
    _check_labels(path, mask)
    return mask.astype(np.int32)


def write_labels(path, labels):
    """Write labels as a TIFF that Fiji, napari and scikit-image open.

    The file appears complete or not at all: it is written beside its place and then moved there,
    so an interruption leaves an older file as it was.

    Args:
        path: where to; ends in .tif or .tiff.
        labels: integers >= -1, (H, W) or (N, H, W). Written as uint16 where they fit, else as
            int32, with lossless zlib compression.

    Raises:
        ValueError: if the labels are not integers or the name does not end in .tif or .tiff.
        OSError: if the folder is missing or the file can't be written.
    """
    path, labels = Path(path), np.asarray(labels)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise ValueError(f"{path}: labels are written as TIFF; end the name in .tif")
    if labels.ndim not in (2, 3) or labels.size == 0:
        raise ValueError(f"{path}: labels have shape {labels.shape}; needed is (H, W) or (N, H, W)")
    _check_labels(path, labels)
    fits = labels.min() >= 0 and labels.max() <= np.iinfo(np.uint16).max
    labels = labels.astype(np.uint16 if fits else np.int32)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder {path.parent} does not exist; make it first")
    partial = path.with_name(f".{path.stem}-{os.getpid()}.tif")
    try:
        tifffile.imwrite(partial, labels, compression="zlib", photometric="minisblack")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _read(path, palette=False):
    """Decode an image file as it is: any type, any shape.

    A PNG with a palette stores numbers of colors. In a mask those numbers are the labels; in an
    image the colors count, and ``palette`` asks for them.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            return _read_tiff(path)
        return _read_pillow(path, palette)
    except Exception as error:  # the two libraries raise a dozen kinds for a broken file
        raise ValueError(
            f"{path}: can't be read ({error}); it is truncated, or not an image. "
            "Copy or save the file again"
        ) from error


def _read_tiff(path):
    try:
        pixels = tifffile.imread(path)
        if pixels.size == 0:
            raise ValueError("no image inside")
        return pixels
    except ValueError as error:
        # The challenge's files are LZW-compressed: tifffile needs a further package for them,
        # Pillow does not.
        if "imagecodecs" not in str(error):
            raise
    return _read_pillow(path)


def _read_pillow(path, palette=False):
    with Image.open(path) as file:
        frames = [_look_up(frame) if palette and frame.mode == "P" else np.array(frame)
                  for frame in ImageSequence.Iterator(file)]
    return frames[0] if len(frames) == 1 else np.stack(frames)


def _look_up(frame):
    """The colors that a palette stands for: (H, W) where all are gray, as in Fiji's 8-bit PNGs."""
    colors = np.array(frame.convert("RGB"))
    gray = (colors == colors[..., :1]).all()
    return colors[..., 0] if gray else colors


def _not_gray(path, shape):
    if len(shape) == 3 and shape[-1] in (2, 3, 4):
        return (
            f"{path}: shape {shape} has {shape[-1]} channels, but one gray channel is needed. Keep "
            "the channel that shows your cells: image[..., 0], or in Fiji Image > Type > 8-bit"
        )
    return f"{path}: shape {shape}; one gray image is (H, W). Save each slice as a file of its own"


# --- finding and downloading ----------------------------------------------------------------------


@dataclass(frozen=True)
class Origin:
    """Where a data set comes from, and how its download is checked."""

    folder: str
    url: str
    sha256: str | None  # of the archive; None where no checksum of it is published
    source: str


ORIGINS = {
    "isbi2012": Origin(
        "isbi2012",
        "https://downloads.imagej.net/ISBI-2012-challenge.zip",
        None,
        "ISBI 2012 EM segmentation challenge; cite Cardona et al. 2010, PLoS Biology 8(10) "
        "e1000502, and TrakEM2; free for non-commercial segmentation software",
    ),
    "phc-u373": Origin(
        "PhC-C2DH-U373",
        "https://data.celltrackingchallenge.net/training-datasets/PhC-C2DH-U373.zip",
        "b18185c18fce54e8eeb93e4bbb9b201d757add9409bbf2283b8114185a11bc9e",
        "Cell Tracking Challenge; cite Maska et al. 2023, Nature Methods 20, 1010-1020",
    ),
    "dic-hela": Origin(
        "DIC-C2DH-HeLa",
        "https://data.celltrackingchallenge.net/training-datasets/DIC-C2DH-HeLa.zip",
        "832fed2d05bb7488cf9c51a2994b75f8f3f53b3c3098856211f2d39023c34e1a",
        "Cell Tracking Challenge; cite Maska et al. 2023, Nature Methods 20, 1010-1020",
    ),
}

# The truth that covers more cells: the challenge's gold truth is good in outline but marks few
# cells, its silver truth the other way round. For U373 silver was not at hand to compare.
CTC = {"phc-u373": "gold", "dic-hela": "silver"}

READERS = {
    "nuclei": _load_nuclei,
    "phantom": lambda split: _load_phantom("phantom", "cells", split),
    "phantom-membranes": lambda split: _load_phantom("phantom-membranes", "membranes", split),
    "isbi2012": _load_isbi2012,
}


def fetch(name):
    """Find a data set's folder, and download it if it is nowhere.

    Looked for in this order: the folder that the environment variable ``UNET_BOOK_DATA`` names; the
    user's cache (``pooch.os_cache("unet-book")``); the official address. A download is checked and
    unpacked aside, and moved into the cache only when complete.

    Args:
        name: "isbi2012", "phc-u373", "dic-hela", or "nuclei", which comes with the book.

    Returns:
        The ``Path`` of the folder, laid out as the official archive unpacks.

    Raises:
        ValueError: if the name is none of those, or the download is not what it should be.
        OSError: if there is no network or no space; the message says where to put the files.
    """
    key = str(name).lower()
    if key == "nuclei":
        return data_folder() / "nuclei"
    if key not in ORIGINS:
        known = ", ".join(map(repr, ["nuclei", *ORIGINS]))
        raise ValueError(f"{str(name)!r} can't be fetched; these can: {known}")
    return _found(ORIGINS[key]) or _download(ORIGINS[key], _cache())


def is_here(name) -> bool:
    """Whether `load` gives this data set, one of `names`, without downloading anything.

    Example:
        >>> is_here("nuclei")
        True
    """
    key = str(name).lower()
    return key in names() and (key not in ORIGINS or _found(ORIGINS[key]) is not None)


def _found(origin):
    """The folder of a data set that was downloaded before or put in place by hand, or None."""
    for place in (_own_place(), _cache()):
        if place is not None and (place / origin.folder).is_dir():
            return place / origin.folder
    return None


def _cache():
    return Path(pooch.os_cache("unet-book"))


def _own_place():
    place = os.environ.get("UNET_BOOK_DATA")
    if place and not Path(place).is_dir():
        raise FileNotFoundError(
            f"UNET_BOOK_DATA={place} is not a folder; correct the variable or unset it"
        )
    return Path(place) if place else None


def _by_hand(origin):
    return (
        f"Or get {origin.url} in another way, and unpack it to the folder {origin.folder} "
        "in the folder that the environment variable UNET_BOOK_DATA names"
    )


def _download(origin, cache):
    """Download, check, unpack; nothing is left in the cache unless all of it worked."""
    target = cache / origin.folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".partial-") as partial:
            archive = _retrieve(origin, Path(partial))
            _unzip(archive, Path(partial) / "unpacked", origin)
            _move_into_place(_find_content(Path(partial), origin), target)
    except requests.RequestException as error:
        raise ConnectionError(
            f"{origin.url}: the download failed ({error}). Check the network and try again. "
            f"{_by_hand(origin)}"
        ) from error
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(
            error.errno,
            f"{target}: can't be written ({error.strerror}). Make room there and try again. "
            f"{_by_hand(origin)}",
        ) from error
    return target


def _retrieve(origin, folder):
    known = f"sha256:{origin.sha256}" if origin.sha256 else None
    name = origin.url.rsplit("/", 1)[1]
    getter = pooch.HTTPDownloader(timeout=60)
    try:
        return Path(pooch.retrieve(origin.url, known, name, folder, downloader=getter))
    except requests.RequestException:
        raise
    except ValueError as error:
        # pooch names the file, the checksum expected and the one found.
        raise ValueError(f"{origin.url}: wrong checksum. {error} {_by_hand(origin)}") from error


def _unzip(archive, folder, origin):
    try:
        with zipfile.ZipFile(archive) as file:
            for entry in file.namelist():
                _refuse_escape(entry, folder, archive)
            file.extractall(folder)
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise ValueError(
            f"{origin.url}: {archive.name} is truncated or no zip archive ({error}). Try again. "
            f"{_by_hand(origin)}"
        ) from error


def _refuse_escape(entry, folder, archive):
    # zipfile would rename such an entry and go on; an archive that tries this is not to be trusted.
    inside = (folder / entry.replace("\\", "/")).resolve()
    if not inside.is_relative_to(folder.resolve()):
        raise ValueError(f"{archive.name}: entry {entry!r} points outside the folder; refused")


def _find_content(partial, origin):
    """The unpacked folder that is to become the data set's."""
    unpacked = partial / "unpacked"
    if origin.folder != "isbi2012":
        inner = unpacked / origin.folder
        return inner if inner.is_dir() else unpacked
    chosen = partial / "chosen"
    chosen.mkdir()
    for stem in ISBI_PIXELS:  # wherever the archive keeps them
        found = sorted(p for p in unpacked.rglob("*") if p.name.lower() == f"{stem}.tif")
        if not found:
            raise ValueError(f"{origin.url}: no {stem}.tif in it. {_by_hand(origin)}")
        os.replace(found[0], chosen / f"{stem}.tif")
        _isbi_array(chosen, stem)
    return chosen


def _move_into_place(folder, target):
    try:
        os.replace(folder, target)
    except OSError:
        if not target.is_dir():  # else another process was quicker, and its copy is as good
            raise
