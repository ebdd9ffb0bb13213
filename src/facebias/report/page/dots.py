"""Each group's recall as a dot with its interval, in plain SVG coordinates: a wide drawing, and one for a phone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.core.arms import arm_name
from facebias.core.numbers import interval, percent
from facebias.report.page.folder import AuditFolder
from facebias.report.page.headline import HeadlineSubject, extremes, one, unknown

_SHAPES = ("o", "s")  # of the baseline and of the other detector
_TOP, _BOTTOM = 24, 36  # px above the first and below the last row


@dataclass(frozen=True)
class Layout:
    """Where things lie in a drawing, px of its own: beside each row, or above it where there is no room beside.

    Attributes:
        name: class of the drawing; the style shows one of the two.
        width: of the drawing; it is shown at about this width, so text keeps its size.
        left, right: ends of the axis of recall.
        above: whether a row's label stands above its marks.
        pitch: least and most height of a row.
        letters: most letters of a label.
    """

    name: str
    width: int
    left: int
    right: int
    above: bool
    pitch: tuple[int, int]
    letters: int


WIDE = Layout("wide-dots", 700, 178, 590, False, (15, 40), 27)
NARROW = Layout("narrow-dots", 350, 10, 336, True, (40, 40), 32)
_HEIGHT = 470  # of the wide drawing where it can be kept: the first screen has no more


@dataclass(frozen=True)
class Dots:
    """The dots with intervals as places in an SVG of `layout.width` x `height`."""

    layout: Layout
    height: int
    size: float
    ticks: list[tuple[float, str]]
    rows: list[dict[str, object]]
    arms: list[dict[str, object]]
    top: int
    bottom: float
    floor: float
    cut: str  # that the axis does not begin at 0, where it does not
    alt: str


def dots_of(
    audited: AuditFolder,
    about: HeadlineSubject,
    layout: Layout = WIDE,
    lowest: float = 1.0,
    values: Mapping[str, str] | None = None,
) -> Dots:
    """Recall of every group and of all faces, both detectors on one axis.

    Groups that are small or unknown are hollow and said to be left out; one without images has no dot.

    Args:
        audited: the audit.
        about: which groups and detectors.
        layout: WIDE or NARROW.
        lowest: a share that the axis must reach, beside the intervals.
        values: what is said at the end of each group's row, in place of its size.
    """
    mine = rows_of(audited.tables["summary"], about)
    groups = list(dict.fromkeys(mine["group"]))
    pitch = float(np.clip((_HEIGHT - _TOP - _BOTTOM) / max(1, len(groups)), *layout.pitch))
    low = np.nanmin(mine.loc[mine["model"].isin(about.arms), "low"].to_numpy(float), initial=lowest)
    across = _Across(max(0.0, 10 * ((100 * low - 2) // 10)), layout)
    worst = one(
        audited.tables["measures"], model=about.baseline, metric="worst", dataset=about.dataset, grouping=about.grouping
    )
    rows = [
        _line(mine[mine["group"] == group], about, across, _TOP + pitch * number, pitch)
        for number, group in enumerate(groups)
    ]
    for row in rows:
        row["worst"] = worst is not None and row["full"] == worst["group"]
        row["end"] = values[str(row["full"])] if values else f"{row['n']}{', worst' * bool(row['worst'])}"
    bottom = _TOP + pitch * len(groups)
    return Dots(
        layout,
        round(bottom + _BOTTOM),
        min(12.5, pitch * 0.72),
        across.ticks(),
        rows,
        [{"name": arm_name(arm), "shape": shape} for arm, shape in zip(about.arms, _SHAPES, strict=False)],
        _TOP,
        bottom,
        across.floor,
        f"; the axis begins at {across.floor:.0f}" if across.floor else "",
        f"Recall of each group with 95 % intervals. {' '.join(extremes(mine, arm) for arm in about.arms)}",
    )


@dataclass(frozen=True)
class _Across:
    """The axis of recall: from `floor` percent to 100."""

    floor: float
    layout: Layout

    def at(self, share: float) -> float:
        """Where a share lies across, in pixels of the drawing."""
        length = self.layout.right - self.layout.left
        return round(self.layout.left + (100 * share - self.floor) / (100 - self.floor) * length, 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Six ticks at most, at whole steps below 100."""
        step = next(step for step in (1, 2, 5, 10, 20) if (100 - self.floor) / step <= 6)
        return [(self.at(tick / 100), f"{tick:g}") for tick in np.arange(100, self.floor - 0.01, -step)]


def rows_of(summary: pd.DataFrame, about: HeadlineSubject) -> pd.DataFrame:
    """Recall of the headline's groups, and of all faces last."""
    mine = summary[
        (summary["dataset"] == about.dataset)
        & (summary["metric"] == "TPR")
        & summary["grouping"].isin([about.grouping, "all faces"])
    ]
    return mine.sort_values("grouping", key=lambda names: names == "all faces", kind="stable")


def _line(own: pd.DataFrame, about: HeadlineSubject, across: _Across, top: float, pitch: float) -> dict[str, object]:
    """One group's line: its label, its n, and a mark a detector."""
    group, n = str(own["group"].iloc[0]), int(own["n"].iloc[0])
    small, layout = left_out(own), across.layout
    middle = top + pitch * (0.7 if layout.above else 0.5)
    marks = []
    for place, arm in enumerate(about.arms):
        row = one(own, model=arm)
        if row is not None and np.isfinite(row["value"]):
            marks.append(
                {
                    "x": across.at(row["value"]),
                    "low": across.at(row["low"]),
                    "high": across.at(row["high"]),
                    "y": round(
                        middle + (place - (len(about.arms) - 1) / 2) * pitch * (0.27 if layout.above else 0.4), 1
                    ),
                    "arm": place,
                    "text": f"{arm_name(arm)}: {percent(row['value'])} % {interval(row['low'], row['high'])}",
                }
            )
    return {
        "label": group if len(group) <= layout.letters else f"{group[: layout.letters - 1]}\N{HORIZONTAL ELLIPSIS}",
        "full": group,
        "text_y": round(top + 13 if layout.above else middle + 4, 1),
        "top": round(top, 1),
        "pitch": round(pitch, 1),
        "n": f"n = {n:,}" + (", left out" if small and n else ""),
        "small": small,
        "marks": marks,
        "whole": group == "all faces",
    }


def left_out(own: pd.DataFrame) -> bool:
    """Whether a group, by its rows, is too small or unknown to be called worst."""
    return bool((own["small"] | unknown(own)).iloc[0])
