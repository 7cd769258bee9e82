"""The three public data sets of the paper: ISBI 2012, PhC-U373 and DIC-HeLa."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unet_book.datasets.download import ORIGINS, fetch, isbi_array
from unet_book.datasets.files import read_image, read_labels
from unet_book.datasets.masks import instances
from unet_book.datasets.splits import cut, train_count

if TYPE_CHECKING:
    from unet_book.datasets.stack import Stack

__all__ = ["load_isbi2012", "load_ctc"]

# The Cell Tracking Challenge leaves out cells that lie wholly within this many pixels of the edge
# (its "field of interest"; 50 px for both sets used here). All 110 cells of PhC-U373, sequence 02,
# and all 1,054 of DIC-HeLa, sequence 01, do reach further in. So what is unlabeled within the
# margin is unknown, not background.
CTC_MARGIN = 50

# The truth that covers more cells: the challenge's gold truth is good in outline but marks few
# cells, its silver truth the other way round. For U373 silver was not at hand to compare.
CTC = {"phc-u373": "gold", "dic-hela": "silver"}


def load_isbi2012(split: str) -> Stack:
    """The electron-microscopy stack of the ISBI 2012 challenge (Section 4).

    Parameters
    ----------
    split : {"train", "test", "all", "challenge"}
        Which part; the labels of the challenge's test slices are unknown, -1.

    Returns
    -------
    Stack

    Raises
    ------
    ValueError
        If a file's pixels are not the challenge's.
    OSError
        If the set can be neither found nor downloaded.
    """
    folder = fetch("isbi2012")
    from unet_book.datasets.stack import Stack  # and torch: what is missing was told before

    source = ORIGINS["isbi2012"].source
    if split == "challenge":
        images = isbi_array(folder, "test-volume") / np.float32(255)
        return Stack("isbi2012", images, np.full(images.shape, -1), source)
    images = isbi_array(folder, "train-volume") / np.float32(255)
    cells = isbi_array(folder, "train-labels") == 255
    labels = np.stack([instances(white) for white in cells])
    return cut(Stack("isbi2012", images, labels, source), split)


def load_ctc(name: str, split: str, truth: str | None) -> Stack:
    """The annotated frames of a set of the Cell Tracking Challenge (Section 4).

    Each sequence is cut in time.

    Parameters
    ----------
    name : {"phc-u373", "dic-hela"}
        Which set.
    split : {"train", "test", "all"}
        Which part.
    truth : {"gold", "silver"} or None
        Which truth; None is that of `CTC`, or the one that is there.

    Returns
    -------
    Stack

    Raises
    ------
    ValueError
        For another truth, or too few frames for the split.
    OSError
        If the set, or that truth, can be neither found nor downloaded.
    """
    folder = fetch(name)
    frames = _ctc_frames(folder, _ctc_truth(folder, truth, CTC[name]))
    chosen = []
    for sequence in frames:
        n = train_count(len(sequence))
        chosen += {"train": sequence[:n], "test": sequence[n:], "all": sequence}[split]
    if not chosen:
        raise ValueError(f"{folder}: too few annotated frames for split={split!r}; use 'all'")
    images = [read_image(image) for image, _ in chosen]
    labels = [_unknown_margin(read_labels(mask)) for _, mask in chosen]
    names = [f"{image.parent.name}-{image.stem}" for image, _ in chosen]
    from unet_book.datasets.stack import Stack

    return Stack(name, images, labels, ORIGINS[name].source, names)


def _ctc_truth(folder: Path, truth: str | None, preferred: str) -> str:
    """The suffix of the truth's folders, "GT" or "ST"."""
    suffixes = {"gold": "GT", "silver": "ST"}
    if truth is not None and truth not in suffixes:
        raise ValueError(f"truth={truth!r}: give 'gold', 'silver' or None")
    there = [
        kind
        for kind, end in suffixes.items()
        if any(Path(folder).glob(f"[0-9]*_{end}/SEG/man_seg*.tif"))
    ]
    wanted = truth or (preferred if preferred in there else "".join(there))
    if wanted not in there:
        raise FileNotFoundError(
            f"{folder}: no {truth or 'gold or silver'} truth here; expected files like "
            f"01_{suffixes.get(truth, 'GT')}/SEG/man_seg000.tif"
        )
    return suffixes[wanted]


def _ctc_frames(folder: Path, suffix: str) -> list[list[tuple[Path, Path]]]:
    """For each sequence a list of (image path, mask path), in time."""
    frames = []
    for annotated in sorted(Path(folder).glob(f"[0-9]*_{suffix}")):
        sequence = annotated.with_name(annotated.name.removesuffix(f"_{suffix}"))
        masks = sorted((annotated / "SEG").glob("man_seg*.tif"))
        pairs = [(sequence / f"t{mask.stem.removeprefix('man_seg')}.tif", mask) for mask in masks]
        for image, mask in pairs:
            if not image.is_file():
                raise FileNotFoundError(f"{mask}: its image {image} is missing")
        frames.append(pairs)
    return frames


def _unknown_margin(labels: np.ndarray) -> np.ndarray:
    """Background within `CTC_MARGIN` px of the edge becomes -1; cells stay."""
    margin = np.ones(labels.shape[-2:], dtype=bool)
    margin[CTC_MARGIN:-CTC_MARGIN, CTC_MARGIN:-CTC_MARGIN] = False
    return np.where(margin & (labels == 0), -1, labels)
