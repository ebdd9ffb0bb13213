"""How often the audit's intervals hold the truth, how often its tests cry wolf, and which change they would see.

    .venv/bin/python benchmarks/interval_coverage.py [studies a setting, 1000] [out.csv]

Studies of known truth are simulated: 6 paired seeds, and images that are hard for all seeds. A face is found where a
group's level, a training's own level (overall and for the group), the image's difficulty and chance sum to more than 0;
true rates are integrals over all of these. Sizes: groups of 80 and of 360, as FairFace's and UTKFace's cells have.
Truths: groups all alike, spread evenly, one far behind, and spread evenly near the ceiling, where a group misses none
to four. Sources of doubt: as the study of photographs shows them (a sixth of the variance of a cell's rate from seeds),
images alone, and seeds foremost. Three tables:

- coverage of 95 % intervals: a cell's rate, all faces, worst group, gap, ratio of miss rates, and the paired change of
  a cell, of the worst group and of the gap. Where groups are all alike the true gap is 0, which an interval that ends
  at 0 can miss on one side alone: 97 to 100 % is right there, and so for a ratio of 1;
- type I error of the sign-flip test and of intervals that exclude 0, where two arms have the same true rates but each
  training its own;
- power: how often a true rise of the worst group by 2, 5 and 10 points is told by the interval and by the test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from facebias.audit.stats.extremes import between_groups, miss_ratio
from facebias.audit.stats.intervals import corrected_interval, middle_interval
from facebias.audit.stats.noise import Noise
from facebias.audit.stats.tests import sign_flip
from facebias.core.progress import bar

SEEDS, REPLICATES = 6, 1000
SIZES = {
    "4 of 80": [80] * 4,
    "4 of 360": [360] * 4,
    "14 of 80": [80] * 14,
    "10 of 360": [360] * 10,
    "4 of 80, 4 of 360": [80] * 4 + [360] * 4,
}
DOUBT = {"as measured": (0.08, 0.08, 1.3), "images alone": (0.0, 0.0, 1.5), "seeds foremost": (0.2, 0.1, 0.5)}


@dataclass(frozen=True)
class Setting:
    """Standard deviations in units of a single decision's chance: of trainings, a training in a group, and images."""

    n: np.ndarray
    seeds: float
    cells: float
    images: float

    def study(self, rng: np.random.Generator, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Decisions bool (2, SEEDS, images) with true rates (2, groups), and the groups' codes."""
        codes = np.repeat(np.arange(len(self.n)), self.n)
        arm = self.seeds / 2
        total = 1 + self.seeds**2 + arm**2 + self.cells**2 + self.images**2
        z = (norm.ppf(rates) * np.sqrt(total))[:, None, codes] + rng.normal(0, self.images, len(codes))
        z = z + rng.normal(0, self.seeds, (1, SEEDS, 1)) + rng.normal(0, arm, (2, SEEDS, 1))
        z += rng.normal(0, self.cells, (2, SEEDS, len(self.n)))[:, :, codes]
        return z + rng.standard_normal(z.shape) > 0, codes


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


def held(setting: Setting, rates: np.ndarray, number: int) -> dict[str, float]:
    """Of one study: which intervals hold the truth, which tests and intervals tell the arms apart; shares."""
    hits, codes = setting.study(np.random.default_rng([number, 11]), rates)
    noise = Noise.of(hits, codes, len(setting.n))
    observed, errors = noise.rates, noise.draws(REPLICATES, seed=number)
    whole, drawn, found = Noise.of(hits[:1], np.zeros_like(codes), 1), observed + errors, {}
    true = rates[0]
    for name, part, wanted in (("rate of a cell", noise, true), ("all faces", whole, [true @ setting.n / len(codes)])):
        low, high = (ends[0] for ends in part.interval)
        found[name] = np.mean((low <= wanted) & (wanted <= high))
    several = between_groups(observed[0], errors[:, 0], setting.n)
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
    worst, by_seed = int(np.argmin(true)), np.array(noise.by_seed)
    found["told: cell"] = float(low[worst] > 0 or high[worst] < 0)
    found["told: sign flip"] = float(sign_flip(by_seed[0, :, worst], by_seed[1, :, worst]) < 0.05)
    for name, statistic in (("worst group", lambda x: x.min(axis=-1)), ("gap", lambda x: np.ptp(x, axis=-1))):
        before, after = statistic(observed)
        draws, wanted = statistic(drawn), np.subtract(*statistic(rates)[::-1])
        _, low, high = corrected_interval(draws[:, 1] - draws[:, 0], after - before)
        found[f"change of {name}"] = float(low <= wanted <= high)
        found[f"told: {name}"] = float(low > 0 or high < 0)
    return found


def settings() -> Iterator[tuple[dict[str, str], Setting, np.ndarray]]:
    """Every size, doubt, truth and rise of the worst group: labels, setting, true rates (2, groups)."""
    for size, n in SIZES.items():
        for doubt, parts in DOUBT.items():
            for truth, rates in truths(len(n)).items():
                for rise in (0.0, 0.02, 0.05, 0.1) if truth == "one behind" else (0.0,):
                    after = rates.copy()
                    after[0] += rise
                    labels = {"groups": size, "doubt": doubt, "truth": truth, "rise": f"{100 * rise:.0f}"}
                    yield labels, Setting(np.array(n), *parts), np.stack([rates, after])


def main() -> None:
    """Simulate every setting and print coverage, type I error and power."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rows, plan = [], list(settings())
    for labels, setting, rates in bar(plan, desc="coverage", unit="setting"):
        found = pd.DataFrame([held(setting, rates, number) for number in range(studies)]).mean()
        rows.append(labels | (100 * found).round(1).to_dict())
        if len(sys.argv) > 2:
            pd.DataFrame(rows).assign(studies=studies).to_csv(sys.argv[2], index=False)
    table = pd.DataFrame(rows)
    told = [name for name in table if name.startswith("told")]
    keys = ["groups", "doubt", "truth", "rise"]
    pd.set_option("display.width", 250, "display.max_rows", None, "display.max_columns", None)
    still = table[table["rise"] == "0"]
    print(
        f"coverage of 95 % intervals, {studies} studies a setting, standard error "
        f"{100 * np.sqrt(0.95 * 0.05 / studies):.1f}\n",
        table.drop(columns=told).to_string(index=False),
    )
    print("type I error, %: two arms of the same true rates\n", still[[*keys[:3], *told]].to_string(index=False))
    print(
        "power, %: the group that is behind rises by so many points\n",
        table[table["rise"] != "0"][[*keys, *told]].to_string(index=False),
    )


if __name__ == "__main__":
    main()
