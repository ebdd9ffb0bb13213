"""The figures of a study, each drawn, saved with the CSV behind it, and handed back for display.

Every method returns a list, which is empty where the data do not admit the figure: of photographs, no single face or
picture is ever shown, only means over groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from facebias import audit, plots
from facebias.dataset import FaceDataset
from facebias.findings import Findings
from facebias.latents import reconstruct, traverse
from facebias.pack import pack_audit, pack_training
from facebias.plots import Shown
from facebias.skin_tone import CLASSES
from facebias.study import Study

SHEET = 48  # rendered images on a contact sheet


@dataclass(frozen=True)
class StudyFigures:
    """Draws and saves into `figures/<study>/`.

    Attributes:
        study: finished runs.
        findings: their audit.
    """

    study: Study
    findings: Findings

    @property
    def folder(self) -> Path:
        """Where the figures go."""
        return self.study.config.path("figures") / self.study.config.figures_name

    @property
    def _debiased(self) -> str:
        """The arm whose resampling and latents are shown: the DB-VAE that resamples most."""
        arms = [arm for arm in self.study.config.arm_names if arm.startswith("dbvae")]
        return min(arms, key=lambda arm: self.study.config.for_arm(arm, 0).alpha) if arms else ""

    @cached_property
    def training(self) -> FaceDataset:
        """The training split."""
        return FaceDataset.load(pack_training(self.study.config)["train"])

    def audit_set(self, name: str) -> FaceDataset:
        """An audit set."""
        return FaceDataset.load(pack_audit(self.study.config, name))

    def _save(self, figure: Figure, table: pd.DataFrame | None, name: str, *parts: str,
              behind: pd.DataFrame | None = None) -> Shown:
        """Save with a footer that tells n and seeds from `behind`, the summary's rows, or from the table itself."""
        behind = table if behind is None else behind
        footer = plots.provenance(pd.DataFrame() if behind is None else behind, *parts)
        path = plots.save(figure, table, self.folder / f"{name}.png", synthetic=self.study.config.synthetic,
                          provenance=footer)
        return Shown(figure, path)

    # --- the data ---------------------------------------------------------------------------------------------
    def who(self) -> list[Shown]:
        """Who is in the training split and in each audit set."""
        sets = {"training": self.training, **{name: self.audit_set(name) for name in self.findings.audit_sets}}
        return [self._save(plots.composition(data.table), plots.composition_counts(data.table), f"who-{name}",
                           f"{name}: {len(data.faces):,} faces") for name, data in sets.items()]

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
        return [self._save(plots.training_curves(table), table, "training")]

    def sampling(self) -> list[Shown]:
        """How much more often than it occurs each group is drawn, over epochs."""
        log = self.study.sampling
        log = log[log["model"].isin([arm for arm in self.study.config.arm_names if arm.startswith("dbvae")])]
        tables = {name: audit.sampling_by_group(log, name) for name in log["grouping"].unique()}
        return [self._save(plots.sampling_by_group(table), table, f"sampling-{name.replace('_', '-')}")
                for name, table in tables.items()]

    def likely_faces(self) -> list[Shown]:
        """The training faces that the last epoch drew most and least often."""
        if not self._debiased:
            return []
        drawn = self.study.run(self._debiased).sampling_faces
        rendered = self.training.attrs["source"].startswith("synthetic")
        figure = plots.likely_faces(self.training.images[drawn["row"]], drawn["probability"].to_numpy(),
                                    synthetic=rendered)
        return [self._save(figure, None, "likely-faces", f"{self._debiased}, seed 0, last epoch")]

    def latents(self) -> list[Shown]:
        """Reconstructions of rendered faces, and what changes along the latents that vary most."""
        if not self._debiased:
            return []
        run, note = self.study.run(self._debiased), f"{self._debiased}, seed 0"
        grid, labels = traverse(run, self.training, count=5)
        found = [self._save(plots.traversal(grid, labels, (-3, -2, -1, 0, 1, 2, 3)), None, "traversal", note)]
        if self.study.config.audit_names[0] == "synthetic":
            images = self.audit_set("synthetic").images[:12]
            found.insert(0, self._save(plots.reconstructions(images, reconstruct(run, images)), None,
                                       "reconstructions", note))
        return found

    # --- the audit --------------------------------------------------------------------------------------------
    def source_recall(self) -> list[Shown]:
        """Recall on held-out training-source faces and on each audit set, before any group."""
        table = self.findings.summary.query("grouping == 'all faces'")
        return [self._save(plots.source_recall(table, self.findings.source), table, "recall-by-source")]

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
        """Recall of every group of each audit set, all arms on one axis, or those named."""
        name = f"group-recall{''.join(f'-{arm}' for arm in arms)}"
        return [self._save(plots.group_recall(table, dataset, grouping, arms or None),
                           table[table["model"].isin(arms or self.findings.arms)],
                           f"{name}-{dataset}-{_slug(grouping)}")
                for dataset, grouping, table in self._each_set("race x gender", "skin tone x gender")]

    def heatmaps(self) -> list[Shown]:
        """The same as colour and number in every cell."""
        return [self._save(plots.group_heatmap(table, dataset, grouping), table, f"heatmap-{dataset}-{_slug(grouping)}")
                for dataset, grouping, table in self._each_set("race x gender", "skin tone x gender")]

    def trade_off(self) -> list[Shown]:
        """Recall of each group against the false positive rate that is allowed."""
        arms = [arm for arm in (self.findings.baseline, self._debiased) if arm]
        predictions = self.findings.predictions
        predictions = predictions[predictions["model"].isin(arms)]
        found = []
        for dataset, grouping, behind in self._each_set("race", "skin tone"):
            table = audit.recall_by_fpr(predictions, dataset, (grouping.replace(" ", "_"),))
            figure = plots.recall_against_threshold(table)
            found.append(self._save(figure, table, f"trade-off-{dataset}-{_slug(grouping)}", behind=behind))
        return found

    def tones(self) -> list[Shown]:
        """Recall against the measured skin tone, without classes."""
        found = []
        for name in self.findings.audit_sets:
            table = audit.recall_by_ita(self.findings.predictions, name, self.findings.rule)
            found.append(self._save(plots.recall_against_ita(table), table, f"recall-by-ita-{name}"))
        return found

    def slopes(self) -> list[Shown]:
        """From the baseline to the DB-VAE, group by group."""
        if not self._debiased:
            return []
        arms = (self.findings.baseline, self._debiased)
        return [self._save(plots.paired_slope(table, dataset, *arms, grouping), table[table["model"].isin(arms)],
                           f"slope-{dataset}-{_slug(grouping)}")
                for dataset, grouping, table in self._each_set("race x gender", "skin tone x gender")]

    def all(self) -> None:
        """Draw and save every figure."""
        for draw in (self.who, self.faces, self.negatives, self.training_curves, self.sampling, self.likely_faces,
                     self.latents, self.source_recall, self.group_recall, self.heatmaps, self.trade_off, self.tones,
                     self.slopes):
            draw()


def _cells(table: pd.DataFrame) -> list[tuple[tuple[str, str], np.ndarray]]:
    """Rows of each skin tone and gender with faces enough for a mean."""
    known = table[(table["skin_tone"] != "") & (table["gender"] != "")].reset_index()
    order = {tone: number for number, tone in enumerate(CLASSES)}
    cells = {key: rows for key, rows in known.groupby(["skin_tone", "gender"]).indices.items()
             if len(rows) >= plots.MEAN_OF}
    position = np.flatnonzero((table["skin_tone"] != "") & (table["gender"] != ""))
    return [(key, position[cells[key]]) for key in sorted(cells, key=lambda key: (key[1], order[key[0]]))]


def _slug(grouping: str) -> str:
    return grouping.replace(" ", "-")


def write_study(study: Study) -> Findings:
    """Audit a finished study: every figure, every table, and the verdict last."""
    config = study.config
    findings = Findings(study.predictions, config.fpr, config.train_faces, config.arm_names[0])
    figures = StudyFigures(study, findings)
    figures.all()
    findings.write(figures.folder)
    return findings
