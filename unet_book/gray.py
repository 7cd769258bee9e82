"""One range for gray values, however the camera and the file spread them.

A network learns what gray means from its training images. The same field saved in 8 and in 16 bits,
or exposed for half the time, must look the same to it.
"""

import numpy as np

from unet_book._arrays import Array, ArrayLike, like, to_numpy

__all__ = ["stretch", "check_gray"]

LOW, HIGH = 1.0, 99.8  # percentiles that become 0 and 1


def stretch(image: ArrayLike, low: float = LOW, high: float = HIGH) -> Array:
    """Spread the gray values of one image over [0, 1], from one percentile to another.

    Pixels at the very lowest and the very highest value of the image don't count in the
    percentiles: a black frame around the field, or a saturated spot, is as large as it happens to
    be, and says nothing about the range in which the tissue lies.

    Parameters
    ----------
    image : array_like
        Gray values, of any shape, type and range.
    low, high : float
        Percentiles: what becomes 0 and what becomes 1; values outside are clipped.

    Returns
    -------
    ndarray or Tensor of float32
        Of the same shape, in [0, 1]; a constant image becomes 0.

    Raises
    ------
    ValueError
        For percentiles that are not 0 <= low < high <= 100, values that are not finite, or a type
        that is no number.

    Examples
    --------
    >>> stretch(np.arange(5, dtype=np.uint16), 0, 100).tolist()
    [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    if not 0 <= low < high <= 100:
        raise ValueError(f"percentiles are 0 <= low < high <= 100, not {low} and {high}")
    return like(_stretch(to_numpy(image), low, high), image)


def _stretch(image: np.ndarray, low: float, high: float) -> np.ndarray:
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
