"""Before you start."""

from unet_book.pages.check.verdict import Verdict, number

__all__ = ["output_of_572"]


def output_of_572(answer: float) -> Verdict:
    """Before you start: the output of the paper's tile.

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
        388,
        "572 - 2 x 92 = 388, the size that Fig. 1 of the paper ends with.",
        {
            572 - 92: "The border is lost on both sides.",
            2 * 92: "That is what is lost. How much is left?",
        },
        "Take the border from each side of the tile.",
    )
