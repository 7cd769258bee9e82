"""How fast this package's network and its peers run on this processor, in one interleaved run.

    make bench                              # the record, benchmarks/results/network.json
    python benchmarks/network.py --trial    # a table, and no record

Every round times every row once, and before each row a square matrix product of each size in
GEMM_SIZES. The best size's median is the ceiling: what the processor gives to arithmetic that has
no borders, no pooling and no copies. A row is its median over the rounds. What is in the table is
told in benchmarks/README.md.
"""

import shutil
import statistics
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import harness
import peers
import torch
from harness import OURS, seconds
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unet_book.unet import UNet

GEMM_SIZES = (2048, 3072)
LAYOUTS = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
FORWARD, TRAINING = "forward", "forward + backward"
BF16_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}


@dataclass(frozen=True)
class Network:
    """A network by name: what builds it, and the side in pixels of the tile that it reads."""

    name: str
    build: Callable[[], nn.Module]
    tile: int


@dataclass(frozen=True)
class Row:
    """One line of the table: a network, and the way in which it is run."""

    network: Network
    what: str
    layout: str
    precision: str = "fp32"
    compiled: bool = False


NETWORKS = [
    Network(OURS, UNet, 572),
    Network("labml-like", peers.LabmlLike, 512),
    Network("milesial-like", peers.MilesialLike, 512),
    Network("MONAI BasicUNet", peers.monai_basic_unet, 512),
]


# ---- what is counted, not timed


def count(network: Network) -> dict:
    """Parameters, output side in pixels, and GFLOP (an addition and a product are two).

    Nothing is computed: on PyTorch's meta device a tensor has a shape and no values.
    """
    with torch.device("meta"):
        model = network.build()
        image = torch.zeros(1, 1, network.tile, network.tile)
    gflop = {}
    for what in (FORWARD, TRAINING):
        with FlopCounterMode(display=False) as counter:
            output = model(image)
            if what == TRAINING:
                output.sum().backward()
        gflop[what] = counter.get_total_flops() / 1e9
    parameters = sum(p.numel() for p in model.parameters())
    return {
        "tile": network.tile,
        "output": output.shape[-1],
        "parameters": parameters,
        "gflop": gflop,
    }


def is_there(network: Network) -> bool:
    """Whether the network's package is installed."""
    try:
        with torch.device("meta"):
            network.build()
    except ImportError:
        return False
    return True


def rows_of(network: Network, precisions: Sequence[str], compiler: bool) -> list[Row]:
    """Each network in both layouts; this package's in bf16 and compiled, too, where that runs."""
    rows = []
    for what in (FORWARD, TRAINING):
        rows += [Row(network, what, layout) for layout in LAYOUTS]
        if network.name == OURS:
            rows += [
                Row(network, what, layout, precision)
                for precision in precisions
                if precision != "fp32"
                for layout in LAYOUTS
            ]
            if compiler:
                rows += [
                    Row(network, what, "channels_last", precision, compiled=True)
                    for precision in precisions
                ]
    return rows


# ---- what is timed


def run_of(row: Row) -> Callable[[], None]:
    """A function without arguments that runs the row once."""
    layout, training = LAYOUTS[row.layout], row.what == TRAINING
    model = row.network.build().train(training).to(memory_format=layout)
    model = torch.compile(model) if row.compiled else model
    side = row.network.tile
    image = torch.rand(1, 1, side, side).to(memory_format=layout)
    bf16 = torch.autocast("cpu", torch.bfloat16) if row.precision == "bf16" else nullcontext()

    def forward() -> None:
        with torch.inference_mode(), bf16:
            model(image)

    def forward_and_backward() -> None:
        model.zero_grad(set_to_none=True)
        with bf16:
            logits = model(image)
        target = torch.zeros(1, *logits.shape[-2:], dtype=torch.long)
        nn.functional.cross_entropy(logits.float(), target).backward()

    return forward_and_backward if training else forward


def gemm_of(size: int, precision: str) -> Callable[[], None]:
    """A function that multiplies two square matrices of this size once."""
    a, b = torch.rand(2, size, size).to(DTYPES[precision])
    product = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=product)


def interleave(rows: list[Row], gemms: dict, rounds: int) -> tuple:
    """Seconds of every row and of every matrix product, in the order in which they ran.

    One round that isn't recorded comes first: it compiles, and asks the system for memory.
    """
    runs = [run_of(row) for row in rows]
    row_times, gemm_times = [[] for _ in rows], {key: [] for key in gemms}
    for turn in range(rounds + 1):
        for index, run in enumerate(runs):
            gemm_seconds = {key: seconds(gemm) for key, gemm in gemms.items()}
            row_seconds = seconds(run)
            if turn:
                row_times[index].append(row_seconds)
                for key, value in gemm_seconds.items():
                    gemm_times[key].append(value)
        print(f"round {turn} of {rounds}", file=sys.stderr, flush=True)
    return row_times, gemm_times


def summary(times: list[float], gflop: float) -> dict:
    """Median, quickest and slowest second, and the GFLOP/s of the median."""
    median = statistics.median(times)
    return {
        "median_s": round(median, 4),
        "min_s": round(min(times), 4),
        "max_s": round(max(times), 4),
        "gflop_per_s": float(f"{gflop / median:.4g}"),
    }


def measure(
    networks: list[Network],
    rounds: int,
    precisions: Sequence[str] = ("fp32",),
    gemm_sizes: Sequence[int] = GEMM_SIZES,
    compiler: bool = False,
) -> dict:
    """The record's figures: what the networks are, the ceilings, the rows and the ratios."""
    counts = {network.name: count(network) for network in networks}
    rows = [row for network in networks for row in rows_of(network, precisions, compiler)]
    gemms = {(p, size): gemm_of(size, p) for p in precisions for size in gemm_sizes}
    row_times, gemm_times = interleave(rows, gemms, rounds)
    products = [
        {"precision": p, "size": size, **summary(times, 2 * size**3 / 1e9)}
        for (p, size), times in gemm_times.items()
    ]
    ceiling = {
        p: max(g["gflop_per_s"] for g in products if g["precision"] == p) for p in precisions
    }
    lines = []
    for row, times in zip(rows, row_times):
        counted = counts[row.network.name]
        line = {
            "network": row.network.name,
            "what": row.what,
            "layout": row.layout,
            "precision": row.precision,
            "compiled": row.compiled,
        }
        line |= summary(times, counted["gflop"][row.what])
        line["of_ceiling"] = round(line["gflop_per_s"] / ceiling[row.precision], 3)
        line["us_per_output_pixel"] = round(1e6 * line["median_s"] / counted["output"] ** 2, 2)
        lines.append(line)
    return {
        "networks": counts,
        "gemm": products,
        "ceiling_gflop_per_s": ceiling,
        "rows": lines,
        "to_best_peer": ratios(lines),
    }


def ratios(lines: list[dict]) -> dict:
    """GFLOP/s of this package over the best peer's; fp32, not compiled, ours in its better layout.

    Once with every peer in NCHW, which is what its users get, and once in its own better layout.
    """
    found = {}
    for what in (FORWARD, TRAINING):
        plain = [
            line
            for line in lines
            if line["what"] == what and line["precision"] == "fp32" and not line["compiled"]
        ]
        ours = [line["gflop_per_s"] for line in plain if line["network"] == OURS]
        theirs = [line for line in plain if line["network"] != OURS]
        if ours and theirs:
            as_used = max(line["gflop_per_s"] for line in theirs if line["layout"] == "NCHW")
            at_best = max(line["gflop_per_s"] for line in theirs)
            found[what] = {
                "peers in NCHW": round(max(ours) / as_used, 2),
                "peers in their better layout": round(max(ours) / at_best, 2),
            }
    return found


# ---- the table, the record


def table(record: dict) -> str:
    """The record for reading."""
    where = record["machine"]
    text = [
        f"{where['processor']}, {where['torch_uses']}, {where['threads']} threads; "
        f"medians of {record['rounds']} rounds"
    ]
    for product in record["gemm"]:
        text.append(
            f"GEMM {product['precision']} {product['size']}: {product['gflop_per_s']:.0f} "
            f"GFLOP/s ({product['min_s']:.3f} to {product['max_s']:.3f} s)"
        )
    for what in (FORWARD, TRAINING):
        text.append(f"\n{what:38}       s      range   GFLOP/s  of ceiling  us a pixel")
        for line in (line for line in record["rows"] if line["what"] == what):
            how = f"{line['layout']} {line['precision']}" + " compiled" * line["compiled"]
            spread = f"{line['min_s']:.2f}-{line['max_s']:.2f}"
            text.append(
                f"{line['network']:16}{how:24}{line['median_s']:6.2f} {spread:>12}"
                f"{line['gflop_per_s']:8.0f}{100 * line['of_ceiling']:9.0f} %"
                f"{line['us_per_output_pixel']:11.2f}"
            )
        for against, ratio in record["to_best_peer"].get(what, {}).items():
            text.append(f"  {ratio:.2f} times the GFLOP/s of the best peer, {against}")
    return "\n".join(text)


def there(names: list[str]) -> list[Network]:
    """The networks of those names that are installed; says so on stderr where one is missing."""
    wanted = [network for network in NETWORKS if network.name in names]
    missing = [network.name for network in wanted if not is_there(network)]
    if missing:
        print(f"not installed, left out: {', '.join(missing)} (make bench)", file=sys.stderr)
    return [network for network in wanted if network.name not in missing]


def main(arguments: list[str] | None = None) -> None:
    """Options and record."""
    parser = harness.parser(__doc__, rounds=5)
    parser.add_argument("--no-compile", action="store_true", help="leave out torch.compile's rows")
    options = parser.parse_args(arguments)
    networks = there(harness.chosen([network.name for network in NETWORKS], options.only))
    monai = ["monai"] if any(network.name.startswith("MONAI") for network in networks) else []
    record = harness.begin("network", options, arguments, monai)
    bf16 = BF16_INSTRUCTIONS & set(record["machine"]["instruction_sets"])
    precisions = ("fp32", "bf16") if bf16 else ("fp32",)
    compiler = not options.no_compile and shutil.which("g++") is not None
    record |= measure(networks, record["rounds"], precisions, compiler=compiler)
    harness.finish("network", record, table(record), harness.is_recorded(options))


if __name__ == "__main__":
    main()
