"""One range for gray values, however the camera and the file spread them.

A network learns what gray means from its training images. The same field saved in 8 and in 16 bits,
or exposed for half the time, must look the same to it.
"""

import numpy as np

from unet_book._arrays import ArrayLike, to_numpy

__all__ = ["stretch"]

LOW, HIGH = 1.0, 99.8  # percentiles that become 0 and 1


def stretch(image: ArrayLike, low: float = LOW, high: float = HIGH) -> np.ndarray:
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
    ndarray of float32
        Of the same shape, in [0, 1]; a constant image becomes 0.

    Raises
    ------
    ValueError
        For percentiles that are not 0 <= low < high <= 100, or values that are not finite.

    Examples
    --------
    >>> stretch(np.arange(5, dtype=np.uint16), 0, 100).tolist()
    [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    if not 0 <= low < high <= 100:
        raise ValueError(f"percentiles are 0 <= low < high <= 100, not {low} and {high}")
    values = to_numpy(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("image holds NaN or infinity; replace them, for instance np.nan_to_num")
    darkest, brightest = values.min(initial=np.inf), values.max(initial=-np.inf)
    within = values[(values > darkest) & (values < brightest)]
    bottom, top = np.percentile(within, [low, high]) if within.size else (darkest, brightest)
    if not top > bottom:
        bottom, top = darkest, brightest
    if not top > bottom:
        return np.zeros(values.shape, np.float32)
    return np.clip((values - bottom) / (top - bottom), 0, 1).astype(np.float32)
