"""How many of the pixels that one takes are news."""

from IPython.display import HTML

from unet_book.pages.explorers.frame import Choice, Slider, figure

__all__ = ["spaced_samples"]

BODY = (
    '<svg class="drawing correlation" aria-label="{alt}"></svg>'
    '<svg class="drawing counts" role="img" aria-label="Pixels taken, and the independent pixels '
    'that they are worth, against the step; both on a logarithmic scale."></svg>'
)


def spaced_samples(sets: dict[str, dict], name: str = "spaced-samples") -> HTML:
    """A data set and a step in; how many pixels a raster of that step takes, and their worth, out.

    The worth is what `survey.correlation_area` says, summed over the raster instead of over all
    pixels: pixels taken, over the sum of the classes' correlation at all offsets of the raster, as
    far as it stays above 0; to two digits, and as if the images were independent of each other.

    Parameters
    ----------
    sets : dict of str to dict
        A name to numbers as `survey.describe` gives them; used are "pixels", "class_correlation"
        and "gray_correlation".
    name : str
        The figure's id on the page.

    Returns
    -------
    IPython.display.HTML
    """
    data = {
        key: [numbers["pixels"], numbers["class_correlation"], numbers["gray_correlation"]]
        for key, numbers in sets.items()
    }
    reach = min(len(numbers["class_correlation"]) for numbers in sets.values()) - 1
    controls = [
        Choice("set", "data set", {key: key for key in sets}),
        Slider("step", "one pixel every", 1, reach, 1, 1, " px"),
    ]
    alt = (
        "The correlation of class and of gray value of two pixels against their distance: it falls "
        "from 1 to nearly 0 within a few dozen pixels."
    )
    tries = (
        "Go from every pixel to one every 10 px: a hundredth of the work, and worth nearly as "
        "much. From which step on is each pixel that is left out a loss?"
    )
    return figure(name, "samples.js", controls, alt, tries, data, BODY)
