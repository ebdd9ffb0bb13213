"""The figures of a study: those of its audit, and what data, resampling and latents look like.

Of photographs, no single face or picture is ever shown, only means over groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from facebias import plots
from facebias.analyses.mechanism.tables import share_ratios
from facebias.core.arms import debiased
from facebias.core.tone_scale import CLASSES
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_audit, pack_training
from facebias.plots import Shown
from facebias.plots.images import MEAN_OF
from facebias.report.audit_figures import AuditFigures
from facebias.report.findings import Findings
from facebias.training.latents import reconstruct, traverse
from facebias.training.study import Study

SHEET = 48  # rendered images on a contact sheet


@dataclass(frozen=True)
class StudyFigures(AuditFigures):
    """Draws and saves into `figures/<study>/`.

    Attributes:
        study: finished runs.
    """

    study: Study

    @classmethod
    def of(cls, study: Study) -> Self:
        """The figures of a study, with its audit."""
        config = study.config
        findings = Findings(study.predictions, config.fpr, config.train_faces, config.arm_names[0])
        return cls(findings, config.path("figures") / config.figures_name, config.synthetic, study)

    @cached_property
    def training(self) -> FaceDataset:
        """The training split."""
        return FaceDataset.load(pack_training(self.study.config)["train"])

    def audit_set(self, name: str) -> FaceDataset:
        """An audit set."""
        return FaceDataset.load(pack_audit(self.study.config, name))

    # --- the data ---------------------------------------------------------------------------------------------
    def who(self) -> list[Shown]:
        """Who is in the training split and in each audit set."""
        sets = {"training": self.training, **{name: self.audit_set(name) for name in self.findings.audit_sets}}
        return [
            self._save(
                plots.composition(data.table),
                plots.composition_counts(data.table),
                f"who-{name}",
                f"{name}: {len(data.faces):,} faces",
            )
            for name, data in sets.items()
        ]

    def faces(self) -> list[Shown]:
        """Training faces: a contact sheet of rendered ones, means over gender and skin tone of photographed ones."""
        data, note = self.training, f"{len(self.training.faces):,} training faces"
        if data.attrs["source"].startswith("synthetic"):
            return [self._save(plots.contact_sheet(data.images[data.faces[:SHEET]], columns=16), None, "faces", note)]
        table = data.table.iloc[data.faces]
        groups = {f"{tone}, {gender}": data.images[data.faces[rows]] for (tone, gender), rows in _cells(table)}
        return [self._save(plots.mean_faces(groups), None, "mean-faces", note)]

    def negatives(self) -> list[Shown]:
        """A contact sheet of rendered negatives; photographs of others are not shown."""
        data = self.training
        if self.study.config.negatives != "synthetic":
            return []
        figure = plots.contact_sheet(data.images[data.negatives[:SHEET]], columns=16)
        return [self._save(figure, None, "negatives", f"{len(data.negatives):,} training negatives")]

    # --- resampling and latents -------------------------------------------------------------------------------
    def training_curves(self) -> list[Shown]:
        """Losses and validation recall of every run."""
        parts = [run.history.assign(model=run.config.arm, seed=run.config.seed) for run in self.study.runs]
        table = pd.concat(parts, ignore_index=True)
        drawn = table[table["model"].isin(self.shown)]
        return [self._save(plots.training_curves(drawn), table, "training")]

    def sampling(self) -> list[Shown]:
        """How much more often than it occurs each group is drawn, over epochs."""
        log = self.study.sampling
        table = share_ratios(log[log["model"].isin(debiased(self.study.config.arm_names))])
        return [
            self._save(plots.sampling_by_group(mine), mine, f"sampling-{name.replace('_', '-')}")
            for name, mine in table.groupby("grouping", sort=False)
        ]

    def likely_faces(self) -> list[Shown]:
        """The training faces that the last epoch drew most and least often."""
        rendered = self.training.attrs["source"].startswith("synthetic")
        each = min(24, len(self.training.faces) // 16)  # faces a mean: two rows of eight means
        if not self.debiased or (each < MEAN_OF and not rendered):
            return []
        drawn = self.study.run(self.debiased).sampling_faces
        figure = plots.likely_faces(
            self.training.images[drawn["row"]], drawn["probability"].to_numpy(), synthetic=rendered, each=each
        )
        return [self._save(figure, None, "likely-faces", f"{self.debiased}, seed 0, last epoch")]

    def latents(self) -> list[Shown]:
        """Reconstructions of rendered faces, and what changes along the latents that vary most."""
        if not self.debiased:
            return []
        run, note = self.study.run(self.debiased), f"{self.debiased}, seed 0"
        grid, labels = traverse(run, self.training, count=5)
        found = [self._save(plots.traversal(grid, labels, (-3, -2, -1, 0, 1, 2, 3)), None, "traversal", note)]
        if self.study.config.audit_names[0] == "synthetic":
            images = self.audit_set("synthetic").images[:12]
            found.insert(
                0, self._save(plots.reconstructions(images, reconstruct(run, images)), None, "reconstructions", note)
            )
        return found

    def all(self) -> None:
        """Draw and save every figure."""
        for draw in (
            self.who,
            self.faces,
            self.negatives,
            self.training_curves,
            self.sampling,
            self.likely_faces,
            self.latents,
        ):
            draw()
        super().all()


def _cells(table: pd.DataFrame) -> list[tuple[tuple[str, str], np.ndarray]]:
    """Rows of each skin tone and gender with faces enough for a mean."""
    known = table[(table["skin_tone"] != "") & (table["gender"] != "")].reset_index()
    order = {tone: number for number, tone in enumerate(CLASSES)}
    cells = {key: rows for key, rows in known.groupby(["skin_tone", "gender"]).indices.items() if len(rows) >= MEAN_OF}
    position = np.flatnonzero((table["skin_tone"] != "") & (table["gender"] != ""))
    return [(key, position[cells[key]]) for key in sorted(cells, key=lambda key: (key[1], order[key[0]]))]


def write_study(study: Study) -> Findings:
    """Audit a finished study: every figure, every table, and the verdict last."""
    figures = StudyFigures.of(study)
    figures.all()
    figures.findings.write(figures.folder)
    return figures.findings
