"""Chapter 9: a ball with momentum on a valley's slopes, and the largest rate that it survives."""

from unet_book.explorers.frame import Slider, figure

ALONG = 0.02  # curvature along the valley; across it is 1
STEPS = 300
START = (-1.0, 0.8)  # along, across


def valley(name: str = "valley"):
    """Learning rate and momentum in; the path down a valley, and what becomes of each direction.

    The energy is (0.02 x^2 + y^2) / 2, x along the valley and y across it, and the step is that of
    `torch.optim.SGD`: v = momentum v + gradient, then minus rate times v. In words: whether each
    direction creeps, swings, jumps or runs away, after how many steps what is left is halved, and
    the limit 2 (1 + momentum) / curvature. Returns an `IPython.display.HTML`.
    """
    controls = [
        Slider("exponent", "learning rate", -4, 1, -1.5, 0.05),
        Slider("momentum", "momentum", 0, 0.99, 0, 0.01),
    ]
    alt = (
        "Ellipses of equal energy, seven times as long as wide, and the path of a ball that starts "
        "on the left, high on the slope, and should come to rest in the middle."
    )
    return figure(
        name, "valley.js", controls, alt, {"along": ALONG, "steps": STEPS, "start": START}
    )
