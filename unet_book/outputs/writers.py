"""Files of results, each written frame by frame: it takes its place when all of it is there.

However many frames a film has, one at a time is in memory. Every file says in its own way that this
program made it, so that it may be made again, and that nobody else's is replaced.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from unet_book._files import replacing
from unet_book.datasets.files import SOFTWARE, tiff_writer
from unet_book.outputs.frames import Frame, Origin
from unet_book.outputs.outlines import outlines
from unet_book.outputs.overlay import overlay

__all__ = ["label_tiff", "probability_tiff", "overlay_picture", "fiji_rois", "qupath_geojson"]

# A member that readers of GeoJSON pass over, at a place where it is found without reading all.
GEOJSON = f'{{"type": "FeatureCollection", "software": "{SOFTWARE}", "features": [\n'.encode()
MOST = np.iinfo(np.uint16).max
MOVE, LINE, CLOSE = 0, 1, 4  # steps of a path, in Fiji's file of a region


@contextmanager
def label_tiff(path: str | PathLike, origin: Origin) -> Iterator[Callable[[Frame], None]]:
    """The cells as labels: a TIFF of 16 bits, or of 32 if the first frame has over 65,535 cells.

    Parameters
    ----------
    path : str or PathLike
        Where to; ends in .tif.
    origin : Origin
        The images' file, whose pixel size is kept.

    Yields
    ------
    callable
        Takes the frames in turn.

    Raises
    ------
    ValueError
        If a later frame needs 32 bits, and the first did not.
    """
    dtype = None
    with tiff_writer(path, origin.resolution, origin.count) as write:

        def add(frame: Frame) -> None:
            nonlocal dtype
            most = int(frame.labels.max(initial=0))
            dtype = dtype or (np.uint16 if most <= MOST else np.int32)
            if most > np.iinfo(dtype).max:
                raise ValueError(
                    f"{path}: frame {frame.number} has {most:,} cells, and a file that began with "
                    "16 bits holds 65,535; give each frame as a file of its own"
                )
            write(frame.labels.astype(dtype))

        yield add


@contextmanager
def probability_tiff(path: str | PathLike, origin: Origin) -> Iterator[Callable[[Frame], None]]:
    """The network's answers: a TIFF of float32.

    Parameters
    ----------
    path : str or PathLike
        Where to; ends in .tif.
    origin : Origin
        The images' file, whose pixel size is kept.

    Yields
    ------
    callable
        Takes the frames in turn.
    """
    with tiff_writer(path, origin.resolution, origin.count) as write:
        yield lambda frame: write(frame.probability.astype(np.float32))


@contextmanager
def overlay_picture(
    path: str | PathLike, origin: Origin, numbers: bool = False
) -> Iterator[Callable[[Frame], None]]:
    """The images with the outlines of cells: a PNG, or of several frames a TIFF in colors.

    Parameters
    ----------
    path : str or PathLike
        Where to; ends in .png or, for several frames, in .tif.
    origin : Origin
        The images' file.
    numbers : bool
        Whether each cell's label is written on it.

    Yields
    ------
    callable
        Takes the frames in turn.
    """
    if Path(path).suffix == ".tif":
        with tiff_writer(path, count=origin.count) as write:
            yield lambda frame: write(overlay(frame.image, frame.labels, numbers))
        return
    said = PngImagePlugin.PngInfo()
    said.add_text("Software", SOFTWARE)
    with replacing(path) as file:

        def add(frame: Frame) -> None:
            picture = Image.fromarray(overlay(frame.image, frame.labels, numbers))
            picture.save(file, "png", pnginfo=said)

        yield add


@contextmanager
def fiji_rois(path: str | PathLike, origin: Origin) -> Iterator[Callable[[Frame], None]]:
    """The cells as regions for Fiji's ROI Manager: a ZIP file with a region a cell.

    A region is called as its cell, 0012, and in a stack as its frame and cell, 0003-0012, and lies
    on the slice of its frame. A cell in one piece without holes is a traced polygon, as Fiji's wand
    draws it; any other a composite.

    Parameters
    ----------
    path : str or PathLike
        Where to.
    origin : Origin
        The images' file.

    Yields
    ------
    callable
        Takes the frames in turn.

    Raises
    ------
    ImportError
        Without the package roifile.
    """
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        archive.comment = SOFTWARE.encode()

        def add(frame: Frame) -> None:
            several = origin.count > 1
            for cell, polygons in outlines(frame.labels).items():
                name = f"{frame.number:04}-{cell:04}" if several else f"{cell:04}"
                region = _region(polygons)
                region.name = name
                region.position = origin.position(frame.number) if several else 0
                entry = zipfile.ZipInfo(f"{name}.roi")  # of no date: the same cells, the same bytes
                archive.writestr(entry, region.tobytes(), zipfile.ZIP_DEFLATED)

        yield add


def _region(polygons: list[list[np.ndarray]]) -> "roifile.ImagejRoi":  # noqa: F821, imported when needed
    """A region of Fiji's with these polygons."""
    try:
        from roifile import ROI_TYPE, ImagejRoi
    except ImportError as error:
        raise ImportError(
            "regions for Fiji need the package roifile: pip install roifile, or unet_book[rois]"
        ) from error
    rings = [ring for polygon in polygons for ring in polygon]
    if len(rings) == 1:
        region = ImagejRoi.frompoints(rings[0])
        region.roitype = ROI_TYPE.TRACED
        return region
    left, top = np.min([ring.min(axis=0) for ring in rings], axis=0).tolist()
    right, bottom = np.max([ring.max(axis=0) for ring in rings], axis=0).tolist()
    path = np.concatenate([_path(ring) for ring in rings]).astype(np.float32)
    bounds = {"left": left, "top": top, "right": right, "bottom": bottom}
    how = {"shape_roi_size": path.size, "multi_coordinates": path}
    return ImagejRoi(roitype=ROI_TYPE.RECT, **bounds, **how)


def _path(ring: np.ndarray) -> np.ndarray:
    """A ring as the numbers of a path: move, lines, close."""
    steps = np.insert(ring, 0, LINE, axis=1)
    steps[0, 0] = MOVE
    return np.append(steps.ravel(), CLOSE)


@contextmanager
def qupath_geojson(path: str | PathLike, origin: Origin) -> Iterator[Callable[[Frame], None]]:
    """The cells as detections for QuPath: a GeoJSON file, in pixels.

    Parameters
    ----------
    path : str or PathLike
        Where to.
    origin : Origin
        The images' file.

    Yields
    ------
    callable
        Takes the frames in turn.
    """
    with replacing(path) as file:
        file.write(GEOJSON)
        before = b""

        def add(frame: Frame) -> None:
            nonlocal before
            plane, time = origin.plane(frame.number)
            for cell, polygons in outlines(frame.labels).items():
                geometry = _geometry(polygons) | {"plane": {"c": -1, "z": plane, "t": time}}
                file.write(before + json.dumps(_feature(cell, geometry)).encode())
                before = b",\n"

        yield add
        file.write(b"\n]}\n")


def _geometry(polygons: list[list[np.ndarray]]) -> dict:
    """The polygons as GeoJSON has them: the first corner of each ring repeated at its end."""
    closed = [[[*ring.tolist(), ring[0].tolist()] for ring in polygon] for polygon in polygons]
    if len(closed) == 1:
        return {"type": "Polygon", "coordinates": closed[0]}
    return {"type": "MultiPolygon", "coordinates": closed}


def _feature(cell: int, geometry: dict) -> dict:
    """A cell as QuPath has it."""
    properties = {"objectType": "detection", "name": str(cell)}
    return {"type": "Feature", "geometry": geometry, "properties": properties}
