"""What the benchmark of the network measures is what it says; how fast, no test asks."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from unet_book import _package, checkpoint
from unet_book.pages import records
from unet_book.unet import UNet

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import harness  # noqa: E402
import network  # noqa: E402
import peers  # noqa: E402

OURS, LABML, MILESIAL, MONAI = network.NETWORKS
TINY = [
    network.Network(network.OURS, partial(UNet, base_channels=2, depth=1), 28),
    network.Network("labml-like", partial(peers.LabmlLike, widths=(2, 4)), 16),
    network.Network("milesial-like", partial(peers.MilesialLike, widths=(2, 4)), 16),
]
ROW = {
    "network",
    "what",
    "layout",
    "precision",
    "compiled",
    "median_s",
    "min_s",
    "max_s",
    "gflop_per_s",
    "of_ceiling",
    "us_per_output_pixel",
}


def double(a, b, each):
    """Parameters of two 3 x 3 convolutions to b channels, `each` more for every channel out."""
    return 9 * a * b + 9 * b * b + 2 * b * each


def parameters_of_the_u(each):
    """Derived by hand from the widths, not from the modules."""
    steps = [(64, 128), (128, 256), (256, 512), (512, 1024)]
    total = double(1, 64, each) + 64 * 2 + 2
    for above, below in steps:
        total += double(above, below, each) + 4 * below * above + above + double(below, above, each)
    return total


def test_our_network_is_the_papers():
    counted = network.count(OURS)
    assert (counted["tile"], counted["output"]) == (572, 388)
    assert counted["parameters"] == 31_030_658
    assert counted["gflop"][network.FORWARD] == pytest.approx(300.9, abs=0.05)
    assert counted["gflop"][network.TRAINING] == pytest.approx(902.2, abs=0.05)


@pytest.mark.parametrize("peer, each", [(LABML, 1), (MILESIAL, 2)], ids=["labml", "milesial"])
def test_peers_have_the_shapes_they_are_named_after(peer, each):
    counted = network.count(peer)  # `each`: a bias, or a normalization's scale and shift
    assert (counted["tile"], counted["output"]) == (512, 512)
    assert counted["parameters"] == parameters_of_the_u(each)
    # Nearly everything is a 3 x 3 convolution: three times that for the two gradients.
    gflop = counted["gflop"]
    assert gflop[network.FORWARD] == pytest.approx(384.8, abs=0.05)
    assert gflop[network.TRAINING] == pytest.approx(3 * gflop[network.FORWARD], rel=1e-3)


def test_monai_is_the_installed_one_with_the_papers_widths():
    pytest.importorskip("monai")
    counted = network.count(MONAI)
    assert (counted["tile"], counted["output"]) == (512, 512)
    # Two more numbers a channel than the others where it normalizes, and one up-convolution that
    # keeps its 128 channels.
    last_up = (4 * 128 + 1) * 64 + 9 * 64 * 64
    assert counted["parameters"] == parameters_of_the_u(3) + last_up


def test_padding_costs_less_an_output_pixel():
    per_pixel = [
        c["gflop"][network.FORWARD] / c["output"] ** 2 for c in map(network.count, (OURS, LABML))
    ]
    assert per_pixel[0] / per_pixel[1] == pytest.approx(1.36, abs=0.005)


def test_labml_like_crops_the_skip_to_its_center():
    skip, x = torch.arange(36.0).view(1, 1, 6, 6), torch.zeros(1, 1, 2, 2)
    joined = peers.LabmlLike.join(skip, x)
    assert torch.equal(joined, torch.cat([x, skip[..., 2:4, 2:4]], dim=1))


def test_milesial_like_pads_the_decoders_map_to_an_odd_skip():
    model = peers.MilesialLike(widths=(2, 4)).eval()
    assert model(torch.zeros(1, 1, 17, 19)).shape == (1, 2, 17, 19)


def test_every_row_is_measured_and_the_ratios_are_its_figures():
    figures = network.measure(TINY, rounds=2, gemm_sizes=(32, 64))
    json.dumps(figures)
    rows = figures["rows"]
    assert len(rows) == 12 and all(set(row) == ROW for row in rows)
    assert len({(r["network"], r["what"], r["layout"]) for r in rows}) == 12
    assert all(0 < r["min_s"] <= r["median_s"] <= r["max_s"] for r in rows)
    assert [g["size"] for g in figures["gemm"]] == [32, 64]
    assert set(figures["to_best_peer"]) == {network.FORWARD, network.TRAINING}


def test_the_headline_takes_each_peers_better_layout():
    def line(name, layout, speed, **more):
        return {
            "network": name,
            "what": network.FORWARD,
            "layout": layout,
            "precision": "fp32",
            "compiled": False,
            "gflop_per_s": speed,
        } | more

    lines = [
        line(network.OURS, "NCHW", 120),
        line(network.OURS, "channels_last", 156),
        line(network.OURS, "channels_last", 900, compiled=True),
        line(network.OURS, "channels_last", 900, precision="bf16"),
        line("a", "NCHW", 104),
        line("a", "channels_last", 90),
        line("b", "NCHW", 100),
        line("b", "channels_last", 130),
    ]
    assert network.ratios(lines) == {
        network.FORWARD: {"peers in NCHW": 1.5, "peers in their better layout": 1.2}
    }


def test_gemms_run_as_often_as_rows():
    rows = network.rows_of(TINY[1], ["fp32"], compiler=True)
    gemms = {("fp32", 8): network.gemm_of(8, "fp32")}
    row_times, gemm_times = network.interleave(rows, gemms, rounds=3)
    assert [len(times) for times in row_times] == [3] * len(rows)
    assert len(gemm_times["fp32", 8]) == 3 * len(rows)


def test_only_ours_is_measured_in_bf16_and_compiled():
    ours = network.rows_of(OURS, ["fp32", "bf16"], compiler=True)
    assert len(ours) == 12 and sum(row.compiled for row in ours) == 4
    theirs = network.rows_of(LABML, ["fp32", "bf16"], compiler=True)
    assert len(theirs) == 4 and not any(row.compiled or row.precision == "bf16" for row in theirs)


def small_benchmark(monkeypatch, folder):
    monkeypatch.setattr(network, "NETWORKS", TINY)
    monkeypatch.setattr(_package, "ROOM", folder / "unet_book")
    monkeypatch.setattr(network, "measure", partial(network.measure, gemm_sizes=(64,)))
    return folder / records.BENCHMARKS / "network.json"


def test_record_says_how_it_was_made(monkeypatch, tmp_path, capsys):
    path = small_benchmark(monkeypatch, tmp_path)
    monkeypatch.setattr(records, "revision", lambda: "0123456789ab")
    network.main(["--rounds", "1", "--no-compile"])
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["command"] == "python benchmarks/network.py --rounds 1 --no-compile"
    assert record["revision"] == "0123456789ab" and record["rounds"] == 1
    assert {"python", "torch"} <= set(record["versions"])
    assert set(record["machine"]) == {"processor", "instruction_sets", "torch_uses", "threads"}
    assert set(record["networks"]) == {n.name for n in TINY}
    assert all(
        {"tile", "output", "parameters", "gflop"} == set(n) for n in record["networks"].values()
    )
    assert record["ceiling_gflop_per_s"]["fp32"] > 0
    printed = capsys.readouterr().out
    assert all(n.name in printed for n in TINY) and "of the best peer" in printed


@pytest.mark.parametrize("revision", [None, "0123456789ab-dirty"])
def test_a_changed_checkout_makes_no_record(monkeypatch, tmp_path, revision):
    path = small_benchmark(monkeypatch, tmp_path)
    monkeypatch.setattr(records, "revision", lambda: revision)
    with pytest.raises(SystemExit, match="commit first"):
        network.main(["--rounds", "1"])
    network.main(["--rounds", "1", "--no-compile", "--trial", "--only", "labml"])
    assert not path.exists()


def test_an_interrupted_write_leaves_the_old_record(monkeypatch, tmp_path):
    path = small_benchmark(monkeypatch, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text("the old one", encoding="utf-8")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(records, "revision", lambda: "0123456789ab")
    monkeypatch.setattr(checkpoint.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        network.main(["--rounds", "1", "--no-compile"])
    assert [p.name for p in path.parent.iterdir()] == ["network.json"]
    assert path.read_text(encoding="utf-8") == "the old one"


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(SystemExit):
        network.main(["--trial", "--rounds", "0"])
    with pytest.raises(SystemExit, match="nnunet"):
        network.main(["--trial", "--only", "nnunet"])


def test_the_machine_is_named_without_a_host_or_a_path():
    import socket

    text = json.dumps(harness.machine())
    assert socket.gethostname() not in text and str(Path.home()) not in text
