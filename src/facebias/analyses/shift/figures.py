"""The figures of domain shift: recall and gaps as framing, exposure and blur change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import pandas as pd

from facebias.analyses.shift.plots import shift_changes, shift_curves, shift_gaps
from facebias.analyses.shift.scores import shift_scores
from facebias.analyses.shift.tables import DECLARED_TEXT, FACTORS, VIEWS, ShiftTables, best_view, shift_tables
from facebias.core.primary import Primary
from facebias.core.words import IMAGE_SIZE
from facebias.plots import FigureFolder, Shown
from facebias.training.study import Study


@dataclass(frozen=True)
class ShiftFigures:
    """Recall as framing, exposure, blur and size change: the baseline and the primary comparison's DB-VAE, all seeds.

    Their change is shown beside that of the DB-VAE's controls, where the study has them: the same network drawn evenly
    ("vae") and with weights shuffled over the faces. What they change too is not the resampling's doing.
    """

    study: Study
    files: FigureFolder

    @classmethod
    def of(cls, study: Study) -> Self:
        """The figures of a study, in its folder."""
        return cls(study, FigureFolder(study.outputs, study.config.synthetic))

    @property
    def arms(self) -> list[str]:
        """Baseline, DB-VAE, and the controls of the DB-VAE."""
        controls = ["vae", self.debiased.replace("dbvae", "shuffled")] if self.debiased else []
        wanted = dict.fromkeys([self.study.baseline, self.debiased, *controls])
        return [arm for arm in wanted if arm in self.study.config.arm_names]

    @property
    def debiased(self) -> str:
        """The arm of the primary comparison; where the study lacks it, the DB-VAE that resamples most, "" of none."""
        primary = Primary.parse(self.study.config.primary)
        return primary.arm if primary and primary.arm in self.study.config.arm_names else self.study.debiased

    @cached_property
    def tables(self) -> ShiftTables:
        """Curves, gaps and changes; pictures are changed and scored where that is not yet done."""
        runs = [run for arm in self.arms for run in self.study.runs if run.config.arm == arm]
        scores, baseline = shift_scores(runs, self.study.config), self.arms[0]
        primary = Primary.parse(self.study.config.primary)
        others = [one for one in (primary.baselines if primary else ()) if one != baseline and one in self.arms]
        pairs = tuple((one, self.debiased) for one in others)
        return shift_tables(scores, baseline, self.study.rule, contrasts=pairs)

    def _of_two(self, table: pd.DataFrame) -> pd.DataFrame:
        return table[table["model"].isin((self.study.baseline, self.debiased))]

    @property
    def trained(self) -> dict[str, tuple[float, float]]:
        """The range of each factor that augmentation covered in training."""
        config = self.study.config
        return {"scale": (1 - config.scale, 1 + config.scale), "offset": (-config.shift, config.shift)}

    def curves(self) -> list[Shown]:
        """A figure a factor: recall of all faces and of the groups that lose most."""
        found = []
        for factor in FACTORS:
            table = self._of_two(self.tables.curves[self.tables.curves["factor"] == factor.name])
            here = table[(table["value"] == factor.neutral) & (table["negatives"] == VIEWS[0])]
            figure = shift_curves(table, factor.name, self.study.config.train_faces, self.trained.get(factor.name))
            found.append(self.files.save(figure, table, f"shift-{factor.name}", behind=here))
        return found

    def gaps(self) -> list[Shown]:
        """Best less worst group along every factor."""
        gaps = self._of_two(self.tables.gaps)
        figure = shift_gaps(gaps, self.trained, self.study.config.train_faces)
        return [self.files.save(figure, gaps, "shift-gaps", behind=gaps[["seeds", "rule"]])]

    def changes(self) -> list[Shown]:
        """Paired change in recall, worst group and gap of the DB-VAE and of its controls, along every factor.

        `shift-changes.csv` has all of them; the other figures' tables have what they draw.
        """
        changes, found = self.tables.changes, []
        for metric, name in (
            ("overall", "shift-changes"),
            ("worst", "shift-worst-changes"),
            ("gap", "shift-gap-changes"),
        ):
            mine = changes[changes["metric"] == metric]
            if mine.empty:
                continue
            figure = shift_changes(mine, self.trained, self.study.config.train_faces, metric)
            table = changes if metric == "overall" else mine
            found.append(self.files.save(figure, table, name, behind=table[["seeds", "rule"]][:1]))
        return found

    @property
    def text(self) -> str:
        """Recall at the worst and at the best value of each factor, a line a data set, for a terminal."""
        rows = self.tables.curves.query("grouping == 'all faces' and metric == 'TPR' and negatives == @VIEWS[0]")
        rows, lines = rows[rows["model"] == self.study.baseline], []
        for dataset in rows["dataset"].unique():
            parts = []
            for factor in FACTORS:
                mine = rows[(rows["dataset"] == dataset) & (rows["factor"] == factor.name)].set_index("value")["rate"]
                at, best, now = best_view(self.tables.curves, factor.name, dataset, self.study.baseline)
                parts.append(f"{factor.name} {100 * mine.min():.1f} at {mine.idxmin():g} to {100 * best:.1f} at {at:g}")
            lines.append(f"{dataset}: {100 * now:.1f} % as packed; " + "; ".join(parts))
        return "\n".join([*lines, *self._declared(), DECLARED_TEXT])

    def _declared(self) -> list[str]:
        """How many of the declared conditions' changes of worst groups and gaps can be told from none, a line."""
        changes = self.tables.changes
        mine = changes[
            changes["declared"] & changes["metric"].isin(("worst", "gap")) & (changes["model"] == self.debiased)
        ]
        mine = mine[mine["value"] < IMAGE_SIZE]  # at 64 nothing is changed
        if mine.empty:
            return []
        clear = int(mine["distinguishable"].sum())
        return [f"small faces: {clear} of {len(mine)} changes of a worst group or a gap can be told from none"]

    def all(self) -> None:
        """Draw and save every figure."""
        self.curves()
        self.gaps()
        self.changes()
