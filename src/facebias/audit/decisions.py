"""Decisions as an array: which image each training of each arm finds, at each training's own threshold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from facebias.audit.groups import Groups, groups_of
from facebias.audit.stats.noise import Noise
from facebias.audit.thresholds import fix_thresholds
from facebias.core.errors import FacebiasError


@dataclass(frozen=True)
class Hits:
    """Decisions of some arms, over the same seeds and the same images.

    Attributes:
        models: names of the arms.
        seeds: seeds that every arm has.
        cells: the groups of the images.
        array: bool (arms, seeds, images).
    """

    models: tuple[str, ...]
    seeds: tuple[int, ...]
    cells: Groups
    array: np.ndarray

    @property
    def rates(self) -> np.ndarray:
        """(arms, groups) rate of each group, mean over seeds; NaN for an empty group."""
        return self.cells.rates(self.array.mean(axis=1))

    @property
    def rates_by_seed(self) -> np.ndarray:
        """(arms, seeds, groups) rate of each group in each training; NaN for an empty group."""
        return self.cells.rates(self.array)

    @cached_property
    def noise(self) -> Noise:
        """What makes `rates` uncertain: trainings and images."""
        return Noise.of(self.array, self.cells.codes, len(self.cells.table))

    @cached_property
    def errors(self) -> np.ndarray:
        """(replicates, arms, groups) draws of the noise of `rates`."""
        return self.noise.draws()


class Decisions:
    """Decisions of all runs at one rule, from which `Hits` of any arms, data set and grouping are cut."""

    def __init__(self, predictions: pd.DataFrame, rule: str) -> None:
        """Fix every run's threshold and decide.

        Args:
            predictions: validated.
            rule: threshold rule.
        """
        fixed = fix_thresholds(predictions, (rule,)).set_index("run_id")
        self._cache: dict[tuple[tuple[str, ...], str, int], tuple[np.ndarray, pd.DataFrame, tuple[int, ...]]] = {}
        self.rule, self.enough = rule, bool(fixed["enough"].all())
        used = predictions[predictions["dataset"] != "validation"]
        used = used.assign(hit=used["score"] >= used["run_id"].map(fixed["threshold"]))
        self._parts = dict(list(used.groupby(["dataset", "label"])))
        self.models = tuple(predictions["model"].unique())
        runs = predictions.drop_duplicates("run_id")
        self.seeds = {model: tuple(sorted(group["seed"])) for model, group in runs.groupby("model")}
        # the held-out faces of the training source come first: domain shift is read before any group
        names = {name for name, label in self._parts if label == 1}
        self.datasets = tuple(sorted(names, key=lambda name: (name != "test", name)))

    def hits(self, models: tuple[str, ...], dataset: str, by: tuple[str, ...] = (), label: int = 1) -> Hits | None:
        """Decisions of `models` over the seeds that all of them have.

        None where the data set says nothing of a column of `by`, has no such images, or no seed is shared.

        Raises:
            FacebiasError: the runs did not score the same images.
        """
        found = self._wide(models, dataset, label)
        if found is None:
            return None
        array, faces, seeds = found
        cells = groups_of(faces, by)
        return None if cells is None else Hits(tuple(models), seeds, cells, array)

    def faces(self, model: str, dataset: str) -> pd.DataFrame:
        """Table of the faces of a data set in the order of the images of `hits`."""
        found = self._wide((model,), dataset, 1)
        if found is None:
            raise FacebiasError("DATASET", dataset, "no faces of it were scored", "Name another data set")
        return found[1]

    def _wide(
        self, models: tuple[str, ...], dataset: str, label: int
    ) -> tuple[np.ndarray, pd.DataFrame, tuple[int, ...]] | None:
        """Decisions (arms, seeds, images), the table of the images in order of their names, and the seeds."""
        key = (models, dataset, label)
        if key in self._cache:
            return self._cache[key]
        seeds = sorted(set.intersection(*(set(self.seeds[model]) for model in models)))
        part = self._parts.get((dataset, label))
        if part is None or not seeds:
            return None
        part = part[part["model"].isin(models) & part["seed"].isin(seeds)]
        wide = part.pivot(index="image_id", columns=["model", "seed"], values="hit")
        wide = wide.reindex(columns=pd.MultiIndex.from_product([models, seeds]))
        if wide.isna().to_numpy().any():
            raise FacebiasError(
                "IMAGES",
                f"predictions, {dataset}",
                "the runs did not score the same images",
                "Score every run on the same packed set",
            )
        faces = part.drop_duplicates("image_id").set_index("image_id").loc[wide.index]
        array = wide.to_numpy(dtype=bool).T.reshape(len(models), len(seeds), len(wide))
        self._cache[key] = array, faces, tuple(seeds)
        return self._cache[key]
