"""The values that the ledger sets beside the paper's: from the package, or from a recorded run.

What `__all__` lists is a measure: it gives one value, or a tuple of them, and an entry of
claims.toml asks for it by its name. They stand in the order of the chapters.
"""

import inspect
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import nn

from unet_book import (
    augmentation,
    costs,
    datasets,
    elastic,
    initialization,
    metrics,
    overlap_tile,
    sizes,
    training,
    weight_map,
)
from unet_book.pages import records, results, survey
from unet_book.unet import UNet

__all__ = [
    "networks_given",
    "error_after_one_image",
    "work",
    "work_of_smaller_tiles",
    "skips_that_help",
    "data_shape",
    "frames",
    "unknown_pixels",
    "convolutional_layers",
    "convolution_count",
    "padded_convolutions",
    "layer_count",
    "pooling",
    "channels",
    "is_symmetric",
    "up_convolution",
    "last_layer",
    "parameters",
    "output_side",
    "sides",
    "lowest_side",
    "sides_against_the_walk",
    "sides_against_the_rule",
    "border_count",
    "example_fan_in",
    "example_deviation",
    "logits_mean_square",
    "starts_that_learn",
    "printed_energy_growth",
    "class_totals",
    "weight_map_default",
    "border_weight",
    "touching_after_parting",
    "mergers",
    "augmentations",
    "displacement_default",
    "difference_from_the_spline",
    "elastic_gain",
    "augmentation_gain",
    "mirrored_differently",
    "benchmark_target",
    "titan_seconds",
    "paper_preset",
    "averaged_tiles",
    "most_memory",
    "challenge_thresholds",
    "architectures",
    "rotations",
    "held_out",
    "seg",
    "best_in_table_1",
    "ahead_of_the_unet",
    "table_2_percent",
    "lead_in_table_2",
    "hours_a_training",
    "titan_steps",
]

TITAN_FLOPS = 0.5 * 4.5e12  # half of a Titan's peak: what a training could hope to use
TITAN_SECONDS = 10 * 3600  # the ten hours of Section 5


@cache
def _network(variant: str = "paper") -> UNet:
    """The paper's network without numbers in it: its layers and shapes are all that is asked."""
    with torch.device("meta"):
        return UNet(variant=variant)


def _layers(kind: type[nn.Module] | tuple[type[nn.Module], ...]) -> list[nn.Module]:
    """The network's layers of a kind, in the order of its construction."""
    return [layer for layer in _network().modules() if isinstance(layer, kind)]


def _default(function: Callable, name: str) -> Any:
    """What an argument of a function is where nothing is said."""
    return inspect.signature(function).parameters[name].default


def _nuclei(split: str) -> np.ndarray:
    """The embedded image's labels (H, W), cells parted."""
    return weight_map.part_touching_cells(datasets.load("nuclei", split).labels[0])


# ---- Chapter 0: before you start


def networks_given() -> int:
    """Trained networks that come with the book.

    Returns
    -------
    int
    """
    return len(list((datasets.data_folder() / "weights").glob("*.safetensors")))


# ---- Chapter 1: what U-Net answers


def error_after_one_image() -> float:
    """The pixel error learned from a part of one image, over that of guessing the majority.

    Returns
    -------
    float
    """
    guessed = metrics.majority_error(training.classes(_nuclei("test")[None]))
    return records.run("nuclei")["history"][-1]["error"] / guessed


def work(tile: int, base: int = 64, depth: int = 4) -> int:
    """Floating-point operations of the convolutions in one forward pass: two a multiplication.

    Parameters
    ----------
    tile : int
        Side of the input, pixels.
    base : int
        Channels of the first level.
    depth : int
        Number of poolings.

    Returns
    -------
    int
    """
    with torch.device("meta"):
        network = UNet(base_channels=base, depth=depth)
    return sum(layer.flop for layer in costs.layer_costs(network, tile) if "conv" in layer.kind)


def work_of_smaller_tiles(smaller: int, larger: int) -> float:
    """How many times the work an answered pixel takes in smaller tiles than in larger ones.

    Parameters
    ----------
    smaller : int
        Side of the smaller tiles, pixels.
    larger : int
        Side of the larger ones, pixels.

    Returns
    -------
    float
    """
    small, large = (work(tile) / sizes.output_size(tile) ** 2 for tile in (smaller, larger))
    return small / large


def skips_that_help() -> int:
    """Seeds whose network errs in fewer pixels with the skips than without.

    Returns
    -------
    int
    """
    errors = records.run("skips")["errors"]
    return int(np.sum(np.array(errors["with skips"]) < errors["without"]))


# ---- Chapter 2: the data


def data_shape(name: str) -> tuple:
    """Images, rows and columns of a data set that chapter 2 describes.

    Parameters
    ----------
    name : str
        As data/runs/data_sets.json has it.

    Returns
    -------
    tuple of int
    """
    return tuple(_data_set(name)["shape"])


def frames(name: str) -> int:
    """The number of images of a data set.

    Parameters
    ----------
    name : str
        As data/runs/data_sets.json has it.

    Returns
    -------
    int
    """
    return data_shape(name)[0]


def unknown_pixels(name: str) -> int:
    """Pixels of a data set that are not annotated.

    Parameters
    ----------
    name : str
        As data/runs/data_sets.json has it.

    Returns
    -------
    int
    """
    return _data_set(name)["unknown"]


def _data_set(name: str) -> dict:
    """The numbers of a data set that chapter 2 describes."""
    return records.run("data_sets")["sets"][name]


# ---- Chapter 3: architecture


def convolutional_layers() -> int:
    """Convolutions and up-convolutions.

    Returns
    -------
    int
    """
    return len(_layers((nn.Conv2d, nn.ConvTranspose2d)))


def convolution_count(side: int) -> int:
    """Convolutions whose kernel has this side.

    Parameters
    ----------
    side : int
        Of the kernel, pixels.

    Returns
    -------
    int
    """
    return len(_convolutions(side))


def padded_convolutions() -> int:
    """3 x 3 convolutions that are padded.

    Returns
    -------
    int
    """
    return sum(layer.padding != (0, 0) for layer in _convolutions(3))


def _convolutions(side: int) -> list[nn.Module]:
    """The convolutions whose kernel has this side."""
    return [layer for layer in _layers(nn.Conv2d) if layer.kernel_size == (side, side)]


def layer_count(kind: str) -> int:
    """Layers of a kind.

    Parameters
    ----------
    kind : str
        The name of its class in `torch.nn`.

    Returns
    -------
    int
    """
    return len(_layers(getattr(nn, kind)))


def pooling() -> tuple:
    """The number of poolings, their kernel and their stride.

    Returns
    -------
    tuple
    """
    pool = _network().pool
    return _network().depth, pool.kernel_size, pool.stride


def channels() -> tuple:
    """Channels of each level, down, at the bottom and up again.

    Returns
    -------
    tuple
    """
    network = _network()
    blocks = (*network.encoders, network.bottom, *network.decoders)
    return tuple(block[2].out_channels for block in blocks)


def is_symmetric() -> bool:
    """Whether the levels have the same channels up as down.

    Returns
    -------
    bool
    """
    return channels() == channels()[::-1]


def up_convolution() -> tuple:
    """Kernel, stride and share of the channels kept, the same for all up-convolutions.

    Returns
    -------
    tuple
    """
    kinds = {
        (up.kernel_size[0], up.stride[0], up.out_channels / up.in_channels)
        for up in _network().up_convolutions
    }
    (kind,) = kinds
    return kind


def last_layer() -> tuple:
    """Kernel and input channels of the last convolution.

    Returns
    -------
    tuple
    """
    last = _network().classifier
    return last.kernel_size[0], last.in_channels


def parameters(variant: str) -> int:
    """Weights and biases of the network.

    Parameters
    ----------
    variant : {"paper", "released", "same"}
        Which of its variants.

    Returns
    -------
    int
    """
    return sum(weights.numel() for weights in _network(variant).parameters())


def output_side(tile: int) -> int:
    """The side of the answer to a tile.

    Parameters
    ----------
    tile : int
        Side of the input, pixels.

    Returns
    -------
    int
        Pixels.
    """
    return sizes.output_size(tile)


def sides(tile: int) -> tuple:
    """The sides of all maps along the network.

    Parameters
    ----------
    tile : int
        Side of the input, pixels.

    Returns
    -------
    tuple of int
        Pixels.
    """
    return tuple(side for level in sizes.feature_map_sizes(tile) for side in level)


def lowest_side(tile: int) -> int:
    """The side that arrives at the lowest level.

    Parameters
    ----------
    tile : int
        Side of the input, pixels.

    Returns
    -------
    int
        Pixels.
    """
    return sizes.feature_map_sizes(tile)[4][0]


def sides_against_the_walk(limit: int) -> int:
    """Sides that the package judges otherwise than a walk through the layers.

    Parameters
    ----------
    limit : int
        Above them, pixels.

    Returns
    -------
    int
    """

    def fits(side: int) -> bool:
        for _ in range(4):
            side -= 4
            if side <= 0 or side % 2:
                return False
            side //= 2
        side -= 4
        for _ in range(4):
            side = 2 * side - 4
        return side > 0

    return sum(fits(side) != sizes.is_valid_size(side) for side in range(1, limit))


def sides_against_the_rule(limit: int) -> int:
    """Sides for which 12 (mod 16), from 188 on, says otherwise than the package.

    Parameters
    ----------
    limit : int
        Above them, pixels.

    Returns
    -------
    int
    """
    fits = {side for side in range(188, limit) if side % 16 == 12}
    return len(fits ^ set(_valid_sides(limit)))


def border_count(limit: int) -> int:
    """How many different borders the sides that fit lose.

    Parameters
    ----------
    limit : int
        Above them, pixels.

    Returns
    -------
    int
    """
    return len({side - sizes.output_size(side) for side in _valid_sides(limit)})


def _valid_sides(limit: int) -> list[int]:
    """The sides below a limit that fit."""
    return [side for side in range(1, limit) if sizes.is_valid_size(side)]


# ---- Chapter 4: initialization


def example_fan_in() -> int:
    """N of the paper's example: a 3 x 3 convolution that reads 64 channels.

    Returns
    -------
    int
    """
    return initialization.fan_in(_example_layer())


def example_deviation() -> float:
    """The standard deviation of the initial weights of that convolution.

    Returns
    -------
    float
    """
    return initialization.he_variances(_example_layer())[0] ** 0.5


def _example_layer() -> nn.Conv2d:
    """The convolution of the paper's example, without numbers in it."""
    with torch.device("meta"):
        return nn.Conv2d(64, 64, 3)


def logits_mean_square() -> float:
    """What the paper's initialization lets one expect at the logits, for noise of unit variance.

    Returns
    -------
    float
    """
    rule = initialization.he_variances
    return initialization.predicted_mean_squares(_network(), rule)[-1]


def starts_that_learn(rule: str) -> int:
    """Of six trainings with momentum, those that leave the guess behind in a hundred steps.

    Parameters
    ----------
    rule : str
        How the weights were drawn, as data/runs/initializations.json names it.

    Returns
    -------
    int
    """
    energies = records.run("initializations")["energies"]["sgd"][rule]
    return sum(row[-1] < 0.9 * _energy_of_the_guess() for row in energies)


def _energy_of_the_guess() -> float:
    """The energy of the best answer that is the same at every pixel of the held-out nuclei."""
    share = np.mean(_nuclei("test") > 0)
    return float(-share * math.log(share) - (1 - share) * math.log(1 - share))


# ---- Chapter 5: the energy


def printed_energy_growth(before: float, after: float) -> float:
    """By how much eq. (1), as printed, grows for one pixel of weight 1.

    Parameters
    ----------
    before : float
        Probability of the true class at first.
    after : float
        And then.

    Returns
    -------
    float
    """
    return math.log(after) - math.log(before)


# ---- Chapter 6: the weight map


def class_totals() -> float:
    """The background's total weight over the cells', on the nuclei.

    Returns
    -------
    float
    """
    cells = _nuclei("all")
    weights = weight_map.class_balance(cells)
    return float(weights[cells == 0].sum(dtype=float) / weights[cells > 0].sum(dtype=float))


def weight_map_default(name: str) -> float:
    """The value that an argument of `weight_map.weight_map` has by default.

    Parameters
    ----------
    name : str
        Of the argument.

    Returns
    -------
    float
    """
    return _default(weight_map.weight_map, name)


def border_weight(gap: int) -> float:
    """What eq. (2) adds to the first background pixel in a straight gap between two cells.

    Parameters
    ----------
    gap : int
        Width of the gap, pixels.

    Returns
    -------
    float
    """
    row = np.repeat([1, 0, 2], [12, gap, 12])
    labels = torch.from_numpy(np.tile(row, (9, 1)))
    return float(weight_map.tensors.border_term(labels)[4, 12])


def touching_after_parting() -> int:
    """Nuclei that touch another one after a border was cut between them.

    Returns
    -------
    int
    """
    return survey.touching(_nuclei("all"))


def mergers() -> float:
    """Merged nuclei with the border term for each one without it; five seeds each.

    Returns
    -------
    float
    """
    (runs,) = records.run("merges")["data"].values()
    merged = {w0: np.mean([run["merged"] for run in seeds]) for w0, seeds in runs["w0"].items()}
    return float(merged["10.0"] / merged["0.0"])


# ---- Chapter 7: elastic deformation


def augmentations() -> tuple:
    """Whether rotation, gray values and elastic deformation are varied.

    Returns
    -------
    tuple
    """
    how = augmentation.Augmentation()
    return how.rotation > 0, how.contrast > 0 and how.brightness > 0, how.sigma > 0


def displacement_default(name: str) -> float:
    """The value that an argument of `elastic.random_displacement` has by default.

    Parameters
    ----------
    name : str
        Of the argument.

    Returns
    -------
    float
    """
    return _default(elastic.random_displacement, name)


def difference_from_the_spline() -> float:
    """Largest difference between the package's interpolation and scipy's cubic spline.

    Returns
    -------
    float
    """
    spline = CubicSpline([0, 50, 100], np.eye(3), bc_type="clamped")  # flat at both ends
    return float(np.abs(elastic.spline_matrix(101) - spline(np.arange(101))).max())


def elastic_gain() -> tuple[float, float]:
    """V_Rand that elastic deformation gained beside all the other changes, from few slices.

    Returns
    -------
    tuple of float
        The ends of the 95 % interval over six pairs: one and three slices, three seeds each.
    """
    return _gained(", elastic 0")


def augmentation_gain() -> tuple[float, float]:
    """V_Rand that all augmentation gained over shifts alone, in the same way.

    Returns
    -------
    tuple of float
        The ends of the interval.
    """
    return _gained(", shift only")


def _gained(arm: str) -> tuple[float, float]:
    """The interval of what the whole augmentation gains over an arm of the learning curve."""
    slices = ("1 slice", "3 slices")
    whole, without = (np.concatenate([_best_v_rand(n + end) for n in slices]) for end in ("", arm))
    gained = results.interval(whole - without)
    return gained.low, gained.high


def _best_v_rand(trial: str) -> np.ndarray:
    """V_Rand of each seed of a trial in one pass, at the threshold that is best for it."""
    runs = records.run("recipe_curve")["trials"][trial]["runs"]
    return np.array([max(run["scores"]["one pass"]["validation"]["v_rand"]) for run in runs])


# ---- Chapter 8: overlap-tile


def mirrored_differently() -> int:
    """Pixels of a row of 512 and a border of 92 on both sides that are not the mirror's.

    Returns
    -------
    int
    """
    index = overlap_tile.mirror_index(np.arange(-92, 604), 512)
    return int(np.sum(index != np.pad(np.arange(512), 92, mode="reflect")))


def benchmark_target(name: str, what: str) -> float:
    """A number that a benchmark measured against a target.

    Parameters
    ----------
    name : str
        Of the record, benchmarks/results/NAME.json.
    what : str
        The target, as the record names it.

    Returns
    -------
    float
    """
    (row,) = [row for row in records.benchmark(name)["targets"] if row["what"] == what]
    return row["measured"]


def titan_seconds(tile: int) -> float:
    """Seconds that the work on a tile would take a Titan of 2015, by arithmetic.

    Parameters
    ----------
    tile : int
        Side of the input, pixels.

    Returns
    -------
    float
    """
    return work(tile) / TITAN_FLOPS


# ---- Chapter 9: training


def paper_preset(field: str) -> object:
    """A field of the preset "paper".

    Parameters
    ----------
    field : str
        Its name in `Preset`.

    Returns
    -------
    object
    """
    return getattr(training.PRESETS["paper"], field)


def averaged_tiles() -> float:
    """How many tiles back the paper's momentum reaches, the mean length of the average.

    Returns
    -------
    float
    """
    return 1 / (1 - paper_preset("momentum"))


def most_memory(tile: int) -> float:
    """Memory that a training step can take at most, in float32.

    Every map and its gradient, the weights, their gradients and the momentum, all at once.

    Parameters
    ----------
    tile : int
        Side of the input, pixels.

    Returns
    -------
    float
        GB.
    """
    layers = costs.layer_costs(_network(), tile)
    maps = tile**2 + sum(layer.values for layer in layers)
    weights = sum(layer.parameters for layer in layers)
    return 4 * (2 * maps + 3 * weights) / 1e9


# ---- Chapter 10: measuring


def challenge_thresholds() -> int:
    """Cuts of a map that the challenge looked at for the warping error, as `metrics` has them.

    Returns
    -------
    int
    """
    return sum(threshold < 1 for threshold in metrics.THRESHOLDS)


# ---- Chapter 11: results


def architectures() -> int:
    """The number of different networks that the three recorded runs trained.

    Returns
    -------
    int
    """
    names = ("isbi2012", "phc-u373", "dic-hela")
    keys = ("base_channels", "depth", "variant")
    return len({tuple(records.run(name)["recipe"][key] for key in keys) for name in names})


def rotations() -> int:
    """Rotated versions of an image that are averaged under the name "rotations".

    Returns
    -------
    int
    """
    return len(overlap_tile.VERSIONS["rotations"])


def held_out(measure: str) -> float:
    """The mean over the folds of ISBI 2012, thresholds chosen on the training slices.

    Parameters
    ----------
    measure : str
        A column of the record, as "rand_error".

    Returns
    -------
    float
    """
    return float(results.fold_scores(records.run("isbi2012"), measure, "8 symmetries").mean())


def seg(name: str) -> float:
    """The mean SEG over the runs of a tracking set.

    Parameters
    ----------
    name : {"phc-u373", "dic-hela"}
        Which set.

    Returns
    -------
    float
    """
    return float(results.run_scores(records.run(name)).mean())


def best_in_table_1(measure: str) -> str:
    """The machine of the least error in a column of Table 1.

    Parameters
    ----------
    measure : {"warping_error", "rand_error", "pixel_error"}
        The column.

    Returns
    -------
    str
    """
    rows = _machines()
    return min(rows, key=lambda name: rows[name][measure])


def ahead_of_the_unet(measure: str) -> tuple:
    """The machines of less error than the u-net's in a column of Table 1.

    Parameters
    ----------
    measure : {"warping_error", "rand_error", "pixel_error"}
        The column.

    Returns
    -------
    tuple of str
    """
    rows = _machines()
    return tuple(name for name in rows if rows[name][measure] < rows["u-net"][measure])


def _machines() -> dict[str, dict]:
    """Table 1 without its row for humans."""
    return {name: row for name, row in results.TABLE_1.items() if name != "human"}


def table_2_percent(data: str) -> float:
    """The u-net's score in a column of Table 2, in percent.

    Parameters
    ----------
    data : {"phc-u373", "dic-hela"}
        The column.

    Returns
    -------
    float
    """
    return 100 * results.TABLE_2["u-net (2015)"][data]


def lead_in_table_2(data: str) -> float:
    """How far the best in a column of Table 2 is ahead of the next.

    Parameters
    ----------
    data : {"phc-u373", "dic-hela"}
        The column.

    Returns
    -------
    float
    """
    scores = sorted(row[data] for row in results.TABLE_2.values() if row[data] is not None)
    return scores[-1] - scores[-2]


def hours_a_training() -> float:
    """Wall time of the longest of the folds' trainings, hours.

    Returns
    -------
    float
    """
    return max(run["seconds"] for run in results.trainings(records.run("isbi2012"))) / 3600


def titan_steps(tile: int) -> float:
    """Steps of one tile in ten hours of a Titan: a step is three forward passes' work.

    Parameters
    ----------
    tile : int
        Side of the input, pixels.

    Returns
    -------
    float
    """
    return TITAN_SECONDS * TITAN_FLOPS / (3 * work(tile))
