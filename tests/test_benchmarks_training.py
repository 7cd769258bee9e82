"""What the scripts of chapters 9 and 10 measure is what they say; not how fast."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from unet_book import _package, datasets
from unet_book.metrics import seg
from unet_book.pages import records
from unet_book.training import Preset

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import harness  # noqa: E402
import learning_rates  # noqa: E402
import metrics as scoring  # noqa: E402
import training  # noqa: E402

DATA = _package.ROOM.parent / "data"
TINY = Preset(base_channels=2, depth=1, tile=28, steps=2, measure_every=1)


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


def written(checkout, folder, name) -> dict:
    return json.loads((checkout / folder / f"{name}.json").read_text())


# ---- one training step


@pytest.fixture
def small(monkeypatch):
    """One case and images that take no time."""
    case = training.Case("tiny", TINY)
    monkeypatch.setattr(training, "CASES", [case])
    monkeypatch.setattr(training, "SIDE", 128)
    monkeypatch.setattr(training, "has_compiler", lambda: False)
    return case


def weights_after(step, monkeypatch, case, method):
    """The weights when `step` steps of that case and method are made."""
    made = []
    real = training.start

    def start(*arguments, **keywords):
        made.append(real(*arguments, **keywords))
        return made[-1]

    monkeypatch.setattr(training, "start", start)
    run = training.step_of(case, method)
    for group in made[0][1].param_groups:
        group["lr"] = case.preset.learning_rate
    for _ in range(step):
        run()
    return [weight.detach().clone() for weight in made[0][0].parameters()]


def test_the_plain_loop_and_ours_make_the_same_step(small, monkeypatch, arithmetic):
    """Up to the rounding of the arithmetic that "auto" picks: 24 bits of mantissa, or 8."""
    rounding = {"fp32": 1e-5, "bf16": 2e-3}[arithmetic]
    case = replace(small, preset=replace(TINY, learning_rate=0.1, dropout=0.0))
    plain, ours = (weights_after(2, monkeypatch, case, m) for m in (training.PLAIN, training.OURS))
    before = weights_after(0, monkeypatch, case, training.PLAIN)
    assert max((a - b).abs().max() for a, b in zip(plain, ours)) < rounding
    assert max((a - b).abs().max() for a, b in zip(plain, before)) > 5 * rounding


def test_only_what_this_machine_has_is_timed(small, monkeypatch):
    monkeypatch.setattr(training, "has_bf16", lambda device: False)
    names = training.methods_for(small, list(training.METHODS))
    assert names == [
        training.PLAIN,
        training.OURS,
        training.LAST,
        training.KEPT,
        training.ALL,
        training.TILES,
    ]
    monkeypatch.setattr(training, "has_bf16", lambda device: True)
    assert {training.BF16, training.BOTH} <= set(training.methods_for(small, [*training.METHODS]))
    gpu = training.methods_for(training.GPU_CASES[0], list(training.METHODS))
    assert {training.GRAPH, training.PRODUCT, training.AHEAD} <= set(gpu)
    assert training.KEPT not in gpu


def test_the_papers_step_is_902_gflop():
    assert training.flop(training.GPU_CASES[0]) / 1e9 == pytest.approx(902.2, abs=0.05)
    assert training.flop(training.GPU_CASES[1]) == 8 * training.flop(training.GPU_CASES[0])


def test_a_step_elsewhere_is_made_when_asked(monkeypatch):
    program = "import sys\nfor line in sys.stdin: print('done', flush=True)"
    monkeypatch.setattr(training.subprocess, "Popen", made_of(program))
    there = training.Elsewhere(training.CASES[0], training.KEPT, {})
    there()
    there()
    there.close()
    monkeypatch.setattr(training.subprocess, "Popen", made_of("raise SystemExit(3)"))
    with pytest.raises(RuntimeError, match="ended: 3"):
        training.Elsewhere(training.CASES[0], training.KEPT, {})()


def made_of(program, real=training.subprocess.Popen):
    return lambda arguments, **how: real([*arguments[:-1], program], **how)


@pytest.mark.usefixtures("arithmetic")
def test_the_tensors_are_counted_and_foretold():
    rows = [
        {"case": training.memory_case("fp32"), "method": method, "peak_mib": value}
        for method, value in (
            (training.ACCOUNT, 100),
            (training.COUNTED, 95),
            (training.PROCESS, 115),
        )
    ]
    lines = {line["what"]: line for line in training.targets(rows)}
    line = lines["memory, fp32: tensors counted from the account"]
    assert line["measured"] == pytest.approx(0.05) and line["reached"]
    assert lines["memory, fp32: process from the account"]["reached"] is False
    assert lines["memory, bf16: process from the account"]["reached"] is None
    unmeasured = [line for what, line in lines.items() if "GPU" in what]
    assert len(unmeasured) == 4 and all(line["measured"] is None for line in unmeasured)


@pytest.mark.usefixtures("arithmetic")
def test_the_trainings_record(small, checkout, monkeypatch):
    here = lambda case, method, environment: training.step_of(case, method)  # noqa: E731
    monkeypatch.setattr(training, "Elsewhere", here)
    monkeypatch.setattr(harness, "peak_mib", lambda *a: 2.0)
    real = training.memory_rows
    monkeypatch.setattr(training, "memory_rows", lambda precision: real(precision, 188, 2))
    monkeypatch.setattr(training.torch.cuda, "is_available", lambda: False)
    training.main(["--rounds", "1"])
    record = written(checkout, records.BENCHMARKS, "training")
    assert record["engine"]["tiny"]["precision"] in ("fp32", "bf16")
    rows = {(row["case"], row["method"]): row for row in record["rows"]}
    assert rows["tiny", training.PLAIN]["times_as_fast_as_plain"] == 1
    assert rows["tiny", training.TILES]["of_a_step"] > 0
    for precision in ("fp32", "bf16"):
        case = training.memory_case(precision)
        predicted, counted = (
            rows[case, method]["peak_mib"] for method in (training.ACCOUNT, training.COUNTED)
        )
        assert counted == pytest.approx(predicted, rel=0.2)
    assert {row["case"] for row in record["rows"]} == set(record["cases"])


# ---- the metrics


def test_the_metrics_record(checkout, monkeypatch):
    monkeypatch.setattr(scoring, "SIDE", 160)
    monkeypatch.setattr(datasets, "is_here", lambda name: False)
    scoring.main(["--rounds", "1"])
    record = written(checkout, records.BENCHMARKS, "metrics")
    assert len(record["rows"]) == len(record["cases"]) == 6
    assert [t["reached"] is None for t in record["targets"]] == [False, False, True, True]


def test_what_is_scored_has_mistakes_of_both_kinds():
    truth, probability = scoring.membranes(160)
    assert probability.min() >= 0 and probability.max() <= 1
    assert (probability > scoring.THRESHOLD).mean() == pytest.approx((truth > 0).mean(), abs=0.01)
    assert 0.02 < np.mean((probability > scoring.THRESHOLD) != (truth > 0)) < 0.4
    assert 0.2 < seg(*scoring.cells(160)) < 1


def test_peers_and_we_agree_where_we_define_the_same(monkeypatch):
    pytest.importorskip("skimage")
    monkeypatch.setattr(scoring, "SIDE", 160)
    methods = [scoring.ADAPTED] + [scoring.CTC] * harness.is_installed("py-ctcmetrics")
    assert all(value < 1e-9 for value in scoring.difference(methods).values())
    truth, probability = scoring.membranes()
    assert scoring.watershed(probability > scoring.THRESHOLD).shape == truth.shape


# ---- the learning rate


def test_a_learning_rates_runs_and_their_row(monkeypatch):
    data = datasets.load("nuclei", "train")
    held_out = datasets.Stack("part", data.images[:, :96, :96], data.labels[:, :96, :96])
    lines = [
        learning_rates.train_once("nuclei", data, held_out, TINY, recipe, rate, 1)
        for recipe, rate in (
            (learning_rates.SGD, 1e-3),
            (learning_rates.ADAM, 1e-3),
            (learning_rates.SGD, 1e30),
        )
    ]
    assert [len(line["history"]) for line in lines] == [2, 2, 0]
    assert lines[2]["outcome"] == learning_rates.NO_NUMBER and "step" in lines[2]["stopped"]
    rows = learning_rates.summary(lines)
    assert [row["learning_rate"] for row in rows] == [1e-3, 1e-3, 1e30]
    assert rows[0]["pixel_error"] == lines[0]["history"][-1]["error"]
    assert rows[2]["pixel_error"] is None and rows[2][learning_rates.NO_NUMBER] == 1


def test_who_answers_the_same_everywhere_errs_on_half_of_the_balance(monkeypatch):
    stack = datasets.load("nuclei", "test")

    def everywhere(model, image, tile):
        return np.stack([np.zeros(image.shape), np.ones(image.shape)])

    monkeypatch.setattr(learning_rates, "predict", everywhere)
    assert learning_rates.balanced_error(None, stack, 188) == 0.5


def test_the_stored_learning_rates_are_what_the_script_says():
    try:
        record = records.run("learning_rates")
    except FileNotFoundError:
        pytest.skip("no record yet")
    assert record["rows"] == learning_rates.summary(record["runs"])
    assert len(record["runs"]) == len(record["seeds"]) * len(record["rows"])
    assert set(record["recipes"]) == set(learning_rates.RECIPES)
