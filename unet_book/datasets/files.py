"""Single files: a gray image, a mask of instance labels, whatever program wrote them.

What a file is, its content says and not the ending of its name. Colors, inverted gray scales and
turned cameras are read as a viewer shows them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tifffile
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from unet_book._arrays import Array, ArrayLike, like, to_numpy
from unet_book._files import replacing
from unet_book.datasets.checks import check_labels
from unet_book.gray import DEEP, check_gray, stretch

__all__ = [
    "to_unit",
    "read_image",
    "normalized",
    "Picture",
    "read_picture",
    "read_gray",
    "read_labels",
    "write_labels",
    "write_tiff",
    "tiff_writer",
    "written_by",
    "read_resolution",
    "read_axes",
    "decode",
]

Resolution: TypeAlias = tuple[tuple[float, float], int]  # ((x, y) pixels a unit, which unit)

SOFTWARE = "unet_book"  # what a result says of who wrote it
SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".npy")
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # how such a file begins, in both byte orders
SWAPPED = ("i2", "i4", "u4", "f4")  # types whose bytes Pillow 13 turns around in TIFFs that are ">"
COMMON = (1, 5, 7, 8, 32773, 32946)  # TIFF's numbers of the compressions that any Pillow reads
LARGE = 2**28  # bytes
BIG = 2**32 - 2**25  # bytes of pixels that fit a TIFF whose places are numbers of 32 bits
LOSSY = re.compile("JPE?G|JP2|MPO|WEBP|AVIF")  # in names of compressions and of kinds of file

A_CENTIMETER = {"nm": 1e7, "um": 1e4, "µm": 1e4, "μm": 1e4, "micron": 1e4, "mm": 10, "cm": 1}
A_CENTIMETER |= {"m": 0.01, "inch": 1 / 2.54}
WHITE_IS_0 = tifffile.PHOTOMETRIC.MINISWHITE
REDUCED = 254  # TIFF's tag whose lowest bit marks a thumbnail, or a step of a pyramid

# What a TIFF's orientation (tag 274) asks for, as a viewer shows it: rot90's turns after a flip.
TURNS = {
    1: (0, False),
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (1, True),
    6: (3, False),
    7: (3, True),
    8: (1, False),
}


def to_unit(image: ArrayLike) -> Array:
    """Bring gray values to [0, 1].

    8-bit values are divided by 255: the camera used the range as its operator chose, and what is
    dark stays dark. Any other type (12 bits in uint16, float, …) says nothing about its range, so
    its 0.1th percentile becomes 0 and its 99.8th 1, and what lies outside is clipped. Each image is
    taken by itself, so that a single image at prediction is treated as it was in training.
    `gray.stretch` does it.

    Parameters
    ----------
    image : array_like
        Bool, integer or floating point, of any shape; numpy or torch.

    Returns
    -------
    ndarray or Tensor of float32
        In [0, 1], same shape; 0 for a constant image that is not 8-bit.

    Raises
    ------
    ValueError
        If a value is not finite, or the type is none of those.

    Examples
    --------
    >>> to_unit(np.array([[0, 51, 255]], dtype=np.uint8))
    array([[0. , 0.2, 1. ]], dtype=float32)
    """
    return like(_to_unit(to_numpy(image)), image)


def _to_unit(image: np.ndarray) -> np.ndarray:
    """`to_unit` of a numpy array."""
    if image.dtype == bool:
        return image.astype(np.float32)
    if image.dtype == np.uint8:
        return image / np.float32(255)
    return stretch(image, 0.1, 99.8)


def read_image(
    path: str | PathLike,
    channel: int | None = None,
    percentiles: tuple[float, float] | None = None,
) -> np.ndarray:
    """Read one gray image, brought to [0, 1].

    Parameters
    ----------
    path : str or PathLike
        A TIFF, PNG, JPEG, BMP or GIF file, or an array in a .npy file.
    channel : int or None
        Which channel of a colored image to take, from 0. None takes what equal channels show, and
        refuses others.
    percentiles : tuple of two float, or None
        Which of its gray values become 0 and 1, as for `gray.stretch`. None: `to_unit`.

    Returns
    -------
    ndarray of float32, (H, W)
        In [0, 1].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it can't be read (truncated, not an image), has colors, is a stack, or holds NaN.
    """
    return _said_of(path, normalized, read_picture(path, channel).gray, percentiles)


def normalized(gray: np.ndarray, percentiles: tuple[float, float] | None) -> np.ndarray:
    """Gray values in [0, 1].

    Parameters
    ----------
    gray : ndarray
        Of any shape, type and range.
    percentiles : tuple of two float, or None
        Which of them become 0 and 1, as for `gray.stretch`, which keeps empty images dark. None:
        `to_unit`.

    Returns
    -------
    ndarray of float32
    """
    return to_unit(gray) if percentiles is None else stretch(gray, *percentiles, DEEP)


@dataclass(frozen=True)
class Picture:
    """One gray image, and how it stands in its file.

    Parameters
    ----------
    gray : ndarray, (H, W)
        The values of the file, of its type; finite, and brighter where they are larger.
    axes : str
        Those in the file: "YX", "YXS" with colors, ...
    channels : int
        How many the file has; what more than one show is alike, or one was chosen.
    """

    gray: np.ndarray
    axes: str
    channels: int


def read_picture(path: str | PathLike, channel: int | None = None) -> Picture:
    """Read one gray image with the values that stand in its file.

    Parameters
    ----------
    path : str or PathLike
        As for `read_image`.
    channel : int or None
        As for `read_image`.

    Returns
    -------
    Picture

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it can't be read, has colors, is a stack, or holds NaN.
    """
    pixels, axes = decode(path, as_shown=True)
    frames = _said_of(path, _frames, pixels, axes, channel)
    if len(frames) > 1:
        raise ValueError(
            f"{path}: {len(frames)} images in one file, where one gray image (H, W) is needed. "
            "Save each slice as a file of its own"
        )
    _said_of(path, check_gray, frames[0])
    colors = [size for size, name in zip(pixels.shape, axes) if name in "CS"]
    return Picture(frames[0], axes, int(np.prod(colors)))


def read_gray(path: str | PathLike, channel: int | None = None) -> list[np.ndarray]:
    """Read all gray images of a file, with the values that stand there.

    Parameters
    ----------
    path : str or PathLike
        As for `read_image`.
    channel : int or None
        As for `read_image`.

    Returns
    -------
    list of ndarray, (H, W)
        Of the file's type; as a viewer shows it, so that what is larger is brighter.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it can't be read, or has colors.
    """
    pixels, axes = decode(path, as_shown=True)
    return _said_of(path, _frames, pixels, axes, channel)


def _said_of(path: str | PathLike, function: Callable, *arguments: object) -> Any:
    """What a function gives; an error of it names the file."""
    try:
        return function(*arguments)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_labels(path: str | PathLike) -> np.ndarray:
    """Read one mask of numbers: 0 is background, 1 … K are cells, -1 is not annotated.

    Parameters
    ----------
    path : str or PathLike
        A file of integers, or of floats without fractions, as `read_image` reads them. What was
        compressed with loss (JPEG) is refused, since that changes the values.

    Returns
    -------
    ndarray of int32, (H, W)

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it can't be read, has colors, is a stack, or holds anything but integers of at least -1.
    """
    mask, axes = decode(path)
    try:
        frames = _frames(mask, axes)
    except ValueError as error:
        raise ValueError(
            f"{path}: {error} (a mask has one integer per pixel, and no colors)"
        ) from None
    if len(frames) > 1:
        raise ValueError(f"{path}: shape {mask.shape}; a mask is one image, (H, W)")
    mask = frames[0]
    if mask.dtype.kind == "f":
        broken = mask[~(np.isfinite(mask) & (mask == np.round(mask)))]
        if broken.size:
            raise ValueError(
                f"{path}: a mask holds whole numbers, but {broken[0]} was found; save it as "
                "16-bit integers, and never resize a mask with interpolation"
            )
        mask = mask.astype(np.int64)
    mask = mask.astype(np.uint8) if mask.dtype == bool else mask
    check_labels(path, mask)
    return mask.astype(np.int32)


def write_labels(
    path: str | PathLike, labels: ArrayLike, resolution: Resolution | None = None
) -> None:
    """Write labels as a TIFF that Fiji, napari and scikit-image open.

    The file appears complete or not at all: it is written beside its place and then moved there,
    so an interruption leaves an older file as it was.

    Parameters
    ----------
    path : str or PathLike
        Where to; ends in .tif or .tiff.
    labels : array_like of int, (H, W) or (N, H, W)
        At least -1. Written as uint16 where they fit, else as int32, with lossless zlib
        compression.
    resolution : tuple or None
        The pixels' size as `read_resolution` gives it; None writes none.

    Raises
    ------
    ValueError
        If the labels are not integers or the name does not end in .tif or .tiff.
    OSError
        If the folder is missing or the file can't be written.
    """
    path, labels = Path(path), to_numpy(labels)
    if labels.ndim not in (2, 3) or labels.size == 0:
        raise ValueError(f"{path}: labels have shape {labels.shape}; needed is (H, W) or (N, H, W)")
    check_labels(path, labels)
    fits = labels.min() >= 0 and labels.max() <= np.iinfo(np.uint16).max
    write_tiff(path, labels.astype(np.uint16 if fits else np.int32), resolution)


def write_tiff(
    path: str | PathLike, pixels: np.ndarray, resolution: Resolution | None = None
) -> None:
    """Write an array as a TIFF, whole or not at all.

    Parameters
    ----------
    path : str or PathLike
        Where to; ends in .tif or .tiff.
    pixels : ndarray, (H, W) or (N, H, W)
        Of any type that TIFF has.
    resolution : tuple or None
        As for `write_labels`.

    Raises
    ------
    ValueError
        If the name does not end in .tif or .tiff.
    FileNotFoundError
        If the folder is missing.
    OSError
        If the file can't be written.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder {path.parent} does not exist; make it first")
    frames = pixels.reshape(-1, *pixels.shape[-2:])
    with tiff_writer(path, resolution, len(frames)) as add:
        for frame in frames:
            add(frame)


@contextmanager
def tiff_writer(
    path: str | PathLike, resolution: Resolution | None = None, count: int = 1
) -> Iterator[Callable[[np.ndarray], None]]:
    """Write a TIFF frame by frame; it takes its place when all of it is there.

    Parameters
    ----------
    path : str or PathLike
        Where to; ends in .tif or .tiff.
    resolution : tuple or None
        As for `write_labels`.
    count : int
        How many frames will come. With more than 4 GB of pixels in all it becomes a BigTIFF.

    Yields
    ------
    callable
        Writes a frame: gray (H, W), or colors (H, W, 3). All of one shape and type make a stack.

    Raises
    ------
    ValueError
        If the name does not end in .tif or .tiff.
    """
    path, how = Path(path), {}
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise ValueError(f"{path}: this is written as TIFF; end the name in .tif")
    if resolution is not None:
        (x, y), unit = resolution
        how = {"resolution": (x, y), "resolutionunit": unit}
    how |= {"compression": "zlib", "software": SOFTWARE, "metadata": None}

    with replacing(path) as file, ExitStack() as opened:
        writer = None

        def add(frame: np.ndarray) -> None:
            nonlocal writer
            if writer is None:
                large = count * frame.nbytes > BIG
                writer = opened.enter_context(tifffile.TiffWriter(file, bigtiff=large))
            writer.write(frame, photometric="minisblack" if frame.ndim == 2 else "rgb", **how)

        yield add


def written_by(path: str | PathLike) -> str:
    """The program that a TIFF says it was written by.

    Parameters
    ----------
    path : str or PathLike
        Any file.

    Returns
    -------
    str
        "" if it says none, can't be read, or is no TIFF.
    """
    if not _is_tiff(path):
        return ""
    try:
        with tifffile.TiffFile(path) as file:
            return str(file.pages[0].software)
    except Exception:  # a broken file raises a dozen kinds
        return ""


def read_resolution(path: str | PathLike) -> Resolution | None:
    """How large a TIFF file says that its pixels are.

    Fiji and OME keep a unit in words beside the tags; lengths are then given in centimeters, which
    TIFF knows. What is said and makes no sense counts as not said.

    Parameters
    ----------
    path : str or PathLike
        Any file.

    Returns
    -------
    tuple or None
        ((x, y) pixels a unit, the unit's number in TIFF); None if it says nothing, or is no TIFF.
    """
    if not _is_tiff(path):
        return None
    try:
        found = _said_resolution(path)
    except Exception:  # words where numbers should be; the pixels may be sound all the same
        return None
    # A TIFF holds it as a fraction of two numbers of 32 bits.
    return found if found and all(2**-31 < size < 2**31 for size in found[0]) else None


def _said_resolution(path: str | PathLike) -> Resolution | None:
    """What the file says, as `read_resolution` gives it; any error where it is nonsense."""
    with tifffile.TiffFile(path) as file:
        tags, said = file.pages[0].tags, (file.imagej_metadata or {}).get("unit", "")
        ome = _ome_resolution(file.ome_metadata or "" if file.is_ome else "")
        if ome or "XResolution" not in tags or "YResolution" not in tags:
            return ome
        sizes = [tags[f"{axis}Resolution"].value for axis in "XY"]
        unit = int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 1
    if not all(number > 0 for size in sizes for number in size):  # 0 or 1/0 says nothing
        return None
    x, y = (number / divisor for number, divisor in sizes)
    each = A_CENTIMETER.get(str(said).replace("\\u00B5", "µ"))
    return ((each * x, each * y), 3) if each else ((x, y), unit)


def _ome_resolution(text: str) -> Resolution | None:
    """What an OME description says of a pixel's size, as `read_resolution` gives it, or None."""
    found = [re.search(rf'PhysicalSize{axis}="([^"]*)"', text) for axis in "XY"]
    units = [re.search(rf'PhysicalSize{axis}Unit="([^"]*)"', text) for axis in "XY"]
    each = [A_CENTIMETER.get(unit[1] if unit else "µm") for unit in units]
    if not all(found) or not all(each) or not all(float(size[1]) > 0 for size in found):
        return None
    x, y = (number / float(size[1]) for number, size in zip(each, found))
    return (x, y), 3


def read_axes(path: str | PathLike) -> dict[str, int]:
    """What the frames of a TIFF are: times, planes of a volume, channels.

    Parameters
    ----------
    path : str or PathLike
        Any file.

    Returns
    -------
    dict of str to int
        The axes longer than 1, in the file's order, and their lengths: "T" times, "Z" planes, "C"
        or "S" channels, "Y" rows, "X" columns; others it may not name. Empty if it is no TIFF.
    """
    if not _is_tiff(path):
        return {}
    with tifffile.TiffFile(path, **_own_pages_only(path)) as file:
        series = file.series[0]
        return {name: size for name, size in zip(series.axes, series.shape) if size > 1}


# ---- decoding


def decode(path: str | PathLike, as_shown: bool = False) -> tuple[np.ndarray, str]:
    """The pixels of a file as they are, and the meaning of their axes.

    Parameters
    ----------
    path : str or PathLike
        As for `read_image`.
    as_shown : bool
        Whether gray values are wanted as a viewer shows them: the colors that a palette stands for,
        and of inverted scales the right way. In a mask, numbers of a palette are the labels.

    Returns
    -------
    pixels : ndarray
        Of any type and shape.
    axes : str
        "YX", "CYX", …

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it can't be read.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        if _is_tiff(path):
            return _decode_tiff(path, as_shown)
        if path.suffix.lower() == ".npy":
            return _decode_numpy(path)
        return _decode_pillow(path, as_shown)
    except _Unreadable as error:
        raise ValueError(f"{path}: {error}") from error
    except Exception as error:  # the libraries raise a dozen kinds for a broken file
        raise ValueError(
            f"{path}: can't be read ({error}); it is truncated, or not an image. "
            "Copy or save the file again"
        ) from error


class _Unreadable(ValueError):
    """A sound file that this program does not read, with a reason that can stand alone."""


def _is_tiff(path: str | PathLike) -> bool:
    """Whether a file begins as a TIFF."""
    with open(path, "rb") as file:
        return file.read(4) in TIFF


def _decode_tiff(path: Path, as_shown: bool) -> tuple[np.ndarray, str]:
    """What tifffile reads, or else Pillow."""
    try:
        return _decode_tifffile(path, as_shown)
    except _Unreadable:
        raise
    except Exception as error:  # tifffile needs a further package for many compressions
        if "imagecodecs" not in str(error) and not isinstance(error, ImportError):
            raise
        return _without_codecs(path, as_shown, error)


def _without_codecs(path: Path, as_shown: bool, error: Exception) -> tuple[np.ndarray, str]:
    """What Pillow reads, since it brings codecs of its own; `error` is what tifffile said."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        compression, swapped = page.compression, file.byteorder == ">" and page.dtype in SWAPPED
    try:
        if swapped:
            raise UnidentifiedImageError
        pixels, axes = _decode_pillow(path, as_shown)
    except Exception as second:
        if compression in COMMON and not isinstance(second, UnidentifiedImageError | _Unreadable):
            raise error from None
        name = getattr(compression, "name", compression)
        raise _Unreadable(
            f"its compression ({name}, {page.bitspersample} bits) needs a package that is not "
            "installed: pip install imagecodecs; or save it without compression"
        ) from None
    pixels = _retyped(pixels, page.dtype)
    by_pillow = page.photometric == WHITE_IS_0 and pixels.itemsize == 1
    return _inverse(pixels) if by_pillow != _is_inverted(page, as_shown) else pixels, axes


def _retyped(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Pixels of the type that the file has: Pillow gives signed bytes as unsigned, and so on."""
    if pixels.itemsize != dtype.itemsize:
        return pixels.astype(dtype)
    return pixels.astype(pixels.dtype.newbyteorder("=")).view(dtype)


def _decode_tifffile(path: Path, as_shown: bool) -> tuple[np.ndarray, str]:
    """The first series of a TIFF, upright."""
    with tifffile.TiffFile(path, **_own_pages_only(path)) as file:
        page = file.pages[0]
        _refuse_loss(page.compression, as_shown)
        series = file.series[0]
        _refuse_missing(series, page, Path(path).stat().st_size)
        # A film larger than that is mapped: its frames come from the disk as they are used.
        pixels = series.asarray(out="memmap" if series.nbytes > LARGE else None)
        axes = series.axes
        if pixels.size == 0:
            raise ValueError("no image inside")
        _warn_of_others(path, sum(not more.keyframe.is_reduced for more in file.series[1:]))
        if as_shown and page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            pixels, axes = _look_up(pixels, page.colormap)
        if _is_inverted(page, as_shown):
            pixels = _inverse(pixels)
        turn = page.tags["Orientation"].value if "Orientation" in page.tags else 1
    return _upright(pixels, axes, int(turn)), axes


def _refuse_missing(series: tifffile.TiffPageSeries, page: tifffile.TiffPage, size: int) -> None:
    """Images that are named and not there would be read as black; and a damaged size as terabytes.

    An acquisition that was stopped leaves an OME file that names all the images it should have had.
    """
    lost = sum(part is None for part in series.pages)
    if lost:
        raise _Unreadable(
            f"{lost} of the {len(series.pages)} images that its description names are not in it; "
            "open it in Fiji and save those that are"
        )
    if page.compression == 1 and series.size * page.bitspersample > 8 * size:
        raise ValueError(f"{series.shape} pixels are more than its {size:,} bytes hold")


def _is_inverted(page: tifffile.TiffPage, as_shown: bool) -> bool:
    """Whether 0 is meant as white: in images, and in masks of single bits.

    Of bits that tifffile wrote, 1 is meant as 1, whatever it says of them.
    """
    own = page.dtype == bool and page.software.startswith("tifffile")
    return page.photometric == WHITE_IS_0 and not own and (as_shown or page.dtype == bool)


def _inverse(pixels: np.ndarray) -> np.ndarray:
    """Dark for bright."""
    if pixels.dtype.kind == "u":
        return np.iinfo(pixels.dtype).max - pixels
    return -pixels if pixels.dtype.kind == "f" else ~pixels


def _refuse_loss(compression: object, as_shown: bool) -> None:
    """Refuse a mask that was compressed with loss."""
    name = str(getattr(compression, "name", compression))
    if not as_shown and LOSSY.search(name):
        raise _Unreadable(
            f"{name} changes label values; save the mask as PNG, or as TIFF without it"
        )


def _warn_of_others(path: Path, count: int) -> None:
    """Say that images of the file are not read, if there are any."""
    if count:
        warnings.warn(
            f"{path}: the first image is read, and {count} of other sizes in the file are not",
            stacklevel=2,
        )


def _own_pages_only(path: Path) -> dict:
    """Of a file whose description names others of the same acquisition, its own pages count."""
    with tifffile.TiffFile(path) as file:
        text = file.ome_metadata or "" if file.is_ome else ""
    named = set(re.findall(r'FileName="([^"]*)"', text))
    return {"is_ome": False} if len(named) > 1 else {}


def _upright(pixels: np.ndarray, axes: str, orientation: int) -> np.ndarray:
    """Turned and mirrored as the camera's tag says."""
    turns, mirrored = TURNS.get(orientation, (0, False))
    y, x = axes.index("Y"), axes.index("X")
    return np.rot90(np.flip(pixels, x) if mirrored else pixels, turns, (y, x))


def _look_up(indices: np.ndarray, colormap: np.ndarray) -> tuple[np.ndarray, str]:
    """The gray values or colors that a palette's indices stand for, and their axes."""
    colors = np.moveaxis(np.asarray(colormap)[:, indices], 0, -1)
    if (colors == colors[..., :1]).all():
        return (colors[..., 0] // 257).astype(np.uint8), "YX"  # 16 bits, of which TIFF makes 8
    return (colors // 257).astype(np.uint8), "YXS"


def _decode_numpy(path: Path) -> tuple[np.ndarray, str]:
    """The array of a .npy file; its last axis is that of the colors if it looks like it."""
    try:
        pixels = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise _Unreadable(
            "this .npy file holds objects of Python, which could run anything when they are read. "
            "Save its label array alone: np.save(file, masks)"
        ) from error
    colored = pixels.ndim > 2 and pixels.shape[-1] in (2, 3, 4) and min(pixels.shape[-3:-1]) > 4
    axes = "YXS" if colored else "YX"
    return pixels, "Q" * (pixels.ndim - len(axes)) + axes


def _decode_pillow(path: Path, as_shown: bool) -> tuple[np.ndarray, str]:
    """The frames of a file that have the first one's size."""
    with _any_size(), Image.open(path) as file:
        _refuse_loss(file.format, as_shown)
        _refuse_halved(file)
        frames = [
            _pixels(frame, as_shown)
            for frame in ImageSequence.Iterator(file)
            if not getattr(frame, "tag_v2", {}).get(REDUCED, 0) & 1
        ]
    alike = [frame for frame in frames if frame.shape == frames[0].shape]
    _warn_of_others(path, len(frames) - len(alike))
    frames = alike
    axes = "YX" if frames[0].ndim == 2 else "YXS"
    return (frames[0], axes) if len(frames) == 1 else (np.stack(frames), "Q" + axes)


def _refuse_halved(file: Image.Image) -> None:
    """Of several channels with 16 bits each Pillow keeps 8."""
    how = [tile[3] if isinstance(tile[3], str) else tile[3][0] for tile in file.tile if tile[3]]
    if file.mode in ("LA", "RGB", "RGBA", "CMYK") and any(";16" in str(mode) for mode in how):
        raise _Unreadable(
            "it has several channels of 16 bits, of which 8 would be lost; save it as gray, or as "
            "TIFF without compression"
        )


@contextmanager
def _any_size() -> Iterator[None]:
    """Pillow takes very large images for attacks; here they are somebody's slides."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _pixels(frame: Image.Image, as_shown: bool) -> np.ndarray:
    """One frame as an array, upright; of a palette its colors if they are to be shown."""
    upright = ImageOps.exif_transpose(frame)
    return np.array(upright.convert("RGB") if as_shown and frame.mode == "P" else upright)


# ---- from axes to gray images


def _frames(pixels: np.ndarray, axes: str, channel: int | None = None) -> list[np.ndarray]:
    """The gray images (H, W) of pixels with these axes; ValueError for colors that differ."""
    if len(axes) != pixels.ndim:
        raise ValueError(f"shape {pixels.shape} with the axes {axes}; one gray image is (H, W)")
    keep = [i for i, size in enumerate(pixels.shape) if size > 1]
    if sum(axes[i] not in "CS" for i in keep) < 2:  # an image of one row or column
        keep = sorted({*keep, axes.index("Y"), axes.index("X")})
    pixels, axes = pixels.reshape([pixels.shape[i] for i in keep]), "".join(axes[i] for i in keep)
    colors = [i for i, name in enumerate(axes) if name in "CS"]
    if len(colors) > 1:
        raise ValueError(f"shape {pixels.shape} has channels of channels ({axes})")
    if colors:
        pixels = _one_channel(np.moveaxis(pixels, colors[0], -1), channel)
    elif channel not in (None, 0):
        raise ValueError(f"channel {channel} was asked for, and there is one channel, 0")
    return list(pixels.reshape(-1, *pixels.shape[-2:]))


def _one_channel(pixels: np.ndarray, channel: int | None) -> np.ndarray:
    """(..., H, W) of (..., H, W, C): the chosen channel, or what all show alike."""
    count = pixels.shape[-1]
    if channel is not None:
        if not 0 <= channel < count:
            raise ValueError(f"channel {channel} was asked for, and there are 0 to {count - 1}")
        return pixels[..., channel]
    top = (
        True
        if pixels.dtype == bool
        else np.iinfo(pixels.dtype).max
        if (pixels.dtype.kind in "iu")
        else 1.0
    )
    opaque = count in (2, 4) and (pixels[..., -1] == top).all()
    shown = pixels[..., :-1] if opaque else pixels
    if (shown == shown[..., :1]).all():
        return shown[..., 0]
    raise ValueError(
        f"shape {pixels.shape} has {count} channels, but one gray channel is needed. Choose the "
        "one that shows your cells: image[..., 0], --channel 0, or in Fiji Image > Type > 8-bit"
    )
