"""The audit: from scores to what may be claimed, without torch.

Vocabulary: a *score* is a detector's logit for one image; a *group* is one cell of skin tone x gender, race x
gender or a margin of them; *TPR* is the recall of a group's faces; *FPR* the share of non-faces called faces, never
shown per group, since non-faces have no demographics; the *gap* is the highest less the lowest group recall; the
*null gap* is the gap expected if group made no difference; *small* groups have fewer than 30 images and are never
called worst. Thresholds are fixed on validation negatives by a *rule* such as ``fpr=0.01``, the same for all models.

From the table of predictions: `group_report` (every run, every group), `summarise` (mean over seeds), `measures`
(worst group, gap), `compare` (paired changes between arms), `verdict` (sentences); `Audit` holds all of them.
"""

from __future__ import annotations

from facebias.audit.changes import compare
from facebias.audit.conclusions import Verdict, verdict
from facebias.audit.group_report import GroupReport, group_report
from facebias.audit.paper import paper_bars
from facebias.audit.predictions import PREDICTION_COLUMNS, read_predictions
from facebias.audit.stats.variance import group_variance
from facebias.audit.thresholds import RULES, fix_thresholds, threshold
from facebias.audit.whole import Audit
from facebias.audit.worst_and_gap import measures, summarise

__all__ = [
    "PREDICTION_COLUMNS",
    "RULES",
    "Audit",
    "GroupReport",
    "Verdict",
    "compare",
    "fix_thresholds",
    "group_report",
    "group_variance",
    "measures",
    "paper_bars",
    "read_predictions",
    "summarise",
    "threshold",
    "verdict",
]
