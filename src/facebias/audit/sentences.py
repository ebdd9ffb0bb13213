"""The words of the verdict: each finding, each caution, in sentences with numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.audit.groups import SMALL, groups_of, name_of
from facebias.audit.predictions import UNGROUPED
from facebias.audit.stats.tests import ALPHA
from facebias.audit.thresholds import HEADLINE, rule_text
from facebias.core.arms import arm_name
from facebias.core.numbers import interval, percent, points
from facebias.core.words import HELD_OUT, dataset_name

JUDGED_BY = ("worst", "gap")
NOBODY = "none"  # the worst of groups that are all equal
WANTED_SEEDS = 6  # fewer allow no exact p under .05, and say little of their own spread
WANTED_ABOVE = 20  # non-faces above a threshold: fewer are a handful of pictures
WANTED_MISSED = 20  # faces missed: with fewer, near the ceiling, changes are claimed too often (docs/intervals.md)
# What studies of other rendered training faces showed, held against a long one (docs/intervals.md)
_OTHER_TRAININGS = (
    "Intervals hold the doubt of seeds, images and thresholds, and not of the training pictures or the length of "
    "training: with others a change may be smaller, and an exploratory one absent or turned round."
)


@dataclass(frozen=True)
class Finding:
    """What one audit set and grouping shows.

    Attributes:
        dataset: name of the audit set.
        grouping: "race x gender", ...
        arm: the arm compared with the baseline.
        worst: label of the baseline's worst group; "none" where all are equal, "" where fewer than two are compared.
        claim: "reduced", "increased" or "mixed": the arm changed worst-group recall or the gap, and after Holm over all
            findings too; the sentence says which of the two. "hint": an interval of the two excludes 0, and that is
            all. "none": neither does.
        sentence: all of it, with numbers.
        judged: whether a claim could have been made; `why_withheld` says where not.
        p_holm: the smaller p-value of the two changes (worst group, gap), after Holm over both changes of all
            findings; NaN with one seed.
    """

    dataset: str
    grouping: str
    arm: str
    worst: str
    claim: str
    sentence: str
    judged: bool = False
    p_holm: float = np.nan


def finding_of(
    level: pd.DataFrame, change: pd.DataFrame, arm: str, rule: str, source: str, withheld: str = "", power: str = ""
) -> Finding:
    """What one audit set and grouping shows of one arm, as sentence.

    Args:
        level: rows of `facebias.audit.measures` of the baseline, by metric.
        change: rows of `facebias.audit.compare`, by metric, with `p_all`.
        arm: the arm compared; "" for none.
        rule: threshold rule.
        source: the training source, for the words.
        withheld: of `why_withheld`: why nothing may be claimed; "" where it may.
        power: which change would have been seen, in words.
    """
    first = level.iloc[0]
    dataset, grouping, baseline = str(first["dataset"]), str(first["grouping"]), str(first["model"])
    place = f"On {dataset_name(dataset, source)}, by {grouping}"
    if first["groups"] < 2 or (arm and change.empty):
        why = f"fewer than two groups have {SMALL} images" if first["groups"] < 2 else "no seed is shared"
        return Finding(dataset, grouping, arm, "", "none", f"{place}: not compared, {why}.")
    worst, gap, null = level.loc["worst"], level.loc["gap"], level.loc["null_gap"]
    name = str(worst["group"]) or NOBODY
    least = "the faces of all groups alike, none is worst" if name == NOBODY else f"{name} faces least often"
    sentence = (
        f"{place}, at {rule_text(rule)}, the {arm_name(baseline)} finds {least}: "
        f"{_percent(worst)}; the gap between best and worst of {first['groups']} groups is "
        f"{percent(gap['value'])} points ({percent(gap['corrected'])} {interval(gap['low'], gap['high'])} when "
        f"corrected for the luck in picking extremes; groups that do not differ would show {100 * null['value']:.1f})."
    )
    if not arm:
        return Finding(dataset, grouping, arm, name, "none", sentence)
    withheld = with_few_missed(withheld, change.loc["overall"])
    claim, words = _claim(change, withheld, power)
    return Finding(
        dataset,
        grouping,
        arm,
        name,
        claim,
        f"{sentence} {arm_name(arm)} {words}.",
        not withheld,
        float(change.loc[list(JUDGED_BY), "p_all"].min()),
    )


def why_withheld(rule: str, above: int, seeds: int, fpr: pd.Series | None) -> str:
    """Why nothing may be claimed of an arm, all reasons; "" where it may.

    Args:
        rule: threshold rule.
        above: the fewest held-out non-faces above a threshold of the arm or the baseline.
        seeds: that both share.
        fpr: the row of `facebias.audit.compare` of the false positive rate on test non-faces; None without any.
    """
    if rule != HEADLINE:
        return f"claims are made at {rule_text(HEADLINE)} alone"
    found = []
    if seeds < WANTED_SEEDS:
        found.append(
            f"only {'one seed is' if seeds == 1 else f'{seeds} seeds are'} shared and {WANTED_SEEDS} are needed"
        )
    if above < WANTED_ABOVE:
        found.append(f"only {above} held-out non-faces lie above a threshold and {WANTED_ABOVE} are needed")
    if fpr is None:
        found.append("no test non-faces tell whether the false positive rate moved")
    elif fpr["distinguishable"]:
        found.append(f"its false positive rate on test non-faces moved by {change_text(fpr)}")
    return "; ".join(found)


def too_few_missed(row: pd.Series) -> str:
    """Why nothing may be claimed of faces that nearly all are found; "" where enough are missed.

    Args:
        row: `n` faces, of which `before` and `after` are the shares found.
    """
    missed = row["n"] * (1 - min(row["before"], row["after"]))  # of the arm that misses more
    return f"only {missed:.0f} faces are missed and {WANTED_MISSED} are needed" if missed < WANTED_MISSED else ""


def with_few_missed(withheld: str, row: pd.Series) -> str:
    """All reasons: those of `why_withheld`, and that of `too_few_missed`."""
    return "; ".join(reason for reason in (withheld, too_few_missed(row)) if reason)


def _claim(change: pd.DataFrame, withheld: str, power: str) -> tuple[str, str]:
    """Code and words of what the intervals allow to be said."""
    worst, gap = change.loc["worst"], change.loc["gap"]
    rise, narrowing = _sign(worst), -_sign(gap)
    numbers = f"worst group {change_text(worst)}, gap {change_text(gap)}"
    least = float(change.loc[list(JUDGED_BY), "p_all"].min())
    if withheld:
        return "none", f"is not judged here, {withheld} ({numbers})"
    if rise == narrowing == 0:
        return "none", f"is not distinguishable from no change ({numbers}{f'; {power}' if power else ''})"
    if least >= ALPHA:
        return "hint", f"shows no change that holds: an interval excludes 0, and p = {least:.2g} after Holm ({numbers})"
    if rise * narrowing < 0:
        return "mixed", f"changed it both ways ({numbers})"
    code = "reduced" if rise + narrowing > 0 else "increased"
    if rise and narrowing:
        return code, f"{code} the bias ({numbers})"
    verb = (
        {1: "raised the worst group's recall", -1: "lowered the worst group's recall"}[rise]
        if rise
        else {1: "narrowed the gap", -1: "widened the gap"}[narrowing]
    )
    return code, f"{verb} ({numbers}; the {'gap' if rise else 'worst group'} is not distinguishable from unchanged)"


def _sign(row: pd.Series) -> int:
    return int(row["distinguishable"]) * (1 if row["change"] > 0 else -1)


def before_groups(table: pd.DataFrame, baseline: str, rule: str, source: str) -> str:
    """Recall of the baseline on held-out faces and each audit set, before any group is compared."""
    mine = table[table["model"] == baseline]
    faces = [
        f"{_percent(row)} of {dataset_name(row['dataset'], source)} (n = {row['n']:,})"
        for _, row in mine[mine["metric"] == "TPR"].iterrows()
    ]
    measured = mine[mine["metric"] == "FPR"]
    told = "asked for, not measured: no non-faces are left to measure it"
    if len(measured):
        told = f"measured on held-out non-faces: {_percent(measured.iloc[0])}"
    rate = f" ({told})"
    return (
        f"Before any group is compared: at {rule_text(rule)}{rate}, the {arm_name(baseline)} finds {', '.join(faces)}."
    )


def multiplicity(findings: list[Finding]) -> tuple[str, ...]:
    """How many comparisons were judged, how many hint at a change, and how many show one; () of fewer than two."""
    judged = [finding for finding in findings if finding.judged]
    if len(judged) < 2:
        return ()
    clear, held = (sum(f.claim not in names for f in judged) for names in (("none",), ("none", "hint")))
    return (
        f"Of 95 % intervals about one in twenty excludes 0 by chance alone; here one does in {clear} of {len(judged)} "
        f"comparisons (worst group or gap). A change is claimed only where it stays under 5 % after Holm over all of "
        f"them: {held} {'does' if held == 1 else 'do'}.",
    )


def other_view(change: pd.DataFrame) -> tuple[str, ...]:
    """Whether thresholds of the test non-faces lead to the same conclusions; () where there are none.

    Args:
        change: of `facebias.audit.second_view.both_views`, with `p_all` where a finding judges the row.
    """
    told = change[change["metric"].isin(JUDGED_BY) & (change["agrees"] != "") & change["p_all"].notna()]
    if told.empty:
        return ()
    same = int((told["agrees"] == "yes").sum())
    return (
        f"With thresholds that the test non-faces fix instead, {same} of {len(told)} changes of worst group and gap "
        f"come to the same conclusion.",
    )


def cautions_of(
    predictions: pd.DataFrame,
    baseline: str,
    rule: str,
    above: int,
    groupings: tuple[tuple[str, ...], ...],
    source: str,
    fixed: bool = False,
) -> tuple[str, ...]:
    """What limits the findings: rendered faces, the rule, too few non-faces or seeds, groups left out."""
    found = []
    if source == "synthetic" or (predictions["dataset"] == "synthetic").any():
        found.append("Rendered faces (synthetic): this shows how the method behaves, nothing about people.")
    if rule != HEADLINE:
        found.append(f"Claims are made at {rule_text(HEADLINE)} alone; this is {rule_text(rule)}.")
    elif above < WANTED_ABOVE:
        found.append(
            f"Too few held-out non-faces to fix {rule_text(rule)}: {above} lie above a threshold. Claims need "
            f"{WANTED_ABOVE}, so none is made."
        )
    if not fixed:  # one set of weights is all there is of those that are
        found.append(_OTHER_TRAININGS)
        found += _few_seeds(predictions.groupby("model", sort=False)["seed"].nunique())
    faces = (predictions["label"] == 1) & (predictions["model"] == baseline)
    for dataset in sorted(set(predictions["dataset"][faces].unique()) - set(HELD_OUT)):
        mine = predictions.drop(columns=UNGROUPED)[faces & (predictions["dataset"] == dataset)]
        images = mine[mine["run_id"] == mine["run_id"].iloc[0]]  # all runs scored the same
        found += _left_out(images, dataset_name(dataset, source), groupings)
    return tuple(found)


def _few_seeds(seeds: pd.Series) -> list[str]:
    few = seeds[seeds < WANTED_SEEDS]
    if few.empty:
        return []
    counts = (
        str(few.iloc[0]) if seeds.nunique() == 1 else ", ".join(f"{n} of {arm_name(arm)}" for arm, n in few.items())
    )
    whose = "" if len(few) == len(seeds) else f" of {' and '.join(map(arm_name, few.index))}"
    return [f"Training seeds an arm: {counts}. Claims need {WANTED_SEEDS}, so none is made{whose}."]


def _left_out(faces: pd.DataFrame, place: str, groupings: tuple[tuple[str, ...], ...]) -> list[str]:
    lines = []
    for by in groupings:
        cells = groups_of(faces, by)
        if cells is None:
            continue
        left = cells.table[~cells.comparable]
        if len(left):
            names = ", ".join(f"{row.label} (n = {row.n})" for row in left.itertuples())
            lines.append(
                f"{place}, {name_of(by)}: left out of worst and gap, as under {SMALL} images or unknown: {names}."
            )
    return lines


def _percent(row: pd.Series) -> str:
    return f"{percent(row['value'])} % {interval(row['low'], row['high'])}"


def change_text(row: pd.Series) -> str:
    """A change in points with its interval."""
    return f"{points(row['change'])} points {interval(row['low'], row['high'], signed=True)}"
