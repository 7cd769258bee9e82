"""The network of the paper's Fig. 1, and the arithmetic of its sizes.

A contracting path halves the image `depth` times and doubles its channels; an expanding path climbs
back, and at each level reads again what the contracting path saw there. Every 3 x 3 convolution is
*valid*: it computes only the pixels whose whole neighborhood it has, and so takes one pixel off
each side. The sizes that fit, and what they become, follow from that alone.

A U-Net of depth d is a U-Net of depth d - 1 with two convolutions and a pooling before it, an
up-convolution and two convolutions behind it. Each size function below is that sentence.
"""

import copy
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral

import torch
from torch import Tensor, nn

VARIANTS = ("paper", "released", "same")
DOUBLE = 4  # pixels that two valid 3 x 3 convolutions take off a side length


class UNet(nn.Module):
    """The 2015 U-Net (Section 2 and Fig. 1), logits for each pixel.

    Parameters
    ----------
    in_channels : channels of the image; 1 for gray.
    num_classes : classes, and so channels of the logits.
    base_channels : channels of the first level; each level below has twice as many.
    depth : number of poolings.
    variant : ``"paper"``, the drawing of Fig. 1, 31,030,658 parameters; ``"released"``, the
        authors' code of 2015 as its ports agree on it, with a ReLU behind each up-convolution, a
        last up-convolution that keeps its 128 channels and the upsampled map first in each
        concatenation, 31,100,354 parameters; ``"same"``, the drawing with zero padding instead of
        valid convolutions, as most re-implementations have it.
    dropout : probability at the end of the contracting path: on its last feature map (which the
        skip also carries) and on the bottom. The paper gives no rate; the released code has 0.5.

    Raises ValueError for an unknown variant, a count below 1, or a rate outside [0, 1).

    Weights start as PyTorch's defaults; `initialization.he_normal_` gives them the paper's.

    >>> UNet()(torch.zeros(1, 1, 572, 572)).shape
    torch.Size([1, 2, 388, 388])
    """

    def __init__(
        self, in_channels=1, num_classes=2, base_channels=64, depth=4, variant="paper", dropout=0.5
    ):
        super().__init__()
        counts = {"in_channels": in_channels, "num_classes": num_classes}
        counts |= {"base_channels": base_channels, "depth": depth}
        for name, count in counts.items():
            _check_whole(name, count, least=1)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is a probability in [0, 1), not {dropout}")
        self.in_channels, self.num_classes = in_channels, num_classes
        self.base_channels, self.depth, self.variant = base_channels, depth, variant

        padding = 1 if _is_padded(variant) else 0
        widths = [base_channels * 2**level for level in range(depth + 1)]  # 64, 128, ..., 1024
        up_widths = [*widths[:-1]]
        if variant == "released":
            up_widths[0] = widths[1]  # the last up-convolution does not halve its channels

        self.encoders = nn.ModuleList(
            double_convolution(above, width, padding)
            for above, width in pairwise([in_channels, *widths[:-1]])
        )
        self.bottom = double_convolution(widths[-2], widths[-1], padding)
        self.up_convolutions = nn.ModuleList(
            nn.ConvTranspose2d(below, up, kernel_size=2, stride=2)
            for below, up in reversed([*zip(widths[1:], up_widths)])
        )
        self.decoders = nn.ModuleList(
            double_convolution(skip + up, skip, padding)
            for skip, up in reversed([*zip(widths[:-1], up_widths)])
        )
        self.classifier = nn.Conv2d(base_channels, num_classes, kernel_size=1)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout)
        self.up_activation = nn.ReLU(inplace=True) if variant == "released" else nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, num_classes, H', W') of a batch (N, in_channels, H, W).

        Raises ValueError if the batch has another shape, or a size that no pooling can halve.
        """
        self._check(image)
        x, skips = image, []
        for encoder in self.encoders:
            x = encoder(x)
            if len(skips) == self.depth - 1:
                x = self.dropout(x)
            skips.append(x)
            x = self.pool(x)
        x = self.dropout(self.bottom(x))
        for up, decoder in zip(self.up_convolutions, self.decoders):
            x = decoder(self.join(skips.pop(), self.up_activation(up(x))))
        return self.classifier(x)

    def join(self, skip: Tensor, upsampled: Tensor) -> Tensor:
        """The skip, cropped to the upsampled map, and the map, concatenated along channels."""
        cropped = crop(skip, upsampled.shape[-2:])
        pair = [upsampled, cropped] if self.variant == "released" else [cropped, upsampled]
        return torch.cat(pair, dim=1)

    def _check(self, image):
        if image.ndim != 4 or image.shape[1] != self.in_channels:
            raise ValueError(
                f"expected a batch (N, {self.in_channels}, H, W), got {tuple(image.shape)}"
            )
        for size in image.shape[-2:]:
            output_size(size, self.depth, self.variant)


def double_convolution(in_channels: int, out_channels: int, padding: int = 0) -> nn.Sequential:
    """Two 3 x 3 convolutions, a ReLU behind each (Section 2)."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=padding),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3, padding=padding),
        nn.ReLU(inplace=True),
    )


def crop(x: Tensor, size) -> Tensor:
    """The central window of `x` (..., H, W) with the given (height, width) in pixels.

    Raises ValueError if the window is larger than `x`.
    """
    (height, width), (h, w) = x.shape[-2:], size
    if h > height or w > width:
        raise ValueError(f"cannot crop {height} x {width} to {h} x {w}")
    top, left = (height - h) // 2, (width - w) // 2
    return x[..., top : top + h, left : left + w]


def output_size(size: int, depth: int = 4, variant: str = "paper") -> int:
    """Side length of the output, in pixels, for an input tile of side `size` (Section 2).

    With valid convolutions an input fits if it is 12 (mod 16) and at least 188 at depth 4, and
    loses 184 pixels; with ``variant="same"`` it fits if it is a multiple of 2^depth, and loses
    none.

    Raises ValueError, naming the nearest sizes that fit, if a pooling would see an odd size or
    nothing would be left.

    >>> output_size(572)
    388
    """
    if not is_valid_size(size, depth, variant):
        below, above = nearest_valid_sizes(size, depth, variant)
        fits = f"{below} and {above}" if below else f"{above}, the smallest there is"
        raise ValueError(
            f"a side of {size} pixels does not fit a U-Net of depth {depth} (variant {variant!r}): "
            f"the nearest sizes that do are {fits}"
        )
    return size - 2 * border(depth, variant)


def is_valid_size(size: int, depth: int = 4, variant: str = "paper") -> bool:
    """Whether every pooling sees an even size and at least one output pixel is left (Section 2)."""
    _check_whole("size", size)
    _check_whole("depth", depth, least=1)
    return _climb(size, depth, 0 if _is_padded(variant) else DOUBLE) > 0


def nearest_valid_sizes(size: int, depth: int = 4, variant: str = "paper"):
    """The largest valid size <= `size` (None if there is none) and the smallest >= `size`.

    >>> nearest_valid_sizes(512)
    (508, 524)
    """
    is_valid_size(size, depth, variant)  # refuses what is not a whole number
    below = size
    while below > 0 and not is_valid_size(below, depth, variant):
        below -= 1
    above = max(size, 1)
    while not is_valid_size(above, depth, variant):
        above += 1
    return below if below > 0 else None, above


def border(depth: int = 4, variant: str = "paper") -> int:
    """Pixels that the output loses on each side: 6 * 2^depth - 4 with valid convolutions, else 0.

    >>> border()
    92
    """
    _check_whole("depth", depth, least=1)
    return 0 if _is_padded(variant) else 6 * 2**depth - 4


def crop_offsets(depth: int = 4) -> list[int]:
    """Pixels cut from each side of the skip at each level, the finest first (Fig. 1).

    >>> crop_offsets()
    [88, 40, 16, 4]
    """
    _check_whole("depth", depth, least=1)
    offsets = [DOUBLE]
    for _ in range(depth - 1):
        offsets.insert(0, 2 * offsets[0] + 2 * DOUBLE)
    return offsets


def feature_map_sizes(size: int, depth: int = 4) -> list[tuple[int, int, int]]:
    """Side lengths along the network with valid convolutions, in the order of Fig. 1.

    One triple a level, down to the bottom and up again: what arrives there, and what each of the
    two convolutions leaves. Raises ValueError as `output_size` does.

    >>> feature_map_sizes(572)[4]
    (32, 30, 28)
    """
    output_size(size, depth)
    path = []
    for _ in range(depth):
        path.append((size, size - 2, size - DOUBLE))
        size = (size - DOUBLE) // 2
    path.append((size, size - 2, size - DOUBLE))
    for _ in range(depth):
        size = 2 * path[-1][-1]
        path.append((size, size - 2, size - DOUBLE))
    return path


def input_window(first: int, last: int, depth: int = 4, variant: str = "paper") -> tuple[int, int]:
    """First and last input pixel, along one axis, that the output pixels `first` to `last` can see.

    With valid convolutions both are counted from the first pixel of their own map, so that output
    pixel 0 lies over input pixel `border(depth)`. With ``variant="same"`` the window may reach
    beyond the image, into the zeros.

    >>> input_window(0, 0)
    (0, 187)
    """
    _check_whole("depth", depth, least=0)
    before = 2 if _is_padded(variant) else 0  # what a zero-padded pair of convolutions sees before
    first, last = first - before, last + DOUBLE - before
    if depth == 0:
        return first, last
    # Down, around and up again is the widest way: what the skip sees lies within it.
    low, high = input_window(first // 2, last // 2, depth - 1, variant)
    return 2 * low - before, 2 * high + 1 + DOUBLE - before


def receptive_field(depth: int = 4, variant: str = "paper") -> int:
    """Side, in input pixels, of the largest window that one output pixel can see.

    Windows differ with the pixel's place in the 2^depth raster of the poolings.
    """
    windows = (input_window(pixel, pixel, depth, variant) for pixel in range(2**depth))
    return max(last - first + 1 for first, last in windows)


@dataclass(frozen=True)
class LayerCost:
    """What one layer writes on one tile, and what that costs.

    `kind` is "conv 3x3", "conv 1x1", "up-conv 2x2", "max-pool 2x2" or "concatenation"; its map has
    `channels` x `height` x `width` values. `parameters` counts weights and biases; `flop` two for
    each multiplication (it comes with an addition), three comparisons for each pooled value, and
    nothing for biases, ReLUs and copies.
    """

    name: str
    kind: str
    channels: int
    height: int
    width: int
    parameters: int
    flop: int

    @property
    def values(self) -> int:
        return self.channels * self.height * self.width


@torch.no_grad()
def layer_costs(model: UNet, size: int) -> list[LayerCost]:
    """The costs of each layer for one tile of side `size`, in the order of Fig. 1.

    ReLUs have no entry, since they write over their input, nor has dropout, which does nothing in
    prediction. Nothing is computed: a copy of the network runs on PyTorch's "meta" device, where
    tensors have a shape but no numbers.

    Raises ValueError as `output_size` does.

    >>> sum(layer.flop for layer in layer_costs(UNet(), 572) if "conv" in layer.kind)
    300856848896
    """
    ghost, costs = copy.deepcopy(model).to("meta").eval(), []

    def note(name, layer, output):
        kind, parameters, flop = _work(layer, output)
        costs.append(LayerCost(name, kind, *output.shape[1:], parameters, flop))

    for name, layer in ghost.named_modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.MaxPool2d):
            layer.register_forward_hook(
                lambda layer, _inputs, output, name=name: note(name, layer, output)
            )

    def join(skip, upsampled):
        joined = type(ghost).join(ghost, skip, upsampled)
        note("join", None, joined)
        return joined

    ghost.join = join
    kind = next(ghost.parameters()).dtype
    ghost(torch.empty(1, model.in_channels, size, size, dtype=kind, device="meta"))
    return costs


def _work(layer, output):
    """The kind of a layer, its number of parameters, and the operations behind its output."""
    if layer is None:
        return "concatenation", 0, 0
    if isinstance(layer, nn.MaxPool2d):
        return "max-pool 2x2", 0, 3 * output.numel()
    kernel = "x".join(map(str, layer.kernel_size))
    parameters = sum(weights.numel() for weights in layer.parameters())
    if isinstance(layer, nn.ConvTranspose2d):  # squares do not overlap: one tap an output pixel
        return f"up-conv {kernel}", parameters, 2 * layer.in_channels * output.numel()
    return f"conv {kernel}", parameters, 2 * layer.weight[0].numel() * output.numel()


def _climb(size, depth, loss):
    """Output side of the U of this depth, or 0 where a pooling meets an odd or empty map."""
    size -= loss
    if size <= 0 or depth == 0:
        return max(size, 0)
    if size % 2:
        return 0
    inner = _climb(size // 2, depth - 1, loss)
    return max(2 * inner - loss, 0) if inner else 0


def _check_whole(name, value, least=None):
    if not isinstance(value, Integral) or (least is not None and value < least):
        wanted = "a whole number" + ("" if least is None else f", {least} or more")
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


def _is_padded(variant):
    if variant not in VARIANTS:
        raise ValueError(f"variant is one of {', '.join(VARIANTS)}, not {variant!r}")
    return variant == "same"
