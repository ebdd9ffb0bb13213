"""Each group against a reference group, as Aequitas reports it: ratio of recall and of miss rate, and their difference.

By a reference one says whose rate the others should have. Unless named it is the largest group of each grouping, which
is no verdict on what is normal.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from facebias.audit.decisions import Decisions, Hits, decided
from facebias.audit.groups import GROUPINGS, name_of
from facebias.audit.stats.intervals import middle_interval
from facebias.audit.thresholds import HEADLINE
from facebias.core.errors import FacebiasError

DISPARITY_COLUMNS = (
    "model",
    "dataset",
    "rule",
    "grouping",
    "group",
    "reference",
    "n",
    "seeds",
    "recall",
    "difference",
    "low",
    "high",
    "recall_ratio",
    "miss_ratio",
)


def disparities(
    predictions: pd.DataFrame | Decisions,
    rule: str = HEADLINE,
    groupings: tuple[tuple[str, ...], ...] = GROUPINGS,
    reference: str = "",
) -> pd.DataFrame:
    """Recall of every comparable group against that of a reference group.

    Args:
        predictions: as `facebias.audit.PREDICTION_COLUMNS`, or decisions on them.
        rule: threshold rule.
        groupings: what to group by.
        reference: label of the group that all others are set against, in the groupings that have it; the largest group
            where it is "".

    Returns:
        Columns DISPARITY_COLUMNS, shares: `difference` is a group's recall less the reference's with its 95 % interval
        over seeds, images and thresholds; `recall_ratio` and `miss_ratio` are over the reference's (infinite where that
        misses none, NaN where neither does).

    Raises:
        FacebiasError: no grouping has a comparable group of that label, or what `facebias.audit.summarise` raises.
    """
    decisions, parts = decided(predictions, rule), []
    for dataset in decisions.datasets:
        for by in groupings:
            for model in decisions.models if by else ():
                hits = decisions.hits((model,), dataset, by)
                rows = _rows(hits, reference) if hits is not None else None
                if rows is not None:
                    parts.append(rows.assign(model=model, dataset=dataset, rule=rule, grouping=name_of(by)))
    if reference and not parts:
        raise FacebiasError("GROUP", reference, "no comparable group is called so", "Name one as the summary spells it")
    columns = list(DISPARITY_COLUMNS)
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _rows(hits: Hits, reference: str) -> pd.DataFrame | None:
    use = np.flatnonzero(hits.cells.comparable)
    table, rates, errors = hits.cells.table.iloc[use], hits.rates[0, use], hits.errors[:, 0, use]
    labels = table["label"].tolist()
    if len(use) < 2 or (reference and reference not in labels):
        return None
    base = labels.index(reference) if reference else int(np.argmax(table["n"].to_numpy()))
    difference = rates - rates[base]
    _, low, high = middle_interval(errors - errors[:, [base]])
    with np.errstate(divide="ignore", invalid="ignore"):
        recall_ratio, miss_ratio = rates / rates[base], (1 - rates) / (1 - rates[base])
    return pd.DataFrame(
        {
            "group": labels,
            "reference": labels[base],
            "n": table["n"].to_numpy(),
            "seeds": len(hits.seeds),
            "recall": rates,
            "difference": difference,
            "low": difference + low,
            "high": difference + high,
            "recall_ratio": recall_ratio,
            "miss_ratio": miss_ratio,
        }
    )
