"""Thresholds fixed on held-out non-faces, the same rule for every model.

Decisions are never stored, scores are: a threshold is a parameter of the audit. `fpr=0.01` is the headline rule:
models compared at unequal false positive rates are compared by where their threshold happens to lie.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.core.errors import FacebiasError
from facebias.core.words import HEADLINE as HEADLINE

RULES = ("fpr=0.001", "fpr=0.01", "fpr=0.05", "p=0.5")


class FewNegatives(UserWarning):
    """Fewer held-out negatives than the target rate needs for even one false positive."""


@dataclass(frozen=True)
class Threshold:
    """A face is what scores `value` or more.

    Attributes:
        rule: "fpr=RATE" or "p=PROBABILITY".
        value: on the scale of the scores (logits).
        negatives: how many held-out non-faces fixed it; 0 for a probability.
        rate: share of those with score >= value.
        enough: whether one false positive among them is within the target.
    """

    rule: str
    value: float
    negatives: int
    rate: float
    enough: bool


def parse_rule(rule: str) -> tuple[str, float]:
    """Kind ("fpr" or "p") and value of a rule.

    Raises:
        FacebiasError: not `fpr=RATE` or `p=PROBABILITY` with a value between 0 and 1.
    """
    kind, _, text = rule.partition("=")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if kind not in ("fpr", "p") or not 0 < value < 1:
        raise FacebiasError(
            "RULE", rule, "no such threshold rule", "Use fpr=0.01 or p=0.5, with a value between 0 and 1"
        )
    return kind, value


def rule_text(rule: str) -> str:
    """A rule in words for titles and sentences, for example "FPR 1 %"."""
    kind, value = parse_rule(rule)
    return f"FPR {100 * value:g} %" if kind == "fpr" else f"probability {value:g}"


def threshold(scores: np.ndarray, rule: str, *, warn: bool = True) -> Threshold:
    """The smallest threshold at which the share of negatives with score >= threshold is at most the target.

    With target rate f and n negatives, floor(n f) of them may pass, so the threshold is the next number above
    the score ranked floor(n f) + 1 from the top. Tied scores pass or fail together: where a tie straddles that
    rank, all of it fails, and the rate reached is below the target. Where n f < 1 nothing may pass; such a
    threshold says little about the target rate, which is marked and warned about.

    Args:
        scores: (n,) logits of held-out negatives.
        rule: "fpr=RATE", or "p=PROBABILITY", a fixed probability that needs no negatives.
        warn: raise `FewNegatives` as a warning where n f < 1.

    Raises:
        FacebiasError: unknown rule, no negatives for an fpr rule, or scores that are not finite.
    """
    kind, target = parse_rule(rule)
    scores = np.sort(np.asarray(scores, dtype=float))[::-1]
    if not np.isfinite(scores).all():
        raise FacebiasError("SCORES", rule, "scores of negatives that are not finite", "Score the run again")
    if kind == "p":
        value = math.log(target / (1 - target))
        return Threshold(rule, value, 0, float(np.mean(scores >= value)) if len(scores) else math.nan, True)
    if not len(scores):
        raise FacebiasError(
            "NEGATIVES",
            rule,
            "no held-out negatives (dataset validation, label 0)",
            "Score the validation set too, or use p=0.5",
        )
    allowed = math.floor(len(scores) * target + 1e-9)  # 0.29 * 100 is 28.999999999999996
    if allowed < 1 and warn:
        warnings.warn(
            f"{len(scores)} negatives are too few for {rule}: {math.ceil(1 / target)} are needed",
            FewNegatives,
            stacklevel=2,
        )
    value = float(np.nextafter(scores[allowed], np.inf))
    return Threshold(rule, value, len(scores), float(np.mean(scores >= value)), allowed >= 1)


def fix_thresholds(predictions: pd.DataFrame, rules: tuple[str, ...] = RULES) -> pd.DataFrame:
    """Thresholds of every run: run_id, rule, threshold, negatives, rate, enough.

    Few negatives are marked in `enough` and told by the report and the verdict, not warned about run by run.
    """
    held_out = predictions[(predictions["dataset"] == "validation") & (predictions["label"] == 0)]
    scores = {run: group.to_numpy() for run, group in held_out.groupby("run_id")["score"]}
    rows = []
    for run in map(str, predictions["run_id"].unique()):
        for rule in rules:
            fixed = threshold(scores.get(run, np.empty(0)), rule, warn=False)
            rows.append((run, rule, fixed.value, fixed.negatives, fixed.rate, fixed.enough))
    return pd.DataFrame(rows, columns=["run_id", "rule", "threshold", "negatives", "rate", "enough"])
