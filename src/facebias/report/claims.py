"""Whether the groups of detectors with one set of weights differ: a claim over images and threshold."""

from __future__ import annotations

import pandas as pd

from facebias.analyses.whole_pictures.points import gaps_table, named, rule_of
from facebias.analyses.whole_pictures.verdict import findings_table
from facebias.audit import Audit
from facebias.core.numbers import interval, p_value, percent
from facebias.core.words import dataset_name

_CROPS = "crops"


def claims_of(audit: Audit) -> pd.DataFrame:
    """One row a detector, audit set and grouping, at the audit's own false positive rate.

    Returns:
        `facebias.analyses.whole_pictures.verdict.findings_table`.
    """
    tables, point = {_CROPS: audit.predictions}, named(audit.fpr)
    groupings = [by for by in audit.groupings if by]
    gaps = gaps_table(tables, groupings, (audit.fpr,))
    return findings_table(tables, gaps[gaps["point"] == point], {point: rule_of(audit.fpr)})


def claim_texts(claims: pd.DataFrame) -> list[str]:
    """Each claim in words, those that can be made first."""
    return [
        f"{row.model}, {dataset_name(row.dataset)} by {row.grouping}: "
        f"{'groups differ' if row.differs else 'that groups differ is not shown'} (gap {percent(row.gap)} points, "
        f"corrected {percent(row.corrected)} {interval(row.low, row.high)}; permutation p {p_value(row.p)}, after Holm "
        f"{p_value(row.p_holm)})."
        for row in claims.sort_values("differs", ascending=False, kind="stable").itertuples()
        if row.worst
    ]
