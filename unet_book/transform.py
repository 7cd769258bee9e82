"""`random_tile` as a torchvision transform, for those who build on torchvision.

It stands in a room of its own since importing torchvision takes seconds, and no training here
needs it.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

try:
    from torchvision import tv_tensors
    from torchvision.transforms import v2
except ImportError as error:
    raise ImportError(
        "this transform needs torchvision 0.21 or newer: pip install unet_book[torchvision]"
    ) from error

from unet_book.augmentation import (
    Augmentation,
    change_gray_values,
    check_tile,
    tile_coordinates,
)
from unet_book.elastic import resample

__all__ = ["RandomTile"]

PICTURES = (tv_tensors.Image, tv_tensors.Video)


class RandomTile(v2.Transform):
    """`augmentation.random_tile` as a torchvision transform of tv_tensors (Section 3.1).

    An `Image` or `Video` (..., H, W) becomes (..., tile, tile), float; a `Mask` (..., H, W) becomes
    (..., tile - 2 border, tile - 2 border). All that one call gets is sampled at the same places;
    what lies at no place, such as a class, passes through. An image of integer type is scaled by
    its type's largest value.

    Parameters
    ----------
    tile : int
        Side of the tile in pixels.
    border : int
        Pixels a side that masks lose.
    how : Augmentation, optional
        What may happen to the tile; by default what `Augmentation` does.
    generator : torch.Generator, optional
        On the CPU, advanced by each call; by default one with fresh entropy. In a worker of a
        DataLoader it starts anew, from its seed and the loader's, so that no two workers or epochs
        draw the same tiles.

    Raises
    ------
    ValueError
        If nothing is left within the border, or, when called, unless it gets images and masks of
        one size.
    TypeError
        When called with other tv_tensors, such as bounding boxes, which no longer would say where
        things are.
    """

    def __init__(
        self,
        tile: int,
        border: int = 0,
        how: Augmentation | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_tile(tile, border)
        self.tile, self.border, self.how = tile, border, how or Augmentation()
        self.generator = generator or torch.Generator()
        if generator is None:
            self.generator.seed()
        self.worker_seed = None

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw what all inputs of a call share; torchvision calls it.

        Parameters
        ----------
        flat_inputs : list of any
            The inputs of the call.

        Returns
        -------
        dict of str to any
            "places" to look at, and a "seed" for the gray values.

        Raises
        ------
        ValueError, TypeError
            As the class does.
        """
        shape = _size(flat_inputs)
        worker = get_worker_info()
        if worker is not None and worker.seed != self.worker_seed:
            # A worker has a copy of the generator, the same copy in each of them in each epoch.
            self.worker_seed = worker.seed
            self.generator.manual_seed(self.generator.initial_seed() ^ worker.seed)
        places = tile_coordinates(shape, self.tile, self.border, self.how, self.generator)
        seed = torch.randint(2**62, (), generator=self.generator).item()
        return {"places": places, "seed": seed}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Sample one input of the call; torchvision calls it.

        Parameters
        ----------
        inpt : any
            An image, a mask, or something else, which passes through.
        params : dict of str to any
            From `make_params`.

        Returns
        -------
        any
            As `inpt`.
        """
        places, inner = params["places"], slice(self.border, self.tile - self.border)
        if isinstance(inpt, PICTURES):
            pixels = inpt.as_subclass(Tensor)
            if not pixels.is_floating_point():
                pixels = v2.functional.to_dtype(pixels, torch.float32, scale=True)
            sampled = _sample(pixels, places.to(pixels.device), order=1)
            generator = torch.Generator().manual_seed(params["seed"])
            return tv_tensors.wrap(change_gray_values(sampled, self.how, generator), like=inpt)
        if isinstance(inpt, tv_tensors.Mask):
            mask = inpt.as_subclass(Tensor)
            sampled = _sample(mask, places[:, inner, inner].to(mask.device), order=0)
            return tv_tensors.wrap(sampled, like=inpt)
        return inpt


def _sample(pixels: Tensor, places: Tensor, order: int) -> Tensor:
    """`resample` for any number of leading axes."""
    flat = resample(pixels.reshape(-1, *pixels.shape[-2:]), places, order)
    return flat.reshape(*pixels.shape[:-2], *flat.shape[-2:])


def _size(flat_inputs: list[Any]) -> tuple[int, int]:
    """(H, W) of the first image or mask."""
    kinds = (*PICTURES, tv_tensors.Mask)
    for given in flat_inputs:
        if isinstance(given, tv_tensors.TVTensor) and not isinstance(given, kinds):
            raise TypeError(
                f"{type(given).__name__} can't follow a bent tile: give masks, and make boxes or "
                "points of those that come out (torchvision.ops.masks_to_boxes)"
            )
    sizes = [tuple(given.shape[-2:]) for given in flat_inputs if isinstance(given, kinds)]
    if not sizes or len(set(sizes)) > 1:
        raise ValueError(f"need images and masks of one size (tv_tensors), got sizes {sizes}")
    return sizes[0]
