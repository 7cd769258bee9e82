"""``unet-book export``: which file, which format, and what is never replaced."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from unet_book import checkpoint, cli
from unet_book.cli import export
from unet_book.finder import CellFinder
from unet_book.overlap_tile import predict
from unet_book.unet import UNet

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def run(*arguments):
    return cli.main(["export", *map(str, arguments)])


@pytest.fixture(scope="module")
def finder():
    return CellFinder(UNet(base_channels=2, depth=1), (2.0, 99.0))


@pytest.fixture
def trained(finder, tmp_path):
    """The folder of a run."""
    finder.save(tmp_path / "run" / "model.safetensors")
    return tmp_path / "run"


@pytest.mark.parametrize(
    "out, more, file",
    [
        ("new", [], "new/model.onnx"),
        ("v1.2", [], "v1.2/model.onnx"),
        ("new/cells.onnx", [], "new/cells.onnx"),
        ("CELLS.ONNX", ["--format", "onnx"], "CELLS.ONNX"),
    ],
)
def test_a_network_goes_into_a_folder_or_a_file(trained, finder, tmp_path, capsys, out, more, file):
    (tmp_path / "v1.2").mkdir()
    assert run(trained, "--out", tmp_path / out, *more) == 0
    said = capsys.readouterr().out
    assert str(tmp_path / file) in said and "gray.stretch(image, 2, 99, least=25)" in said
    image = np.random.default_rng(0).random((30, 40), np.float32)
    running = onnxruntime.InferenceSession(tmp_path / file)
    (found,) = running.run(None, {"image": image[None, None]})
    np.testing.assert_allclose(found[0], predict(finder.model, image), atol=1e-5)


def test_a_network_saved_alone_says_how_its_gray_values_were_spread(tmp_path, capsys):
    checkpoint.save(tmp_path / "net.safetensors", UNet(base_channels=1, depth=1))
    assert run(tmp_path / "net.safetensors", "--out", tmp_path / "o") == 0
    assert "8-bit values are divided by 255" in capsys.readouterr().out


def test_an_export_is_replaced_and_nothing_else(trained, tmp_path, capsys):
    to = tmp_path / "model.onnx"
    assert run(trained, "--out", to) == run(trained, "--out", to) == 0
    other = onnx.load(to)
    other.producer_name = "pytorch"
    onnx.save(other, to)
    before = to.read_bytes()
    assert run(trained, "--out", to) == 2 and to.read_bytes() == before
    assert "model.onnx is not of this program" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text, ours", [("config:\n  unet_book:\n    rule: {}\n", True), ("", False)]
)
def test_a_package_is_known_by_its_description(tmp_path, text, ours):
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("rdf.yaml", text)
    assert export._is_ours(tmp_path / "p.zip") is ours
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("images/1.tif", "unet_book:")
    assert not export._is_ours(tmp_path / "data.zip")


def test_the_package_gets_the_image_and_the_names_that_were_given(trained, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(export, "find_spec", lambda name: True)
    monkeypatch.setattr(
        "unet_book.export.to_bioimageio",
        lambda finder, to, image, **names: given.update(to=to, image=image, **names),
    )
    gray = np.arange(1200, dtype=np.uint8).reshape(30, 40)
    Image.fromarray(gray).save(tmp_path / "one.png")
    names = ["--author", "Ada L.", "--author", "Me", "--license", "MIT", "--name", "Our cells"]
    to = tmp_path / "cells.zip"
    assert run(trained, "--out", to, "--image", tmp_path / "one.png", *names) == 0
    assert given.pop("image").tolist() == gray.tolist()
    assert given == {"to": to, "authors": ["Ada L.", "Me"], "license": "MIT", "name": "Our cells"}


def test_without_an_image_of_ones_own_the_books_nuclei_are_the_example(trained, tmp_path, capsys):
    shapes = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "find_spec", lambda name: True)
        patch.setattr(
            "unet_book.export.to_bioimageio", lambda finder, to, image, **_: shapes.append(image)
        )
        assert run(trained, "--out", tmp_path / "new", "--format", "bioimageio") == 0
    (image,) = shapes
    assert image.shape == (512, 512) and image.dtype == np.uint8 and image.max() == 235
    assert "--author NAME and --license TERMS" in capsys.readouterr().out


@pytest.mark.parametrize(
    "missing, says",
    [
        (["onnx"], "needs onnx: pip install onnx, or unet_book[export]"),
        (["onnxruntime", "bioimageio"], "needs onnxruntime and bioimageio: pip install"),
    ],
)
def test_a_missing_package_is_told_with_what_to_install(
    trained, tmp_path, capsys, monkeypatch, missing, says
):
    monkeypatch.setattr(export, "find_spec", lambda name: None if name in missing else True)
    kind = "onnx" if missing == ["onnx"] else "bioimageio"
    assert run(trained, "--out", tmp_path / "new", "--format", kind) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and says in said and not (tmp_path / "new").exists()


def test_a_network_of_another_class_is_refused(tmp_path, capsys):
    class Other(UNet):
        pass

    checkpoint.save(tmp_path / "net.safetensors", Other(base_channels=1, depth=1))
    assert run(tmp_path / "net.safetensors", "--out", tmp_path / "o") == 2
    assert "only unet_book.unet.UNet itself can be exported" in capsys.readouterr().err


def test_the_name_of_the_plain_network_is_the_one_in_its_files():
    assert export.PLAIN == checkpoint.class_name(UNet)
