"""Ten numbers of an audit, computed once more from the predictions alone, and held against the audit's own.

    .venv/bin/python benchmarks/recompute.py STUDY_FOLDER RUNS_FOLDER

The study's folder holds the CSV files that an audit wrote, the other one the runs with their predictions.parquet.
Nothing of `facebias` is imported: pandas, numpy and scipy alone, with every rule written out anew. Ends with status 1
where a number differs by more than 1e-6.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata, t

RATE, SMALL = 0.01, 30
RULE = f"fpr={RATE:g}"
Number = tuple[str, float, float]  # what it is, the audit's, and ours


def threshold(scores: np.ndarray) -> float:
    """The non-face that is the first not to pass: a face scores more than it."""
    return np.sort(scores)[::-1][int(np.floor(len(scores) * RATE + 1e-9))]


def decided(table: pd.DataFrame) -> pd.DataFrame:
    """With a column `hit`: the score is above the run's threshold."""
    held = table[(table["dataset"] == "validation") & (table["label"] == 0)]
    limits = {run: threshold(rows["score"].to_numpy(dtype=float)) for run, rows in held.groupby("run_id")}
    return table.assign(limit=table["run_id"].map(limits)).assign(hit=lambda rows: rows["score"] > rows["limit"])


def wilson(hits: float, n: int) -> tuple[float, float]:
    """95 % interval of a share."""
    z, share = norm.ppf(0.975), hits / n
    centre, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def p_of(low: float, high: float, seeds: int) -> float:
    """Two-sided p-value of no change: how far 0 lies from the middle of a 95 % interval, in t of the seeds less one."""
    return float(2 * t.sf(abs(high + low) / (high - low) * t.ppf(0.975, seeds - 1), seeds - 1))


def one(table: pd.DataFrame, **values: object) -> pd.Series:
    """The only row with these values."""
    for column, value in values.items():
        table = table[table[column].astype(str) == str(value)]
    if len(table) != 1:
        raise SystemExit(f"{len(table)} rows, not one, have {values}")
    return table.iloc[0]


def of_one_training(report: pd.DataFrame, scored: pd.DataFrame, dataset: str, run: str) -> list[Number]:
    """Threshold, false positive rate, and the recall, interval, area and d' of women."""
    mine = scored[scored["run_id"] == run]
    others = mine[(mine["dataset"] == "test") & (mine["label"] == 0)]
    women = mine[(mine["dataset"] == dataset) & (mine["label"] == 1) & (mine["gender"] == "Female")]
    own = {"dataset": dataset, "rule": RULE, "run_id": run, "gender": "Female", "race": "all", "skin_tone": "all"}
    own |= {"age": "all"} if "age" in report else {}
    told = one(report, **own, metric="TPR")
    ranks = rankdata(np.concatenate([women["score"], others["score"]]))[: len(women)]
    area = (ranks.sum() - len(women) * (len(women) + 1) / 2) / (len(women) * len(others))
    z = [norm.ppf((rows["hit"].sum() + 0.5) / (len(rows) + 1)) for rows in (women, others)]
    alarm = one(report, dataset="test", run_id=run, rule=RULE, metric="FPR")["value"]
    return [
        (f"threshold of {run}", told["threshold"], np.nextafter(mine["limit"].iloc[0], np.inf)),
        (f"false positive rate of {run}", alarm, others["hit"].mean()),
        (f"recall of women, {run}", told["value"], women["hit"].mean()),
        ("its Wilson interval, low", told["low"], wilson(women["hit"].sum(), len(women))[0]),
        ("area under the curve, women", one(report, **{**own, "rule": "any"}, metric="AUC")["value"], area),
        ("d', women", one(report, **own, metric="d_prime")["value"], z[0] - z[1]),
    ]


def over_trainings(folder: Path, faces: pd.DataFrame, baseline: str, arm: str, dataset: str) -> list[Number]:
    """Recall of the worst gender, the gap, the change of the worst, and its p-value."""
    summary, measures, changes = (table_of(folder, name) for name in ("summary", "measures", "changes"))
    by_seed = faces.groupby(["model", "seed", "gender"])["hit"].mean().unstack("gender")
    size = faces[faces["run_id"] == faces["run_id"].min()]["gender"].value_counts()
    by_seed = by_seed[[name for name in by_seed if name and size[name] >= SMALL]]
    rates = by_seed.groupby("model").mean()
    worst = rates.loc[baseline].idxmin()
    recall = by_seed.xs(baseline, level="model")[worst]
    where = {"dataset": dataset, "rule": RULE, "grouping": "gender"}
    told = one(changes, **where, model=arm, metric="worst")
    mean = one(summary, **where, model=baseline, group=worst)["value"]
    gap = one(measures, **where, model=baseline, metric="gap")["value"]
    return [
        (f"recall of {worst}, all trainings", mean, recall.mean()),
        ("gap", gap, np.ptp(rates.loc[baseline])),
        (f"change of the worst, {arm}", told["change"], rates.loc[arm].min() - rates.loc[baseline].min()),
        ("its p-value", told["p"], p_of(told["low"], told["high"], len(recall))),
    ]


def table_of(folder: Path, name: str) -> pd.DataFrame:
    """A table of the audit."""
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values=[""])


def numbers(folder: Path, scored: pd.DataFrame) -> list[Number]:
    """All of them, for the audit set and the arm that the audit tells first."""
    first = pd.read_csv(folder / "findings.csv").query("worst == worst and worst != ''").iloc[0]
    dataset, arm = first["dataset"], first["arm"]
    baseline = one(table_of(folder, "changes"), dataset="test", metric="FPR", model=arm)["baseline"]
    faces = scored[(scored["dataset"] == dataset) & (scored["label"] == 1) & scored["model"].isin([baseline, arm])]
    if faces["gender"].nunique() < 2:
        raise SystemExit(f"{dataset} does not say gender, by which the numbers are recomputed")
    run = faces[faces["model"] == baseline]["run_id"].min()
    alone = of_one_training(table_of(folder, "group_report"), scored, dataset, run)
    return alone + over_trainings(folder, faces, baseline, arm, dataset)


def main() -> None:
    """Print every number twice; status 1 where they differ."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    folder, runs = map(Path, sys.argv[1:])
    names = pd.read_csv(folder / "group_report.csv", usecols=["run_id"])["run_id"].unique()
    scored = decided(pd.concat([pd.read_parquet(runs / name / "predictions.parquet") for name in names]))
    apart = 0
    for name, theirs, ours in numbers(folder, scored):
        same = abs(float(theirs) - float(ours)) <= 1e-6
        apart += not same
        print(f"{'same' if same else 'DIFFERS':8} {name:45} {float(theirs):.6f}  {float(ours):.6f}")
    sys.exit(apart > 0)


if __name__ == "__main__":
    main()
