"""A checkpoint is whole or it is the old one, and it gives back every bit."""

import errno
import json
import os
import random
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import unet_book
from unet_book import _files, _header, checkpoint
from unet_book.sizes import VARIANTS
from unet_book.unet import UNet

OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
}


def network(seed=0, memory_format=torch.contiguous_format, **how):
    """A tiny network with weights of its own."""
    model = UNet(**{"base_channels": 2, "depth": 1, "dropout": 0.0} | how)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(0.2 * torch.randn(weight.shape, generator=generator))
    return model.to(memory_format=memory_format)


def step(model, optimizer, count=1):
    for number in range(count):
        image = torch.rand(1, 1, 20, 20, generator=torch.Generator().manual_seed(number))
        optimizer.zero_grad()
        model(image).square().mean().backward()
        optimizer.step()


def moments(optimizer):
    state = optimizer.state_dict()["state"]
    return {(i, name): value for i in state for name, value in state[i].items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(other[name])), name


@pytest.fixture
def saved(tmp_path):
    """A good checkpoint, the only file in its folder."""
    return checkpoint.save(tmp_path / "model.safetensors", network(), state={"step": 1})


# There and back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_restoring_gives_back_every_bit(tmp_path, kind, steps, memory_format):
    model = network(1, memory_format)
    optimizer = OPTIMIZERS[kind](model.parameters())
    step(model, optimizer, steps)
    checkpoint.save(tmp_path / "a", model, optimizer, {"step": steps, "history": [0.1, None]})

    other = network(2, memory_format)
    other_optimizer = OPTIMIZERS[kind](other.parameters())
    step(other, other_optimizer, 2)  # what it had before must not shine through
    state = checkpoint.restore(tmp_path / "a", other, other_optimizer)

    assert state == {"step": steps, "history": [0.1, None]}
    assert_same(model.state_dict(), other.state_dict())
    assert_same(moments(optimizer), moments(other_optimizer))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_steps_after_restoring_are_the_steps_without(tmp_path, kind, memory_format):
    model = network(1, memory_format)
    optimizer = OPTIMIZERS[kind](model.parameters())
    step(model, optimizer, 2)
    checkpoint.save(tmp_path / "a", model, optimizer)
    other = network(2, memory_format)
    other_optimizer = OPTIMIZERS[kind](other.parameters())
    checkpoint.restore(tmp_path / "a", other, other_optimizer)

    step(model, optimizer, 3)
    step(other, other_optimizer, 3)
    assert_same(model.state_dict(), other.state_dict())


def test_moments_come_back_in_the_memory_layout_of_their_parameters(tmp_path):
    model = network(1, torch.channels_last)
    optimizer = OPTIMIZERS["adam"](model.parameters())
    step(model, optimizer)
    checkpoint.save(tmp_path / "a", model, optimizer)
    checkpoint.restore(tmp_path / "a", model, optimizer)
    for weight in model.parameters():
        assert optimizer.state[weight]["exp_avg"].stride() == weight.stride()


def test_saving_twice_gives_equal_files(tmp_path):
    files = [checkpoint.save(tmp_path / str(i), network(), state={"step": 3}) for i in range(20)]
    assert len({file.read_bytes() for file in files}) == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_load_model_rebuilds_the_network(tmp_path, variant):
    model = network(variant=variant, in_channels=2, num_classes=3, depth=2, dropout=0.25)
    loaded = checkpoint.load_model(checkpoint.save(tmp_path / "a", model))
    assert not loaded.training
    assert loaded.dropout.p == 0.25
    image = torch.rand(1, 2, 48 if variant == "same" else 44, 48 if variant == "same" else 44)
    with torch.no_grad():
        assert torch.equal(loaded(image), model.eval()(image))


def test_load_model_leaves_the_global_random_state_alone(saved):
    before = torch.get_rng_state()
    checkpoint.load_model(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_peek_gives_the_state_alone(saved):
    assert checkpoint.peek(saved) == {"step": 1}


def test_a_network_saved_without_state_has_an_empty_one(tmp_path):
    assert checkpoint.peek(checkpoint.save(tmp_path / "a", network())) == {}


def test_missing_folders_are_made(tmp_path):
    checkpoint.save(tmp_path / "new" / "er" / "a", network())
    assert checkpoint.peek(tmp_path / "new" / "er" / "a") == {}


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_who_may_read_the_file_is_as_the_user_has_it(saved, mask):
    before = os.umask(mask)
    try:
        checkpoint.save(saved, network())
    finally:
        os.umask(before)
    assert saved.stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_link_stays_and_what_it_links_to_is_replaced(saved, tmp_path):
    link = tmp_path / "elsewhere" / "a"
    link.parent.mkdir()
    link.symlink_to(saved)
    checkpoint.save(link, network(), state={"step": 2})
    assert link.is_symlink() and checkpoint.peek(saved) == {"step": 2}


def test_what_a_killed_process_left_is_removed_before_the_next_training(saved, tmp_path):
    old, new, others = (
        tmp_path / f".{name}.partial"
        for name in (
            f"{saved.name}.0123abcd",
            f"{saved.name}.4567cdef",
            f"{saved.name}.json.0123abcd",
        )
    )
    for left in (old, new, others):
        left.write_bytes(b"half of it")
    for left in (old, others):
        os.utime(left, (0, 0))
    checkpoint.check_room(saved, 10)
    assert sorted(tmp_path.iterdir()) == sorted([saved, new, others])


def test_to_peek_no_tensor_is_read(saved, monkeypatch):
    opened = _header.safe_open

    @contextmanager
    def header_only(path, framework):
        with opened(path, framework) as file:
            yield SimpleNamespace(metadata=file.metadata)

    monkeypatch.setattr(_header, "safe_open", header_only)
    assert checkpoint.peek(saved) == {"step": 1}


# All or nothing ----------------------------------------------------------------------------------


def fail(error):
    def instead(*_, **__):
        raise error

    return instead


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken disk"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["replace", "fsync"])
def test_a_failing_call_leaves_the_old_file_and_no_other(saved, monkeypatch, where, error):
    before = saved.read_bytes()
    monkeypatch.setattr(checkpoint.os, where, fail(error))
    with pytest.raises(type(error)):
        checkpoint.save(saved, network(7))
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_write_that_ends_in_the_middle_leaves_the_old_file_and_no_other(
    saved, monkeypatch, error
):
    before = saved.read_bytes()

    @contextmanager
    def nearly_full(path, mode):
        with open(path, mode) as file:
            file.write(b"the first bytes")
            yield SimpleNamespace(write=fail(error))

    monkeypatch.setattr(_files, "open", nearly_full, raising=False)
    with pytest.raises(type(error)):
        checkpoint.save(saved, network(7))
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


def test_a_full_disk_is_told_with_the_name_of_the_file(saved, monkeypatch):
    monkeypatch.setattr(_files.os, "fsync", fail(OSError(errno.ENOSPC, "No space left")))
    with pytest.raises(OSError, match=f"No space left.*{re.escape(str(saved))}"):
        checkpoint.save(saved, network(7))


KILLED = """
import os, signal, sys, time
from unet_book import checkpoint
from unet_book.unet import UNet

path, seconds = sys.argv[1], map(float, sys.argv[2:])
models = [UNet(base_channels=32, depth=2) for _ in range(2)]
checkpoint.save(path, models[0], state={"model": 0})
for moment in seconds:
    child = os.fork()
    if not child:
        while True:
            for number, model in enumerate(models):
                checkpoint.save(path, model, state={"model": number})
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    expected = models[checkpoint.peek(path)["model"]].state_dict()
    found = checkpoint.load_model(path).state_dict()
    assert all(found[name].equal(expected[name]) for name in expected)
print("whole after every kill")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_a_process_killed_while_it_saves_leaves_a_whole_file(tmp_path):
    draw = random.Random(0)
    moments = [f"{draw.uniform(0.01, 0.1):.4f}" for _ in range(15)]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "a", *moments],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=Path(unet_book.__file__).parents[1],
    )
    assert done.stdout == "whole after every kill\n", done.stderr


# Files that are no checkpoint --------------------------------------------------------------------


def truncated(path, keep):
    content = checkpoint.save(path, network()).read_bytes()
    path.write_bytes(content[: int(keep * len(content))])


WRONG = {
    "empty": (lambda path: path.write_bytes(b""), ValueError, "damaged"),
    "cut in the header": (lambda path: truncated(path, 0.02), ValueError, "damaged"),
    "cut in the weights": (lambda path: truncated(path, 0.9), ValueError, "damaged"),
    "an image": (lambda path: path.write_bytes(b"\x89PNG\r\n" * 99), ValueError, "damaged"),
    "not ours": (lambda path: save_file({"a": torch.ones(2)}, path), ValueError, "not a checkpoi"),
    "missing": (lambda path: None, FileNotFoundError, "there is no checkpoint"),
    "a folder": (lambda path: path.mkdir(), IsADirectoryError, "is a folder"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path, what):
    make, kind, words = WRONG[what]
    path = tmp_path / "wrong.safetensors"
    make(path)
    readers = [checkpoint.peek, checkpoint.load_model, lambda p: checkpoint.restore(p, network())]
    for read in readers:
        with pytest.raises(kind, match=words) as error:
            read(path)
        assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "how",
    [
        {"base_channels": 3},
        {"depth": 2},
        {"num_classes": 3},
        {"in_channels": 2},
        {"variant": "released"},
        {"variant": "same"},  # the last has weights of the same shapes
    ],
)
def test_another_networks_file_is_refused_and_the_network_stays_as_it_was(saved, how):
    model = network(5, **how)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=f"{re.escape(str(saved))} holds another network"):
        checkpoint.restore(saved, model)
    assert_same(model.state_dict(), before)


class Other(UNet):
    """A network whose weights fit a `UNet`, and which computes something else."""

    def forward(self, image):
        return -super().forward(image)


def test_a_subclass_is_read_as_itself_or_not_at_all(tmp_path):
    model = Other(base_channels=2, depth=1)
    checkpoint.save(tmp_path / "a", model)
    for read in (checkpoint.load_model, lambda path: checkpoint.restore(path, network())):
        with pytest.raises(ValueError, match="class .*Other, not .*UNet: give that class as build"):
            read(tmp_path / "a")
    again = checkpoint.load_model(tmp_path / "a", build=Other)
    image = torch.rand(1, 1, 20, 20)
    assert torch.equal(again(image), model.eval()(image)) and isinstance(again, Other)


def rewritten(path, change):
    """The checkpoint `path` with its header and tensors changed, as a whole file."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[checkpoint.KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(header, tensors)
    save_file(tensors, path, {checkpoint.KEY: json.dumps(header)})


def wide(header, tensors):
    header["network"]["base_channels"] = 4000  # 120 GB, if anything were allocated


BROKEN = {
    "no network": (lambda header, tensors: header.pop("network"), "header is no checkpoint's"),
    "a list": (lambda header, tensors: header.update(network=[1]), "header is no checkpoint's"),
    "another word": (lambda header, tensors: header["network"].update(color=1), "color"),
    "an endless depth": (
        lambda header, tensors: header["network"].update(depth=60),
        "no network that can be built",
    ),
    "another width": (wide, "is damaged: model.*has the shape"),
    "a weight less": (lambda header, tensors: tensors.pop("model.bottom.0.bias"), "of nothing"),
    "a weight more": (
        lambda header, tensors: tensors.update({"model.x": torch.ones(1)}),
        "no such weight",
    ),
    "no number": (
        lambda header, tensors: (
            tensors["model.bottom.0.bias"].fill_(torch.nan),
            header.pop("checksum"),
        ),
        "NaN or infinite",
    ),
    "another number": (
        lambda header, tensors: tensors["model.bottom.0.bias"].zero_(),
        "its numbers are not those that were saved",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_not_what_it_says_is_refused_in_one_line(saved, what):
    change, words = BROKEN[what]
    rewritten(saved, change)
    with pytest.raises(ValueError, match=words) as caught:
        checkpoint.load_model(saved)
    assert str(saved) in str(caught.value) and "\n" not in str(caught.value)


def test_bytes_that_were_lost_are_noticed(saved):
    content = bytearray(saved.read_bytes())
    content[-1000:-500] = bytes(500)
    saved.write_bytes(content)
    with pytest.raises(ValueError, match="its numbers are not those that were saved"):
        checkpoint.load_model(saved)


def test_files_from_before_checksums_and_classes_are_read(saved):
    def older(header, tensors):
        del header["checksum"], header["class"]

    rewritten(saved, older)
    assert_same(checkpoint.load_model(saved).state_dict(), network().state_dict())


def test_another_rate_of_dropout_is_no_other_network(saved):
    checkpoint.restore(saved, network(dropout=0.5))


def test_nothing_in_the_package_unpickles():
    sources = sorted(Path(unet_book.__file__).parent.rglob("*.py"))
    assert len(sources) > 10
    unsafe = re.compile(r"\bpickle\b|\bjoblib\b|\bshelve\b|\btorch\.load\(|allow_pickle\s*=\s*True")
    assert [file.name for file in sources if unsafe.search(file.read_text("utf-8"))] == []


def test_a_name_as_long_as_can_be_is_written(tmp_path):
    """255 bytes are the most; a letter may take four."""
    for name in ("n" * 243 + ".safetensors", "\N{SNOWMAN}" * 81 + ".safetensors"):
        checkpoint.save(tmp_path / name, UNet(base_channels=1, depth=1))
        assert (tmp_path / name).is_file()
    assert len(list(tmp_path.iterdir())) == 2
