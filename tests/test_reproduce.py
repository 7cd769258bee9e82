"""The recorded runs: who is held out, what becomes of a part, and what a record says."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from unet_book import cli, datasets, overlap_tile, training
from unet_book.augmentation import Augmentation
from unet_book.checkpoint import load_model
from unet_book.datasets import phantom
from unet_book.pages import reproduce
from unet_book.pages.reproduce import Part, Table, contiguous_folds
from unet_book.training import hooks
from unet_book.unet import UNet

TINY = reproduce.recipe(
    base_channels=2, depth=1, tile=60, steps=2, measure_every=1, augmentation=Augmentation.none()
)


# For what does not depend on it.
in_single_precision = pytest.mark.parametrize("arithmetic", ["fp32"], indirect=True)


@pytest.fixture
def small_sets(monkeypatch):
    """Two tables on five drawn images of 96 x 96, one of them a tracking set with a margin."""
    small = datasets.Stack("drawn", *phantom.stack("membranes", count=5, shape=(96, 96)))
    inside = np.pad(np.ones((76, 76), bool), 10)
    unknown = np.where(inside | (small.labels > 0), small.labels, -1)
    sets = {"drawn": small, "tracks": datasets.Stack("tracks", small.images, unknown)}

    monkeypatch.setattr(reproduce.datasets, "load", lambda name, part: sets[name])
    monkeypatch.setattr(reproduce, "MARGIN", slice(10, -10))
    monkeypatch.setattr(reproduce, "THRESHOLDS", np.array([0.4, 0.6]))
    monkeypatch.setattr(
        reproduce,
        "TABLES",
        {
            "drawn": Table("drawn", TINY, tuple(map(Part, range(5))), membranes=True),
            "tracks": Table("tracks", TINY, (Part(seed=0), Part(seed=3))),
        },
    )


@pytest.mark.parametrize("count, folds", [(30, 5), (31, 5), (7, 2), (5, 5)])
def test_folds_are_runs_of_neighbors_and_hold_each_slice_once(count, folds):
    found = contiguous_folds(count, folds)
    assert np.array_equal(np.concatenate(found), np.arange(count))
    assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.mark.parametrize("count, folds", [(4, 5), (5, 1)])
def test_folds_that_cannot_be(count, folds):
    with pytest.raises(ValueError, match=str(count)):
        contiguous_folds(count, folds)


def test_a_fold_is_not_in_its_own_training(small_sets):
    train, _, test = reproduce.split(reproduce.TABLES["drawn"], Part(fold=2))
    assert len(train) == 4 and len(test) == 1
    assert not any(np.array_equal(image, test.images[0]) for image in train.images)


def test_tracking_sets_train_inside_the_margin_and_are_tested_whole(small_sets):
    train, _, test = reproduce.split(reproduce.TABLES["tracks"], Part())
    assert train.images.shape == (4, 76, 76) and train.labels.min() == 0
    assert test.images.shape[1:] == (96, 96) and test.labels.min() == 0


@pytest.mark.usefixtures("arithmetic")
def test_a_table_is_made_part_by_part_and_put_together(small_sets, tmp_path):
    """Parts that are there are not trained again; the record has each with its scores."""
    for part in (Part(seed=0), Part(seed=3)):
        with pytest.raises(FileNotFoundError, match=part.name):
            reproduce.collect("tracks", tmp_path, "command")
        reproduce.run_part("tracks", part, tmp_path, progress=False)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    reproduce.run_part("tracks", Part(seed=3), tmp_path, progress=False)
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    record = json.loads(json.dumps(reproduce.collect("tracks", tmp_path, "command")))
    assert [run["seed"] for run in record["runs"]] == [0, 3]
    assert all(run["resumed_from_step"] == 0 for run in record["runs"])
    assert all(run["test"] == [4] and 0 <= run["scores"]["seg"] <= 1 for run in record["runs"])
    assert [entry["step"] for entry in record["runs"][0]["history"]] == [1, 2]
    png = Image.open(io.BytesIO(base64.b64decode(record["pictures"][0]["probability"])))
    assert png.size == (96, 96) and png.mode == "L"


@pytest.mark.usefixtures("arithmetic")
def test_the_command_makes_parts_and_then_the_record(small_sets, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(cli.PARTS, "tracks", ["seed0", "seed3"])
    command = ["reproduce", "tracks", "--out", tmp_path, "--device", "cpu", "--part"]
    assert cli.main([*command, "seed3"]) == 0
    assert "still needs seed0" in capsys.readouterr().out
    assert cli.main([*command, "seed0", "seed3"]) == 0
    record = json.loads((tmp_path / "tracks.json").read_text())
    assert record["command"] == "unet-book reproduce tracks" and len(record["runs"]) == 2
    assert cli.main([*command, "seed7"]) == 2
    assert "seed0, seed3, not 'seed7'" in capsys.readouterr().err


@pytest.mark.usefixtures("arithmetic")
def test_a_part_that_was_broken_off_goes_on_and_says_so(small_sets, tmp_path, monkeypatch):
    def broken(model, *_):
        raise KeyboardInterrupt

    part = Part(seed=3)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(hooks, "held_out_error", broken)
        reproduce.run_part("tracks", part, tmp_path, progress=False)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(reproduce, "save", broken)
        reproduce.run_part("tracks", part, tmp_path, progress=False)
    run = reproduce.run_part("tracks", part, tmp_path, progress=False)
    assert run["resumed_from_step"] == TINY.steps
    assert [entry["step"] for entry in run["history"]] == [1, 2]


@in_single_precision
def test_membranes_are_scored_over_thresholds_on_both_sides(arithmetic, small_sets, tmp_path):
    run = reproduce.run_part("drawn", Part(fold=4), tmp_path, progress=False)
    assert list(run["scores"]) == ["one pass", "8 symmetries", "7 rotations"]
    for scores in run["scores"].values():
        assert scores["thresholds"] == [0.4, 0.6]
        for side in ("test", "train"):
            assert {"pixel_error", "rand_error", "warping_error", "v_rand", "v_info"} <= set(
                scores[side]
            )
            assert all(len(values) == 2 for values in scores[side].values())


@in_single_precision
def test_scores_alone_are_made_again_from_the_stored_network(arithmetic, small_sets, tmp_path):
    first = reproduce.run_part("tracks", Part(), tmp_path, progress=False)
    (tmp_path / "tracks-seed0-scores.json").unlink()
    assert reproduce.run_part("tracks", Part(), tmp_path, progress=False) == first


def test_an_inner_part_validates_on_images_that_nobody_trained_on(small_sets):
    table = replace(reproduce.TABLES["drawn"], validation=2, images=1)
    train, choose, held_out = reproduce.indices(table, Part(fold=0, inner=True), 5)
    assert (train.tolist(), choose.tolist(), held_out) == ([2], [3, 4], [0])
    whole = reproduce.indices(table, Part(fold=0), 5)
    assert whole[0].tolist() == [1, 2, 3, 4] and set(whole[1]) <= set(whole[0])
    isbi = reproduce.indices(reproduce.TABLES["drawn"], Part(fold=1), 30)
    assert len(isbi[0]) == 24 and len(isbi[1]) == len(isbi[2]) == 6 and not set(isbi[1]) & {6, 11}


@in_single_precision
def test_an_inner_part_is_judged_on_the_way_and_a_trial_never_tested(
    arithmetic, small_sets, tmp_path
):
    part, drawn = Part(fold=4, inner=True), reproduce.TABLES["drawn"]
    averaged = replace(drawn, preset=replace(TINY, average=0.9), validation=2)
    run = reproduce.run_part("drawn", part, tmp_path / "a", progress=False, table=averaged)
    assert set(run["scores"]["one pass"]) == {"thresholds", "validation", "test"}
    for entry in run["history"]:
        for kind in ("scores", "raw"):
            assert {"pixel_error", "v_rand", "v_info"} <= set(entry[kind])
    last, swept = run["history"][-1]["scores"], run["scores"]["one pass"]["validation"]
    assert last["v_info"] == pytest.approx(max(swept["v_info"]), abs=1e-6)
    trial = replace(averaged, trial=True)
    run = reproduce.run_part("drawn", part, tmp_path / "b", progress=False, table=trial)
    assert set(run["scores"]["one pass"]) == {"thresholds", "validation"} and "picture" not in run


def test_the_mean_of_networks_is_trained_where_one_is_missing(small_sets, tmp_path):
    table = replace(reproduce.TABLES["drawn"], preset=TINY)
    engine = training.Engine("fp32")
    part = Part(fold=1, mean_of=(0, 2))
    assert part.name == "fold1-mean02" and [member.name for member in part.members] == [
        "fold1-seed0",
        "fold1-seed2",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduce, "Engine", lambda: engine)
        run = reproduce.run_part("drawn", part, tmp_path, progress=False, table=table)
        again = reproduce.run_part("drawn", part.members[1], tmp_path, progress=False, table=table)
    assert run["seeds"] == [0, 2] and "history" not in run and "history" in again
    models = [load_model(tmp_path / f"drawn-{member.name}.safetensors") for member in part.members]
    test = reproduce.split(table, part)[2]
    expected = np.mean([overlap_tile.predict(model, test.images[0])[1] for model in models], 0)
    assert np.allclose(reproduce.probabilities(models, test)[0], expected)


@pytest.mark.parametrize("name", ["a", "half 0.5"])
def test_parts_of_tables_with_a_point_in_their_name_do_not_meet(name, tmp_path):
    places = [reproduce.place_of(name, Part(seed=seed), tmp_path) for seed in (0, 1)]
    files = [
        file
        for place in places
        for file in (*reproduce.files(place), reproduce.weights_file(place))
    ]
    assert len(set(files)) == 6 and all(file.name.startswith(f"{name}-seed") for file in files)


def test_the_parts_of_a_table_have_names_of_their_own():
    for table in reproduce.TABLES.values():
        assert len({part.name for part in table.parts}) == len(table.parts)


def test_a_shrunk_set_is_seen_small_and_scored_at_full_size(small_sets):
    stack = reproduce.datasets.load("drawn", "all")
    small = reproduce.shrunk(stack, 2)
    assert small.images.shape == (5, 48, 48)
    assert np.isclose(small.images[1, 3, 4], stack.images[1, 6:8, 8:10].mean())
    assert small.labels[1, 3, 4] == stack.labels[1, 6, 8]
    model = UNet(base_channels=2, depth=1)
    assert reproduce.probabilities([model], stack, None, 2).shape == (5, 96, 96)
    near = reproduce.probabilities([model], stack, None, 1)
    assert np.array_equal(near[2], overlap_tile.predict(model.eval(), stack.images[2])[1])


def test_stretched_images_fill_the_range():
    pale = np.random.default_rng(0).uniform(0.4, 0.45, (2, 50, 50))
    images = reproduce.stretched(datasets.Stack("pale", pale, np.zeros(pale.shape, int))).images
    assert np.allclose(np.quantile(images, (0, 1), axis=(1, 2)), [[0, 0], [1, 1]])
    assert abs(images.mean() - 0.5) < 0.03


def test_how_cells_are_found_is_chosen_on_all_images_of_the_first_side(monkeypatch):
    """On the first two images a low threshold is best, on the other three, and on all, a high."""
    labels = np.zeros((5, 40, 40), int)
    labels[:, 15:25, 15:25] = 1
    surely = np.where(labels > 0, 0.95, 0.02)
    surely[:2][labels[:2] > 0] = 0.4
    surely[2:, 5:15, 5:35] = 0.6  # beside the cell, and no cell
    stack = datasets.Stack("drawn", np.zeros(labels.shape), labels)
    monkeypatch.setattr(reproduce, "probabilities", lambda models, side, *_: surely[: len(side)])
    scores = reproduce.score_cells([], {"seen": stack, "test": stack[:2]})["scores"]
    assert scores["threshold"] >= 0.6 and scores["seg_seen"] == 0.6
