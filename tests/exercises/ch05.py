"""Exercise, solution, typical mistakes: chapter 5."""

import math

import torch

from unet_book.loss import weighted_cross_entropy
from unet_book.pages import check


def energy(logits, target, weights):
    largest = logits.amax(dim=1, keepdim=True)
    log_p = logits - largest - (logits - largest).exp().sum(dim=1, keepdim=True).log()
    known = target >= 0
    of_target = log_p.gather(1, target.clamp_min(0)[:, None])[:, 0]
    w = weights * known
    return -(w * of_target).sum() / w.sum().clamp_min(1e-12)


def as_printed(logits, target, weights):
    return -energy(logits, target, weights)


def the_sum(logits, target, weights):
    return weighted_cross_entropy(logits, target, weights, normalize=False)


def over_pixels(logits, target, weights):
    return the_sum(logits, target, weights) / target.numel()


def last_class(logits, target, weights):
    return energy(logits, target % logits.shape[1], weights)


def background(logits, target, weights):
    return energy(logits, target.clamp_min(0), weights)


def all_weights(logits, target, weights):
    return the_sum(logits, target, weights) / weights.sum()


def overflowing(logits, target, weights):
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    w = weights * (target >= 0)
    return -(w * p.log().gather(1, target.clamp_min(0)[:, None])[:, 0]).sum() / w.sum()


def floor_of_one(logits, target, weights):
    total = (weights * (target >= 0)).sum()
    return the_sum(logits, target, weights) / total.clamp_min(1)


def a_bit_more(logits, target, weights):
    total = (weights * (target >= 0)).sum()
    return the_sum(logits, target, weights) / (total + 1e-5)


def without_care_for_nothing(logits, target, weights):
    return the_sum(logits, target, weights) / (weights * (target >= 0)).sum()


EXERCISES = [
    (
        check.double_softmax_floor,
        0.5514,
        [
            {"answer": math.log(1 + 1 / math.e), "hint": "two classes"},
            {"answer": 0, "hint": "One softmax"},
            {"answer": math.log(3), "hint": "equal answers"},
            math.log(1 + 2 * math.e),
            math.log(2 + math.e),
            0.7,
            None,
            "0.55",
        ],
    ),
    (
        check.weighted_energy,
        energy,
        [
            {"answer": as_printed, "hint": "sign"},
            {"answer": the_sum, "hint": "Divide it by the sum"},
            {"answer": last_class, "hint": "last class"},
            {"answer": background, "hint": "background"},
            {"answer": all_weights, "hint": "still in the sum"},
            {"answer": over_pixels, "hint": "number of pixels"},
            {"answer": overflowing, "hint": "largest logit"},
            {"answer": without_care_for_nothing, "hint": "return 0"},
            {"answer": floor_of_one, "hint": "more than 0.01"},
            {"answer": a_bit_more, "hint": "more than 0.01"},
            lambda logits, target, weights: energy(logits, target, torch.ones_like(weights)),
            lambda logits, target, weights: logits.undefined,
            lambda logits, target, weights: logits,
            lambda logits, target, weights: None,
            lambda logits, target, weights: 1.0,
        ],
    ),
    (
        check.half_contour,
        2.44,
        [
            {"answer": 0, "hint": "equal weights"},
            {"answer": 2.30, "hint": "As a share"},
            {"answer": 1 / 9, "hint": "At which distance"},
            {"answer": -2.44, "hint": "Outward is positive"},
            {"answer": 1.22, "hint": "sigma of 2"},
            {"answer": math.log(8), "hint": "log-odds"},
            0.5,
            None,
            "2.44",
        ],
    ),
]
