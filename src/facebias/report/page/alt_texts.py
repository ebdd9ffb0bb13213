"""What is seen in a figure, in a sentence made from the numbers behind it: the alt texts of the report."""

from __future__ import annotations

import pandas as pd

from facebias.core.arms import arm_name
from facebias.core.numbers import percent
from facebias.core.words import UNKNOWN, dataset_name
from facebias.report.page.headline import extremes


def _detectors(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The first detectors of a table: an alt text with more than four is not listened to."""
    return [(str(model), rows) for model, rows in table.groupby("model", sort=False)][:4]


def _ends(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The rows of lowest and of highest recall."""
    return rows.loc[rows["value"].idxmin()], rows.loc[rows["value"].idxmax()]


def groups(table: pd.DataFrame) -> str:
    """Lowest and highest group of each detector."""
    rows = table[table["metric"] == "TPR"]
    return " ".join(extremes(mine, arm) for arm, mine in _detectors(rows))


def sources(table: pd.DataFrame) -> str:
    """Recall on each set of faces."""
    rows = table[table["metric"] == "TPR"]
    return (
        "; ".join(
            f"{arm_name(model)} "
            + ", ".join(f"{dataset_name(row.dataset)} {percent(row.value)} %" for row in part.itertuples())
            for model, part in _detectors(rows)
        )
        + "."
    )


def tones(table: pd.DataFrame) -> str:
    """Where along skin tone recall is lowest and highest."""
    told = []
    for model, rows in _detectors(table):
        low, high = _ends(rows)
        told.append(
            f"{arm_name(model)} lowest {percent(low['value'])} % near ITA {low['ita']:.0f}, "
            f"highest {percent(high['value'])} % near {high['ita']:.0f}"
        )
    return "; ".join(told) + "."


def trade_off(table: pd.DataFrame) -> str:
    """Lowest and highest group where 1 % of non-faces pass."""
    near = table.loc[(table["fpr"] - 0.01).abs() == (table["fpr"] - 0.01).abs().min()]
    near = near[~near["small"] & (near["group"] != UNKNOWN)]
    told = []
    for model, rows in _detectors(near):
        low, high = _ends(rows)
        told.append(
            f"{arm_name(model)} at FPR 1 % from {percent(low['value'])} % ({low['group']}) to "
            f"{percent(high['value'])} % ({high['group']})"
        )
    return "; ".join(told) + "."


def sampling(table: pd.DataFrame) -> str:
    """The group that each detector draws most above its share."""
    last = table[(table["epoch"] == table["epoch"].max()) & (table["group"] != UNKNOWN)]
    told = []
    for model, rows in _detectors(last):
        top = rows.loc[rows["ratio"].idxmax()]
        told.append(f"{arm_name(model)} draws {top['group']} faces most above their share, {top['ratio']:.2f} times")
    return f"In epoch {int(last['epoch'].iloc[0])}, " + "; ".join(told) + "."


def who(table: pd.DataFrame) -> str:
    """The most frequent level of each column."""
    tops = [rows.loc[rows["n"].idxmax()] for _, rows in table.groupby("column", sort=False)]
    return (
        "Most frequent: "
        + ", ".join(f"{row['column'].replace('_', ' ')} {row['level']} ({percent(row['share'], 0)} %)" for row in tops)
        + "."
    )


def training(table: pd.DataFrame) -> str:
    """Validation recall at the end."""
    last = table[table["epoch"] == table["epoch"].max()].groupby("model", sort=False)["validation_recall"].mean()
    return (
        "Validation recall after the last epoch: "
        + ", ".join(f"{arm_name(model)} {percent(value)} %" for model, value in last.items())
        + "."
    )


def moved(table: pd.DataFrame) -> str:
    """Where maps differ most, and how often beyond chance."""
    told = []
    for model, rows in _detectors(table):
        top = rows.loc[rows["peak"].abs().idxmax()]
        clear = int((rows["p_holm"] < 0.05).sum())
        told.append(
            f"{arm_name(model)}: largest in {top['group']}; {clear} of {len(rows)} groups differ beyond chance "
            "(Holm, 5 %)"
        )
    return "; ".join(told) + "."
