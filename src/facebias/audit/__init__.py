"""The audit: from scores to what may be claimed, without torch.

Vocabulary: a *score* is a detector's logit for one image; a *group* is one cell of skin tone x gender, race x
gender or a margin of them; *TPR* is the recall of a group's faces; *FPR* the share of non-faces called faces, never
shown per group, since non-faces have no demographics; the *gap* is the highest less the lowest group recall; the
*null gap* is the gap expected if group made no difference; *small* cells have fewer than 30 images and are never
called worst. Thresholds are fixed on validation negatives by a *rule* such as ``fpr=0.01``, the same for all models.

From the table of predictions: `group_report` (every run, every group), `summarise` (mean over seeds), `measures`
(worst group, gap), `compare` (paired changes between arms), `verdict` (sentences).
"""

from __future__ import annotations

from facebias.audit.changes import compare
from facebias.audit.curves import recall_by_fpr, recall_by_ita
from facebias.audit.group_report import GroupReport, group_report
from facebias.audit.measures import measures, summarise
from facebias.audit.moved_threshold import moved_threshold
from facebias.audit.paper import paper_bars, paper_table
from facebias.audit.predictions import COLUMNS, read_predictions, validate
from facebias.audit.stats.intervals import wilson
from facebias.audit.stats.tests import sign_flip
from facebias.audit.stats.variance import corrected_variance, group_variance
from facebias.audit.thresholds import HEADLINE, RULES, FewNegatives, fix_thresholds, rule_text, threshold
from facebias.audit.verdict import Finding, Verdict, verdict
from facebias.core.arms import arm_name
from facebias.core.csv import read_csv, write_csv
from facebias.core.words import dataset_name

__all__ = [
    "COLUMNS",
    "HEADLINE",
    "RULES",
    "FewNegatives",
    "Finding",
    "GroupReport",
    "Verdict",
    "arm_name",
    "compare",
    "corrected_variance",
    "dataset_name",
    "fix_thresholds",
    "group_report",
    "group_variance",
    "measures",
    "moved_threshold",
    "paper_bars",
    "paper_table",
    "read_csv",
    "read_predictions",
    "recall_by_fpr",
    "recall_by_ita",
    "rule_text",
    "sign_flip",
    "summarise",
    "threshold",
    "validate",
    "verdict",
    "wilson",
    "write_csv",
]
