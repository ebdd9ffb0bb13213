"""The figures of an audit, each drawn, saved with the CSV behind it, and handed back for display. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd
from matplotlib.figure import Figure

from facebias import audit, plots
from facebias.core.arms import debiased
from facebias.plots import Shown
from facebias.report.findings import Findings

_SHOWN = 6  # arms on one axis: more cannot be told apart
_CELLS = ("race x gender", "skin tone x gender")


@dataclass(frozen=True)
class AuditFigures:
    """Draws what predictions alone show. Every method returns a list, empty where the data do not admit the figure.

    Attributes:
        findings: the audit.
        folder: where figures and tables go.
        synthetic: whether any image behind them is rendered.
    """

    findings: Findings
    folder: Path
    synthetic: bool
    dpi: ClassVar[int] = 150  # of the saved files

    @property
    def debiased(self) -> str:
        """The arm set against the baseline: the DB-VAE that resamples most; "" where there is none."""
        return next(iter(debiased(self.findings.arms)), "")

    @property
    def shown(self) -> list[str]:
        """The arms drawn beside each other: all of a small study; of a large one the baseline, the VAE, the DB-VAE
        that resamples most with its shuffled control, the labelled ceiling and the cheapest remedy. The others are in
        the table behind the figure, in the heat maps and in the overview."""
        arms = self.findings.arms
        if len(arms) <= _SHOWN:
            return arms
        first = (
            self.findings.baseline,
            "vae",
            self.debiased,
            self.debiased.replace("dbvae", "shuffled"),
            "balanced",
            "cnn-photometric",
        )
        return [arm for arm in dict.fromkeys([*first, *arms]) if arm in arms][:_SHOWN]

    @property
    def curves(self) -> list[str]:
        """The arms whose recall is drawn as curves."""
        return [arm for arm in (self.findings.baseline, self.debiased) if arm]

    def _of(self, arms: list[str]) -> pd.DataFrame:
        return self.findings.predictions[self.findings.predictions["model"].isin(arms)]

    def _save(
        self, figure: Figure, table: pd.DataFrame | None, name: str, *parts: str, behind: pd.DataFrame | None = None
    ) -> Shown:
        """Save with a footer that tells n and seeds from `behind`, the summary's rows, or from the table itself."""
        behind = table if behind is None else behind
        footer = plots.provenance(pd.DataFrame() if behind is None else behind, *parts)
        path = plots.save(
            figure, table, self.folder / f"{name}.png", synthetic=self.synthetic, provenance=footer, dpi=self.dpi
        )
        return Shown(figure, path)

    def source_recall(self) -> list[Shown]:
        """Recall on held-out training-source faces and on each audit set, before any group."""
        table = self.findings.summary.query("grouping == 'all faces'")
        figure = plots.source_recall(table, self.findings.source, self.shown)
        return [self._save(figure, table, "recall-by-source")]

    def overview(self) -> list[Shown]:
        """Every arm's overall recall, worst group and gap on each audit set: the main table as a figure."""
        found, groupings = [], ("race x gender", "skin tone")
        for dataset, grouping, _ in self._each_set(*groupings):
            table = self.findings.measures.query("dataset == @dataset and grouping == @grouping")
            figure = plots.arms_overview(table, self.findings.changes, dataset, grouping)
            found.append(self._save(figure, table, f"arms-{dataset}-{_slug(grouping)}"))
        return found

    def _each_set(self, *groupings: str) -> list[tuple[str, str, pd.DataFrame]]:
        summary = self.findings.summary
        found = []
        for name in self.findings.audit_sets:
            for grouping in groupings:
                table = summary[(summary["dataset"] == name) & summary["grouping"].isin([grouping, "all faces"])]
                if (table["grouping"] == grouping).any():
                    found.append((name, grouping, table))
        return found

    def group_recall(self, *arms: str) -> list[Shown]:
        """Recall of every group of each audit set, `shown` arms on one axis, or those named."""
        name = f"group-recall{''.join(f'-{arm}' for arm in arms)}"
        # a table that somebody brings may know one column alone
        sets = self._each_set(*_CELLS) or self._each_set("race", "skin tone", "gender")
        return [
            self._save(
                plots.group_recall(table, dataset, grouping, arms or self.shown),
                table[table["model"].isin(arms or self.findings.arms)],
                f"{name}-{dataset}-{_slug(grouping)}",
            )
            for dataset, grouping, table in sets
        ]

    def heatmaps(self) -> list[Shown]:
        """The same as colour and number in every cell."""
        return [
            self._save(plots.group_heatmap(table, dataset, grouping), table, f"heatmap-{dataset}-{_slug(grouping)}")
            for dataset, grouping, table in self._each_set(*_CELLS)
        ]

    def trade_off(self) -> list[Shown]:
        """Recall of each group against the false positive rate that is allowed."""
        found, predictions = [], self._of(self.curves)
        for dataset, grouping, behind in self._each_set("race", "skin tone"):
            table = audit.recall_by_fpr(predictions, dataset, (grouping.replace(" ", "_"),))
            figure = plots.recall_against_threshold(table)
            found.append(self._save(figure, table, f"trade-off-{dataset}-{_slug(grouping)}", behind=behind))
        return found

    def tones(self) -> list[Shown]:
        """Recall against the measured skin tone, without classes, of audit sets where it was measured."""
        found, predictions = [], self.findings.predictions
        measured = set(predictions.loc[predictions["ita"].notna(), "dataset"])
        for name in [name for name in self.findings.audit_sets if name in measured]:
            table = audit.recall_by_ita(self._of(self.curves), name, self.findings.rule)
            found.append(self._save(plots.recall_against_ita(table), table, f"recall-by-ita-{name}"))
        return found

    def slopes(self) -> list[Shown]:
        """From the baseline to the DB-VAE, group by group."""
        if not self.debiased:
            return []
        arms = (self.findings.baseline, self.debiased)
        return [
            self._save(
                plots.paired_slope(table, dataset, *arms, grouping),
                table[table["model"].isin(arms)],
                f"slope-{dataset}-{_slug(grouping)}",
            )
            for dataset, grouping, table in self._each_set(*_CELLS)
        ]

    def all(self) -> None:
        """Draw and save every figure."""
        for draw in (
            self.source_recall,
            self.overview,
            self.group_recall,
            self.heatmaps,
            self.trade_off,
            self.tones,
            self.slopes,
        ):
            draw()


def _slug(grouping: str) -> str:
    return grouping.replace(" ", "-")
