"""What is said of a set of group rates: worst group, gap, their change, and each with its interval."""

from __future__ import annotations

import numpy as np
import pandas as pd

from facebias.audit.decisions import Decisions, Hits, decided
from facebias.audit.groups import ALL, GROUPINGS, all_alike, further_columns, name_of
from facebias.audit.predictions import GROUP_COLUMNS
from facebias.audit.stats.extremes import between_groups, over_geometric_mean
from facebias.audit.stats.intervals import null_gaps
from facebias.audit.stats.variance import corrected_variance, group_variance
from facebias.audit.thresholds import HEADLINE

METRICS = ("overall", "mean", "worst", "gap")


def statistics(rates: np.ndarray, hits: Hits) -> dict[str, np.ndarray]:
    """Overall recall, mean over groups, worst group and gap (max - min) of rates (..., groups).

    Small and unknown cells are in `overall` alone. Worst and gap are NaN with fewer than two groups left.
    """
    n, use = hits.cells.table["n"].to_numpy(), hits.cells.comparable
    share = n / n.sum()
    out = {"overall": np.nan_to_num(rates) @ share}
    kept = rates[..., use]
    undefined = np.full(rates.shape[:-1], np.nan)
    several = use.sum() >= 2
    out["mean"] = kept.mean(axis=-1) if several else undefined
    out["worst"] = kept.min(axis=-1) if several else undefined
    out["gap"] = np.ptp(kept, axis=-1) if several else undefined
    return out


def worst_group(rates: np.ndarray, hits: Hits) -> str:
    """Label of the comparable group with the lowest rate; "" with fewer than two, and where all have the same."""
    use = np.flatnonzero(hits.cells.comparable)
    if len(use) < 2 or np.ptp(rates[use]) < 1e-12:
        return ""
    return str(hits.cells.table["label"].iloc[use[np.argmin(rates[use])]])


def summarise(
    predictions: pd.DataFrame | Decisions, rule: str = HEADLINE, groupings: tuple[tuple[str, ...], ...] = GROUPINGS
) -> pd.DataFrame:
    """Recall of every group, mean over seeds, with the interval over seeds, images and thresholds; and the FPR.

    Returns:
        One row a model, data set, grouping and group: model, dataset, rule, grouping, race, skin_tone, gender (and
        any other column that is grouped by), group, metric ("TPR"; "FPR" for the test negatives), n, seeds, value,
        low, high, small.

    Raises:
        FacebiasError: see `facebias.audit.predictions.validate` and `facebias.audit.thresholds.threshold`.
    """
    decisions = decided(predictions, rule)
    wanted = [("TPR", dataset, by, 1) for dataset in decisions.datasets for by in groupings]
    parts = []
    for metric, dataset, by, label in [("FPR", "test", (), 0), *wanted]:
        for model in decisions.models:
            if (hits := decisions.hits((model,), dataset, by, label)) is not None:
                parts.append(_group_rows(hits).assign(metric=metric, dataset=dataset))
    table = pd.concat(parts, ignore_index=True).assign(rule=rule)
    table.loc[table["metric"] == "FPR", "group"] = "non-faces"
    further = further_columns(table, groupings)
    columns = [
        "model",
        "dataset",
        "rule",
        "grouping",
        *GROUP_COLUMNS,
        *further,
        "group",
        "metric",
        "n",
        "seeds",
        "value",
        "low",
        "high",
        "small",
    ]
    return table.fillna(dict.fromkeys(further, ALL))[columns]


def _group_rows(hits: Hits) -> pd.DataFrame:
    cells, value = hits.cells.table, hits.rates[0]
    low, high = (ends[0] for ends in hits.noise.interval)
    return cells[[*hits.cells.columns, "n", "small"]].assign(
        model=hits.models[0],
        grouping=name_of(hits.cells.by),
        group=cells["label"],
        seeds=len(hits.seeds),
        value=value,
        low=low,
        high=high,
    )


def measures(
    predictions: pd.DataFrame | Decisions, rule: str = HEADLINE, groupings: tuple[tuple[str, ...], ...] = GROUPINGS
) -> pd.DataFrame:
    """Worst group, gap, null gap, ratio of miss rates, overall and mean recall, and the variance between groups.

    Returns:
        One row a model, data set, grouping and metric: model, dataset, rule, grouping, metric ("overall", "mean",
        "worst", "gap", "miss_ratio", "null_gap", "gap_p", "variance", "variance_corrected", and by the names that other
        tools have for them "equal_opportunity_difference", "equal_opportunity_ratio" and
        "miss_max_over_geometric_mean"), group (of "worst"), groups
        (compared), n, seeds, value, corrected, low, high. Shares, but for the variances (percent squared) and
        "miss_ratio" (worst over best; infinite where the best group misses none). `corrected` is the median of the
        confidence distribution whose 95 % lie within `low` and `high` (`facebias.audit.stats.extremes`): for worst
        group and gap, the value less the luck in picking extremes. "gap_p" is the share of shuffles of groups over the
        images that show a gap as wide: the p-value of the gap against groups that are equal, for these trainings.
        "equal_opportunity_difference" is the gap as Fairlearn calls it, "equal_opportunity_ratio" worst over best
        recall; "miss_max_over_geometric_mean" is the miss rate of the worst group over the geometric mean of all, as
        NIST reports it (infinite where a group misses none, 1 where none does).
    """
    decisions = decided(predictions, rule)
    parts = []
    for dataset in decisions.datasets:
        for by in groupings:
            for model in decisions.models if by else ():
                if (hits := decisions.hits((model,), dataset, by)) is not None:
                    parts.append(_measure_rows(hits).assign(dataset=dataset))
    columns = [
        "model",
        "dataset",
        "rule",
        "grouping",
        "metric",
        "group",
        "groups",
        "n",
        "seeds",
        "value",
        "corrected",
        "low",
        "high",
    ]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return table.assign(rule=rule)[columns]


def _measure_rows(hits: Hits) -> pd.DataFrame:
    use, cells, rates = hits.cells.comparable, hits.cells.table, hits.rates[0]
    n = cells["n"].to_numpy()
    null, p = shuffled(hits)
    plain = {
        "null_gap": float(null.mean()),
        "gap_p": p,
        "equal_opportunity_difference": float(np.ptp(rates[use])) if use.sum() > 1 else np.nan,
        "equal_opportunity_ratio": _ratio(rates[use]),
        "miss_max_over_geometric_mean": over_geometric_mean(1 - rates[use]),
        "variance": group_variance(rates[use]),
        "variance_corrected": corrected_variance(rates[use], n[use]),
    }
    several = between_groups(rates[use], hits.errors[:, 0, use], n[use])
    rows = [
        ("overall", *_overall(hits)),
        *((metric, *found) for metric, found in several.items()),
        *((metric, value, np.nan, np.nan, np.nan) for metric, value in plain.items()),
    ]
    table = pd.DataFrame(rows, columns=["metric", "value", "corrected", "low", "high"])
    worst = worst_group(rates, hits)
    return table.assign(
        model=hits.models[0],
        grouping=name_of(hits.cells.by),
        groups=int(use.sum()),
        n=int(n.sum()),
        seeds=len(hits.seeds),
        group=np.where(table["metric"] == "worst", worst, ""),
    )


def shuffled(hits: Hits, replicates: int = 999) -> tuple[np.ndarray, float]:
    """Gaps of the first arm (replicates,) whose groups are shuffled over the images of comparable ones, and the share
    of them that is as wide as the gap seen, or wider, itself counted. NaN with fewer than two groups to compare."""
    use, codes = hits.cells.comparable, hits.cells.codes
    kept = use[codes]
    null = null_gaps(hits.array[0][:, kept], codes[kept], len(use), replicates=replicates)
    if use.sum() < 2:
        return null, np.nan
    seen = np.ptp(hits.rates[0][use]) - 1e-12  # a hair off, since a shuffle that shows the very same gap counts
    return null, float((1 + np.sum(null >= seen)) / (1 + replicates))


def _overall(hits: Hits) -> tuple[float, float, float, float]:
    """Value, corrected (the same: a mean has no bias), low and high of all faces together."""
    noise = hits.grouped(all_alike(hits.cells)).noise
    (low,), (high,) = (ends[0] for ends in noise.interval)
    return float(noise.rates[0, 0]), float(noise.rates[0, 0]), float(low), float(high)


def _ratio(rates: np.ndarray) -> float:
    """The lowest rate over the highest; NaN of fewer than two, and where nobody is found."""
    return float(rates.min() / rates.max()) if len(rates) > 1 and rates.max() > 0 else np.nan
