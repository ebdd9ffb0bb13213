"""Tables with one column a model: levels side by side, changes side by side, and the published numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from facebias.audit.paper import GROUP_SIZES, paper_bars, paper_table, reproduction
from facebias.audit.stats.intervals import binomial_null_gap
from facebias.audit.stats.variance import corrected_variance, group_variance
from facebias.core.arms import arm_name, arm_of
from facebias.training.draws import mean_interval

PUBLISHED = "PPB (published)"
_ROW = ["dataset", "grouping", "metric", "group"]
# of audit.measures: metric, the column that is shown, whether it has an interval, the name of the row
_MEASURES = (
    ("worst", "value", False, "worst group"),
    ("worst", "corrected", True, "worst group, corrected"),
    ("gap", "value", False, "gap"),
    ("gap", "corrected", True, "gap, corrected"),
    ("null_gap", "value", False, "gap if groups did not differ"),
    ("variance", "value", False, "variance, %\N{SUPERSCRIPT TWO}"),
    ("variance_corrected", "value", False, "variance, %\N{SUPERSCRIPT TWO}, corrected"),
)


def level_table(summary: pd.DataFrame, measures: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Recall of every group, and worst group, gap and variance of every grouping, with three columns a model.

    Args:
        summary: from `facebias.audit.summarise`.
        measures: from `facebias.audit.worst_and_gap`, of the same predictions.
        models: their order.

    Returns:
        dataset, grouping, metric, group, n, then for each model its name, "<name> low" and "<name> high": shares, but
        for variances (percent squared). Raw and corrected figures have a row each; where an interval goes with a
        measure it surrounds the corrected one. `metric` "FPR" is of each run's own held-out non-faces.
    """
    recall = summary[summary["metric"].isin(["TPR", "FPR"])]
    parts = []
    for metric, column, interval, name in _MEASURES:
        rows = measures[measures["metric"] == metric]
        ends = {} if interval else {"low": np.nan, "high": np.nan}
        metric += "_corrected" if column == "corrected" else ""
        parts.append(rows.assign(value=rows[column], group=name, metric=metric, **ends))
    table = side_by_side(pd.concat([recall, *parts], ignore_index=True), models, ("value", "low", "high"))
    # the measures of a grouping stand below its groups
    place = recall[["dataset", "grouping"]].drop_duplicates().reset_index(drop=True).reset_index(names="place")
    order = table[["dataset", "grouping"]].merge(place, how="left", on=["dataset", "grouping"])["place"]
    return table.iloc[order.argsort(kind="stable")].reset_index(drop=True)


def change_table(changes: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Changes with four columns a model: "<name> change", the same with " low" and " high", and "<name> flagged"."""
    names = {"worst": "worst group", "gap": "gap"}
    table = changes.assign(
        value=changes["change"],
        group=[names.get(metric, group) for metric, group in zip(changes["metric"], changes["group"], strict=True)],
    )
    found = side_by_side(table, models, ("value", "low", "high", "flagged"))
    changed = {model: f"{model} change" for model in models}
    changed |= {f"{model} {end}": f"{model} change {end}" for model in models for end in ("low", "high")}
    return found.rename(columns=changed)


def group_table(levels: pd.DataFrame, deltas: pd.DataFrame) -> pd.DataFrame:
    """A `level_table` with the columns of a `change_table` beside it: what terminal, notebook and page all show.

    Rows are those of the levels; where nothing is said of a change its cells are missing.
    """
    return levels.merge(deltas.drop(columns="n"), how="left", on=_ROW)


def side_by_side(rows: pd.DataFrame, models: Sequence[str], values: Sequence[str]) -> pd.DataFrame:
    """Tidy rows with a column `model` as one row a group: for each model its name, then "<name> low" and so on.

    `n` is missing where each model has its own; a model that lacks a row has missing values there.
    """
    cells = rows.set_index([*_ROW, "model"])[list(values)].unstack("model")
    order = pd.MultiIndex.from_frame(rows[_ROW].drop_duplicates())
    n = rows.groupby(_ROW)["n"].agg(["first", "nunique"])
    found = {"n": n["first"].where(n["nunique"] == 1).astype("Int64").reindex(order)}
    for model in models:
        found |= {
            model if name == values[0] else f"{model} {name}": cells[name, model].reindex(order) for name in values
        }
    return pd.DataFrame(found).reset_index()


def published_table() -> pd.DataFrame:
    """The paper's numbers in the layout of `level_table`, one column a setting, without intervals.

    They are recalls of sliding windows on PPB at a false positive rate that the paper does not state: a reference,
    and no column to compare ours with. The mean and the variance of its Table 1 stand beside what the bars of its
    Fig. 5B give in our code (shares; variances in percent squared, ddof = 1).
    """
    bars, table = paper_bars(), paper_table()
    settings = list(table["setting"])
    cells = bars[bars["setting"] == settings[0]]
    values = bars.pivot(index=["skin", "gender"], columns="setting", values="value").reindex(
        pd.MultiIndex.from_frame(cells[["skin", "gender"]])
    )
    rows = [
        ("TPR", f"{skin} \N{MIDDLE DOT} {gender}", n, *values.loc[(skin, gender), settings])
        for skin, gender, n in cells[["skin", "gender", "n"]].itertuples(index=False)
    ]
    sizes, rates = cells["n"].to_numpy(), [values[name].to_numpy() for name in settings]
    total = int(sizes.sum())
    derived = {
        ("mean", "mean of Table 1"): list(table["mean_percent"] / 100),
        ("worst", "worst group"): [rate.min() for rate in rates],
        ("gap", "gap"): [np.ptp(rate) for rate in rates],
        ("null_gap", "gap if groups did not differ"): [
            binomial_null_gap(float(rate @ sizes / total), sizes) for rate in rates
        ],
        ("variance", "variance of Table 1, %\N{SUPERSCRIPT TWO}"): list(table["variance_percent2"]),
        ("variance_of_bars", "variance of the bars, %\N{SUPERSCRIPT TWO}"): [group_variance(rate) for rate in rates],
        ("variance_of_bars_corrected", "variance of the bars, %\N{SUPERSCRIPT TWO}, corrected"): [
            corrected_variance(rate, sizes) for rate in rates
        ],
    }
    rows += [(metric, name, total, *numbers) for (metric, name), numbers in derived.items()]
    found = pd.DataFrame(rows, columns=["metric", "group", "n", *settings])
    found.insert(0, "dataset", PUBLISHED)
    found.insert(1, "grouping", "skin x gender")
    return found


def reproduction_table() -> pd.DataFrame:
    """What a published reproduction trained (`facebias.audit.paper.reproduction`), one row a setting and group.

    Returns:
        arm (ours of the same rule and alpha), setting (its name), metric ("TPR" or "FPR"), group, n (pictures),
        trainings, value, low, high: shares, the mean over trainings and its 95 % t interval, cut at 0 and 1.
    """
    columns = {
        f"{skin} {gender.lower()}": (f"{skin} \N{MIDDLE DOT} {gender}", n) for (skin, gender), n in GROUP_SIZES.items()
    }
    total, runs = sum(GROUP_SIZES.values()), reproduction()
    runs["all faces"] = runs[list(columns)].sum(axis=1)
    columns |= {"all faces": ("all faces", total), "false alarms": ("false alarms", total)}
    rows = []
    for (rule, alpha), mine in runs.groupby(["rule", "alpha"], sort=False, dropna=False):
        arm = arm_of("db_vae", rule, "none", alpha, False)
        for name, (group, n) in columns.items():
            ends = np.clip(mean_interval(mine[name].to_numpy() / n), 0, 1)
            metric = "FPR" if name == "false alarms" else "TPR"
            rows.append((arm, arm_name(arm), metric, group, n, len(mine), *ends))
    return pd.DataFrame(rows, columns=["arm", "setting", "metric", "group", "n", "trainings", "value", "low", "high"])
