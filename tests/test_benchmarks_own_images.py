"""The benchmark of one's own images: what is drawn, how the peers see cells, what is reached."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from unet_book.datasets import Stack

pytest.importorskip("skimage")
sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import own_images  # noqa: E402
import own_images_peers as peers  # noqa: E402
from own_images import Part  # noqa: E402


def test_no_unseen_image_is_learned_from_or_chosen_on():
    for draw in own_images.DRAWS:
        learn, choose, unseen = own_images.split(Part("dsb2018", "ours", draw), 60)
        assert (len(learn), len(choose), len(unseen)) == (24, 6, 30)
        assert sorted(learn + choose + unseen) == list(range(60))
        for images in (1, 3, 10):
            few = own_images.split(Part("dsb2018", "ours", draw, images=images), 60)
            assert few[2] == unseen and set(few[0] + few[1]) <= set(learn + choose)
            assert len({*few[0], *few[1]}) == images
    assert own_images.split(Part("isbi", "ours"), 30)[2] == list(range(15, 30))


def test_every_part_has_a_file_of_its_own():
    parts = own_images.main_parts() + own_images.curves()
    assert len({part.file for part in parts}) == len(parts)
    assert len(own_images.main_parts()) == 3 * (3 * 3 + 2)


def block():
    """A cell of 8 x 8 px, one beside it that touches, and a pixel that nobody annotated."""
    cells = np.zeros((16, 24), int)
    cells[4:12, 2:10], cells[4:12, 10:18], cells[0, 0] = 1, 2, -1
    return cells


def test_the_border_is_two_pixels_of_each_cell_and_where_cells_touch():
    classes = peers.three_classes(block())
    assert classes[0, 0] == -1 and classes[1, 1] == 0
    assert (classes[6:10, 4:8] == 1).all() and (classes[6:10, 12:16] == 1).all()
    assert (classes == 1).sum() == 32 and (classes == 2).sum() == 128 - 32


def test_cores_of_the_inside_are_cells_and_take_the_border():
    classes = peers.three_classes(block())
    answer = np.stack([classes == k for k in range(3)]).astype(float)
    cells = peers.cells_of(answer, 0.5, 0.5, 0)
    assert cells.max() == 2 and np.array_equal(cells > 0, block() > 0)
    assert (cells[block() == 1] == cells[7, 5]).all()
    assert not peers.cells_of(answer, 0.5, 0.5, 65).any()
    assert peers.choose_levels([answer], [block()], [block()])[2] == 0


def test_a_forest_learns_bright_from_dark():
    pytest.importorskip("sklearn", reason="of the benchmarks")
    image = np.random.default_rng(0).random((32, 32)).astype(np.float32) / 4
    cells = np.zeros((32, 32), np.int32)
    cells[8:24, 8:24] = 1
    image[cells > 0] += 0.5
    answer = peers.forest(Stack("block", image[None], cells[None]), 0)
    assert peers.features(image).shape == (1024, 1 + 5 * len(peers.SIGMAS))
    assert ((answer(image) > 0.5) == (cells > 0)).mean() > 0.97


def test_the_scores_of_a_perfect_answer():
    truth = np.maximum(block(), 0)
    found = own_images.scores([truth], [truth])
    assert found["pixel_error"] == 0 and found["seg"] == found["f1_0.9"] == found["ap"] == 1
    assert found["cells"] == 2 and found["merged"] == found["split"] == 0
    joined = own_images.scores([truth], [np.minimum(truth, 1)])
    assert joined["merged"] == 2 and joined["pixel_error"] == 0


def stored(method, draw, seed, value):
    """The record of a part whose scores are all the same."""
    names = ("pixel_error", "seg", "f1_0.5", "f1_0.7", "merged")
    return {"method": method, "draw": draw, "seed": seed, "scores": dict.fromkeys(names, value)}


def test_what_counts_is_the_distance_to_the_best_other_of_each_draw():
    parts = [
        stored(method, draw, seed, value + draw)
        for method, value in zip(own_images.METHODS, (0.9, 0.1, 0.2, 0.8, 0.4))
        for draw in own_images.DRAWS
        for seed in ((0, 1) if method == "ours" else (0,))
    ]
    rows = own_images.means(parts)
    assert [row["seg"] for row in rows if row["method"] == "ours"] == [0.9, 1.9, 2.9, 1.9]
    measured = {target["what"]: target for target in own_images.targets(rows)}
    assert measured["SEG, to the best other"]["measured"] == pytest.approx(0.1)
    assert measured["SEG, to the best other"]["reached"]
    assert measured["pixel error, to the best other"]["measured"] == pytest.approx(0.8)
    assert not measured["pixel error, to the best other"]["reached"]


def test_a_part_that_is_there_is_not_made_again(monkeypatch, tmp_path):
    monkeypatch.setattr(own_images, "PARTS", tmp_path)
    monkeypatch.setattr(own_images.records, "clean_revision", lambda: "0123456789ab")
    monkeypatch.setattr(own_images, "images_of", lambda data: None)
    made = []

    def measure(part, stack):
        made.append(part.name)
        return {"cpu_seconds": 1.0, "scores": own_images.scores([block()], [block()])}

    monkeypatch.setattr(own_images, "measure", measure)
    own_images.main(["--only", "otsu-watershed"])
    own_images.main(["--only", "otsu-watershed", "draw1"])
    assert made == [f"dsb2018-otsu-watershed-draw{draw}-seed0" for draw in (0, 1, 2)]
    record = json.loads((tmp_path / f"{made[0]}.json").read_text())
    assert record["revision"] == "0123456789ab"


def test_two_ways_are_timed_in_turn(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(own_images.time, "process_time", lambda: clock[0])

    def takes(seconds):
        def run():
            clock[0] += seconds

        return run

    assert own_images.in_turn(takes(0.06), takes(0.12)) == pytest.approx(0.5)
