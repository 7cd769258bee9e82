"""Tile by tile against one pass over the whole image: time, memory, and the pixels that change.

    make bench ONLY=overlap_tile                # the record, benchmarks/results/overlap_tile.json
    python benchmarks/overlap_tile.py --trial   # the tables, and no record

*Time.* `predict` with tiles of at most 572 px, and the same network in the same memory layout on
the whole image, mirrored by as much as its output needs, in one pass. At BASE channels, since a
whole image at the paper's 64 takes minutes. Images of whole steps (1152 = 3 x 384) and others; the
largest with tiles of at most 1212 px, too.

*Memory.* What one call adds to a process of its own at its highest, with the paper's 64 channels
where the machine has room for the whole pass, else with BASE.

*Pixels.* The share of pixels whose class differs from one pass over the whole mirrored image, in
networks trained for this, so that the probabilities are those of an answer: the one that comes with
the book, stepped by its step, and by its whole output; and one of the same shape that pads with
zeros, trained here, since MONAI's sliding window takes networks that keep the size. MONAI gets the
same mirrored image, cut back after: no window has an edge where the image has one, and the tiles
are of the same size in all of them.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import harness
import numpy as np
import torch
from harness import OURS, Row, find, ratio, target

from unet_book import datasets, training
from unet_book.checkpoint import load_model
from unet_book.overlap_tile import mirror_index, predict, tile_step
from unet_book.sizes import border, nearest_valid_sizes, output_size
from unet_book.unet import UNet

WHOLE = "one pass over the whole image"
LARGE = "this package, tiles of 1212 px"
NO_PHASE = "tiles stepped by their whole output"
SAME = "zero padding, this package"
MONAI, MONAI_HALF = "zero padding, MONAI sliding window", "the same, half overlap, Gaussian"
METHODS = {
    OURS: "overlap_tile.predict(model, image, tile)",
    LARGE: "the same with four times the pixels in a tile, and so with less overlap",
    WHOLE: "the same network, channels last, on the mirrored image at once",
    NO_PHASE: "the same tiles where the step is the output, which is no multiple of 2^depth",
    SAME: "predict with a network that pads with zeros; it cuts what the zeros have reached",
    MONAI: "sliding_window_inference of that network, no overlap",
    MONAI_HALF: "sliding_window_inference of that network, overlap 0.5, Gaussian weights",
}
BASE, PAPERS_BASE, TILE, LARGE_TILE = 16, 64, 572, 1212
SIDES = (1024, 1152, 2048)
LARGEST, ROOM = 2048, 12  # px of the image whose memory is measured; GiB that 64 channels need
STEPS, TRAINED_TILE, SAME_TILE = 300, 188, 192


# ---- one pass


@torch.no_grad()
def whole(model: UNet, image: np.ndarray) -> np.ndarray:
    """Class probabilities of the whole image in one pass, mirrored as far as the output needs."""
    seen, cut = mirrored(model, image)
    network = model.eval().to(memory_format=torch.channels_last)
    logits = network(seen.to(next(model.parameters()))[None, None])
    if model.variant == "same":
        logits = logits[..., cut:-cut, cut:-cut]
    height, width = image.shape
    return logits.softmax(dim=1)[0, :, :height, :width].numpy()


def mirrored(model: UNet, image: np.ndarray) -> tuple[torch.Tensor, int]:
    """The image with as much mirrored around it as one pass needs, and the border, px."""
    cut = cut_of(model)
    axes = [mirror_index(np.arange(-cut, side_of(model, n) - cut), n) for n in image.shape]
    return torch.from_numpy(image[np.ix_(*axes)]), cut


def cut_of(model: UNet) -> int:
    """The border, px, that the network's pixels need, whatever its variant."""
    large_enough = nearest_valid_sizes(1000, model.depth, model.variant)[1]
    return tile_step(large_enough, model.depth, model.variant)[1]


def side_of(model: UNet, size: int) -> int:
    """The side of the input that answers `size` pixels in whole blocks of 2^depth, borders cut."""
    block = 2**model.depth
    needed = -(-size // block) * block + 2 * cut_of(model)
    return nearest_valid_sizes(needed, model.depth, model.variant)[1]


def stepped_by_output(model: UNet, image: np.ndarray, tile: int) -> np.ndarray:
    """What most code does: tiles next to each other, as far apart as their outputs are wide."""
    cut, step = border(model.depth, model.variant), output_size(tile, model.depth, model.variant)
    result = np.empty((model.num_classes, *image.shape), np.float32)
    for top in range(0, image.shape[0], step):
        for left in range(0, image.shape[1], step):
            axes = [
                mirror_index(np.arange(start - cut, start - cut + tile), size)
                for start, size in zip((top, left), image.shape)
            ]
            with torch.no_grad():
                logits = model.eval()(torch.from_numpy(image[np.ix_(*axes)])[None, None])
            part = result[:, top : top + step, left : left + step]
            part[...] = logits.softmax(dim=1)[0, :, : part.shape[1], : part.shape[2]]
    return result


# ---- time


def network(base: int, depth: int = 4, variant: str = "paper") -> UNet:
    """A network with random weights, the same each time."""
    return UNet(base_channels=base, depth=depth, variant=variant).eval()


def image_of(side: int) -> np.ndarray:
    """A random image, the same each time."""
    return np.random.default_rng(0).random((side, side), dtype=np.float32)


def run_of(method: str, side: int, base: int = BASE) -> Callable[[], np.ndarray]:
    """A function without arguments that predicts a random image once."""
    model, image = network(base), image_of(side)
    if method == WHOLE:
        return lambda: whole(model, image)
    return lambda: predict(model, image, LARGE_TILE if method == LARGE else TILE)


def ways(side: int) -> tuple[str, ...]:
    """The methods that are timed on an image of this side."""
    return (OURS, LARGE, WHOLE) if side == LARGEST else (OURS, WHOLE)


def case_of(side: int) -> str:
    """A size in the record's words."""
    return f"{side} x {side}"


# ---- pixels: trained networks


def trained_nets() -> tuple[UNet, UNet]:
    """The book's own network, and one of its shape that pads with zeros, trained for STEPS."""
    mine = load_model(datasets.data_folder() / "weights" / "nuclei.safetensors")
    preset = replace(
        training.PRESETS["quick"], variant="same", tile=SAME_TILE, steps=STEPS, measure_every=STEPS
    )
    data = datasets.load("nuclei", "train")
    return mine, training.train(data, preset, device="cpu", progress=False).model.eval()


def nuclei() -> np.ndarray:
    """The embedded image, the columns that no training saw and those that it did."""
    return datasets.load("nuclei", "all").images[0]


def of_monai(
    model: UNet, image: np.ndarray, overlap: float, mode: str, tile: int = SAME_TILE
) -> np.ndarray:
    """MONAI's sliding window over the mirrored image, the mirror cut off."""
    from monai.inferers import sliding_window_inference

    seen, cut = mirrored(model, image)
    seen = seen[None, None].to(memory_format=torch.channels_last)
    height, width = image.shape
    network = model.eval().to(memory_format=torch.channels_last)

    def probabilities(windows: torch.Tensor) -> torch.Tensor:
        return network(windows).softmax(dim=1)

    with torch.no_grad():
        found = sliding_window_inference(seen, tile, 1, probabilities, overlap=overlap, mode=mode)
    return found[0, :, cut : cut + height, cut : cut + width].numpy()


def pixel_runs(image: np.ndarray, monai: bool) -> dict:
    """By method, what predicts the image with a trained network, and the pass it is held to."""
    mine, padded = trained_nets()
    runs = {
        OURS: (lambda: predict(mine, image, TRAINED_TILE), mine),
        NO_PHASE: (lambda: stepped_by_output(mine, image, TRAINED_TILE), mine),
        WHOLE: (lambda: whole(mine, image), mine),
        SAME: (lambda: predict(padded, image, SAME_TILE), padded),
    }
    if monai:
        runs[MONAI] = (lambda: of_monai(padded, image, 0, "constant"), padded)
        runs[MONAI_HALF] = (lambda: of_monai(padded, image, 0.5, "gaussian"), padded)
    return runs


def flipped(run: Callable, model: UNet, image: np.ndarray) -> float:
    """The share of pixels whose class is another than one pass over the whole image gives."""
    return float((run().argmax(0) != whole(model, image).argmax(0)).mean())


# ---- exactness


def exactness() -> float:
    """The largest difference of a probability from one pass, float64, random weights."""
    differences = []
    for depth, variant, tile in ((4, "paper", 380), (3, "paper", 188), (3, "same", 192)):
        torch.manual_seed(0)
        model = network(4, depth, variant).double()
        image = image_of(700)[:, :555].astype(np.float64)
        differences.append(np.abs(predict(model, image, tile) - whole(model, image)).max())
    return float(max(differences))


# ---- the record

PIXELS, MEMORY = "trained networks, 512 x 512", f"memory, {LARGEST} x {LARGEST}"


def cases(memory_base: int = PAPERS_BASE) -> dict[str, str]:
    """What is predicted, by name."""
    noise = f"noise, random weights, {BASE} channels, tiles of at most {TILE} unless told"
    nuclei = f"the embedded nuclei, 16 channels, depth 3, tiles of {TRAINED_TILE} or {SAME_TILE}"
    memory = f"one call in a fresh process, {memory_base} channels"
    return {case_of(side): noise for side in SIDES} | {PIXELS: nuclei, MEMORY: memory}


def few(side: int, rounds: int) -> int:
    """Large images take many seconds each: fewer rounds."""
    return min(rounds, 3) if side == LARGEST else rounds


def time_rows(names: list[str], rounds: int) -> list[dict]:
    """Tiles and one pass, interleaved."""
    rows = [
        Row(case_of(side), method, run_of(method, side), rounds=few(side, rounds))
        for side in SIDES
        if case_of(side) in names
        for method in ways(side)
    ]
    return harness.timed(rows, rounds)


def pixel_rows(rounds: int, monai: bool) -> list[dict]:
    """Trained networks on a real image: time, and the pixels that flip."""
    image = nuclei()
    runs = pixel_runs(image, monai)
    rows = harness.timed([Row(PIXELS, how, run) for how, (run, _) in runs.items()], rounds)
    for row in rows:
        row["flipped"] = float(f"{flipped(*runs[row['method']], image):.3g}")
    return rows


def memory_rows(base: int, threads: int, side: int = LARGEST) -> list[dict]:
    """What one call adds to a fresh process; no times, since that call is the first."""
    peaks = {
        method: harness.peak_mib(
            "overlap_tile",
            f"run_of({method!r}, {side}, {base})",
            f"run_of({method!r}, 188, 2)",
            threads,
        )
        for method in ways(side)
    }
    return [{"case": MEMORY, "method": method, "peak_mib": mib} for method, mib in peaks.items()]


def targets(rows: list[dict], exact: float) -> list[dict]:
    """What was asked for."""
    lines = [target("largest difference from one pass, float64", exact, most=1e-12)]
    for side in SIDES:
        for method, tile in zip(ways(side)[:-1], (TILE, LARGE_TILE)):
            case = case_of(side)
            times = ratio(find(rows, case, method), find(rows, case, WHOLE))
            lines.append(target(f"{case}, tiles of {tile}: time over one pass", times, most=1.1))
    for method, tile in ((OURS, TILE), (LARGE, LARGE_TILE)):
        peaks = [find(rows, MEMORY, how, "peak_mib") for how in (method, WHOLE)]
        lines.append(target(f"{MEMORY}, tiles of {tile}: over one pass", ratio(*peaks), most=0.4))
    return lines


def measure(names: list[str], rounds: int, memory_base: int, monai: bool = True) -> dict:
    """The record's figures for the cases of those names."""
    rows = time_rows(names, rounds)
    if PIXELS in names:
        rows += pixel_rows(rounds, monai)
    if MEMORY in names:
        rows += memory_rows(memory_base, torch.get_num_threads())
    used = {row["method"] for row in rows}
    return {
        "cases": {case: told for case, told in cases(memory_base).items() if case in names},
        "methods": {method: told for method, told in METHODS.items() if method in used},
        "rows": rows,
        "targets": targets(rows, exactness()),
    }


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""

    def figures(names: list[str], there: list[str], options: argparse.Namespace) -> dict:
        if options.trial and not options.only:  # without what takes minutes
            names = [name for name in names if name not in (case_of(LARGEST), MEMORY)]
        memory_base = PAPERS_BASE if harness.available_gib() > ROOM else BASE
        return measure(names, options.rounds, memory_base, monai="monai" in there)

    harness.benchmark(
        "overlap_tile", __doc__, list(cases()), figures, arguments, rounds=5, peers=["monai"]
    )


if __name__ == "__main__":
    main()
