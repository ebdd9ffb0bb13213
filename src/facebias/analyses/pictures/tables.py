"""The audit of detectors in whole pictures, protocol by protocol: how far the window protocol alone moves the answer.

Two threshold rules. On *crops*, as everywhere: the rate of false positives a held-out crop; the more windows a protocol
has, the more pictures it then alarms falsely. On *pictures*: the share of pictures with a false alarm in their
background, pooled over all groups and made alike for every run and protocol, so that recalls can be compared. There are
no other whole pictures to fix that threshold on, so it is cross-fitted: the pictures are split in two halves by a hash
of their names (`halves`), and each half is judged at the threshold of the other half's background, never at its own.
The rate that is then reached is reported, and differs from the one asked for as it would on new pictures. Intervals
take thresholds as given.
No torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.audit.changes import compare
from facebias.audit.groups import GROUPINGS, groups_of, matching, name_of
from facebias.audit.predictions import GROUP_COLUMNS, PREDICTION_COLUMNS
from facebias.audit.stats.noise import Noise
from facebias.audit.thresholds import threshold
from facebias.audit.worst_and_gap import measures, summarise
from facebias.core.errors import FacebiasError
from facebias.core.outputs import OutputFolder

GIVEN = "given box"  # no search: the face in its own box, as the audit of crops sees it
CROPS, PICTURES = "crops", "pictures"
RATES = {"found": "recall", "any": "any window", "background": "image FPR"}  # column of scores -> metric
WINDOW_FPR = "window FPR"
_DECIDED = "p=0.5"  # the rule of scores from which their threshold is taken off: 0 is a logit of one half


@dataclass(frozen=True)
class ProtocolTables:
    """What whole pictures show. All shares; `protocol` and `matched` ("crops" or "pictures") name the setting.

    Attributes:
        groups: a row a protocol, rule, arm, metric and group, mean over seeds with intervals. Metrics: "recall" (a
            window with score >= threshold at the face), "any window" (one anywhere in the picture: what the paper
            counts), "image FPR" (one in the background), "window FPR" (share of a picture's background windows).
        measures: worst group, gap, null gap of recall, as `facebias.audit.worst_and_gap`.
        changes: of recall from the baseline to the other arms, as `facebias.audit.changes`.
    """

    groups: pd.DataFrame
    measures: pd.DataFrame
    changes: pd.DataFrame

    @classmethod
    def of(
        cls,
        scores: pd.DataFrame,
        predictions: pd.DataFrame,
        fpr: float,
        image_fpr: float,
        baseline: str = "cnn",
        groupings: tuple[tuple[str, ...], ...] = GROUPINGS,
    ) -> ProtocolTables:
        """Audit window scores.

        Args:
            scores: from `facebias.analyses.pictures.scan.scan_runs`, of one audit set.
            predictions: of the same runs; their validation negatives fix the threshold on crops.
            fpr: false positive rate a crop.
            image_fpr: share of the other half's pictures with a false alarm in the background.
            baseline: the arm that others are compared with.
            groupings: what to group by, as in `facebias.audit.group_report`.

        Raises:
            FacebiasError: no held-out negatives, no such baseline, or fewer than two pictures.
        """
        crops = predictions[(predictions["dataset"] == "validation") & (predictions["label"] == 0)]
        dataset, groups, levels, changes = scores["dataset"].iloc[0], [], [], []
        for name, matched, mine in _settings(scores, crops, fpr, image_fpr):
            where = {"rule": f"fpr={fpr if matched == CROPS else image_fpr:g}", "protocol": name, "matched": matched}
            columns = RATES if name != GIVEN else {"found": "recall"}
            decided = pd.concat([_decided(mine, column, metric) for column, metric in columns.items()])
            table = summarise(decided, _DECIDED, groupings)
            table = table.assign(metric=table["dataset"], dataset=dataset)
            if name != GIVEN:
                table = pd.concat([table, _window_fpr(mine, groupings)], ignore_index=True)
            recall = _decided(mine, "found", dataset)
            groups.append(table.assign(**where))
            levels.append(measures(recall, _DECIDED, groupings).assign(**where))
            changes.append(compare(recall, baseline, _DECIDED, groupings).assign(**where))
        return cls(*(_joined(parts) for parts in (groups, levels, changes)))

    def write(self, outputs: OutputFolder, name: str) -> None:
        """Write `protocols-<name>-groups.csv`, `-measures.csv` and `-changes.csv`."""
        for table in ("groups", "measures", "changes"):
            outputs.csv(getattr(self, table), f"protocols-{name}-{table}.csv")

    def row(self, protocol: str, matched: str, model: str, metric: str) -> pd.Series:
        """Of `groups`, the row of all faces."""
        return matching(
            self.groups, grouping=name_of(()), protocol=protocol, matched=matched, model=model, metric=metric
        ).iloc[0]


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    table = pd.concat(parts, ignore_index=True)
    return table[["protocol", "matched", *[name for name in table if name not in ("protocol", "matched")]]]


def _settings(
    scores: pd.DataFrame, crops: pd.DataFrame, fpr: float, image_fpr: float
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Protocol, rule, and its scores with a column `threshold`."""
    on_crops = {run: _threshold(crops.loc[crops["run_id"] == run, "score"], fpr) for run in scores["run_id"].unique()}
    names = list(scores["protocol"].unique())
    first = scores[scores["protocol"] == names[0]]
    yield GIVEN, CROPS, first.assign(found=first["given"], threshold=first["run_id"].map(on_crops))
    for name in names:
        mine = scores[scores["protocol"] == name]
        yield name, CROPS, mine.assign(threshold=mine["run_id"].map(on_crops))
        yield name, PICTURES, mine.assign(threshold=_cross_fitted(mine, image_fpr))


def _threshold(scores: pd.Series, rate: float) -> float:
    return threshold(scores.to_numpy(), f"fpr={rate:g}", warn=False).value


def halves(names: pd.Series) -> pd.Series:
    """0 or 1 for each picture, half of the pictures each: in the order of the SHA-256 of their names.

    The same for all runs and protocols, and it knows nothing of a group.
    """
    ordered = sorted(names.unique(), key=lambda name: hashlib.sha256(name.encode()).digest())
    return names.map({name: int(2 * number >= len(ordered)) for number, name in enumerate(ordered)})


def _cross_fitted(scores: pd.DataFrame, image_fpr: float) -> pd.Series:
    """Each picture's threshold: from the background of the other half's pictures, run by run.

    Raises:
        FacebiasError: a single picture, which leaves the other half empty.
    """
    side = halves(scores["image_id"])
    if side.nunique() < 2:
        raise FacebiasError(
            "PICTURES",
            scores["dataset"].iloc[0],
            "one picture alone, expected two halves of several",
            "Take more pictures",
        )
    fixed = {key: _threshold(rows, image_fpr) for key, rows in scores.groupby(["run_id", side])["background"]}
    return pd.Series([fixed[run, 1 - mine] for run, mine in zip(scores["run_id"], side, strict=True)], scores.index)


def _decided(scores: pd.DataFrame, column: str, dataset: str) -> pd.DataFrame:
    """Predictions whose score is how far a picture's lies above its threshold."""
    margin = scores[column] - scores["threshold"]
    return scores.assign(score=margin, dataset=dataset, label=1)[list(PREDICTION_COLUMNS)]


def _window_fpr(scores: pd.DataFrame, groupings: tuple[tuple[str, ...], ...]) -> pd.DataFrame:
    """Share of a picture's background windows called a face: mean over pictures and seeds, in every group.

    Windows of one picture are alike, so pictures are drawn, not windows. Pictures without background are left out.
    """
    share = [
        np.mean(clear >= fixed) if len(clear) else np.nan
        for fixed, clear in zip(scores["threshold"], scores["clear"], strict=True)
    ]
    parts = []
    for model, mine in scores.assign(share=share).groupby("model", sort=False):
        wide = mine.pivot(index="image_id", columns="seed", values="share").dropna()
        faces = mine.drop_duplicates("image_id").set_index("image_id").loc[wide.index]
        for by in groupings:
            if (cells := groups_of(faces, by)) is not None:
                parts.append(
                    _rows(wide.to_numpy().T, cells.table, cells.codes).assign(
                        model=model, grouping=name_of(by), seeds=wide.shape[1]
                    )
                )
    return pd.concat(parts, ignore_index=True).assign(metric=WINDOW_FPR, dataset=scores["dataset"].iloc[0])


def _rows(values: np.ndarray, table: pd.DataFrame, codes: np.ndarray) -> pd.DataFrame:
    """Mean and interval of each cell; `values` (seeds, pictures)."""
    noise = Noise.of([values], codes, len(table))
    low, high = (ends[0] for ends in noise.interval)
    rows = table[[*GROUP_COLUMNS, "n", "small"]].assign(group=table["label"])
    return rows.assign(value=noise.rates[0], low=low, high=high)
