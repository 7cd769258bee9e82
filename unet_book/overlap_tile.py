"""Prediction of any image, tile by tile, without a seam (Section 1, Fig. 2).

A valid convolution computes nothing that it has not seen, so the output of one tile is the very
output that one pass over the whole image would give there: provided that the poolings of both
pair the same pixels. A U-Net of depth 4 pools in blocks of 16, so tiles may start at multiples of
16 and nowhere else: steps of 384 pixels for a 572 tile, not of its whole output of 388. What lies
outside the image is the image itself, mirrored.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from unet_book._arrays import Array, like, to_numpy, to_torch
from unet_book.elastic import pixel_grid, resample
from unet_book.sizes import border, input_window, nearest_valid_sizes, output_size
from unet_book.unet import UNet

__all__ = ["mirror_index", "tile_step", "even_tiles", "predict", "predict_averaged"]

BLOCK = 512  # side of the squares of the image that are looked through at once
USUAL = 16  # gray values farther from 0 were never scaled to [0, 1]


def mirror_index(index: np.ndarray | int, size: int) -> np.ndarray | np.integer:
    """The pixel of a line that an index falls on when it is mirrored (Section 1).

    The edge pixel is the mirror's axis and is not repeated: -1 falls on 1.

    Parameters
    ----------
    index : ndarray or int
        Any integers.
    size : int
        Pixels of the line.

    Returns
    -------
    ndarray or np.integer, as `index`
        In 0 ... size - 1.

    Examples
    --------
    >>> mirror_index(np.arange(-3, 6), 4)
    array([3, 2, 1, 0, 1, 2, 3, 2, 1])
    """
    if size == 1:
        return np.zeros_like(index)
    folded = np.mod(index, 2 * (size - 1))
    return np.minimum(folded, 2 * (size - 1) - folded)


def tile_step(tile: int, depth: int = 4, variant: str = "paper") -> tuple[int, int]:
    """How far apart tiles may start, and the border cut from each (Section 2, Fig. 2).

    The step is the largest multiple of 2^depth within the tile's trusted output. A zero-padded
    network ("same") gives as many pixels as it gets, but those whose window reaches into the zeros
    are not to be trusted: they are cut, rounded up to a multiple of 2^depth.

    Parameters
    ----------
    tile : int
        Side of the tiles in pixels.
    depth : int
        Number of poolings.
    variant : str
        The network's, as `unet.UNet` has it.

    Returns
    -------
    tuple of int
        Step and border in pixels.

    Raises
    ------
    ValueError
        For a tile that does not fit the network or leaves no step; it names the nearest sizes that
        work.

    Examples
    --------
    >>> tile_step(572)
    (384, 92)
    """
    block, cut = 2**depth, border(depth, variant)
    if variant == "same":
        reach = -input_window(0, block - 1, depth, variant)[0]
        cut = -(-reach // block) * block
    _, smallest = nearest_valid_sizes(block + 2 * cut, depth, variant)
    if tile < smallest:
        raise ValueError(
            f"a tile of {tile} px leaves no step of {block} px: use {smallest} px or more"
        )
    output_size(tile, depth, variant)  # refuses a tile that does not fit
    return (tile - 2 * cut) // block * block, cut


def even_tiles(size: int, tile: int, depth: int = 4, variant: str = "paper") -> tuple[int, int]:
    """The fewest tiles, all alike, that answer a line of pixels.

    Two steps of 384 would answer 512 pixels and 256 more that nobody wants; two of 256, with
    smaller tiles, answer 512.

    Parameters
    ----------
    size : int
        Pixels of the line.
    tile : int
        The largest side that a tile may have; it need not fit the network itself.
    depth : int
        Number of poolings.
    variant : str
        The network's, as `unet.UNet` has it.

    Returns
    -------
    tuple of int
        Side and step in pixels.

    Raises
    ------
    ValueError
        For a tile too small for any step; it names the smallest that is not.

    Examples
    --------
    >>> even_tiles(512, 572)
    (444, 256)
    """
    fitting, _ = nearest_valid_sizes(tile, depth, variant)
    longest, cut = tile_step(fitting or tile, depth, variant)
    count, block = -(-size // longest), 2**depth
    step = -(-size // (count * block)) * block
    return nearest_valid_sizes(step + 2 * cut, depth, variant)[1], step


@torch.no_grad()
def predict(
    model: UNet, image: Array, tile: int = 572, out: Array | None = None, progress: bool = False
) -> Array:
    """Class probabilities of an image of any size (Section 1, Fig. 2).

    They equal one pass over the whole mirrored image up to the rounding of the convolution kernels.
    Gray values so far from [0, 1] that they were never scaled to it get a warning.

    Parameters
    ----------
    model : UNet
        The network. A copy of it runs, in evaluation mode, on the network's device.
    image : ndarray or Tensor, (H, W) or (C, H, W), float
        For a network of C channels. A file that numpy maps into memory (`np.memmap`) is read twice:
        block by block for values that are not finite, then tile by tile.
    tile : int
        The largest side that a tile may have, in pixels; `even_tiles` says what is used. The memory
        of the maps grows with its square, not with the image; beside them stand a second copy of
        the weights and, without `out`, the result.
    out : ndarray or Tensor, (num_classes, H, W), float, optional
        Takes the result, such as a writable `np.memmap` for a result larger than memory.
    progress : bool
        Whether to show a bar that counts the tiles.

    Returns
    -------
    ndarray or Tensor, (num_classes, H, W)
        `out` if it was given; else a new one of the image's library and device, in the network's
        precision (float32 for numpy, if that is bfloat16).

    Raises
    ------
    ValueError
        For an image of other axes or channels, with no pixel, or with a value that is not finite;
        for a tile too small for any step; for an `out` of another shape, read-only, or that shares
        its memory with the image; for a network of one class, whose softmax is 1 everywhere.
    TypeError
        For an image or an `out` that is not of float type. All of that before the first tile.
    """
    pixels = _check(image, model)
    height, width = pixels.shape[-2:]
    (tall, down), (wide, right) = (
        even_tiles(size, tile, model.depth, model.variant) for size in (height, width)
    )
    _, cut = tile_step(tall, model.depth, model.variant)
    result = _result(out, image, model, (height, width))
    network, weight = _ready(model), next(model.parameters())
    corners = [(y, x) for y in range(0, height, down) for x in range(0, width, right)]
    for top, left in tqdm(corners, unit="tile", disable=not progress):
        seen = _window(pixels, top - cut, left - cut, tall, wide)
        logits = _trusted(network(seen[None].to(weight)), cut, model.variant)
        part = result[:, top : top + down, left : left + right]
        kept = logits.softmax(dim=1)[0, :, : part.shape[1], : part.shape[2]]
        part[...] = like(_plain(kept), part)
    return result


def _window(pixels: Array, top: int, left: int, tall: int, wide: int) -> Tensor:
    """The pixels (C, tall, wide) from (top, left) on, mirrored where that lies outside."""
    rows = mirror_index(np.arange(top, top + tall), pixels.shape[1])
    columns = mirror_index(np.arange(left, left + wide), pixels.shape[2])
    (y, x), (bottom, right) = (rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1)
    near = to_torch(pixels[:, y:bottom, x:right])  # a slice: of a file, only this much is read
    return near[:, rows - y][:, :, columns - x]


def _ready(model: UNet) -> UNet:
    """A copy of the network for prediction: the caller's keeps its modes, layout and hooks.

    On a CPU channels come last in memory, which is how its convolutions compute: 1.2 times as fast
    for the paper's network, and nothing to be copied back and forth.
    """
    network = copy.deepcopy(model).eval()
    on_cpu = next(network.parameters()).device.type == "cpu"
    return network.to(memory_format=torch.channels_last) if on_cpu else network


def _trusted(logits: Tensor, cut: int, variant: str) -> Tensor:
    """A zero-padded network's logits without their border; a valid one has none."""
    return logits[..., cut:-cut, cut:-cut] if variant == "same" else logits


def _plain(tensor: Tensor) -> Tensor:
    """The tensor, or its float32 where it is bfloat16, which numpy does not have."""
    return tensor.float() if tensor.dtype == torch.bfloat16 else tensor


def _result(out: Array | None, image: Array, model: UNet, size: Sequence[int]) -> Array:
    """`out`, if it fits, or an empty result in the image's library and the network's precision."""
    shape, dtype = (model.num_classes, *size), next(model.parameters()).dtype
    if out is None and isinstance(image, Tensor):
        return torch.empty(shape, dtype=dtype, device=image.device)
    if out is None:
        return like(_plain(torch.empty(shape, dtype=dtype)), image)
    if tuple(out.shape) != shape:
        raise ValueError(f"out must be {shape} for this image and network, not {tuple(out.shape)}")
    if not to_torch(out[:1, :1, :1]).is_floating_point():
        raise TypeError(f"out must be of float type to hold probabilities, not {out.dtype}")
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise ValueError("out is read-only: open its file with mode 'r+' or 'w+'")
    if _share_memory(out, image):
        raise ValueError("out shares its memory with the image, which is still to be read")
    return out


def _share_memory(*arrays: Array) -> bool:
    """Whether two arrays, numpy or torch on the CPU, have a byte in common."""
    try:
        return np.shares_memory(
            *(
                array.detach().numpy() if isinstance(array, Tensor) else np.asarray(array)
                for array in arrays
            )
        )
    except TypeError:  # numpy has no bfloat16 and no GPU
        return all(isinstance(array, Tensor) for array in arrays) and (
            arrays[0].untyped_storage().data_ptr() == arrays[1].untyped_storage().data_ptr()
        )


def _check(image: Array, model: UNet) -> Array:
    """The image as (C, H, W), not yet read as a whole if it is a file."""
    pixels = image if isinstance(image, Tensor) else to_numpy(image)
    channels, given = model.in_channels, tuple(pixels.shape)
    if model.num_classes < 2:
        raise ValueError("a network of 1 class has nothing to choose between: 2 are the least")
    if pixels.ndim == 2:
        pixels = pixels[None]
    if pixels.ndim != 3 or pixels.shape[0] != channels or 0 in pixels.shape:
        raise ValueError(
            f"the network takes an image ({channels}, H, W)"
            + (" or (H, W)" if channels == 1 else "")
            + f", got {given}"
            + (": convert RGB to gray, give a stack slice by slice" if channels == 1 else "")
        )
    _look_through(pixels)
    return pixels


def _look_through(pixels: Array) -> None:
    """Refuse values that are no gray values; block by block, since the image may be a file."""
    farthest = 0.0
    for top in range(0, pixels.shape[1], BLOCK):
        for left in range(0, pixels.shape[2], BLOCK):
            block = to_torch(pixels[:, top : top + BLOCK, left : left + BLOCK])
            if not block.is_floating_point():
                raise TypeError(
                    f"expected a float image in [0, 1], got {block.dtype}: "
                    "unet_book.datasets.to_unit(image) makes one"
                )
            reach = float(block.abs().max())
            if not np.isfinite(reach):
                raise ValueError("the image holds NaN or infinite values")
            farthest = max(farthest, reach)
    if farthest > USUAL:
        warnings.warn(
            f"gray values as far as {farthest:g} from 0, where networks of this package learn from "
            "images in [0, 1]: scale the image first, as unet_book.datasets.to_unit does",
            stacklevel=5,  # where `predict` was called, around its decorator
        )


def predict_averaged(model: UNet, image: Array, tile: int = 572, over: str = "symmetries") -> Array:
    """The mean of `predict` over turned and mirrored versions of the image, each turned back.

    The paper averages over "7 rotated versions of the input data" (Section 4) and says no more:
    equal steps are the only choice that favors no direction, and the first of them is the image
    itself.

    Mirrors and quarter turns move pixels and change none. The other turns resample: the image
    bilinearly, mirrored beyond its edge, to a frame that holds all of it, and the probabilities
    bilinearly back.

    Parameters
    ----------
    model : UNet
        As in `predict`, which runs once for each version.
    image : ndarray or Tensor, (H, W) or (C, H, W), float
        As in `predict`.
    tile : int
        As in `predict`.
    over : str
        "symmetries", all 8 that map a square grid onto itself (4 turns by 90 degrees, mirrored or
        not); "mirrors", the 4 mirrorings of the authors' released scripts (none, up-down,
        left-right, both); "rotations", 7 turns by k 360/7 degrees.

    Returns
    -------
    ndarray or Tensor, (num_classes, H, W)
        The mean probabilities.

    Raises
    ------
    ValueError
        For another `over`, and as `predict` does.
    TypeError
        As `predict` does.
    """
    if over not in VERSIONS:
        raise ValueError(f"over is one of {', '.join(map(repr, VERSIONS))}, not {over!r}")
    pixels, total = to_torch(image), 0
    for there, back in VERSIONS[over]:
        probabilities = predict(model, there(pixels), tile)
        total = total + back(probabilities.double(), pixels.shape[-2:])
    mean = total / len(VERSIONS[over])
    return like(_plain(mean.to(probabilities.dtype)), image)


def _symmetry(turns: int, mirrored: bool) -> tuple[Callable, Callable]:
    """One of the 8 symmetries of the square, and the way back."""

    def turn(image: Tensor, times: int) -> Tensor:
        return torch.rot90(image, times, (-2, -1)) if times else image

    def there(image: Tensor) -> Tensor:
        return turn(image.flip(-1) if mirrored else image, turns)

    def back(image: Tensor, shape: Sequence[int]) -> Tensor:
        return turn(image, -turns).flip(-1) if mirrored else turn(image, -turns)

    return there, back


def _rotation(angle: float) -> tuple[Callable, Callable]:
    """A turn by `angle` (radians) about the image's center, and the way back."""
    if angle == 0:
        return _symmetry(0, False)

    def there(image: Tensor) -> Tensor:
        return resample(image, _turned(_frame(image.shape[-2:], angle), image.shape[-2:], angle))

    def back(image: Tensor, shape: Sequence[int]) -> Tensor:
        return resample(image, _turned(shape, image.shape[-2:], -angle))

    return there, back


def _frame(shape: Sequence[int], angle: float) -> tuple[int, int]:
    """The sides of the smallest upright frame that holds an image of `shape`, turned; px."""
    (height, width), c, s = shape, abs(math.cos(angle)), abs(math.sin(angle))
    return math.ceil(height * c + width * s) + 1, math.ceil(height * s + width * c) + 1


def _turned(shape: Sequence[int], other: Sequence[int], angle: float) -> Tensor:
    """Where each pixel of `shape` lies in an image of shape `other` that is turned by `angle`."""
    (height, width), (tall, wide), c, s = shape, other, math.cos(angle), math.sin(angle)
    y, x = pixel_grid(shape)
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    return torch.stack([c * y - s * x + (tall - 1) / 2, s * y + c * x + (wide - 1) / 2])


VERSIONS = {
    "symmetries": [_symmetry(turns, mirrored) for mirrored in (False, True) for turns in range(4)],
    "mirrors": [_symmetry(turns, mirrored) for mirrored in (False, True) for turns in (0, 2)],
    "rotations": [_rotation(2 * math.pi * k / 7) for k in range(7)],
}
