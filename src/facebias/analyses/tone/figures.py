"""The figures of skin tone: how near it is measured, and what race tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from facebias.analyses.tone.plots import recall_along
from facebias.analyses.tone.plots import tone_accuracy as accuracy_figure
from facebias.analyses.tone.plots import tone_by_race as cross_table_figure
from facebias.analyses.tone.tables import AXES, recall_by_colour, tone_accuracy, tone_by_race, tone_summary
from facebias.core.arms import counterpart
from facebias.core.config import Config
from facebias.core.outputs import OutputFolder
from facebias.core.studies import plan
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_audit, pack_training
from facebias.data.rendering.colour import skin_lab
from facebias.data.skin_tone import measure, nearest_monk, of_tone
from facebias.plots import FigureFolder, Shown
from facebias.training.run import Run
from facebias.training.study import finished_study


@dataclass(frozen=True)
class ToneFigures:
    """Measured skin tone against the truth of rendered faces, and beside the labels of race. Needs packed files alone.

    Where the study's runs are there, recall along lightness and hue too. Classes and summaries are of the tone that the
    settings name, as in the audit; the check against the truth has both, as pictured and at normalised exposure.

    Attributes:
        config: which training data and audit sets.
    """

    config: Config

    @property
    def files(self) -> FigureFolder:
        """Where figures and tables go."""
        return FigureFolder(OutputFolder(self.config.study_folder, self.config.study_id), self.config.synthetic)

    @cached_property
    def sets(self) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
        """Table and measured skin colour of the faces of every audit set and of the training split.

        Colour is measured anew on the packed pictures, as `FaceDataset.table` has it only for photographs and without
        Monk tone and share of pixels.
        """
        files = {name: pack_audit(self.config, name) for name in self.config.audit_names}
        found = {}
        for name, path in (files | {"training": pack_training(self.config)["train"]}).items():
            data = FaceDataset.load(path)
            found[name] = data.table.iloc[data.faces].reset_index(drop=True), measure(data.images[data.faces])
        return found

    def accuracy(self) -> list[Shown]:
        """Measured against true skin colour, of every set of rendered faces."""
        found = []
        for name, (table, measured) in self.sets.items():
            if "factor_exposure" not in table:
                continue
            lab = skin_lab(table["factor_melanin"].to_numpy(), table["factor_haemoglobin"].to_numpy())
            truth = table.assign(monk=nearest_monk(lab))
            checked = tone_accuracy(measured, truth, table["factor_exposure"].to_numpy(dtype=float))
            points = pd.DataFrame({"ita": table["ita"], "measured": measured["ita"]})
            found.append(self._save(accuracy_figure(points, checked, name), checked, f"tone-accuracy-{name}"))
        return found

    def by_race(self) -> list[Shown]:
        """Race as labelled against tone as measured, of every set that labels race."""
        found = []
        for name, (table, measured) in self.sets.items():
            if (table["race"] != "").any():
                explained = float(self.summary(name)["explained"].iloc[-1])
                cells = tone_by_race(of_tone(measured, self.config.tone), table["race"])
                found.append(self._save(cross_table_figure(cells, name, explained), cells, f"tone-by-race-{name}"))
        return found

    def summary(self, name: str) -> pd.DataFrame:
        """ITA, L*, hue, Monk tone and share of pixels used, by race and over all."""
        table, measured = self.sets[name]
        return tone_summary(of_tone(measured, self.config.tone), table["race"])

    def recall(self) -> list[Shown]:
        """Recall along lightness and along hue on every audit set, of the baseline and the arm set against it.

        Empty where the study's runs are not all trained and scored.
        """
        runs = [Run.of(one) for one in plan(self.config)]
        if not all(run.complete and (run.path / "predictions.parquet").exists() for run in runs):
            return []
        study, found = finished_study(self.config), []
        arms = dict.fromkeys((study.baseline, counterpart(self.config.arm_names)))
        predictions = study.predictions[study.predictions["model"].isin(arms)]
        for name in self.config.audit_names:
            colours = study.audit_set(name).table.set_index("image_id")
            for column in AXES:
                table = recall_by_colour(predictions, colours[column], name, study.rule)
                if not table.empty:
                    shown = self.files.save(recall_along(table, column, name), table, f"tone-recall-by-{column}-{name}")
                    found.append(shown)
        return found

    def all(self) -> None:
        """Draw and save every figure, and the summaries as `tone-summary.csv`."""
        self.accuracy()
        self.by_race()
        self.recall()
        parts = [self.summary(name).assign(dataset=name) for name in self.sets]
        table = pd.concat(parts, ignore_index=True)
        columns = ["dataset", *[name for name in table if name != "dataset"]]
        self.files.outputs.csv(table[columns], "tone-summary.csv")

    @property
    def text(self) -> str:
        """How many faces could be measured, the error where the truth is known, and what race tells of tone."""
        lines = []
        for name in self.sets:
            row = self.summary(name).iloc[-1]
            line = f"{name}: {int(row['measured']):,} of {int(row['n']):,} faces measured, median ITA {row['ita']:.0f}"
            lines.append(
                line
                + (
                    ""
                    if np.isnan(row["explained"])
                    else f", race accounts for {100 * row['explained']:.0f} % of its variance"
                )
            )
        return "\n".join(lines)

    def _save(self, figure: Figure, table: pd.DataFrame, name: str) -> Shown:
        return self.files.save(figure, table, name, "measured on packed pictures of 64 x 64", behind=pd.DataFrame())
