"""The table of what can be claimed of detectors that are not ours."""

from __future__ import annotations

from facebias.core.numbers import p_value
from facebias.core.words import dataset_name
from facebias.report.page.cells import Cell, Table, rated, said, share
from facebias.report.page.folder import AuditFolder


def claims(audited: AuditFolder) -> list[Table]:
    """Whether the groups of detectors that are not ours differ; empty for runs of ours, of which others are asked."""
    table = audited.table("claims")
    if table.empty:
        return []
    heads = ["data set", "groups by", "detector", "worst group", "#gap, points", "#corrected gap [95 % interval]"]
    rows = [
        [
            said(dataset_name(row["dataset"])),
            *(said(row[name]) for name in ("grouping", "model", "worst")),
            share(row["gap"]),
            rated(row, "corrected"),
            Cell(p_value(row["p"])),
            Cell(p_value(row["p_holm"])),
            said("differ" if str(row["differs"]) == "True" else "not shown to differ"),
        ]
        for _, row in table.iterrows()
    ]
    note = (
        "One set of weights is all there is, so the gap is judged over images and threshold. Groups differ: its "
        "interval excludes 0, and a permutation test stays under 5 % after Holm over all rows."
    )
    return [
        Table("The gap of each detector", [*heads, "#p", "#p, Holm", "groups"], rows, note, True, file="claims.csv")
    ]
