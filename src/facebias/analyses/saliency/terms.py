"""Signed sums of FullGrad's terms per group: how many logits the input and each layer's biases give to a group's score.

Terms of one face add up to its logit, so means over a group add up to its mean logit. Unlike maps they keep sign and
magnitude, and hold the layers that no map can show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.analyses.saliency.maps import REPLICATES, bootstrap_means, interval, row_of, stack_groups

TOTAL = "logit"


@dataclass(frozen=True)
class TermStack:
    """Terms of some trainings of one arm over the same faces.

    Attributes:
        dataset: name of the audit set.
        faces: N rows with the columns race, skin_tone and gender.
        models: the one arm.
        seeds: S seeds.
        terms: (S, N, T) float64, in logits.
        spatial: name of each of the T terms, in order of execution -> whether it is in the map.
    """

    dataset: str
    faces: pd.DataFrame
    models: tuple[str]
    seeds: tuple[int, ...]
    terms: np.ndarray
    spatial: Mapping[str, bool]
    kind: str = "terms"


def term_table(stack: TermStack, by: tuple[str, ...], *, replicates: int = REPLICATES, seed: int = 0) -> pd.DataFrame:
    """Mean of each term over each known group of a grouping, of its margins and of all faces.

    Returns:
        One row a group and term, and one a group for their sum, "logit": dataset, model, seeds, grouping, group, n,
        small, term, in_map, value with low and high (95 %, over seeds and faces), in logits.

    Raises:
        FacebiasError: nothing is known of a grouping column.
    """
    values = np.concatenate([stack.terms, stack.terms.sum(axis=-1, keepdims=True)], axis=-1)[None]
    names, parts = [*stack.spatial, TOTAL], []
    for grouping, cell, mine in stack_groups(stack, by):
        low, high = interval(bootstrap_means(values[:, :, mine], replicates=replicates, seed=seed))[:, 0]
        drop = ("kind", "race", "skin_tone", "gender")
        about = {name: value for name, value in row_of(stack, 0, grouping, cell).items() if name not in drop}
        parts.append(
            pd.DataFrame(
                about
                | {
                    "term": names,
                    "in_map": [*stack.spatial.values(), False],
                    "value": values[0][:, mine].mean(axis=(0, 1)),
                    "low": low,
                    "high": high,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
