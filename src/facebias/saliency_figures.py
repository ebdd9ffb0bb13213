"""The figures of FullGrad per group: mean maps, differences between groups, shares of the regions of the face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from facebias import plots
from facebias.audit.maps import group_differences, group_means
from facebias.audit.shares import share_table
from facebias.audit.stack import MapStack
from facebias.dataset import FaceDataset
from facebias.errors import FacebiasError
from facebias.plots import Shown
from facebias.saliency.groups import explain_faces
from facebias.saliency_maps import KINDS
from facebias.sources.base import TIGHT
from facebias.study_figures import StudyFigures

GROUPINGS = (("race", "gender"), ("skin_tone", "gender"))


@dataclass(frozen=True)
class SaliencyFigures(StudyFigures):
    """FullGrad of the baseline and of the DB-VAE that resamples most, all seeds, explained where not yet done.

    Groups are race x gender and skin tone x gender, each with its margins, where the data set knows them.
    """

    def means(self, dataset: str) -> list[Shown]:
        """Mean maps of race x gender and skin tone x gender with margins, rescaled and raw."""
        found = []
        for stack, by, name in self._each(dataset):
            means = group_means(stack, by)
            if np.isnan(means.maps).all():
                continue
            figure = plots.saliency_means(means, self._face(dataset))
            found.append(self._save(figure, means.cells(), f"saliency-means-{name}", behind=means.table))
        return found

    def differences(self, dataset: str) -> list[Shown]:
        """Each group against all others, with permutation p-values; the CSV has a row a group."""
        found = []
        for stack, by, name in self._each(dataset):
            differences = group_differences(stack, by)
            if np.isnan(differences.maps).all():
                continue
            figure = plots.saliency_differences(differences, self._face(dataset))
            found.append(self._save(figure, differences.table, f"saliency-differences-{name}"))
        return found

    def regions(self, dataset: str) -> list[Shown]:
        """Share of saliency in each region of the face, per group, and its change from the baseline.

        Raises:
            FacebiasError: faces are not framed tightly, so that features have no fixed place.
        """
        if (framing := self.audit_set(dataset).attrs["framing"]) != TIGHT:
            raise FacebiasError("FRAMING", dataset, f"found {framing!r}, regions are fixed for {TIGHT!r}",
                                "Audit on tightly framed faces")
        found = []
        for stack, by, name in self._each(dataset):
            table = share_table(stack, by)
            found.append(self._save(plots.region_shares(table), table, f"saliency-regions-{name}",
                                    behind=table[table["region"] == table["region"].iloc[0]]))
        return found

    def all(self) -> None:
        """Draw and save every figure of every audit set."""
        for dataset in self.findings.audit_sets:
            for draw in (self.means, self.differences, self.regions):
                draw(dataset)

    @property
    def saliency_arms(self) -> list[str]:
        """The arms explained: the baseline, then the strongest DB-VAE where there is one."""
        return [arm for arm in (self.findings.baseline, self.debiased) if arm]

    def _each(self, dataset: str) -> Iterator[tuple[MapStack, tuple[str, ...], str]]:
        for kind in KINDS:
            stack = self._stack(dataset, kind)
            for by in GROUPINGS:
                if all((stack.faces[column] != "").any() for column in by):
                    yield stack, by, f"{dataset}-{'-x-'.join(by).replace('_', '-')}-{kind}"

    def _stack(self, dataset: str, kind: str) -> MapStack:
        data = self.audit_set(dataset)
        for key in [key for key in self._stacks if key[0] != dataset]:
            del self._stacks[key]  # one data set's maps in memory at a time
        if (dataset, kind) not in self._stacks:
            self._stacks[dataset, kind] = MapStack.of(dataset, kind, data.table.iloc[data.faces],
                                                      self._maps(dataset, data, kind))
        return self._stacks[dataset, kind]

    @cached_property
    def _stacks(self) -> dict[tuple[str, str], MapStack]:
        return {}

    def _maps(self, dataset: str, data: FaceDataset, kind: str) -> Iterator[tuple[str, int, np.ndarray]]:
        for arm in self.saliency_arms:
            for seed in range(self.study.config.seeds):
                yield arm, seed, getattr(explain_faces(self.study.run(arm, seed), data, dataset), kind)

    def _face(self, dataset: str) -> np.ndarray:
        data = self.audit_set(dataset)
        return plots.mean_face(data.images[data.faces])
