"""How fast a training step is, with each switch alone and all together, beside the plain loop.

    make bench ONLY=training                # the record, benchmarks/results/training.json
    python benchmarks/training.py --trial   # the tables, and no record

A step is forward pass, weighted energy, backward pass and the optimizer's update, on one and the
same batch. The plain loop is what a reader writes: float32, PyTorch's memory layout, no engine.
Every other row changes one thing; "this package" is what `Engine()` picks here, and the last row
all that helps. "Kept memory" is a process of its own that tells the C library to keep what was
freed instead of giving it back to the system; it is asked for a step over a pipe. On a newer GPU
float32 is TF32 in convolutions, PyTorch's default.

bf16 is timed where the processor has instructions for it, compilation where there is a C++
compiler, and a GPU where there is one: there the share of the matrix product's speed counts, and
whether the tiles of the next step are ready when this one ends.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import harness
import torch
from harness import OURS, Row, find, ratio, target
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from unet_book.costs import layer_costs, memory
from unet_book.datasets import Stack, phantom
from unet_book.sizes import border
from unet_book.training import PRESETS, Engine, Preset, Tiles, start, training_step
from unet_book.training.distributed import choose_device
from unet_book.training.engine import has_bf16
from unet_book.training.graph import GraphedStep, record, side_stream
from unet_book.training.step import descend, prepare
from unet_book.unet import UNet


@dataclass(frozen=True)
class Case:
    """A network and its batch, as a preset, and where it runs."""

    name: str
    preset: Preset
    device: str = "cpu"


PAPER = replace(PRESETS["paper"], learning_rate=1e-7)  # a thousand times the same batch
CASES = [
    Case("16 channels, depth 3, tile 188", replace(PRESETS["quick"], learning_rate=1e-7)),
    Case("32 channels, depth 4, tile 380", replace(PAPER, base_channels=32, tile=380)),
    Case("the paper's network, tile 572", PAPER),
]
GPU_CASES = [
    Case(f"the paper's network on a GPU, batch {size}", replace(PAPER, batch_size=size), "cuda")
    for size in (1, 8)
]
MEMORY = "memory of a step of the paper's network, tile 572"
PLAIN, LAST, BF16 = "plain loop", "channels_last", "bf16"
BOTH, COMPILED, KEPT = "bf16, channels_last", "compiled", "kept memory"
ALL, TILES = "all that helps", "making the tiles"
GRAPH, PRODUCT, AHEAD, BETWEEN = "CUDA graph", "matrix product", "tiles ahead", "tiles in between"
ACCOUNT, COUNTED, PROCESS = "account", "tensors counted", "process"
OFF = Engine(precision="fp32", layout="nchw", ahead=False)
ENGINES = {
    OURS: Engine(ahead=False),
    LAST: replace(OFF, layout="channels_last"),
    BF16: replace(OFF, precision="bf16"),
    BOTH: replace(OFF, precision="bf16", layout="channels_last"),
    COMPILED: replace(OFF, compile=True),
    GRAPH: replace(OFF, graph=True),
    KEPT: OFF,
}
METHODS = {
    PLAIN: "a loop as a reader writes it: float32, NCHW, cross-entropy times weights",
    OURS: "training.step.descend with the engine that Engine() settles on",
    LAST: "float32, channels last",
    BF16: "autocast to bfloat16, NCHW",
    BOTH: "autocast to bfloat16, channels last",
    COMPILED: "float32, NCHW, torch.compile",
    GRAPH: "float32, NCHW, the step recorded as one CUDA graph",
    KEPT: "float32, NCHW, MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_MAX_ set for the process",
    ALL: "Engine(), compiled; on a CPU with kept memory; on a GPU as one graph",
    TILES: "Tiles.draw: images, classes and weights of one step, not part of the rows above",
    PRODUCT: "two square bfloat16 matrices, 8192 a side, multiplied",
    AHEAD: "training_step, which makes its tiles, those of the next step while this one computes",
    BETWEEN: "training_step, which makes its tiles and then computes",
    ACCOUNT: "memory.account: predicted from the sizes of the maps",
    COUNTED: "memory.peak: the tensors of a step, counted as they come and go",
    PROCESS: "by how much a process grows that builds the network and makes two steps",
}
KEEP = {"MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_MMAP_MAX_": "0", "MALLOC_TOP_PAD_": "0"}
GIVE = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # what is freed goes back at once
SIDE, LARGE = 512, 8192  # of the images, of the matrices on a GPU


# ---- one step


def data() -> Stack:
    """Two images of membranes that no training needs to get right."""
    return Stack("phantom", *phantom.stack("membranes", 2, (SIDE, SIDE), seed=0))


def step_of(case: Case, method: str) -> Callable[[], object]:
    """A function without arguments that makes one step of that case in that way."""
    preset, device = case.preset, case.device
    engine = engine_of(method, device).settled(device, preset.base_channels)
    tiles = Tiles(data(), preset, 0, device, engine)
    model, optimizer = start(preset, 0, device, engine=engine)
    batch = tiles.draw(0)
    if method == PLAIN:
        return lambda: plain(model, optimizer, *batch)
    network = engine.compiled(model)
    prepare(network, optimizer, tiles, 0)
    step = lambda: descend(network, optimizer, tiles, *batch)  # noqa: E731
    if engine.graph:
        for _ in range(GraphedStep.warm_up_steps):
            side_stream(step)
        return record(step)[0]
    return step


def engine_of(method: str, device: str) -> Engine:
    """How a method computes its step."""
    if method == ALL:
        return replace(ENGINES[OURS], compile=has_compiler(), graph=device == "cuda")
    return ENGINES.get(method, OFF)


def plain(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    image: Tensor,
    target: Tensor,
    weights: Tensor,
) -> None:
    """The step that a reader writes."""
    optimizer.zero_grad()
    loss = cross_entropy(model(image), target, weights)
    loss.backward()
    optimizer.step()
    return loss.detach()


def cross_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """The energy where every pixel is annotated, as on a phantom."""
    losses = nn.functional.cross_entropy(logits, target.long(), reduction="none")
    return (losses * weights).sum() / weights.sum()


class Elsewhere:
    """The step of a case, made in a process of its own whenever it is called."""

    def __init__(self, case: Case, method: str, environment: dict):
        program = (
            f"import torch; torch.set_num_threads({torch.get_num_threads()}); "
            f"import training; training.serve({case.name!r}, {method!r})"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=harness.HERE,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self) -> None:
        print("go", file=self.process.stdin, flush=True)
        if self.process.stdout.readline() != "done\n":
            raise RuntimeError(f"the step's process ended: {self.process.wait()}")

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def serve(case: str, method: str) -> None:
    """Make a step for each line of the input, and tell."""
    step = step_of(next(known for known in CASES if known.name == case), method)
    for _ in sys.stdin:
        step()
        print("done", flush=True)


# ---- what is timed


def methods_for(case: Case, methods: list[str]) -> list[str]:
    """Those of the methods that this case can be run in."""
    if case.device == "cuda":
        cannot = {KEPT}
    else:
        cannot = {GRAPH, PRODUCT, AHEAD, BETWEEN}
        cannot |= set() if has_bf16("cpu") else {BF16, BOTH}
        cannot |= set() if sys.platform == "linux" else {KEPT}  # the variables are glibc's
    cannot |= set() if has_compiler() else {COMPILED}
    return [name for name in methods if name not in cannot | {ACCOUNT, COUNTED, PROCESS}]


def has_compiler() -> bool:
    """Whether there is a C++ compiler."""
    return any(map(shutil.which, ("g++", "clang++", "c++")))


def rows_of(case: Case, methods: list[str]) -> list[Row]:
    """What is timed, of those cases and methods."""
    return [Row(case.name, method, run_of(case, method)) for method in methods_for(case, methods)]


def run_of(case: Case, method: str) -> Callable[[], object]:
    """What one timing of the row does; on a GPU with all that it has to do."""
    if method in (KEPT, ALL) and case.device == "cpu":
        return Elsewhere(case, method, KEEP)
    if method == TILES:
        tiles, steps = Tiles(data(), case.preset, 0, case.device, OFF), iter(range(10**9))
        run = lambda: tiles.draw(next(steps))  # noqa: E731
    elif method == PRODUCT:
        a, b = torch.rand(2, LARGE, LARGE, device=case.device).to(torch.bfloat16)
        run = lambda: a @ b  # noqa: E731
    elif method in (AHEAD, BETWEEN):
        run = whole_step(case, Engine(ahead=method == AHEAD))
    else:
        run = step_of(case, method)
    return run if case.device == "cpu" else waited_for(run)


def whole_step(case: Case, engine: Engine) -> Callable[[], object]:
    """Tiles and all, ten steps of which the next one's tiles may be made during this one."""
    tiles = Tiles(data(), case.preset, 0, case.device, engine)
    model, optimizer = start(case.preset, 0, case.device, engine=tiles.engine)
    steps = iter(range(10**9))
    return lambda: [training_step(model, optimizer, tiles, next(steps)) for _ in range(10)]


def waited_for(run: Callable) -> Callable[[], object]:
    """What is called, and the GPU waited for."""

    def whole() -> object:
        result = run()
        torch.cuda.synchronize()
        return result

    return whole


# ---- memory


def two_steps(precision: str = "fp32", tile: int = 572, base_channels: int = 64) -> None:
    """The network built, and two steps made; on a GPU where there is one."""
    device = choose_device().type
    preset = replace(PAPER, tile=tile, base_channels=base_channels)
    step = step_of(Case("", preset, device), BF16 if precision == "bf16" else PLAIN)
    for _ in range(2):
        step()


def counted(precision: str, tile: int, base_channels: int) -> int:
    """The most bytes of tensors alive in a step, on tensors that have a shape and no numbers."""
    with FakeTensorMode():
        model = UNet(base_channels=base_channels)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-7, momentum=0.99)
        image, side = torch.rand(1, 1, tile, tile), tile - 2 * border()
        target, weights = torch.zeros(1, side, side, dtype=torch.int32), torch.ones(1, side, side)

        def step() -> None:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                logits = model(image)
            cross_entropy(logits.float(), target, weights).backward()
            optimizer.step()

        step()
        model.zero_grad()
        return memory.peak(step)


def memory_rows(precision: str, tile: int = 572, base_channels: int = 64) -> list[dict]:
    """Predicted, counted, and taken by the process or on the GPU, MiB."""
    with torch.device("meta"):
        ghost = UNet(base_channels=base_channels)
    device = choose_device().type
    gpu = device == "cuda"
    predicted = memory.account(ghost, tile, precision=precision, device=device).peak
    found = {ACCOUNT: predicted / 2**20}
    if not gpu:
        found[COUNTED] = counted(precision, tile, base_channels) / 2**20
    if gpu:
        torch.cuda.reset_peak_memory_stats()
        two_steps(precision, tile, base_channels)
        found[PROCESS] = torch.cuda.max_memory_allocated() / 2**20
    elif precision == "fp32" or has_bf16("cpu"):  # elsewhere convolutions make float32 copies
        how = f"{precision!r}, {tile}, {base_channels}"
        found[PROCESS] = harness.peak_mib(
            "training",
            f"lambda: two_steps({how})",
            f"lambda: two_steps({precision!r}, 188, 2)",
            torch.get_num_threads(),
            GIVE,
        )
    case = memory_case(precision)
    return [
        {"case": case, "method": name, "peak_mib": round(value, 1)}
        for name, value in found.items()
        if value is not None
    ]


def memory_case(precision: str) -> str:
    """A step whose memory is measured, in the record's words."""
    return f"{MEMORY}, {precision}"


# ---- the record


def targets(rows: list[dict]) -> list[dict]:
    """What was asked for."""
    lines = []
    for case in CASES:
        plain = find(rows, case.name, PLAIN)
        gain = ratio(plain, find(rows, case.name, OURS))
        if has_bf16("cpu"):
            lines.append(target(f"{case.name}: plain loop over ours, with bf16", gain, least=3))
        else:  # 0.95: rows of the same work differ by as much
            lines.append(target(f"{case.name}: plain loop over ours", gain, least=0.95))
    for precision in ("fp32", "bf16"):
        case = memory_case(precision)
        predicted = find(rows, case, ACCOUNT, "peak_mib")
        for method in (COUNTED, PROCESS):
            off = ratio(find(rows, case, method, "peak_mib"), predicted)
            off = None if off is None else abs(off - 1)
            lines.append(target(f"memory, {precision}: {method} from the account", off, most=0.1))
    for case, least in zip(GPU_CASES, (0.4, 0.6)):
        product = find(rows, case.name, PRODUCT)
        step = min(filter(None, (find(rows, case.name, m) for m in (*ENGINES, ALL))), default=None)
        share = ratio(product and flop(case) / (2 * LARGE**3) * product, step)
        lines.append(target(f"{case.name}: share of the bf16 product", share, least=least))
        tiles = ratio(find(rows, case.name, AHEAD), step and 10 * find(rows, case.name, OURS))
        lines.append(target(f"{case.name}: steps with tiles over steps", tiles, most=1.02))
    return lines


def flop(case: Case) -> float:
    """Of a forward and a backward pass: each convolution, and the gradients of both its inputs."""
    with torch.device("meta"):
        layers = layer_costs(UNet(base_channels=case.preset.base_channels), case.preset.tile)
    layers = [layer for layer in layers if "conv" in layer.kind]
    return case.preset.batch_size * (3 * sum(layer.flop for layer in layers) - layers[0].flop)


def measure(cases: list[Case], with_memory: bool, rounds: int) -> dict:
    """The record's figures for those cases."""
    timed = [row for case in cases for row in rows_of(case, list(METHODS))]
    try:
        rows = harness.timed(timed, rounds)
    finally:
        for row in timed:
            getattr(row.run, "close", int)()
    told = {case.name: f"one step, batch {case.preset.batch_size}" for case in cases}
    for precision in ("fp32", "bf16") if with_memory else ():
        rows += memory_rows(precision)
        told[memory_case(precision)] = "batch 1, SGD with momentum, MiB at the step's peak"
    for row in rows:
        if plain := find(rows, row["case"], PLAIN):
            row["times_as_fast_as_plain"] = float(f"{plain / row['median_s']:.3g}")
        if row["method"] == TILES and (step := find(rows, row["case"], OURS)):
            row["of_a_step"] = float(f"{row['median_s'] / step:.3g}")
    methods = {row["method"] for row in rows}
    return {
        "cases": told,
        "methods": {method: told for method, told in METHODS.items() if method in methods},
        "engine": {case.name: asdict(settled(case)) for case in cases},
        "rows": rows,
        "targets": targets(rows),
    }


def settled(case: Case) -> Engine:
    """What `Engine()` is here."""
    return Engine().settled(case.device, case.preset.base_channels)


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""
    cases = [*CASES, *(GPU_CASES if torch.cuda.is_available() else [])]

    def figures(names: list[str], _: list[str], options: argparse.Namespace) -> dict:
        chosen = [case for case in cases if case.name in names]
        return measure(chosen, MEMORY in names, options.rounds)

    names = [*(case.name for case in cases), MEMORY]
    harness.benchmark("training", __doc__, names, figures, arguments, rounds=7)


if __name__ == "__main__":
    main()
