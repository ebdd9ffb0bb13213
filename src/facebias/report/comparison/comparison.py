"""The comparison of some runs: its tables, and what they become in a terminal and in files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from facebias import audit
from facebias.audit.decisions import Decisions
from facebias.audit.groups import GROUPINGS, name_of, own_groupings
from facebias.audit.thresholds import HEADLINE, rule_text
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import write_text
from facebias.core.manifest import fingerprint
from facebias.core.outputs import OutputFolder
from facebias.core.words import interval_over
from facebias.plots import FigureFolder, Shown
from facebias.report.comparison import notes, tables
from facebias.report.comparison import terminal as text
from facebias.report.comparison.changes import changes_table
from facebias.report.comparison.models import Model, listed, models_of, models_table, pick_baseline, settings_table
from facebias.report.comparison.named import find_named, in_common, studies_table
from facebias.report.comparison.page import fragment, page
from facebias.report.comparison.plots import group_changes, recall_beside_published
from facebias.report.comparison.shared_images import Shared, shared_predictions
from facebias.training.run import Run

_TABLES = ("models", "settings", "studies", "measures", "changes", "published", "reproduced")


@dataclass(frozen=True)
class Comparison:
    """Some models on the images that all of them scored. Each table is computed when first asked for.

    Attributes:
        compared: the models, the baseline first.
        rule: threshold rule.
        shared: predictions on shared images.
        of: settings of the whole studies that were named, by id.
    """

    compared: tuple[Model, ...]
    rule: str
    shared: Shared
    of: Mapping[str, Config] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the models, the baseline's first."""
        return [model.name for model in self.compared]

    @property
    def source(self) -> str:
        """The training source, "" where the models do not share it."""
        found = {model.settings["train_faces"] for model in self.compared}
        return found.pop() if len(found) == 1 else ""

    @property
    def synthetic(self) -> bool:
        """Whether any image behind it is rendered."""
        seen = {model.settings[name] for model in self.compared for name in ("train_faces", "negatives")}
        return "synthetic" in seen | set(self.shared.predictions["dataset"])

    @property
    def models(self) -> pd.DataFrame:
        """Which run is of which model (`models_table`)."""
        return models_table(self.compared)

    @property
    def settings(self) -> pd.DataFrame:
        """What differs between the models beside the arm (`settings_table`)."""
        return settings_table(self.compared)

    @property
    def studies(self) -> pd.DataFrame:
        """What differs between the studies that were named (`studies_table`)."""
        return studies_table(self.of)

    @cached_property
    def groupings(self) -> tuple[tuple[str, ...], ...]:
        """What is grouped by: GROUPINGS, and each group column that a data set of somebody's own brings."""
        return (*GROUPINGS, *((name,) for name in own_groupings(self.shared.predictions)[0]))

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Recall of every group and model (`facebias.audit.summarise`)."""
        return audit.summarise(self.shared.predictions, self.rule, self.groupings)

    @cached_property
    def measures(self) -> pd.DataFrame:
        """Worst group, gap and variance of every model (`facebias.audit.worst_and_gap`)."""
        return audit.measures(self.shared.predictions, self.rule, self.groupings)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Change of every group from the baseline, one row a model and group (`changes_table`)."""
        return changes_table(
            Decisions(self.shared.predictions, self.rule),
            self.names[0],
            same_negatives=self.shared.same_negatives,
            may_flag=self.shared.like_negatives or not self.rule.startswith("fpr"),
            groupings=self.groupings,
        )

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Recall, worst group, gap and variance, three columns a model (`level_table`)."""
        return tables.level_table(self.summary, self.measures, self.names)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The levels and, beside them, the changes: what terminal, notebook and page show (`group_table`)."""
        return tables.group_table(self.levels, tables.change_table(self.changes, self.names[1:]))

    @property
    def published(self) -> pd.DataFrame:
        """The paper's numbers (`published_table`)."""
        return tables.published_table()

    @property
    def reproduced(self) -> pd.DataFrame:
        """A published reproduction's trainings, by setting and group (`reproduction_table`)."""
        return tables.reproduction_table()

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """How intervals were drawn, what was left out, and what limits the comparison, one sentence or two each."""
        few = not Decisions(self.shared.predictions, self.rule).enough
        small = bool(self.summary.loc[self.summary["metric"] == "TPR", "small"].any())
        return (
            *notes.on_flags(self.changes, self.rule, self.shared),
            *filter(None, [in_common(self.of)]),
            *notes.on_seeds(self.compared, self.changes),
            *notes.on_thresholds(self.rule, self.shared, few),
            *notes.on_faces(self.compared, self.shared, small),
            *self.shared.notes,
            *notes.on_rendering(self.synthetic),
        )

    @property
    def text(self) -> str:
        """All of it for a terminal, changes and notes last; marginal groupings are in the tables alone."""
        base, paper, table = self.names[0], self.published, self.table
        told = (*text.SHOWN, *map(name_of, self.groupings[len(GROUPINGS) :]))
        whole = (table["dataset"] != "test") | (table["grouping"] == "all faces")
        shown = table[table["grouping"].isin(told) & whole]
        settings = list(paper.columns[5:])
        bars = paper[paper["metric"] == "TPR"].set_index("group")
        worst = paper.loc[paper["metric"] == "worst", ["dataset", "grouping", "metric"]].merge(
            pd.DataFrame({"model": settings, "group": [bars[name].idxmin() for name in settings]}), how="cross"
        )
        models = [[model.name, listed(model.seeds)] for model in self.compared]
        between = ["What differs between the studies", *text.settings(self.studies), ""] if len(self.of) > 1 else []
        return "\n".join(
            [
                f"{len(self.names)} models at {rule_text(self.rule)}; changes are from {base}",
                "",
                *between,
                *text.aligned([["model", "seeds"], *models], 1),
                "",
                "What differs between them beside the arm",
                *text.settings(self.settings),
                "",
                f"Recall, % [{interval_over(max(len(model.seeds) for model in self.compared))}]",
                *text.levels(shown, self.names, self.measures, self.source),
                "",
                text.REFERENCE,
                *text.levels(paper, settings, worst),
                "",
                text.REPRODUCED,
                *text.settings_by_group(self.reproduced),
                "",
                f"Change from {base}, points [95 % interval]; {text.FLAG} flagged, as the interval excludes 0",
                *text.changes(table, self.names[1:], self.source, told),
                "",
                *self.notes,
            ]
        )

    def figures(self, folder: Path) -> list[Shown]:
        """Draw and save, for each audit set and crossed grouping: recall beside the paper's, and the changes."""
        labels = {
            model.name: f"{model.label} (seed{'s' * (len(model.seeds) > 1)} {listed(model.seeds)})"
            for model in self.compared
        }
        plain = {model.name: model.label for model in self.compared}
        levels = self.summary[self.summary["metric"] == "TPR"].replace({"model": labels})
        changes = self.changes.replace({"model": labels, "baseline": plain})
        shown, files = [], FigureFolder(self._outputs(folder), self.synthetic)
        drawn = (*text.SHOWN[:2], *map(name_of, self.groupings[len(GROUPINGS) :]))
        there = levels[(levels["dataset"] != "test") & levels["grouping"].isin(drawn)]
        for dataset, grouping in there[["dataset", "grouping"]].drop_duplicates().itertuples(index=False):
            rows, moved = (
                table[(table["dataset"] == dataset) & table["grouping"].isin([grouping, "all faces"])]
                for table in (levels, changes)
            )
            for kind, figure, table in (
                ("recall", recall_beside_published(rows, dataset, grouping), rows),
                ("change", group_changes(moved, dataset, grouping), moved),
            ):
                name = f"{kind}-{dataset}-{grouping.replace(' ', '-')}"
                shown.append(files.save(figure, table, name, behind=rows.drop(columns="seeds")))
        return shown

    def write(self, folder: Path) -> Path:
        """Write every figure, every table as CSV, the page, and comparison.txt last: where it is, all of it is there.

        Returns:
            The page.
        """
        outputs, shown = self._outputs(folder), self.figures(folder)
        outputs.csv(self.table, "by_group.csv")
        for name in _TABLES:
            outputs.csv(getattr(self, name), f"{name}.csv")
        html, plain = outputs.path("comparison.html"), outputs.path("comparison.txt")
        write_text(html, page(self, [one.path for one in shown]))
        write_text(plain, self.text + "\n")
        return outputs.add(html, plain)

    def record(self, folder: Path) -> dict[str, Any]:
        """The comparison for a program, as JSON knows values; a missing number is null."""
        return {
            "rule": self.rule,
            "baseline": self.names[0],
            "models": _rows(self.models),
            "studies": _rows(self.studies),
            "settings": _rows(self.settings),
            "changes": _rows(self.changes),
            "notes": list(self.notes),
            "folder": str(folder),
        }

    def _repr_html_(self) -> str:
        """What Jupyter shows: the tables of the page."""
        return fragment(self)

    def _outputs(self, folder: Path) -> OutputFolder:
        """The folder's record; what an earlier comparison left there is none of this one's."""
        runs = " ".join(run.id for model in self.compared for run in model.runs)
        return OutputFolder(folder, f"comparison-{fingerprint({'runs': runs, 'rule': self.rule})}")


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=12))
    return found


def compare_named(
    names: Sequence[str],
    config: Config,
    baseline: str = "",
    rule: str = HEADLINE,
    places: Mapping[str, Any] | None = None,
) -> Comparison:
    """Compare runs, whole studies and executed notebooks by their names, as `find_named` and `compare_runs` do."""
    named = find_named(names, config, places)
    return compare_runs(named.runs, baseline, rule, named.studies)


def compare_runs(
    runs: Sequence[Run], baseline: str = "", rule: str = HEADLINE, studies: Mapping[str, Config] | None = None
) -> Comparison:
    """Compare runs that scored the same audit images, whatever study they are of.

    Args:
        runs: scored runs; those that differ in their seed alone are one model.
        baseline: what the others are compared with: a model's name or the beginning of it or of a run's id; the first
            run's model unless told.
        rule: threshold rule, "fpr=0.01" or "p=0.5".
        studies: settings of the studies that the runs are of, by id, where their difference is to be told.

    Raises:
        FacebiasError: fewer than two models, no such baseline, the same training twice, no shared audit images, an
            unknown rule, or predictions that `facebias.audit.validate` refuses.
    """
    rule_text(rule)
    models = models_of(runs)
    if len(models) < 2:
        names = ", ".join(model.name for model in models) or "no run"
        raise FacebiasError(
            "COMPARE",
            names,
            f"one model at most, with {len(runs)} run(s): nothing to compare",
            "Name runs of two arms or settings; runs that differ in their seed are one model",
        )
    first = pick_baseline(models, baseline)
    ordered = (first, *(model for model in models if model is not first))
    return Comparison(ordered, rule, shared_predictions(ordered), studies or {})
