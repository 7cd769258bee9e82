"""Exercises of the chapter "The architecture"."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from unet_book.pages.check.verdict import Verdict, as_array, attempt, number, right, wrong
from unet_book.sizes import input_window

__all__ = ["largest_answer", "up_convolution", "zeros_reach"]


def largest_answer(answer: float) -> Verdict:
    """The answer of the largest tile that fits into an image of 1024 pixels.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    return number(
        answer,
        836,
        "1020 is 12 (mod 16), and 1020 - 184 = 836.",
        {
            1024 - 184: "That is what a tile of 1024 pixels would give. Is 1024 = 12 (mod 16)?",
            1036 - 184: "1036 fits the network, but not into the image.",
            1020: "Right tile. How much of it is answered?",
            1020 - 92: "The border is lost on both sides.",
            1008 - 184: "1008 is a multiple of 16. Tiles that fit are 12 more, or 4 less.",
        },
        "Find the largest n up to 1024 with n = 12 (mod 16), and take 184 from it.",
    )


def up_convolution(function: Callable) -> Verdict:
    """An up-convolution (C, H, W) -> (O, 2H, 2W) out of one matrix product.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    generator = torch.Generator().manual_seed(1505_04597)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    for name, (c, o, h, w) in {
        "one channel": (1, 1, 2, 2),
        "three channels to two": (3, 2, 3, 3),
        "two channels to three on 3 x 4 pixels": (2, 3, 3, 4),
    }.items():
        image, weight, bias = random(c, h, w), random(c, o, 2, 2), random(o)
        returned, failure = attempt(function, image.clone(), weight.clone(), bias.clone(), on=name)
        if failure is not None:
            return failure
        correct = F.conv_transpose2d(image[None], weight, bias, stride=2)[0]
        if returned is None:
            return wrong("The function returned nothing. Is there a `return`?")
        array = as_array(returned)
        if array is None:
            return wrong("Return a tensor with numbers in it, not another kind of thing.")
        answer = torch.tensor(array, dtype=torch.float64)
        if answer.shape != correct.shape:
            return wrong(
                f"On {name}, {tuple(image.shape)} should become {tuple(correct.shape)}, "
                f"not {tuple(answer.shape)}."
            )
        if not torch.allclose(answer, correct, rtol=0, atol=1e-6):
            return wrong(_what_is_wrong(answer, image, weight, bias, correct, name))
    return right("One product of matrices and a change of order: that is all an up-convolution is.")


def _what_is_wrong(
    answer: Tensor, image: Tensor, weight: Tensor, bias: Tensor, correct: Tensor, name: str
) -> str:
    """The hint for an up-convolution of the right shape with wrong values."""

    def same(other: Tensor) -> bool:
        return other.shape == answer.shape and torch.allclose(answer, other, rtol=0, atol=1e-6)

    bare = bias[:, None, None]
    if same(correct - bare):
        return f"On {name} the bias is missing: each output channel has one."
    if same(F.conv_transpose2d(image[None], weight.flip(-1, -2), bias, stride=2)[0]):
        return "The squares are painted upside down: out(2y + i, 2x + j) takes weight (i, j)."
    if same(F.conv_transpose2d(image[None], weight.transpose(-1, -2), bias, stride=2)[0]):
        return "Rows and columns of each square are exchanged: i belongs to y, and j to x."
    squares = torch.einsum("chw,coij->ohwij", image, weight)
    if same(squares.reshape(correct.shape) + bare):
        return (
            "The right numbers in the wrong places. A reshape joins axes that stand side by side: "
            "which axis must stand behind H, and which behind W?"
        )
    return f"Wrong values on {name}. Try one by hand: out(0, 0) = b + sum of W(0, 0) in(0, 0)."


def zeros_reach(answer: float) -> Verdict:
    """The share of a padded network's answer, 512 x 512, that zeros can reach.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    windows = [input_window(pixel, pixel, 4, "same") for pixel in range(512)]
    safe = sum(first >= 0 and last < 512 for first, last in windows) / 512
    return number(
        answer,
        1 - safe**2,
        f"Only {512 * safe:.0f} x {512 * safe:.0f} pixels in the middle see nothing but the image.",
        {
            1 - (328 / 512) ** 2: "That takes 92 pixels from each side, as valid convolutions "
            "would. But a window is 188 or 204 pixels wide, and not all reach equally far to both "
            'sides: ask input_window(pixel, pixel, 4, "same").',
            safe**2: "That is the share that zeros can not reach.",
            1 - safe: "That is the share along one axis. A pixel is touched if it is near an edge "
            "in either.",
            100 * (1 - safe**2): "That is a percentage; give a share between 0 and 1.",
        },
        "For each of the 512 positions along one axis, see whether its window leaves the image.",
        tolerance=1e-3,
    )
