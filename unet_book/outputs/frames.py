"""What is written of one image: the cells found in it, and where in its file it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from unet_book.datasets.files import Resolution

__all__ = ["Origin", "Frame"]


@dataclass(frozen=True)
class Origin:
    """The file that images come from.

    Parameters
    ----------
    count : int
        How many images of one channel it holds.
    resolution : tuple or None
        Its pixels' size, as `datasets.files.read_resolution` gives it.
    axes : mapping of str to int
        As `datasets.files.read_axes` gives them.
    channel : int
        Which channel the images are, from 0.
    """

    count: int = 1
    resolution: Resolution | None = None
    axes: Mapping[str, int] = field(default_factory=dict)
    channel: int = 0

    def plane(self, number: int) -> tuple[int, int]:
        """Which plane of a volume, and which time, an image is; axes without a name are times.

        Parameters
        ----------
        number : int
            The image's, from 1.

        Returns
        -------
        tuple of int
            Plane and time, from 0.
        """
        sizes = {name: size for name, size in self.axes.items() if name not in "CSYX"}
        if np.prod([*sizes.values()]) != self.count:  # a file that says nothing of them
            return 0, number - 1
        place = dict(zip(sizes, map(int, np.unravel_index(number - 1, [*sizes.values()] or [1]))))
        times = [name for name in sizes if name != "Z"]
        time = 0
        for name in times:
            time = time * sizes[name] + place[name]
        return place.get("Z", 0), time

    def position(self, number: int) -> int:
        """Which of the file's slices an image is, as Fiji counts: channels first, times last.

        Parameters
        ----------
        number : int
            The image's, from 1.

        Returns
        -------
        int
            From 1.
        """
        plane, time = self.plane(number)
        at = time * self.axes.get("Z", 1) + plane
        return at * self.axes.get("C", 1) + self.channel + 1


@dataclass(frozen=True)
class Frame:
    """One image and the cells in it.

    Parameters
    ----------
    image : ndarray, (H, W)
        Gray values as the camera gave them.
    labels : ndarray of int, (H, W)
        Instance labels, 0 outside.
    probability : ndarray of float32, (H, W)
        What the network answered.
    number : int
        Which one of its file, from 1.
    """

    image: np.ndarray
    labels: np.ndarray
    probability: np.ndarray
    number: int = 1
