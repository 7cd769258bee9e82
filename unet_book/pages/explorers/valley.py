"""A ball with momentum in a valley, its largest rate, and the mean of its places."""

import numpy as np
from IPython.display import HTML

from unet_book.pages.explorers.frame import Slider, figure

__all__ = ["valley"]

ALONG = 0.02  # curvature along the valley; across it is 1
STEPS = 300
BODY = """\
<svg class="drawing valley" aria-label="{alt}"></svg>
<svg class="drawing energy" role="img"
 aria-label="The energy at each step, on a logarithmic scale."></svg>"""
START = (-1.0, 0.8)  # along, across
REACH = 1.25  # where it may start at most
NOISE = np.random.default_rng(3).normal(size=(STEPS, 2)).round(3)  # of each step's tile


def valley(name: str = "valley") -> HTML:
    """Learning rate and momentum in; the path down a valley, and what becomes of each direction.

    The energy is (0.02 x^2 + y^2) / 2, x along the valley and y across it, and the step is that of
    `torch.optim.SGD`: v = momentum v + gradient, then minus rate times v, where a tile may add
    noise to the gradient. The mean of the places is that of `training.averaging`. In words: whether
    each direction creeps, swings, jumps or runs away, after how many steps what is left is halved,
    the limit 2 (1 + momentum) / curvature, and how much energy the ball and the mean have in the
    end. The ball's start is dragged.

    Parameters
    ----------
    name : str
        The figure's id on the page.

    Returns
    -------
    IPython.display.HTML
    """
    controls = [
        Slider("x", "", -REACH, REACH, START[0], 0.05, seen=False),
        Slider("y", "", -REACH, REACH, START[1], 0.05, seen=False),
        Slider("exponent", "learning rate", -4, 1, -1.5, 0.05),
        Slider("momentum", "momentum", 0, 0.99, 0, 0.01),
        Slider("noise", "noise of a tile", 0, 1, 0, 0.05),
        Slider("average", "average of the weights", 0, 0.99, 0, 0.01),
    ]
    alt = (
        "Ellipses of equal energy, seven times as long as wide, and the path of a ball that starts "
        "on the left, high on the slope, and should come to rest in the middle. With noise it "
        "walks about there, and the mean of its places, in orange, hardly does."
    )
    tries = (
        "Set the momentum to 0.9 and raise the rate until the ball runs away: that is just above "
        "2 (1 + 0.9) = 3.8, nearly twice what it is without momentum."
    )
    data = {"along": ALONG, "steps": STEPS, "noise": NOISE.tolist()}
    return figure(name, "valley.js", controls, alt, tries, data, BODY)
