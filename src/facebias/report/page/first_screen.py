"""The first screen: one sentence, four numbers, the dots, where they come from, and what they do not show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.audit.sentences import WANTED_SEEDS
from facebias.audit.thresholds import rule_text
from facebias.core.arms import arm_name
from facebias.core.numbers import NONE, interval, p_value, percent, points, side
from facebias.core.words import dataset_name
from facebias.report.page.folder import AuditFolder
from facebias.report.page.headline import HeadlineSubject, one


@dataclass(frozen=True)
class Figure:
    """One of the four numbers: a line of the table, a cell a detector, and the change between them."""

    name: str
    note: str
    values: list[tuple[str, str, list[str]]]  # number, its interval, what to say under them, line by line
    change: tuple[str, str, str]


def four_numbers(audited: AuditFolder, about: HeadlineSubject) -> list[Figure]:
    """Overall recall, worst-group recall, gap, and FPR, each with interval, for both detectors."""
    summary, measures, changes = (audited.tables[name] for name in ("summary", "measures", "changes"))
    here = {"dataset": about.dataset, "grouping": about.grouping}
    whole = {"dataset": about.dataset, "grouping": "all faces"}
    wanted = [
        ("Overall recall", "all faces", summary, {**whole, "metric": "TPR"}, {**whole, "metric": "overall"}),
        (
            "Worst-group recall",
            "each its own worst",
            measures,
            {**here, "metric": "worst"},
            {**here, "metric": "worst"},
        ),
        ("Gap", "best less worst", measures, {**here, "metric": "gap"}, {**here, "metric": "gap"}),
        (
            "False positive rate",
            "on test non-faces",
            summary,
            {"dataset": "test", "metric": "FPR"},
            {"dataset": "test", "metric": "FPR"},
        ),
    ]
    figures = []
    for name, note, table, where, moved in wanted:
        rows = [one(table, model=arm, **where) for arm in about.arms]
        values = [
            (percent(row["value"]), interval(row["low"], row["high"]), _beneath(audited, about, row, **where))
            if row is not None
            else (percent(np.nan), "", [])
            for row in rows
        ]
        row = one(changes, model=about.arm, **moved)
        change = (
            ("", "", "")
            if row is None
            else (points(row["change"]), interval(row["low"], row["high"], signed=True), side(row))
        )
        figures.append(Figure(name, note, values, change))
    return figures


def _beneath(audited: AuditFolder, about: HeadlineSubject, row: pd.Series, **where: str) -> list[str]:
    if where["metric"] == "TPR":  # of all faces: the other audit sets, which the rest of the screen is not about
        elsewhere = [
            (name, one(audited.tables["summary"], model=row["model"], **{**where, "dataset": name}))
            for name in audited.datasets
            if name not in ("test", about.dataset)
        ]
        return [f"on {dataset_name(name)}: {percent(found['value'])}" for name, found in elsewhere if found is not None]
    if where["metric"] == "FPR":
        return []
    corrected = f"for corrected {percent(row['corrected'])}"
    if where["metric"] == "worst":
        return [corrected, str(row["group"])]
    null = one(audited.tables["measures"], model=row["model"], **{**where, "metric": "null_gap"})
    return [corrected, f"chance alone: {NONE if null is None else percent(null['value'])}"]


def primary(audited: AuditFolder) -> str:
    """The primary comparison in one line, or why there is none; "" of an audit that has none to look for."""
    table, told = audited.table("primary"), str(audited.verdict.get("primary", ""))
    if table.empty:
        return told
    first = table.iloc[0]
    contrasts = [
        f"against the {arm_name(row['baseline'])} {points(row['change'])} points "
        f"{interval(row['low'], row['high'], signed=True)}, p {p_value(row['p_holm'])} after Holm: {row['answer']}"
        for _, row in table.iterrows()
    ]
    return (
        f"Primary comparison, of recall of {first['group']}, {arm_name(first['model'])}: {'; '.join(contrasts)}. "
        "All else is exploratory."
    )


def tally(audited: AuditFolder) -> str:
    """In words, how many of all comparisons show a change, and how many of those with DB-VAE: one is the headline's."""
    findings = audited.tables["findings"]
    compared = findings[(findings["arm"] != "") & (findings["worst"] != "")]
    judged = compared[compared["judged"]]
    if compared.empty:
        return ""
    if judged.empty:
        return f"Of all {len(compared)} comparisons none is judged; why is told with the verdict."
    ours = judged[judged["arm"].str.startswith("dbvae-")]
    more = f"; of the {len(ours)} with DB-VAE, {_claims(ours)}" if 0 < len(ours) < len(judged) else ""
    return (
        f"Of all {len(judged)} comparisons (every detector with {arm_name(audited.arms[0])}, every audit set and "
        f"grouping), {_claims(judged)}{more}. A change is claimed only where it stays after Holm over all of them. By "
        f"chance alone about one interval in twenty excludes 0.{_chosen(ours)}"
    )


def _claims(findings: pd.DataFrame) -> str:
    counts = findings["claim"].value_counts()
    words = {"reduced": "less bias", "increased": "more bias", "mixed": "both ways"}
    shown = sum(counts.get(name, 0) for name in words)
    told = ", ".join(f"{words[name]} {counts[name]}" for name in words if name in counts)
    hints = f", {counts['hint']} more by the interval alone" if "hint" in counts else ""
    return f"{shown} {'shows' if shown == 1 else 'show'} a change{f' ({told})' if told else ''}{hints}"


def _chosen(ours: pd.DataFrame) -> str:
    several = ours["arm"].nunique() > 1
    return " Shown is the DB-VAE with the smallest alpha, which resamples most, whatever it shows." if several else ""


def provenance(audited: AuditFolder, about: HeadlineSubject, date: str) -> list[str]:
    """The one line: data set, n, smallest cell, threshold rule, seeds, date, code version."""
    summary = audited.tables["summary"]
    cells = summary[
        (summary["dataset"] == about.dataset)
        & (summary["grouping"] == about.grouping)
        & (summary["metric"] == "TPR")
        & (summary["model"] == about.baseline)
    ]
    smallest = cells.loc[cells["n"].idxmin()]
    return [
        f"Audited on {dataset_name(about.dataset)}, n = {int(cells['n'].sum()):,} faces",
        f"smallest cell {smallest['group']}, n = {int(smallest['n']):,}",
        *_trained(audited),
        f"thresholds at {rule_text(audited.rule)} on {audited.held_out_negatives:,} held-out non-faces, one a training",
        date,
        f"facebias {audited.verdict['code_version']}",
    ]


def _trained(audited: AuditFolder) -> list[str]:
    """Where the detectors come from, and how many trainings there are of each."""
    if not audited.configs:
        return ["one set of weights a detector, judged over images and threshold"]
    faces = f", {audited.training_faces:,} faces" if audited.training_faces else ""
    seeds = f"{audited.seeds} {'seeds' if audited.seeds > 1 else 'seed'} an arm (claims need {WANTED_SEEDS})"
    return [f"trained on {dataset_name(audited.source)}{faces}", seeds]


def warnings_of(audited: AuditFolder) -> list[str]:
    """What must be seen before any number: rendered faces, or a part of a data set."""
    found = []
    if audited.synthetic:
        found.append("SYNTHETIC: faces drawn by a program. This shows how the method behaves, nothing about people.")
    if audited.subsets:
        found.append(f"SUBSET: {'; '.join(audited.subsets)}.")
    return found


def not_shown(audited: AuditFolder) -> list[str]:
    """What the reader must not take from it."""
    rendered = all(name == "synthetic" for name in audited.datasets if name != "test")
    who = (
        "Groups are settings of a program that draws faces; no person was looked at."
        if rendered
        else "Race, gender and age are annotators' perceptions, not what a person is."
    )
    return [
        who,
        "Gender is recorded as binary: whoever is neither is not seen here.",
        "Skin tone (ITA) is measured on the picture and bound to its lighting.",
        "Cut-out faces are classified; this is not detection in whole pictures in the wild.",
        "Not for deployment, and no word on detectors other than these.",
    ]
