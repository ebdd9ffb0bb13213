"""The report of an audit of whole pictures as one HTML file: its detectors with their cards, points, gaps, figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from facebias.analyses.whole_pictures.audited import PictureAudit
from facebias.core.files import write_text
from facebias.core.numbers import number, p_value
from facebias.core.paths import code_version
from facebias.core.words import dataset_name
from facebias.report.page import Section, Table, tables_page
from facebias.report.page.cells import counted, rated, said, share

_RULES = {
    "centre": "its centre lies in the face's box, and its side is between half and twice the face's",
    "iou": "it shares half of the union with the face's box (IoU 0.5)",
}


def write_pictures_report(audit: PictureAudit, figures: Sequence[Path], out: Path) -> Path:
    """Write the report of an audit of whole pictures.

    Args:
        audit: what was found.
        figures: PNG files, their CSV beside them.
        out: where the page goes.

    Raises:
        FacebiasError: the page would be too large, or cannot be written.
    """
    names = " and ".join(one.name for one in audit.detectors)
    lead = [*audit.headline, _how(audit), *audit.cautions, _not_shown(audit)]
    sections = [
        Section("The detectors", "detectors", "Detectors", [_cards(audit.cards)]),
        Section("Worst groups and gaps", "gaps", "Gaps", _findings(audit)),
        Section("Recall of each group", "groups", "Groups", _points(audit)),
        Section("Changes from the first detector", "changes", "Changes", _changes(audit)),
    ]
    title = f"Bias audit of {names}: whole pictures of {dataset_name(audit.faces.name)}"
    page = tables_page(title, lead, [one for one in sections if one.tables], {path.name: path for path in figures})
    write_text(out, page)
    return out


def _how(audit: PictureAudit) -> str:
    return (
        f"{len(audit.faces.faces):,} faces in whole pictures, {len(audit.negatives.pictures):,} pictures without one. "
        f"Where a face is: {audit.faces.truth}. A detection finds it if {_RULES[audit.match]}. Each detector has one "
        "set of weights, and that is all there is of it: intervals are over images and the threshold. facebias "
        f"{code_version()}."
    )


def _not_shown(audit: PictureAudit) -> str:
    return (
        "Groups are as labelled, by perception or measurement, not what a person is. Skin tone, where it is measured, "
        "is bound to the light in the picture. Whoever is in no group of the table is not seen here."
    )


def _cards(cards: pd.DataFrame) -> Table:
    rows = [
        [
            *(said(row[name] or "not told") for name in ("name", "version", "input", "licence", "settings")),
            said(str(row["threshold"])),
            said(number(1000 * row["seconds"])),
            said(row["weights"][:16] or "no file"),
        ]
        for _, row in cards.iterrows()
    ]
    heads = ["detector", "version", "input", "licence of the weights", "asked with", "own threshold"]
    heads += ["#milliseconds a picture", "weights, SHA-256"]
    return Table("Card of each detector", heads, rows, "Median time, one core.", True, file="cards.csv")


def _findings(audit: PictureAudit) -> list[Table]:
    heads = ["groups by", "point", "detector", "worst group", "#gap, points", "#corrected gap [95 % interval]"]
    heads += ["#gap by chance", "#p", "#p, Holm", "groups differ"]
    tables = []
    for match, mine in audit.findings.groupby("match", sort=False):
        rows = [
            [
                *(said(row[name]) for name in ("grouping", "point", "model", "worst")),
                share(row["gap"]),
                rated(row, "corrected"),
                share(row["null_gap"]),
                *(said(p_value(row[name])) for name in ("p", "p_holm")),
                said("yes" if row["differs"] else "not shown"),
            ]
            for _, row in mine.sort_values("grouping", kind="stable").iterrows()
        ]
        note = (
            "Groups differ: the interval of the corrected gap, over images and threshold, excludes 0, and the "
            "permutation test stays under 5 % after Holm over all detectors and groupings at that point."
        )
        tables.append(Table(f"Match by {match}", heads, rows, note, match == audit.match, file="findings.csv"))
    return tables


def _points(audit: PictureAudit) -> list[Table]:
    heads = ["point", "detector", "group", "#n", "#recall, % [95 % interval]", "#false alarms, % of face-free pictures"]
    mine = audit.points[audit.points["match"] == audit.match]
    tables = []
    for grouping, part in mine.groupby("grouping", sort=False):
        rows = [
            [
                said(row["point"] if row["reached"] else f"{row['point']} (not reached)"),
                said(row["model"]),
                said(row["group"], row["small"]),
                counted(row["n"], row["small"]),
                rated(row, faint=row["small"]),
                rated(row, "false_alarms", bounds=("false_low", "false_high")),
            ]
            for _, row in part.iterrows()
        ]
        note = "Grey: under 30 faces, never called worst."
        tables.append(Table(f"By {grouping}", heads, rows, note, grouping == "all faces", file="points.csv"))
    return tables


def _changes(audit: PictureAudit) -> list[Table]:
    mine = audit.changes[audit.changes["match"] == audit.match]
    if mine.empty:
        return []
    heads = [
        "groups by",
        "point",
        "detector",
        "of",
        "#before, %",
        "#after, %",
        "#change, points [95 % interval]",
        "clear",
    ]
    rows = [
        [
            *(said(row[name]) for name in ("grouping", "point", "model", "metric")),
            *(share(row[name]) for name in ("before", "after")),
            rated(row, "change", signed=True),
            said("yes" if row["clear"] else "no"),
        ]
        for _, row in mine.iterrows()
    ]
    note = "Paired: the same faces and face-free pictures. Clear: the interval, over images and thresholds, excludes 0."
    return [Table(f"From {audit.detectors[0].name}", heads, rows, note, file="changes.csv")]
