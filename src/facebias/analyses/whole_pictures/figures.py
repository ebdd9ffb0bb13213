"""The figures of an audit of whole pictures, each drawn, saved with the CSV behind it, and handed back for display."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from facebias.analyses.whole_pictures.audited import PictureAudit
from facebias.analyses.whole_pictures.means import mean_pictures
from facebias.analyses.whole_pictures.plots import (
    condition_panels,
    detectors_overview,
    found_and_missed,
    groups_at_points,
    misses_against_ita,
)
from facebias.analyses.whole_pictures.points import SHIPPED, named
from facebias.analyses.whole_pictures.tone import misses_by_ita
from facebias.audit.groups import name_of
from facebias.core.words import dataset_name
from facebias.plots import FigureFolder, Shown
from facebias.plots.kept import kept

_MATCHED = {
    "centre": "a detection whose centre lies in the face and whose side is 0.5 to 2 of its",
    "iou": "IoU >= 0.5",
}


@dataclass(frozen=True)
class PictureFigures:
    """Draws what an audit of whole pictures found.

    Attributes:
        audit: the tables.
        files: where figures and tables go.
    """

    audit: PictureAudit
    files: FigureFolder

    @kept
    def detectors(self) -> list[Shown]:
        """Every detector at both points, a figure a grouping."""
        gaps, found = self._shown(self.audit.gaps), []
        for grouping in gaps["grouping"].unique():
            mine = gaps[gaps["grouping"] == grouping]
            figure = detectors_overview(mine, self.audit.faces.name, grouping)
            found.append(self._save(figure, mine, "detectors", grouping))
        return found

    @kept
    def groups(self) -> list[Shown]:
        """Every group of every detector at both points, a figure a grouping."""
        points, found = self._shown(self.audit.points), []
        for grouping in [name for name in points["grouping"].unique() if name != "all faces"]:
            mine = points[points["grouping"].isin([grouping, "all faces"])]
            figure = groups_at_points(mine, self.audit.faces.name, grouping)
            found.append(self._save(figure, mine, "groups", grouping))
        return found

    @kept
    def conditions(self) -> list[Shown]:
        """Recall by condition, a figure a detector and grouping, thresholds as they were fixed on clean pictures."""
        found, table = [], self.audit.conditions if self.audit.changed else pd.DataFrame()
        if table.empty:
            return []
        kept = table[(table["view"] == "kept") & (table["point"] == named(self.audit.rates[0]))]
        for (model, grouping), mine in kept[kept["grouping"] != "all faces"].groupby(["model", "grouping"], sort=False):
            figure = condition_panels(mine, model, self.audit.faces.name, grouping)
            found.append(self._save(figure, mine, f"conditions-{model}", grouping))
        return found

    @kept
    def tones(self) -> list[Shown]:
        """Misses along the measured skin tone, all detectors, where it was measured."""
        rates = (SHIPPED, self.audit.rates[0])
        table = misses_by_ita(self.audit.predictions[self.audit.match], rates)
        figure = None if table.empty else misses_against_ita(table, self.audit.faces.name)
        return [] if figure is None else [self._save(figure, table, "misses", "ita")]

    @kept
    def means(self) -> list[Shown]:
        """Mean pictures of found and missed faces, a figure a grouping, of groups with 30 or more of each."""
        table, found = self.audit.predictions[self.audit.match].query("label == 1"), []
        hits = {
            str(name): mine.set_index("image_id")["score"] >= 0  # less the detector's own threshold: as shipped
            for name, mine in table.groupby("model", sort=False)
        }
        for by in self.audit.groupings:
            rows, means = mean_pictures(self.audit.faces, hits, by)
            if means:
                figure = found_and_missed(rows, means, self.audit.faces.name, name_of(by))
                found.append(self._save(figure, rows, "means", name_of(by)))
        return found

    def _shown(self, table: pd.DataFrame) -> pd.DataFrame:
        wanted = [named(SHIPPED), named(self.audit.rates[0])]
        return table[(table["match"] == self.audit.match) & table["point"].isin(wanted)]

    def _save(self, figure: Figure, table: pd.DataFrame, kind: str, grouping: str) -> Shown:
        name = self.audit.faces.name
        return self.files.save(
            figure,
            table,
            f"whole-{kind}-{name}-{grouping.replace(' ', '-')}",
            f"{dataset_name(name)}: n\u00a0=\u00a0{len(self.audit.faces.faces):,} faces",
            f"{len(self.audit.negatives.pictures):,} face-free pictures",
            f"found: {_MATCHED[self.audit.match]}",
            behind=pd.DataFrame(),
        )

    def all(self) -> list[Shown]:
        """Draw and save every figure."""
        return [*self.detectors(), *self.groups(), *self.conditions(), *self.tones(), *self.means()]

    @property
    def text(self) -> str:
        """The verdict in sentences."""
        return self.audit.text
