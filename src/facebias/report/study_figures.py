"""The figures of a study: those of its audit, and what data, resampling and latents look like.

Of photographs, no single face or picture is ever shown, only means over groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from facebias import plots
from facebias.audit import Audit
from facebias.core.arms import debiased
from facebias.core.numbers import percent
from facebias.core.tone_scale import CLASSES
from facebias.data.rendering.negatives import KINDS
from facebias.plots import FigureFolder, Shown
from facebias.plots.images import MEAN_OF
from facebias.plots.kept import kept
from facebias.report.audit_figures import AuditFigures, figures_of_study
from facebias.report.negatives import negatives_by_kind
from facebias.training.draws import share_ratios
from facebias.training.latents import latent_table, reconstruct, traverse
from facebias.training.study import Study

SHEET = 6  # rendered images of each kind on a contact sheet
DECODED = 300  # faces of the audit set that the decoder's detail is measured on


@dataclass(frozen=True)
class StudyFigures:
    """Draws and saves what data, resampling and latents of a study look like.

    Attributes:
        study: finished runs.
        groups: the figures of its audit, in the same folder.
    """

    study: Study
    groups: AuditFigures

    @classmethod
    def of(cls, study: Study) -> Self:
        """The figures of a study, with its audit."""
        return cls(study, figures_of_study(study))

    @property
    def audit(self) -> Audit:
        """The tables and the verdict."""
        return self.groups.audit

    @property
    def files(self) -> FigureFolder:
        """Where figures and tables go."""
        return self.groups.files

    # --- the data ---------------------------------------------------------------------------------------------
    @kept
    def who(self) -> list[Shown]:
        """Who is in the training split and in each audit set."""
        sets = {"training": self.study.training, **{name: self.study.audit_set(name) for name in self.audit.audit_sets}}
        return [
            self.files.save(
                plots.composition(data.table),
                plots.composition_counts(data.table),
                f"who-{name}",
                f"{name}: {len(data.faces):,} faces",
            )
            for name, data in sets.items()
        ]

    @kept
    def faces(self) -> list[Shown]:
        """Training faces: a contact sheet of rendered ones, means over gender and skin tone of photographed ones."""
        data, note = self.study.training, f"{len(self.study.training.faces):,} training faces"
        table = data.table.iloc[data.faces]
        if data.attrs["source"].startswith("synthetic"):
            tones = [tone for tone in CLASSES if (table["skin_tone"] == tone).any()]
            rows = _sheet(data.images[data.faces], table["skin_tone"].to_numpy(), tones)
            title = f"Rendered training faces: {SHEET} of each skin tone, and its share"
            return [self.files.save(plots.contact_sheet(rows, title), None, "faces", note)]
        groups = {f"{tone}, {gender}": data.images[data.faces[rows]] for (tone, gender), rows in _cells(table)}
        return [self.files.save(plots.mean_faces(groups), None, "mean-faces", note)]

    @kept
    def negatives(self) -> list[Shown]:
        """A contact sheet of rendered negatives, a row a kind; photographs of others are not shown."""
        data = self.study.training
        if self.study.config.negatives != "synthetic":
            return []
        kinds = data.table["factor_kind"].iloc[data.negatives].to_numpy()
        shown = [kind for kind in KINDS if (kinds == kind).any()]
        title = f"Rendered training non-faces: {SHEET} of each kind, and its share"
        figure = plots.contact_sheet(_sheet(data.images[data.negatives], kinds, shown), title)
        return [self.files.save(figure, None, "negatives", f"{len(data.negatives):,} training negatives")]

    # --- resampling and latents -------------------------------------------------------------------------------
    @kept
    def training_curves(self) -> list[Shown]:
        """Losses and validation recall of every run."""
        parts = [run.history.assign(model=run.config.arm, seed=run.config.seed) for run in self.study.runs]
        table = pd.concat(parts, ignore_index=True)
        drawn = table[table["model"].isin(self.groups.shown)]
        return [self.files.save(plots.training_curves(drawn), table, "training")]

    @kept
    def sampling(self) -> list[Shown]:
        """How much more often than it occurs each group is drawn, over epochs."""
        log = self.study.sampling
        table = share_ratios(log[log["model"].isin(debiased(self.study.config.arm_names))])
        return [
            self.files.save(plots.sampling_by_group(mine), mine, f"sampling-{name.replace('_', '-')}")
            for name, mine in table.groupby("grouping", sort=False)
        ]

    @kept
    def likely_faces(self) -> list[Shown]:
        """The training faces that the last epoch drew most and least often."""
        rendered = self.study.training.attrs["source"].startswith("synthetic")
        each = min(24, len(self.study.training.faces) // 16)  # faces a mean: two rows of eight means
        if not self.study.debiased or (each < MEAN_OF and not rendered):
            return []
        drawn = self.study.run(self.study.debiased).sampling_faces
        figure = plots.likely_faces(
            self.study.training.images[drawn["row"]], drawn["probability"].to_numpy(), synthetic=rendered, each=each
        )
        return [self.files.save(figure, None, "likely-faces", f"{self.study.debiased}, seed 0, last epoch")]

    @kept
    def latents(self) -> list[Shown]:
        """What the decoder draws of rendered faces, and what changes along the latents that tell most of a face."""
        if not self.study.debiased:
            return []
        run, note = self.study.run(self.study.debiased), f"{self.study.debiased}, seed 0"
        grid, labels = traverse(run, self.study.training, count=5)
        figure = plots.traversal(grid, labels, (-3, -2, -1, 0, 1, 2, 3))
        found = [self.files.save(figure, latent_table(run, self.study.training).round(4), "traversal", note)]
        if self.study.config.audit_names[0] == "synthetic":
            images = self.study.audit_set("synthetic").images[:DECODED]
            decoded = reconstruct(run, images)
            figure, detail = plots.reconstructions(images, decoded), plots.decoded_detail(images, decoded).round(4)
            found.insert(0, self.files.save(figure, detail, "reconstructions", note))
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
        self.groups.all()


def _sheet(images: np.ndarray, kinds: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The first images of each kind, named with its share of all."""
    share = {name: percent((kinds == name).mean()) for name in names}
    return {f"{name.replace('_', ' ')}\n{share[name]} %": images[kinds == name][:SHEET] for name in names}


def _cells(table: pd.DataFrame) -> list[tuple[tuple[str, str], np.ndarray]]:
    """Rows of each skin tone and gender with faces enough for a mean."""
    known = table[(table["skin_tone"] != "") & (table["gender"] != "")].reset_index()
    order = {tone: number for number, tone in enumerate(CLASSES)}
    cells = {key: rows for key, rows in known.groupby(["skin_tone", "gender"]).indices.items() if len(rows) >= MEAN_OF}
    position = np.flatnonzero((table["skin_tone"] != "") & (table["gender"] != ""))
    return [(key, position[cells[key]]) for key in sorted(cells, key=lambda key: (key[1], order[key[0]]))]


def write_study(study: Study) -> Audit:
    """Audit a finished study: every table, every figure, and the verdict last."""
    figures = StudyFigures.of(study)
    figures.groups.write_tables()
    figures.all()
    if len(alarms := negatives_by_kind(study)):
        figures.files.outputs.csv(alarms, "negatives-by-kind.csv")
    figures.groups.write_verdict()
    return figures.audit
