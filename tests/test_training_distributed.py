"""Two processes with a tile each make the steps that one process with two tiles makes."""

import multiprocessing
import os
import socket
from dataclasses import replace

import pytest
import torch

from unet_book import checkpoint, training
from unet_book.augmentation import Augmentation
from unet_book.datasets import Stack, phantom
from unet_book.training import Preset, Tiles, distributed, train
from unet_book.training.tiles import pass_over, random_tile

# Without balance and with a strong border term, tiles differ much in the sum of their weights.
TINY = Preset(
    base_channels=2,
    depth=1,
    tile=44,
    steps=6,
    measure_every=3,
    dropout=0.0,
    momentum=0.9,
    learning_rate=1e-2,
    balance=False,
    w0=50.0,
    augmentation=Augmentation(sigma=2.0),
    average=0.5,
)
HOW = {"seed": 3, "device": "cpu", "progress": False, "save_every": 4}


def data():
    images, labels = phantom.stack("cells", 3, (64, 72), seed=0)
    labels[:, :20] = -1
    return Stack("cells", images, labels)


def held_out():
    return Stack("others", *phantom.stack("cells", 1, (64, 72), seed=1))


def flat(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


# Shares ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size, how",
    [
        ((64, 72), Augmentation(zoom=1.5, noise=0.1)),
        ((64, 72), Augmentation()),
        ((64, 72), Augmentation.none()),
        ((30, 90), Augmentation(grid=5)),  # no room for the tile along the rows
    ],
    ids=["all", "usual", "shift", "small"],
)
def test_passing_over_a_tile_draws_the_numbers_that_making_it_would_draw(size, how):
    made, passed = (torch.Generator().manual_seed(7) for _ in range(2))
    image, labels = torch.rand(size), torch.zeros(size, dtype=torch.int32)
    random_tile(image, labels, None, 44, 4, how, made)
    pass_over(size, 44, 4, how, passed)
    assert torch.equal(made.get_state(), passed.get_state())


def test_shares_are_the_parts_of_the_whole_batch(monkeypatch):
    whole = Tiles(data(), replace(TINY, batch_size=4), 5, "cpu")
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        share = Tiles(data(), replace(TINY, batch_size=2), 5, "cpu")
        assert share.identity == whole.identity
        for mine, all_ in zip(share.batch(3), whole.batch(3)):
            assert torch.equal(mine, all_[2 * rank : 2 * rank + 2])


def test_each_process_has_dropout_of_its_own():
    seeds = {
        training.step_seed(seed, step, rank)
        for seed in range(5)
        for step in range(5)
        for rank in range(5)
    }
    assert len(seeds) == 125


# Devices -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["toaster", "cuda:99"])
def test_a_device_that_is_not_there_is_named(device):
    with pytest.raises(ValueError, match=f"no device '{device}' here"):
        distributed.choose_device(device)


@pytest.mark.parametrize(
    "asked, gpu, local_rank, chosen",
    [
        (None, False, None, "cpu"),
        (None, True, None, "cuda"),
        (None, True, "1", "cuda:1"),
        ("cuda", True, "1", "cuda:1"),
        ("cuda:0", True, "1", "cuda:0"),
        ("cpu", True, "1", "cpu"),
        (torch.device("cpu"), True, None, "cpu"),
    ],
)
def test_each_process_gets_a_gpu_of_its_own(monkeypatch, asked, gpu, local_rank, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch, "ones", lambda *_, device: torch.zeros(1))  # as if all were there
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if local_rank:
        monkeypatch.setenv("LOCAL_RANK", local_rank)
    assert distributed.choose_device(asked) == torch.device(chosen)


# Together ----------------------------------------------------------------------------------------


def one_of_two(rank, port, folder):
    """What torchrun would start: the training, and its end in a file."""
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE="2",
        MASTER_ADDR="localhost",
        MASTER_PORT=str(port),
    )
    seen, judged = [], []
    result = train(
        data(),
        TINY,
        held_out(),
        checkpoint=folder / "a",
        watch=lambda *_: seen.append(rank),
        judge=lambda model: judged.append(rank) or {"score": 1},
        **HOW,
    )
    assert set(seen) == set(judged) == ({0} if distributed.is_main_process() else set())
    assert [entry["raw"] for entry in result.history] == 2 * [{"score": 1}]
    assert not torch.distributed.is_initialized()
    torch.save((flat(result.model), result.history), folder / str(rank))


def run_two(folder):
    """Both processes to their end. A fork has all modules at once, but no GPU."""
    context = multiprocessing.get_context("spawn" if torch.cuda.is_available() else "fork")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    both = [context.Process(target=one_of_two, args=(rank, port, folder)) for rank in (0, 1)]
    try:
        for process in both:
            process.start()
        for process in both:
            process.join(timeout=100)
        assert [process.exitcode for process in both] == [0, 0]
    finally:
        for process in both:
            process.kill()


def test_two_processes_end_where_one_with_the_doubled_batch_ends(tmp_path):
    doubled = train(
        data(), replace(TINY, batch_size=2), held_out(), checkpoint=tmp_path / "doubled", **HOW
    )
    run_two(tmp_path)
    for rank in "01":
        weights, history = torch.load(tmp_path / rank)
        torch.testing.assert_close(weights, flat(doubled.model), rtol=1e-4, atol=1e-6)
        for mine, other in zip(history, doubled.history, strict=True):
            assert mine["loss"] == pytest.approx(other["loss"], rel=1e-4)
            assert mine["error"] == pytest.approx(other["error"], abs=2e-3)
    start = flat(training.start(TINY, HOW["seed"], "cpu")[0])
    assert (flat(doubled.model) - start).abs().max() > 1e-2

    # One process takes up what two began.
    assert checkpoint.peek(tmp_path / "a")["step"] == TINY.steps
    again = train(data(), replace(TINY, batch_size=2), held_out(), checkpoint=tmp_path / "a", **HOW)
    assert torch.equal(flat(again.model), torch.load(tmp_path / "0")[0])
