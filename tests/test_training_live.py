"""What one sees of a training while it runs."""

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from unet_book import training
from unet_book.augmentation import Augmentation
from unet_book.datasets import Stack, phantom
from unet_book.overlap_tile import predict
from unet_book.training import Live, Preset, live, train

TINY = Preset(
    base_channels=2,
    depth=1,
    tile=44,
    steps=8,
    measure_every=3,
    schedule="cosine",
    augmentation=Augmentation(sigma=2.0),
)
HOW = {"seed": 3, "device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def data():
    return Stack("cells", *phantom.stack("cells", 3, (64, 72), seed=0))


class Handle:
    """What IPython gives to change a picture that is shown."""

    def __init__(self):
        self.shown = []

    def display(self, picture, display_id):
        self.shown.append(picture.data)
        return self

    def update(self, picture):
        self.shown.append(picture.data)


# Live --------------------------------------------------------------------------------------------


def test_on_a_terminal_it_is_a_line_a_measurement(data, capsys):
    result = train(data, TINY, data, watch=Live(data), **HOW)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [live.line(entry) for entry in result.history]
    assert lines[0].startswith("step 3: loss 0.") and lines[0].endswith("held-out pixels wrong")


def test_a_line_says_step_loss_and_error():
    entry = {"step": 300, "loss": 0.41239, "error": 0.12}
    assert live.line(entry) == "step 300: loss 0.4124, 12.00 % of the held-out pixels wrong"


def test_without_held_out_images_the_line_has_no_error():
    assert live.line({"step": 3, "loss": 0.5, "error": None}) == "step 3: loss 0.5"


def test_in_a_notebook_it_is_one_picture_that_changes(data, monkeypatch):
    handle, watch = Handle(), Live(data, index=1)
    monkeypatch.setattr(live, "in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", handle.display)
    result = train(data, replace(TINY, steps=4), data, watch=watch, **HOW)
    assert len(handle.shown) == len(set(handle.shown)) == 3  # steps 0, 3 and 4
    assert all(picture.startswith(b"\x89PNG") for picture in handle.shown)

    loss, error, prediction, truth = watch.figure().axes
    for axes, name, times in ((loss, "loss", 1), (error, "error", 100)):
        steps, values = axes.lines[0].get_data()
        assert [*steps] == [3, 4]
        assert [*values] == pytest.approx([times * entry[name] for entry in result.history])
    expected = predict(result.model, data.images[1])[1]
    assert np.array_equal(prediction.images[0].get_array(), expected)
    assert np.array_equal(truth.images[0].get_array(), data.labels[1] > 0)
    assert prediction.get_title() == "P(cell) after step 4"


def test_a_picture_without_a_measurement_is_empty(data):
    assert [len(axes.lines[0].get_xdata()) for axes in Live(data).figure().axes[:2]] == [0, 0]


@pytest.mark.parametrize(
    "shell, shows",
    [
        (None, False),
        (SimpleNamespace(), False),
        (SimpleNamespace(kernel=1), True),
    ],
)
def test_a_kernel_shows_pictures_and_a_terminal_does_not(monkeypatch, shell, shows):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert live.in_notebook() == shows


def test_a_resumed_training_shows_all_of_its_curve(data, tmp_path):
    watch = Live(data)
    train(data, replace(TINY, steps=8), checkpoint=tmp_path / "a", **HOW)
    result = train(data, TINY, checkpoint=tmp_path / "a", watch=watch, **HOW)
    assert watch.history == result.history and len(watch.history) == 3


# Event files -------------------------------------------------------------------------------------


class Writer:
    """Stands for TensorBoard's SummaryWriter."""

    made = []

    def __init__(self, folder, purge_step):
        self.folder, self.purge_step, self.values, self.closed = folder, purge_step, [], False
        Writer.made.append(self)

    def add_scalar(self, *value):
        self.values.append(value)

    def flush(self):
        pass

    def close(self):
        self.closed = True


def test_event_files_hold_loss_error_and_learning_rate(data, tmp_path, monkeypatch):
    package = ModuleType("tensorboard")
    package.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", package)
    result = train(data, TINY, data, log=tmp_path / "log", **HOW)
    writer = Writer.made.pop()
    assert (writer.folder, writer.purge_step, writer.closed) == (str(tmp_path / "log"), 1, True)
    expected = []
    for entry in result.history:
        step = entry["step"]
        expected += [
            ("loss", entry["loss"], step),
            ("held-out pixel error", entry["error"], step),
            ("learning rate", training.learning_rate(TINY, step - 1), step),
        ]
    assert writer.values == expected


def test_event_files_can_be_read_by_tensorboard(data, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = train(data, TINY, log=tmp_path, **HOW)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert sorted(events.Tags()["scalars"]) == ["learning rate", "loss"]
    found = [(event.step, event.value) for event in events.Scalars("loss")]
    assert found == [(entry["step"], pytest.approx(entry["loss"])) for entry in result.history]


def test_without_the_package_event_files_are_refused_before_training(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setattr(training, "training_step", None)
    with pytest.raises(ImportError, match=r"needs the package tensorboard: pip install"):
        train(data, TINY, log="anywhere", **HOW)
