"""The arithmetic of the network's sizes: what fits, what comes out, and how far an answer sees.

Three things happen to the side of a map: a pair of valid 3 x 3 convolutions takes 4 pixels off it,
a pooling halves it, an up-convolution doubles it. Let b be the side that arrives at the bottom. One
level higher the pooling has seen 2 b, and the pair before it 2 b + 4. So each level takes n to
2 n + 4, and d levels make

    input = 2^d (b + 4) - 4.

The bottom puts out b - 4, and each level of the expanding path takes m to 2 m - 4:

    output = 2^d (b - 8) + 4.

What fits, and what is lost, can be read off these two lines. Where the convolutions are padded,
nothing is taken, and input and output are both 2^d b.
"""

from numbers import Integral
from typing import Any

__all__ = [
    "output_size",
    "is_valid_size",
    "nearest_valid_sizes",
    "border",
    "crop_offsets",
    "feature_map_sizes",
    "input_window",
    "receptive_field",
    "is_padded",
    "whole_number",
]

VARIANTS = ("paper", "released", "same")
PAIR = 4  # pixels that a pair of valid 3 x 3 convolutions takes off a side


def output_size(size: int, depth: int = 4, variant: str = "paper") -> int:
    """Side of the output for an input tile (Section 2).

    With valid convolutions an input fits if it is 12 (mod 16) and at least 188 at depth 4, and
    loses 184 pixels; with ``variant="same"`` it fits if it is a multiple of 2^depth, and loses
    none.

    Parameters
    ----------
    size : int
        Side of the tile in pixels.
    depth : int
        Number of poolings.
    variant : str
        The network's, as `unet.UNet` has it.

    Returns
    -------
    int
        Side of the output in pixels.

    Raises
    ------
    ValueError
        If a pooling would see an odd size or nothing would be left; it names the nearest sizes that
        fit.

    Examples
    --------
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
    return int(size) - 2 * border(depth, variant)


def is_valid_size(size: int, depth: int = 4, variant: str = "paper") -> bool:
    """Whether every pooling sees an even size and at least one output pixel is left (Section 2).

    The first is so if `size` + 4 is a multiple of 2^depth (with ``variant="same"``, `size` itself).

    Parameters
    ----------
    size : int
        Side of the tile in pixels.
    depth : int
        Number of poolings.
    variant : str
        The network's, as `unet.UNet` has it.

    Returns
    -------
    bool
        Whether the size fits.

    Raises
    ------
    ValueError
        For a size or depth that is no whole number, a depth below 1, or an unknown variant.
    """
    size, depth = whole_number("size", size), whole_number("depth", depth, least=1)
    halves = (size + _taken_by_pair(variant)) % 2**depth == 0
    return halves and size > 2 * border(depth, variant)


def nearest_valid_sizes(
    size: int, depth: int = 4, variant: str = "paper"
) -> tuple[int | None, int]:
    """The valid sizes next to a size (Section 2).

    Parameters
    ----------
    size : int
        Side of the tile in pixels.
    depth : int
        Number of poolings.
    variant : str
        The network's, as `unet.UNet` has it.

    Returns
    -------
    tuple of int or None, int
        The largest valid size <= `size` (None if there is none), and the smallest >= `size`.

    Raises
    ------
    ValueError
        As `is_valid_size` does.

    Examples
    --------
    >>> nearest_valid_sizes(512)
    (508, 524)
    """
    size, depth = whole_number("size", size), whole_number("depth", depth, least=1)
    step, taken = 2**depth, _taken_by_pair(variant)
    # Go down, and up, to where size + taken is a multiple of 2^depth.
    below = size - (size + taken) % step
    above = max(size, 2 * border(depth, variant) + 1)  # at least one output pixel is left
    above += -(above + taken) % step
    return below if is_valid_size(below, depth, variant) else None, above


def border(depth: int = 4, variant: str = "paper") -> int:
    """Pixels that the output loses on each side: 6 * 2^depth - 4 with valid convolutions, else 0.

    Parameters
    ----------
    depth : int
        Number of poolings; 0 is the bottom alone, a pair of convolutions.
    variant : str
        The network's, as `unet.UNet` has it.

    Returns
    -------
    int
        The border in pixels.

    Raises
    ------
    ValueError
        For a depth that is no whole number or below 0, or an unknown variant.

    Examples
    --------
    >>> border()
    92
    """
    depth = whole_number("depth", depth, least=0)
    return 0 if is_padded(variant) else 6 * 2**depth - 4


def crop_offsets(depth: int = 4, variant: str = "paper") -> list[int]:
    """Pixels cut from each side of the skip at each level (Fig. 1).

    What the U below a level takes off each side is, at the level's resolution, twice as much.

    Parameters
    ----------
    depth : int
        Number of poolings.
    variant : str
        The network's, as `unet.UNet` has it.

    Returns
    -------
    list of int
        One number a level, the finest first.

    Raises
    ------
    ValueError
        For a depth that is no whole number or below 1, or an unknown variant.

    Examples
    --------
    >>> crop_offsets()
    [88, 40, 16, 4]
    """
    depth = whole_number("depth", depth, least=1)
    return [2 * border(depth - level, variant) for level in range(1, depth + 1)]


def feature_map_sizes(
    size: int, depth: int = 4, variant: str = "paper"
) -> list[tuple[int, int, int]]:
    """Sides of the maps along the network, in the order of Fig. 1.

    Parameters
    ----------
    size : int
        Side of the tile in pixels.
    depth : int
        Number of poolings.
    variant : str
        The network's, as `unet.UNet` has it.

    Returns
    -------
    list of tuple of int
        One triple a level, down to the bottom and up again, in pixels: what arrives there, and what
        each of the two convolutions leaves.

    Raises
    ------
    ValueError
        As `output_size` does.

    Examples
    --------
    >>> feature_map_sizes(572)[4]
    (32, 30, 28)
    """
    output_size(size, depth, variant)  # refuses what does not fit
    taken = _taken_by_pair(variant)
    arriving, path = int(size), []
    for station in range(2 * depth + 1):
        leaving = arriving - taken
        path.append((arriving, arriving - taken // 2, leaving))
        arriving = leaving // 2 if station < depth else 2 * leaving
    return path


def input_window(first: int, last: int, depth: int = 4, variant: str = "paper") -> tuple[int, int]:
    """First and last input pixel, along one axis, that some output pixels can see.

    With valid convolutions both are counted from the first pixel of their own map, so that output
    pixel 0 lies over input pixel `border(depth)`. With ``variant="same"`` the window may reach
    beyond the image, into the zeros.

    Parameters
    ----------
    first, last : int
        The output pixels, from first to last.
    depth : int
        Number of poolings; 0 is the bottom alone.
    variant : str
        The network's, as `unet.UNet` has it.

    Returns
    -------
    tuple of int
        First and last input pixel.

    Raises
    ------
    ValueError
        For a depth that is no whole number or below 0, or an unknown variant.

    Examples
    --------
    >>> input_window(0, 0)
    (0, 187)
    """
    depth = whole_number("depth", depth, least=0)
    # A pair of convolutions sees 4 pixels more. Padding puts half of them before the window.
    before = PAIR // 2 if is_padded(variant) else 0
    after = PAIR - before
    first, last = first - before, last + after
    if depth == 0:
        return first, last
    # Down, around and up again is the widest way: what the skip sees lies within it.
    low, high = input_window(first // 2, last // 2, depth - 1, variant)
    return 2 * low - before, 2 * high + 1 + after


def receptive_field(depth: int = 4, variant: str = "paper") -> int:
    """Side of the largest window that one output pixel can see.

    Windows differ with the pixel's place in the 2^depth raster of the poolings: n pixels in a row,
    at the least favorable place, lie in n // 2 + 1 pairs.

    Parameters
    ----------
    depth : int
        Number of poolings; 0 is the bottom alone.
    variant : str
        The network's, as `unet.UNet` has it.

    Returns
    -------
    int
        The side in input pixels.

    Raises
    ------
    ValueError
        As `border` does.

    Examples
    --------
    >>> receptive_field()
    204
    """
    depth = whole_number("depth", depth, least=0)
    is_padded(variant)  # refuses what is no variant; padding only shifts the windows
    seen = 1
    for _ in range(depth):
        seen = (seen + PAIR) // 2 + 1
    seen += PAIR
    for _ in range(depth):
        seen = 2 * seen + PAIR
    return seen


def is_padded(variant: str) -> bool:
    """Whether a variant's convolutions are padded with zeros, so that they keep the size.

    Parameters
    ----------
    variant : str
        One of `VARIANTS`.

    Returns
    -------
    bool
        True for "same".

    Raises
    ------
    ValueError
        For an unknown variant; it names those there are.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant is one of {', '.join(VARIANTS)}, not {variant!r}")
    return variant == "same"


def whole_number(name: str, value: Any, least: int | None = None) -> int:
    """A value as an int, if it is a whole number.

    Parameters
    ----------
    name : str
        What the error calls it.
    value : any
        Integers of NumPy are whole numbers, True is none.
    least : int, optional
        The smallest that is right.

    Returns
    -------
    int
        The value.

    Raises
    ------
    ValueError
        If it is no whole number, or below `least`.

    Examples
    --------
    >>> whole_number("depth", 4, least=1)
    4
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or (least is not None and value < least):
        wanted = "a whole number" + ("" if least is None else f", {least} or more")
        raise ValueError(f"{name} must be {wanted}, not {value!r}")
    return int(value)


def _taken_by_pair(variant: str) -> int:
    """Pixels that a pair of 3 x 3 convolutions takes off a side."""
    return 0 if is_padded(variant) else PAIR
