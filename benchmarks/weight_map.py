"""How fast the weight map is, beside every other way to the same map that one could install.

    make bench ONLY=weight_map                # the record, benchmarks/results/weight_map.json
    python benchmarks/weight_map.py --trial   # the tables, and no record

Every method gets the same label map, int32, and gives all of eq. (2): class balance and border
term, w_0 = 10, sigma = 5. All use one thread. The methods that cut a window around each cell lose
no more than float32 does; so all maps agree within 1e-5, which tests/test_benchmarks_timed.py
shows on small maps. The common code's memory grows with the number of cells: where its stack and
its sorted copy would take more than 4 GB it runs on the map's first 4 cells only, and the time is
multiplied by cells / 4. That is less than it would take, since sorting grows faster than that.
"""

from collections.abc import Callable

import harness
import numpy as np
import torch
import weight_map_peers as peers
from harness import OURS, Row, find, ratio, target

from unet_book import datasets
from unet_book.datasets import phantom
from unet_book.weight_map import part_touching_cells, tensors, weight_map

COMMON, COMMON_EDT = "one EDT a cell, stack, sort", "the same, edt"
BOXES, BOXES_OPENCV = "one EDT a cell in its box", "the same, OpenCV"
TORCH = "this package, in torch alone"
METHODS = {
    OURS: "weight_map.weight_map(labels), numpy in and out",
    TORCH: "weight_map.tensors.weight_map, the form for a GPU, here on the CPU",
    COMMON: "the common code: scipy's distance transform of the whole image for each cell, "
    "float64, stacked and sorted",
    COMMON_EDT: "the same with the package edt's transform, float32",
    BOXES: "scipy's distance transform of each cell's box and 31 px around it, the two smallest "
    "kept; what this package did before",
    BOXES_OPENCV: "the same with OpenCV's exact distance transform, float32",
}
RUNS = {
    OURS: weight_map,
    TORCH: lambda labels: tensors.weight_map(torch.from_numpy(labels)),
    COMMON: peers.stack_and_sort,
    COMMON_EDT: lambda labels: peers.stack_and_sort(labels, peers.edt_of_edt),
    BOXES: peers.boxes,
    BOXES_OPENCV: lambda labels: peers.boxes(labels, peers.edt_of_opencv),
}
NEEDS = {COMMON_EDT: "edt", BOXES_OPENCV: "opencv-python-headless"}
STACKS = {COMMON: (peers.edt_of_scipy, 8), COMMON_EDT: (peers.edt_of_edt, 4)}
LARGEST, FEWER = 4e9, 4  # bytes of stack and sorted copy; cells of the part that is run instead
GRIDS = [(1024, 50), (1024, 500), (1024, 2000), (4096, 10_000)]


# ---- the label maps


def cases() -> dict[str, str]:
    """What the label maps are, by name; the first is a slice of ISBI's, or a phantom."""
    if datasets.is_here("isbi2012"):
        first = {"ISBI": "the labels of ISBI 2012's training slice 0, 512 x 512"}
    else:
        first = {"phantom": "phantom.membranes, 512 x 512, seed 0; ISBI's labels were not there"}
    return first | {
        name_of(side, count): f"{count} discs at the points of a square grid, each moved by up to "
        f"0.06 of a step, radius 0.42 steps, {side} x {side}"
        for side, count in GRIDS
    }


def name_of(side: int, count: int) -> str:
    """A label map in the record's words."""
    return f"{side}, {count} cells"


def labels_of(case: str) -> np.ndarray:
    """The label map of that name, int32, cells parted."""
    if case == "ISBI":
        return part_touching_cells(datasets.load("isbi2012", "all").labels[0])
    if case == "phantom":
        return part_touching_cells(phantom.membranes((512, 512), seed=0)[1])
    side, count = next(grid for grid in GRIDS if name_of(*grid) == case)
    return discs(side, count)


def discs(side: int, count: int, seed: int = 0) -> np.ndarray:
    """`count` discs that do not touch, on a jittered grid; the share that they cover is the same
    for any count that is a square, so that nothing but the number of cells changes."""
    rng = np.random.default_rng(seed)
    across = int(np.ceil(np.sqrt(count)))
    step = side / across
    places = np.sort(rng.permutation(across**2)[:count])
    centers = (np.stack(np.divmod(places, across), axis=1) + 0.5) * step
    centers += rng.uniform(-0.06, 0.06, centers.shape) * step
    radius, labels = 0.42 * step, np.zeros((side, side), np.int32)
    for number, center in enumerate(centers, start=1):
        low = np.maximum(np.ceil(center - radius), 0).astype(int)
        high = np.minimum(np.floor(center + radius) + 1, side).astype(int)
        window = tuple(slice(a, b) for a, b in zip(low, high))
        row, column = np.ogrid[window]
        inside = (row - center[0]) ** 2 + (column - center[1]) ** 2 <= radius**2
        labels[window][inside] = number
    return labels


# ---- what is timed


def row_of(case: str, method: str, labels: np.ndarray, rounds: int) -> Row:
    """One method on one map; of a stack that is too large only a part, and nothing in memory."""
    if method in STACKS:
        edt, size = STACKS[method]
        cells = int(labels.max())
        if 2 * size * labels.size * cells > LARGEST:
            return Row(
                case,
                method,
                lambda: peers.share_of_stack_and_sort(labels, FEWER, edt),
                times=cells / FEWER,
                rounds=min(rounds, 1),
            )
        if labels.size > 2**18:
            rounds = min(rounds, 2)  # seconds each, and far from any target
    if method == TORCH and labels.size > 2**22:
        rounds = 1  # the same
    return Row(case, method, lambda: RUNS[method](labels), rounds=rounds)


def run_of(case: str, method: str) -> Callable[[], np.ndarray]:
    """The same by names, for a process of its own."""
    labels = labels_of(case) if case in cases() else discs(64, 9)
    return lambda: RUNS[method](labels)


def exactness(labels: np.ndarray) -> float:
    """The largest difference of our map from float64 brute force."""
    return float(np.abs(weight_map(labels).astype(np.float64) - peers.brute_force(labels)).max())


def targets(rows: list[dict], first: str, exact: float | None) -> list[dict]:
    """Issue by issue what was asked for."""

    def slower(method: str) -> float | None:
        return find(rows, first, method, "ratio_to_ours")

    few, many, large = (find(rows, name_of(*GRIDS[i]), OURS) for i in (0, 2, 3))
    memory = [find(rows, first, method, "peak_mib") for method in (COMMON, OURS)]
    return [
        target(f"{first}: times as fast as the common code", slower(COMMON), least=100),
        target(f"{first}: times as fast as the same with edt", slower(COMMON_EDT), least=50),
        target(f"{first}: the common code's memory over ours", ratio(*memory), least=50),
        target("1024 x 1024: time at 2000 cells over time at 50", ratio(many, few), most=1.3),
        target("4096 x 4096, 10000 cells, seconds", large, most=1),
        target(f"{first}: largest difference from float64 brute force", exact, most=1e-5),
    ]


def measure(names: list[str], methods: list[str], rounds: int, memory: bool = True) -> dict:
    """The record's figures for the cases of those names."""
    maps = {case: labels_of(case) for case in names}
    rows = harness.timed(
        [row_of(case, how, labels, rounds) for case, labels in maps.items() for how in methods],
        rounds,
    )
    first, largest = next(iter(cases())), name_of(*GRIDS[-1])
    for row in rows:
        if memory and not row.get("extrapolated") and row["case"] in (first, largest):
            what = f"run_of({row['case']!r}, {row['method']!r})"
            warm_up = f"run_of('', {row['method']!r})"
            row["peak_mib"] = harness.peak_mib("weight_map", what, warm_up)
    exact = exactness(maps[first]) if first in maps else None
    told = cases()
    return {
        "cases": {case: f"{told[case]}, {labels.max()} cells" for case, labels in maps.items()},
        "methods": {method: METHODS[method] for method in methods},
        "rows": rows,
        "targets": targets(rows, first, exact),
    }


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""
    harness.benchmark(
        "weight_map",
        __doc__,
        list(cases()),
        harness.of_methods(measure, METHODS, NEEDS),
        arguments,
        rounds=5,
        threads=1,
        packages=("scipy", "numba"),
        peers=NEEDS.values(),
    )


if __name__ == "__main__":
    main()
