"""The torchvision transform: tv_tensors in, tv_tensors out, read at the same places."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from unet_book import transform as room
from unet_book.augmentation import Augmentation
from unet_book.transform import RandomTile


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(height, width):
    """Labels that name their place: row * width + column."""
    return torch.arange(height * width, dtype=torch.int32).reshape(height, width)


def image_and_mask(image_shape=(1, 20, 30), mask_shape=(20, 30)):
    """An image and a mask that both name their place; float and int32."""
    numbers = numbered(20, 30)
    image = tv_tensors.Image((numbers / 600).expand(image_shape).clone())
    return image, tv_tensors.Mask(numbers.expand(mask_shape).clone())


@pytest.mark.parametrize("image_shape", [(1, 20, 30), (3, 20, 30), (2, 3, 20, 30)])
@pytest.mark.parametrize("mask_shape", [(20, 30), (1, 20, 30), (4, 20, 30)])
def test_the_transform_keeps_types_and_leading_axes(image_shape, mask_shape):
    image, mask = RandomTile(12, 2)(*image_and_mask(image_shape, mask_shape))
    assert isinstance(image, tv_tensors.Image) and isinstance(mask, tv_tensors.Mask)
    assert image.shape == (*image_shape[:-2], 12, 12) and mask.shape == (*mask_shape[:-2], 8, 8)
    assert image.dtype == torch.float32 and mask.dtype == torch.int32


def test_the_transform_reads_image_and_mask_at_the_same_places():
    how = Augmentation.none()
    for seed in range(20):
        image, mask = RandomTile(12, 2, how, seeded(seed))(
            *image_and_mask((3, 20, 30), (2, 20, 30))
        )
        expected = mask / 600
        np.testing.assert_allclose(image[:2, 2:-2, 2:-2], expected, rtol=0, atol=1e-4)


def test_the_transform_bends_every_channel_and_mask_alike():
    image, mask = RandomTile(12, 2, generator=seeded())(*image_and_mask((3, 20, 30), (4, 20, 30)))
    assert torch.equal(image[0], image[1]) and torch.equal(mask[0], mask[3])


def test_the_transform_gives_all_images_of_a_call_the_same_gray_values():
    image, _ = image_and_mask()
    first, second = RandomTile(12)(image, image)
    assert torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_the_transform_scales_images_of_integers(dtype):
    largest = torch.iinfo(dtype).max
    image = tv_tensors.Image(torch.full((3, 9, 9), largest).to(dtype))
    image[0] = 0
    tile = RandomTile(6, how=Augmentation.none())(image)
    assert tile.dtype == torch.float32
    assert (tile[0] == 0).all() and torch.allclose(tile[1:], torch.ones(2, 6, 6))


def test_the_transform_takes_masks_of_bool():
    mask = RandomTile(8)(tv_tensors.Mask(torch.eye(20, dtype=torch.bool)))
    assert mask.dtype == torch.bool


def test_the_transform_passes_other_inputs_through():
    image, mask = image_and_mask()
    other = torch.rand(5)
    sample = {"image": image, "mask": mask, "name": "a01", "other": other, "number": 7}
    result = RandomTile(12)(sample)
    assert result["name"] == "a01" and result["number"] == 7 and result["other"] is other
    assert result["image"].shape == (1, 12, 12) and result["mask"].shape == (12, 12)


def test_the_transform_leaves_its_inputs_unchanged():
    image, mask = image_and_mask()
    copies = image.clone(), mask.clone()
    RandomTile(12)(image, mask)
    assert torch.equal(image, copies[0]) and torch.equal(mask, copies[1])


def test_the_transforms_calls_differ_and_its_seeds_repeat():
    image, _ = image_and_mask()
    transform = RandomTile(12, generator=seeded())
    first, second = transform(image), transform(image)
    assert not torch.equal(first, second)
    again = RandomTile(12, generator=seeded())
    assert torch.equal(again(image), first) and torch.equal(again(image), second)
    assert not torch.equal(RandomTile(12)(image), RandomTile(12)(image))


def test_the_transform_works_in_compose():
    compose = v2.Compose(
        [RandomTile(12, 2), v2.ToDtype({tv_tensors.Image: torch.float64, "others": None})]
    )
    image, mask = compose(*image_and_mask())
    assert image.shape == (1, 12, 12) and image.dtype == torch.float64 and mask.shape == (8, 8)


class FiveTiles(Dataset):
    """Five samples of one image."""

    transform = None

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return self.transform(*image_and_mask())


def test_the_transform_works_in_a_data_loader():
    tiles = FiveTiles()
    tiles.transform = RandomTile(12, 2, generator=seeded())
    batches = list(DataLoader(tiles, batch_size=4))
    assert [image.shape for image, _ in batches] == [(4, 1, 12, 12), (1, 1, 12, 12)]
    assert [mask.shape for _, mask in batches] == [(4, 8, 8), (1, 8, 8)]
    assert len(torch.cat([image for image, _ in batches]).unique(dim=0)) == 5


def test_workers_of_a_data_loader_draw_tiles_of_their_own(monkeypatch):
    def first_tiles(worker_seed):
        info = worker_seed and SimpleNamespace(seed=worker_seed)
        monkeypatch.setattr(room, "get_worker_info", lambda: info)
        transform = RandomTile(12, generator=seeded())  # what a worker gets: a copy
        return torch.stack([transform(image_and_mask()[0]) for _ in range(3)])

    tiles = torch.cat([first_tiles(seed) for seed in (None, 100, 101)])
    assert len(tiles.unique(dim=0)) == 9
    assert torch.equal(first_tiles(100), first_tiles(100))


def test_in_one_worker_two_transforms_keep_their_own_seeds(monkeypatch):
    monkeypatch.setattr(room, "get_worker_info", lambda: SimpleNamespace(seed=100))
    tiles = [
        RandomTile(12, generator=torch.Generator().manual_seed(seed))(image_and_mask()[0])
        for seed in (1, 2)
    ]
    assert not torch.equal(*tiles)


def test_global_random_state_is_neither_read_nor_set():
    before = torch.get_rng_state()
    RandomTile(8)(image_and_mask()[0])
    assert torch.equal(torch.get_rng_state(), before)


# Errors


@pytest.mark.parametrize("tile, border", [(0, 0), (8, 4), (8, 5), (8, -1)])
def test_a_border_that_leaves_nothing_is_refused(tile, border):
    message = f"a tile of {tile} px has nothing left within a border of {border} px"
    with pytest.raises(ValueError, match=message):
        RandomTile(tile, border)


def test_the_transform_refuses_an_image_and_a_mask_of_two_sizes():
    image, _ = image_and_mask()
    with pytest.raises(ValueError, match=r"one size .*\(20, 30\), \(30, 20\)"):
        RandomTile(12)(image, tv_tensors.Mask(torch.zeros(30, 20, dtype=torch.int32)))


def test_a_video_is_sampled_frame_by_frame_as_an_image():
    image, mask = image_and_mask((1, 20, 30))
    video = tv_tensors.Video(torch.stack([image, image.flip(-1)]))
    found, _ = RandomTile(12, 2, generator=seeded())(video, mask)
    expected, _ = RandomTile(12, 2, generator=seeded())(image, mask)
    assert isinstance(found, tv_tensors.Video) and found.shape == (2, 1, 12, 12)
    assert torch.equal(found[0], expected)


@pytest.mark.parametrize("kind", ["BoundingBoxes", "KeyPoints"])
def test_what_would_stay_behind_is_refused(kind):
    if not hasattr(tv_tensors, kind):
        pytest.skip(f"this torchvision has no {kind}")
    numbers, how = ([[1, 2, 3, 4]], {"format": "XYXY"}) if kind[0] == "B" else ([[1, 2]], {})
    places = getattr(tv_tensors, kind)(numbers, canvas_size=(20, 30), **how)
    for given in ((*image_and_mask(), places), {"image": image_and_mask()[0], "there": [places]}):
        with pytest.raises(TypeError, match=f"{kind} can't follow a bent tile: give masks"):
            RandomTile(12)(given)


def test_what_lies_nowhere_passes_through():
    image, name, number = RandomTile(12)(image_and_mask()[0], "cell", 3)
    assert image.shape == (1, 12, 12) and (name, number) == ("cell", 3)


def test_the_transform_refuses_a_call_without_an_image():
    with pytest.raises(ValueError, match="need images and masks"):
        RandomTile(12)(torch.rand(1, 20, 30))
