"""Remedies that DB-VAE is measured against: labelled ceilings, and just train twice, which needs no labels.

Sources: group DRO, Sagawa, Koh, Hashimoto and Liang, "Distributionally Robust Neural Networks for Group Shifts", ICLR
2020, Algorithm 1; just train twice, Liu et al., "Just Train Twice: Improving Group Robustness without Training Group
Information", ICML 2021. Both keep our batches' halves of faces and non-faces, so that arms differ in one thing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from facebias.training.ranks import ALONE, World

CELLS = ("skin_tone", "gender")  # the labels that labelled remedies use
MOST = 20.0  # a cell of three faces is not drawn until those three are known by heart


def face_groups(table: pd.DataFrame) -> np.ndarray:
    """The cell of skin tone x gender of each row (N,), from 0; faces of unknown tone or gender have cells too."""
    cells: np.ndarray = table.groupby(list(CELLS), sort=True, dropna=False).ngroup().to_numpy()
    return cells


def balanced_probabilities(cells: np.ndarray, most: float = MOST) -> np.ndarray:
    """Every cell drawn alike, no face more than `most` times as often as by uniform sampling.

    Args:
        cells: (N,) cell of each face.
        most: the cap, times 1 / N; what it takes from small cells goes to all in proportion.

    Returns:
        float64 (N,), positive, summing to 1.
    """
    weight: np.ndarray = 1 / np.bincount(cells)[cells]
    weight = np.minimum(weight / weight.sum(), most / len(cells))
    weight /= weight.sum()
    return weight


def twice_probabilities(wrong: np.ndarray, weight: float) -> np.ndarray:
    """Just train twice: images that the first training got wrong (N,) bool are drawn `weight` times as often."""
    times = np.where(wrong, weight, 1.0)
    times /= times.sum()
    return times


class GroupDRO:
    """Weights of the groups of faces, raised by exponentiated gradient ascent where the loss is high.

    Non-faces keep half of the loss: they belong to no group, and sharing the weights with them would let the face
    groups take the loss of the other class.

    Attributes:
        weights: (groups,) summing to 1.
    """

    def __init__(self, groups: int, step: float) -> None:
        self.step = step
        self.weights = torch.full((groups,), 1 / groups)

    def loss(self, losses: Tensor, groups: Tensor, world: World = ALONE) -> Tensor:
        """Half the mean loss of non-faces plus half the weighted loss of groups; updates the weights first.

        Args:
            losses: (B,) of the images of a batch.
            groups: (B,) group of each face, -1 for a non-face, on the CPU.
            world: whose ranks hold the other images of the batch. Each returns its part of the loss over its share of
                the images, as a mean over its own images would be: weighted by that share the parts add up.
        """
        face = groups >= 0
        counted, others = (
            world.total(torch.bincount(groups[face], minlength=len(self.weights))),
            world.total((~face).sum()),
        )
        share = float((counted.sum() + others) / len(losses))
        # What needs no answer of a GPU is worked out here, and sent
        of_faces, of_others, group, count = (
            part.to(losses.device, non_blocking=True)
            for part in (*(which.nonzero().flatten() for which in (face, ~face)), groups[face], counted.clamp(min=1))
        )
        sums = torch.zeros(len(self.weights), device=losses.device, dtype=losses.dtype)
        sums = sums.index_add(0, group, losses[of_faces])
        means = world.total(sums.detach()) / count
        raised = self.weights.to(losses.device) * torch.exp(self.step * means)
        self.weights = raised / raised.sum()
        of_groups = (self.weights.to(losses) * (sums / count)).sum()
        loss: Tensor = 0.5 * (losses[of_others].sum() / max(1, int(others)) + of_groups)
        return loss * share
