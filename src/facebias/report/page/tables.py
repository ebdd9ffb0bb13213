"""The tables of the report: cells of text with a key to sort by, from the tables that the audit wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from facebias.audit.groups import groups_of, name_of
from facebias.audit.predictions import GROUP_COLUMNS
from facebias.core.arms import arm_name
from facebias.core.files import read_json
from facebias.core.numbers import interval, number, p_value, percent, points
from facebias.core.words import dataset_name
from facebias.report.page.folder import AuditFolder

_DETECTION = {"AUC": "#AUC, %", "d_prime": "#d'", "criterion": "#criterion"}


@dataclass(frozen=True)
class Cell:
    """A cell: what is read, what it is sorted by, and whether it is greyed."""

    text: str
    key: float | str = ""
    faint: bool = False

    @property
    def sort(self) -> str:
        """The key as an attribute; an undefined number sorts last."""
        return self.key if isinstance(self.key, str) else f"{self.key:.6g}" if np.isfinite(self.key) else ""


@dataclass(frozen=True)
class Table:
    """A table: caption, heads (one that begins with # is of numbers), rows, a note, and a row that stays last."""

    caption: str
    heads: list[str]
    rows: list[list[Cell]]
    note: str = ""
    opened: bool = True
    total: list[Cell] = field(default_factory=list)

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Head and whether it is of numbers."""
        return [(head.removeprefix("#"), head.startswith("#")) for head in self.heads]


def said(text: object, faint: bool = False) -> Cell:
    """A cell of words."""
    return Cell(str(text), str(text), faint)


def counted(n: float, faint: bool = False) -> Cell:
    """A cell with a count."""
    return Cell(f"{int(n):,}", float(n), faint)


def rated(
    row: pd.Series | None,
    value: str = "value",
    *,
    bounds: Sequence[str] = ("low", "high"),
    signed: bool = False,
    faint: bool = False,
) -> Cell:
    """A cell with a share and its interval where there is one."""
    if row is None or pd.isna(row[value]):
        return Cell(percent(np.nan), np.nan, faint)
    low, high = (float(row[name]) if name in row else np.nan for name in bounds)
    head = points(row[value]) if signed else percent(row[value])
    return Cell(f"{head} {interval(low, high, signed=signed)}".strip(), float(row[value]), faint)


def composition(audited: AuditFolder) -> list[Table]:
    """Who is in each audit set: rows by columns with margins; and shares of the training split."""
    tables = []
    for dataset in audited.datasets:
        faces = audited.faces(dataset)
        for by in (("race", "gender"), ("skin_tone", "gender"), ("race", "skin_tone")):
            if (cells := groups_of(faces, by)) is not None:
                title = f"{set_name(audited, dataset)}, faces by {name_of(by)}"
                tables.append(_crossed(cells.table, by, title))
    who = audited.table("who-training")
    if len(who):
        rows = [
            [
                said(row.column.replace("_", " ")),
                said(row.level),
                counted(row.n),
                Cell(percent(row.share), float(row.share)),
            ]
            for row in who.itertuples()
        ]
        tables.insert(
            0,
            Table(
                f"Training split: {dataset_name(audited.source)}, {audited.training_faces:,} faces",
                ["column", "level", "#faces", "#share, %"],
                rows,
            ),
        )
    return tables


def set_name(audited: AuditFolder, dataset: str) -> str:
    """A set of faces as a caption begins with it."""
    name = dataset_name(dataset, audited.source)
    return name[0].upper() + name[1:]


def _crossed(cells: pd.DataFrame, by: tuple[str, str], title: str) -> Table:
    wide = cells.pivot(index=by[0], columns=by[1], values="n")
    wide = wide.reindex(index=cells[by[0]].unique(), columns=cells[by[1]].unique())
    wide["all"] = wide.sum(axis=1)
    rows = [
        [said(str(name).replace("_", " ")), *(counted(n, n < 30) for n in row)]
        for name, row in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    total = [said("all"), *(counted(n) for n in wide.sum())]
    heads = [by[0].replace("_", " "), *(f"#{str(name).replace('_', ' ')}" for name in wide)]
    return Table(title, heads, rows, "Grey: under 30 faces; never called worst.", total=total)


def recalls(
    audited: AuditFolder, groupings: Iterable[str], dataset_shown: str, grouping_shown: str = ""
) -> list[Table]:
    """Recall of every group and arm with n, misses and interval; one table, or all of one data set, are unfolded."""
    summary, more = audited.tables["summary"], _detection(audited)
    tables = []
    for dataset in audited.datasets:
        for grouping in groupings:
            mine = summary[
                (summary["dataset"] == dataset) & (summary["grouping"] == grouping) & (summary["metric"] == "TPR")
            ]
            if mine.empty:
                continue
            order = {name: place for place, name in enumerate(mine["group"].unique())}
            mine = mine.sort_values("group", key=lambda names, order=order: names.map(order), kind="stable")
            rows = [
                [
                    said(row["group"], row["small"]),
                    said(arm_name(row["model"]), row["small"]),
                    counted(row["n"], row["small"]),
                    _misses(row),
                    rated(row, faint=row["small"]),
                    *_more(more, row),
                ]
                for _, row in mine.iterrows()
            ]
            title = f"{set_name(audited, dataset)}: recall {'of' if grouping == 'all faces' else 'by'} {grouping}"
            heads = ["group", "detector", "#n", "#missed, a training", "#recall, % [95 % interval]"]
            note = "Grey: under 30 faces. " * bool(mine["small"].any())
            tables.append(
                Table(
                    title,
                    [*heads, *_DETECTION.values()],
                    rows,
                    f"{note}AUC, d' and criterion: means over seeds, against the common non-faces.",
                    dataset == dataset_shown and grouping_shown in ("", grouping),
                )
            )
    return tables


def _detection(audited: AuditFolder) -> pd.DataFrame:
    """AUC, d' and criterion of every model, data set and group, mean over seeds."""
    report = audited.tables["group_report"]
    report = report[report["metric"].isin(_DETECTION) & report["rule"].isin([audited.rule, "any"])]
    return report.pivot_table(index=["model", "dataset", *GROUP_COLUMNS], columns="metric", values="value")


def _more(table: pd.DataFrame, row: pd.Series) -> list[Cell]:
    key = tuple(row[name] for name in table.index.names)
    found = table.loc[key] if key in table.index else pd.Series(dtype=float)
    values = [float(found.get(name, np.nan)) for name in _DETECTION]
    return [
        Cell(percent(values[0], 2), values[0], bool(row["small"])),
        *(Cell(number(value), value, bool(row["small"])) for value in values[1:]),
    ]


def _misses(row: pd.Series) -> Cell:
    missed = row["n"] * (1 - row["value"])
    return Cell(f"{missed:.1f}" if np.isfinite(missed) else percent(np.nan), float(missed), bool(row["small"]))


def findings(audited: AuditFolder) -> list[Table]:
    """One sentence for each audit set, grouping and arm, with the claim that the intervals allow."""
    table = audited.tables["findings"]
    claims = table["claim"].where(table["judged"], "not judged")
    rows = [
        [
            said(dataset_name(row["dataset"], audited.source)),
            said(row["grouping"]),
            said(arm_name(row["arm"])),
            said(claim),
            Cell(p_value(row["p_holm"]), row["p_holm"]),
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
            False,
        )
    ]


def trainings(audited: AuditFolder) -> list[Table]:
    """The runs: what each is and where it was trained; and the settings that they share."""
    rows = []
    for run, config in audited.configs.items():
        done = read_json(audited.runs / run / "DONE.json")
        rows.append(
            [
                said(run),
                said(arm_name(config.arm)),
                counted(config.seed),
                counted(config.epochs),
                said(done["device"]),
                Cell(number(done["seconds_of_this_process"] / 60, 2), done["seconds_of_this_process"]),
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
            False,
        ),
        Table("Settings that all trainings share", ["setting", "value"], settings, opened=False),
    ]
