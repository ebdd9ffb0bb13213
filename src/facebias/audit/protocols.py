"""The audit of detectors in whole pictures, protocol by protocol: how far the window protocol alone moves the answer.

Two threshold rules. On *crops*, as everywhere: the rate of false positives a held-out crop; the more windows a protocol
has, the more pictures it then alarms falsely. On *pictures*: the share of pictures with a false alarm in their
background, pooled over all groups and made equal for every run and protocol, so that recalls can be compared.
No torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from facebias.audit.cells import GROUPINGS, cells_of, matching, name_of
from facebias.audit.compare import compare
from facebias.audit.intervals import rate_interval
from facebias.audit.measures import measures, summarise
from facebias.audit.noise import Noise
from facebias.audit.predictions import COLUMNS, GROUP_COLUMNS
from facebias.audit.tables import write_csv
from facebias.audit.thresholds import threshold

GIVEN = "given box"  # no search: the face in its own box, as the audit of crops sees it
CROPS, PICTURES = "crops", "pictures"
RATES = {"found": "recall", "any": "any window", "background": "image FPR"}  # column of scores -> metric
WINDOW_FPR = "window FPR"


@dataclass(frozen=True)
class ProtocolTables:
    """What whole pictures show. All shares; `protocol` and `matched` ("crops" or "pictures") name the setting.

    Attributes:
        groups: a row a protocol, rule, arm, metric and group, mean over seeds with intervals. Metrics: "recall" (a
            window with score >= threshold at the face), "any window" (one anywhere in the picture: what the paper
            counts), "image FPR" (one in the background), "window FPR" (share of a picture's background windows).
        measures: worst group, gap, null gap of recall, as `facebias.audit.measures`.
        changes: of recall from the baseline to the other arms, as `facebias.audit.compare`.
    """

    groups: pd.DataFrame
    measures: pd.DataFrame
    changes: pd.DataFrame

    @classmethod
    def of(cls, scores: pd.DataFrame, predictions: pd.DataFrame, fpr: float, image_fpr: float, baseline: str = "cnn",
           groupings: tuple[tuple[str, ...], ...] = GROUPINGS) -> ProtocolTables:
        """Audit window scores.

        Args:
            scores: from `facebias.protocols.scan_runs`, of one audit set.
            predictions: of the same runs; their validation negatives fix the threshold on crops.
            fpr: false positive rate a crop.
            image_fpr: share of pictures with a false alarm in the background.
            baseline: the arm that others are compared with.
            groupings: what to group by, as in `facebias.audit.group_report`.

        Raises:
            FacebiasError: no held-out negatives, or no such baseline.
        """
        crops = predictions[(predictions["dataset"] == "validation") & (predictions["label"] == 0)]
        groups, levels, changes = [], [], []
        for name, matched, mine, negatives in _settings(scores, crops):
            rule = f"fpr={fpr if matched == CROPS else image_fpr:g}"
            where = {"protocol": name, "matched": matched}
            columns = RATES if name != GIVEN else {"found": "recall"}
            faces = [_as_faces(mine, column, metric) for column, metric in columns.items()]
            table = summarise(pd.concat([*faces, negatives], ignore_index=True), rule, groupings)
            table = table.assign(metric=table["dataset"], dataset=mine["dataset"].iloc[0])
            if name != GIVEN:
                table = pd.concat([table, _window_fpr(mine, negatives, rule, groupings)], ignore_index=True)
            groups.append(table.assign(**where))
            faces = _as_faces(mine, "found", mine["dataset"].iloc[0])
            recall = pd.concat([faces, negatives], ignore_index=True)
            levels.append(measures(recall, rule, groupings).assign(**where))
            changes.append(compare(recall, baseline, rule, groupings).assign(**where))
        return cls(*(_joined(parts) for parts in (groups, levels, changes)))

    def write(self, folder: Path, name: str) -> None:
        """Write `protocols-<name>-groups.csv`, `-measures.csv` and `-changes.csv`."""
        for table in ("groups", "measures", "changes"):
            write_csv(getattr(self, table), folder / f"protocols-{name}-{table}.csv")

    def row(self, protocol: str, matched: str, model: str, metric: str) -> pd.Series:
        """Of `groups`, the row of all faces."""
        return matching(self.groups, grouping=name_of(()), protocol=protocol, matched=matched, model=model,
                        metric=metric).iloc[0]


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    table = pd.concat(parts, ignore_index=True)
    return table[["protocol", "matched", *[name for name in table if name not in ("protocol", "matched")]]]


def _settings(scores: pd.DataFrame, crops: pd.DataFrame,
              ) -> Iterator[tuple[str, str, pd.DataFrame, pd.DataFrame]]:
    """Protocol, rule, its scores, and the negatives that fix its thresholds."""
    names = list(scores["protocol"].unique())
    first = scores[scores["protocol"] == names[0]]
    yield GIVEN, CROPS, first.assign(found=first["given"]), crops
    for name in names:
        mine = scores[scores["protocol"] == name]
        yield name, CROPS, mine, crops
        yield name, PICTURES, mine, _as_faces(mine, "background", "validation").assign(label=0)


def _as_faces(scores: pd.DataFrame, column: str, dataset: str) -> pd.DataFrame:
    return scores.assign(score=scores[column], dataset=dataset, label=1)[list(COLUMNS)]


def _window_fpr(scores: pd.DataFrame, negatives: pd.DataFrame, rule: str,
                groupings: tuple[tuple[str, ...], ...]) -> pd.DataFrame:
    """Share of a picture's background windows called a face: mean over pictures and seeds, in every group.

    Windows of one picture are alike, so pictures are drawn, not windows. Pictures without background are left out.
    """
    fixed = {run: threshold(rows.to_numpy(), rule, warn=False).value
             for run, rows in negatives.groupby("run_id")["score"]}
    share = [np.mean(clear >= fixed[run]) if len(clear) else np.nan
             for run, clear in zip(scores["run_id"], scores["clear"], strict=True)]
    parts = []
    for model, mine in scores.assign(share=share).groupby("model", sort=False):
        wide = mine.pivot(index="image_id", columns="seed", values="share").dropna()
        faces = mine.drop_duplicates("image_id").set_index("image_id").loc[wide.index]
        for by in groupings:
            if (cells := cells_of(faces, by)) is not None:
                parts.append(_rows(wide.to_numpy().T, cells.table, cells.codes).assign(
                    model=model, grouping=name_of(by), seeds=wide.shape[1]))
    return pd.concat(parts, ignore_index=True).assign(metric=WINDOW_FPR, rule=rule, dataset=scores["dataset"].iloc[0])


def _rows(values: np.ndarray, table: pd.DataFrame, codes: np.ndarray) -> pd.DataFrame:
    """Mean and interval of each cell; `values` (seeds, pictures)."""
    noise = Noise.of([values], codes, len(table))
    low, high = rate_interval(noise.rates[0], noise.variance[0], noise.freedom[0], noise.n)
    return table[[*GROUP_COLUMNS, "n", "small"]].assign(group=table["label"], value=noise.rates[0], low=low, high=high)
