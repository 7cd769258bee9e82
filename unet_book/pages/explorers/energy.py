"""One pixel of the energy: its logits in, its loss and gradient out."""

from IPython.display import HTML

from unet_book.pages.explorers.frame import Choice, Slider, figure

__all__ = ["pixel_energy"]

BODY = """\
<svg class="drawing loss" aria-label="{alt}"></svg>
<svg class="drawing pulls"
 aria-label="The two logits, with arrows as long as one step downhill moves them."></svg>"""


def pixel_energy(name: str = "pixel-energy") -> HTML:
    """What one pixel costs, -w log p of its true class, and how it pulls at its logits.

    The logits of *background* and *cell* are dragged, and so is the place on the loss; sliders for
    them too, for a number added to both, and for the weight; a choice of the true class. Drawn are
    the loss against the margin, the true class's logit minus the other's, with its tangent, and the
    logits with arrows as long as the step that gradient descent with a learning rate of 1 makes
    (eq. (1) of the paper, with a minus sign).

    Parameters
    ----------
    name : str
        The figure's id on the page.

    Returns
    -------
    IPython.display.HTML
    """
    controls = [
        Slider("background", "background's logit", -3, 3, 1, 0.25),
        Slider("cell", "cell's logit", -3, 3, -1, 0.25),
        Slider("both", "added to both", -3, 3, 0, 0.25),
        Slider("weight", "weight w", 0, 3, 2, 0.25),
        Choice("truth", "the pixel is", {"1": "cell", "0": "background"}),
    ]
    alt = (
        "The loss of one pixel against its margin, falling from a straight slope on the left to "
        "zero on the right, with the tangent at the chosen margin."
    )
    tries = (
        "Drag the point far to the left: the network is sure and wrong, and no arrow gets longer "
        "than w. Then move what is added to both: the logits travel, and the loss stays."
    )
    return figure(name, "energy.js", controls, alt, tries, body=BODY)
