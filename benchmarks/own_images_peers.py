"""Other ways to the cells of one's own images: a random forest on pixels, and MONAI's network.

Each is written as a careful user of its library would. The forest has what ilastik offers its
forest: smoothed gray values, gradients, the Laplacian and the Hessian's eigenvalues at several
scales. The network follows MONAI's tutorial on segmentation of 2D images, with three classes as the
best entries of the Data Science Bowl had them: background, the inside of cells, and their borders.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import product

import numpy as np
import torch
from scipy import ndimage
from skimage.feature import hessian_matrix, hessian_matrix_eigvals
from skimage.morphology import remove_small_objects

from unet_book import datasets, instances
from unet_book.datasets import Stack
from unet_book.instances import fill_holes, flood
from unet_book.training import Engine

SIGMAS = (0.7, 1.0, 1.6, 3.5, 5.0, 10.0)  # ilastik's
PIXELS = 4000  # that each image gives to the forest
TREES = 100
CROP, BATCH = 128, 8
LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7)
CORES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


# ---- the forest


def features(image: np.ndarray) -> np.ndarray:
    """Five numbers a pixel and scale: (pixels, 1 + 5 scales), float32."""
    maps = [image]
    for sigma in SIGMAS:
        second = hessian_matrix(image, sigma, mode="mirror", use_gaussian_derivatives=False)
        maps += [
            ndimage.gaussian_filter(image, sigma, mode="mirror"),
            ndimage.gaussian_gradient_magnitude(image, sigma, mode="mirror"),
            ndimage.gaussian_laplace(image, sigma, mode="mirror"),
            *hessian_matrix_eigvals(second),
        ]
    return np.stack([values.ravel() for values in maps], 1).astype(np.float32)


def forest(learn: Stack, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """A forest that has learned from some pixels of each image; gives probabilities (H, W)."""
    from sklearn.ensemble import RandomForestClassifier

    random, seen, classes = np.random.default_rng(seed), [], []
    for image, cells in zip(learn.images, learn.labels):
        known = np.flatnonzero(cells.ravel() >= 0)
        some = random.choice(known, min(PIXELS, known.size), replace=False)
        seen.append(features(image)[some])
        classes.append(cells.ravel()[some] > 0)
    trees = RandomForestClassifier(TREES, min_samples_leaf=5, random_state=seed)
    trees.fit(np.concatenate(seen), np.concatenate(classes))

    def answer(image: np.ndarray) -> np.ndarray:
        return trees.predict_proba(features(image))[:, 1].reshape(image.shape)

    return answer


# ---- the network


def three_classes(cells: np.ndarray) -> np.ndarray:
    """0 background, 1 inside, 2 border: the two outermost pixels of each cell; -1 as it is."""
    largest = ndimage.maximum_filter(cells, 5)
    inside = (cells > 0) & (ndimage.minimum_filter(cells, 5) == cells) & (largest == cells)
    return np.where(cells > 0, np.where(inside, 1, 2), np.minimum(cells, 0))


class Monai:
    """MONAI's `UNet` in training.

    Crops of 128 px around cells and around background, mirrored, turned and changed in contrast;
    Dice and cross-entropy; Adam; bf16 where this package takes it.
    """

    def __init__(self, learn: Stack, seed: int) -> None:
        from monai.losses import DiceCELoss
        from monai.networks.nets import UNet
        from monai.utils import set_determinism

        set_determinism(seed)
        self.network = UNet(2, 1, 3, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2)
        self.optimizer = torch.optim.Adam(self.network.parameters(), 1e-3)
        self.loss_of = DiceCELoss(include_background=True, to_onehot_y=True, softmax=True)
        self.draw, self.random = _crops(), np.random.default_rng(seed)
        self.engine = Engine().settled("cpu", 16)
        self.items = [
            {"image": image[None], "classes": three_classes(cells)[None]}
            for image, cells in zip(learn.images, learn.labels)
        ]

    def step(self, rate: float) -> None:
        """A step at this learning rate, on two crops of each of four images."""
        from monai.data import list_data_collate

        for group in self.optimizer.param_groups:
            group["lr"] = rate
        picked = self.random.choice(len(self.items), BATCH // 2)
        batch = list_data_collate([crop for i in picked for crop in self.draw(self.items[i])])
        self.optimizer.zero_grad(set_to_none=True)
        with self.engine.autocast("cpu"):
            logits = self.network(batch["image"].as_tensor())
        self.loss_of(logits.float(), batch["classes"].as_tensor().clamp_min(0)).backward()
        self.optimizer.step()


def trained(monai: Monai, steps: int) -> Callable[[np.ndarray], np.ndarray]:
    """The network after so many steps, whose rate falls along a cosine; gives (3, H, W)."""
    from monai.inferers import sliding_window_inference

    for step in range(steps):
        monai.step(1e-3 * 0.5 * (1 + np.cos(np.pi * step / steps)))
    network = monai.network.eval()

    @torch.no_grad()
    def answer(image: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(image)[None, None]
        logits = sliding_window_inference(pixels, (256, 256), 4, network, overlap=0.25)
        return logits.softmax(1)[0].numpy()

    return answer


def _crops() -> Callable[[dict], list[dict]]:
    """Two crops of an image, one around a cell's pixel and one around the background's."""
    from monai import transforms as t

    both = ["image", "classes"]
    return t.Compose(
        [
            t.SpatialPadd(both, (CROP, CROP), mode="reflect"),
            t.RandCropByPosNegLabeld(both, "classes", (CROP, CROP), pos=1, neg=1, num_samples=2),
            t.RandFlipd(both, prob=0.5, spatial_axis=0),
            t.RandRotate90d(both, prob=0.75, max_k=3),
            t.RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5)),
            t.RandGaussianNoised("image", prob=0.2, std=0.02),
        ]
    )


def cells_of(probabilities: np.ndarray, threshold: float, core: float, smallest: int) -> np.ndarray:
    """Cells from the probabilities of three classes: cores of the inside, and a watershed."""
    cell = probabilities[1] + probabilities[2]
    cells = datasets.instances(probabilities[1] > core)
    flood(cells, np.where((cell > threshold) | (cells > 0), cell, -1).astype(np.float64))
    fill_holes(cells)
    return remove_small_objects(cells, max_size=smallest - 1) if smallest > 1 else cells


def choose_levels(
    probabilities: Sequence[np.ndarray], truth: Sequence[np.ndarray], known: Iterable[np.ndarray]
) -> tuple[float, float, int]:
    """Threshold, core and smallest size with the best score, as this package chooses its rule."""

    def score(levels: tuple[float, float, int]) -> float:
        return instances.score(truth, [cells_of(image, *levels) for image in probabilities])

    return max(product(LEVELS, CORES, instances.sizes_to_try(known)), key=score)
