"""What mistakes with pixels do to the numbers: another order or range of values, turned pictures, squashed pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy.stats import spearmanr
from torch import Tensor

from facebias.analyses.mistakes.tables import beside
from facebias.analyses.mistakes.training import Trained
from facebias.core.csv import read_csv
from facebias.core.folder_sets import BOX
from facebias.core.words import IMAGE_SIZE
from facebias.data.pixels import square
from facebias.data.rendering.pictures import HEIGHT, WIDTH, render_pictures
from facebias.data.sources.base import Box
from facebias.detectors.inference import as_input, inference, logits
from facebias.training.resampling import sampling_probabilities

_LIKELIEST = 0.1  # share of the faces whose choice is compared


def input_table(trained: Trained) -> pd.DataFrame:
    """Mistake 4: whom resampling picks when latents come from BGR, or from 0..255; the network learned RGB in 0..1."""
    rgb = as_input(trained.lesson.train.tensor()[trained.lesson.train.faces])
    right, bgr, whole = (_probabilities(trained, images) for images in (rgb, rgb.flip(1), 255 * rgb))
    rows = {}
    for name, wrong in (("BGR", bgr), ("0..255", whole)):
        rows[f"{name}: rank correlation with right weights"] = (1.0, float(spearmanr(right, wrong).statistic))
        rows[f"{name}: likeliest tenth, still among them, %"] = (100.0, 100 * _kept(right, wrong))
    return beside(4, rows)


def _probabilities(trained: Trained, images: Tensor) -> np.ndarray:
    with inference(trained.model):
        mu = trained.model.encode(images).mu.numpy()
    return sampling_probabilities(mu, trained.lesson.config.alpha, trained.lesson.config.bins)


def _kept(right: np.ndarray, wrong: np.ndarray) -> float:
    count = max(1, int(_LIKELIEST * len(right)))
    return len(set(np.argsort(right)[-count:]) & set(np.argsort(wrong)[-count:])) / count


def whole_pictures(count: int, seed: int) -> tuple[list[Image.Image], list[Box]]:
    """So many rendered pictures with a face in each, upright RGB, and where the faces are."""
    with tempfile.TemporaryDirectory() as folder:
        labels = render_pictures(Path(folder), count, seed)
        table = read_csv(labels, BOX)
        pictures = [Image.open(labels.parent / name).convert("RGB") for name in table["file"]]
    return pictures, [Box(*map(float, place)) for place in table[list(BOX)].to_numpy()]


def pixel_table(trained: Trained, pictures: Sequence[Image.Image], boxes: Sequence[Box]) -> pd.DataFrame:
    """Mistake 6, the pixels: recall of faces whose height and width are swapped, or that were resized without a filter.

    Args:
        trained: the right training; its threshold is the one at a matched false positive rate.
        pictures, boxes: of `whole_pictures`, whose faces are cut out and resized.
    """
    cut = [square(picture, box, IMAGE_SIZE) for picture, box in zip(pictures, boxes, strict=True)]
    nearest = [_nearest(picture, box) for picture, box in zip(pictures, boxes, strict=True)]
    upright = trained.lesson.audit.tensor()
    return beside(
        6,
        {
            "height and width swapped: recall, %": (_recall(trained, upright), _recall(trained, upright.mT)),
            "resized by nearest neighbour: recall, %": (
                _recall(trained, _stack(cut)),
                _recall(trained, _stack(nearest)),
            ),
        },
    )


def _nearest(picture: Image.Image, box: Box) -> np.ndarray:
    place = (box.left, box.top, box.left + box.side, box.top + box.side)
    return np.asarray(picture.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.NEAREST, box=place))


def _stack(images: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def _recall(trained: Trained, faces: Tensor) -> float:
    return 100 * float((logits(trained.model, faces).numpy() >= trained.limits[-1]).mean())


def squash_table(trained: Trained, pictures: Sequence[Image.Image], boxes: Sequence[Box]) -> pd.DataFrame:
    """Mistake 10: the window at a face in a whole picture, and in the same picture squashed to 64 x 64 pixels first.

    Args:
        trained: the right training; its threshold is the one at a matched false positive rate.
        pictures, boxes: of `whole_pictures`.
    """
    whole = [square(picture, box, IMAGE_SIZE) for picture, box in zip(pictures, boxes, strict=True)]
    squashed = [_squashed(picture, box) for picture, box in zip(pictures, boxes, strict=True)]
    side = float(np.median([box.side for box in boxes]))
    return beside(
        10,
        {
            "faces found, %": (_recall(trained, _stack(whole)), _recall(trained, _stack(squashed))),
            "width of a face over its height": (1.0, HEIGHT / WIDTH),
            "pixels across a face, median": (side, side * IMAGE_SIZE / WIDTH),
        },
    )


def _squashed(picture: Image.Image, box: Box) -> np.ndarray:
    """The window, as high as the face, around it in the squashed picture."""
    small = picture.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.LANCZOS)
    across, down = IMAGE_SIZE / picture.width, IMAGE_SIZE / picture.height
    side = box.side * down
    left = min(max((box.left + box.side / 2) * across - side / 2, 0), IMAGE_SIZE - side)
    return square(small, Box(left, box.top * down, side), IMAGE_SIZE)
