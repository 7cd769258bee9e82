"""What the three timing scripts of chapters 6 to 8 measure is what they say; not how fast."""

import json
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from unet_book import _package
from unet_book.datasets import phantom
from unet_book.initialization import he_normal_
from unet_book.overlap_tile import predict
from unet_book.pages import records
from unet_book.weight_map import part_touching_cells

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import deformation  # noqa: E402
import harness  # noqa: E402
import overlap_tile  # noqa: E402
import weight_map  # noqa: E402
import weight_map_peers  # noqa: E402

DATA = _package.ROOM.parent / "data"
SCRIPTS = {"weight_map": weight_map, "deformation": deformation, "overlap_tile": overlap_tile}


@pytest.fixture
def checkout(monkeypatch, tmp_path):
    """Records go to a folder of their own, as from an unchanged checkout."""
    monkeypatch.setattr(_package, "ROOM", tmp_path / "unet_book")
    (tmp_path / "unet_book" / "data").mkdir(parents=True)
    for part in ("nuclei", "weights"):
        (tmp_path / "unet_book" / "data" / part).symlink_to(DATA / part)
    monkeypatch.setattr(records, "revision", lambda: "0123456789ab")
    monkeypatch.setattr(harness, "installed", lambda *packages: [])
    threads = torch.get_num_threads()
    yield tmp_path
    torch.set_num_threads(threads)


# ---- the harness


def ticking(monkeypatch, *times):
    """A clock with which the runs take `times` seconds, one after the other."""
    ticks = iter(np.repeat(np.cumsum([0, *times]), 2)[1:-1].tolist())
    monkeypatch.setattr(harness.time, "perf_counter", lambda: next(ticks))


def test_rows_take_turns_and_the_first_round_is_not_counted(monkeypatch):
    order = []
    rows = [
        harness.Row("a", harness.OURS, lambda: order.append(0)),
        harness.Row("a", "peer", lambda: order.append(1)),
        harness.Row("b", "peer", lambda: order.append(2), times=10, rounds=1),
    ]
    ticking(monkeypatch, 50, 60, 70, 1, 4, 5, 3, 16, 2, 10)
    lines = harness.timed(rows, rounds=3)
    assert order == [0, 1, 2, 0, 1, 2, 0, 1, 0, 1]
    assert lines == [
        {
            "case": "a",
            "method": harness.OURS,
            "median_s": 2,
            "min_s": 1,
            "max_s": 3,
            "ratio_to_ours": 1,
        },
        {
            "case": "a",
            "method": "peer",
            "median_s": 10,
            "min_s": 4,
            "max_s": 16,
            "ratio_to_ours": 5,
        },
        {
            "case": "b",
            "method": "peer",
            "median_s": 50,
            "min_s": 50,
            "max_s": 50,
            "extrapolated": True,
        },
    ]


def test_the_collector_rests_while_the_clock_runs():
    seen = []
    assert harness.seconds(lambda: seen.append(harness.gc.isenabled())) > 0
    assert seen == [False] and harness.gc.isenabled()


def test_memory_is_what_a_run_adds():
    if (found := harness.peak_mib("harness", "lambda: bytearray(64 << 20)", "int")) is None:
        pytest.skip("only Linux tells")
    assert found == pytest.approx(64, abs=1)


def test_a_targets_bound_is_on_one_side_and_may_be_left_open():
    assert harness.target("a", 100.0, least=100)["reached"] is True
    assert harness.target("a", 99.0, least=100) == {
        "what": "a",
        "target": "at least 100",
        "measured": 99.0,
        "reached": False,
    }
    assert harness.target("a", 1.31, most=1.3)["reached"] is False
    assert harness.target("a", None, most=1.3)["reached"] is None


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_cannot_be_measured_is_refused(name, checkout):
    main = SCRIPTS[name].main
    with pytest.raises(SystemExit):
        main(["--trial", "--rounds", "0"])
    with pytest.raises(SystemExit, match="nonsense"):
        main(["--trial", "--only", "nonsense"])


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_changed_checkout_makes_no_record(name, checkout, monkeypatch):
    monkeypatch.setattr(records, "revision", lambda: "0123456789ab-dirty")
    with pytest.raises(SystemExit, match="commit first"):
        SCRIPTS[name].main([])
    assert [path.name for path in checkout.iterdir()] == ["unet_book"]


def check_record(name, checkout):
    """Its form is the one that benchmarks/README.md tells."""
    record = json.loads((checkout / records.BENCHMARKS / f"{name}.json").read_text())
    assert record["command"] == f"python benchmarks/{name}.py --rounds 1"
    assert record["revision"] == "0123456789ab" and record["rounds"] == 1
    assert {"python", "torch", "numpy"} <= set(record["versions"])
    assert record["seconds"] > 0 and record["machine"]["threads"] >= 1
    for row in record["rows"]:
        assert row["case"] in record["cases"] and row["method"] in record["methods"]
        assert "median_s" in row or "peak_mib" in row
        assert row.get("min_s", 0) <= row.get("median_s", 0) <= row.get("max_s", 0)
    assert {row["case"] for row in record["rows"]} == set(record["cases"])
    assert all(set(t) == {"what", "target", "measured", "reached"} for t in record["targets"])
    return record


# ---- the weight map


@pytest.mark.parametrize("seed", [0, 1])
def test_every_way_to_the_weight_map_gives_brute_forces(seed):
    labels = part_touching_cells(phantom.membranes((96, 120), seed=seed)[1])
    exact = weight_map_peers.brute_force(labels)
    packages = set(filter(None, weight_map.NEEDS.values()))
    for method, run in weight_map.RUNS.items():
        needed = weight_map.NEEDS.get(method)
        if needed not in packages or harness.is_installed(needed):
            assert np.abs(np.asarray(run(labels)) - exact).max() < 1e-5, method


def test_brute_force_is_the_distance_to_every_pixel():
    labels = np.zeros((11, 13), np.int32)
    labels[1:5, 1:4], labels[8:10, 2:12], labels[3, 9] = 4, 1, 9
    points = {n: np.argwhere(labels == n) for n in (1, 4, 9)}
    for place in product(range(11), range(13)):
        if labels[place] == 0:
            d = sorted(np.hypot(*(points[n] - place).T).min() for n in points)
            border = 10 * np.exp(-((d[0] + d[1]) ** 2) / 50)
            found = weight_map_peers.brute_force(labels) - weight_map_peers.balance(labels)
            assert found[place] == pytest.approx(border, abs=1e-12)


@pytest.mark.parametrize("side, count", [(64, 9), (128, 50), (200, 100)])
def test_discs_are_apart_and_as_many_as_asked(side, count):
    labels = weight_map.discs(side, count)
    assert labels.dtype == np.int32 and len(np.unique(labels)) == count + 1
    assert np.array_equal(part_touching_cells(labels), labels)
    if count == round(count**0.5) ** 2:
        assert (labels > 0).mean() == pytest.approx(np.pi * 0.42**2, abs=0.02)


def test_a_stack_too_large_is_run_in_part(monkeypatch):
    labels = weight_map.discs(64, 25)
    row = weight_map.row_of("a", weight_map.COMMON, labels, 5)
    assert (row.times, row.rounds) == (1, 5)
    monkeypatch.setattr(weight_map, "LARGEST", 1e5)
    row = weight_map.row_of("a", weight_map.COMMON, labels, 5)
    assert (row.times, row.rounds) == (25 / weight_map.FEWER, 1)
    few = np.where(labels <= weight_map.FEWER, labels, 0)
    assert np.array_equal(row.run(), weight_map_peers.stack_and_sort(few))


def test_the_weight_maps_record(checkout, monkeypatch):
    monkeypatch.delenv("UNET_BOOK_DATA", raising=False)
    monkeypatch.setattr(weight_map.datasets, "is_here", lambda name: False)
    monkeypatch.setattr(weight_map, "GRIDS", [(48, 4), (48, 9), (48, 16), (64, 25)])
    small = part_touching_cells(phantom.membranes((96, 96))[1])
    real = weight_map.labels_of
    monkeypatch.setattr(weight_map, "labels_of", lambda c: small if c == "phantom" else real(c))
    monkeypatch.setattr(harness, "peak_mib", lambda *a: 2.0)
    weight_map.main(["--rounds", "1"])
    record = check_record("weight_map", checkout)
    assert list(record["cases"])[0] == "phantom" and len(record["rows"]) == 5 * 4
    measured = {t["what"]: t["measured"] for t in record["targets"]}
    assert measured["phantom: the common code's memory over ours"] == 1
    assert measured["phantom: largest difference from float64 brute force"] < 1e-5
    assert measured["phantom: times as fast as the same with edt"] is None  # not installed here


# ---- the deformation


def test_every_peer_bends_the_image_and_its_mask():
    image, mask = deformation.pair(96)
    for method, build in deformation.BUILD.items():
        needed = deformation.NEEDS.get(method)
        if needed is None or harness.is_installed(needed):
            run = build(image, mask)
            if method == deformation.COPY:
                continue
            found = run()
            bent, labels = found.values() if isinstance(found, dict) else found
            bent, labels = np.asarray(bent).squeeze(), np.asarray(labels).squeeze()
            assert bent.shape == labels.shape == (96, 96), method
            assert set(np.unique(labels)) <= set(np.unique(mask)), method
            assert not np.allclose(bent, image, atol=0.01), method
            again = run()
            again = np.asarray(next(iter(again.values())) if isinstance(again, dict) else again[0])
            assert not np.allclose(again.squeeze(), bent, atol=0.01), f"{method}: the same field"


def test_the_field_is_elasticdeforms():
    pytest.importorskip("elasticdeform")
    found = deformation.difference(deformation.pair(96)[0])
    assert found["field_px"] < 1e-9 and found["gray_levels"] < 0.01


def test_a_training_tile_is_what_the_network_takes():
    runs = deformation.tile_runs(188)
    for method in (deformation.SAMPLED, deformation.ANEW):
        gray, labels, weights = runs[method]()
        assert gray.shape == (188, 188) and labels.shape == weights.shape == (100, 100)
        assert float(weights.max()) > 1
    assert runs[deformation.FORWARD]().shape == (1, 2, 100, 100)


def test_the_deformations_record(checkout, monkeypatch):
    monkeypatch.setattr(deformation, "SIDES", (96, 128))
    monkeypatch.setattr(deformation, "TILES", (188,))
    deformation.main(["--rounds", "1"])
    record = check_record("deformation", checkout)
    # Without packages: ours four times, scipy's three times, a copy; and four rows of the tile.
    assert len(record["rows"]) == 2 * 8 + 4
    reached = {target["what"]: target["reached"] for target in record["targets"]}
    peers = ("elasticdeform", "albumentations")
    assert all(reached[what] is None for what in reached if any(peer in what for peer in peers))
    assert reached["96 x 96: a field given, times as fast as scipy"] is not None
    assert list(reached)[-1] == "one tile of 188 px: forward pass over making it"


# ---- tile by tile


@pytest.mark.parametrize("depth, variant", [(4, "paper"), (2, "paper"), (2, "same")])
def test_one_pass_answers_every_pixel_as_tiles_do(depth, variant):
    model = overlap_tile.network(2, depth, variant).double()
    image = np.random.default_rng(0).random((97, 120))
    tile = overlap_tile.nearest_valid_sizes(200, depth, variant)[1]
    whole = overlap_tile.whole(model, image)
    assert whole.shape == (2, 97, 120)
    assert np.abs(whole - predict(model, image, tile)).max() < 1e-12


def test_steps_of_the_whole_output_are_another_answer():
    model = he_normal_(overlap_tile.network(4, 3), torch.Generator().manual_seed(0))
    image = np.random.default_rng(0).random((200, 230), dtype=np.float32)
    whole = overlap_tile.whole(model, image)
    stepped = overlap_tile.stepped_by_output(model, image, 188)  # outputs of 100 = 12.5 x 8
    assert np.abs(whole - stepped)[:, :100, :100].max() < 1e-5
    assert np.abs(whole - stepped).max() > 1e-4


def test_monais_window_over_the_whole_image_is_one_pass():
    pytest.importorskip("monai")
    model = overlap_tile.network(2, 2, "same")
    image = np.random.default_rng(0).random((64, 72), dtype=np.float32)
    whole = overlap_tile.whole(model, image)
    large = overlap_tile.of_monai(model, image, 0, "constant", 128)
    assert np.abs(whole - large).max() < 1e-5
    small = overlap_tile.of_monai(model, image, 0, "constant", 48)
    assert small.shape == whole.shape and np.abs(whole - small).max() > 1e-4


def test_overlap_tiles_record(checkout, monkeypatch):
    monkeypatch.setattr(overlap_tile, "SIDES", (100, 110, 120))
    monkeypatch.setattr(overlap_tile, "BASE", 2)
    monkeypatch.setattr(overlap_tile, "STEPS", 2)
    monkeypatch.setattr(harness, "peak_mib", lambda *a: 30.0)
    monkeypatch.setattr(harness, "available_gib", lambda: 0.0)
    monkeypatch.setattr(overlap_tile, "exactness", lambda: 1e-15)  # a test of its own, above
    image = overlap_tile.nuclei()[:200, :230]
    monkeypatch.setattr(overlap_tile, "nuclei", lambda: image)
    overlap_tile.main(["--rounds", "1"])
    record = check_record("overlap_tile", checkout)
    assert f"{overlap_tile.BASE} channels" in record["cases"][overlap_tile.MEMORY]
    flips = {row["method"]: row["flipped"] for row in record["rows"] if "flipped" in row}
    assert set(flips) == {
        overlap_tile.OURS,
        overlap_tile.NO_PHASE,
        overlap_tile.WHOLE,
        overlap_tile.SAME,
    }
    assert flips[overlap_tile.OURS] < 1e-5 and flips[overlap_tile.SAME] < 1e-5
    assert flips[overlap_tile.NO_PHASE] > 1e-4
    measured = {t["what"]: t["measured"] for t in record["targets"]}
    assert measured["largest difference from one pass, float64"] < 1e-12
    assert measured[f"{overlap_tile.MEMORY}, tiles of 572: over one pass"] == 1


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_stored_record_has_the_form(name):
    """What the chapters show was written by the script as it is told to be."""
    try:
        record = records.benchmark(name)
    except FileNotFoundError:
        pytest.skip("no record yet")
    assert record["command"].startswith(f"python benchmarks/{name}.py")
    assert len(record["revision"]) == 12
    methods = set(SCRIPTS[name].METHODS)
    assert {row["method"] for row in record["rows"]} <= methods
    assert record["targets"] and all(row["case"] in record["cases"] for row in record["rows"])
