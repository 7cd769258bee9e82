"""The values that the ledger sets beside the paper's: from the package, or from a recorded run."""

import inspect
import math
from functools import cache

import numpy as np
import torch
from torch import nn

from unet_book import (
    augmentation,
    datasets,
    elastic,
    initialization,
    overlap_tile,
    sizes,
    training,
    weight_map,
)
from unet_book.costs import layer_costs
from unet_book.pages import records, results, survey
from unet_book.unet import UNet

PAPER = training.PRESETS["paper"]


@cache
def network(variant: str = "paper") -> UNet:
    """The paper's network without numbers in it: its layers and shapes are all that is asked."""
    with torch.device("meta"):
        return UNet(variant=variant)


def layers(kind) -> list:
    """The network's layers of a kind, in the order of its construction."""
    return [layer for layer in network().modules() if isinstance(layer, kind)]


def three_by_three() -> list:
    return [layer for layer in layers(nn.Conv2d) if layer.kernel_size == (3, 3)]


# ---- Section 2: sizes and layers


def convolutional_layers() -> int:
    return len(layers((nn.Conv2d, nn.ConvTranspose2d)))


def padding() -> int:
    return sum(layer.padding != (0, 0) for layer in three_by_three())


def pooling() -> tuple:
    pool = network().pool
    return network().depth, pool.kernel_size, pool.stride


def channels() -> tuple:
    """Channels of each level, down, at the bottom and up again."""
    net = network()
    return tuple(block[2].out_channels for block in (*net.encoders, net.bottom, *net.decoders))


def up_convolutions() -> tuple:
    """Kernel, stride and share of the channels kept, of all up-convolutions."""
    kinds = {
        (up.kernel_size[0], up.stride[0], up.out_channels / up.in_channels)
        for up in network().up_convolutions
    }
    (kind,) = kinds
    return kind


def last_layer() -> tuple:
    last = network().classifier
    return last.kernel_size[0], last.in_channels


def sides() -> tuple:
    return tuple(side for level in sizes.feature_map_sizes(572) for side in level)


def valid_sizes(low: int, high: int) -> tuple:
    return tuple(size for size in range(low, high) if sizes.is_valid_size(size))


def odd_poolings_accepted(most: int = 800) -> int:
    """Sides that the package takes or refuses against the rule, walked through the layers."""

    def fits(size):
        for _ in range(4):
            size -= 4
            if size <= 0 or size % 2:
                return False
            size //= 2
        size -= 4
        for _ in range(4):
            size = 2 * size - 4
        return size > 0

    return sum(fits(size) != sizes.is_valid_size(size) for size in range(1, most))


def sides_beside_the_rule(most: int = 1000) -> int:
    """Sides for which 12 (mod 16), from 188 on, says something else than the network."""
    fits = {size for size in range(188, most) if size % 16 == 12}
    return len(fits ^ set(valid_sizes(1, most)))


def borders() -> tuple:
    """What all sides up to 1000 px that fit lose: one number, if it is constant."""
    lost = {size - sizes.output_size(size) for size in valid_sizes(1, 1000)}
    return tuple(sorted(lost))


def parameters(variant: str) -> int:
    return sum(weights.numel() for weights in network(variant).parameters())


def work(tile: int, base: int = 64, depth: int = 4) -> int:
    """Floating-point operations of the convolutions in one forward pass: two a multiplication."""
    with torch.device("meta"):
        net = UNet(base_channels=base, depth=depth)
    return sum(layer.flop for layer in layer_costs(net, tile) if "conv" in layer.kind)


def work_per_pixel(tile: int) -> float:
    return work(tile) / sizes.output_size(tile) ** 2


# ---- Section 1: overlap-tile


def mirrored_differently() -> int:
    """Pixels of a row of 512 and a border of 92 on both sides that are not the mirror's."""
    index = overlap_tile.mirror_index(np.arange(-92, 604), 512)
    return int(np.sum(index != np.pad(np.arange(512), 92, mode="reflect")))


def target(what: str) -> float:
    """A number that benchmarks/results/overlap_tile.json measured against a target."""
    (one,) = [row for row in records.benchmark("overlap_tile")["targets"] if row["what"] == what]
    return one["measured"]


# ---- Section 3: training


def default(function, name: str):
    return inspect.signature(function).parameters[name].default


def energy_as_printed(p: float) -> float:
    """Eq. (1) of one pixel of weight 1 whose true class got the probability p."""
    return math.log(p)


def border_weight(gap: int) -> float:
    """What eq. (2) adds to a background pixel in a straight gap between two blocks of cell."""
    row = np.repeat([1, 0, 2], [12, gap, 12])
    labels = torch.from_numpy(np.tile(row, (9, 1)))
    return float(weight_map.tensors.border_term(labels)[4, 12])


def touching_after_parting() -> int:
    stack = datasets.load("nuclei", "all")
    return survey.touching(weight_map.part_touching_cells(stack.labels[0]))


def class_totals() -> float:
    """The background's total weight over the cells', on the nuclei."""
    cells = weight_map.part_touching_cells(datasets.load("nuclei", "all").labels[0])
    weights = weight_map.class_balance(cells)
    return float(weights[cells == 0].sum(dtype=float) / weights[cells > 0].sum(dtype=float))


def mergers() -> float:
    """Merged nuclei with the border term for each one without it; five seeds each."""
    (runs,) = records.run("merges")["data"].values()
    merged = {w0: np.mean([run["merged"] for run in seeds]) for w0, seeds in runs["w0"].items()}
    return float(merged["10.0"] / merged["0.0"])


def skips_that_help() -> int:
    errors = records.run("skips")["errors"]
    return int(np.sum(np.array(errors["with skips"]) < errors["without"]))


def example_layer() -> nn.Conv2d:
    with torch.device("meta"):
        return nn.Conv2d(64, 64, 3)


def logits_mean_square() -> float:
    """What the paper's initialization lets one expect at the logits, for noise of unit variance."""
    rule = initialization.he_variances
    return initialization.predicted_mean_squares(network(), rule)[-1]


def starts_that_learn(rule: str) -> int:
    """Of six trainings with momentum, those that leave the guess behind in a hundred steps."""
    rows = records.run("initializations")["energies"]["sgd"][rule]
    return sum(row[-1] < 0.9 * guess() for row in rows)


def guess() -> float:
    """The energy of the best answer that is the same at every pixel of the held-out nuclei."""
    cells = weight_map.part_touching_cells(datasets.load("nuclei", "test").labels[0])
    share = np.mean(cells > 0)
    return float(-share * math.log(share) - (1 - share) * math.log(1 - share))


# ---- Section 3.1: augmentation


def unlike_the_spline() -> float:
    """Largest difference between the package's interpolation and scipy's cubic spline."""
    from scipy.interpolate import CubicSpline

    matrix = elastic.spline_matrix(101)
    spline = CubicSpline([0, 50, 100], np.eye(3), bc_type="clamped")  # flat at both ends
    return float(np.abs(matrix - spline(np.arange(101))).max())


def augmentations() -> tuple:
    how = augmentation.Augmentation()
    return how.rotation > 0, how.contrast > 0 and how.brightness > 0, how.sigma > 0


def last_errors(record: dict, **which):
    """The last held-out error of each run that has these entries, by seed."""
    runs = [run for run in record["runs"] if all(run[key] == x for key, x in which.items())]
    return np.array([run["history"][-1]["error"] for run in sorted(runs, key=lambda r: r["seed"])])


def elastic_gain() -> tuple:
    """Percentage points of pixel error that elastic deformation saved beside all the others, from
    one slice: the ends of the 95 % interval over five paired seeds."""
    record, arm = records.run("elastic_long"), "shift, rotation, mirror, gray"
    return paired(last_errors(record, arm=arm), last_errors(record, arm=arm + ", elastic"))


def augmentation_gain() -> tuple:
    """The same for all augmentation against shifts alone."""
    record, every = records.run("elastic_long"), "shift, rotation, mirror, gray, elastic"
    return paired(last_errors(record, arm="shift"), last_errors(record, arm=every))


def paired(without, with_it) -> tuple:
    saved = results.interval(100 * (without - with_it))
    return saved.low, saved.high


def one_image() -> float:
    """The pixel error learned from a part of one image, over that of guessing the majority."""
    from unet_book.metrics import majority_error

    held_out = weight_map.part_touching_cells(datasets.load("nuclei", "test").labels)
    guessed = majority_error(training.classes(held_out))
    return records.run("nuclei")["history"][-1]["error"] / guessed


# ---- Section 4: experiments


def data_set(name: str) -> dict:
    return records.run("data_sets")["sets"][name]


def held_out(measure: str, way: str = "8 symmetries") -> float:
    """The mean over the folds of ISBI 2012, thresholds chosen on the training slices."""
    return float(results.fold_scores(records.run("isbi2012"), measure, way).mean())


def seg(name: str) -> float:
    return float(results.run_scores(records.run(name)).mean())


def machines() -> dict:
    """Table 1 without its row for humans."""
    return {name: row for name, row in results.TABLE_1.items() if name != "human"}


def best_in(measure: str) -> str:
    return min(machines(), key=lambda name: machines()[name][measure])


def better_than_the_unet(measure: str) -> tuple:
    rows = machines()
    return tuple(name for name in rows if rows[name][measure] < rows["u-net"][measure])


def second_best(data: str) -> float:
    """How far Table 2's u-net is ahead of the next entry."""
    scores = sorted(row[data] for row in results.TABLE_2.values() if row[data] is not None)
    return scores[-1] - scores[-2]


def architectures() -> int:
    """The number of different networks that the three recorded runs trained."""
    names = ("isbi2012", "phc-u373", "dic-hela")
    keys = ("base_channels", "depth", "variant")
    return len({tuple(records.run(name)["recipe"][key] for key in keys) for name in names})


def hours_a_training() -> float:
    """Wall time of the longest of the folds' trainings, hours."""
    return max(run["seconds"] for run in results.trainings(records.run("isbi2012"))) / 3600


def thresholds() -> int:
    """Cuts of a map that the challenge looked at for the warping error, as `metrics` has them."""
    from unet_book.metrics import THRESHOLDS

    return sum(threshold < 1 for threshold in THRESHOLDS)


def pflop_of_the_titan(hours: float = 10, peak: float = 4.5e12, share: float = 0.5) -> float:
    return hours * 3600 * peak * share / 1e15


def steps_of_the_titan() -> float:
    """Forward and backward passes of the 572 tile (three forward passes' work) in those hours."""
    return pflop_of_the_titan() * 1e15 / (3 * work(572))


def most_memory(tile: int = 572) -> float:
    """GB that a training step can take at most: every map and its gradient, the weights, their
    gradients and the momentum, all at once, in float32."""
    path, widths = sizes.feature_map_sizes(tile), channels()
    maps = tile**2
    for level, (arrives, first, second) in enumerate(path):
        maps += widths[level] * (first**2 + second**2)
        if 0 < level <= 4:
            maps += widths[level - 1] * arrives**2  # pooled
        elif level > 4:
            maps += 3 * widths[level] * arrives**2  # upsampled, and joined with the skip
    return 4 * (2 * maps + 3 * parameters("paper")) / 1e9


def networks_given() -> int:
    return len(list((datasets.data_folder() / "weights").glob("*.safetensors")))
