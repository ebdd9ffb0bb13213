"""The audit of some predictions: its tables and the verdict, computed once and written together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from facebias.audit.calibration import calibration, score_spread
from facebias.audit.conclusions import Verdict, verdict
from facebias.audit.curves import CURVE_COLUMNS, LOW_FPRS, recall_by_fpr
from facebias.audit.decisions import Decisions
from facebias.audit.disparities import disparities
from facebias.audit.group_report import GroupReport, group_report
from facebias.audit.groups import GROUPINGS, MOST, name_of, own_groupings
from facebias.audit.moved_threshold import moved_threshold
from facebias.audit.power import power
from facebias.audit.predictions import validate
from facebias.audit.primary import PRIMARY_COLUMNS, primary_table
from facebias.audit.second_view import both_views
from facebias.audit.thresholds import RULES
from facebias.audit.worst_and_gap import measures, summarise
from facebias.core.errors import FacebiasError
from facebias.core.kept import keep, known
from facebias.core.outputs import OutputFolder
from facebias.core.paths import code_version
from facebias.core.primary import Primary
from facebias.core.words import HELD_OUT

TABLES = ("summary", "measures", "changes", "power", "disparities", "scores", "calibration", "moved")


@dataclass(frozen=True)
class Audit:
    """The audit of some runs. Each table is computed when first asked for.

    Attributes:
        predictions: one row a run and image (`facebias.audit.PREDICTION_COLUMNS`).
        fpr: false positive rate at which groups are compared.
        source: the training source ("celeba", "synthetic", ...), "" where unknown.
        baseline: the arm that the others are compared with.
        sets: the audit sets in the order in which they are told; as the predictions have them unless told.
        primary: the primary comparison in words (`facebias.core.primary`); "" for none.
        fixed: whether each model has one set of weights and is no training among others.
    """

    predictions: pd.DataFrame
    fpr: float = 0.01
    source: str = ""
    baseline: str = "cnn"
    sets: tuple[str, ...] = ()
    primary: str = ""
    fixed: bool = False

    @property
    def rule(self) -> str:
        """The threshold rule of the comparison."""
        return f"fpr={self.fpr:g}"

    @property
    def arms(self) -> list[str]:
        """The arms, the baseline first."""
        names = [str(name) for name in self.predictions["model"].unique()]
        return sorted(names, key=lambda name: name != self.baseline)

    @property
    def audit_sets(self) -> list[str]:
        """Names of the audit sets, in order."""
        found = [str(name) for name in self.predictions["dataset"].unique() if name not in HELD_OUT]
        return [name for name in self.sets if name in found] or found

    @cached_property
    def groupings(self) -> tuple[tuple[str, ...], ...]:
        """What is grouped by: GROUPINGS, and each group column that a data set of somebody's own brings."""
        return (*GROUPINGS, *((name,) for name in own_groupings(self.predictions)[0]))

    @cached_property
    def decisions(self) -> Decisions:
        """What each run decides on each image at the comparison's rule; it holds the predictions, checked."""
        return Decisions(validate(self.predictions), self.rule)

    @cached_property
    def report(self) -> GroupReport:
        """Every run, rule, metric and group."""
        return group_report(self.decisions, tuple(dict.fromkeys((*RULES, self.rule))), self.groupings)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Recall of every group at the comparison's rule, mean over seeds, with intervals."""
        return summarise(self.decisions, self.rule, self.groupings)

    @cached_property
    def measures(self) -> pd.DataFrame:
        """Worst group, gap, null gap and variance of every arm."""
        return measures(self.decisions, self.rule, self.groupings)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Paired changes from the baseline to every other arm, with thresholds of either half of the non-faces."""
        return both_views(self.decisions, self.baseline, self.groupings)

    @cached_property
    def power(self) -> pd.DataFrame:
        """Paired change of every named group, and which rises would have been seen."""
        return power(self.decisions, self.baseline, self.rule, self.groupings)

    @cached_property
    def primary_table(self) -> pd.DataFrame:
        """The contrasts of the primary comparison; empty where there is none."""
        wanted = Primary.parse(self.primary)
        if wanted is None:
            return pd.DataFrame(columns=list(PRIMARY_COLUMNS))
        return primary_table(self.decisions, wanted, self.audit_sets, self.source)

    @cached_property
    def disparities(self) -> pd.DataFrame:
        """Every group against the largest of its grouping."""
        return disparities(self.decisions, self.rule, self.groupings)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Quantiles of every group's scores."""
        return score_spread(self.decisions, self.groupings)

    @cached_property
    def calibration(self) -> pd.DataFrame:
        """Share of faces by probability, of every group."""
        return calibration(self.decisions, self.groupings)

    @cached_property
    def moved(self) -> pd.DataFrame:
        """What moving the baseline's threshold to each arm's false positive rate alone would do."""
        return moved_threshold(self.decisions, self.baseline, self.groupings)

    @cached_property
    def verdict(self) -> Verdict:
        """The conclusion in sentences."""
        known = self.summary, self.measures, self.changes, self.power
        return verdict(
            self.decisions,
            self.baseline,
            rule=self.rule,
            source=self.source,
            groupings=self.groupings,
            datasets=self.audit_sets,
            known=known,
            primary=self.primary,
            fixed=self.fixed,
        )

    @cached_property
    def recall_by_rate(self) -> pd.DataFrame:
        """Recall of the headline's groups, and of all faces, where other false positive rates are allowed.

        Of every arm, mean over seeds, at LOW_FPRS and at the comparison's own rate. Empty where the held-out
        non-faces are too few to fix any of them.
        """
        told = [found for found in self.verdict.findings if found.sentence == self.verdict.headline]
        dataset, grouping = (
            (told[0].dataset, told[0].grouping) if told else (next(iter(self.audit_sets), "test"), name_of(()))
        )
        rates = tuple(sorted({*LOW_FPRS, self.fpr}))
        by = [columns for columns in self.groupings if name_of(columns) == grouping]
        try:
            parts = [recall_by_fpr(self.decisions, dataset, columns, rates) for columns in dict.fromkeys([*by, ()])]
        except FacebiasError as error:
            if error.code != "NEGATIVES":
                raise
            return pd.DataFrame(columns=list(CURVE_COLUMNS))
        return pd.concat(parts, ignore_index=True)

    @property
    def text(self) -> str:
        """The verdict for a terminal: headline, recall before groups, and what limits them."""
        found, many = self.verdict, own_groupings(self.predictions)[1]
        left = [f"{name}: {count:,} values, over {MOST}, so it is not grouped by." for name, count in many.items()]
        return "\n".join([*found.opening, found.before_groups, *found.cautions, *left])

    @property
    def told(self) -> dict[str, Any]:
        """The verdict for a program: its sentences, and what they are about."""
        found = self.verdict
        return {
            "text": self.text,
            "primary": found.primary,
            "headline": found.headline,
            "shift": found.before_groups,
            "cautions": list(found.cautions),
            "rule": self.rule,
            "source": self.source,
            "arms": self.arms,
            "code_version": code_version(),
        }

    def write(self, outputs: OutputFolder) -> None:
        """Write all tables as CSV, and the verdict last."""
        self.write_tables(outputs)
        self.write_verdict(outputs)

    def write_verdict(self, outputs: OutputFolder) -> None:
        """Write verdict.json, which comes last: where it is recorded, the audit is whole."""
        outputs.json(self.told, "verdict.json")

    def write_tables(self, outputs: OutputFolder, key: str = "") -> None:
        """Write all tables as CSV.

        Args:
            outputs: where they go.
            key: fingerprint of the predictions and settings; tables that were written of the same stay. "" for none.
        """
        if (found := known(outputs.folder, "tables", key)) is not None:
            outputs.add(*map(outputs.path, found["files"]))
        else:
            keep(outputs.folder, "tables", key, self._write_tables(outputs))

    def _write_tables(self, outputs: OutputFolder) -> list[Path]:
        tables = {"group_report": self.report.table}
        tables |= {name: getattr(self, name) for name in (*TABLES, "recall_by_rate")}
        tables |= {"primary": self.primary_table} if self.primary else {}
        tables["findings"] = self.verdict.table()
        return [outputs.csv(table, f"{name}.csv") for name, table in tables.items()]
