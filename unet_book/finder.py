"""A trained network with all that turns an image into cells: gray values in, instance labels out.

The weights alone don't say how gray values were spread when they were learned, nor from which
probability on a pixel is a cell. Kept apart from the network, both are guessed later, and guessed
wrongly. So one file holds all three, and how large the cells were.
"""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field
from zlib import crc32

import numpy as np
import torch

from unet_book import checkpoint, magnification
from unet_book._arrays import ArrayLike, to_numpy
from unet_book.datasets.files import normalized
from unet_book.gray import HIGH, LOW, stretch
from unet_book.instances import Rule, find_cells
from unet_book.overlap_tile import predict
from unet_book.sizes import nearest_valid_sizes
from unet_book.training.distributed import choose_device
from unet_book.unet import UNet

__all__ = ["CellFinder", "fingerprint", "best_tile"]

KEY = "finder"  # in the state of the file


@dataclass(frozen=True)
class CellFinder:
    """A network of two classes, how gray values reach it, and how cells are made of its answers.

    Parameters
    ----------
    model : UNet
        The network.
    percentiles : tuple of two float, or None
        Which gray values of an image become 0 and 1, as for `gray.stretch`. None: `to_unit`.
    rule : Rule
        How cells are made of probabilities.
    tile : int
        About how large the tiles are in which an image is predicted, px.
    seen : tuple of int
        `fingerprint` of each image that trained the network, so that no score on these is taken for
        one on images that are new to it.
    diameter : float or None
        How large the cell in the middle of an image is to be, px. An image whose cells look larger
        or smaller in a first answer is resampled and answered again (`magnification`). None: every
        image is answered once, as it is.
    """

    model: UNet
    percentiles: tuple[float, float] | None = (LOW, HIGH)
    rule: Rule = field(default_factory=Rule)
    tile: int = 572
    seen: tuple[int, ...] = ()
    diameter: float | None = None

    def normalized(self, image: ArrayLike) -> np.ndarray:
        """The image as the network wants it.

        Parameters
        ----------
        image : array_like, (H, W)
            Gray values of any type and range.

        Returns
        -------
        ndarray of float32, (H, W)
            In [0, 1].

        Raises
        ------
        ValueError
            As `gray.stretch` does.
        """
        return normalized(to_numpy(image), self.percentiles)

    def probability(self, image: ArrayLike) -> np.ndarray:
        """How sure the network is of a cell.

        Parameters
        ----------
        image : array_like, (H, W)
            Gray values of any type and range.

        Returns
        -------
        ndarray of float32, (H, W)
            From 0 to 1.

        Raises
        ------
        ValueError
            As `gray.stretch` and `overlap_tile.predict` do.
        """
        return self.answer(self.normalized(image))

    def answer(self, image: np.ndarray) -> np.ndarray:
        """`probability` of an image whose gray values are `normalized` already.

        Parameters
        ----------
        image : ndarray of float32, (H, W)
            In [0, 1].

        Returns
        -------
        ndarray of float32, (H, W)
        """
        return self.sized_answer(image)[0]

    def sized_answer(
        self, image: np.ndarray, cells: float | None = None
    ) -> tuple[np.ndarray, float]:
        """`answer`, and by how much the image was enlarged for it.

        Parameters
        ----------
        image : ndarray of float32, (H, W)
            In [0, 1].
        cells : float or None
            The diameter of its cell in the middle, px; None: as a first answer shows it.

        Returns
        -------
        ndarray of float32, (H, W)
            From 0 to 1.
        float
            1 where the network knows cells of any size.
        """
        if self.diameter is None:
            return self._answered(image), 1.0
        first = None
        if cells is None:
            first = self._answered(image)
            cells = magnification.seen_diameter(first)
        by = magnification.factor(cells, self.diameter)
        if by != 1:
            return self.answer_at(image, by), by
        return (self._answered(image) if first is None else first), by

    def answer_at(self, image: np.ndarray, by: float) -> np.ndarray:
        """`answer` of an image that is enlarged first, and the answer made as small again.

        Parameters
        ----------
        image : ndarray of float32, (H, W)
            In [0, 1].
        by : float
            The factor; below 1 the image shrinks.

        Returns
        -------
        ndarray of float32, (H, W)
        """
        shape = magnification.scaled_shape(image.shape, by)
        answer = self._answered(magnification.resize(image, shape))
        return magnification.resize(answer, image.shape, "bilinear")

    def _answered(self, image: np.ndarray) -> np.ndarray:
        """What the network says of an image as it is."""
        return predict(self.model, image, best_tile(self.model, self.tile))[1]

    def find(self, image: ArrayLike) -> np.ndarray:
        """The cells of one image.

        Parameters
        ----------
        image : array_like, (H, W)
            Gray values of any type and range.

        Returns
        -------
        ndarray of int32, (H, W)
            Instance labels 1 ... K, 0 outside.

        Raises
        ------
        ValueError
            As `probability` does.
        """
        return find_cells(self.probability(image), self.rule)

    def save(self, path: str | os.PathLike) -> None:
        """Write all of it to one file, all or nothing.

        Parameters
        ----------
        path : str or PathLike
            The file.

        Raises
        ------
        OSError
            If it can't be written; what was there before is then untouched.
        """
        settings = {
            "percentiles": self.percentiles,
            "rule": asdict(self.rule),
            "seen": self.seen,
            "diameter": self.diameter,
        }
        checkpoint.save(path, self.model, state={KEY: settings})

    @staticmethod
    def load(path: str | os.PathLike, device: str | torch.device | None = None) -> CellFinder:
        """What `save` wrote.

        Parameters
        ----------
        path : str or PathLike
            The file. A network that was saved alone comes with `to_unit` and the plain rule.
        device : str, torch.device or None
            Where it is to run; None takes the GPU if there is one.

        Returns
        -------
        CellFinder

        Raises
        ------
        ValueError
            If the file is damaged, holds another network, or settings that can't be.
        FileNotFoundError
            If there is none.
        """
        settings = checkpoint.peek(path).get(KEY, {"percentiles": None, "rule": {}})
        try:
            checked = _checked(**settings)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: what it says of finding cells can't be: {error}") from error
        model = checkpoint.load_model(path, choose_device(device))
        return CellFinder(model, **checked)


def fingerprint(image: np.ndarray) -> int:
    """A number that tells one normalized image from another.

    Parameters
    ----------
    image : ndarray of float32, (H, W)
        In [0, 1].

    Returns
    -------
    int
        32 bits.
    """
    return crc32(np.ascontiguousarray(image, "<f4").tobytes(), image.shape[1])


def best_tile(model: UNet, about: int = 572) -> int:
    """A tile that fits the network.

    Parameters
    ----------
    model : UNet
        The network.
    about : int
        How large it should be, px.

    Returns
    -------
    int
        Its side, px.
    """
    return nearest_valid_sizes(about, model.depth, model.variant)[1]


def _checked(
    percentiles: list[float] | None,
    rule: dict,
    seen: list[int] = (),
    diameter: float | None = None,
) -> dict:
    """The settings of a file as what they are; TypeError or ValueError if they can't be."""
    if percentiles is not None:
        low, high = percentiles = (*map(float, percentiles),)
        stretch(np.zeros(1), low, high)
    if diameter is not None and not 0 < diameter < math.inf:
        raise ValueError(f"diameter is a number of pixels above 0, or None: {diameter}")
    return {
        "percentiles": percentiles,
        "rule": Rule(**rule),
        "seen": (*map(int, seen),),
        "diameter": diameter,
    }
