"""The verdict, computed: what the audit shows, in sentences with numbers, and no claim beyond the intervals."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, fields

import pandas as pd

from facebias.audit.decisions import Decisions, decided
from facebias.audit.groups import GROUPINGS, matching, name_of
from facebias.audit.power import power, power_text
from facebias.audit.primary import missing, primary_table, primary_text
from facebias.audit.second_view import both_views
from facebias.audit.sentences import (
    JUDGED_BY,
    Finding,
    before_groups,
    cautions_of,
    finding_of,
    multiplicity,
    other_view,
    why_withheld,
)
from facebias.audit.stats.tests import holm
from facebias.audit.thresholds import HEADLINE
from facebias.audit.worst_and_gap import measures, summarise
from facebias.core.arms import counterpart
from facebias.core.errors import FacebiasError
from facebias.core.primary import Primary

# Skin tone is what the paper is about, and it is measured alike in every set. Its six groups are larger than those of
# any crossing, so their gap owes less to luck.
_TOLD_FIRST = ("skin tone", "race", "skin tone x gender", "race x gender", "gender")


@dataclass(frozen=True)
class Verdict:
    """The study's conclusion.

    Attributes:
        before_groups: recall on held-out faces of the training source and on each audit set, before any group.
        findings: one for each arm, audit set and grouping.
        cautions: what limits them (seeds, small cells, too few negatives, rendered data).
        primary: what the primary comparison says, or why there is none; "" where none was wanted.
        headline: the sentence about the first audit set by skin tone, or by the next grouping that it knows.
    """

    before_groups: str
    findings: tuple[Finding, ...]
    cautions: tuple[str, ...]
    headline: str
    primary: str = ""

    @property
    def opening(self) -> tuple[str, ...]:
        """What is told first: the primary comparison, where one was wanted, and the headline."""
        return (self.primary, f"Exploratory: {self.headline}") if self.primary else (self.headline,)

    def __str__(self) -> str:
        return "\n".join([*self.opening, self.before_groups, *(f.sentence for f in self.findings), *self.cautions])

    def _repr_html_(self) -> str:
        """What Jupyter shows: paragraphs of plain text, whatever a data set calls its groups."""
        lines = [*self.opening, self.before_groups, *self.cautions]
        return "\n".join(f"<p>{html.escape(line)}</p>" for line in lines)

    def table(self) -> pd.DataFrame:
        """The findings as a table, one row each."""
        return pd.DataFrame(
            [vars(finding) for finding in self.findings], columns=[field.name for field in fields(Finding)]
        )


def verdict(
    predictions: pd.DataFrame | Decisions,
    baseline: str = "cnn",
    arm: str = "",
    *,
    rule: str = HEADLINE,
    source: str = "",
    groupings: tuple[tuple[str, ...], ...] = GROUPINGS,
    datasets: Sequence[str] = (),
    known: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame] | None = None,
    primary: str = "",
    fixed: bool = False,
) -> Verdict:
    """Conclude from predictions; every number in it is computed here.

    A reduction is claimed only where the interval of the change in worst-group recall or in the gap excludes 0, where
    that stays under 5 % after Holm over all findings, and where the other of the two does not get worse beyond its
    interval. Nothing is claimed where `facebias.audit.sentences.why_withheld` says why. Then the numbers stand, and the
    sentence says what is missing.

    One arm alone can be in the headline. It is the one that the figures show too, `facebias.core.arms.counterpart`: the
    DB-VAE that resamples most, with the smallest alpha, whatever it shows. Every arm has its findings, in every audit
    set and grouping, so none is hidden by that choice.

    Args:
        predictions: as `facebias.audit.PREDICTION_COLUMNS`.
        baseline: the arm that the others are compared with.
        arm: the arm of the headline; `facebias.core.arms.counterpart` of all arms unless told.
        rule: threshold rule.
        source: the training source ("celeba", "synthetic", ...), for the words.
        groupings: what to compare by.
        datasets: the audit sets in the order in which they are told, the headline's first; by name unless told.
        known: `summarise`, `measures`, `both_views` and `power` of the same predictions, baseline and rule, over all
            GROUPINGS, where they have been computed already.
        primary: the primary comparison in words (`facebias.core.primary`); "" for none.
        fixed: whether each model has one set of weights and is no training among others.

    Raises:
        FacebiasError: no such baseline or arm, or predictions that `validate` refuses.
    """
    decisions = decided(predictions, rule)
    groupings = tuple(by for by in groupings if by)
    summary, level, change, seen = known or _tables(decisions, baseline, groupings)
    there = [name for name in level["dataset"].unique() if name != "test"] or ["test"]
    order = sorted(there, key=lambda name: list(datasets).index(name) if name in datasets else len(datasets))
    change = _over_all(change, order, groupings)
    arms, findings = list(change["model"].unique()) or [""], []
    reasons = {name: _reason(decisions, baseline, name, change) for name in arms if name}
    arm = arm or counterpart(arms)
    if arm not in arms:
        raise FacebiasError("ARM", arm, f"no such arm beside {baseline}; found {', '.join(arms)}", "Name one of them")
    for dataset in order:
        for by in groupings:
            where = {"dataset": dataset, "grouping": name_of(by)}
            here = _at(level, model=baseline, **where)
            for name in arms if len(here) else ():
                told = power_text(matching(seen, model=name, **where))
                rows = _at(change, model=name, **where)
                findings.append(finding_of(here, rows, name, rule, source, reasons.get(name, ""), told))
    cautions = (
        *cautions_of(
            decisions.predictions, baseline, rule, decisions.above(*decisions.models), groupings, source, fixed
        ),
        *multiplicity(findings),
        *other_view(change),
    )
    before = before_groups(summary[summary["grouping"] == name_of(())], baseline, rule, source)
    first = "" if not primary else _primary(decisions, primary, [name for name in order if name != "test"], source)
    return Verdict(before, tuple(findings), cautions, _headline(findings, arm), first)


def _tables(decisions: Decisions, baseline: str, groupings: tuple[tuple[str, ...], ...]) -> tuple[pd.DataFrame, ...]:
    rule = decisions.rule
    return (
        summarise(decisions, rule, ((),)),
        measures(decisions, rule, groupings),
        both_views(decisions, baseline, groupings),
        power(decisions, baseline, rule, groupings),
    )


def _primary(decisions: Decisions, wanted: str, datasets: Sequence[str], source: str) -> str:
    asked = Primary.parse(wanted)
    if asked is None:
        return ""
    return primary_text(primary_table(decisions, asked, datasets, source), missing(decisions, asked, datasets))


def _reason(decisions: Decisions, baseline: str, arm: str, change: pd.DataFrame) -> str:
    """Why nothing may be claimed of an arm."""
    mine = change[change["model"] == arm]
    fpr = mine[mine["metric"] == "FPR"]
    above = decisions.above(baseline, arm)
    return why_withheld(decisions.rule, above, int(mine["seeds"].max()), fpr.iloc[0] if len(fpr) else None)


def _headline(findings: Sequence[Finding], arm: str) -> str:
    """The sentence of the first audit set that can be compared, by the first of `_TOLD_FIRST` that it knows."""
    known = [finding for finding in findings if finding.worst and finding.arm == arm]
    first = [finding for finding in known if finding.dataset == known[0].dataset]
    place = {grouping: number for number, grouping in enumerate(_TOLD_FIRST)}
    best = min(first, key=lambda finding: place.get(finding.grouping, len(place)), default=None)
    return best.sentence if best else "No two groups can be compared."


def _at(table: pd.DataFrame, **values: str) -> pd.DataFrame:
    return matching(table, **values).set_index("metric")


def _over_all(change: pd.DataFrame, datasets: list[str], groupings: tuple[tuple[str, ...], ...]) -> pd.DataFrame:
    """The changes with `p_all`: `p` after Holm over all that the findings judge, all arms, sets and groupings."""
    family = (
        change["metric"].isin(JUDGED_BY)
        & change["dataset"].isin(datasets)
        & change["grouping"].isin([name_of(by) for by in groupings])
    )
    return change.assign(p_all=holm(change["p"].where(family)))
