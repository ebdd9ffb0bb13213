"""Does the embedded study tell the truth? Its claims on other rendered faces, held against the long study's.

    .venv/bin/python benchmarks/embedded_verdicts.py long
    .venv/bin/python benchmarks/embedded_verdicts.py run DATA_SEED [THREADS, 1] [PROCESSOR, ""]
    .venv/bin/python benchmarks/embedded_verdicts.py compare

`run` makes the default study anew on the faces and non-faces of another `data_seed`, with the arms of its primary
comparison; `long` makes the profile `evidence` with the same arms. Each adds the comparisons that it judges to
`figures/embedded-verdicts.csv`: the contrasts of the primary comparison, and the change of worst group and gap of each
arm and grouping. Runs lie in the ignored folder `runs`, and a study that is there already is not made again.

Written down before the first of them ran. A study *claims* a change where the primary comparison is answered with yes
or no, or where an arm is said to have reduced or increased the bias: then each of its two changes whose interval
excludes 0 is a claim. A claim *contradicts* the long study where that study's estimate of the same change has the other
sign, or where the two intervals have no point in common. `compare` prints the share of studies with such a claim, and
writes the claims to `figures/embedded-claims.csv`, the shares to `figures/embedded-shares.csv`.

`compare` also tells how often a study's interval holds the mean of the others, `figures/embedded-held.csv`, and how
often two threads, or another processor, come to the same: `figures/embedded-agreement.csv`. Both round sums otherwise,
and other weights come of the same seed. PROCESSOR is the machine's name in the table: PAIRS knows "first" and "second".

After four studies had run, 7 of 8 exploratory claims of two of them contradicted. Since then a report claims an
exploratory change only where it stays after Holm over all of them, and calls the others hints. Both are counted here.

Studies "four epochs" and "2,000 faces" of the table are of sizes that the embedded study had before; `compare` leaves
them out.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

from facebias.audit import verdict
from facebias.audit.changes import compare
from facebias.audit.decisions import decided
from facebias.audit.groups import GROUPINGS, name_of
from facebias.audit.primary import primary_table
from facebias.audit.sentences import JUDGED_BY
from facebias.audit.stats.intervals import wilson
from facebias.audit.thresholds import HEADLINE
from facebias.core.config import Config
from facebias.core.csv import write_csv
from facebias.core.primary import Primary
from facebias.core.profiles import profile
from facebias.training.study import run_study

OUT = Path(__file__).parent.parent / "figures" / "embedded-verdicts.csv"
ARMS = "cnn,vae,dbvae-0.01"
WHOSE = ["study", "processor", "data_seed", "threads"]
MADE = ["processor", "threads"]  # on what a set of studies was made
PAIRS = {"threads": (("second", 1), ("second", 2)), "processors": (("first", 1), ("second", 1))}
WHAT = ["question", "arm", "baseline", "grouping", "metric"]


def judged(config: Config) -> pd.DataFrame:
    """Every comparison that the study of `config` judges, a row each: WHAT, change, low, high, and what it says."""
    decisions = decided(run_study(config).predictions, HEADLINE)
    wanted = Primary.parse(config.primary)
    assert wanted is not None
    first = primary_table(decisions, wanted, config.audit_names).assign(
        question="primary", arm=wanted.arm, grouping=wanted.group, metric="recall"
    )
    first["says"] = np.where(first["answer"].isin(["yes", "no"]), "claim", "")
    told = verdict(decisions, datasets=config.audit_names, primary=config.primary).table()
    said = np.where(told["claim"].isin(["none", "hint"]), told["claim"].replace("none", ""), "claim")
    claims = told.assign(says=said)[["dataset", "arm", "grouping", "says"]]
    changes = compare(decisions, "cnn", HEADLINE, GROUPINGS).rename(columns={"model": "arm"})
    named = [name_of(by) for by in GROUPINGS if by]
    changes = changes[
        changes["metric"].isin(JUDGED_BY) & changes["grouping"].isin(named) & (changes["dataset"] != "test")
    ].merge(claims, how="left", on=["dataset", "arm", "grouping"])
    changes["says"] = changes["says"].where(changes["distinguishable"], "")
    kept = [*WHAT, "change", "low", "high", "says", "withheld"]
    rows = pd.concat([first, changes.assign(question="exploratory", withheld="")], ignore_index=True)[kept]
    return rows.round(5)


def add(name: str, config: Config, processor: str = "") -> None:
    """Make a study where it is missing, and add what it judges to the table."""
    found = pd.read_csv(OUT, keep_default_na=False) if OUT.exists() else pd.DataFrame(columns=WHOSE)
    mine = dict(zip(WHOSE, (name, processor, config.data_seed, config.threads), strict=True))
    if (found[WHOSE].astype(str) == {key: str(value) for key, value in mine.items()}).all(axis=1).any():
        return
    rows = judged(config).assign(**mine)
    found = pd.read_csv(OUT, keep_default_na=False) if OUT.exists() else None  # another may have written meanwhile
    table = rows if found is None else pd.concat([found, rows], ignore_index=True)
    write_csv(table[[*WHOSE, *(name for name in rows if name not in WHOSE)]].sort_values([*WHOSE, *WHAT]), OUT)
    print(rows[rows["question"] == "primary"].to_string(index=False), flush=True)


def contradicting(table: pd.DataFrame) -> pd.DataFrame:
    """Claims and hints of embedded studies, with the long study's numbers beside and whether they contradict it."""
    long = table[table["study"] == "long"][[*WHAT, "change", "low", "high"]]
    short = table[(table["study"] == "embedded") & (table["says"] != "")]
    both = short.merge(long, on=WHAT, suffixes=("", "_long"), validate="many_to_one")
    apart = (both["low"] > both["high_long"]) | (both["high"] < both["low_long"])
    return both.assign(contradicts=(both["change"] * both["change_long"] < 0) | apart)


def tell(table: pd.DataFrame) -> None:
    """Print and write what the studies claim, how much of it contradicts, and what it depends on."""
    claims, inside, apart = contradicting(table), held(table), agreement(table)
    said = shares(table, claims)
    print(claims.drop(columns=["study"]).to_string(index=False) if len(claims) else "No claim was made.")
    print(said.to_string(index=False))
    print(inside.groupby(MADE)[["held", "studies"]].sum())
    print(apart.groupby("between")[["same", "inside", "studies"]].sum())
    for name, rows in (("claims", claims), ("shares", said), ("held", inside), ("agreement", apart)):
        write_csv(rows, OUT.with_name(f"embedded-{name}.csv"))


def shares(table: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """How many of the embedded studies say something that contradicts the long study.

    Args:
        table: all studies, as `add` writes them.
        claims: of `contradicting`.

    Returns:
        A row for each MADE, question ("any" is all together) and what is said (claim or hint): `studies`,
        `comparisons`, `said` (so many of them), `contradicting` (so many studies), `value` (their share of the
        studies), and its Wilson interval, `low` and `high`.
    """
    rows = []
    for made, part in table[table["study"] == "embedded"].groupby(MADE):
        studies, own = part["data_seed"].nunique(), claims[(claims[MADE] == list(made)).all(axis=1)]
        for question, says in (("primary", "claim"), ("exploratory", "claim"), ("any", "claim"), ("any", "hint")):
            asked = part if question == "any" else part[part["question"] == question]
            mine = own[own["question"].isin(asked["question"]) & (own["says"] == says)]
            wrong = mine[mine["contradicts"]]["data_seed"].nunique()
            low, high = (float(end[0]) for end in wilson(np.array([wrong]), np.array([studies])))
            told = (studies, len(asked), len(mine), wrong, wrong / studies, low, high)
            rows.append((*made, question, says, *told))
    names = ["studies", "comparisons", "said", "contradicting", "value", "low", "high"]
    return pd.DataFrame(rows, columns=[*MADE, "question", "says", *names]).round(5)


def held(table: pd.DataFrame) -> pd.DataFrame:
    """How often a study's interval holds the mean of the other studies, whose training pictures are others.

    Returns:
        A row for each MADE and comparison, WHAT: `studies`, `held` (studies whose interval does), `mean` of their
        changes with its 95 % interval over studies (`low`, `high`, Student's t), and `long`, the long study's change.
    """
    rows, long = [], table[table["study"] == "long"].set_index(WHAT)["change"]
    for key, mine in table[table["study"] == "embedded"].groupby([*MADE, *WHAT]):
        others = (mine["change"].sum() - mine["change"]) / (len(mine) - 1)
        inside = (mine["low"] <= others) & (others <= mine["high"])
        mean, half = mine["change"].mean(), t.ppf(0.975, len(mine) - 1) * mine["change"].sem()
        what = key[len(MADE) :]
        rows.append((*key, len(mine), inside.sum(), mean, mean - half, mean + half, long[what]))
    return pd.DataFrame(rows, columns=[*MADE, *WHAT, "studies", "held", "mean", "low", "high", "long"]).round(5)


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """The same studies made twice, with another number of threads or on another processor: PAIRS.

    Returns:
        A row for each `between` (of PAIRS) and comparison, WHAT: `studies` (made both ways), `same` (of which both say
        the same: a claim, a hint, or neither, with the same sign), `inside` (of which each interval holds the other's
        change), and `apart`, the median distance of the two changes.
    """
    embedded, parts = table[table["study"] == "embedded"], []
    for between, made in PAIRS.items():
        one, two = (embedded[(embedded[MADE] == list(way)).all(axis=1)] for way in made)
        both = one.merge(two, on=["data_seed", *WHAT], suffixes=("", "_two"), validate="one_to_one")
        alike = (both["says"] == "") | (both["change"] * both["change_two"] > 0)
        holds = both["change_two"].between(both["low"], both["high"])
        held_too = both["change"].between(both["low_two"], both["high_two"])
        both = both.assign(
            between=between,
            same=(both["says"] == both["says_two"]) & alike,
            inside=holds & held_too,
            apart=(both["change"] - both["change_two"]).abs(),
        )
        parts.append(both)
    told = {"studies": ("data_seed", "size"), "same": ("same", "sum"), "inside": ("inside", "sum")}
    found = pd.concat(parts).groupby(["between", *WHAT], as_index=False).agg(**told, apart=("apart", "median"))
    return found.round(5)


def study(data_seed: int, threads: int, processor: str) -> None:
    """One embedded study; its packed images are removed afterwards."""
    home = Path("data") / "embedded-verdicts" / f"{data_seed}-{threads}"
    places = {"data_dir": str(home), "runs_dir": "runs" if threads == 1 else f"runs/{threads}-threads"}
    add("embedded", Config.make(data_seed=data_seed, threads=threads, workers=1, arms=ARMS, **places), processor)
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    if what == "long":
        add("long", profile("evidence", arms=ARMS, workers=1, threads=1))
    elif what == "run":
        study(int(given[0]), int(given[1]) if len(given) > 1 else 1, given[2] if len(given) > 2 else "")
    else:
        tell(pd.read_csv(OUT, keep_default_na=False))
