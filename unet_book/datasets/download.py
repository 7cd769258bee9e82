"""Where the public sets come from, and how a download is checked.

``fetch`` looks in the folder that the environment variable ``UNET_BOOK_DATA`` names, then in the
user's cache, then at the official address. A download is checked and unpacked aside, and moved into
the cache only when complete.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from unet_book import _package
from unet_book._archive import unpack
from unet_book.datasets.files import decode

# pooch and requests are imported where something is downloaded: few commands do that, and none
# should wait for them.

__all__ = ["Origin", "isbi_array", "data_folder", "fetch", "find"]

LARGEST = 2**30  # bytes, of an archive and of what it unpacks to; the sets have a twentieth


@dataclass(frozen=True)
class Origin:
    """Where a data set comes from, and how its download is checked.

    Parameters
    ----------
    folder : str
        What the set's folder is called.
    url : str
        The official archive.
    sha256 : str or None
        Of the archive; None where no checksum of it is published.
    source : str
        Whom to cite.
    """

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


# No checksum of the archive was ever published, but the pixels are known: sha256 of the decoded
# uint8 arrays in C order, the same in copies that do not come from one another.
ISBI_PIXELS = {
    "train-volume": "200da3d452d726e6c9ca1ce04b869d4edb727320d23b516d01cce707dc8c4760",
    "train-labels": "a7cb64000a1a7e542682927e19c91339f58f9f178e0bcce4e207371116f0ca36",
    "test-volume": "1b58fa7ec1d0ff9d39a855622db3ff66a97863036339b0d04be51b2f5a99b0e9",
}


def isbi_array(folder: str | PathLike, stem: str) -> np.ndarray:
    """Read one of the three volumes of ISBI 2012, and make sure that it is the one.

    Parameters
    ----------
    folder : str or PathLike
        Where the files lie.
    stem : {"train-volume", "train-labels", "test-volume"}
        Which of them.

    Returns
    -------
    ndarray of uint8, (30, 512, 512)

    Raises
    ------
    ValueError
        If the pixels are not the challenge's, or the file can't be read.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(folder) / f"{stem}.tif"
    pixels = np.ascontiguousarray(decode(path)[0])
    found = hashlib.sha256(pixels.tobytes()).hexdigest()
    if found != ISBI_PIXELS[stem]:
        raise ValueError(
            f"{path}: the pixels ({pixels.shape} {pixels.dtype}) are not the challenge's: expected "
            f"sha256 {ISBI_PIXELS[stem]}, found {found}. {_by_hand(ORIGINS['isbi2012'])}"
        )
    return pixels


def data_folder() -> Path:
    """The folder of the data that comes with the book: inside an installed package, or a checkout.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If the package was installed without its data.
    """
    return _package.shipped("data/nuclei").parent


def fetch(name: str) -> Path:
    """Find a data set's folder, and download it if it is nowhere.

    Parameters
    ----------
    name : {"isbi2012", "phc-u373", "dic-hela", "nuclei"}
        Which set; the last comes with the book.

    Returns
    -------
    Path
        The folder, laid out as the official archive unpacks.

    Raises
    ------
    ValueError
        For another name, or a download that is not what it should be.
    OSError
        If there is no network or no space; the message says where to put the files.
    """
    key = str(name).lower()
    if key == "nuclei":
        return data_folder() / "nuclei"
    if key not in ORIGINS:
        known = ", ".join(map(repr, ["nuclei", *ORIGINS]))
        raise ValueError(f"{str(name)!r} can't be fetched; these can: {known}")
    return find(ORIGINS[key]) or _download(ORIGINS[key], _cache())


def find(origin: Origin) -> Path | None:
    """The folder of a data set that was downloaded before or put in place by hand.

    Parameters
    ----------
    origin : Origin
        Of the set.

    Returns
    -------
    Path or None
        None where it is not.

    Raises
    ------
    FileNotFoundError
        If UNET_BOOK_DATA names no folder.
    """
    for place in (_own_place(), _cache()):
        if place is not None and (place / origin.folder).is_dir():
            return place / origin.folder
    return None


def _cache() -> Path:
    """The user's cache."""
    import pooch

    return Path(pooch.os_cache("unet-book"))


def _own_place() -> Path | None:
    """The folder that UNET_BOOK_DATA names, if it names one."""
    place = os.environ.get("UNET_BOOK_DATA")
    if place and not Path(place).is_dir():
        raise FileNotFoundError(
            f"UNET_BOOK_DATA={place} is not a folder; correct the variable or unset it"
        )
    return Path(place) if place else None


def _by_hand(origin: Origin) -> str:
    """How to do without the download, in words."""
    return (
        f"Or get {origin.url} in another way, and unpack it to the folder {origin.folder} "
        "in the folder that the environment variable UNET_BOOK_DATA names"
    )


def _download(origin: Origin, cache: Path) -> Path:
    """Download, check, unpack; nothing is left in the cache unless all of it worked."""
    import requests

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


def _retrieve(origin: Origin, folder: Path) -> Path:
    """Download the archive, and compare its checksum."""
    import pooch
    import requests

    known = f"sha256:{origin.sha256}" if origin.sha256 else None
    name = origin.url.rsplit("/", 1)[1]
    try:
        return Path(pooch.retrieve(origin.url, known, name, folder, downloader=_bounded))
    except requests.RequestException:
        raise
    except ValueError as error:
        # pooch names the file, the checksum expected and the one found.
        raise ValueError(f"{origin.url}: wrong checksum. {error} {_by_hand(origin)}") from error


def _bounded(url: str, file: str, _: object) -> None:
    """Download to `file`, and stop where no set could be that large."""
    import requests

    with requests.get(url, stream=True, timeout=60) as answer, open(file, "wb") as out:
        answer.raise_for_status()
        for piece in answer.iter_content(2**16):
            out.write(piece)
            if out.tell() > LARGEST:
                raise ValueError(f"{url}: larger than {LARGEST:,} bytes; that is not the data set")


def _unzip(archive: Path, folder: Path, origin: Origin) -> None:
    """Unpack the archive; an error says where it came from, and what else can be done."""
    try:
        unpack(archive, folder, LARGEST)
    except ValueError as error:
        raise ValueError(f"{origin.url}: {error}. Try again. {_by_hand(origin)}") from error


def _find_content(partial: Path, origin: Origin) -> Path:
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
        isbi_array(chosen, stem)
    return chosen


def _move_into_place(folder: Path, target: Path) -> None:
    """Give the folder its name, unless another process was quicker."""
    try:
        os.replace(folder, target)
    except OSError:
        if not target.is_dir():  # else another process was quicker, and its copy is as good
            raise
