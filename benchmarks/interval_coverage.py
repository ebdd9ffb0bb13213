"""How often the audit's intervals hold the truth, how often its tests cry wolf, and which change they would see.

    .venv/bin/python benchmarks/interval_coverage.py [studies a setting, 400] [out.csv] [processes, 2]

Studies of known truth are simulated, with thresholds that are drawn: 2,804 crops of 701 pictures of non-faces, FPR 1 %,
as in the study of photographs. A face is found where a group's level, a training's own level (overall and for the
group), the image's difficulty and chance sum to more than the training's threshold does above the true one; true rates
are integrals over all of these, at the true threshold. Non-faces have parts of their picture, crop, arm and training,
set so that the doubt of thresholds is that of the study of photographs.

Seeds: 3, 6 and 10. Truths: the rates that the CNN of the published studies has, by audit set, and rates that are made
up: groups all alike, spread evenly, one far behind, and spread evenly near the ceiling. Sources of doubt: as the study
of photographs shows them, images alone, and seeds foremost. The table has a row a setting:

- coverage of 95 % intervals: a cell's rate, all faces, worst group, gap, ratio of miss rates, and the paired change of
  a cell, of the worst group and of the gap. Where groups are all alike the true gap is 0, which an interval that ends
  at 0 can miss on one side alone: 97 to 100 % is right there, and so for a ratio of 1;
- told: how often the intervals tell two arms apart, with and without a true rise;
- primary: how often one of the two contrasts of a primary comparison is under 5 % after Holm.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats import norm

from facebias.audit.operating_points import DRAWS, moved_rates, passing
from facebias.audit.power import extreme_power, named_power
from facebias.audit.stats.extremes import between_groups, miss_ratio
from facebias.audit.stats.intervals import corrected_interval, middle_interval
from facebias.audit.stats.noise import SHARED, Noise
from facebias.audit.stats.tests import holm
from facebias.core.progress import bar

FPR, PICTURES, CROPS, REPLICATES = 0.01, 701, 4, 1000
NEGATIVES = (0.8, 1.2, 0.75, 1.1)  # standard deviations of picture, crop, arm and training
SIZES = {"4 of 80": [80] * 4, "14 of 80": [80] * 14, "10 of 360": [360] * 10}
DOUBT = {"as measured": (0.08, 0.08, 1.3), "images alone": (0.0, 0.0, 1.5), "seeds foremost": (0.2, 0.1, 0.5)}
FIGURES = Path(__file__).resolve().parents[1] / "figures"
OBSERVED = {
    "FairFace by skin tone": ("celeba-on-fairface-utkface", "fairface", "skin tone"),
    "FairFace by race x gender": ("celeba-on-fairface-utkface", "fairface", "race x gender"),
    "UTKFace by race": ("celeba-on-fairface-utkface", "utkface", "race"),
    "rendered by skin tone": ("evidence/synthetic-on-synthetic", "synthetic", "skin tone"),
}
WEIGHTS = np.random.default_rng(0).standard_exponential((DRAWS // 2, PICTURES), dtype=np.float32)


@dataclass(frozen=True)
class Setting:
    """A kind of study: images a group, true rates of two arms, seeds, and standard deviations in units of chance."""

    n: np.ndarray
    rates: np.ndarray
    seeds: int
    doubt: tuple[float, float, float]
    arms: int = 2

    @property
    def codes(self) -> np.ndarray:
        """(images,) group of each image."""
        return np.repeat(np.arange(len(self.n)), self.n)

    def margins(self, rng: np.random.Generator) -> np.ndarray:
        """(arms, seeds, images) how far a face lies above the true threshold; more than 0 with its group's rate."""
        training, cell, image = self.doubt
        codes, arm, shape = self.codes, training / 2, (self.arms, self.seeds)
        total = 1 + training**2 + arm**2 + cell**2 + image**2
        z = (norm.ppf(self.rates) * np.sqrt(total))[:, None, codes] + rng.normal(0, image, len(codes))
        z = z + rng.normal(0, training, (1, self.seeds, 1)) + rng.normal(0, arm, (*shape, 1))
        z += rng.normal(0, cell, (*shape, len(self.n)))[:, :, codes]
        return z + rng.standard_normal(z.shape)

    def negatives(self, rng: np.random.Generator) -> np.ndarray:
        """(arms, seeds, crops) how far a non-face lies above the true threshold."""
        picture, crop, arm, training = NEGATIVES
        n, total = PICTURES * CROPS, np.sqrt(sum(part**2 for part in NEGATIVES))
        shared = np.repeat(rng.normal(0, picture, PICTURES), CROPS) + rng.normal(0, crop, n)
        own = rng.normal(0, arm, (self.arms, 1, n)) + rng.normal(0, training, (self.arms, self.seeds, n))
        return shared + own + total * norm.ppf(FPR)

    def study(self, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray], int]:
        """Decisions bool (arms, seeds, images), their rates where other pictures fix thresholds, crops above those."""
        margins, negatives = self.margins(rng), self.negatives(rng)
        pictures, allowed = np.repeat(np.arange(PICTURES), CROPS), int(negatives.shape[-1] * FPR)
        hits, moved = np.empty(margins.shape, bool), []
        for arm in range(self.arms):
            ranks, drawn = [], []
            for seed in range(self.seeds):
                order = np.argsort(-negatives[arm, seed])
                ascending = negatives[arm, seed][order[::-1]]
                ranks.append(len(ascending) - np.searchsorted(ascending, margins[arm, seed]))
                drawn.append(passing(WEIGHTS, pictures[order], FPR))
            hits[arm] = np.array(ranks) <= allowed
            moved.append(moved_rates(np.array(ranks), self.codes, len(self.n), np.array(drawn)))
        return hits, moved, allowed


def held(setting: Setting, number: int) -> dict[str, float]:
    """Of one study: which intervals hold the truth, which tests and intervals tell the arms apart; shares."""
    rates, codes, n = setting.rates, setting.codes, setting.n
    hits, moved, above = setting.study(np.random.default_rng([number, 11]))
    noise = Noise.of(hits, codes, len(n), SHARED, moved, above)
    observed, errors = noise.rates, noise.draws(REPLICATES, seed=number)
    together = [moved[0] @ (n / n.sum())[:, None]]
    whole = Noise.of(hits[:1], np.zeros_like(codes), 1, SHARED, together, above)
    drawn, true, found = observed + errors, rates[0], {}
    for name, part, wanted in (("rate of a cell", noise, true), ("all faces", whole, [true @ n / n.sum()])):
        low, high = (ends[0] for ends in part.interval)
        found[name] = np.mean((low <= wanted) & (wanted <= high))
    several = between_groups(observed[0], errors[:, 0], n)
    for name, metric, wanted in (
        ("worst group", "worst", true.min()),
        ("gap", "gap", np.ptp(true)),
        ("ratio of miss rates", "miss_ratio", miss_ratio(true)),
    ):
        *_, low, high = several[metric]
        found[name] = float(low - 1e-12 <= wanted <= high + 1e-12)
    _, low, high = middle_interval(np.diff(drawn, axis=1)[:, 0])
    change = rates[1] - rates[0]
    found["change of a cell"] = np.mean((low <= change) & (change <= high))
    worst = int(np.argmin(true))
    found["told: cell"] = float(low[worst] > 0 or high[worst] < 0)
    rise = float(change[worst])
    found["promised: cell"] = named_power(errors[:, 1, worst] - errors[:, 0, worst], rise) if rise else np.nan
    for name, statistic in (("worst group", np.min), ("gap", np.ptp)):
        before, after = statistic(observed, axis=-1)
        draws, wanted = statistic(drawn, axis=-1), np.subtract(*statistic(rates, axis=-1)[::-1])
        _, low, high = corrected_interval(draws[:, 1] - draws[:, 0], after - before)
        found[f"change of {name}"] = float(low <= wanted <= high)
        found[f"told: {name}"] = float(low > 0 or high < 0)
        lowest = int(np.argmin(observed[0]))
        promised = extreme_power(observed[0], errors, lowest, statistic, rise) if rise else np.nan
        found[f"promised: {name}"] = promised
    return found


def primary(setting: Setting, number: int) -> dict[str, float]:
    """Of one study of three arms: whether a contrast of the second with the others is under 5 % after Holm."""
    hits, moved, above = setting.study(np.random.default_rng([number, 13]))
    p, inside = [], []
    for other in (0, 2):
        noise = Noise.of(hits[[other, 1]], setting.codes, 2, SHARED, [moved[other], moved[1]], above)
        error, freedom = noise.change_error(0)
        change, true = np.diff(noise.rates[:, 0])[0], setting.rates[1, 0] - setting.rates[other, 0]
        inside.append(abs(change - true) <= stats.t.ppf(0.975, freedom) * error)
        p.append(2 * stats.t.sf(abs(change) / error, freedom))
    told = holm(np.array(p)) < 0.05
    return {
        "change of the primary": np.mean(inside),
        "told: primary": float(told.any()),
        "told: both": float(told.all()),
    }


def truths(groups: int) -> dict[str, np.ndarray]:
    """True rates by name."""
    behind = np.full(groups, 0.95)
    behind[0] = 0.8
    return {
        "alike": np.full(groups, 0.93),
        "spread": np.linspace(0.86, 0.97, groups),
        "one behind": behind,
        "near the ceiling": np.linspace(0.99, 0.9995, groups),
    }


def observed_rates(study: str, dataset: str, grouping: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and rates of the CNN's comparable groups in a published study, the worst group first."""
    table = pd.read_csv(FIGURES / study / "summary.csv").query(
        "model == 'cnn' and metric == 'TPR' and not small and group != 'unknown' and not group.str.contains('unknown')"
    )
    mine = table[(table["dataset"] == dataset) & (table["grouping"] == grouping)].sort_values("value")
    return mine["n"].to_numpy(dtype=int), np.clip(mine["value"].to_numpy(dtype=float), 0.001, 0.9995)


def settings() -> Iterator[tuple[dict[str, str], Setting]]:
    """Every setting with its labels."""
    for seeds in (3, 6, 10):
        for place, where in OBSERVED.items():
            n, rates = observed_rates(*where)
            for rise in (0.0, 0.02, 0.05, 0.1) if seeds > 3 and rates[0] < 0.95 else (0.0,):
                yield _labelled(place, "as measured", "observed", seeds, n, rates, rise)
        for size, n in SIZES.items():
            for doubt in DOUBT if seeds == 6 else ("as measured",):
                for truth, rates in truths(len(n)).items():
                    risen = truth == "one behind" and doubt == "as measured" and seeds > 3
                    for rise in (0.0, 0.02, 0.05, 0.1) if risen else (0.0,):
                        yield _labelled(size, doubt, truth, seeds, np.array(n), rates, rise)
        for doubt in DOUBT if seeds > 3 else ():
            for place, n, rate in (("300 of 1,100", [300, 800], 0.9), ("1,200 of 3,600", [1200, 2400], 0.92)):
                for rise in (0.0, 0.02, 0.05) if doubt == "as measured" else (0.0,):
                    labels, one = _labelled(place, doubt, "primary", seeds, np.array(n), np.array([rate, 0.96]), rise)
                    yield labels, replace(one, rates=one.rates[[0, 1, 0]], arms=3)


def _labelled(
    groups: str, doubt: str, truth: str, seeds: int, n: np.ndarray, rates: np.ndarray, rise: float
) -> tuple[dict[str, str], Setting]:
    after = rates.copy()
    after[0] = min(after[0] + rise, 0.9995)
    labels = {"groups": groups, "doubt": doubt, "truth": truth, "seeds": str(seeds), "rise": f"{100 * rise:.0f}"}
    return labels, Setting(n, np.stack([rates, after]), seeds, DOUBT[doubt])


def simulated(labels: dict[str, str], setting: Setting, studies: int) -> dict[str, object]:
    """One row of the table: percent over so many studies."""
    one = primary if setting.arms == 3 else held
    found = pd.DataFrame([one(setting, number) for number in range(studies)]).mean()
    return labels | {"studies": studies} | (100 * found).round(1).to_dict()


def main() -> None:
    """Simulate every setting, and print where coverage is furthest from 95 %, type I error and power."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    plan = list(settings())
    with ProcessPoolExecutor(int(sys.argv[3]) if len(sys.argv) > 3 else 2) as pool:
        rows: list[dict[str, object]] = []
        found = pool.map(simulated, *zip(*plan, strict=True), [studies] * len(plan))
        for row in bar(found, desc="coverage", unit="setting", total=len(plan)):
            rows.append(row)
            table = pd.DataFrame(rows)
            if len(sys.argv) > 2:
                table.to_csv(sys.argv[2], index=False)
    pd.set_option("display.width", 250, "display.max_rows", None, "display.max_columns", None)
    keys = ["groups", "doubt", "truth", "seeds", "rise"]
    still = table[table["rise"] == "0"]
    covered = [name for name in table if name not in (*keys, "studies") and ":" not in name]
    worst = still.melt(keys, covered, "interval of", "held").dropna().sort_values("held", kind="stable")
    print(f"{studies} studies a setting, standard error {100 * np.sqrt(0.95 * 0.05 / studies):.1f}\n")
    print("coverage of 95 % intervals by seeds, %\n", worst.groupby(["interval of", "seeds"])["held"].describe())
    print("the twenty settings in which they hold the truth least often\n", worst.head(20).to_string(index=False))
    told = [name for name in table if ":" in name]
    print("told apart without a change, %\n", still[[*keys, *told]].to_string(index=False))
    print("told apart with one, %\n", table[table["rise"] != "0"][[*keys, *told]].to_string(index=False))


if __name__ == "__main__":
    main()
