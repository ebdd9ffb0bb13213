"""The figures of the mechanism: which faces resampling prefers, and whether the choice of faces matters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from facebias.analyses.mechanism import tables as mechanism
from facebias.analyses.mechanism.covariates import covariates
from facebias.analyses.mechanism.plots import preferred_faces, step_changes
from facebias.core.arms import debiased
from facebias.plots import FigureFolder, Shown
from facebias.training.draws import share_ratios
from facebias.training.study import Study


@dataclass(frozen=True)
class MechanismFigures:
    """Which faces resampling prefers, how strongly groups are drawn, and whether the choice of faces matters."""

    study: Study
    files: FigureFolder

    @classmethod
    def of(cls, study: Study) -> Self:
        """The figures of a study, in its folder."""
        return cls(study, FigureFolder(study.outputs, study.config.synthetic))

    @cached_property
    def drawn(self) -> pd.DataFrame:
        """Probability of every training face in the last epoch, of every run."""
        return pd.concat(
            [run.sampling_faces.assign(model=run.config.arm, seed=run.config.seed) for run in self.study.runs],
            ignore_index=True,
        )

    @cached_property
    def preferred(self) -> pd.DataFrame:
        """Correlations of the log probability with the faces' covariates."""
        data = self.study.training
        found = covariates(data.images[data.faces], data.table.iloc[data.faces])
        return mechanism.preferred_faces(self.drawn, found.set_index(data.faces))

    def faces(self) -> list[Shown]:
        """Correlations of the arms that resample, of DB-VAE the two smallest alphas; the CSV has every arm."""
        arms = mechanism.resampling_arms(self.drawn)
        larger = debiased(arms)[2:]
        # group DRO draws as the balanced arms do
        left = {"groupdro", "vae-groupdro", *larger, *(arm.replace("dbvae", "shuffled") for arm in larger)}
        shown = self.preferred[self.preferred["model"].isin(set(arms) - left)]
        if shown.empty:
            return []
        n = int(self.preferred["n"].max())
        return [
            self.files.save(
                preferred_faces(shown),
                self.preferred,
                "mechanism-faces",
                f"{n:,} training faces, last epoch",
                behind=shown[["seeds"]],
            )
        ]

    def groups(self) -> pd.DataFrame:
        """Share of draws over share of faces, of every group and epoch, as `mechanism-groups.csv`."""
        table = share_ratios(self.study.sampling)
        self.files.outputs.csv(table, "mechanism-groups.csv")
        return table

    def steps(self) -> list[Shown]:
        """From uniform draws to unequal ones dealt at random, and from those to the DB-VAE's, where all were run."""
        found = []
        for ladder in mechanism.ladders(list(self.study.config.arm_names)):
            predictions = self.study.predictions
            mine = predictions[predictions["model"].isin(ladder)]
            table = mechanism.step_changes(mine, self.study.rule)
            found.append(
                self.files.save(
                    step_changes(table, self.study.config.train_faces),
                    table,
                    f"mechanism-{ladder[-1]}",
                    behind=table[["seeds", "rule"]],
                )
            )
        return found

    @property
    def text(self) -> str:
        """What is most correlated, and how much all covariates explain, a line an arm."""
        lines = []
        for arm in mechanism.resampling_arms(self.drawn):
            mine = self.preferred[self.preferred["model"] == arm]
            single = mine[(mine["measure"] == "spearman") & (mine["covariate"] != mechanism.OTHER_SEED)]
            top = single.loc[single["value"].abs().sort_values(ascending=False).index[:3]]
            named = ", ".join(
                f"{row.covariate} {row.value:+.2f}{_interval(row.low, row.high)}" for row in top.itertuples()
            )
            explained = mine[mine["measure"] == "r2"]["value"]
            lines.append(f"{arm}: {named}" + (f"; all together R2 {explained.iloc[0]:.2f}" if len(explained) else ""))
        return "\n".join(lines) or "no arm draws faces unequally"

    def all(self) -> None:
        """Draw and save every figure."""
        self.faces()
        self.groups()
        self.steps()


def _interval(low: float, high: float) -> str:
    return "" if np.isnan(low) else f" [{low:.2f}, {high:.2f}]"
