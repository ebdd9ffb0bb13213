"""Decisions as an array: which image each training of each arm finds, at each training's own threshold."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from facebias.audit.groups import Groups, groups_of
from facebias.audit.operating_points import OperatingPoints, moved_rates
from facebias.audit.predictions import UNGROUPED, numbered, picture_of, runs_of, sets_of, validate
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
        self.points = OperatingPoints(predictions, rule)
        self.rule, self.enough = rule, self.points.enough
        self.predictions = predictions
        runs = runs_of(predictions)
        self._runs = {(row.model, row.seed): row.run_id for row in runs.itertuples()}
        self._row = {run: number for number, run in enumerate(self._runs.values())}
        self._blocks = {
            key: _Block.of(predictions, rows, self.points, self._row)
            for key, rows in sets_of(predictions, ["dataset", "label"])
            if key[0] != "validation"
        }
        self._cells: dict[tuple[str, int, tuple[str, ...]], Groups | None] = {}
        self.models = tuple(runs["model"].unique())
        self.seeds = {model: tuple(sorted(group["seed"])) for model, group in runs.groupby("model")}
        # the held-out faces of the training source come first: domain shift is read before any group
        names = {name for name, label in self._blocks if label == 1}
        self.datasets = tuple(sorted(names, key=lambda name: (name != "test", name)))

    def hits(self, models: tuple[str, ...], dataset: str, by: tuple[str, ...] = (), label: int = 1) -> Hits | None:
        """Decisions of `models` over the seeds that all of them have.

        None where the data set says nothing of a column of `by`, has no such images, or no seed is shared.

        Raises:
            FacebiasError: the runs did not score the same images.
        """
        seeds = tuple(sorted(set.intersection(*(set(self.seeds[model]) for model in models))))
        block = self._blocks.get((dataset, label))
        if block is None or not seeds:
            return None
        use = [self._row[self._runs[model, seed]] for model in models for seed in seeds]
        ranks, seen = block.of_runs(use, dataset)
        if not len(seen):
            return None
        cells = self._cells_of(block, dataset, by, label, seen)
        if cells is None:
            return None
        ranks = ranks.reshape(len(models), len(seeds), -1)
        points = [[self.points[self._runs[model, seed]] for seed in seeds] for model in models]
        allowed = np.array([[point.allowed for point in arm] for arm in points])
        above = min(point.above for arm in points for point in arm)
        if label == 0:  # the thresholds as they are are judged by these, and crops of one picture go together
            units = numbered(picture_of(self.predictions["image_id"].iloc[block.rows[seen]]))[0]
            return Hits(tuple(models), seeds, cells, ranks, allowed, above=above, units=units)
        drawn = [[point.drawn for point in arm if point.drawn is not None] for arm in points]
        return Hits(tuple(models), seeds, cells, ranks, allowed, np.array(drawn) if drawn[0] else None, above)

    def of(self, models: Sequence[str]) -> Decisions:
        """The same decisions of some models alone."""
        found = copy.copy(self)
        found.models = tuple(models)
        return found

    def above(self, *models: str) -> int:
        """The fewest held-out non-faces above a threshold of these models."""
        return self.points.above(run for (model, _), run in self._runs.items() if model in models)

    def faces(self, model: str, dataset: str) -> pd.DataFrame:
        """Table of the faces of a data set in the order of the images of `hits`."""
        if (dataset, 1) not in self._blocks:
            raise FacebiasError("DATASET", dataset, "no faces of it were scored", "Name another data set")
        block = self._blocks[dataset, 1]
        use = [self._row[self._runs[model, seed]] for seed in self.seeds[model]]
        return self._images(block.rows[block.of_runs(use, dataset)[1]])

    def _images(self, rows: np.ndarray) -> pd.DataFrame:
        return self.predictions.drop(columns=["run_id", "score", *UNGROUPED]).iloc[rows]

    def _cells_of(
        self, block: _Block, dataset: str, by: tuple[str, ...], label: int, seen: np.ndarray
    ) -> Groups | None:
        if len(seen) < len(block.rows):
            return groups_of(self._images(block.rows[seen]), by)
        key = (dataset, label, by)
        if key not in self._cells:
            self._cells[key] = groups_of(self._images(block.rows), by)
        return self._cells[key]


@dataclass(frozen=True)
class _Block:
    """The images of one data set and label.

    Attributes:
        rows: (images,) first row of each in the predictions, in the order of their names.
        ranks: (runs, images) of every run; -1 where a run did not score the image.
    """

    rows: np.ndarray
    ranks: np.ndarray

    @classmethod
    def of(cls, predictions: pd.DataFrame, rows: np.ndarray, points: OperatingPoints, row: dict[str, int]) -> Self:
        """The images of some rows, ranked at `points`; `row` has the place of each run."""
        codes, first = numbered(predictions["image_id"].iloc[rows])
        scores = predictions["score"].to_numpy()[rows]
        ranks = np.full((len(row), len(first)), -1, dtype=np.int32)
        for (run,), mine in sets_of(predictions[["run_id"]].iloc[rows], ["run_id"]):
            ranks[row[run], codes[mine]] = points[run].ranks(scores[mine])
        return cls(rows[first], ranks)

    def of_runs(self, use: list[int], dataset: str) -> tuple[np.ndarray, np.ndarray]:
        """Ranks (runs, images) of some runs, and which of the images they scored.

        Raises:
            FacebiasError: they did not score the same images.
        """
        ranks = self.ranks[use]
        scored = ranks >= 0
        if (scored.any(axis=0) != scored.all(axis=0)).any():
            raise FacebiasError(
                "IMAGES",
                f"predictions, {dataset}",
                "the runs did not score the same images",
                "Score every run on the same packed set",
            )
        seen = np.flatnonzero(scored[0])
        return ranks[:, seen], seen


def decided(predictions: pd.DataFrame | Decisions, rule: str) -> Decisions:
    """Decisions at a rule: those given, or of predictions that are validated here.

    Raises:
        FacebiasError: decisions at another rule, or predictions that `validate` refuses.
    """
    if not isinstance(predictions, Decisions):
        return Decisions(validate(predictions), rule)
    if predictions.rule != rule:
        raise FacebiasError("RULE", rule, f"decisions were made at {predictions.rule}", "Decide anew from predictions")
    return predictions


def validated(predictions: pd.DataFrame | Decisions) -> pd.DataFrame:
    """The table behind decisions, or predictions as `validate` leaves them."""
    return predictions.predictions if isinstance(predictions, Decisions) else validate(predictions)
