"""How fast an image and its mask are bent together, beside what one could install for it.

    make bench ONLY=deformation                # the record, benchmarks/results/deformation.json
    python benchmarks/deformation.py --trial   # the tables, and no record

Every method bends one image (float32) and its instance labels with one and the same new random
field at each call, the labels without interpolation: what a training needs a step. All use one
thread. The labels have the type that the method takes and is quick with: int32, which is this
package's form, and elasticdeform's and scipy's too; uint16 for albumentations and OpenCV, float32
for MONAI. Only elasticdeform computes the paper's scheme, 3 x 3 vectors and splines between them.
scipy and OpenCV, which have no scheme, get this package's field, at its cost. The others draw a
field of their own kind, and compute less or more for it: they are what a reader would take instead.
Two rows leave the field out and compare the reading alone: two fields, drawn before, in turn.

The second part makes one training tile: places, shift, rotation, mirroring, elastic field, gray
values, labels and weights, once with weights read from the image's weight map at the same places,
which is what training does, and once with a weight map of the tile's own labels. Beside it stands
the forward pass of the `quick` preset's network on that tile, which is all that a tile waits for.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from typing import TypeAlias

import harness
import numpy as np
import torch
from harness import OURS, Row, find, ratio, target
from torch import Tensor

from unet_book.augmentation import Augmentation, random_tile
from unet_book.datasets import phantom
from unet_book.elastic import (
    deform,
    deform_pair,
    dense_displacement,
    pixel_grid,
    random_displacement,
)
from unet_book.sizes import border
from unet_book.training import PRESETS, start
from unet_book.weight_map import part_touching_cells, weight_map

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else its import asks for news

Run: TypeAlias = Callable[[], object]  # bends image and mask once
Fields: TypeAlias = Callable[[tuple[int, int]], Iterator[np.ndarray]]  # of a shape

SIDES, TILES = (512, 1024), (572, 188)
SIGMA, GRID = 10.0, 3
FIELD, CUBIC = "this package, the field stored", "this package, bicubic"
PAPERS, PAPERS_CUBIC = "elasticdeform", "elasticdeform, order 3"
SCIPY, SCIPY_CUBIC = "scipy, our field", "scipy, our field, order 3"
GIVEN, SCIPY_GIVEN = "this package, a field given", "scipy, a field given"
REMAP = "OpenCV remap, our field"
GRID_ELASTIC = "albumentations GridElasticDeform"
ELASTIC, APPROXIMATE = "albumentations ElasticTransform", "the same, approximate"
MONAI, COPY = "MONAI Rand2DElastic", "a copy of both"
SAMPLED, ANEW = "tile, weights sampled", "tile, weight map anew"
FORWARD, TRAINING = "forward pass of `quick`", "forward and backward pass of `quick`"
METHODS = {
    OURS: "elastic.deform_pair(image, mask, vectors): image bilinear, mask nearest, no field kept",
    FIELD: "elastic.random_displacement, then deform with order 1 for the image, 0 for the mask",
    CUBIC: "the same with order 3 for the image",
    GIVEN: "elastic.deform with order 1 and 0, of a field drawn before",
    PAPERS: "deform_random_grid of [image, mask], 3 x 3 points, order [1, 0], mirrored outside",
    PAPERS_CUBIC: "the same with order [3, 0]",
    SCIPY: "our random_displacement, then ndimage.map_coordinates twice, order 1 and 0",
    SCIPY_CUBIC: "the same with order 3 for the image",
    SCIPY_GIVEN: "ndimage.map_coordinates twice, order 1 and 0, of a field drawn before",
    REMAP: "our random_displacement, then cv2.remap twice, linear and nearest",
    GRID_ELASTIC: "a 3 x 3 grid of patches moved by up to 10 px",
    ELASTIC: "a random field a pixel, smoothed by a Gaussian of 20 px",
    APPROXIMATE: "the same with approximate=True, a blur of fixed size",
    MONAI: "Rand2DElasticd, bilinear and nearest, control points every half image",
    COPY: "numpy's copy of image and mask: moving the memory and nothing else",
    SAMPLED: "augmentation.random_tile with image, labels and weights",
    ANEW: "random_tile with image and labels, then weight_map of the tile's labels",
    FORWARD: "16 to 128 channels, batch 1, channels last, inference mode",
    TRAINING: "the same network in training mode, with the gradients of all parameters",
}
NEEDS = {
    PAPERS: "elasticdeform",
    PAPERS_CUBIC: "elasticdeform",
    REMAP: "opencv-python-headless",
    GRID_ELASTIC: "albumentations",
    ELASTIC: "albumentations",
    APPROXIMATE: "albumentations",
    MONAI: "monai",
}


# ---- image and mask


def pair(side: int) -> tuple[np.ndarray, np.ndarray]:
    """An image float32 and its instance labels int32, (side, side)."""
    image, labels = phantom.membranes((side, side), seed=0)
    return image, part_touching_cells(labels)


def ours(image: np.ndarray, mask: np.ndarray) -> Run:
    """Both in one pass, a new field each time."""
    generator = np.random.default_rng(0)
    return lambda: deform_pair(image, mask, generator.normal(0, SIGMA, (2, GRID, GRID)))


def new_fields(shape: tuple[int, int]) -> Iterator[np.ndarray]:
    """Random fields without end, each drawn when it is asked for."""
    generator = np.random.default_rng(0)
    while True:
        yield random_displacement(shape, GRID, SIGMA, generator)


def given_fields(shape: tuple[int, int]) -> Iterator[np.ndarray]:
    """Two random fields, in turn."""
    return itertools.cycle([*itertools.islice(new_fields(shape), 2)])


def ours_with_a_field(
    image: np.ndarray, mask: np.ndarray, order: int = 1, fields: Fields = new_fields
) -> Run:
    """Image and mask one after the other, by fields that are made elsewhere."""
    fields = fields(image.shape)

    def run() -> tuple[np.ndarray, np.ndarray]:
        field = next(fields)
        return deform(image, field, order), deform(mask, field, 0)

    return run


def of_elasticdeform(image: np.ndarray, mask: np.ndarray, order: int = 1) -> Run:
    """elasticdeform's."""
    import elasticdeform

    how = {"sigma": SIGMA, "points": GRID, "order": [order, 0], "mode": "mirror"}
    return lambda: elasticdeform.deform_random_grid([image, mask], **how)


def of_scipy(
    image: np.ndarray, mask: np.ndarray, order: int = 1, fields: Fields = new_fields
) -> Run:
    """scipy's reading of our fields."""
    from scipy import ndimage

    grid, fields = pixel_grid(image.shape).numpy(), fields(image.shape)

    def run() -> list[np.ndarray]:
        places = grid + next(fields)
        return [
            ndimage.map_coordinates(array, places, order=o, mode="mirror")
            for array, o in ((image, order), (mask, 0))
        ]

    return run


def of_opencv(image: np.ndarray, mask: np.ndarray) -> Run:
    """OpenCV's reading of our fields."""
    import cv2

    fields = new_fields(image.shape)
    mask, grid = mask.astype(np.uint16), pixel_grid(image.shape).numpy().astype(np.float32)

    def run() -> list[np.ndarray]:
        rows, columns = grid + next(fields)
        return [
            cv2.remap(array, columns, rows, how, borderMode=cv2.BORDER_REFLECT_101)
            for array, how in ((image, cv2.INTER_LINEAR), (mask, cv2.INTER_NEAREST))
        ]

    return run


def of_albumentations(image: np.ndarray, mask: np.ndarray, name: str) -> Run:
    """One of albumentations' three."""
    import albumentations

    build = {
        GRID_ELASTIC: lambda a: a.GridElasticDeform(num_grid_xy=(3, 3), magnitude=10, p=1),
        ELASTIC: lambda a: a.ElasticTransform(alpha=300, sigma=20, p=1),
        APPROXIMATE: lambda a: a.ElasticTransform(alpha=300, sigma=20, approximate=True, p=1),
    }
    transform, mask = build[name](albumentations), mask.astype(np.uint16)
    return lambda: transform(image=image, mask=mask)


def of_monai(image: np.ndarray, mask: np.ndarray) -> Run:
    """MONAI's."""
    from monai.transforms import Rand2DElasticd

    transform = Rand2DElasticd(
        ["image", "mask"],
        spacing=(image.shape[0] / 2,) * 2,
        magnitude_range=(SIGMA, SIGMA),
        prob=1,
        mode=["bilinear", "nearest"],
        padding_mode="reflection",
    )
    both = {"image": torch.from_numpy(image)[None], "mask": torch.from_numpy(mask).float()[None]}
    return lambda: transform(both)


BUILD = {
    OURS: ours,
    FIELD: ours_with_a_field,
    CUBIC: lambda image, mask: ours_with_a_field(image, mask, 3),
    GIVEN: lambda image, mask: ours_with_a_field(image, mask, fields=given_fields),
    PAPERS: of_elasticdeform,
    PAPERS_CUBIC: lambda image, mask: of_elasticdeform(image, mask, 3),
    SCIPY: of_scipy,
    SCIPY_CUBIC: lambda image, mask: of_scipy(image, mask, 3),
    SCIPY_GIVEN: lambda image, mask: of_scipy(image, mask, fields=given_fields),
    REMAP: of_opencv,
    GRID_ELASTIC: lambda image, mask: of_albumentations(image, mask, GRID_ELASTIC),
    ELASTIC: lambda image, mask: of_albumentations(image, mask, ELASTIC),
    APPROXIMATE: lambda image, mask: of_albumentations(image, mask, APPROXIMATE),
    MONAI: of_monai,
    COPY: lambda image, mask: lambda: (image.copy(), mask.copy()),
}


def difference(image: np.ndarray) -> dict:
    """How far our field and our image are from elasticdeform's for the same 3 x 3 vectors.

    The field in pixels, seen in what it makes of two ramps, where it looks inside the image; the
    image, float32, in gray levels of 255, for the field in float32, as random_displacement gives
    it, and in float64.
    """
    import elasticdeform

    vectors = SIGMA * np.random.default_rng(0).standard_normal((2, GRID, GRID))
    field = dense_displacement(vectors, image.shape)
    ramps = pixel_grid(image.shape).numpy()
    places = ramps + field
    limits = np.array(image.shape)[:, None, None] - 1
    inside = ((places >= 0) & (places <= limits)).all(axis=0)
    theirs = [elasticdeform.deform_grid(ramp, vectors, order=1, mode="mirror") for ramp in ramps]
    bent = elasticdeform.deform_grid(image, vectors, order=1, mode="mirror")
    mine = [deform(image, d, 1).astype(np.float64) for d in (field.astype(np.float32), field)]
    single, double = (float(255 * np.abs(result - bent).max()) for result in mine)
    return {
        "field_px": float(np.abs(places - theirs)[:, inside].max()),
        "gray_levels": single,
        "gray_levels_float64_field": double,
    }


# ---- one training tile and the network that it is for


def tile_runs(tile: int) -> dict:
    """What makes a tile, and what the network does with it, by method."""
    image, labels = map(torch.from_numpy, pair(512))
    weights, preset = weight_map(labels), PRESETS["quick"]
    cut, how = border(preset.depth, preset.variant), Augmentation()
    generator = torch.Generator().manual_seed(0)
    model, _ = start(preset, 0, "cpu")
    seen = torch.rand(1, 1, tile, tile).to(memory_format=torch.channels_last)

    def anew() -> tuple[Tensor, Tensor, Tensor]:
        gray, cells, _ = random_tile(image, labels, None, tile, cut, how, generator)
        return gray, cells, weight_map(cells)

    def forward() -> Tensor:
        with torch.inference_mode():
            return model.eval()(seen)

    def forward_and_backward() -> None:
        model.zero_grad(set_to_none=True)
        model.train()(seen).square().mean().backward()

    return {
        SAMPLED: lambda: random_tile(image, labels, weights, tile, cut, how, generator),
        ANEW: anew,
        FORWARD: forward,
        TRAINING: forward_and_backward,
    }


# ---- the record


def case_of(side: int) -> str:
    """A size in the record's words."""
    return f"{side} x {side}"


def tile_case(tile: int) -> str:
    """A tile in the record's words."""
    return f"one tile of {tile} px"


def cases() -> dict[str, str]:
    """What is bent, by name."""
    bent = "phantom.membranes, seed 0: image float32 and its labels, a new field at each call"
    made = "from a 512 x 512 image, for the `quick` network, one after the other"
    return {case_of(side): bent for side in SIDES} | {tile_case(tile): made for tile in TILES}


def rows_of(names: list[str], methods: list[str]) -> list[Row]:
    """What is timed, of the cases and methods of those names."""
    rows = []
    for side in SIDES:
        if case_of(side) in names:
            both = pair(side)
            rows += [
                Row(case_of(side), method, BUILD[method](*both))
                for method in BUILD
                if method in methods
            ]
    for tile in TILES:
        if tile_case(tile) in names:
            rows += [Row(tile_case(tile), method, run) for method, run in tile_runs(tile).items()]
    return rows


def targets(rows: list[dict], found: dict) -> list[dict]:
    """What was asked for."""
    lines = []
    for peer, least in ((PAPERS, 15), (GRID_ELASTIC, 2.5)):
        for case in map(case_of, SIDES):
            times = find(rows, case, peer, "ratio_to_ours")
            lines.append(target(f"{case}: times as fast as {peer}", times, least=least))
    for case in map(case_of, SIDES):
        times = ratio(find(rows, case, SCIPY_GIVEN), find(rows, case, GIVEN))
        lines.append(target(f"{case}: a field given, times as fast as scipy", times, least=10))
    what = "largest difference from elasticdeform, same vectors, gray levels of 255"
    lines.append(target(what, found.get("gray_levels"), most=1e-3))
    for case in map(tile_case, TILES):
        passes = ratio(find(rows, case, FORWARD), find(rows, case, ANEW))
        lines.append(target(f"{case}: forward pass over making it", passes, least=1))
    return lines


def measure(names: list[str], methods: list[str], rounds: int) -> dict:
    """The record's figures for the cases and methods of those names."""
    rows = harness.timed(rows_of(names, methods), rounds)
    compared = PAPERS in methods and case_of(SIDES[0]) in names
    found = difference(pair(SIDES[0])[0]) if compared else {}
    timed = {row["method"] for row in rows}
    return {
        "cases": {case: told for case, told in cases().items() if case in names},
        "methods": {method: told for method, told in METHODS.items() if method in timed},
        "rows": rows,
        "difference_from_elasticdeform": found,
        "targets": targets(rows, found),
    }


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""
    harness.benchmark(
        "deformation",
        __doc__,
        list(cases()),
        harness.of_methods(measure, METHODS, NEEDS),
        arguments,
        rounds=15,
        threads=1,
        packages=("scipy", "numba"),
        peers=NEEDS.values(),
    )


if __name__ == "__main__":
    main()
