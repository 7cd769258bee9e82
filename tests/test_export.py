"""Exported networks give the numbers of PyTorch, and a package says what one must know."""

import json
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unet_book.export import margin, settings, to_bioimageio, to_onnx
from unet_book.export import package as package_room
from unet_book.finder import CellFinder
from unet_book.gray import stretch
from unet_book.initialization import he_normal_
from unet_book.instances import Rule
from unet_book.overlap_tile import predict
from unet_book.unet import UNet

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

CLOSE = {"rtol": 0, "atol": 1e-5}  # a tenth of what is promised


def network(depth=2, variant="paper", **more):
    """A network whose answers differ from pixel to pixel, as a trained one's."""
    model = UNet(base_channels=3, depth=depth, variant=variant, **more)
    return he_normal_(model, generator=torch.Generator().manual_seed(depth))


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def answer(running, batch):
    (probability,) = running.run(["probability"], {"image": np.asarray(batch, np.float32)})
    return probability


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network, and its ONNX file at work."""
    model = network()
    return model, session(to_onnx(model, tmp_path_factory.mktemp("onnx") / "model.onnx"))


# The numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 3, 4])
@pytest.mark.parametrize("variant", ["paper", "released", "same"])
def test_every_variant_answers_as_pytorch(tmp_path, variant, depth):
    model = network(depth, variant, in_channels=depth, num_classes=2 + depth % 2)
    running = session(to_onnx(model, tmp_path / "model.onnx"))
    for size in [(16, 16), (33, 70), (128, 9)]:
        batch = torch.rand(2, depth, *size, generator=torch.Generator().manual_seed(0))
        expected = np.stack([predict(model, image).numpy() for image in batch])
        assert expected.std() > 1e-3
        np.testing.assert_allclose(answer(running, batch), expected, **CLOSE)


@given(st.integers(1, 40), st.integers(1, 40))
def test_any_size_is_answered(exported, height, width):
    model, running = exported
    image = np.random.default_rng(height).random((height, width), np.float32)
    np.testing.assert_allclose(
        answer(running, image[None, None])[0], predict(model, image), **CLOSE
    )


def test_it_is_one_pass_over_the_image_mirrored_by_numpy(tmp_path):
    model = network(depth=4).eval()
    image = np.random.default_rng(0).random((32, 112), np.float32)
    mirrored = np.pad(image, [(92, 96), (92, 96)], mode="reflect")  # 12 (mod 16), as it must be
    with torch.no_grad():
        expected = model(torch.from_numpy(mirrored)[None, None]).softmax(1)[..., :32, :112]
    found = answer(session(to_onnx(model, tmp_path / "model.onnx")), image[None, None])
    np.testing.assert_allclose(found, expected, **CLOSE)


@pytest.mark.parametrize("variant", ["paper", "same"])
def test_parts_with_their_margin_make_the_whole(tmp_path, variant):
    model = network(depth=2, variant=variant)
    running = session(to_onnx(model, tmp_path / "model.onnx"))
    image = np.random.default_rng(1).random((64, 48), np.float32)
    around = margin(model)
    seen = np.pad(image, around, mode="reflect")
    found = np.empty((2, 64, 48), np.float32)
    for top in range(0, 64, 32):
        for left in range(0, 48, 16):
            part = seen[top : top + 32 + 2 * around, left : left + 16 + 2 * around]
            inner = answer(running, part[None, None])[0][:, around:-around, around:-around]
            found[:, top : top + 32, left : left + 16] = inner
    np.testing.assert_allclose(found, predict(model, image), **CLOSE)


@pytest.mark.parametrize("depth, px", [(1, 8), (2, 20), (3, 48), (4, 96)])
def test_the_margin_is_the_border_on_the_raster_of_the_poolings(depth, px):
    assert margin(UNet(base_channels=1, depth=depth)) == px


# The file ----------------------------------------------------------------------------------------


def test_equal_networks_make_equal_files_that_hold_all(tmp_path):
    one, other = (to_onnx(network(), tmp_path / name / "m.onnx") for name in "ab")
    assert one.read_bytes() == other.read_bytes()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["m.onnx"]
    assert str(tmp_path).encode() not in one.read_bytes()


def test_the_file_says_its_axes_its_version_and_what_else_one_must_know(tmp_path):
    finder = CellFinder(network(), (1.0, 99.8), Rule(0.4, 0.8, smallest=20), diameter=21.5)
    notes = settings(finder)
    file = onnx.load(to_onnx(network(in_channels=2), tmp_path / "m.onnx", notes))
    ends = [file.graph.input[0], file.graph.output[0]]
    axes = [[d.dim_param or d.dim_value for d in end.type.tensor_type.shape.dim] for end in ends]
    assert axes == [["N", 2, "H", "W"], ["N", 2, "H", "W"]]
    assert [opset.version for opset in file.opset_import] == [15] and file.ir_version == 8
    (told,) = [json.loads(prop.value) for prop in file.metadata_props]
    assert Rule(**told.pop("rule")) == Rule(0.4, 0.8, smallest=20)
    assert told == {"percentiles": [1.0, 99.8], "least": 25, "diameter": 21.5}


def test_a_network_in_training_or_of_half_precision_is_left_as_it_is(tmp_path):
    model = network().train().to(torch.bfloat16)
    running = session(to_onnx(model, tmp_path / "model.onnx"))
    assert model.training and next(model.parameters()).dtype == torch.bfloat16
    image = np.random.default_rng(0).random((20, 20), np.float32)
    expected = predict(network().to(torch.bfloat16).float(), image)
    np.testing.assert_allclose(answer(running, image[None, None])[0], expected, **CLOSE)


def test_a_subclass_is_refused_since_its_layers_are_its_own(tmp_path):
    class Other(UNet):
        pass

    with pytest.raises(TypeError, match="not those of Other"):
        to_onnx(Other(base_channels=1), tmp_path / "model.onnx")
    assert not [*tmp_path.iterdir()]


# What a package describes; the library itself is in test_export_package --------------------------


GRAY = np.arange(50 * 60, dtype=np.uint16).reshape(50, 60)


@pytest.mark.parametrize(
    "finder, example, says",
    [
        (CellFinder(UNet(base_channels=1), None), GRAY, "which gray values"),
        (CellFinder(UNet(base_channels=1, in_channels=2)), GRAY, "not of 2 channels"),
        (CellFinder(UNet(base_channels=1)), GRAY[None], "not (1, 50, 60)"),
        (CellFinder(UNet(base_channels=1)), GRAY[:0], "not (0, 60)"),
    ],
)
def test_what_no_package_can_say_is_refused(tmp_path, finder, example, says):
    with pytest.raises(ValueError) as error:
        to_bioimageio(finder, tmp_path / "p.zip", example)
    assert says in str(error.value) and not [*tmp_path.iterdir()]


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 4))
def test_the_example_is_the_middle_and_fits(height, width, depth):
    finder = CellFinder(UNet(base_channels=1, depth=depth))
    least, block, halo = package_room._sizes(finder)
    image = np.arange(height * width).reshape(height, width)
    middle = package_room._middle(image, (least, block, halo))
    for side, size, axis in zip(middle.shape, image.shape, (0, 1)):
        assert side >= least and (side - least) % block == 0 and side <= max(least, 256)
        index = middle[:, 0] // width if axis == 0 else middle[0] % width
        if side <= size:  # a window of the image with as much before it as behind it
            assert index[0] == (size - side) // 2 and (np.diff(index) == 1).all()
        else:
            assert {*index.tolist()} == {*range(size)}


def test_gray_values_are_spread_as_the_description_asks():
    image = np.float32([[0, 10, 20, 30, 100]])
    scaled = package_room._scaled(image, 25, 75)  # 10 and 30
    np.testing.assert_allclose(scaled, [[0, 0, 0.5, 1, 1]], atol=1e-6)
    assert not package_room._scaled(np.full((4, 4), 7, np.float32), 1, 99.8).any()


def test_gray_values_are_those_of_predict_where_nothing_is_black_or_saturated():
    image = np.random.default_rng(0).normal(1000, 100, (200, 200)).astype(np.float32)
    np.testing.assert_allclose(package_room._scaled(image, 1, 99.8), stretch(image), atol=1e-3)


def test_without_the_library_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioimageio", None)
    with pytest.raises(ImportError, match="pip install onnxruntime bioimageio.core"):
        to_bioimageio(CellFinder(UNet(base_channels=1, depth=1)), tmp_path / "p.zip", GRAY)
