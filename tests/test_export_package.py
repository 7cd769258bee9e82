"""bioimage.io's own library reads the package, tests it, and finds the numbers of PyTorch with it.

It is not in the extra "test", for it needs another pydantic than the book: to run this file,
pip install "unet_book[export]" pytest hypothesis in an environment of its own.
"""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

core = pytest.importorskip("bioimageio.core")

from unet_book.datasets import phantom  # noqa: E402
from unet_book.export import package as package_room  # noqa: E402
from unet_book.export import to_bioimageio  # noqa: E402
from unet_book.finder import CellFinder  # noqa: E402
from unet_book.initialization import he_normal_  # noqa: E402
from unet_book.instances import Rule  # noqa: E402
from unet_book.overlap_tile import predict  # noqa: E402
from unet_book.unet import UNet  # noqa: E402

EXAMPLE = np.uint8(255 * phantom.cells((70, 90), seed=1)[0])
MARGIN = {"paper": 20, "same": 24}  # px, of depth 2


def finder(variant="paper"):
    model = UNet(base_channels=3, depth=2, variant=variant)
    he_normal_(model, generator=torch.Generator().manual_seed(0))
    return CellFinder(model, (2.0, 99.0), Rule(0.4, 0.8, smallest=20))


@pytest.fixture(scope="module", params=["paper", "same"])
def written(request, tmp_path_factory):
    """A finder and its package, which the library has tested."""
    made = finder(request.param)
    to = tmp_path_factory.mktemp("package") / "cells.zip"
    names = {"name": "Phantom cells (test)", "authors": ["A. Uthor", "B. Uthor"]}
    return made, to_bioimageio(made, to, EXAMPLE, license="CC0-1.0", **names)


def as_described(finder, image):
    """PyTorch's answer to an image whose gray values are spread as bioimage.io does."""
    return predict(finder.model, package_room._scaled(image, *finder.percentiles))


def test_it_carries_what_it_names_and_the_same_finder(written, tmp_path):
    made, path = written
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
        names = {"rdf.yaml", "README.md", "cover.png", "input.npy", "output.npy", "model.onnx"}
        assert {*archive.namelist()} == names | {"model.safetensors"}
        cover = Image.open(io.BytesIO(archive.read("cover.png")))
    again = CellFinder.load(tmp_path / "model.safetensors", "cpu")
    assert again.rule == made.rule and again.percentiles == made.percentiles
    image = np.load(tmp_path / "input.npy")
    assert image.shape == (1, 1, 68, 88) and cover.size == (176, 68)
    expected = as_described(made, image[0, 0])
    np.testing.assert_allclose(np.load(tmp_path / "output.npy")[0], expected, atol=1e-6)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "{" not in readme and "Percentiles 2 and 99" in readme
    assert "what is above 0.4, one for each core above 0.8" in readme
    assert f"{2 * MARGIN[made.model.variant] + 4} + n * 4 px" in readme


def test_the_library_reads_who_made_it_and_how_to_use_it(written):
    made, path = written
    model = core.load_description(path)
    assert [author.name for author in model.authors] == ["A. Uthor", "B. Uthor"]
    assert str(model.license) == "CC0-1.0" and model.name == "Phantom cells (test)"
    assert "10.1007/978-3-319-24574-4_28" in str(model.cite[0].doi)
    assert [step.id for step in model.inputs[0].preprocessing][:3] == [
        "ensure_dtype",
        "scale_range",
        "clip",
    ]
    halo = MARGIN[made.model.variant]
    assert model.outputs[0].axes[2].halo == halo
    assert model.inputs[0].axes[2].size.min == 2 * halo + 4


@pytest.mark.parametrize("inner", [16, 24])  # px that a tile answers
def test_in_tiles_it_answers_as_predict_does(written, inner):
    made, path = written
    image = np.uint16(60000 * phantom.cells((72, 96), seed=2)[0])
    side = 2 * MARGIN[made.model.variant] + inner
    found = core.predict(
        model=core.load_description(path),
        inputs=image[None, None].astype(np.float32),
        input_block_shape={"image": {"batch": 1, "channel": 1, "y": side, "x": side}},
    )
    found = np.asarray(found.members["probability"].data)[0]
    np.testing.assert_allclose(found, as_described(made, image), atol=1e-4)


def test_in_one_piece_it_answers_any_size(written):
    """The library mirrors the image before it takes the percentiles, so they are of the mirror."""
    made, path = written
    image = np.float32(phantom.cells((61, 75), seed=3)[0])
    halo = MARGIN[made.model.variant]
    padded = np.pad(image, halo, mode="reflect")
    scaled = package_room._scaled(padded, *made.percentiles)[halo:-halo, halo:-halo]
    tensor = core.Tensor.from_numpy(image[None, None], dims=("batch", "channel", "y", "x"))
    found = core.predict(model=core.load_description(path), inputs=tensor)
    found = np.asarray(found.members["probability"].data)[0]
    np.testing.assert_allclose(found, predict(made.model, scaled), atol=1e-4)


def test_other_numbers_than_pytorchs_are_found_and_nothing_is_written(tmp_path, monkeypatch):
    wrong = lambda *arguments: predict(*arguments) * np.float32(0.999)  # noqa: E731
    monkeypatch.setattr(package_room, "predict", wrong)
    with pytest.raises(ValueError, match="bioimageio.core finds a fault.*disagree"):
        to_bioimageio(finder(), tmp_path / "p.zip", EXAMPLE)
    assert not [*tmp_path.iterdir()]


def test_unknown_terms_are_refused_in_a_line(tmp_path):
    with pytest.raises(ValueError, match="refuses the package: .*license") as error:
        to_bioimageio(finder(), tmp_path / "p.zip", EXAMPLE, license="free for all")
    assert len(str(error.value)) < 300 and not [*tmp_path.iterdir()]


def test_a_small_example_goes_on_as_its_mirror(tmp_path):
    to_bioimageio(finder(), tmp_path / "p.zip", EXAMPLE[:9, :30])
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        image = np.load(io.BytesIO(archive.read("input.npy")))
    assert image.shape == (1, 1, 44, 44)
