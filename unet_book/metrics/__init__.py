"""How far a prediction is from the truth, as the paper's two challenges measured it.

Each function takes the truth first and the prediction second, of one shape, and returns a float.
Pixels that the truth marks -1 (not annotated) count for nothing. Where segments matter, and not
classes, an array of bool is a mask whose 4-connected parts are its segments, and an array of
integers holds the numbers of the segments, 0 outside all of them. So a mask that was read from a
file, 0 and 255, is one segment in all its parts, and to join them costs nothing: compare it with 0
first, `mask > 0`. Where segments matter a single number in several parts is met with a UserWarning.

A stack is scored slice by slice; that a number is the same in two slices means nothing. Where the
images differ in size it is a list of arrays (H, W).
"""

from unet_book.metrics.cells import seg
from unet_book.metrics.challenge import THRESHOLDS as THRESHOLDS
from unet_book.metrics.challenge import challenge_scores
from unet_book.metrics.matching import (
    Matches,
    Mistakes,
    Outcomes,
    average_precision,
    cell_mistakes,
    cell_outcomes,
    f1,
    matches,
)
from unet_book.metrics.overlaps import contingency, overlap_table
from unet_book.metrics.pixels import f_error, iou, majority_error, pixel_error
from unet_book.metrics.rand import rand_error, v_info, v_rand
from unet_book.metrics.thinning import thin
from unet_book.metrics.warping import is_simple, mistake_kinds, warp, warping_error

__all__ = [
    "pixel_error",
    "majority_error",
    "f_error",
    "iou",
    "seg",
    "Matches",
    "Mistakes",
    "Outcomes",
    "matches",
    "f1",
    "average_precision",
    "cell_mistakes",
    "cell_outcomes",
    "overlap_table",
    "contingency",
    "rand_error",
    "v_rand",
    "v_info",
    "thin",
    "is_simple",
    "warp",
    "mistake_kinds",
    "warping_error",
    "challenge_scores",
]
