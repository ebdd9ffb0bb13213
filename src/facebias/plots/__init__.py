"""Figures: a table in, a matplotlib Figure out; `save` writes it with its footer and the CSV behind it.

One function a figure. No torch, no pyplot, no display. Every figure made from rendered faces says so, and real people
are shown as means over groups alone. Figures of further analyses lie with them, in `facebias.analyses`.
"""

from __future__ import annotations

from facebias.plots.arms import arms_overview
from facebias.plots.curves import recall_against_threshold
from facebias.plots.decoded import decoded_detail, reconstructions, traversal
from facebias.plots.heatmap import group_heatmap
from facebias.plots.images import contact_sheet, likely_faces, mean_faces
from facebias.plots.people import composition, composition_counts
from facebias.plots.recall import group_recall, source_recall
from facebias.plots.saving import FigureFolder, Shown, provenance, save, show
from facebias.plots.scores import group_calibration, group_scores
from facebias.plots.slope import paired_slope
from facebias.plots.style import mark
from facebias.plots.tone import ita_histogram, recall_against_ita
from facebias.plots.training import sampling_by_group, training_curves

__all__ = [
    "FigureFolder",
    "Shown",
    "arms_overview",
    "composition",
    "composition_counts",
    "contact_sheet",
    "decoded_detail",
    "group_calibration",
    "group_heatmap",
    "group_recall",
    "group_scores",
    "ita_histogram",
    "likely_faces",
    "mark",
    "mean_faces",
    "paired_slope",
    "provenance",
    "recall_against_ita",
    "recall_against_threshold",
    "reconstructions",
    "sampling_by_group",
    "save",
    "show",
    "source_recall",
    "training_curves",
    "traversal",
]
