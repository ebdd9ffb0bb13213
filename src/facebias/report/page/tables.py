"""The tables of who was audited, of recall group by group, of the findings and of the trainings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from facebias.audit.groups import groups_of, name_of
from facebias.core.arms import arm_name
from facebias.core.numbers import NONE, number, p_value
from facebias.core.records import read_record
from facebias.core.words import dataset_name
from facebias.report.page.cells import Cell, Table, counted, rated, said, set_name, sets_of, share, told_first
from facebias.report.page.folder import AuditFolder
from facebias.report.page.headline import HeadlineSubject

_DONE = {"device": str, "seconds_of_this_process": float, "torch": str, "code_version": str}
_DETECTION = {"AUC": "#AUC, %", "d_prime": "#d'", "criterion": "#criterion"}


def composition(audited: AuditFolder, about: HeadlineSubject) -> list[Table]:
    """Who is in each audit set: rows by columns with margins; and shares of the training split."""
    tables = []
    for dataset in audited.datasets:
        faces = audited.faces(dataset)
        for by in (("race", "gender"), ("skin_tone", "gender"), ("race", "skin_tone")):
            if (cells := groups_of(faces, by)) is not None:
                title = f"{set_name(audited, dataset)}, faces by {name_of(by)}"
                tables.append(_crossed(cells.table, by, title, dataset == about.dataset))
    who = audited.table("who-training")
    if len(who):
        rows = [
            [said(row.column.replace("_", " ")), said(row.level), counted(row.n), share(row.share)]
            for row in who.itertuples()
        ]
        tables.insert(
            0,
            Table(
                f"Training split: {dataset_name(audited.source)}, {audited.training_faces:,} faces",
                ["column", "level", "#faces", "#share, %"],
                rows,
                file="who-training.csv",
            ),
        )
    return tables


def _crossed(cells: pd.DataFrame, by: tuple[str, str], title: str, opened: bool) -> Table:
    wide = cells.pivot(index=by[0], columns=by[1], values="n")
    wide = wide.reindex(index=cells[by[0]].unique(), columns=cells[by[1]].unique())
    wide["all"] = wide.sum(axis=1)
    rows = [
        [said(str(name).replace("_", " ")), *(counted(n, n < 30) for n in row)]
        for name, row in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    total = [said("all"), *(counted(n) for n in wide.sum())]
    heads = [by[0].replace("_", " "), *(f"#{str(name).replace('_', ' ')}" for name in wide)]
    return Table(title, heads, rows, "Grey: under 30 faces; never called worst.", opened, total)


def recalls(audited: AuditFolder, about: HeadlineSubject) -> list[Table]:
    """Recall of every group and arm with n, misses and interval, a table a grouping; the headline's first."""
    summary, more = audited.tables["summary"], _detection(audited)
    faces = summary[summary["metric"] == "TPR"]
    tables = []
    for dataset, mine in sets_of(audited, about, faces):
        for grouping in sorted(mine["grouping"].unique(), key=lambda name: name != about.grouping):
            rows = mine[mine["grouping"] == grouping]
            order = {name: place for place, name in enumerate(rows["group"].unique())}
            rows = rows.sort_values("group", key=lambda names, order=order: names.map(order), kind="stable")
            rows = told_first(rows, about)
            title = f"{set_name(audited, dataset)}: recall {'of' if grouping == 'all faces' else 'by'} {grouping}"
            opened = (dataset, grouping) == (about.dataset, about.grouping)
            tables.append(_recall_table(title, rows, more, opened))
    return tables


def _recall_table(title: str, rows: pd.DataFrame, more: pd.DataFrame, opened: bool) -> Table:
    cells = [
        [
            said(row["group"], row["small"]),
            said(arm_name(row["model"]), row["small"]),
            counted(row["n"], row["small"]),
            _misses(row),
            rated(row, faint=row["small"]),
            *_more(more, row),
        ]
        for _, row in rows.iterrows()
    ]
    heads = ["group", "detector", "#n", "#missed, a training", "#recall, % [95 % interval]"]
    note = "Grey: under 30 faces. " * bool(rows["small"].any())
    note += "AUC, d' and criterion: means over seeds, against the common non-faces."
    return Table(title, [*heads, *_DETECTION.values()], cells, note, opened, file="summary.csv")


def _detection(audited: AuditFolder) -> pd.DataFrame:
    """AUC, d' and criterion of every model, data set and group, mean over seeds."""
    report = audited.tables["group_report"]
    report = report[report["metric"].isin(_DETECTION) & report["rule"].isin([audited.rule, "any"])]
    return report.pivot_table(index=["model", "dataset", *audited.group_columns], columns="metric", values="value")


def _more(table: pd.DataFrame, row: pd.Series) -> list[Cell]:
    key = tuple(row[name] for name in table.index.names)
    found = table.loc[key] if key in table.index else pd.Series(dtype=float)
    values = [float(found.get(name, np.nan)) for name in _DETECTION]
    faint = bool(row["small"])
    return [share(values[0], 2, faint), *(Cell(number(value), faint) for value in values[1:])]


def _misses(row: pd.Series) -> Cell:
    missed = row["n"] * (1 - row["value"])
    return Cell(f"{missed:.1f}" if np.isfinite(missed) else NONE, bool(row["small"]))


def findings(audited: AuditFolder, about: HeadlineSubject) -> list[Table]:
    """One sentence for each audit set, grouping and arm, with the claim that the intervals allow."""
    table = told_first(audited.tables["findings"], about, column="arm")
    claims = table["claim"].where(table["judged"], "not judged")
    rows = [
        [
            said(dataset_name(row["dataset"], audited.source)),
            said(row["grouping"]),
            said(arm_name(row["arm"])),
            said(claim),
            Cell(p_value(row["p_holm"])),
            said(row["sentence"]),
        ]
        for claim, (_, row) in zip(claims, table.iterrows(), strict=True)
    ]
    return [
        Table(
            "What each comparison allows to be said",
            ["data set", "groups by", "detector", "bias", "#p, Holm over all", "sentence"],
            rows,
            "p: the smaller one of worst group and gap, after Holm over both in all rows.",
            file="findings.csv",
        )
    ]


def trainings(audited: AuditFolder) -> list[Table]:
    """The runs: what each is and where it was trained; and the settings that they share."""
    rows = []
    for run, config in audited.configs.items():
        done = read_record(audited.runs / run / "DONE.json", **_DONE)
        rows.append(
            [
                said(run),
                said(arm_name(config.arm)),
                counted(config.seed),
                counted(config.epochs),
                said(done["device"]),
                Cell(number(done["seconds_of_this_process"] / 60, 2)),
                said(done["torch"]),
                said(done["code_version"]),
            ]
        )
    if not rows:
        return []
    every = [config.as_dict("data", "audit_data", "train") for config in audited.configs.values()]
    shared = {
        name: value
        for name, value in every[0].items()
        if name != "data_root" and all(one[name] == value for one in every)
    }
    settings = [[said(name), said(value)] for name, value in shared.items()]
    return [
        Table(
            "The trainings",
            ["run", "detector", "#seed", "#epochs", "device", "#minutes", "torch", "code"],
            rows,
            "Minutes of the process that finished it.",
        ),
        Table("Settings that all trainings share", ["setting", "value"], settings),
    ]
