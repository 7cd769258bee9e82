"""A bioimage.io package: the network, how to use it, and a proof that it is used right.

It is a ZIP file with the network as ONNX, a description that ilastik, deepImageJ and others of
bioimage.io read, and an example with its answer. The answer is PyTorch's, and bioimage.io's own
library must find the same before the file gets its name.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from unet_book._arrays import ArrayLike, to_numpy
from unet_book._files import write_atomically
from unet_book.export.graph import OPSET, margin, to_onnx
from unet_book.gray import DEEP
from unet_book.overlap_tile import mirror_index, predict

if TYPE_CHECKING:
    from unet_book.finder import CellFinder

__all__ = ["to_bioimageio", "settings"]

FORMAT = "0.5.4"  # of the description; the library brings it to its own
SIDE = 256  # of the example, px: enough to see something, and little to carry
NOTHING = 1e-12  # what bioimage.io adds to the range of gray values, so that it is not 0
LONG = 200  # letters of what the library says; of a wrong license it lists all that there are
TOLERANCE = {"absolute_tolerance": 1e-4, "relative_tolerance": 1e-4}
PAPER = {
    "text": "Ronneberger, O., Fischer, P., Brox, T.: U-Net: Convolutional Networks for Biomedical "
    "Image Segmentation. MICCAI 2015, LNCS 9351, 234-241",
    "doi": "10.1007/978-3-319-24574-4_28",
}
TAGS = ["unet", "2d", "segmentation", "semantic-segmentation", "cells", "onnx", "pytorch"]
DESCRIPTION = "A 2015 U-Net that gives the probability of a cell at each pixel of a gray image."
README = """\
# {name}

{description} It was trained with unet_book, the package of the book *U-Net, Taken Apart*.

## Gray values

Percentiles {low:g} and {high:g} of the whole image become 0 and 1, and what lies outside is
clipped. `unet-book predict` does two things more, which a package can't ask for:

- It leaves the pixels at the image's very lowest and very highest value out of the percentiles. Of
  60 images of the 2018 Data Science Bowl this changes 23, those where many pixels are black or
  saturated, by up to 0.2; a network found other numbers of cells in 6 of them.
- It never spreads a range of less than {deep:g} times the noise. So **an image without a cell**
  stays dark there; here its noise is spread over the whole range, and may look like cells.

A program that pads an image before it takes the percentiles changes them, too, as bioimageio.core
does with an image in one piece.

{size}## Tiles

The image may have any size. Beyond the edge of what it is given, the network sees it mirrored. The
sides of tiles are {least} + n * {block} px, and {halo} px on each side of what comes out are cut
off: the larger the tiles, the less is computed twice. Tiles that start at multiples of {block} px
together give the same numbers as the whole image at once.

## From probabilities to cells

Cells are {rule}. The file `model.safetensors` in this package holds the same network for unet_book,
which finds them:

```python
from unet_book.datasets import read_gray
from unet_book.finder import CellFinder

finder = CellFinder.load("model.safetensors")
labels = [finder.find(image) for image in read_gray("image.tif")]
```

## Validation

On images with masks that the network was not trained on, `unet-book evaluate model.safetensors
--data FOLDER --split all` counts the cells that are found, missed, merged and invented.
"""

SIZE = """\
## Size of cells

The images of its training were brought to one size of cells: that in the middle of an image has a
diameter of {diameter:.0f} px. **Enlarge or reduce an image of other cells before it is given in**,
and what comes out back again. `unet-book predict` does it by itself.

"""


def to_bioimageio(
    finder: CellFinder,
    path: str | Path,
    example: ArrayLike,
    name: str = "Cells found by a U-Net",
    authors: Sequence[str] = (),
    license: str | None = None,
) -> Path:
    """Write a trained network as a bioimage.io package, after its own library has tested it.

    Parameters
    ----------
    finder : CellFinder
        The network, with the percentiles of its gray values.
    path : str or Path
        The file, a ZIP.
    example : array_like, (H, W)
        An image such as the network was made for, as it is in its file. The middle of it becomes
        the package's test and its cover.
    name : str
        Of the package: 5 to 128 letters, digits, spaces and any of ``_+-()``.
    authors : sequence of str
        Who made the network. A package to be published needs one.
    license : str, optional
        The SPDX name of the terms, such as "CC-BY-4.0". A package to be published needs one.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        For a network of another kind, an example of other axes, or where the library refuses the
        description, or finds other numbers.
    ImportError
        If bioimageio.core or onnxruntime is not there.
    OSError
        If the file can't be written.
    """
    image = to_numpy(example)
    _check(finder, image)
    spec, core = _library()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own parts
        _write_parts(finder, Path(folder), image, name)
        description = _description(finder, name, authors, license)
        archive = _built(spec, Path(folder), description)
        summary = core.test_model(archive)
        if summary.status != "passed":
            wrong = [error.msg for detail in summary.details for error in detail.errors]
            raise ValueError(f"bioimageio.core finds a fault: {'; '.join(wrong)[:LONG]}")
        write_atomically(path, archive.read_bytes())
    return Path(path)


def settings(finder: CellFinder) -> dict:
    """What a program must know beside the network to find the same cells.

    Parameters
    ----------
    finder : CellFinder
        What finds the cells.

    Returns
    -------
    dict
        Its "percentiles", the "least" range in times of the noise (`gray.stretch`), the "diameter"
        that cells are to have, and its "rule".
    """
    percentiles = None if finder.percentiles is None else [*finder.percentiles]
    gray = {"percentiles": percentiles, "least": DEEP}
    return gray | {"diameter": finder.diameter, "rule": asdict(finder.rule)}


def _check(finder: CellFinder, example: np.ndarray) -> None:
    """Refuse what can't be described."""
    if finder.percentiles is None:
        raise ValueError(
            "the network doesn't say which gray values were 0 and 1 in its training, and a package "
            "must: train one anew"
        )
    if finder.model.in_channels != 1:
        raise ValueError(f"a package is of gray images, not of {finder.model.in_channels} channels")
    if example.ndim != 2 or 0 in example.shape:
        raise ValueError(f"an example is one gray image (H, W), not {example.shape}")


def _library() -> tuple[ModuleType, ModuleType]:
    """bioimageio.spec and bioimageio.core, which take seconds to import."""
    try:
        import bioimageio.core
        import bioimageio.spec
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "a bioimage.io package needs more packages: pip install onnxruntime bioimageio.core "
            '"pydantic<2.14", or unet_book[export]'
        ) from error
    return bioimageio.spec, bioimageio.core


def _built(spec: ModuleType, folder: Path, description: dict[str, Any]) -> Path:
    """The package of a folder's files; ValueError if the library refuses their description."""
    archive = folder / "package.zip"
    with spec.ValidationContext(root=folder) as context:
        model = spec.build_description(description, context=context)
        if isinstance(model, spec.InvalidDescr):
            raise ValueError(f"bioimageio.spec refuses the package: {model.get_reason()[:LONG]}")
        spec.save_bioimageio_package(model, output_path=archive)
    return archive


def _write_parts(finder: CellFinder, folder: Path, example: np.ndarray, name: str) -> None:
    """The files that the description names."""
    image = _middle(example, _sizes(finder)).astype(np.float32)
    scaled = _scaled(image, *finder.percentiles)
    probability = predict(finder.model, scaled)
    to_onnx(finder.model, folder / "model.onnx", settings(finder))
    finder.save(folder / "model.safetensors")
    np.save(folder / "input.npy", image[None, None])
    np.save(folder / "output.npy", probability[None])
    _cover(scaled, probability[1]).save(folder / "cover.png")
    low, high = finder.percentiles
    least, block, halo = _sizes(finder)
    told = {"low": low, "high": high, "deep": DEEP, "least": least, "block": block, "halo": halo}
    told["size"] = SIZE.format(diameter=finder.diameter) if finder.diameter else ""
    text = README.format(name=name, description=DESCRIPTION, rule=finder.rule.in_words(), **told)
    (folder / "README.md").write_text(text, encoding="utf-8")


def _sizes(finder: CellFinder) -> tuple[int, int, int]:
    """The smallest tile, by what larger ones grow, and what is cut off each side; px."""
    block, halo = 2**finder.model.depth, margin(finder.model)
    return 2 * halo + block, block, halo


def _middle(image: np.ndarray, sizes: tuple[int, int, int]) -> np.ndarray:
    """The middle of an image, of a size that fits; one that is too small goes on as its mirror."""
    least, block, _ = sizes
    rows, columns = (
        mirror_index(np.arange(side) + (size - side) // 2, size)
        for size in image.shape
        for side in [max(least, min(size, SIDE) // block * block)]
    )
    return image[rows][:, columns]


def _scaled(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """Gray values in [0, 1] as bioimage.io's `scale_range` and `clip` make them."""
    bottom, top = np.percentile(image, [low, high])
    return np.clip((image - bottom) / (top - bottom + NOTHING), 0, 1).astype(np.float32)


def _cover(image: np.ndarray, probability: np.ndarray) -> Image.Image:
    """The example and the probability of a cell, side by side."""
    return Image.fromarray(np.uint8(255 * np.hstack([image, probability])))


def _description(
    finder: CellFinder, name: str, authors: Sequence[str], license: str | None
) -> dict[str, Any]:
    """What becomes rdf.yaml, as version 0.5 of bioimage.io's model description has it."""
    return {
        "type": "model",
        "format_version": FORMAT,
        "name": name,
        "description": DESCRIPTION,
        "authors": [{"name": author} for author in authors],
        "license": license,
        "cite": [PAPER],
        "tags": TAGS,
        "documentation": "README.md",
        "covers": ["cover.png"],
        "attachments": [{"source": "model.safetensors"}],
        "inputs": [_image(finder)],
        "outputs": [_probability(finder)],
        "weights": {"onnx": {"source": "model.onnx", "opset_version": OPSET}},
        "config": {
            "bioimageio": {"reproducibility_tolerance": [TOLERANCE]},
            "unet_book": settings(finder),
        },
    }


def _image(finder: CellFinder) -> dict[str, Any]:
    """The input, and how its gray values come to [0, 1]."""
    least, block, _ = _sizes(finder)
    size = {"min": least, "step": block}
    low, high = finder.percentiles
    spread = {"min_percentile": low, "max_percentile": high, "eps": NOTHING, "axes": ["y", "x"]}
    return {
        "id": "image",
        "description": "a gray image, with the values of its file",
        "test_tensor": {"source": "input.npy"},
        "pad": {"mode": "reflect"},  # the paper's mirror; bioimage.io's own repeats the edge
        "data": {"type": "float32"},
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": ["gray"]},
            *({"type": "space", "id": i, "size": size, "concatenable": True} for i in "yx"),
        ],
        "preprocessing": [
            {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
            {"id": "scale_range", "kwargs": spread},
            {"id": "clip", "kwargs": {"min": 0.0, "max": 1.0}},
        ],
    }


def _probability(finder: CellFinder) -> dict[str, Any]:
    """The output, which is as large as the input."""
    _, _, halo = _sizes(finder)
    size = {"tensor_id": "image"}
    return {
        "id": "probability",
        "description": "the probability of background and of cell at each pixel",
        "test_tensor": {"source": "output.npy"},
        "data": {"type": "float32", "range": [0.0, 1.0]},
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": ["background", "cell"]},
            *(
                {"type": "space", "id": i, "halo": halo, "size": size | {"axis_id": i}}
                for i in "yx"
            ),
        ],
    }
