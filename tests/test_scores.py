"""Scores of found cells, by hand, and the yardsticks beside them."""

import numpy as np
import pytest

from unet_book import metrics, scores
from unet_book.datasets import phantom

TRUTH = [
    np.array([[1, 1, 0, 2, 2, 2, 0, 0, 3, 3]]),
    np.array([[0, 0, 0, 5, 5], [0, 7, 0, -1, -1]]),
]
FOUND = [
    np.array([[4, 4, 4, 4, 4, 4, 0, 9, 0, 0]]),  # 1 and 2 merged, 3 missed, 9 invented
    np.array([[0, 0, 0, 1, 2], [3, 3, 0, 8, 8]]),  # 5 split; 7 at half its union
]


def test_scores_by_hand():
    """On the first image no pair passes one half but 2 in 4, at exactly 3 / 6.

    On the second, 5 is two halves of IoU 1/2 and 7 is 1/2: above one half none is. 8 lies where
    nobody annotated.
    """
    first, second = (scores.score([t], [f]) for t, f in zip(TRUTH, FOUND))
    assert first == scores.Score(
        3, 2, 4 / 10, pytest.approx((2 / 6 + 3 / 6) / 3), 0, 0, 0, 0, 2, 0, 1, 1
    )
    assert second == scores.Score(2, 3, 1 / 8, pytest.approx(0.5 / 2), 0, 0, 0, 0, 0, 1, 0, 0)
    both = scores.score(TRUTH, FOUND)
    assert (both.cells, both.found, both.merged, both.split) == (5, 5, 2, 1)
    assert both.pixel_error == pytest.approx(5 / 18)  # pixels, not images, count
    assert both.seg == pytest.approx((2 / 6 + 3 / 6 + 0.5) / 5)


def test_perfect_cells_score_one_and_no_cell_has_no_seg():
    best = scores.score(TRUTH, [np.maximum(t, 0) for t in TRUTH])
    assert best == scores.Score(5, 5, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0)
    empty = scores.score([np.zeros((3, 4), int)], [np.zeros((3, 4), int)])
    assert empty.seg is None and empty.ap == 1 and empty.cells == 0


def test_f1_is_of_all_cells_and_ap_of_all_images():
    truth = [np.array([[1, 0, 2, 0, 3]]), np.array([[1, 0, 0, 0, 0]])]
    found = [np.array([[1, 0, 2, 0, 3]]), np.array([[0, 0, 1, 0, 0]])]
    both = scores.score(truth, found)
    assert both.f1_50 == 2 * 3 / (2 * 3 + 1 + 1) and both.ap == (1 + 0) / 2


@pytest.mark.parametrize("inverted", [(), (0,), (0, 1, 2)])
def test_yardsticks_know_where_cells_are_dark(inverted):
    images, labels = phantom.stack("cells", 3, (90, 100), seed=1)
    images = [1 - image if i in inverted else image for i, image in enumerate(images)]
    found = scores.yardsticks(images, labels)
    assert [*found] == ["Otsu", "Otsu, watershed"]
    for cells in found.values():
        assert min(metrics.iou(t > 0, c > 0) for t, c in zip(labels, cells)) > 0.5


def test_the_watershed_knows_how_large_cells_are():
    y, x = np.indices((30, 50))
    disks = [np.hypot(y - 14, x - at) < 9 for at in (14, 30)]
    image = np.where(disks[0] | disks[1], 0.9, 0.1)
    found = scores.yardsticks([image], [np.where(disks[0], 1, 2 * disks[1])])
    assert [cells[0].max() for cells in found.values()] == [1, 2]


def test_yardsticks_of_images_without_a_cell():
    images, labels = [np.eye(9)], [np.zeros((9, 9), int)]
    assert all(len(cells) == 1 for cells in scores.yardsticks(images, labels).values())


def test_rows_are_of_each_image_and_of_all_of_them():
    rows = scores.rows(["a", "b"], TRUTH, {"network": FOUND, "Otsu": TRUTH})
    assert [(image, way, found.cells) for image, way, found in rows] == [
        ("a", "network", 3),
        ("a", "Otsu", 3),
        ("b", "network", 2),
        ("b", "Otsu", 2),
        ("(all)", "network", 5),
        ("(all)", "Otsu", 5),
    ]
    assert rows[2][2] == scores.score(TRUTH[1:], FOUND[1:])
    assert rows[4][2] == scores.score(TRUTH, FOUND)
