"""A step recorded as a CUDA graph is the step, tried with a stand-in for the GPU's graph."""

import weakref
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from unet_book import training
from unet_book.augmentation import Augmentation
from unet_book.datasets import Stack, phantom
from unet_book.training import Engine, Preset, Tiles, graph
from unet_book.training.graph import GraphedStep
from unet_book.training.state import optimizer_for
from unet_book.training.step import prepare

TINY = Preset(
    base_channels=2,
    depth=1,
    tile=44,
    steps=8,
    dropout=0.5,
    momentum=0.9,
    augmentation=Augmentation(sigma=2.0),
)


@pytest.fixture(scope="module")
def data():
    return Stack("cells", *phantom.stack("cells", 3, (64, 72), seed=0))


def flat(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def test_a_recorded_step_keeps_alive_what_the_graph_has_only_addresses_of(monkeypatch):
    replays = []
    stand_in = SimpleNamespace(replay=lambda: replays.append(1))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: stand_in)
    monkeypatch.setattr(torch.cuda, "graph", lambda stand_in: nullcontext())

    def recorded():
        model, image = torch.nn.Linear(1, 1), torch.ones(1)
        return graph.record(lambda: model(image))[0], weakref.ref(model), weakref.ref(image)

    again, *kept = recorded()
    again()
    assert replays == [1]
    assert all(tensor() is not None for tensor in kept)
    del again
    assert all(tensor() is None for tensor in kept)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.filterwarnings("ignore:graph=True is experimental")
def test_a_graphed_training_replays_its_own_steps(data, monkeypatch, optimizer):
    preset = replace(TINY, optimizer=optimizer, schedule="cosine", learning_rate=1e-2)
    recorded = []

    def record(work):
        recorded.append(work)
        result = torch.zeros(())
        return lambda: result.copy_(work()), result

    monkeypatch.setattr(graph, "record", record)
    monkeypatch.setattr(graph, "side_stream", lambda work: work())
    ends = []
    for make_step in (training.training_step, GraphedStep()):
        tiles, (model, steps) = Tiles(data, preset, 0, "cpu"), training.start(preset, 0, "cpu")
        losses = [make_step(model, steps, tiles, k) for k in range(preset.steps)]
        ends.append((flat(model), torch.stack(losses)))
    assert all(map(torch.equal, *ends))
    assert len(recorded) == 1


def test_a_training_with_a_graph_makes_recorded_steps_and_warns(data, monkeypatch):
    made = []

    class Noted(GraphedStep):
        def __call__(self, *how):
            made.append(how[-1])
            return training.training_step(*how)

    settled = Engine("fp32", "nchw", graph=True, ahead=False)
    monkeypatch.setattr(Engine, "settled", lambda *_: settled)  # as on a GPU
    monkeypatch.setattr(training, "GraphedStep", Noted)
    with pytest.warns(UserWarning, match="experimental.*not yet run on a GPU"):
        training.train(data, replace(TINY, steps=3), device="cpu", progress=False)
    assert made == [0, 1, 2]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_graph_reads_the_learning_rate_from_a_tensor(optimizer):
    preset = replace(TINY, optimizer=optimizer, learning_rate=0.25)
    model, _ = training.start(preset, 0, "cpu")
    made = optimizer_for(model, preset, Engine(graph=True))
    rate = made.param_groups[0]["lr"]
    prepare(model, made, SimpleNamespace(seed=0, preset=preset), 0)
    assert made.param_groups[0]["lr"] is rate and rate.item() == 0.25
    assert optimizer == "sgd" or made.param_groups[0]["capturable"]
