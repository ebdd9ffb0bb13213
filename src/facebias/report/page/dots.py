"""The first screen's picture: each group's recall as a dot with its interval, in plain SVG coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.core.arms import arm_name
from facebias.core.numbers import interval, percent
from facebias.plots.style import COLOURS, MARKERS
from facebias.report.page.folder import AuditFolder
from facebias.report.page.headline import HeadlineSubject, extremes, one, unknown

_LEFT, _RIGHT, _TOP, _BOTTOM = 178, 590, 24, 36
_HEIGHT, _WIDTH = 470, 700  # the dots' space on the first screen, px


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


def dots_of(audited: AuditFolder, about: HeadlineSubject) -> Dots:
    """Recall of every group and of all faces, both detectors on one axis.

    Groups that are small or unknown are hollow and said to be left out; one without images has no dot.
    """
    mine = _rows_of(audited.tables["summary"], about)
    groups = list(dict.fromkeys(mine["group"]))
    pitch = float(np.clip((_HEIGHT - _TOP - _BOTTOM) / max(1, len(groups)), 15, 40))
    bottom = _TOP + pitch * len(groups)
    low = np.nanmin(mine.loc[mine["model"].isin(about.arms), "low"].to_numpy(float), initial=1.0)
    across = _Across(max(0.0, 10 * ((100 * low - 2) // 10)))
    where = {"dataset": about.dataset, "grouping": about.grouping}
    worst = one(audited.tables["measures"], model=about.baseline, metric="worst", **where)
    rows = [
        _line(mine[mine["group"] == group], about, across, _TOP + pitch * (number + 0.5), pitch)
        | {"worst": worst is not None and group == worst["group"]}
        for number, group in enumerate(groups)
    ]
    shown = [
        {"name": arm_name(arm), "colour": COLOURS[place], "marker": MARKERS[place]}
        for place, arm in enumerate(about.arms)
    ]
    alt = " ".join(extremes(mine, arm) for arm in about.arms)
    return Dots(
        _WIDTH,
        round(bottom + _BOTTOM),
        min(12.5, pitch * 0.72),
        across.ticks(),
        rows,
        shown,
        (_LEFT, _RIGHT, _TOP, bottom),
        f"; the axis begins at {across.floor:.0f}" if across.floor else "",
        f"Recall of each group with 95 % intervals. {alt}",
    )


@dataclass(frozen=True)
class _Across:
    """The axis of recall: from `floor` percent to 100."""

    floor: float

    def at(self, share: float) -> float:
        """Where a share lies across, in pixels of the drawing."""
        return round(_LEFT + (100 * share - self.floor) / (100 - self.floor) * (_RIGHT - _LEFT), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Six ticks at most, at whole steps below 100."""
        step = next(step for step in (1, 2, 5, 10, 20) if (100 - self.floor) / step <= 6)
        return [(self.at(tick / 100), f"{tick:g}") for tick in np.arange(100, self.floor - 0.01, -step)]


def _rows_of(summary: pd.DataFrame, about: HeadlineSubject) -> pd.DataFrame:
    """Recall of the headline's groups, and of all faces last."""
    mine = summary[
        (summary["dataset"] == about.dataset)
        & (summary["metric"] == "TPR")
        & summary["grouping"].isin([about.grouping, "all faces"])
    ]
    return mine.sort_values("grouping", key=lambda names: names == "all faces", kind="stable")


def _line(own: pd.DataFrame, about: HeadlineSubject, across: _Across, middle: float, pitch: float) -> dict[str, object]:
    """One group's line: its label, its n, and a mark a detector."""
    group, n = str(own["group"].iloc[0]), int(own["n"].iloc[0])
    small = bool((own["small"] | unknown(own)).iloc[0])
    marks = []
    for place, arm in enumerate(about.arms):
        row = one(own, model=arm)
        if row is not None and np.isfinite(row["value"]):
            marks.append(
                {
                    "x": across.at(row["value"]),
                    "low": across.at(row["low"]),
                    "high": across.at(row["high"]),
                    "y": round(middle + (place - (len(about.arms) - 1) / 2) * pitch * 0.4, 1),
                    "arm": place,
                    "small": small,
                    "text": f"{arm_name(arm)}: {percent(row['value'])} % {interval(row['low'], row['high'])}",
                }
            )
    return {
        "label": group if len(group) <= 27 else f"{group[:26]}\N{HORIZONTAL ELLIPSIS}",
        "full": group,
        "y": round(middle, 1),
        "top": round(middle - pitch / 2, 1),
        "pitch": round(pitch, 1),
        "n": f"n = {n:,}" + (", left out" if small and n else ""),
        "small": small,
        "marks": marks,
        "whole": group == "all faces",
    }
