"""How large the signal is in each layer, by the theory of `unet_book.initialization`."""

from IPython.display import HTML

from unet_book.pages.explorers.frame import Choice, Slider, figure

__all__ = ["signal"]

RULES = {
    "paper": "the paper's: 2 / N",
    "miscounted": "2 / N, N as PyTorch counts it",
    "xavier": "Xavier's: 2 / (N + N')",
    "default": "PyTorch's default",
    "unit": "unit variance: 1 / (N m)",
}


def signal(name: str = "signal", base_channels: int = 64) -> HTML:
    """Depth, rule and gain in; the mean square that each convolution puts out, on a log axis.

    The numbers are `initialization.predicted_mean_squares`, for one gray image of unit mean square
    and two classes. The gain multiplies the standard deviation of every weight. The last slider is
    the image's correlation; the rule of unit variance is made for 0.

    Parameters
    ----------
    name : str
        The figure's id on the page.
    base_channels : int
        The network's width.

    Returns
    -------
    IPython.display.HTML
    """
    controls = [
        Choice("rule", "variance", RULES),
        Slider("depth", "depth", 1, 6, 4),
        Slider("gain", "every weight times", 0.5, 1.5, 1, 0.05),
        Slider("alike", "pixels alike", 0, 1, 0, 0.05),
    ]
    alt = (
        "A curve on a logarithmic axis: the mean square of what each layer puts out, from the "
        "first layer to the logits, with a dashed line at one."
    )
    tries = (
        "Set the depth to 6 and let every weight be 0.95 of the rule's: five percent taken off "
        "each weight take nine tenths off the logits."
    )
    return figure(name, "signal.js", controls, alt, tries, {"base": base_channels})
