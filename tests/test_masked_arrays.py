"""Arrays come in as they are: numpy or torch, one or several, and nothing of them is lost."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from unet_book import datasets, elastic, instances, metrics, overlap_tile, weight_map
from unet_book._arrays import to_images, to_numpy, to_torch
from unet_book.datasets import Stack, files
from unet_book.pages import plots, survey
from unet_book.unet import UNet

GRAY, LABELS = np.full((8, 8), 0.5, np.float32), np.eye(8, dtype=np.int32)
HIDDEN = np.arange(64).reshape(8, 8) == 9
MASKED_GRAY, MASKED = np.ma.array(GRAY, mask=HIDDEN), np.ma.array(LABELS, mask=HIDDEN)
NET = UNet(base_channels=1, depth=1)


@pytest.mark.parametrize(
    "use",
    [
        lambda: to_numpy([LABELS, MASKED]),
        lambda: to_torch(MASKED),
        lambda: to_images([MASKED]),
        lambda: Stack("s", MASKED_GRAY[None], LABELS[None]),
        lambda: Stack("s", [GRAY], [MASKED]),
        lambda: datasets.to_unit(MASKED_GRAY),
        lambda: datasets.instances(MASKED),
        lambda: files.write_labels("never.tif", MASKED),
        lambda: metrics.pixel_error(MASKED, LABELS),
        lambda: metrics.seg([LABELS, LABELS], [LABELS, MASKED]),
        lambda: metrics.thin(MASKED),
        lambda: metrics.challenge_scores(LABELS, MASKED_GRAY),
        lambda: weight_map.weight_map(MASKED),
        lambda: weight_map.part_touching_cells([LABELS, MASKED]),
        lambda: weight_map.two_nearest_distances(MASKED),
        lambda: elastic.deform(MASKED_GRAY, np.zeros((2, 8, 8))),
        lambda: elastic.jacobian(np.ma.array(np.zeros((2, 8, 8)), mask=[HIDDEN, HIDDEN])),
        lambda: overlap_tile.predict(NET, MASKED_GRAY, 60),
        lambda: instances.find_cells(MASKED_GRAY),
        lambda: survey.touching(MASKED),
        lambda: survey.correlations(MASKED_GRAY, reach=3),
        lambda: survey.copied(MASKED, LABELS),
        lambda: plots.colored(GRAY, MASKED),
        lambda: plots.gallery({"masked": MASKED_GRAY}),
    ],
)
def test_a_mask_is_not_lost_in_silence(use):
    with pytest.raises(ValueError, match="a masked array would lose its mask: fill it first"):
        use()


def test_a_masked_array_with_nothing_masked_is_an_array():
    whole = np.ma.array(LABELS, mask=False)
    assert metrics.pixel_error(whole, whole) == 0
    assert np.array_equal(to_numpy(whole), LABELS) and type(to_numpy(whole)) is np.ndarray


def test_images_of_one_of_a_stack_and_of_a_list():
    other = np.zeros((3, 5), np.int32)
    for given, expected in (
        (LABELS, [LABELS]),
        (LABELS.tolist(), [LABELS]),
        (np.stack([LABELS, LABELS.T]), [LABELS, LABELS.T]),
        (torch.from_numpy(LABELS), [LABELS]),
        ([LABELS, torch.from_numpy(other)], [LABELS, other]),
        ((other, LABELS), [other, LABELS]),
    ):
        found = to_images(given)
        assert len(found) == len(expected) and all(map(np.array_equal, found, expected))
    with pytest.raises(ValueError, match=r"\(H, W\) or \(N, H, W\).*got \(8,\)"):
        to_images(LABELS[0])


def test_numbering_parts_gives_what_it_got():
    mask = np.array([[[1, 0, 1], [0, 0, 1]], [[0, 1, 1], [0, 0, 1]]])
    expected = [[[1, 0, 2], [0, 0, 2]], [[0, 1, 1], [0, 0, 1]]]
    for given in (mask, mask > 0, 0.3 * mask):
        found = datasets.instances(given)
        assert found.dtype == np.int32 and found.tolist() == expected
        there = datasets.instances(torch.from_numpy(given))
        assert there.dtype == torch.int32 and there.tolist() == expected
    found = datasets.instances([torch.from_numpy(mask[0]), torch.from_numpy(mask[1, :1])])
    assert [image.tolist() for image in found] == [expected[0], expected[1][:1]]
    assert all(isinstance(image, torch.Tensor) for image in found)
    with pytest.raises(ValueError, match=r"got \(1, 2, 2, 3\)"):
        datasets.instances(mask[None])


def test_arrays_of_numpy_need_no_torch():
    code = """if True:
        import sys
        from unet_book._arrays import like, to_images, to_numpy
        like(to_numpy([[1]]), to_images([[1]])[0])
        sys.exit("torch" in sys.modules)"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
