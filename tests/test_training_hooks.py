"""After each step: a training that goes wrong says so, and what was trained is kept."""

import errno
import math
import os
import signal
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unet_book import checkpoint, training
from unet_book.augmentation import Augmentation
from unet_book.costs import memory
from unet_book.datasets import Stack, phantom
from unet_book.training import Preset, Tiles, distributed, interrupt, saving, train

TINY = Preset(
    base_channels=2,
    depth=1,
    tile=44,
    steps=8,
    measure_every=3,
    dropout=0.5,
    momentum=0.9,
    augmentation=Augmentation(sigma=2.0),
)
HOW = {"seed": 3, "device": "cpu", "save_every": 4, "progress": False}


@pytest.fixture(scope="module")
def data():
    return Stack("cells", *phantom.stack("cells", 3, (64, 72), seed=0))


@pytest.fixture(scope="module")
def whole(data):
    """The weights at the end of a training that nothing broke."""
    return flat(train(data, TINY, **HOW).model)


def flat(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def before_step(monkeypatch, k, do):
    """Does something within step k (0, 1, ...), before it is made."""

    def instead(model, optimizer, tiles, step, made=training.training_step):
        if step == k:
            do(model)
        return made(model, optimizer, tiles, step)

    monkeypatch.setattr(training, "training_step", instead)


# The loop ----------------------------------------------------------------------------------------


def test_after_each_step_that_is_left_the_hooks_are_called_in_order():
    seen = []

    def make_step(network, optimizer, tiles, step):
        seen.append(("step", network, optimizer, step))
        return torch.tensor(float(step))

    run = training.Training(
        tiles=SimpleNamespace(preset=TINY),
        model=None,
        network="network",
        optimizer="optimizer",
        average=None,
        identity={},
        step=6,
    )
    hooks = [lambda run, name=name: seen.append((name, run.step, len(run.losses))) for name in "ab"]
    training.loop(run, make_step, hooks)
    assert seen == [
        *[("step", "network", "optimizer", 6), ("a", 7, 1), ("b", 7, 1)],
        *[("step", "network", "optimizer", 7), ("a", 8, 2), ("b", 8, 2)],
    ]


def test_what_is_shown_is_saved_later(data, tmp_path):
    """So that a training that dies in between shows it when it goes on."""
    saved = []

    def watch(step, model):
        saved.append((step, checkpoint.peek(tmp_path / "a")["step"] if step else 0))

    train(data, TINY, checkpoint=tmp_path / "a", watch=watch, **HOW | {"save_every": 1})
    assert saved == [(0, 0), (3, 2), (6, 5), (8, 7)]


def test_a_judges_numbers_of_numpy_and_torch_are_saved(data, tmp_path):
    def judge(model):
        return {"a": np.float32(0.5), "b": torch.tensor(2), "c": [1, 2]}

    result = train(data, replace(TINY, steps=3), judge=judge, checkpoint=tmp_path / "a", **HOW)
    assert result.history[-1]["scores"] == {"a": 0.5, "b": 2, "c": [1, 2]}
    assert checkpoint.peek(tmp_path / "a")["history"] == result.history


# Ctrl-C ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, 3, 5])
def test_ctrl_c_lets_the_step_end_saves_it_and_says_so(
    data, whole, tmp_path, monkeypatch, capsys, k
):
    path = tmp_path / "a"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) as stop:
        before_step(patch, k, lambda model: signal.raise_signal(signal.SIGINT))
        train(data, TINY, checkpoint=path, **HOW)
    assert str(stop.value) == f"stopped after step {k + 1}, saved in {path}"
    assert "Ctrl-C again stops at once" in capsys.readouterr().err
    assert checkpoint.peek(path)["step"] == k + 1
    assert torch.equal(flat(train(data, TINY, checkpoint=path, **HOW).model), whole)


def test_a_second_ctrl_c_stops_at_once(data, tmp_path, monkeypatch):
    def twice(model):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before_step(monkeypatch, 5, twice)
    with pytest.raises(KeyboardInterrupt) as stop:
        train(data, TINY, checkpoint=tmp_path / "a", **HOW)
    assert str(stop.value) == ""
    assert checkpoint.peek(tmp_path / "a")["step"] == 4


@pytest.fixture(autouse=True)
def ctrl_c_interrupts():
    """As in a terminal; a process that a script put into the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_without_a_checkpoint_ctrl_c_stops_at_once(data, monkeypatch):
    def interrupt(model):
        signal.raise_signal(signal.SIGINT)
        pytest.fail("went on")

    before_step(monkeypatch, 0, interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(data, TINY, **HOW)


def test_ctrl_c_in_the_last_step_comes_too_late(data, whole, tmp_path, monkeypatch):
    before_step(monkeypatch, 7, lambda model: signal.raise_signal(signal.SIGINT))
    assert torch.equal(flat(train(data, TINY, checkpoint=tmp_path / "a", **HOW).model), whole)


def test_afterwards_ctrl_c_is_what_it_was(data, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    train(data, replace(TINY, steps=1), checkpoint=tmp_path / "a", **HOW)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_answer_to_ctrl_c_that_is_not_pythons_loses_no_result(data, tmp_path, monkeypatch):
    real = signal.signal
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(interrupt.signal, "signal", lambda *how: real(*how) and None)
    try:
        assert train(data, replace(TINY, steps=1), checkpoint=tmp_path / "a", **HOW).history
    finally:
        real(signal.SIGINT, before)


def test_in_another_thread_training_leaves_signals_alone(data, tmp_path):
    ends = []
    work = threading.Thread(
        target=lambda: ends.append(
            train(data, replace(TINY, steps=1), checkpoint=tmp_path / "a", **HOW)
        )
    )
    work.start()
    work.join()
    assert len(ends) == 1


def test_several_processes_ask_each_other_now_and_then(monkeypatch):
    asked = []
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(
        distributed, "all_reduce_sum", lambda value: asked.append(value.item()) or value + 1
    )
    monkeypatch.setattr(torch.distributed, "get_backend", lambda: "gloo")
    hook = interrupt.Interrupt()
    stops = [step for step in range(1, 31) if hook.wanted(step)]
    assert stops == [10, 20, 30] and asked == [0, 0, 0]  # the other process wanted to stop


def test_what_torchrun_passes_on_is_no_second_ctrl_c(monkeypatch, capsys):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(interrupt, "time", SimpleNamespace(monotonic=lambda: clock.now))
    hook = interrupt.Interrupt()
    hook._ask()
    clock.now += 0.5
    hook._ask()
    clock.now += interrupt.ECHO
    with pytest.raises(KeyboardInterrupt):
        hook._ask()


# Room --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_checkpoint_is_not_larger_than_was_asked_for(data, tmp_path, optimizer):
    preset = replace(TINY, optimizer=optimizer, base_channels=32, steps=1)
    model = train(data, preset, checkpoint=tmp_path / "a", **HOW).model
    size = (tmp_path / "a").stat().st_size
    asked = checkpoint.size(model, memory.STATES[optimizer])
    assert size <= asked <= size + checkpoint.HEADER


def begun(preset, model, path):
    """As much of a training before its first step as the room for it depends on."""
    return SimpleNamespace(preset=preset, model=model, checkpoint=path, finished=False)


def test_room_is_asked_for_a_long_history_and_for_losses_that_wait(tmp_path, monkeypatch):
    preset, asked = replace(TINY, steps=90_000, measure_every=45_000), []
    monkeypatch.setattr(checkpoint, "check_room", lambda path, needed: asked.append(needed))
    model, optimizer = training.start(preset, 0, "cpu")
    for every in (1, 45_000):
        plan = replace(preset, measure_every=every)
        entry = {"step": 90_000, "loss": 0.000123456789012345, "error": 0.000123456789012345}
        losses = [0.000123456789012345] * (every - 1)
        history = [entry] * (plan.steps // every)
        (tmp_path / "a").unlink(missing_ok=True)
        saving.check_room(begun(plan, model, tmp_path / "a"))
        checkpoint.save(tmp_path / "a", model, optimizer, {"history": history, "losses": losses})
        assert (tmp_path / "a").stat().st_size <= asked.pop() / 2


def full(room):
    """A disk with so much room."""

    def allocate(handle, start, count):
        if start + count > room:
            raise OSError(errno.ENOSPC, "No space left on device")

    return allocate


def test_a_full_disk_is_told_before_training(data, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "training_step", lambda *_: pytest.fail("trained"))
    monkeypatch.setattr(checkpoint.os, "posix_fallocate", full(1000), raising=False)
    words = r"No space left.*needs [\d,]+ bytes, and [\d,]+ are free"
    with pytest.raises(OSError, match=words) as error:
        train(data, TINY, checkpoint=tmp_path / "a", **HOW)
    assert error.value.errno == errno.ENOSPC
    assert str(tmp_path / "a") in str(error.value)
    assert os.listdir(tmp_path) == []


def test_a_first_checkpoint_needs_room_for_the_second_beside_it(data, tmp_path, monkeypatch):
    model, _ = training.start(TINY, 0, "cpu")
    monkeypatch.setattr(
        checkpoint.os, "posix_fallocate", full(checkpoint.size(model, 1, 99)), raising=False
    )
    with pytest.raises(OSError):
        saving.check_room(begun(TINY, model, tmp_path / "a"))
    (tmp_path / "a").write_bytes(b"")
    saving.check_room(begun(TINY, model, tmp_path / "a"))
    saving.check_room(begun(TINY, model, None))


def test_a_folder_that_cannot_be_is_told_before_training(data, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "training_step", lambda *_: pytest.fail("trained"))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="can't save the training as"):
        train(data, TINY, checkpoint=tmp_path / "file" / "a", **HOW)


def test_where_room_cannot_be_reserved_it_is_written(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    written = []
    monkeypatch.setattr(checkpoint.os, "posix_fallocate", refuse, raising=False)
    monkeypatch.setattr(checkpoint.os, "fsync", lambda handle: written.append(os.stat(handle)))
    checkpoint.check_room(tmp_path / "a", 3 * checkpoint.MEBIBYTE + 5)
    assert written[0].st_size == 3 * checkpoint.MEBIBYTE + 5
    assert os.listdir(tmp_path) == []


def test_moments_go_to_the_device_where_a_fused_optimizer_counts_its_steps(tmp_path):
    model, optimizer = training.start(replace(TINY, optimizer="adam"), 0, "cpu")
    sum(weight.sum() for weight in model.parameters()).backward()
    optimizer.step()
    checkpoint.save(tmp_path / "a", model, optimizer)
    ghost = model.to("meta")  # a device that is not the CPU
    for capturable, device in ((False, "cpu"), (True, "meta")):
        other = torch.optim.Adam(ghost.parameters(), capturable=capturable)
        tensors, _ = checkpoint._read(tmp_path / "a", model, ["model."])
        checkpoint._put_moments(other, tensors)
        assert {state["step"].device.type for state in other.state.values()} == {device}


# Numbers that run away ---------------------------------------------------------------------------


def test_the_message_names_step_rate_losses_gradients_and_the_last_good_checkpoint(
    data, tmp_path, monkeypatch
):
    def poison(model):
        model.bottom[0].weight.data.fill_(math.nan)

    before_step(monkeypatch, 5, poison)
    with pytest.raises(FloatingPointError) as error:
        train(data, TINY, checkpoint=tmp_path / "a", **HOW)
    said = str(error.value)
    assert said.startswith("the loss of step 6 is nan: the learning rate, 0.001, is probably")
    assert "in the 2 steps before" in said
    assert "too high: try a tenth of it, or Preset.clip; the loss went" in said
    assert "; by now 16 of 16 gradients are no numbers, encoders.0.0.weight first. The last" in said
    assert said.endswith(f"The last good checkpoint, {tmp_path / 'a'}, is that of step 4")


def test_on_a_cpu_it_stops_in_the_very_step(data, monkeypatch):
    made = []

    def poisoned(*arguments, whole=training.training_step):
        made.append(whole(*arguments) * math.nan)
        return made[-1]

    monkeypatch.setattr(training, "training_step", poisoned)
    with pytest.raises(FloatingPointError, match="step 1 is nan.*No checkpoint was written"):
        train(data, TINY, **HOW)
    assert len(made) == 1


def test_a_loss_that_no_hook_looked_at_is_not_saved(data, tmp_path):
    """On a GPU losses are looked at when they are measured, and when they are saved."""
    model, optimizer = training.start(TINY, 0, "cpu")
    run = training.Training(
        tiles=Tiles(data, TINY, 0, "cpu"),
        model=model,
        network=model,
        optimizer=optimizer,
        average=None,
        identity={},
        checkpoint=tmp_path / "a",
        step=2,
        losses=[torch.tensor(0.5), torch.tensor(math.nan)],
    )
    with pytest.raises(FloatingPointError, match="loss of step 2 is nan"):
        saving.save(run)
    assert os.listdir(tmp_path) == []


def test_an_image_that_holds_no_numbers_is_named_as_the_cause(data):
    stack = Stack("", data.images.copy(), data.labels)  # which refuses NaN itself
    stack.images[:] = np.nan
    with pytest.raises(FloatingPointError, match="step 1 is nan: the tile's images hold NaN"):
        train(stack, TINY, **HOW)


# Exactness ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("before, warned", [(False, True), (True, True), (True, False)])
def test_deterministic_kernels_are_asked_for_within_the_training_only(data, whole, before, warned):
    """Where there is none PyTorch warns, unless the caller wants an error there: that stays."""

    def asked_for():
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        )

    seen = []
    torch.use_deterministic_algorithms(before, warn_only=before and warned)
    try:
        as_it_was = asked_for()
        result = train(
            data,
            TINY,
            deterministic=True,
            **HOW,
            watch=lambda *_: seen.append((*asked_for(), torch.backends.cudnn.benchmark)),
        )
        assert asked_for() == as_it_was
    finally:
        torch.use_deterministic_algorithms(False)
    assert set(seen) == {(True, warned, False)}
    assert not torch.backends.cudnn.benchmark
    assert torch.equal(flat(result.model), whole)


def test_a_checkpoint_from_before_a_setting_existed_goes_on(data, tmp_path):
    train(data, replace(TINY, steps=4), checkpoint=tmp_path / "a", **HOW)
    model, optimizer = training.start(TINY, 0, "cpu")
    state = checkpoint.restore(tmp_path / "a", model, optimizer)
    for name in ("warmup", "weight_decay", "clip"):
        del state["identity"]["preset"][name]
    del state["identity"]["preset"]["augmentation"]["mirror"]
    checkpoint.save(tmp_path / "old", model, optimizer, state)
    train(data, replace(TINY, steps=4), checkpoint=tmp_path / "old", **HOW)
    with pytest.raises(ValueError, match=r"another preset \(clip None, not 1.0\)"):
        train(data, replace(TINY, steps=4, clip=1.0), checkpoint=tmp_path / "old", **HOW)
