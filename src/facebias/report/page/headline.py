"""What the report is about: the audit set, groups and two detectors of the verdict's headline."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from facebias.audit.groups import matching
from facebias.core.arms import arm_name, counterpart
from facebias.core.numbers import percent
from facebias.core.words import UNKNOWN
from facebias.report.page.folder import AuditFolder


@dataclass(frozen=True)
class HeadlineSubject:
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


def subject(audited: AuditFolder) -> HeadlineSubject:
    """The subject of the verdict's headline; all faces together where no two groups can be compared."""
    headline, findings = str(audited.verdict["headline"]), audited.tables["findings"]
    arms = audited.arms
    mine = findings[findings["sentence"] == headline]
    if mine.empty:
        return HeadlineSubject(audited.datasets[0], "all faces", arms[0], counterpart(arms[1:]), headline, "")
    first = mine.iloc[0]
    before, middle, after = headline.rpartition(f" {arm_name(first['arm'])} ") if first["arm"] else (headline, "", "")
    return HeadlineSubject(
        first["dataset"], first["grouping"], arms[0], first["arm"], before, f"{middle}{after}".strip()
    )


def one(table: pd.DataFrame, **values: str) -> pd.Series | None:
    """The only row with these values; None where there is none."""
    rows = matching(table, **values)
    return rows.iloc[0] if len(rows) else None


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


def unknown(rows: pd.DataFrame) -> pd.Series:
    """Which groups are of faces whose source does not say; they are never called worst."""
    return (rows.drop(columns=["run_id", "model", "dataset"], errors="ignore") == UNKNOWN).any(axis=1)
