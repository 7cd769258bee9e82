"""An engine changes speed and rounding; what is trained stays the same."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from unet_book import training
from unet_book.augmentation import Augmentation
from unet_book.datasets import Stack, phantom
from unet_book.training import Engine, Preset, Tiles, distributed, train, usual_engine
from unet_book.unet import UNet

TINY = Preset(
    base_channels=4,
    depth=1,
    tile=44,
    steps=6,
    measure_every=3,
    dropout=0.0,
    batch_size=2,
    optimizer="adamw",
    weight_decay=0.01,
    augmentation=Augmentation(sigma=2.0),
)
HOW = {"seed": 3, "device": "cpu", "progress": False}
PLAIN = Engine(precision="fp32", layout="channels_last")


@pytest.fixture(scope="module")
def data():
    return Stack("cells", *phantom.stack("cells", 3, (64, 72), seed=0))


def flat(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def capability(monkeypatch, vectors, unit=None):
    """A processor with these vector instructions and this unit for bf16."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: vectors)
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda name=name: name == unit, raising=False)


# What "auto" is ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vectors, unit, precision",
    [
        ("AVX2", None, "fp32"),
        ("AVX512", None, "fp32"),
        ("AVX512", "_is_amx_tile_supported", "bf16"),
        ("AVX512", "_is_avx512_bf16_supported", "bf16"),
        ("AVX2", "_is_amx_tile_supported", "fp32"),  # PyTorch was told not to use it
        ("DEFAULT", None, "fp32"),
    ],
)
def test_a_cpu_takes_bf16_where_it_has_the_arithmetic(monkeypatch, vectors, unit, precision):
    capability(monkeypatch, vectors, unit)
    assert Engine().settled("cpu", 64).precision == precision
    assert usual_engine("cpu").settled("cpu", 64).precision == "fp32"


@pytest.mark.parametrize(
    "vectors, base_channels, layout",
    [
        ("AVX2", 16, "channels_last"),
        ("AVX2", 32, "nchw"),
        ("AVX512", 64, "channels_last"),
        ("DEFAULT", 64, "channels_last"),
    ],
)
def test_maps_lie_apart_for_wide_networks_on_narrow_processors(
    monkeypatch, vectors, base_channels, layout
):
    capability(monkeypatch, vectors)
    assert Engine().settled("cpu", base_channels).layout == layout


@pytest.mark.parametrize("capability, precision", [((7, 5), "fp32"), ((8, 0), "bf16")])
def test_a_gpu_takes_bf16_if_it_is_newer_than_a_t4(monkeypatch, capability, precision):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    settled = Engine(graph=True).settled("cuda", 64)
    assert settled == Engine(precision, "channels_last", graph=True, ahead=True)
    assert usual_engine("cuda") == Engine()


@pytest.mark.parametrize(
    "chosen",
    [
        Engine("bf16", "nchw"),
        Engine("fp32", "channels_last", compile=True),
    ],
)
def test_what_is_chosen_stays(monkeypatch, chosen):
    capability(monkeypatch, "AVX2")
    assert chosen.settled("cpu", 64) == replace(chosen, ahead=False)


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"precision": "fp16"}, "precision is one of auto, fp32, bf16, not 'fp16'"),
        ({"layout": "nhwc"}, "layout is one of auto, nchw, channels_last, not 'nhwc'"),
    ],
)
def test_another_word_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Engine(**wrong)


def test_a_graph_without_a_gpu_is_refused(data):
    with pytest.raises(ValueError, match="graph=True records what a GPU does.*'cpu'"):
        train(data, TINY, engine=Engine(graph=True), **HOW)


def test_a_graph_on_several_processes_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    with pytest.raises(ValueError, match="graph=True is for one process, not 2: leave it out"):
        Engine("bf16", graph=True).settled("cuda", 64)


# What it changes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layout, memory_format",
    [
        ("nchw", torch.contiguous_format),
        ("channels_last", torch.channels_last),
    ],
)
def test_weights_and_tiles_lie_in_the_layout_and_hold_the_same_numbers(data, layout, memory_format):
    chosen = replace(PLAIN, layout=layout)
    model, _ = training.start(TINY, 0, "cpu", engine=chosen)
    image, _, _ = Tiles(data, TINY, 0, "cpu", chosen).batch(1)
    other, _, _ = Tiles(data, TINY, 0, "cpu", PLAIN).batch(1)
    kernel = model.bottom[0].weight
    for tensor in (kernel, model(image)):
        assert tensor.is_contiguous(memory_format=memory_format)
    assert torch.equal(image, other)


def test_both_layouts_train_to_the_same_weights_up_to_rounding(data):
    ends = [
        flat(train(data, TINY, engine=replace(PLAIN, layout=layout), **HOW).model)
        for layout in ("nchw", "channels_last")
    ]
    torch.testing.assert_close(*ends, rtol=1e-3, atol=1e-5)


class Noted(UNet):
    """Notes the precision of its maps."""

    def forward(self, image):
        logits = super().forward(image)
        Noted.seen = logits.dtype
        return logits


@pytest.mark.parametrize("precision, dtype", [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_maps_are_in_the_precision_and_weights_energy_and_moments_in_float32(
    data, precision, dtype
):
    chosen = replace(PLAIN, precision=precision)
    tiles = Tiles(data, TINY, 0, "cpu", chosen)
    model, optimizer = training.start(TINY, 0, "cpu", build=Noted, engine=chosen)
    loss = training.training_step(model, optimizer, tiles, 0)
    assert Noted.seen == dtype
    moments = [value.dtype for state in optimizer.state.values() for value in state.values()]
    kinds = {loss.dtype, *moments, *(weight.grad.dtype for weight in model.parameters())}
    assert kinds | {weight.dtype for weight in model.parameters()} == {torch.float32}


def test_bf16_gradients_point_where_fp32_gradients_do(data):
    gradients = []
    for precision in ("fp32", "bf16"):
        chosen = replace(PLAIN, precision=precision)
        tiles = Tiles(data, TINY, 0, "cpu", chosen)
        model, optimizer = training.start(TINY, 0, "cpu", engine=chosen)
        training.training_step(model, optimizer, tiles, 0)
        gradients.append(torch.cat([weight.grad.flatten() for weight in model.parameters()]))
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99
    assert not torch.equal(*gradients)


def test_a_compiled_network_trains_and_what_is_returned_is_the_network(data, monkeypatch):
    calls = []

    def compiled(model):
        calls.append(model)
        return torch.nn.Sequential(model)

    monkeypatch.setattr(torch, "compile", compiled)
    result = train(data, TINY, engine=replace(PLAIN, compile=True), **HOW)
    assert calls == [result.model]
    assert torch.equal(flat(result.model), flat(train(data, TINY, engine=PLAIN, **HOW).model))


def test_tiles_prepared_ahead_are_those_of_their_step(data, monkeypatch):
    log = []

    class Stream:  # of a GPU that is not there
        def __init__(self, name):
            self.name = name

        def wait_stream(self, other):
            log.append(f"{self.name} waits for {other.name}")

    now, side = Stream("now"), Stream("side")
    plain, ahead = (Tiles(data, TINY, 5, "cpu", PLAIN) for _ in range(2))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: now)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(
        torch.Tensor,
        "record_stream",
        lambda tensor, stream: log.append(f"a tensor for {stream.name}"),
    )
    draw = ahead.draw
    monkeypatch.setattr(ahead, "draw", lambda step: log.append(step) or draw(step))
    ahead.side = side
    for k in (0, 1, 2, 7, 8, 3):
        assert all(map(torch.equal, ahead.batch(k), plain.batch(k)))
    used = ["now waits for side", *3 * ["a tensor for now"]]
    # Each but the first of a row is drawn while another is used.
    assert log == [
        "side waits for now",
        0,
        *used,
        1,
        *used,
        2,
        *used,
        3,
        7,
        *used,
        8,
        *used,
        9,
        3,
        *used,
        4,
    ]


# The modern recipe -------------------------------------------------------------------------------


def test_the_rate_warms_up_and_then_follows_its_schedule():
    preset = replace(TINY, steps=100, warmup=10, learning_rate=2.0, schedule="cosine")
    rates = [training.learning_rate(preset, k) for k in range(100)]
    plain = [training.learning_rate(replace(preset, warmup=0), k) for k in range(100)]
    assert rates[:10] == pytest.approx([(k + 1) / 10 * plain[k] for k in range(10)])
    assert rates[10:] == plain[10:]


@pytest.mark.parametrize("clip", [None, 1e-3])
def test_a_gradient_is_cut_to_the_length_asked(data, clip):
    preset = replace(TINY, clip=clip)
    tiles = Tiles(data, preset, 0, "cpu", PLAIN)
    model, optimizer = training.start(preset, 0, "cpu", engine=PLAIN)
    training.training_step(model, optimizer, tiles, 0)
    length = torch.cat([weight.grad.flatten() for weight in model.parameters()]).norm().item()
    assert length == pytest.approx(clip, rel=1e-4) if clip else length > 1e-2


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_weight_decay_is_the_optimizers(optimizer):
    preset = replace(TINY, optimizer=optimizer, weight_decay=0.125)
    group = training.start(preset, 0, "cpu")[1].param_groups[0]
    assert group["weight_decay"] == 0.125


def test_modern_is_adamw_on_half_the_papers_width():
    modern = training.PRESETS["modern"]
    expected = {
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "base_channels": 32,
        "depth": 4,
        "variant": "paper",
    }
    assert {name: getattr(modern, name) for name in expected} == expected
    assert 0 < modern.warmup < modern.steps / 10
