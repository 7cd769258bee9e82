"""What images and labels must be; one line says what is wrong with one."""

import numpy as np

__all__ = ["check_image", "check_labels"]


def check_image(name: object, image: np.ndarray) -> None:
    """Refuse what is no image.

    Parameters
    ----------
    name : object
        What the error calls it.
    image : ndarray
        (H, W), floating point, in [0, 1].

    Raises
    ------
    ValueError
        For any other.
    """
    if image.ndim != 2 or 0 in image.shape:
        raise ValueError(f"{name}: shape {image.shape}; needed is (H, W)")
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(
            f"{name}: {image.dtype}; needed is floating point in [0, 1] "
            "(datasets.to_unit brings a gray image there)"
        )
    bad = image[~((image >= 0) & (image <= 1))]  # written so that NaN counts as bad
    if bad.size:
        raise ValueError(
            f"{name}: {bad.size} image values are not in [0, 1], the first is {bad[0]}; "
            "datasets.to_unit brings a finite gray image there"
        )


def check_labels(name: object, labels: np.ndarray) -> None:
    """Refuse what are no labels.

    Parameters
    ----------
    name : object
        What the error calls them.
    labels : ndarray
        Integers from -1 to what int32 holds, of any shape.

    Raises
    ------
    ValueError
        For any other.
    """
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{name}: labels are {labels.dtype}; needed are integers: 0 for background, "
            "1 … K for cells, -1 for not annotated"
        )
    if labels.size and labels.min() < -1:
        raise ValueError(f"{name}: label {labels.min()} found; the smallest allowed is -1")
    if labels.size and labels.max() > np.iinfo(np.int32).max:
        raise ValueError(f"{name}: label {labels.max()} found; the largest allowed is 2147483647")
