"""What the tables allow to be said of each detector, in sentences with numbers.

A detector has one set of weights, and that is all there is of it: no other training is asked about. Its gap is judged
over images and threshold. A claim that groups differ needs both: an interval of the gap, corrected for the luck in
picking extremes, that excludes 0; and a permutation test (group labels shuffled over the faces) under 5 % after Holm
over all detectors and groupings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from facebias.audit.changes import paired_changes
from facebias.audit.decisions import Decisions, Hits
from facebias.audit.groups import name_of
from facebias.audit.stats.tests import ALPHA, holm
from facebias.audit.worst_and_gap import shuffled
from facebias.core.numbers import interval, p_value, percent, points
from facebias.core.words import dataset_name

SHUFFLES, MORE = 4999, 99_999  # draws, and those where a p is small: one of .002 is then known to 7 %
SMALL_P = 0.02  # far above what Holm asks of the smallest p of a dozen or more comparisons
FINDINGS = (
    "match",
    "point",
    "model",
    "dataset",
    "grouping",
    "worst",
    "gap",
    "corrected",
    "low",
    "high",
    "null_gap",
    "p",
)


def findings_table(
    predictions: Mapping[str, pd.DataFrame], gaps: pd.DataFrame, rules: Mapping[str, str]
) -> pd.DataFrame:
    """One row a rule of matching, point, detector and grouping, with the claim that it allows.

    Args:
        predictions: of all detectors, by rule of matching.
        gaps: `facebias.analyses.whole_pictures.points.gaps_table` of the same.
        rules: the audit's threshold rule of each point.

    Returns:
        Columns FINDINGS, and p_holm, differs. Holm's family is all detectors and groupings at one point, by one rule of
        matching.
    """
    decisions = {(m, p): Decisions(table, rule) for m, table in predictions.items() for p, rule in rules.items()}
    rows = []
    for key, mine in gaps.groupby(["match", "point", "model", "dataset", "grouping"], sort=False):
        match, point, model, dataset, grouping = key
        here, by = mine.set_index("metric"), tuple(part.replace(" ", "_") for part in grouping.split(" x "))
        hits, gap = decisions[match, point].hits((model,), dataset, by), here.loc["gap"]
        p = permutation_p(hits) if hits is not None else np.nan
        numbers = (gap["value"], gap["corrected"], gap["low"], gap["high"], here.loc["null_gap", "value"], p)
        rows.append((*key, here.loc["worst", "group"], *numbers))
    table = pd.DataFrame(rows, columns=list(FINDINGS))
    table["p_holm"] = table.groupby(["match", "point"])["p"].transform(holm)
    return table.assign(differs=(table["low"] > 0) & (table["p_holm"] < ALPHA))


def permutation_p(hits: Hits) -> float:
    """The p-value of the first arm's gap against shuffled groups, from more draws where it may decide; NaN as there."""
    p = shuffled(hits, SHUFFLES)[1]
    return shuffled(hits, MORE)[1] if p < SMALL_P else p


def changes_table(
    predictions: Mapping[str, pd.DataFrame],
    groupings: Sequence[tuple[str, ...]],
    baseline: str,
    rules: Mapping[str, str],
) -> pd.DataFrame:
    """Paired changes from the first detector to the others: the same faces, the same face-free pictures.

    Returns:
        match, point, model, baseline, dataset, grouping, metric ("worst", "gap"), before, after, change, low, high,
        clear (whether the interval over images and thresholds excludes 0).
    """
    rows = []
    for match, table in predictions.items():
        for point, rule in rules.items():
            decisions = Decisions(table, rule)
            for model in [name for name in decisions.models if name != baseline]:
                for dataset in decisions.datasets:
                    for by in groupings:
                        hits = decisions.hits((baseline, model), dataset, by)
                        if hits is None:
                            continue
                        found = paired_changes(hits.rates, hits.errors, hits, ("worst", "gap"))
                        for metric, (before, after, low, high) in found.items():
                            key = (match, point, model, baseline, dataset, name_of(by), metric)
                            rows.append((*key, before, after, after - before, low, high, low > 0 or high < 0))
    names = "match point model baseline dataset grouping metric before after change low high clear".split()
    return pd.DataFrame(rows, columns=names)


def sentence(finding: pd.Series, level: pd.DataFrame) -> str:
    """One finding in words.

    Args:
        finding: a row of `findings_table`.
        level: the rows of `points_table` of the same match, point, model, data set and grouping.
    """
    where = f"{finding['model']} on {dataset_name(finding['dataset'])}, {finding['point']}, by {finding['grouping']}"
    if not finding["worst"]:
        return f"{where}: not compared, fewer than two groups have 30 faces."
    worst = level[level["group"] == finding["worst"]].iloc[0]
    false = f"{percent(worst['false_alarms'], 2)} % {interval(worst['false_low'], worst['false_high'])}"
    claim = "Its groups differ" if finding["differs"] else "That its groups differ is not shown"
    return (
        f"{where}: {finding['worst']} faces are found least often, {percent(worst['value'])} % "
        f"{interval(worst['low'], worst['high'])} of {worst['n']:,}; false alarms in {false} of face-free pictures. "
        f"The gap is {percent(finding['gap'])} points ({percent(finding['corrected'])} "
        f"{interval(finding['low'], finding['high'])} corrected for the luck in picking extremes; groups that do not "
        f"differ would show {percent(finding['null_gap'])}). {claim} (permutation p {p_value(finding['p'])}, "
        f"after Holm {p_value(finding['p_holm'])})."
    )


def change_sentence(change: pd.Series) -> str:
    """One paired change in words."""
    what = {"gap": "gap", "worst": "worst group's recall"}[change["metric"]]
    verb = "differs" if change["clear"] else "is not distinguishable"
    return (
        f"{change['point']}, by {change['grouping']}: the {what} of {change['model']} {verb} from that of "
        f"{change['baseline']} ({points(change['change'])} points "
        f"{interval(change['low'], change['high'], signed=True)}, same faces, over images and thresholds)."
    )


def agreement(findings: pd.DataFrame) -> str:
    """In how many comparisons the two rules of matching allow the same claim, and name the same worst group."""
    key = ["point", "model", "dataset", "grouping"]
    sides = [part.set_index(key) for _, part in findings.groupby("match", sort=False)]
    if len(sides) < 2:
        return ""
    both = sides[0].join(sides[1], suffixes=("", "_other"), how="inner")
    same = int((both["differs"] == both["differs_other"]).sum())
    worst = int((both["worst"] == both["worst_other"]).sum())
    return (
        f"By the other rule of matching (IoU 0.5 or more) {same} of {len(both)} comparisons allow the same claim, and "
        f"{worst} name the same worst group."
    )
