"""The other half of the non-faces: would thresholds that these had fixed lead to the same conclusions?

Validation non-faces fix the thresholds, and test non-faces measure the false positive rate. Here they change places,
so each half of the non-faces is judged at thresholds of the other (cross-fitting). The faces stay.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from facebias.audit.changes import compare
from facebias.audit.decisions import Decisions
from facebias.audit.groups import GROUPINGS

_KEY = ["model", "dataset", "grouping", "metric"]
_OTHER = {"validation": "test", "test": "validation"}


def swapped(predictions: pd.DataFrame) -> pd.DataFrame:
    """The same predictions, with validation and test non-faces in each other's place."""
    places = predictions["dataset"].astype(str)
    return predictions.assign(dataset=places.mask(predictions["label"] == 0, places.map(_OTHER)))


def both_views(decisions: Decisions, baseline: str, groupings: tuple[tuple[str, ...], ...] = GROUPINGS) -> pd.DataFrame:
    """`facebias.audit.compare`, and beside each change what it is with thresholds of the test non-faces.

    Returns:
        The columns of `compare`, and `other_change`, `other_low`, `other_high`, NaN where there are no test non-faces,
        and `agrees`: "yes" where both views see the same (a rise, a fall or no change), "no", or "" where one is
        missing. The row "FPR" has the rate of the validation non-faces.
    """
    table = compare(decisions, baseline, decisions.rule, groupings)
    negatives = decisions.predictions[decisions.predictions["label"] == 0]
    halves = negatives.groupby("run_id")["dataset"].nunique()
    if table.empty or len(halves) < decisions.predictions["run_id"].nunique() or (halves < 2).any():
        return table.assign(other_change=np.nan, other_low=np.nan, other_high=np.nan, agrees="")
    other = compare(swapped(decisions.predictions), baseline, decisions.rule, groupings)
    seen = other.assign(side=_side(other)).set_index(_KEY)[["change", "low", "high", "side"]].add_prefix("other_")
    both = table.join(seen, on=_KEY)
    return both.assign(agrees=np.where(_side(both) == both["other_side"], "yes", "no")).drop(columns="other_side")


def _side(table: pd.DataFrame) -> pd.Series:
    return np.sign(table["change"]) * table["distinguishable"]
