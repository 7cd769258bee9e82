"""The claims, in the order of the paper (Ronneberger, Fischer, Brox 2015).

The last section holds what is often quoted with the paper and does not stand in it.
"""

from unet_book.pages import results
from unet_book.pages.claims import measures as m
from unet_book.pages.claims.claim import Claim

U_NET, T2 = results.TABLE_1["u-net"], results.TABLE_2
OTHER_SLICES = (
    "On slices 0 to 29, each by a network that did not train on it; the challenge's own thirty "
    "test slices have no public labels."
)
OTHERS = "The programs of other groups, and test labels that were never public."
TITAN = "No Titan of 2015, and no GPU at all, was at hand."


def claim(id, section, says, chapter, check, asked=None, measure=None, **more):
    return Claim(id, section, says, chapter, check, asked, measure, **more)


def shown(id, section, says, chapter, check, **more):
    """A design statement: the check shows that this package does what it says."""
    return Claim(id, section, says, chapter, check, **more)


def closed(id, section, says, chapter, check, reason, **more):
    """A statement that nobody here can test."""
    return Claim(id, section, says, chapter, check, reason=reason, testable=False, **more)


ABSTRACT = "Abstract and Section 1"
INTRODUCTION = [
    claim(
        "few-images", ABSTRACT,
        "The network can be trained end to end from very few images.",
        1, "book/01_what_unet_answers.ipynb#claim", 0.5, m.one_image,
        relation="at most", form=".2f",
        reason="Pixel error after training on five eighths of a single image, as a share of the "
        "guess's; half was asked for.",
    ),
    shown(
        "window-or-context", ABSTRACT,
        "A sliding window has to choose between exact places and a wide context, since pooling "
        "coarsens its answer.",
        1, "book/01_what_unet_answers.ipynb#blocks",
    ),
    claim(
        "redundant-windows", ABSTRACT,
        "Windows answered one by one repeat most of their work.",
        1, "book/01_what_unet_answers.ipynb#one-pass", 1,
        lambda: m.work_per_pixel(188) / m.work_per_pixel(572),
        relation="at least", form=".0f", unit="times the work",
        reason="An answer from tiles of 188 px, which give 4 x 4 pixels, against one from 572.",
    ),
    shown(
        "upsampling-raises-size", ABSTRACT,
        "Up-convolutions in the place of poolings bring the resolution back.",
        3, "tests/test_sizes.py::test_feature_map_sizes_are_those_of_the_network",
    ),
    claim(
        "skips-place", ABSTRACT,
        "Fine maps of the contracting path, joined to the upsampled ones, give exact places.",
        1, "book/01_what_unet_answers.ipynb#six-seeds", 6, m.skips_that_help, unit="of 6 seeds",
        reason="Seeds in which fewer pixels are wrong with the skips than without.",
    ),
    claim(
        "symmetric", ABSTRACT,
        "The expanding path has as many channels, level by level, as the contracting one.",
        3, "tests/test_costs.py::test_costs_follow_the_order_and_the_sizes_of_the_drawing",
        (True,), lambda: (m.channels()[:4] == m.channels()[:4:-1],),
        reason="64, 128, 256 and 512, down and up.",
    ),
    claim(
        "no-fully-connected", ABSTRACT,
        "There is no fully connected layer.",
        3, "book/03_architecture.ipynb#source", 0, lambda: len(m.layers(m.nn.Linear)),
    ),
    shown(
        "valid-only", ABSTRACT,
        "An answer is given only where all of its context lies in the tile.",
        3, "tests/test_sizes.py::test_no_pixel_outside_the_window_changes_an_output_pixel",
    ),
    claim(
        "seamless", ABSTRACT,
        "Tiles put together give the answer of one pass over an image of any size.",
        8, "tests/test_overlap_tile.py::"
        "test_tile_by_tile_is_the_same_as_one_pass_over_the_mirrored_image",
        0, lambda: m.target("largest difference from one pass, float64"), tolerance=1e-12,
        form=".0e", reason="In steps of 384. In steps of 388, all that a tile answers, it would "
        "not be: chapter 8.",
    ),
    claim(
        "mirror", f"{ABSTRACT} (Fig. 2)",
        "Context that is missing at the image's edge comes from mirroring.",
        8, "tests/test_overlap_tile.py::test_the_mirror_is_numpys_reflect",
        0, m.mirrored_differently, unit="pixels otherwise",
    ),
    claim(
        "memory-of-a-tile", ABSTRACT,
        "Tiling lifts the limit that memory sets to the image's size.",
        8, "tests/test_overlap_tile.py::test_memory_does_not_grow_with_the_image",
        1, lambda: m.target("memory, 2048 x 2048, tiles of 572: over one pass"),
        relation="at most", form=".2f", unit="of one pass's memory",
    ),
    claim(
        "same-network", ABSTRACT,
        "One network serves electron microscopy, phase contrast and DIC.",
        11, "book/11_results.ipynb#recipes", 1, m.architectures,
        reason="Different sets of width, depth and padding among the three recorded runs, which "
        "had to fit into a CPU's budget.",
    ),
    closed(
        "under-a-second", ABSTRACT,
        "A 512 x 512 image takes less than a second on a GPU of 2015.",
        8, "book/08_overlap_tile.ipynb#benchmark",
        f"{TITAN} Arithmetic does not contradict: the value is the work of one tile of 700 px "
        "over half of a Titan's 4.5 TFLOP/s.",
        measure=lambda: m.work(700) / 2.25e12, form=".2f", unit="s by arithmetic",
    ),
    claim(
        "published", ABSTRACT,
        "Code and trained networks are given away.",
        0, "book/00_before_you_start.ipynb#record", 1, m.networks_given, relation="at least",
        unit="networks in data/weights", reason="Ours. The authors' own Caffe release was not run.",
    ),
]

S2 = "Section 2 and Fig. 1"
NETWORK = [
    claim(
        "tile-572", S2, "A tile of 572 x 572 pixels gives 388 x 388 answers.",
        3, "tests/test_unet.py::test_572_pixels_become_388",
        388, lambda: m.sizes.output_size(572), unit="px",
    ),
    claim(
        "sizes", S2, "The sides along the network, from the tile to the last map.",
        3, "tests/test_sizes.py::test_sizes_along_the_network_are_those_of_the_drawing",
        (572, 570, 568, 284, 282, 280, 140, 138, 136, 68, 66, 64, 32, 30, 28, 56, 54, 52, 104, 102,
         100, 200, 198, 196, 392, 390, 388), m.sides,
    ),
    claim(
        "lowest", S2, "In the drawing the lowest resolution has 32 x 32 pixels.",
        3, "book/03_architecture.ipynb#down-3", 32, lambda: m.sizes.feature_map_sizes(572)[4][0],
        unit="px",
    ),
    claim(
        "channels", S2, "Channels double with each level down, from 64 to 1024, and come back.",
        3, "tests/test_costs.py::test_costs_follow_the_order_and_the_sizes_of_the_drawing",
        (64, 128, 256, 512, 1024, 512, 256, 128, 64), m.channels,
    ),
    claim(
        "two-convolutions", S2, "Two 3 x 3 convolutions a level, eighteen in all.",
        3, "book/03_architecture.ipynb#down-1", 18, lambda: len(m.three_by_three()),
    ),
    claim(
        "unpadded", S2, "No convolution is padded.",
        3, "tests/test_unet.py::test_logits_are_those_of_plain_loops",
        0, m.padding, unit="padded",
    ),
    claim(
        "relu", S2, "Each 3 x 3 convolution is followed by a ReLU.",
        3, "tests/test_unet.py::test_logits_are_those_of_plain_loops",
        18, lambda: len(m.layers(m.nn.ReLU)), unit="ReLUs",
    ),
    claim(
        "pooling", S2, "Four poolings: the largest of 2 x 2 pixels, in steps of 2.",
        3, "tests/test_unet.py::test_logits_are_those_of_plain_loops", (4, 2, 2), m.pooling,
    ),
    claim(
        "up-convolution", S2,
        "An up-convolution has a 2 x 2 kernel, doubles the side and halves the channels.",
        3, "book/03_architecture.ipynb#up-1", (2, 2, 0.5), m.up_convolutions,
        reason="Kernel, step, and the share of channels that is left. The paper's words, an "
        "upsampling followed by a convolution, allow another reading: chapter 3.",
    ),
    shown(
        "crop", S2, "Skips are cropped to the map they join, whose rim the convolutions took.",
        3, "tests/test_unet.py::test_crop_keeps_the_center",
    ),
    claim(
        "last-layer", S2, "A 1 x 1 convolution maps 64 features to the classes.",
        3, "book/03_architecture.ipynb#mine", (1, 64), m.last_layer,
        reason="Kernel and input channels.",
    ),
    claim(
        "23-layers", S2, "The network has 23 convolutional layers.",
        3, "tests/test_unet.py::test_the_network_has_23_convolutional_layers",
        23, m.convolutional_layers,
        reason="With the four up-convolutions and the last 1 x 1.",
    ),
    claim(
        "even-sides", S2, "A tile fits if every pooling meets an even side.",
        3, "tests/test_sizes.py::test_a_size_is_valid_where_the_network_can_compute_it",
        0, m.odd_poolings_accepted, unit="sides below 800 otherwise",
    ),
]

S3 = "Section 3"
TRAINING = [
    claim(
        "sgd", S3, "Stochastic gradient descent trains it.",
        9, "tests/test_training.py::test_the_papers_preset_is_the_papers_network_and_recipe",
        "sgd", lambda: m.PAPER.optimizer, form="s", reason="The preset \"paper\"; in Caffe then, "
        "in PyTorch here.",
    ),
    claim(
        "constant-border", S3, "Output and input differ by a border that is always the same.",
        3, "tests/test_sizes.py::test_at_depth_4_the_output_loses_184_pixels",
        1, lambda: len(m.borders()), unit="value for all sides up to 1000",
        reason="It is 92 px a side, a number that the paper does not print.",
    ),
    claim(
        "large-tiles", S3, "Large tiles waste less than large batches of small ones.",
        3, "book/03_architecture.ipynb#per-pixel", 1,
        lambda: m.work_per_pixel(284) / m.work_per_pixel(572), relation="at least", form=".1f",
        unit="times the work",
        reason="For each answered pixel, in tiles of 284 against 572.",
    ),
    claim(
        "batch-one", S3, "A batch is one image.",
        9, "tests/test_training.py::test_the_papers_preset_is_the_papers_network_and_recipe",
        1, lambda: m.PAPER.batch_size, unit="tile",
    ),
    claim(
        "momentum", S3, "Momentum is 0.99.",
        9, "tests/test_training.py::test_the_papers_preset_is_the_papers_network_and_recipe",
        0.99, lambda: m.PAPER.momentum,
    ),
    claim(
        "many-samples", S3, "With it, many earlier tiles decide each update.",
        9, "tests/test_training.py::test_the_papers_preset_is_the_papers_network_and_recipe",
        10, lambda: 1 / (1 - m.PAPER.momentum), relation="at least", form=".0f", unit="tiles",
        reason="1 / (1 - 0.99), the length of the average; \"many\" is read as ten or more.",
    ),
    shown(
        "softmax", S3, "A softmax makes probabilities of the logits of each pixel.",
        5, "tests/test_overlap_tile.py::test_probabilities_sum_to_1",
    ),
    shown(
        "energy", f"{S3}, eq. (1)", "The energy is the weighted sum over pixels of the logarithm "
        "of the true class's probability.",
        5, "tests/test_loss.py::test_energy_is_that_of_a_loop_over_pixels",
    ),
    claim(
        "sign", f"{S3}, eq. (1)", "As printed, it penalizes probabilities that are far from 1.",
        5, "book/05_energy.ipynb#sign", 0,
        lambda: m.energy_as_printed(0.9) - m.energy_as_printed(0.5), relation="at most",
        form=".2f", reason="By how much the printed energy grows when the right class goes from "
        "0.5 to 0.9. It should fall: a minus is missing, and this book uses the negative.",
    ),
    claim(
        "class-balance", S3, "The weight map makes up for classes of different frequency.",
        6, "tests/test_weight_map.py::test_both_classes_weigh_the_same",
        1, m.class_totals, tolerance=1e-3, form=".3f",
        reason="Total weight of the background over the cells'. The paper gives no formula.",
    ),
    claim(
        "w0", f"{S3}, eq. (2)", "The border term's strength w0 is 10.",
        6, "tests/test_weight_map.py::test_weight_map_is_within_1e_5_at_the_papers_settings",
        10, lambda: m.default(m.weight_map.weight_map, "w0"),
    ),
    claim(
        "sigma-weights", f"{S3}, eq. (2)", "Its width sigma is about 5 pixels.",
        6, "tests/test_weight_map.py::test_weight_map_is_within_1e_5_at_the_papers_settings",
        5, lambda: m.default(m.weight_map.weight_map, "sigma"), unit="px",
    ),
    claim(
        "equation-2", f"{S3}, eq. (2)",
        "The term is a Gaussian of the distances to the two nearest cells, added up.",
        6, "tests/test_weight_map.py::test_weight_map_equals_equation_2",
        10 * m.math.exp(-(2**2) / 50), lambda: m.border_weight(1), tolerance=1e-4, form=".3f",
        reason="In a gap of one pixel both distances are 1.",
    ),
    shown(
        "two-nearest", f"{S3}, eq. (2)", "d1 and d2 are the distances to the nearest cell and to "
        "the second nearest.",
        6, "tests/test_weight_map_distances.py::test_distances_of_scattered_cells_equal_the_common"
        "_way", reason="\"To the border\" of it; outside a cell that is the same: chapter 6.",
    ),
    claim(
        "parting", S3, "A border of background is cut between cells that touch.",
        6, "tests/test_weight_map.py::test_no_two_cells_touch_after_parting",
        0, m.touching_after_parting, unit="of 125 nuclei touch",
        reason="The paper names morphological operations and no more; ours is one pixel wide.",
    ),
    claim(
        "learns-borders", f"{S3} (Fig. 3)", "The weights make the network learn those borders.",
        6, "book/06_weight_map.ipynb#merges", 1, m.mergers, relation="at most", form=".2f",
        unit="mergers", reason="Merged nuclei with the term, for each one without; five seeds.",
    ),
    claim(
        "incoming-nodes", S3, "A 3 x 3 convolution that reads 64 channels has N = 576.",
        4, "tests/test_initialization.py::test_fan_in_of_the_papers_example_is_576",
        576, lambda: m.initialization.fan_in(m.example_layer()),
    ),
    claim(
        "he", S3, "Initial weights are Gaussian with the standard deviation √(2/N).",
        4, "tests/test_initialization.py::"
        "test_each_layer_has_the_papers_standard_deviation_within_3_sigma",
        m.math.sqrt(2 / 576), lambda: m.initialization.he_variances(m.example_layer())[0] ** 0.5,
        tolerance=1e-12, form=".4f", reason="For N = 576.",
    ),
    claim(
        "unit-variance", S3, "That gives each feature map about unit variance.",
        4, "tests/test_initialization.py::test_the_papers_rule_in_the_papers_network",
        1, m.logits_mean_square, tolerance=1, form=".1f",
        reason="Mean square expected at the logits, for noise of unit variance. The first layer "
        "doubles it, max-pooling and the joined skips raise it further. A factor of two was "
        "allowed.",
    ),
    claim(
        "bad-start", S3, "From a bad start parts of such a network never contribute.",
        4, "book/04_initialization.ipynb#first-steps-claims", 0,
        lambda: m.starts_that_learn("framework's default"), unit="of 6 learn",
        reason="Trainings by momentum from PyTorch's default that left the guess behind in a "
        "hundred steps; from the paper's rule four did.",
    ),
]

S31 = "Section 3.1"
AUGMENTATION = [
    claim(
        "augmentations", S31, "Rotations, gray values and elastic deformation are varied.",
        7, "tests/test_augmentation.py::test_rotation_is_isotropic",
        (True, True, True), m.augmentations,
        reason="Present, in that order. How far each is varied the paper does not say.",
    ),
    shown(
        "shift", S31, "Tiles are shifted.",
        7, "tests/test_augmentation.py::test_every_place_is_as_likely_as_any_other",
    ),
    shown(
        "gray-values", S31, "Gray values are varied.",
        7, "tests/test_augmentation.py::test_gray_values_move_within_their_bounds",
    ),
    claim(
        "grid", S31, "Displacements are drawn on a coarse 3 x 3 grid.",
        7, "tests/test_elastic.py::test_field_is_the_two_dimensional_cubic_spline",
        3, lambda: m.default(m.elastic.random_displacement, "grid"), unit="vectors a side",
    ),
    claim(
        "sigma-vectors", S31, "Their standard deviation is 10 pixels.",
        7, "tests/test_elastic.py::test_vectors_at_the_grid_points_have_standard_deviation_sigma",
        10, lambda: m.default(m.elastic.random_displacement, "sigma"), unit="px",
    ),
    claim(
        "bicubic", S31, "Between the vectors they are interpolated bicubically.",
        7, "tests/test_elastic.py::test_spline_matrix_interpolates_by_cubic_splines",
        0, m.unlike_the_spline, tolerance=1e-9, form=".0e",
        reason="Largest difference from scipy's cubic spline.",
    ),
    shown(
        "dropout", S31, "Dropout stands at the end of the contracting path.",
        3, "tests/test_unet.py::test_dropout_sees_the_last_encoder_and_the_bottom",
    ),
    claim(
        "augmentation-essential", S31, "With few images, augmentation is essential.",
        7, "book/07_elastic_deformation.ipynb#long", 0, m.augmentation_gain,
        relation="surely above", form="+.1f", unit="points",
        reason="Pixel error that all augmentation saved against shifts alone, percentage points, "
        "95 % interval: one slice, 2,000 steps, five seeds of a small network. Zero lies in it: "
        "this budget cannot tell.",
    ),
    claim(
        "elastic-key", S31, "Elastic deformation seems to be the key to training from few images.",
        7, "book/07_elastic_deformation.ipynb#long", 0, m.elastic_gain,
        relation="surely above", form="+.1f", unit="points",
        reason="The same for elastic deformation, added to all the others. This budget cannot "
        "tell, either.",
    ),
]

S4 = "Section 4, electron microscopy"
MICROSCOPY = [
    claim(
        "30-images", S4, "Thirty training images of 512 x 512 pixels.",
        2, "book/02_data.ipynb#table", (30, 512, 512),
        lambda: tuple(m.data_set("isbi2012")["shape"]),
    ),
    claim(
        "fully-annotated", S4, "They are annotated to the last pixel.",
        2, "book/02_data.ipynb#table", 0, lambda: m.data_set("isbi2012")["unknown"],
        unit="pixels unknown",
    ),
    closed(
        "secret-labels", S4, "The test slices' labels are kept secret.",
        11, "book/11_results.ipynb#table-1",
        "We know of no copy; the challenge's server is not asked here.",
    ),
    claim(
        "ten-thresholds", S4, "The probability map is cut at 10 thresholds.",
        10, "tests/test_metrics_warping.py::"
        "test_the_sweep_has_the_challenges_thresholds_and_all_its_metrics", 10, m.thresholds,
        reason="0, 0.1, … 0.9; at 1 nothing is left. The recorded runs look at 19.",
    ),
    shown(
        "no-post-processing", S4, "The scores are the map's own: no post-processing.",
        11, "book/11_results.ipynb#table-1",
        reason="Ours are cut at a threshold, and thinned where V_Rand and V_Info want it.",
    ),
    claim(
        "seven-rotations", S4, "The answer is an average over 7 rotated versions of the image.",
        11, "tests/test_overlap_tile.py::"
        "test_rotations_start_with_the_image_and_turn_by_a_seventh", 7,
        lambda: len(m.overlap_tile.VERSIONS["rotations"]), unit="rotations",
        reason="By sevenths of a full turn; which seven, the paper does not say.",
    ),
    claim(
        "warping", S4, "The warping error is 0.0003529.",
        11, "data/runs/isbi2012.json", 0.0003529, lambda: m.held_out("warping_error"),
        relation="at most", form=".7f", reason=OTHER_SLICES,
    ),
    claim(
        "rand", S4, "The Rand error is 0.0382.",
        11, "data/runs/isbi2012.json", 0.0382, lambda: m.held_out("rand_error"),
        relation="at most", form=".4f", reason=OTHER_SLICES,
    ),
    claim(
        "pixel", "Section 4, Table 1", "The pixel error is 0.0611.",
        11, "data/runs/isbi2012.json", 0.0611, lambda: m.held_out("pixel_error"),
        relation="at most", form=".4f", reason=OTHER_SLICES,
    ),
    claim(
        "beats-window-warping", S4,
        "That is better than the sliding-window network's warping error, 0.000420.",
        11, "data/runs/isbi2012.json", 0.000420, lambda: m.held_out("warping_error"),
        relation="at most", form=".6f", reason=OTHER_SLICES,
    ),
    claim(
        "beats-window-rand", S4, "And better than its Rand error, 0.0504.",
        11, "data/runs/isbi2012.json", 0.0504, lambda: m.held_out("rand_error"),
        relation="at most", form=".4f", reason=OTHER_SLICES,
    ),
    claim(
        "only-special-better", S4,
        "In Rand error only programs with post-processing made for this data are ahead.",
        11, "book/11_results.ipynb#table-1", ("DIVE-SCI", "IDSIA-SCI"),
        lambda: m.better_than_the_unet("rand_error"),
        reason="The machines ahead in the paper's own Table 1.",
    ),
    closed("78-submissions", f"{S4}, footnote", "The authors of one of them sent in 78 solutions.",
           11, "book/11_results.ipynb#table-1", OTHERS),
    claim(
        "rank", "Section 4, Table 1", "Sorted by warping error, the u-net is first.",
        11, "book/11_results.ipynb#table-1", "u-net", lambda: m.best_in("warping_error"), form="s",
        reason="Among the machines in the table's own numbers.",
    ),
    claim(
        "best-rand", "Section 4, Table 1", "The best Rand error is another's.",
        11, "book/11_results.ipynb#table-1", "IDSIA-SCI", lambda: m.best_in("rand_error"), form="s",
        reason="The same.",
    ),
    claim(
        "best-pixel", "Section 4, Table 1", "And so is the best pixel error.",
        11, "book/11_results.ipynb#table-1", "DIVE", lambda: m.best_in("pixel_error"), form="s",
        reason="The same.",
    ),
    *(
        closed(f"table-1-{name.lower()}", "Section 4, Table 1",
               f"{who}: warping {row['warping_error']:.6f}, Rand {row['rand_error']:.4f}, pixel "
               f"{row['pixel_error']:.4f}.", 11, "book/11_results.ipynb#table-1", OTHERS)
        for name, who, row in (
            (name, "Human values" if name == "human" else name, row)
            for name, row in results.TABLE_1.items() if name != "u-net"
        )
    ),
]

LIGHT = "Section 4, light microscopy"
TRACKING = [
    closed(
        "35-images", LIGHT, "PhC-U373 has 35 training images.",
        2, "book/02_data.ipynb#record", "This book has one of its two sequences; the value is the "
        "frames with gold truth in it.",
        asked=35, measure=lambda: m.data_set("phc-u373")["shape"][0], unit="frames",
    ),
    closed(
        "20-images", LIGHT, "DIC-HeLa has 20 training images.",
        2, "book/02_data.ipynb#record", "This book has one of its two sequences, with silver "
        "truth; the value is its frames.",
        asked=20, measure=lambda: m.data_set("dic-hela")["shape"][0], unit="frames",
    ),
    claim(
        "partially-annotated", LIGHT, "They are annotated in part.",
        2, "book/02_data.ipynb#margin", 1, lambda: m.data_set("phc-u373")["unknown"],
        relation="at least", form=",", unit="pixels unknown",
        reason="Of PhC-U373, in the margin that the challenge leaves open.",
    ),
    claim(
        "u373", f"{LIGHT}, Table 2", "On PhC-U373 the mean IOU, the challenge's SEG, is 0.9203.",
        11, "data/runs/phc-u373.json", 0.9203, lambda: m.seg("phc-u373"), relation="at least",
        form=".4f", reason="Mean over runs of neighboring frames, each by a network trained on "
        "the others, all of one video; the paper's number is from the challenge's test videos.",
    ),
    claim(
        "hela", f"{LIGHT}, Table 2", "On DIC-HeLa it is 0.7756.",
        11, "data/runs/dic-hela.json", 0.7756, lambda: m.seg("dic-hela"), relation="at least",
        form=".4f", reason="On later frames of the same video, and against silver truth, which "
        "programs made.",
    ),
    claim(
        "hela-in-words", LIGHT, "In the text it is 77.5 %.",
        11, "book/11_results.ipynb#table-2", 77.5,
        lambda: 100 * T2["u-net (2015)"]["dic-hela"], tolerance=0.05, form=".2f", unit="%",
        reason="The table's own 0.7756 rounds to 77.6 %.",
    ),
    claim(
        "u373-in-words", LIGHT, "In the text PhC-U373 has 92 %.",
        11, "book/11_results.ipynb#table-2", 92, lambda: 100 * T2["u-net (2015)"]["phc-u373"],
        tolerance=0.5, form=".2f", unit="%", reason="The table's own number.",
    ),
    claim(
        "margin-u373", LIGHT, "The second-best on PhC-U373, at 83 %, is far behind.",
        11, "book/11_results.ipynb#table-2", 0.05, lambda: m.second_best("phc-u373"),
        relation="at least", form=".3f", reason="The lead in the paper's own Table 2; \"far\" is "
        "read as 0.05.",
    ),
    claim(
        "margin-hela", LIGHT, "The second-best on DIC-HeLa, at 46 %, is far behind.",
        11, "book/11_results.ipynb#table-2", 0.05, lambda: m.second_best("dic-hela"),
        relation="at least", form=".3f", reason="The same. It is KTH-SE of 2014, at 0.4607.",
    ),
    *(
        closed(f"table-2-{name.split()[0].lower()}", f"{LIGHT}, Table 2",
               f"{name}: PhC-U373 {row['phc-u373']}, DIC-HeLa {row['dic-hela'] or 'not given'}.",
               11, "book/11_results.ipynb#table-2", OTHERS)
        for name, row in T2.items() if not name.startswith("u-net")
    ),
]

S5 = "Section 5"
CONCLUSION = [
    claim(
        "ten-hours", S5, "Training takes ten hours.",
        11, "data/runs/isbi2012.json", 10, m.hours_a_training, relation="at most", form=".2f",
        unit="h", reason="The longest training of a fold, by the clock, on CPU cores; a smaller "
        "network than the paper's, and a later recipe.",
    ),
    closed("titan", S5, "On one NVIDIA Titan.", 11, "book/11_results.ipynb#budget", TITAN),
    claim(
        "six-gigabytes", S5, "Its 6 GB are enough.",
        9, "tests/test_costs_memory.py::test_the_papers_network_by_hand", 6, m.most_memory,
        relation="at most", form=".1f", unit="GB",
        reason="All maps of a tile of 572 and their gradients, weights, their gradients and the "
        "momentum at once: more than is ever alive, and without what a GPU's kernels take for "
        "themselves.",
    ),
]

NOT_THERE = "Often quoted with the paper, and not in it"
LATER = [
    claim(
        "parameters", NOT_THERE, "The drawing has 31,030,658 parameters (counted here).",
        3, "tests/test_unet.py::test_the_drawing_has_31_030_658_parameters",
        31_030_658, lambda: m.parameters("paper"), form=",",
    ),
    claim(
        "released-parameters", NOT_THERE,
        "The authors' released network has 31,100,354 (counted from ports of it).",
        3, "tests/test_unet.py::test_the_released_code_has_31_100_354_parameters",
        31_100_354, lambda: m.parameters("released"), form=",",
    ),
    claim(
        "12-mod-16", NOT_THERE, "A tile fits if it is 12 (mod 16), from 188 on (derived here).",
        3, "tests/test_sizes.py::test_at_depth_4_a_size_fits_if_it_is_12_mod_16_and_at_least_188",
        0, m.sides_beside_the_rule, unit="sides up to 1000 otherwise",
    ),
    closed(
        "learning-rate", NOT_THERE, "The learning rate and its schedule.",
        9, "tests/test_training.py::test_the_papers_preset_is_the_papers_network_and_recipe",
        "The paper gives none. The value is this book's preset.",
        measure=lambda: m.PAPER.learning_rate,
    ),
    closed(
        "steps", NOT_THERE, "The number of steps.",
        11, "book/11_results.ipynb#budget",
        "The paper gives none. The value is what ten hours of a Titan at half of its 4.5 TFLOP/s "
        "allow, in steps of one tile.",
        measure=m.steps_of_the_titan, form=",.0f", unit="steps",
    ),
    claim(
        "dropout-rate", NOT_THERE, "A dropout rate of 0.5 (from ports of the released code).",
        3, "tests/test_unet.py::test_dropout_is_on_in_training", 0.5, lambda: m.PAPER.dropout,
    ),
    closed(
        "weight-decay", NOT_THERE, "A weight decay.",
        9, "tests/test_training.py::test_the_papers_preset_is_the_papers_network_and_recipe",
        "The paper gives none, and this book's preset has none.",
    ),
    claim(
        "v-rand", NOT_THERE, "V_Rand of 0.97276 (the challenge's board, later).",
        11, "data/runs/isbi2012.json", results.BOARD["v_rand"], lambda: m.held_out("v_rand"),
        relation="at least", form=".5f", reason=OTHER_SLICES,
    ),
    claim(
        "v-info", NOT_THERE, "V_Info of 0.98662 (the challenge's board, later).",
        11, "data/runs/isbi2012.json", results.BOARD["v_info"], lambda: m.held_out("v_info"),
        relation="at least", form=".5f", reason=OTHER_SLICES,
    ),
]

PARTS = {
    "introduction": INTRODUCTION, "network": NETWORK, "training": TRAINING,
    "augmentation": AUGMENTATION, "microscopy": MICROSCOPY, "tracking": TRACKING,
    "conclusion": CONCLUSION, "not there": LATER,
}  # fmt: skip
CLAIMS = tuple(one for part in PARTS.values() for one in part)
