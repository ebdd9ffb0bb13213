"""Any runs side by side: other arms, seeds, epochs or sizes, of one study or of several. No torch.

A *model* is what runs that differ in nothing but their seed have in common; its name is its arm, with the settings
that tell it from other models of that arm. All are compared on the images of the audit sets that every run scored,
at the same threshold rule, and a change is *flagged* only where its 95 % interval excludes 0.
"""

from __future__ import annotations

from facebias.report.comparison.changes import CHANGE_COLUMNS
from facebias.report.comparison.comparison import Comparison, compare_named, compare_runs
from facebias.report.comparison.models import Model, models_of, settings_table
from facebias.report.comparison.named import find_named, find_runs, studies_table
from facebias.report.comparison.tables import published_table, reproduction_table

__all__ = [
    "CHANGE_COLUMNS",
    "Comparison",
    "Model",
    "compare_named",
    "compare_runs",
    "find_named",
    "find_runs",
    "models_of",
    "published_table",
    "reproduction_table",
    "settings_table",
    "studies_table",
]
