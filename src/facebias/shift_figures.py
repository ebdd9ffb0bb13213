"""The figures of domain shift: recall and gaps as framing, exposure and blur change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from facebias import audit
from facebias.audit.shifts import FACTORS, VIEWS, ShiftTables, best_view, shift_tables
from facebias.plots import Shown
from facebias.plots.shift import shift_curves, shift_gaps
from facebias.shift import shift_scores
from facebias.study_figures import StudyFigures


@dataclass(frozen=True)
class ShiftFigures(StudyFigures):
    """Recall as framing, exposure and blur change: the baseline and the DB-VAE that resamples most, all seeds."""

    @cached_property
    def tables(self) -> ShiftTables:
        """Curves, gaps and changes; pictures are changed and scored where that is not yet done."""
        arms = [arm for arm in (self.findings.baseline, self.debiased) if arm]
        runs = [run for arm in arms for run in self.study.runs if run.config.arm == arm]
        return shift_tables(shift_scores(runs, self.study.config), arms[0], self.findings.rule)

    @property
    def trained(self) -> dict[str, tuple[float, float]]:
        """The range of each factor that augmentation covered in training."""
        config = self.study.config
        return {"scale": (1 - config.scale, 1 + config.scale), "offset": (-config.shift, config.shift)}

    def curves(self) -> list[Shown]:
        """A figure a factor: recall of all faces and of the groups that lose most."""
        found = []
        for factor in FACTORS:
            table = self.tables.curves[self.tables.curves["factor"] == factor.name]
            here = table[(table["value"] == factor.neutral) & (table["negatives"] == VIEWS[0])]
            figure = shift_curves(table, factor.name, self.findings.source, self.trained.get(factor.name))
            found.append(self._save(figure, table, f"shift-{factor.name}", behind=here))
        return found

    def gaps(self) -> list[Shown]:
        """Best less worst group along every factor, and the paired changes between arms as a table."""
        audit.write_csv(self.tables.changes, self.folder / "shift-changes.csv")
        figure = shift_gaps(self.tables.gaps, self.trained, self.findings.source)
        seeds = self.tables.gaps[["seeds", "rule"]]
        return [self._save(figure, self.tables.gaps, "shift-gaps", behind=seeds)]

    @property
    def text(self) -> str:
        """Recall at the worst and at the best value of each factor, a line a data set, for a terminal."""
        rows = self.tables.curves.query("grouping == 'all faces' and metric == 'TPR' and negatives == @VIEWS[0]")
        rows, lines = rows[rows["model"] == self.findings.baseline], []
        for dataset in rows["dataset"].unique():
            parts = []
            for factor in FACTORS:
                mine = rows[(rows["dataset"] == dataset) & (rows["factor"] == factor.name)].set_index("value")["rate"]
                at, best, now = best_view(self.tables.curves, factor.name, dataset, self.findings.baseline)
                parts.append(f"{factor.name} {100 * mine.min():.1f} at {mine.idxmin():g} to {100 * best:.1f} at {at:g}")
            lines.append(f"{dataset}: {100 * now:.1f} % as packed; " + "; ".join(parts))
        return "\n".join(lines)

    def all(self) -> None:
        """Draw and save every figure."""
        self.curves()
        self.gaps()
