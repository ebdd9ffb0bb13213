"""The first screen: one sentence, four numbers, the dots, where they come from, and what they do not show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.analyses.saliency.maps import ALPHA
from facebias.audit import arm_name, dataset_name, rule_text
from facebias.audit.groups import matching
from facebias.audit.predictions import GROUP_COLUMNS
from facebias.audit.verdict import too_coarse
from facebias.core.arms import counterpart
from facebias.core.numbers import interval, percent, points, side
from facebias.core.words import UNKNOWN
from facebias.plots.style import COLOURS, MARKERS
from facebias.report.page.folder import AuditFolder

_HEIGHT, _WIDTH = 470, 700  # the dots' space on the first screen, px
_LEFT, _RIGHT, _TOP, _BOTTOM = 178, 590, 24, 36


@dataclass(frozen=True)
class Subject:
    """What the first screen is about: the verdict's headline.

    Attributes:
        dataset, grouping: the audit set and its groups.
        baseline, arm: the two detectors; `arm` is "" where there is one alone.
        found, claim: the headline in two parts, what the baseline does and whether the arm changed it.
    """

    dataset: str
    grouping: str
    baseline: str
    arm: str
    found: str
    claim: str

    @property
    def arms(self) -> list[str]:
        """The detectors shown."""
        return [arm for arm in (self.baseline, self.arm) if arm]


def subject(audited: AuditFolder) -> Subject:
    """The subject of the verdict's headline; all faces together where no two groups can be compared."""
    headline, findings = str(audited.verdict["headline"]), audited.tables["findings"]
    arms = audited.arms
    mine = findings[findings["sentence"] == headline]
    if mine.empty:
        return Subject(audited.datasets[0], "all faces", arms[0], counterpart(arms[1:]), headline, "")
    first = mine.iloc[0]
    before, middle, after = headline.rpartition(f" {arm_name(first['arm'])} ") if first["arm"] else (headline, "", "")
    return Subject(first["dataset"], first["grouping"], arms[0], first["arm"], before, f"{middle}{after}".strip())


@dataclass(frozen=True)
class Figure:
    """One of the four numbers: a line of the table, a cell a detector, and the change between them."""

    name: str
    note: str
    values: list[tuple[str, str, list[str]]]  # number, its interval, what to say under them, line by line
    change: tuple[str, str, str]


def four_numbers(audited: AuditFolder, about: Subject) -> list[Figure]:
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


def _beneath(audited: AuditFolder, about: Subject, row: pd.Series, **where: str) -> list[str]:
    if where["metric"] == "TPR":  # of all faces: the other audit sets, which the rest of the screen is not about
        elsewhere = [
            (name, one(audited.tables["summary"], model=row["model"], **{**where, "dataset": name}))
            for name in audited.datasets
            if name not in ("test", about.dataset)
        ]
        return [f"on {dataset_name(name)}: {percent(found['value'])}" for name, found in elsewhere if found is not None]
    if where["metric"] == "FPR":
        return []
    null = one(audited.tables["measures"], model=row["model"], **{**where, "metric": "null_gap"})
    corrected = f"for corrected {percent(row['corrected'])}"
    return [corrected, str(row["group"]) if where["metric"] == "worst" else f"chance alone: {percent(null['value'])}"]


def one(table: pd.DataFrame, **values: str) -> pd.Series | None:
    """The only row with these values; None where there is none."""
    rows = matching(table, **values)
    return rows.iloc[0] if len(rows) else None


@dataclass(frozen=True)
class Dots:
    """The dots with intervals as places in an SVG of `width` x `height`."""

    width: int
    height: int
    size: float
    ticks: list[tuple[float, str]]
    rows: list[dict[str, object]]
    arms: list[dict[str, str]]
    axis: tuple[float, float, float, float]  # left, right, top, bottom
    cut: str  # that the axis does not begin at 0, where it does not
    alt: str


def dots(audited: AuditFolder, about: Subject) -> Dots:
    """Recall of every group and of all faces, both detectors on one axis.

    Groups that are small or unknown are hollow and said to be left out; one without images has no dot.
    """
    summary = audited.tables["summary"]
    mine = summary[
        (summary["dataset"] == about.dataset)
        & (summary["metric"] == "TPR")
        & summary["grouping"].isin([about.grouping, "all faces"])
    ]
    mine = mine.sort_values("grouping", key=lambda names: names == "all faces", kind="stable")
    groups = list(dict.fromkeys(mine["group"]))
    pitch = float(np.clip((_HEIGHT - _TOP - _BOTTOM) / max(1, len(groups)), 15, 40))
    bottom = _TOP + pitch * len(groups)
    low = np.nanmin(mine.loc[mine["model"].isin(about.arms), "low"].to_numpy(float), initial=1.0)
    floor = max(0.0, 10 * ((100 * low - 2) // 10))

    def x(share: float) -> float:
        """Where a share lies across, in pixels of the drawing."""
        return round(_LEFT + (100 * share - floor) / (100 - floor) * (_RIGHT - _LEFT), 1)

    worst = one(
        audited.tables["measures"], model=about.baseline, dataset=about.dataset, grouping=about.grouping, metric="worst"
    )
    rows = []
    for number, group in enumerate(groups):
        middle = _TOP + pitch * (number + 0.5)
        own = mine[mine["group"] == group]
        n, small = int(own["n"].iloc[0]), bool((own["small"] | unknown(own)).iloc[0])
        marks = []
        for place, arm in enumerate(about.arms):
            row = one(own, model=arm)
            if row is not None and np.isfinite(row["value"]):
                offset = (place - (len(about.arms) - 1) / 2) * pitch * 0.4
                marks.append(
                    {
                        "x": x(row["value"]),
                        "low": x(row["low"]),
                        "high": x(row["high"]),
                        "y": round(middle + offset, 1),
                        "arm": place,
                        "small": small,
                        "text": f"{arm_name(arm)}: {percent(row['value'])} % {interval(row['low'], row['high'])}",
                    }
                )
        rows.append(
            {
                "label": group if len(group) <= 27 else f"{group[:26]}\N{HORIZONTAL ELLIPSIS}",
                "full": group,
                "y": round(middle, 1),
                "top": round(middle - pitch / 2, 1),
                "pitch": round(pitch, 1),
                "n": f"n = {n:,}" + (", left out" if small and n else ""),
                "small": small,
                "marks": marks,
                "worst": worst is not None and group == worst["group"],
                "whole": group == "all faces",
            }
        )
    step = next(step for step in (1, 2, 5, 10, 20) if (100 - floor) / step <= 6)
    ticks = [(x(tick / 100), f"{tick:g}") for tick in np.arange(100, floor - 0.01, -step)]
    shown = [
        {"name": arm_name(arm), "colour": COLOURS[place], "marker": MARKERS[place]}
        for place, arm in enumerate(about.arms)
    ]
    alt = " ".join(extremes(mine, arm) for arm in about.arms)
    return Dots(
        _WIDTH,
        round(bottom + _BOTTOM),
        min(12.5, pitch * 0.72),
        ticks,
        rows,
        shown,
        (_LEFT, _RIGHT, _TOP, bottom),
        f"; the axis begins at {floor:.0f}" if floor else "",
        f"Recall of each group with 95 % intervals. {alt}",
    )


def unknown(rows: pd.DataFrame) -> pd.Series:
    """Which groups are of faces whose source does not say; they are never called worst."""
    return (rows[list(GROUP_COLUMNS)] == UNKNOWN).any(axis=1)


def extremes(rows: pd.DataFrame, arm: str) -> str:
    """In words, the lowest and highest group of an arm, small ones left out."""
    rows = rows[
        (rows["model"] == arm)
        & ~rows["small"]
        & (rows["group"] != "all faces")
        & rows["value"].notna()
        & ~unknown(rows)
    ]
    if rows.empty:
        return ""
    low, high = rows.loc[rows["value"].idxmin()], rows.loc[rows["value"].idxmax()]
    return (
        f"{arm_name(arm)}: from {percent(low['value'])} % ({low['group']}) to {percent(high['value'])} % "
        f"({high['group']})."
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
    seeds, held = int(audited.tables["changes"]["seeds"].max()), int((judged["p_holm"] < ALPHA).sum())
    forbidden = f" (over {seeds} seeds none can)" if too_coarse(2 * len(judged), seeds) else ""
    return (
        f"Of all {len(judged)} comparisons (every detector with {arm_name(audited.arms[0])}, every audit set and "
        f"grouping), {_claims(judged)}{more}. By chance alone about one interval in twenty would; after Holm over "
        f"all of them, {held}{forbidden}.{_chosen(ours)}"
    )


def _claims(findings: pd.DataFrame) -> str:
    counts, shown = findings["claim"].value_counts(), int((findings["claim"] != "none").sum())
    words = {"reduced": "less bias", "increased": "more bias", "mixed": "both ways"}
    told = ", ".join(f"{words[name]} {counts[name]}" for name in words if name in counts)
    return f"{shown} {'shows' if shown == 1 else 'show'} a change{f' ({told})' if told else ''}"


def _chosen(ours: pd.DataFrame) -> str:
    several = ours["arm"].nunique() > 1
    return " Shown is the DB-VAE with the smallest alpha, which resamples most, whatever it shows." if several else ""


def provenance(audited: AuditFolder, about: Subject, date: str) -> list[str]:
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
        f"trained on {dataset_name(audited.source)}"
        + (f", {audited.training_faces:,} faces" if audited.training_faces else ""),
        f"thresholds at {rule_text(audited.rule)} on {audited.held_out_negatives:,} held-out non-faces, one a training",
        f"{audited.seeds} {'seeds' if audited.seeds > 1 else 'seed'} an arm (protocol: 6)",
        date,
        f"facebias {audited.verdict['code_version']}",
    ]


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
