"""Decisions as an array: which image each training of each arm finds, at each training's own threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from facebias.audit.groups import Groups, groups_of
from facebias.audit.operating_points import OperatingPoints, moved_rates
from facebias.audit.predictions import picture_of
from facebias.audit.stats.noise import SHARED, Noise, of_units
from facebias.core.errors import FacebiasError


@dataclass(frozen=True)
class Hits:
    """Decisions of some arms, over the same seeds and the same images.

    Attributes:
        models: names of the arms.
        seeds: seeds that every arm has.
        cells: the groups of the images.
        ranks: (arms, seeds, images) int of `facebias.audit.operating_points.OperatingPoint.ranks`.
        allowed: (arms, seeds) the highest rank that is found.
        drawn: (arms, seeds, draws) the same for other pictures of non-faces; None where they move no threshold.
        above: the fewest non-faces above a threshold.
        units: (images,) which of them come from one picture and are drawn together; None where each is its own.
    """

    models: tuple[str, ...]
    seeds: tuple[int, ...]
    cells: Groups
    ranks: np.ndarray
    allowed: np.ndarray
    drawn: np.ndarray | None = None
    above: int = 0
    units: np.ndarray | None = None

    @cached_property
    def array(self) -> np.ndarray:
        """Decisions, bool (arms, seeds, images)."""
        found: np.ndarray = self.ranks <= self.allowed[..., None]
        return found

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
        """What makes `rates` uncertain: trainings, images, and the pictures of non-faces that fixed the thresholds."""
        if self.units is not None:
            return Noise.of(of_units(self.array, self.units), np.zeros(self.units.max() + 1, dtype=int), 1)
        return Noise.of(self.array, self.cells.codes, len(self.cells.table), SHARED, self.moved, self.above)

    @property
    def moved(self) -> list[np.ndarray] | None:
        """Of each arm, (seeds, draws, groups) rates at the thresholds of other pictures; None where none moves."""
        if self.drawn is None:
            return None
        cells = self.cells
        sides = zip(self.ranks, self.drawn, strict=True)
        return [moved_rates(ranks, cells.codes, len(cells.table), drawn) for ranks, drawn in sides]

    def grouped(self, cells: Groups) -> Hits:
        """The same decisions on the same images, in other groups."""
        return replace(self, cells=cells)

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
        self._cache: dict[tuple[tuple[str, ...], str, int], tuple[np.ndarray, pd.DataFrame, tuple[int, ...]]] = {}
        self.points = OperatingPoints(predictions, rule)
        self.rule, self.enough = rule, self.points.enough
        used = predictions[predictions["dataset"] != "validation"]
        scores, ranks = used["score"].to_numpy(dtype=float), np.empty(len(used), dtype=np.int32)
        for run, rows in used.groupby("run_id").indices.items():
            ranks[rows] = self.points[str(run)].ranks(scores[rows])
        self._parts = dict(list(used.assign(rank=ranks).groupby(["dataset", "label"])))
        self.models = tuple(predictions["model"].unique())
        runs = predictions.drop_duplicates("run_id")
        self._runs = runs.set_index(["model", "seed"])["run_id"]
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
        ranks, faces, seeds = found
        cells = groups_of(faces, by)
        if cells is None:
            return None
        points = [[self.points[self._runs[model, seed]] for seed in seeds] for model in models]
        allowed = np.array([[point.allowed for point in arm] for arm in points])
        above = min(point.above for arm in points for point in arm)
        if label == 0:  # the thresholds as they are are judged by these, and crops of one picture go together
            units = pd.factorize(picture_of(pd.Series(faces.index)), sort=True)[0]
            return Hits(tuple(models), seeds, cells, ranks, allowed, above=above, units=units)
        drawn = [[point.drawn for point in arm if point.drawn is not None] for arm in points]
        return Hits(tuple(models), seeds, cells, ranks, allowed, np.array(drawn) if drawn[0] else None, above)

    def faces(self, model: str, dataset: str) -> pd.DataFrame:
        """Table of the faces of a data set in the order of the images of `hits`."""
        found = self._wide((model,), dataset, 1)
        if found is None:
            raise FacebiasError("DATASET", dataset, "no faces of it were scored", "Name another data set")
        return found[1]

    def _wide(
        self, models: tuple[str, ...], dataset: str, label: int
    ) -> tuple[np.ndarray, pd.DataFrame, tuple[int, ...]] | None:
        """Ranks (arms, seeds, images), the table of the images in order of their names, and the seeds."""
        key = (models, dataset, label)
        if key in self._cache:
            return self._cache[key]
        seeds = sorted(set.intersection(*(set(self.seeds[model]) for model in models)))
        part = self._parts.get((dataset, label))
        if part is None or not seeds:
            return None
        part = part[part["model"].isin(models) & part["seed"].isin(seeds)]
        wide = part.pivot(index="image_id", columns=["model", "seed"], values="rank")
        wide = wide.reindex(columns=pd.MultiIndex.from_product([models, seeds]))
        if wide.isna().to_numpy().any():
            raise FacebiasError(
                "IMAGES",
                f"predictions, {dataset}",
                "the runs did not score the same images",
                "Score every run on the same packed set",
            )
        faces = part.drop_duplicates("image_id").set_index("image_id").loc[wide.index]
        array = wide.to_numpy(dtype=np.int32).T.reshape(len(models), len(seeds), len(wide))
        self._cache[key] = array, faces, tuple(seeds)
        return self._cache[key]
