"""Prediction of any image, tile by tile, without a seam (Section 2 and Fig. 2).

A valid convolution computes nothing that it has not seen, so the output of one tile is the very
output that one pass over the whole image would give there: provided that the poolings of both
pair the same pixels. A U-Net of depth 4 pools in blocks of 16, so tiles may start at multiples of
16 and nowhere else: steps of 384 pixels for a 572 tile, not of its whole output of 388. What lies
outside the image is the image itself, mirrored.
"""

import numpy as np
import torch
from torch import Tensor

from unet_book._arrays import like, to_torch
from unet_book.unet import UNet, border, input_window, nearest_valid_sizes, output_size


def mirror_index(index, size: int):
    """The pixel of a line of `size` pixels that `index`, any integers, falls on when mirrored.

    The edge pixel is the mirror's axis and is not repeated: -1 falls on 1.

    >>> mirror_index(np.arange(-3, 6), 4)
    array([3, 2, 1, 0, 1, 2, 3, 2, 1])
    """
    if size == 1:
        return np.zeros_like(index)
    folded = np.mod(index, 2 * (size - 1))
    return np.minimum(folded, 2 * (size - 1) - folded)


def tile_step(tile: int, depth: int = 4, variant: str = "paper") -> tuple[int, int]:
    """How far apart tiles of side `tile` may start, and the border cut from each, in pixels.

    The step is the largest multiple of 2^depth within the tile's trusted output. A zero-padded
    network ("same") gives as many pixels as it gets, but those whose window reaches into the zeros
    are not to be trusted: they are cut, rounded up to a multiple of 2^depth.

    Raises ValueError, with the nearest sizes that work, for a tile that does not fit the network or
    leaves no step.

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


@torch.no_grad()
def predict(model: UNet, image, tile: int = 572):
    """Class probabilities (num_classes, H, W) of an image of any size (Section 2, Fig. 2).

    `image` is (H, W), or (C, H, W) for a network of C channels, float, numpy or torch; the result
    is of the same library, on the same device, in the network's precision. The network runs in
    evaluation mode on its own device, one tile at a time, so that memory does not grow with the
    image except for the result itself. The result equals one pass over the whole mirrored image
    up to the rounding of the convolution kernels. A tile larger than the image needs is shrunk.

    Raises ValueError for an image of other axes or channels, with no pixel, or with a value that is
    not finite, for a tile that does not fit, and for a network of one class, whose softmax is 1
    everywhere; TypeError for an image that is not of float type.
    """
    if model.num_classes < 2:
        raise ValueError("a network of 1 class has nothing to choose between: 2 are the least")
    pixels = _check(to_torch(image), model.in_channels)
    height, width = pixels.shape[-2:]
    weight = next(model.parameters())
    _, cut = tile_step(tile, model.depth, model.variant)
    tiles = [min(tile, _enough(size, model, cut)) for size in (height, width)]
    steps = [tile_step(one, model.depth, model.variant)[0] for one in tiles]

    result = torch.empty(model.num_classes, height, width, dtype=weight.dtype, device=pixels.device)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        for top in range(0, height, steps[0]):
            rows = mirror_index(np.arange(top - cut, top - cut + tiles[0]), height)
            for left in range(0, width, steps[1]):
                columns = mirror_index(np.arange(left - cut, left - cut + tiles[1]), width)
                seen = pixels[:, rows][:, :, columns][None].to(weight)
                probabilities = _trusted(model(seen), cut, model.variant).softmax(dim=1)[0]
                part = result[:, top : top + steps[0], left : left + steps[1]]
                part.copy_(probabilities[:, : part.shape[1], : part.shape[2]])
    finally:
        for module, mode in modes.items():
            module.training = mode
    return like(result, image)


def _enough(size, model, cut):
    """The smallest tile that covers `size` pixels in one step."""
    block = 2**model.depth
    covered = -(-size // block) * block
    return nearest_valid_sizes(covered + 2 * cut, model.depth, model.variant)[1]


def _trusted(logits, cut, variant):
    """A zero-padded network's logits without their border; a valid one has none."""
    return logits[..., cut:-cut, cut:-cut] if variant == "same" else logits


def _check(pixels: Tensor, channels: int) -> Tensor:
    given = tuple(pixels.shape)
    if pixels.ndim == 2:
        pixels = pixels[None]
    if pixels.ndim != 3 or pixels.shape[0] != channels or 0 in pixels.shape:
        raise ValueError(
            f"the network takes an image ({channels}, H, W)"
            + (" or (H, W)" if channels == 1 else "")
            + f", got {given}"
            + (": convert RGB to gray, give a stack slice by slice" if channels == 1 else "")
        )
    if not pixels.is_floating_point():
        raise TypeError(f"expected a float image in [0, 1], got {pixels.dtype}")
    if not bool(torch.isfinite(pixels).all()):
        raise ValueError("the image holds NaN or infinite values")
    return pixels
