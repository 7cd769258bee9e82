"""The networks that `network.py` measures beside this package's: the U-Nets that people install.

All of them pad: a 3 x 3 convolution gives a map as large as the one it read. `LabmlLike` and
`MilesialLike` are written here from the shapes of the networks that they are named after, so that
what runs is theirs layer by layer: the widths, the normalization, the activation, and how the skip
meets the decoder's map. MONAI's is MONAI's own, as PyPI gives it. All map one gray channel to two
classes.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (64, 128, 256, 512, 1024)


class PaddedUNet(nn.Module):
    """A U of five levels; a subclass says what a block is and how a skip is joined."""

    def __init__(
        self, in_channels: int = 1, num_classes: int = 2, widths: Sequence[int] = WIDTHS
    ) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        self.first = self.block(in_channels, widths[0])
        self.down = nn.ModuleList(self.block(above, below) for above, below in steps)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in reversed(steps))
        self.decode = nn.ModuleList(self.block(2 * a, a) for a, _ in reversed(steps))
        self.last = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the size of the image."""
        maps = [self.first(image)]
        for block in self.down:
            maps.append(block(F.max_pool2d(maps[-1], 2)))
        x = maps.pop()
        for up, block in zip(self.up, self.decode):
            x = block(self.join(maps.pop(), up(x)))
        return self.last(x)


class LabmlLike(PaddedUNet):
    """labml's shapes: no normalization; the skip is cropped to the decoder's map."""

    @staticmethod
    def block(in_channels: int, out_channels: int) -> nn.Sequential:
        """Two convolutions of one level."""
        return nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.ReLU(),
        )

    @staticmethod
    def join(skip: Tensor, x: Tensor) -> Tensor:
        """Skip and map side by side."""
        top, left = ((s - m) // 2 for s, m in zip(skip.shape[-2:], x.shape[-2:]))
        skip = skip[..., top : top + x.shape[-2], left : left + x.shape[-1]]
        return torch.cat([x, skip], dim=1)


class MilesialLike(PaddedUNet):
    """milesial's shapes: batch normalization; the decoder's map is padded to the skip."""

    @staticmethod
    def block(in_channels: int, out_channels: int) -> nn.Sequential:
        """Two convolutions of one level."""
        layers = []
        for channels in (in_channels, out_channels):
            # The normalization subtracts the mean, and any bias with it.
            layers += [
                nn.Conv2d(channels, out_channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
            ]
        return nn.Sequential(*layers)

    @staticmethod
    def join(skip: Tensor, x: Tensor) -> Tensor:
        """Skip and map side by side."""
        rows, columns = (s - m for s, m in zip(skip.shape[-2:], x.shape[-2:]))
        x = F.pad(x, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
        return torch.cat([skip, x], dim=1)


def monai_basic_unet() -> nn.Module:
    """MONAI's BasicUNet with the paper's widths. Raises ImportError where MONAI is missing."""
    from monai.networks.nets import BasicUNet

    return BasicUNet(2, in_channels=1, out_channels=2, features=(*WIDTHS, WIDTHS[0]))
