"""Values of each seed and image -> rows of the tidy table, with bootstrap intervals; the area under each curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = (
    "benchmark",
    "model",
    "method",
    "metric",
    "k",
    "direction",
    "layer",
    "seed",
    "group",
    "n",
    "mean",
    "median",
    "low",
    "high",
)
REPLICATES, LEVEL = 1000, 0.95


class Bootstrap:
    """Percentile intervals of the mean over seeds and images, crossed: seeds share the drawn images (Owen 2007).

    Every method, share and direction meets the same draws, so that their intervals are comparable.

    Args:
        seeds: number of trainings S; a single one has no variance of its own.
        images: number of images N.
        seed: of the generator.
    """

    def __init__(self, seeds: int, images: int, seed: int = 0) -> None:
        rng = np.random.default_rng([seed, seeds, images])
        drawn = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=REPLICATES) / seeds
        # a bootstrap of S seeds has (S - 1) / S of their variance: widened to all of it, as in facebias.audit
        self.seeds = 1 / seeds + (drawn - 1 / seeds) * np.sqrt(seeds / max(seeds - 1, 1))
        self.images = rng.multinomial(images, np.full(images, 1 / images), size=REPLICATES).astype(float)

    def interval(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(K,) low and (K,) high of values (S, N, K). NaN values are left out of both sums of a mean."""
        known = np.isfinite(values)
        total = np.einsum("bn,snk->bsk", self.images, np.where(known, values, 0), optimize=True)
        count = np.einsum("bn,snk->bsk", self.images, known.astype(float), optimize=True)
        with np.errstate(invalid="ignore"):  # 0 / 0 where no image has a value: NaN is the answer
            draws = np.einsum("bs,bsk->bk", self.seeds, total / count)
        return tuple(np.quantile(draws, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0))


# Drawing takes longer than using the draws, and all methods share them; 32 are two groupings of one arm
_bootstrap = lru_cache(maxsize=32)(Bootstrap)


def summarise(
    values: np.ndarray,
    seeds: list[int],
    groups: Mapping[str, np.ndarray],
    fixed: Mapping[str, Any],
    points: Sequence[Mapping[str, Any]],
    share: bool = False,
) -> list[dict[str, Any]]:
    """Rows for all images with each seed, and for each group with all seeds together ("all").

    Args:
        values: (S, N, K), NaN where undefined.
        seeds: S names.
        groups: name -> (N,) bool; groups without images are left out.
        fixed: cells that all rows share.
        points: K mappings of the cells that tell the last axis apart.
        share: whether the values are shares, whose intervals end at 0 and 1; widened seeds may overshoot.
    """
    rows = []
    for group, members in groups.items():
        if not members.any():
            continue
        mine = values[:, members]
        apart = [(str(seed), mine[[row]]) for row, seed in enumerate(seeds)] if group == "all" else []
        parts = [*apart, ("all", mine)]
        for seed, part in parts:
            low, high = _bootstrap(len(part), part.shape[1]).interval(part)
            low, high = (np.clip(end, 0, 1) if share else end for end in (low, high))
            for number, point in enumerate(points):
                defined = part[..., number]
                n = int(np.isfinite(defined).all(0).sum())
                mean = np.nanmean(np.nanmean(defined, axis=1)) if n else np.nan
                median = np.nanmedian(defined) if n else np.nan
                rows.append(
                    {
                        **fixed,
                        **point,
                        "seed": seed,
                        "group": group,
                        "n": n,
                        "mean": mean,
                        "median": median,
                        "low": low[number],
                        "high": high[number],
                    }
                )
    return rows


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The rows as a table with COLUMNS, numbers of 5 digits; cells that a benchmark has no use for are empty."""
    found = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    numbers = ["mean", "median", "low", "high"]
    return found.assign(**found[numbers].map(lambda value: float(f"{value:.5g}")))


def area(values: np.ndarray, k: tuple[float, ...]) -> np.ndarray:
    """Area under curves (..., K) over `k` by trapezoids, divided by the range of k: a mean height."""
    return np.trapezoid(values, k, axis=-1) / (k[-1] - k[0])


def members(groups: pd.Series | None, count: int) -> dict[str, np.ndarray]:
    """ "all", and each group by name in sorted order; images without a group belong to "all" alone."""
    found = {"all": np.ones(count, dtype=bool)}
    return found | dict(_each(groups) if groups is not None else ())


def _each(groups: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    for name in sorted(set(groups) - {""}):
        yield str(name), (groups == name).to_numpy()


def in_words(table: pd.DataFrame) -> str:
    """Least salient pixels against random ones, a line a method, for the reader of a terminal."""
    rows = table[
        (table["benchmark"] == "pixel_perturbation")
        & (table["direction"] == "least")
        & (table["metric"] == "relative change")
        & (table["seed"] == "all")
        & (table["group"] == "all")
        & (table["k"] >= 1)
    ]
    lines = []
    for (arm, method), mine in rows.groupby(["model", "method"], sort=False):
        cells = "  ".join(
            f"{row.mean_:.3f} [{row.low:.3f}, {row.high:.3f}]"
            for row in mine.rename(columns={"mean": "mean_"}).itertuples()
        )
        lines.append(f"{arm:<14}{method:<22}{cells}")
    head = "relative change, least salient pixels black, k = 1, 3, 5, 7, 10 %"
    return "\n".join([head, *lines]) if lines else "no pixel perturbation was asked for"
