"""Who resampling draws: the share of sampling probability of each group, against its share of the faces."""

from __future__ import annotations

import pandas as pd

from facebias.audit.predictions import UNKNOWN
from facebias.errors import FacebiasError

_NEEDED = ("epoch", "grouping", "group", "natural_share", "share", "ess", "n")


def sampling_by_group(log: pd.DataFrame, grouping: str) -> pd.DataFrame:
    """Mean over seeds of each group's share of the sampling probability, per arm and epoch.

    Args:
        log: `Study.sampling` or `Run.sampling`, one row an epoch and group: epoch, ess (images), grouping, group,
            n, natural_share, share; optionally model and seed.
        grouping: "gender", "skin_tone", ...

    Returns:
        model ("" if the log has none), epoch, group, n, seeds, natural_share, share, low and high (range of share
        over seeds), ratio (share / natural_share: above 1 the group is drawn more often than it occurs), ess_share
        (mean effective sample size over the number of faces).

    Raises:
        FacebiasError: a column is missing, or nothing is logged for the grouping.
    """
    missing = [name for name in _NEEDED if name not in log]
    if missing:
        raise FacebiasError("COLUMNS", "sampling log", f"missing {', '.join(missing)}; found {', '.join(log)}",
                            "Train again with this version")
    table = log[log["grouping"] == grouping]
    if table.empty:
        found = ", ".join(map(str, log["grouping"].unique()))
        raise FacebiasError("GROUPING", grouping, f"not in the log; found {found}", "Name one of them")
    faces = table["n"] / table["natural_share"]
    table = table.assign(model=table.get("model", ""), ess_share=table["ess"] / faces,
                         group=table["group"].astype(object).fillna("").replace("", UNKNOWN))
    out = table.groupby(["model", "epoch", "group"], sort=False).agg(
        n=("n", "first"), seeds=("share", "size"), natural_share=("natural_share", "mean"), share=("share", "mean"),
        low=("share", "min"), high=("share", "max"), ess_share=("ess_share", "mean")).reset_index()
    return out.assign(ratio=out["share"] / out["natural_share"])
