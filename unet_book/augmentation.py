"""Shift, rotation, mirroring, zoom, elastic deformation and gray values, in one resampling.

Each of the geometric changes only says where in the image an output pixel looks. Composed, they
are still one place to look per pixel, so the image is interpolated once, and only where the tile
needs it; labels and weights are read at the very same places (Section 3.1).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor

from unet_book.elastic import place_factors, resample
from unet_book.sizes import whole_number

__all__ = [
    "check_kinds",
    "Augmentation",
    "tile_coordinates",
    "change_gray_values",
    "random_tile",
    "check_tile",
]

KINDS = {  # of a setting: what it may be, and what that is called
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    float | None: (Real | None, "a number or None"),
    bool: (bool, "True or False"),
    str: (str, "a word"),
}


def check_kinds(settings: object) -> None:
    """Refuse a setting that is not what it is declared as, by its name.

    Parameters
    ----------
    settings : object
        A dataclass.

    Raises
    ------
    ValueError
        For the first that is another; True is no number.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        other = field.type, f"an {getattr(field.type, '__name__', '')}"
        kind, called = KINDS.get(field.type, other)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{field.name} must be {called}, not {value!r}")


@dataclass(frozen=True)
class Augmentation:
    """What a training tile may look like; ``Augmentation.none()`` only shifts it (Section 3.1).

    The paper names shift, rotation, gray values and elastic deformation (3 x 3 vectors, 10 px) and
    gives no other number. The rest are this book's choices.

    Parameters
    ----------
    rotation : float
        Degrees; the angle is uniform in [-rotation, rotation].
    mirror : bool
        Whether to flip the tile in half of the cases.
    sigma : float
        Standard deviation of the elastic displacement vectors, in pixels.
    grid : int
        Points a side of their grid, spread over the tile.
    contrast : float
        The gray values' distance from 0.5 is scaled by a factor in 1 +- contrast.
    brightness : float
        A value in +- brightness is added to every gray value.
    zoom : float
        The tile is enlarged or reduced by a factor between 1 / zoom and zoom, whose logarithm is
        uniform; 1 leaves its size. The paper has none.
    noise : float
        Gaussian noise is added to the gray values. Its standard deviation is `noise` times the
        third power of a number in [0, 1]: mostly weak, since dim cells drown in strong noise. The
        paper has none.

    Raises
    ------
    ValueError
        For a number that is negative or not finite, a contrast of 1 or more, a zoom below 1, or a
        grid that is no whole number or below 2.
    """

    rotation: float = 180.0
    mirror: bool = True
    sigma: float = 10.0
    grid: int = 3
    contrast: float = 0.2
    brightness: float = 0.1
    zoom: float = 1.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):  # numbers of NumPy's own can't be saved as JSON
            value = getattr(self, field.name)
            if hasattr(value, "item"):
                object.__setattr__(self, field.name, value.item())
        whole_number("grid", self.grid, least=2)
        check_kinds(self)
        for name in ("rotation", "sigma", "contrast", "brightness", "noise"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 or more, and finite: {getattr(self, name)}")
        if self.contrast >= 1:
            raise ValueError(f"contrast must be below 1, got {self.contrast}")
        if not 1 <= self.zoom < math.inf:
            raise ValueError(f"zoom must be 1 or more, and finite: {self.zoom}")

    @classmethod
    def none(cls) -> "Augmentation":
        """Tiles from random places, otherwise as they are.

        Returns
        -------
        Augmentation
            One without any change but the shift.
        """
        return cls(rotation=0, mirror=False, sigma=0, contrast=0, brightness=0)


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    """A number from [low, high)."""
    return low + (high - low) * torch.rand((), generator=generator, dtype=torch.float64).item()


def tile_coordinates(
    shape: Sequence[int], tile: int, border: int, how: Augmentation, generator: torch.Generator
) -> Tensor:
    """Where in an image each pixel of one random tile looks (Section 3.1).

    The tile is displaced elastically, mirrored, turned and zoomed about its center and put at a
    random place of the image, such that what is left of it without its border lies inside wherever
    the image is large enough (before turning, zooming and bending). The place is a whole number of
    pixels, so that a tile that is only shifted is not blurred.

    Parameters
    ----------
    shape : sequence of int
        (H, W) of the image.
    tile : int
        Side of the tile in pixels.
    border : int
        Pixels a side that the network's output loses.
    how : Augmentation
        What may happen to the tile.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor, (2, tile, tile), float64
        Row and column in the image, in pixels.
    """
    center = [_random_center(n, tile - 2 * border, generator) for n in shape]
    angle = math.radians(_uniform(-how.rotation, how.rotation, generator))
    flip = -1.0 if how.mirror and _uniform(0, 1, generator) < 0.5 else 1.0
    vectors = how.sigma * torch.randn(2, how.grid, how.grid, generator=generator).double()
    scale = how.zoom ** _uniform(-1, 1, generator) if how.zoom > 1 else 1.0

    rows, columns = place_factors(vectors, (tile, tile))
    rows[:, :, 0] -= (tile - 1) / 2
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    rows = np.einsum("ij,jrk->irk", [[cos, -sin * flip], [sin, cos * flip]], rows)
    rows[:, :, 0] += np.array(center)[:, None]
    return torch.from_numpy(rows @ columns)


def change_gray_values(image: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """An image with random contrast, brightness and noise, kept in [0, 1] (Section 3.1).

    Parameters
    ----------
    image : Tensor, any shape, float
        In [0, 1].
    how : Augmentation
        Its `contrast`, `brightness` and `noise`.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor, as `image`
        The image itself if nothing changes.

    Raises
    ------
    ValueError
        For gray values outside [0, 1] (not on a GPU, which would have to wait).
    """
    contrast = _uniform(1 - how.contrast, 1 + how.contrast, generator)
    brightness = _uniform(-how.brightness, how.brightness, generator)
    if contrast == 1 and brightness == 0 and how.noise == 0:
        return image
    if image.device.type == "cpu":
        low, high = (extreme.item() for extreme in image.detach().aminmax())
        if low < -1e-3 or high > 1 + 1e-3:
            raise ValueError(f"gray values lie in [0, 1], not in [{low:.3g}, {high:.3g}]")
    changed = (image - 0.5) * contrast + 0.5 + brightness
    return (changed + _noise(image, how.noise, generator) if how.noise else changed).clamp(0, 1)


def _noise(image: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Noise for an image; of the generator two numbers are taken, however large the image is."""
    spread = most * _uniform(0, 1, generator) ** 3
    seed = torch.randint(2**63 - 1, (), generator=generator).item()
    own = torch.Generator(image.device).manual_seed(seed)
    return spread * torch.randn(image.shape, generator=own, dtype=image.dtype, device=image.device)


def random_tile(
    image: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    tile: int,
    border: int,
    how: Augmentation,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """A training tile: image, labels and weights, augmented at the same places (Section 3.1).

    The image is mirrored beyond its edges. Labels and weights lose the border: what is left of them
    is what a network of valid convolutions predicts. The sampling runs on the image's device.

    Parameters
    ----------
    image : Tensor, (H, W), float
        In [0, 1]; read bilinearly.
    labels : Tensor, (H, W), integer
        Instances or classes; read from the nearest pixel.
    weights : Tensor, (H, W), float, or None
        Read bilinearly.
    tile : int
        Side of the tile in pixels.
    border : int
        Pixels a side that labels and weights lose.
    how : Augmentation
        What may happen to the tile.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    tuple of Tensor, Tensor, Tensor or None
        The image (tile, tile); labels and weights (tile - 2 border, tile - 2 border).

    Raises
    ------
    ValueError
        If the three shapes differ or are not (H, W), if nothing is left within the border, or for
        gray values outside [0, 1].
    TypeError
        For labels that are not integers.
    """
    shapes = {array.shape for array in (image, labels, weights) if array is not None}
    if image.ndim != 2 or len(shapes) > 1:
        raise ValueError(
            f"image, labels and weights share one shape (H, W), got {tuple(image.shape)}, "
            f"{tuple(labels.shape)}" + ("" if weights is None else f", {tuple(weights.shape)}")
        )
    if labels.is_floating_point():
        raise TypeError(f"labels are integers, not {labels.dtype}")
    check_tile(tile, border)
    places = tile_coordinates(image.shape, tile, border, how, generator)
    places = places if image.device.type == "cpu" else places.float().to(image.device)
    inner = places[:, border : tile - border, border : tile - border]
    gray = change_gray_values(resample(image, places, order=1), how, generator)
    return (
        gray,
        resample(labels, inner, order=0),
        None if weights is None else resample(weights, inner, order=1),
    )


def _random_center(size: int, output: int, generator: torch.Generator) -> float:
    """Center, along one axis, of a tile whose output lies inside if the image is large enough.

    The output's first pixel falls on a whole pixel; it is centered over an image that is smaller.
    """
    slack = size - output
    start = torch.randint(slack + 1, (), generator=generator).item() if slack > 0 else slack // 2
    return start + (output - 1) / 2


def check_tile(tile: int, border: int) -> None:
    """Refuse a tile of which nothing is left within its border.

    Parameters
    ----------
    tile : int
        Its side in pixels.
    border : int
        Pixels a side.

    Raises
    ------
    ValueError
        If nothing is left, or for a negative border.
    """
    if border < 0 or tile - 2 * border < 1:
        raise ValueError(f"a tile of {tile} px has nothing left within a border of {border} px")
