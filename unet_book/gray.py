"""One range for gray values, however the camera and the file spread them.

A network learns what gray means from its training images. The same field saved in 8 and in 16 bits,
or exposed for half the time, must look the same to it.
"""

import numpy as np

from unet_book._arrays import Array, ArrayLike, like, to_numpy

__all__ = ["stretch", "noise", "check_gray"]

LOW, HIGH = 1.0, 99.8  # percentiles that become 0 and 1
DEEP = 25.0  # times the noise: an empty image spans 5, and every image with cells that we saw 20
HALF_NORMAL = 0.6745  # the median size of a number drawn from a standard normal distribution


def stretch(image: ArrayLike, low: float = LOW, high: float = HIGH, least: float = 0.0) -> Array:
    """Spread the gray values of one image over [0, 1], from one percentile to another.

    Pixels at the very lowest and the very highest value of the image don't count in the
    percentiles: a black frame around the field, or a saturated spot, is as large as it happens to
    be, and says nothing about the range in which the tissue lies. An image without a cell has no
    tissue at all, and its noise would be spread until it looked like some: with `least` the range
    is never narrower than so many times the noise.

    Parameters
    ----------
    image : array_like
        Gray values, of any shape, type and range.
    low, high : float
        Percentiles: what becomes 0 and what becomes 1; values outside are clipped.
    least : float
        The range is at least so many times the `noise`; `DEEP` for one's own images. 0: any.

    Returns
    -------
    ndarray or Tensor of float32
        Of the same shape, in [0, 1]; a constant image becomes 0.

    Raises
    ------
    ValueError
        For percentiles that are not 0 <= low < high <= 100, a `least` below 0, values that are not
        finite, or a type that is no number.

    Examples
    --------
    >>> stretch(np.arange(5, dtype=np.uint16), 0, 100).tolist()
    [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    if not 0 <= low < high <= 100:
        raise ValueError(f"percentiles are 0 <= low < high <= 100, not {low} and {high}")
    if not 0 <= least < np.inf:
        raise ValueError(f"least is how often the noise fits in the range, not {least}")
    return like(_stretch(to_numpy(image), low, high, least), image)


def noise(image: ArrayLike) -> float:
    """How much neighboring pixels differ that nothing but noise tells apart.

    Of each square of four pixels, the mean of one diagonal less that of the other: what is even,
    rises evenly or has a straight edge along the rows is gone, and noise stays as strong as it was.
    Their median, since squares on the edges of cells are few.

    Parameters
    ----------
    image : array_like, (..., H, W)
        Gray values.

    Returns
    -------
    float
        The standard deviation of normal noise; 0 without two rows and two columns.

    References
    ----------
    Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81 (1994): the
    median of the finest coefficients.

    Examples
    --------
    >>> noise(np.add.outer(np.arange(8), 3 * np.arange(8)))  # a slope
    0.0
    """
    pixels = np.atleast_2d(to_numpy(image)).astype(np.float64)
    height, width = (n // 2 * 2 for n in pixels.shape[-2:])
    even, odd = pixels[..., :height:2, :width], pixels[..., 1:height:2, :width]
    crossed = (even[..., ::2] - even[..., 1::2] - odd[..., ::2] + odd[..., 1::2]) / 2
    return float(np.median(np.abs(crossed)) / HALF_NORMAL) if crossed.size else 0.0


def _stretch(image: np.ndarray, low: float, high: float, least: float) -> np.ndarray:
    """`stretch` of a numpy array."""
    check_gray(image)
    values = image.astype(np.float64)
    largest = np.abs(values).max(initial=np.finfo(float).tiny)
    values /= largest  # so that no difference overflows
    darkest, brightest = values.min(initial=np.inf), values.max(initial=-np.inf)
    within = values[(values > darkest) & (values < brightest)]
    bottom, top = np.percentile(within, [low, high]) if within.size else (darkest, brightest)
    if not top > bottom:  # (almost) all pixels equal: the percentiles say nothing
        bottom, top = darkest, brightest
    if not top > bottom:
        return np.zeros(values.shape, np.float32)
    if least:
        top = max(top, bottom + least * noise(values))
    with np.errstate(over="ignore"):  # an outlier far outside the range is clipped all the same
        return np.clip((values - bottom) / (top - bottom), 0, 1).astype(np.float32)


def check_gray(image: np.ndarray) -> None:
    """Refuse what has no gray values.

    Parameters
    ----------
    image : ndarray
        Of any shape.

    Raises
    ------
    ValueError
        For values that are not finite, or a type that is no number.
    """
    if image.dtype.kind not in "biuf":
        raise ValueError(f"image is {image.dtype}; needed are integers or floating point numbers")
    if not np.isfinite(image).all():
        raise ValueError("image holds NaN or infinity; replace them, for instance np.nan_to_num")
