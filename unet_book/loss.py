"""The energy: softmax and cross-entropy at each pixel, weighted (Section 3, eq. (1)).

The paper prints E = sum of w(x) log p(x), which would be *maximized*; what one minimizes, and what
this module computes, is its negative. Pixels that nobody annotated carry the label -1 and count
for nothing.
"""

import torch
from torch import Tensor

__all__ = ["weighted_cross_entropy"]


def weighted_cross_entropy(
    logits: Tensor,
    target: Tensor,
    weights: Tensor | None = None,
    ignore_index: int = -1,
    normalize: bool = True,
) -> Tensor:
    """E = - sum over pixels of w(x) log p_target(x), a scalar (Section 3, eq. (1)).

    Half-precision logits are summed, and the energy given, in float32.

    Parameters
    ----------
    logits : Tensor, (N, num_classes, H, W), float
        The network's output.
    target : Tensor, (N, H, W), integer
        Each pixel's class in 0 ... num_classes - 1, or `ignore_index`.
    weights : Tensor, (N, H, W), optional
        w(x) >= 0; by default every annotated pixel weighs 1.
    ignore_index : int
        The target of pixels that nobody annotated; they weigh 0.
    normalize : bool
        Divide by the sum of the weights of annotated pixels, so that the energy does not grow with
        the tile (the authors' later code does so; the paper does not say). With False, the sum as
        printed.

    Returns
    -------
    Tensor, scalar
        The energy. Without any annotated weight it is 0, and so is its gradient.

    Raises
    ------
    ValueError
        For shapes that disagree and, on the CPU, for a class that does not exist or a weight that
        is negative or not finite.
    TypeError
        For a target that is not of integer type or logits that are not of float type.
    """
    _check(logits, target, weights, ignore_index)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    target = target.long()  # else -1 would equal the 255 of a uint8
    annotated = target != ignore_index
    w = annotated.to(logits.dtype)
    if weights is not None:
        w = w * weights.to(logits.dtype)
    # It subtracts the largest logit, so that no exponential overflows.
    log_p = logits.log_softmax(dim=1)
    known = target.where(annotated, 0)
    log_p_target = log_p.gather(1, known[:, None])[:, 0]
    energy = -(w * log_p_target).sum()
    if not normalize:
        return energy
    return energy / w.sum().clamp_min(torch.finfo(w.dtype).tiny)


def _check(logits: Tensor, target: Tensor, weights: Tensor | None, ignore_index: int) -> None:
    """The errors of `weighted_cross_entropy`."""
    expected = (*logits.shape[:1], *logits.shape[2:])
    if logits.ndim != 4 or tuple(target.shape) != expected:
        raise ValueError(
            f"logits (N, classes, H, W) and target (N, H, W) disagree: "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if target.is_floating_point() or target.dtype == torch.bool:
        raise TypeError(f"target holds class numbers: an integer type, not {target.dtype}")
    if not logits.is_floating_point():
        raise TypeError(f"logits are of float type, not {logits.dtype}")
    if weights is not None and weights.shape != target.shape:
        raise ValueError(
            f"weights have the target's shape {tuple(target.shape)}, not {tuple(weights.shape)}"
        )
    if logits.device.type != "cpu":
        return  # looking at values would make the GPU wait
    target = target.long()
    wrong = target[(target != ignore_index) & ((target < 0) | (target >= logits.shape[1]))]
    if wrong.numel():
        raise ValueError(
            f"target holds class {wrong[0].item()}, but the logits have classes 0 to "
            f"{logits.shape[1] - 1}, and {ignore_index} for pixels without annotation"
        )
    wrong = () if weights is None else weights[~(torch.isfinite(weights) & (weights >= 0))]
    if len(wrong):
        raise ValueError(f"weights must be finite and not negative, not {wrong[0].item()}")
