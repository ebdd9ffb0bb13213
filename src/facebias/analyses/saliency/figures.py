"""FullGrad per group, drawn: mean maps, differences between groups, shares of face regions, two arms side by side.

What is drawn of which maps: means of both kinds; differences, regions and the two arms of raw maps, since rescaled ones
have lost the magnitude that statistics need (`facebias.saliency.maps_file`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Self

import numpy as np
import pandas as pd

from facebias.analyses.saliency.changes import group_changes
from facebias.analyses.saliency.maps import GroupMaps, group_differences, group_means
from facebias.analyses.saliency.plots import mean_face, saliency_differences, saliency_means
from facebias.analyses.saliency.plots_changes import saliency_beside
from facebias.analyses.saliency.plots_regions import region_shares
from facebias.analyses.saliency.shares import share_table
from facebias.analyses.saliency.stack import MapStack
from facebias.analyses.saliency.terms import TermStack, term_table
from facebias.core.errors import FacebiasError
from facebias.core.progress import tidy
from facebias.core.words import TIGHT
from facebias.plots import FigureFolder, Shown
from facebias.plots.kept import kept
from facebias.plots.sliders import Adjustable, Choice
from facebias.saliency.maps_file import SaliencyMaps
from facebias.saliency.of_faces import explain_faces, explain_runs
from facebias.training.study import Study

GROUPINGS = (("race", "gender"), ("skin_tone", "gender"))


@dataclass(frozen=True)
class SaliencyFigures:
    """FullGrad of the baseline and of the DB-VAE that resamples most, all seeds, explained where not yet done.

    Groups are race x gender and skin tone x gender, each with its margins, where the data set knows them.
    """

    study: Study
    files: FigureFolder

    @classmethod
    def of(cls, study: Study) -> Self:
        """The figures of a study, in its folder."""
        return cls(study, FigureFolder(study.outputs, study.config.synthetic, dpi=100, key=study.key))

    @kept
    def means(self, dataset: str, kind: str = "rescaled") -> list[Shown]:
        """Mean map of each group with its margins; the CSV holds every cell."""
        stack, found = self._stack(dataset, kind), []
        for by, name in self._groupings(stack):
            means = group_means(stack, by)
            if not np.isnan(means.maps).all():
                figure = saliency_means(means, self._face(dataset))
                found.append(self.files.save(figure, means.cells(), f"saliency-means-{name}", behind=means.table))
        return found

    @kept
    def differences(self, dataset: str, kind: str = "raw") -> list[Shown]:
        """Each group against all others, with permutation p-values; the CSV has a row a group."""
        stack, found = self._stack(dataset, kind), []
        for by, name in self._groupings(stack):
            differences = group_differences(stack, by)
            if not np.isnan(differences.maps).all():
                figure = saliency_differences(differences, self._face(dataset))
                found.append(self.files.save(figure, differences.table, f"saliency-differences-{name}"))
        return found

    @kept
    def regions(self, dataset: str, kind: str = "raw") -> list[Shown]:
        """Share of saliency in each region of the face, per group, and its change from the baseline.

        Raises:
            FacebiasError: faces are not framed tightly, so that features have no fixed place.
        """
        if (framing := self.study.audit_set(dataset).attrs["framing"]) != TIGHT:
            raise FacebiasError(
                "FRAMING",
                dataset,
                f"found {framing!r}, regions are fixed for {TIGHT!r}",
                "Audit on tightly framed faces",
            )
        stack, found = self._stack(dataset, kind), []
        for by, name in self._groupings(stack):
            table = share_table(stack, by).round(5)
            found.append(
                self.files.save(
                    region_shares(table),
                    table,
                    f"saliency-regions-{name}",
                    behind=table[table["region"] == table["region"].iloc[0]],
                )
            )
        return found

    @kept
    def beside(self, dataset: str, kind: str = "raw", *, every: bool = True) -> list[Shown]:
        """Baseline, DB-VAE and their difference, group by group; `every` False draws the first grouping alone."""
        if len(self.saliency_arms) < 2:
            return []
        stack, found = self._stack(dataset, kind), []
        for by, name in self._groupings(stack)[: None if every else 1]:
            changes = group_changes(stack, by)
            if not np.isnan(changes.maps).all():
                figure = saliency_beside(changes, self._face(dataset))
                found.append(
                    self.files.save(
                        figure,
                        changes.cells(),
                        f"saliency-beside-{name}",
                        behind=changes.table[changes.table["model"] == stack.models[0]],
                    )
                )
        return found

    def explore(self, dataset: str, kind: str = "raw") -> list[Adjustable]:
        """Both arms and their difference for the group that a reader picks, one list a grouping; of all, all faces."""
        if len(self.saliency_arms) < 2:
            return []
        stack, found = self._stack(dataset, kind), []
        for by, _ in self._groupings(stack):
            changes = group_changes(stack, by)
            groups = list(changes.table.loc[~changes.table["small"], "group"].unique())
            if groups:
                draw = partial(self._one_group, changes, self._face(dataset))
                choice = Choice("group", {group: group for group in groups}, groups[-1], ordered=False)
                found.append(Adjustable(draw, {"group": choice}))
        return found

    def _one_group(self, changes: GroupMaps, face: np.ndarray, group: str) -> Shown:
        rows = changes.table[(changes.table["group"] == group) & (changes.table["model"] == self.saliency_arms[0])]
        return self.files.show(saliency_beside(changes, face, group), rows)

    def overview(self) -> list[Shown]:
        """Where both detectors look, a figure an audit set: by race x gender, or skin tone where race is unknown."""
        return [shown for dataset in self.study.config.audit_names for shown in self.beside(dataset, every=False)]

    def terms(self, dataset: str) -> pd.DataFrame:
        """Mean signed sum of each layer's term per group, both arms; written as CSV."""
        self._explain(dataset)
        data, tables = self.study.audit_set(dataset), []
        faces = data.table.iloc[data.faces].reset_index(drop=True)
        seeds = tuple(range(self.study.config.seeds))
        for arm in self.saliency_arms:
            maps = [self._explained(arm, seed, dataset) for seed in seeds]
            stack = TermStack(
                dataset,
                faces,
                (arm,),
                seeds,
                np.stack([one.terms for one in maps]),
                dict(zip(maps[0].names, maps[0].spatial.tolist(), strict=True)),
            )
            tables += [term_table(stack, by) for by, _ in self._groupings(stack)]
        tidy()
        table = pd.concat(tables, ignore_index=True).drop_duplicates(["model", "grouping", "group", "term"]).round(4)
        self.files.outputs.csv(table, f"saliency-terms-{dataset}.csv")
        return table

    def all(self) -> None:
        """Draw and save every figure and table of FullGrad, of every audit set."""
        for dataset in self.study.config.audit_names:
            for kind in ("rescaled", "raw"):
                self.means(dataset, kind)
            # regions have a fixed place in tightly framed faces alone
            tight = self.study.audit_set(dataset).attrs["framing"] == TIGHT
            for draw in (self.differences, *([self.regions] if tight else []), self.beside, self.terms):
                draw(dataset)

    @property
    def saliency_arms(self) -> list[str]:
        """The arms explained: the baseline, then the strongest DB-VAE where there is one."""
        return [arm for arm in (self.study.baseline, self.study.debiased) if arm]

    def _groupings(self, stack: MapStack | TermStack) -> list[tuple[tuple[str, ...], str]]:
        """Groupings whose columns the data set knows, each with the end of its files' names."""
        known = [by for by in GROUPINGS if all((stack.faces[column] != "").any() for column in by)]
        return [(by, f"{stack.dataset}-{'-x-'.join(by).replace('_', '-')}-{stack.kind}") for by in known]

    def _stack(self, dataset: str, kind: str) -> MapStack:
        data = self.study.audit_set(dataset)
        for key in [key for key in self._stacks if key[0] != dataset]:
            del self._stacks[key]  # one data set's maps in memory at a time
        if (dataset, kind) not in self._stacks:
            self._stacks[dataset, kind] = MapStack.of(
                dataset, kind, data.table.iloc[data.faces], self._maps(dataset, kind)
            )
            tidy()
        return self._stacks[dataset, kind]

    @cached_property
    def _stacks(self) -> dict[tuple[str, str], MapStack]:
        return {}

    def _maps(self, dataset: str, kind: str) -> Iterator[tuple[str, int, np.ndarray]]:
        self._explain(dataset)
        for arm in self.saliency_arms:
            for seed in range(self.study.config.seeds):
                yield arm, seed, getattr(self._explained(arm, seed, dataset), kind)

    def _explain(self, dataset: str) -> None:
        """FullGrad of every training that is drawn, where it is still missing."""
        seeds = range(self.study.config.seeds)
        runs = [self.study.run(arm, seed) for arm in self.saliency_arms for seed in seeds]
        explain_runs(runs, self.study.audit_set(dataset), dataset, self.study.config.workers)

    def _explained(self, arm: str, seed: int, dataset: str) -> SaliencyMaps:
        return explain_faces(self.study.run(arm, seed), self.study.audit_set(dataset), dataset)

    def _face(self, dataset: str) -> np.ndarray:
        data = self.study.audit_set(dataset)
        return mean_face(data.images[data.faces])
