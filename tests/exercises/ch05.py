"""Exercise, solution, typical mistakes: chapter 5."""

import math

import torch

from unet_book import check
from unet_book.loss import weighted_cross_entropy


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


def without_care_for_nothing(logits, target, weights):
    return the_sum(logits, target, weights) / (weights * (target >= 0)).sum()


EXERCISES = [
    (
        check.double_softmax_floor,
        0.5514,
        [math.log(1 + 1 / math.e), 0, math.log(3), math.log(1 + 2 * math.e), math.log(2 + math.e),
         0.7, None, "0.55"],
    ),
    (
        check.weighted_energy,
        energy,
        [
            as_printed, the_sum, last_class, background, all_weights, over_pixels, overflowing,
            without_care_for_nothing,
            lambda logits, target, weights: energy(logits, target, torch.ones_like(weights)),
            lambda logits, target, weights: logits.undefined,
            lambda logits, target, weights: logits,
            lambda logits, target, weights: None,
            lambda logits, target, weights: 1.0,
        ],
    ),
    (check.half_contour, 0.1111, [1 / 8, 8 / 9, 0.5, 1 / 16, 0.3, None, "1/9"]),
]  # fmt: skip
