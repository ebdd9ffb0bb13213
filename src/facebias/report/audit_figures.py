"""The figures of an audit, each drawn, saved with the CSV behind it, and handed back for display. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from facebias import plots
from facebias.audit import Audit
from facebias.audit.calibration import NON_FACES
from facebias.audit.curves import recall_by_fpr, recall_by_ita
from facebias.audit.groups import GROUPINGS, name_of
from facebias.core.arms import debiased
from facebias.core.config import Config
from facebias.core.studies import SETTINGS
from facebias.plots import FigureFolder, Shown
from facebias.plots.kept import kept
from facebias.plots.sliders import Adjustable
from facebias.report.explored import explored_groups

if TYPE_CHECKING:  # these rooms need torch, the figures do not
    from facebias.training.gather import Audited
    from facebias.training.study import Study

_SHOWN = 6  # arms on one axis: more cannot be told apart
_CELLS = ("race x gender", "skin tone x gender")


@dataclass(frozen=True)
class AuditFigures:
    """Draws what predictions alone show. Every method returns a list, empty where the data do not admit the figure.

    Attributes:
        audit: the tables and the verdict.
        files: where figures and tables go.
        brought: models that are not ours, which are drawn among the curves.
        settings: of the study that is audited, by which it is found again; None where there is no study.
    """

    audit: Audit
    files: FigureFolder
    brought: tuple[str, ...] = ()
    settings: Config | None = None

    @property
    def debiased(self) -> str:
        """The arm set against the baseline: the DB-VAE that resamples most; "" where there is none."""
        return next(iter(debiased(self.audit.arms)), "")

    @property
    def shown(self) -> list[str]:
        """The arms drawn beside each other: all of a small study; of a large one the baseline, the VAE, the DB-VAE
        that resamples most with its shuffled control, the labelled ceiling and the cheapest remedy. The others are in
        the table behind the figure, in the heat maps and in the overview."""
        arms = self.audit.arms
        if len(arms) <= _SHOWN:
            return arms
        first = (
            self.audit.baseline,
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
        return list(dict.fromkeys(arm for arm in (self.audit.baseline, self.debiased, *self.brought) if arm))

    def _of(self, arms: list[str]) -> pd.DataFrame:
        return self.audit.predictions[self.audit.predictions["model"].isin(arms)]

    @kept
    def source_recall(self) -> list[Shown]:
        """Recall on held-out training-source faces and on each audit set, before any group."""
        table = self.audit.summary.query("grouping == 'all faces'")
        figure = plots.source_recall(table, self.audit.source, self.shown)
        return [self.files.save(figure, table, "recall-by-source")]

    @kept
    def overview(self) -> list[Shown]:
        """Every arm's overall recall, worst group and gap on each audit set: the main table as a figure."""
        found, groupings = [], ("race x gender", "skin tone")
        for dataset, grouping, _ in self._each_set(*groupings):
            table = self.audit.measures.query("dataset == @dataset and grouping == @grouping")
            figure = plots.arms_overview(table, self.audit.changes, dataset, grouping)
            found.append(self.files.save(figure, table, f"arms-{dataset}-{_slug(grouping)}"))
        return found

    def _each_set(self, *groupings: str) -> list[tuple[str, str, pd.DataFrame]]:
        summary = self.audit.summary
        found = []
        for name in self.audit.audit_sets:
            for grouping in groupings:
                table = summary[(summary["dataset"] == name) & summary["grouping"].isin([grouping, "all faces"])]
                if (table["grouping"] == grouping).any():
                    found.append((name, grouping, table))
        return found

    @kept
    def group_recall(self, *arms: str) -> list[Shown]:
        """Recall of every group of each audit set, `shown` arms on one axis, or those named."""
        name = f"group-recall{''.join(f'-{arm}' for arm in arms)}"
        # a table that somebody brings may know one column alone
        sets = self._each_set(*_CELLS) or self._each_set("race", "skin tone", "gender")
        sets += self._each_set("age", *map(name_of, self.audit.groupings[len(GROUPINGS) :]))
        return [
            self.files.save(
                plots.group_recall(table, dataset, grouping, arms or self.shown),
                table[table["model"].isin(arms or self.audit.arms)],
                f"{name}-{dataset}-{_slug(grouping)}",
            )
            for dataset, grouping, table in sets
        ]

    @kept
    def heatmaps(self) -> list[Shown]:
        """The same as colour and number in every cell."""
        return [
            self.files.save(
                plots.group_heatmap(table, dataset, grouping), table, f"heatmap-{dataset}-{_slug(grouping)}"
            )
            for dataset, grouping, table in self._each_set(*_CELLS)
        ]

    @kept
    def trade_off(self) -> list[Shown]:
        """Recall of each group against the false positive rate that is allowed."""
        found, predictions = [], self._of(self.curves)
        for dataset, grouping, behind in self._each_set("race", "skin tone"):
            table = recall_by_fpr(predictions, dataset, (grouping.replace(" ", "_"),))
            figure = plots.recall_against_threshold(table)
            found.append(self.files.save(figure, table, f"trade-off-{dataset}-{_slug(grouping)}", behind=behind))
        return found

    @kept
    def tones(self) -> list[Shown]:
        """Recall against the measured skin tone, without classes, of audit sets where it was measured."""
        found, predictions = [], self.audit.predictions
        measured = set(predictions.loc[predictions["ita"].notna(), "dataset"])
        for name in [name for name in self.audit.audit_sets if name in measured]:
            table = recall_by_ita(self._of(self.curves), name, self.audit.rule)
            found.append(self.files.save(plots.recall_against_ita(table), table, f"recall-by-ita-{name}"))
        return found

    @kept
    def slopes(self) -> list[Shown]:
        """From the baseline to the DB-VAE, group by group."""
        if not self.debiased:
            return []
        arms = (self.audit.baseline, self.debiased)
        return [
            self.files.save(
                plots.paired_slope(table, dataset, *arms, grouping),
                table[table["model"].isin(arms)],
                f"slope-{dataset}-{_slug(grouping)}",
            )
            for dataset, grouping, table in self._each_set(*_CELLS)
        ]

    @kept
    def scores(self) -> list[Shown]:
        """How each group's scores are spread, of the baseline; and whether a probability means the same for all."""
        found, kinds = [], (("scores", plots.group_scores, 1), ("calibration", plots.group_calibration, 2))
        for dataset, grouping, behind in self._each_set("race", "skin tone"):
            for name, draw, count in kinds:
                table = getattr(self.audit, name)
                table = table[table["model"].isin(self.curves[:count])]
                here = (table["dataset"] == dataset) & (table["grouping"] == grouping)
                rows = table[here | (table["group"] == NON_FACES)]
                if len(rows):
                    place = f"{name}-{dataset}-{_slug(grouping)}"
                    found.append(self.files.save(draw(rows), rows, place, behind=behind))
        return found

    def explore(self) -> list[Adjustable]:
        """The groups' dots at the false positive rate, and beside the baseline the arm, that a reader picks."""
        return explored_groups(self.audit, self.files)

    def write(self) -> None:
        """Write the audit's tables, the study's settings and, last, the verdict."""
        self.write_tables()
        self.write_verdict()

    def write_tables(self) -> None:
        """Write the audit's tables: before all figures, so that one that fails leaves them."""
        self.audit.write_tables(self.files.outputs, self.files.key)

    def write_verdict(self) -> None:
        """Write the study's settings and, last, the verdict."""
        if self.settings:
            self.files.outputs.json(self.settings.as_dict(), SETTINGS)
        self.audit.write_verdict(self.files.outputs)

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
            self.scores,
        ):
            draw()


def _slug(grouping: str) -> str:
    return grouping.replace(" ", "-")


def figures_of_study(study: Study) -> AuditFigures:
    """The audit of a study's runs and its figures."""
    config = study.config
    audit = Audit(study.predictions, config.fpr, config.train_faces, study.baseline, config.audit_names, config.primary)
    return AuditFigures(audit, FigureFolder(study.outputs, config.synthetic, key=study.key), settings=config)


def figures_of_detectors(audited: Audited, fpr: float, folder: Path) -> AuditFigures:
    """The audit of detectors that somebody brings and its figures, groups compared at the false positive rate `fpr`."""
    fixed = set(audited.brought) == set(audited.predictions["model"].unique())
    audit = Audit(audited.predictions, fpr, audited.source, audited.baseline, fixed=fixed)
    return AuditFigures(audit, FigureFolder(audited.outputs(folder), audited.synthetic), audited.brought)
