"""Recall where other false positive rates are allowed: the dots that the report's slider moves, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from facebias.audit.groups import matching
from facebias.audit.thresholds import parse_rule
from facebias.core.arms import arm_name
from facebias.core.numbers import percent
from facebias.report.page.dots import NARROW, WIDE, Dots, dots_of, left_out, rows_of
from facebias.report.page.folder import AuditFolder
from facebias.report.page.headline import HeadlineSubject


@dataclass(frozen=True)
class Rates:
    """The headline's groups at every rate that the audit looked at.

    Attributes:
        drawings: the dots at the study's threshold, wide and narrow; they stay without a script.
        numbers: what the page carries for its script: `rates` in percent as text, which of them is the `study`'s,
            `arms`, and for each of `groups` its `recall` in percent, by arm and rate.
    """

    drawings: list[Dots]
    numbers: dict[str, Any]


def rates_of(audited: AuditFolder, about: HeadlineSubject) -> Rates | None:
    """Recall of the headline's groups and detectors at other rates; None where the audit has none.

    An audit of an older version has no such table, and held-out non-faces may be too few for any rate.
    """
    table = audited.table("recall_by_rate")
    fpr = parse_rule(audited.rule)[1]
    table = table.assign(fpr=table["fpr"].where(~np.isclose(table["fpr"], fpr), fpr)) if len(table) else table
    if table.empty or fpr not in set(table["fpr"]):
        return None
    wide = table.pivot_table(index=["group", "model"], columns="fpr", values="value")
    mine = rows_of(audited.tables["summary"], about)
    groups = list(dict.fromkeys(mine["group"]))
    lines = wide.reindex([(group, arm) for group in groups for arm in about.arms])
    values = {
        group: " / ".join(percent(value) for value in lines.loc[group, fpr].reindex(about.arms)) for group in groups
    }
    lowest = float(np.nanmin(lines.to_numpy(), initial=1.0))
    drawings = [dots_of(audited, about, layout, lowest, values) for layout in (WIDE, NARROW)]
    judged = {group: group != "all faces" and not left_out(matching(mine, group=group)) for group in groups}
    return Rates(drawings, _numbers(lines, fpr, about, judged))


def _numbers(lines: pd.DataFrame, fpr: float, about: HeadlineSubject, judged: Mapping[str, bool]) -> dict[str, Any]:
    """What the page carries of `lines`: a row a group and detector, a column a rate."""
    return {
        "rates": [f"{100 * rate:.2g}" for rate in lines.columns],
        "study": list(lines.columns).index(fpr),
        "arms": [arm_name(arm) for arm in about.arms],
        "groups": [
            {
                "name": group,
                "judged": known,
                "recall": [[_rounded(value) for value in lines.loc[(group, arm)]] for arm in about.arms],
            }
            for group, known in judged.items()
        ],
    }


def _rounded(value: float) -> float | None:
    """Recall in percent, as exact as it is read; None where a group has no images."""
    return round(100 * value, 2) if np.isfinite(value) else None
