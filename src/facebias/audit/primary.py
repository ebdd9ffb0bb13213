"""The primary comparison: the one that was written down before the run, and that alone is tested at 5 %.

Of each contrast the change in recall of the named levels taken together, paired by seed and image, over its standard
error from trainings, images and thresholds. The degrees of freedom are Satterthwaite's. Over the contrasts: Holm.
Everything else in an audit is exploratory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from facebias.audit.changes import compare
from facebias.audit.decisions import Decisions, Hits
from facebias.audit.groups import groups_of
from facebias.audit.power import RISES
from facebias.audit.sentences import change_text, why_withheld, with_few_missed
from facebias.audit.stats.intervals import LEVEL
from facebias.audit.stats.tests import ALPHA, holm
from facebias.audit.thresholds import rule_text
from facebias.core.arms import arm_name
from facebias.core.numbers import percent
from facebias.core.primary import Primary
from facebias.core.words import dataset_name

PRIMARY_COLUMNS = (
    "model",
    "baseline",
    "dataset",
    "rule",
    "group",
    "direction",
    "n",
    "seeds",
    "before",
    "after",
    "change",
    "low",
    "high",
    "p",
    "p_holm",
    "answer",
    *(f"seen_{100 * rise:g}" for rise in RISES),
    "smallest",
    "withheld",
    "sentence",
)


def primary_table(decisions: Decisions, wanted: Primary, datasets: Sequence[str], source: str = "") -> pd.DataFrame:
    """Each contrast of the primary comparison, on the first audit set.

    Returns:
        Columns PRIMARY_COLUMNS, a row a contrast. `answer` is "yes" where the change has the sign that was expected and
        `p_holm` is under 5 %, "no" where it has the other sign and is, "open" where `p_holm` is not, and "not judged"
        where `withheld` says why nothing may be claimed. Empty where an arm, the column or the levels are not there;
        `missing` says which.
    """
    if missing(decisions, wanted, datasets):
        return pd.DataFrame(columns=list(PRIMARY_COLUMNS))
    rows = [_contrast(decisions, wanted, baseline, datasets[0]) for baseline in wanted.baselines]
    table = pd.DataFrame(rows).assign(rule=decisions.rule, direction=wanted.direction, group=wanted.group)
    table["p_holm"] = holm(table["p"].to_numpy())
    expected = table["change"] > 0 if wanted.direction == "rises" else table["change"] < 0
    answer = np.where(table["p_holm"] < ALPHA, np.where(expected, "yes", "no"), "open")
    table["answer"] = np.where(table["withheld"] != "", "not judged", answer)
    table["sentence"] = [_sentence(row, source) for _, row in table.iterrows()]
    return table[list(PRIMARY_COLUMNS)]


def missing(decisions: Decisions, wanted: Primary, datasets: Sequence[str]) -> str:
    """Why there is no primary comparison; "" where there is one."""
    for arm in (wanted.arm, *wanted.baselines):
        if arm not in decisions.models:
            return f"arm {arm} was not trained"
    if not datasets:
        return "there is no audit set"
    if _hits(decisions, wanted, wanted.baselines[0], datasets[0]) is not None:
        return ""
    return f"{dataset_name(datasets[0])} has no faces of {wanted.group} beside others, or no seed is shared"


def primary_text(table: pd.DataFrame, why: str) -> str:
    """The primary comparison in words, or why there is none."""
    if why:
        return f"No primary comparison: {why}."
    return f"Primary comparison, written down before the run: {' '.join(table['sentence'])} All else is exploratory."


def _hits(decisions: Decisions, wanted: Primary, baseline: str, dataset: str) -> Hits | None:
    """Decisions of both arms, with the faces in question in cell 1 and all others in cell 0."""
    hits = decisions.hits((baseline, wanted.arm), dataset)
    faces = decisions.faces(baseline, dataset) if hits else pd.DataFrame()
    if hits is None or wanted.column not in faces:
        return None
    inside = faces[wanted.column].isin(wanted.levels).to_numpy()
    cells = groups_of(pd.DataFrame({"inside": np.where(inside, "1", "0")}), ("inside",))
    return hits.grouped(cells) if cells is not None and inside.sum() > 1 and not inside.all() else None


def _contrast(decisions: Decisions, wanted: Primary, baseline: str, dataset: str) -> dict[str, object]:
    hits = _hits(decisions, wanted, baseline, dataset)
    assert hits is not None  # `missing` has looked
    before, after = (float(rate) for rate in hits.rates[:, 1])
    change, error, freedom = after - before, *hits.noise.change_error(1)
    fpr = compare(decisions.of((baseline, wanted.arm)), baseline, decisions.rule, ()).query("metric == 'FPR'")
    withheld = why_withheld(
        decisions.rule, decisions.above(baseline, wanted.arm), len(hits.seeds), fpr.iloc[0] if len(fpr) else None
    )
    half = stats.t.ppf((1 + LEVEL) / 2, freedom) * error
    n = int(hits.cells.table["n"].iloc[1])
    faces = pd.Series({"n": n, "before": before, "after": after})
    return {
        "model": wanted.arm,
        "baseline": baseline,
        "dataset": dataset,
        "n": n,
        "seeds": len(hits.seeds),
        "before": before,
        "after": after,
        "change": change,
        "low": change - half,
        "high": change + half,
        "p": float(2 * stats.t.sf(abs(change) / error, freedom)) if error > 0 else 1.0,
        "withheld": with_few_missed(withheld, faces),
        **_seen(error, freedom, len(wanted.baselines)),
    }


def _seen(error: float, freedom: float, contrasts: int) -> dict[str, float]:
    """Share of studies that would see a rise, and the rise that 80 % would, at the level of Holm's first step."""
    critical = stats.t.ppf(1 - ALPHA / 2 / contrasts, freedom)
    seen = {f"seen_{100 * rise:g}": float(stats.nct.sf(critical, freedom, rise / error)) for rise in RISES}
    return seen | {"smallest": float((critical + stats.t.ppf(0.8, freedom)) * error)}


def _sentence(row: pd.Series, source: str) -> str:
    expected = f"{'a rise' if row['direction'] == 'rises' else 'a fall'} was expected"
    answer = {
        "yes": f"yes: {expected}, and seen",
        "no": f"no: {expected}, and the contrary seen",
        "open": f"open: {expected}; {percent(row['smallest'])} points would have been seen in 80 % of such studies",
        "not judged": f"not judged: {row['withheld']}",
    }[row["answer"]]
    return (
        f"On {dataset_name(row['dataset'], source)}, at {rule_text(row['rule'])}, {arm_name(row['model'])} against the "
        f"{arm_name(row['baseline'])} changes the recall of faces of {row['group']} (n = {row['n']:,}) by "
        f"{change_text(row)}, p = {row['p']:.2g}, after Holm {row['p_holm']:.2g}. {answer[0].upper()}{answer[1:]}."
    )
