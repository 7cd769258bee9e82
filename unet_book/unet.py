"""The network of the paper's Fig. 1.

A contracting path halves the image `depth` times and doubles its channels; an expanding path climbs
back, and at each level reads again what the contracting path saw there. Every 3 x 3 convolution is
*valid*: it computes only the pixels whose whole neighborhood it has, and so takes one pixel off
each side. Which sizes fit, and what they become, follows from that alone: it is worked out in
`sizes`, and what the layers cost in `costs`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unet_book.sizes import is_padded, output_size, whole_number

__all__ = ["UNet", "double_convolution", "crop"]


class UNet(nn.Module):
    """The 2015 U-Net, which gives logits for each pixel (Section 2 and Fig. 1).

    Weights start as PyTorch's defaults; `initialization.he_normal_` gives them the paper's. To see
    what happens to a tile that does not fit, set the attribute `any_size` to True: then it is not
    refused, and an odd side loses a row in the pooling.

    Parameters
    ----------
    in_channels : int
        Channels of the image; 1 for gray.
    num_classes : int
        Classes, and so channels of the logits.
    base_channels : int
        Channels of the first level; each level below has twice as many.
    depth : int
        Number of poolings.
    variant : str
        ``"paper"``, the drawing of Fig. 1, 31,030,658 parameters; ``"released"``, the authors' code
        of 2015 as its ports agree on it, with a ReLU behind each up-convolution, a last
        up-convolution that keeps its 128 channels and the upsampled map first in each
        concatenation, 31,100,354 parameters; ``"same"``, the drawing with zero padding instead of
        valid convolutions, as most re-implementations have it.
    dropout : float
        Probability at the end of the contracting path: on its last feature map (which the skip also
        carries) and on the bottom. The paper gives no rate; the released code has 0.5.

    Raises
    ------
    ValueError
        For an unknown variant, a count below 1, or a rate outside [0, 1).

    Examples
    --------
    >>> UNet(base_channels=4)(torch.zeros(1, 1, 572, 572)).shape
    torch.Size([1, 2, 388, 388])
    """

    any_size = False

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 2,
        base_channels: int = 64,
        depth: int = 4,
        variant: str = "paper",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.in_channels = whole_number("in_channels", in_channels, least=1)
        self.num_classes = whole_number("num_classes", num_classes, least=1)
        self.base_channels = whole_number("base_channels", base_channels, least=1)
        self.depth = whole_number("depth", depth, least=1)
        self.variant, padding = variant, 1 if is_padded(variant) else 0
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is a probability in [0, 1), not {dropout}")

        widths = [self.base_channels * 2**level for level in range(self.depth + 1)]  # 64, ..., 1024
        up_widths = widths[:-1]  # an up-convolution halves the channels that it reads
        if variant == "released":
            up_widths[0] = widths[1]  # but the last one, there, keeps its 128

        self.encoders = nn.ModuleList()
        channels = self.in_channels
        for width in widths[:-1]:
            self.encoders.append(double_convolution(channels, width, padding))
            channels = width
        self.bottom = double_convolution(channels, widths[-1], padding)

        upward = range(self.depth - 1, -1, -1)  # the levels from above the bottom to the finest
        self.up_convolutions = nn.ModuleList()
        for level in upward:
            up = nn.ConvTranspose2d(widths[level + 1], up_widths[level], kernel_size=2, stride=2)
            self.up_convolutions.append(up)
        self.decoders = nn.ModuleList()
        for level in upward:
            joined = widths[level] + up_widths[level]  # the skip's channels and the upsampled map's
            self.decoders.append(double_convolution(joined, widths[level], padding))
        self.classifier = nn.Conv2d(widths[0], self.num_classes, kernel_size=1)

        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout)
        self.up_activation = nn.ReLU(inplace=True) if variant == "released" else nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        """Logits of a batch of tiles (Fig. 1).

        Parameters
        ----------
        image : Tensor, (N, in_channels, H, W)
            Tiles of a size that fits.

        Returns
        -------
        Tensor, (N, num_classes, H', W')
            Logits; H' and W' are `sizes.output_size` of H and W.

        Raises
        ------
        ValueError
            If the batch has another shape, or a size that some pooling cannot halve.
        """
        self.check(image)
        x, skips = image, []
        for encoder in self.encoders:
            x = encoder(x)
            if encoder is self.encoders[-1]:
                x = self.dropout(x)  # its skip carries the dropout, too
            skips.append(x)
            x = self.pool(x)
        x = self.bottom(x)
        x = self.dropout(x)
        for up_convolution, decoder in zip(self.up_convolutions, self.decoders):
            x = self.up_activation(up_convolution(x))
            x = self.join(skips.pop(), x)
            x = decoder(x)
        return self.classifier(x)

    def join(self, skip: Tensor, upsampled: Tensor) -> Tensor:
        """Concatenate the skip, cropped to the upsampled map, and the map along channels (Fig. 1).

        Parameters
        ----------
        skip : Tensor, (N, C, h, w)
            What the contracting path saw at this level.
        upsampled : Tensor, (N, C', h', w')
            What the up-convolution gives, no larger than the skip.

        Returns
        -------
        Tensor, (N, C + C', h', w')
            Both; the skip comes first, but in the variant "released".
        """
        cropped = crop(skip, upsampled.shape[-2:])
        pair = [upsampled, cropped] if self.variant == "released" else [cropped, upsampled]
        return torch.cat(pair, dim=1)

    def check(self, image: Tensor) -> None:
        """Refuse a batch that `forward` does not take.

        Parameters
        ----------
        image : Tensor, any shape
            The batch.

        Raises
        ------
        ValueError
            As `forward` does.
        """
        if image.ndim != 4 or image.shape[1] != self.in_channels:
            raise ValueError(
                f"expected a batch (N, {self.in_channels}, H, W), got {tuple(image.shape)}"
            )
        if not self.any_size:
            for size in image.shape[-2:]:
                output_size(size, self.depth, self.variant)


def double_convolution(in_channels: int, out_channels: int, padding: int = 0) -> nn.Sequential:
    """Two 3 x 3 convolutions, a ReLU behind each (Section 2).

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of what is read and of what both convolutions write.
    padding : int
        Rows of zeros around each map; 0 for valid convolutions, 1 to keep the size.

    Returns
    -------
    nn.Sequential
        Convolution, ReLU, convolution, ReLU.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=padding),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3, padding=padding),
        nn.ReLU(inplace=True),
    )


def crop(x: Tensor, size: Sequence[int]) -> Tensor:
    """The central window of a map (Section 2).

    Parameters
    ----------
    x : Tensor, (..., H, W)
        The map.
    size : sequence of int
        (height, width) of the window in pixels.

    Returns
    -------
    Tensor, (..., height, width)
        A view of `x`.

    Raises
    ------
    ValueError
        If the window is larger than `x`.
    """
    (height, width), (h, w) = x.shape[-2:], size
    if h > height or w > width:
        raise ValueError(f"cannot crop {height} x {width} to {h} x {w}")
    top, left = (height - h) // 2, (width - w) // 2
    return x[..., top : top + h, left : left + w]
