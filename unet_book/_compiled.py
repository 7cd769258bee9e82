"""Loops that numba compiles, kept between runs where there is a place to keep them."""

from collections.abc import Callable

from numba import njit

__all__ = ["compiled"]


def compiled(loop: Callable) -> Callable:
    """A loop that is compiled at its first call, and runs without Python's lock.

    The machine code is kept beside the package or in the user's cache. Where neither can be
    written, as for a user without a home in a container, it is compiled anew in each program.

    Parameters
    ----------
    loop : callable
        A function that numba understands.

    Returns
    -------
    callable
        The same, compiled.
    """
    try:
        return njit(cache=True, nogil=True)(loop)
    except RuntimeError:  # numba found no place for its cache
        return njit(nogil=True)(loop)
