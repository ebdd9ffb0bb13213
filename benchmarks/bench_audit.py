"""Rows of the bench: the intervals of one model's groups, the whole audit of a large study, the report."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from measured import Row, Work

from facebias.audit import Audit
from facebias.audit.predictions import PREDICTION_COLUMNS
from facebias.audit.whole import TABLES
from facebias.core.outputs import OutputFolder
from facebias.report.page import AuditFolder, write_report

_RACES = ("Black", "East Asian", "Indian", "Latino Hispanic", "Middle Eastern", "Southeast Asian", "White")
_TONES = ("very light", "light", "intermediate", "tan", "brown", "dark")


def scored(arms: int, seeds: int, faces: int, negatives: int) -> pd.DataFrame:
    """Predictions of a made study: `faces` of an audit set, and so many non-faces in each held-out split."""
    rng = np.random.default_rng(0)
    sizes = {"validation": negatives, "test": negatives, "made": faces}
    place = np.repeat(list(sizes), list(sizes.values()))
    label = (place == "made").astype(int)
    text = {name: np.where(label == 1, rng.choice(values, len(place)), "") for name, values in _GROUPS.items()}
    images = pd.DataFrame(
        {
            "dataset": place,
            "image_id": [f"{number}" for number in range(len(place))],
            "label": label,
            "ita": np.where(label == 1, rng.normal(30, 20, len(place)), np.nan),
            **text,
        }
    )
    hardness = rng.normal(size=len(place))
    parts = []
    for arm in range(arms):
        for seed in range(seeds):
            score = (6 * label - 3 + hardness + rng.normal(size=len(place))).astype(np.float32)
            name = "cnn" if arm == 0 else f"arm{arm}"
            parts.append(images.assign(run_id=f"{name}-s{seed}", model=name, seed=seed, score=score))
    return pd.concat(parts, ignore_index=True)[list(PREDICTION_COLUMNS)]


_GROUPS = {"race": _RACES, "skin_tone": _TONES, "gender": ("Female", "Male"), "age": ("0-19", "20-39", "40 or more")}


def whole(table: pd.DataFrame) -> Work:
    """Every table of an audit, computed anew in each call."""

    def audit() -> None:
        """As `facebias audit`, without figures."""
        found = Audit(table)
        for name in ("report", *TABLES, "verdict", "recall_by_rate"):
            getattr(found, name)

    return audit


def audit_rows(*, tiny: bool, only: str = "") -> Iterator[Row]:
    """All rows whose name holds `only`."""
    if only in "intervals of groups":
        yield _intervals(scored(1, 1, *((400, 400) if tiny else (20_000, 4_000))), draws=2 if tiny else 100)
    if only in "whole audit":
        arms, seeds, faces = (2, 2, 400) if tiny else (12, 10, 20_000)
        table = scored(arms, seeds, faces, faces // 5 if not tiny else 400)
        yield Row(
            "whole audit",
            f"{arms} arms, {seeds} seeds, {faces:,} faces: all tables and the verdict",
            whole(table),
            unit="rows",
            units=len(table),
            at_most=1,
        )
    if only in "report":
        yield from _report(scored(*((2, 2, 400, 400) if tiny else (4, 6, 3_600, 1_800))))


def _report(table: pd.DataFrame) -> Iterator[Row]:
    """The page of an audit whose tables are there, as large as the default study's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outputs = OutputFolder(folder, "made")
        table.to_parquet(folder / "predictions-made.parquet", index=False)
        outputs.add(folder / "predictions-made.parquet")
        Audit(table).write(outputs)
        ours = lambda: write_report(AuditFolder(folder, folder / "runs"), folder / "report.html")  # noqa: E731
        yield Row("report", "tables of an audit, without figures, to a page", ours, unit="pages", at_most=3)


def _intervals(table: pd.DataFrame, draws: int) -> Row:
    def ours() -> None:
        """Recall of every group, worst and gap, each with its interval."""
        found = Audit(table, fixed=True)
        _ = found.summary, found.measures

    row = {"name": "intervals of groups", "mine": "one model, 7 groupings, worst and gap", "ours": ours}
    if not find_spec("fairlearn"):
        return Row(**row, other="fairlearn: not installed", unit="audits")
    from fairlearn.metrics import MetricFrame, true_positive_rate

    faces = table[table["label"] == 1]
    truth, found = faces["label"].to_numpy(), (faces["score"] > 0).astype(int).to_numpy()
    groups = faces[["race", "gender"]].astype(object)

    def theirs() -> MetricFrame:
        """Recall of every group of one grouping, with its interval."""
        return MetricFrame(
            metrics=true_positive_rate,
            y_true=truth,
            y_pred=found,
            sensitive_features=groups,
            n_boot=draws,
            ci_quantiles=[0.025, 0.975],
            random_state=0,
        )

    return Row(**row, other=f"fairlearn, one grouping, {draws} draws", peer=theirs, unit="audits", at_most=3)
