"""The exercises' answers, checked: right, or wrong with a hint that says where to look.

Each function compares an answer with the package, or with inputs that the page does not show. A
chapter's checks are in the module with its name; what they share is in `verdict`.
"""

from unet_book.pages.check.architecture import largest_answer, up_convolution, zeros_reach
from unet_book.pages.check.before_you_start import output_of_572
from unet_book.pages.check.data import honest_square, independent_pixels, touching_cells
from unet_book.pages.check.elastic import between_four_vectors, folding_sigma, nearest_labels
from unet_book.pages.check.energy import double_softmax_floor, half_contour, weighted_energy
from unet_book.pages.check.initialization import fan_in, up_convolution_std, without_maximum
from unet_book.pages.check.measuring import dearest_pixel, merged_cells, wall_through_cell
from unet_book.pages.check.overlap_tile import exact_tiles, mirrored_window, unanimous
from unet_book.pages.check.own_images import honest_rule, large_enough, one_merger
from unet_book.pages.check.results import honest_score, surely_gained, wider_interval
from unet_book.pages.check.training import heavy_ball, momentum_limit, tiles_at_once
from unet_book.pages.check.verdict import Verdict
from unet_book.pages.check.weight_map import half_in_gaps, two_nearest_in_row, widest_gap
from unet_book.pages.check.what_unet_answers import exact_shifts, majority_error, window_ratio

__all__ = [
    "Verdict",
    "output_of_572",
    "window_ratio",
    "majority_error",
    "exact_shifts",
    "independent_pixels",
    "touching_cells",
    "honest_square",
    "largest_answer",
    "up_convolution",
    "zeros_reach",
    "up_convolution_std",
    "fan_in",
    "without_maximum",
    "double_softmax_floor",
    "weighted_energy",
    "half_contour",
    "exact_tiles",
    "mirrored_window",
    "unanimous",
    "wall_through_cell",
    "merged_cells",
    "dearest_pixel",
    "between_four_vectors",
    "nearest_labels",
    "folding_sigma",
    "widest_gap",
    "two_nearest_in_row",
    "half_in_gaps",
    "momentum_limit",
    "heavy_ball",
    "tiles_at_once",
    "wider_interval",
    "honest_score",
    "surely_gained",
    "one_merger",
    "large_enough",
    "honest_rule",
]
