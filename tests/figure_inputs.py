"""Small made inputs of every figure function: of a few groups, and of more than a page holds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from facebias.analyses.mistakes.training import Trained
from facebias.analyses.saliency.maps import GroupMaps
from facebias.analyses.saliency.regions import REGIONS
from facebias.analyses.saliency.stack import GRID
from facebias.analyses.shift.tables import FACTORS, VIEWS
from facebias.core.tone_scale import CLASSES

FEW, MANY = 3, 240  # levels of race
MODELS = ("cnn", "vae", "dbvae-0.001")
RULE = "fpr=0.01"
BOTH = ("cnn", "dbvae-0.001")


def levels(count: int) -> list[str]:
    return ["Black", "East Asian", "Latino_Hispanic"] if count == FEW else [f"Country {k:03d}" for k in range(count)]


def cells(count: int) -> pd.DataFrame:
    """A row a group: of race x gender, of race, of gender, and all faces; every fifth race is small."""
    race = [(one, gender) for one in levels(count) for gender in ("Female", "Male")]
    rows = [("race x gender", f"{one} · {gender}", one, gender) for one, gender in race]
    rows += [("race", one, one, "all") for one in levels(count)]
    rows += [("gender", gender, "all", gender) for gender in ("Female", "Male")]
    rows += [("all faces", "all faces", "all", "all")]
    table = pd.DataFrame(rows, columns=["grouping", "group", "race", "gender"])
    n = np.array([12 if number % 5 == 4 else 1040 + 10 * number for number in range(len(table))])
    return table.assign(n=n, small=n < 30, skin_tone="all", seeds=6, dataset="fairface", rule=RULE)


def per_model(count: int, models=MODELS) -> pd.DataFrame:
    """`cells` of each model, with a rate and its interval."""
    parts = []
    for number, model in enumerate(models):
        table = cells(count)
        value = 0.97 - 0.03 * number - 0.2 * np.linspace(0, 1, len(table)) ** 3
        parts.append(table.assign(model=model, metric="TPR", value=value, low=value - 0.03, high=value + 0.02))
    return pd.concat(parts, ignore_index=True)


def measures() -> pd.DataFrame:
    rows = [
        (model, metric, value, value - 0.01, value - 0.03, value + 0.02)
        for model in (*MODELS, *(f"dbvae-{alpha}" for alpha in (0.1, 0.05, 0.01)), "cnn-photometric")
        for metric, value in (("overall", 0.93), ("worst", 0.8), ("gap", 0.15), ("null_gap", 0.05))
    ]
    table = pd.DataFrame(rows, columns=["model", "metric", "value", "corrected", "low", "high"])
    return table.assign(dataset="fairface", grouping="race", rule=RULE)


def model_changes(count: int) -> pd.DataFrame:
    table = per_model(count, MODELS[1:]).assign(baseline="cnn", flagged=lambda rows: rows["n"] % 20 == 0)
    ends = pd.concat([table[table["grouping"] == "all faces"].assign(metric=name) for name in ("worst", "gap")])
    table = pd.concat([table, ends.assign(grouping="race", group="Black")], ignore_index=True)
    return table.assign(change=table["value"] - 0.95, low=table["low"] - 0.95, high=table["high"] - 0.95)


def by_rate(count: int) -> pd.DataFrame:
    table = per_model(count).query("grouping == 'race'")
    parts = [table.assign(fpr=fpr, value=table["value"] ** (0.01 / fpr)) for fpr in (0.005, 0.01, 0.02, 0.05, 0.2)]
    return pd.concat(parts, ignore_index=True)


def by_tone() -> pd.DataFrame:
    ita = np.linspace(-60, 70, 8)
    table = pd.concat([pd.DataFrame({"model": model, "ita": ita, "value": 0.9}) for model in MODELS])
    return table.assign(low=0.86, high=0.93, n=100, dataset="fairface", rule=RULE)


def people(count: int) -> pd.DataFrame:
    names = np.array(levels(count))
    n = 4 * len(names)
    table = pd.DataFrame({"race": np.resize(names, n), "gender": np.resize(["Female", "Male"], n), "label": 1})
    ages = np.resize(["0-2", "20-29", "more than 70"], n)
    return table.assign(age=ages, skin_tone=np.resize(CLASSES, n), ita=np.resize(np.linspace(-50, 70, 7), n))


def history() -> pd.DataFrame:
    table = pd.DataFrame({"epoch": range(1, 7), "loss": 1.0, "classification": 0.5, "reconstruction": 0.1, "kl": 9.0})
    table = table.assign(validation_recall=np.linspace(0.7, 0.9, 6), ess_share=0.4)
    return pd.concat([table.assign(model=model, seed=seed) for model in MODELS for seed in (0, 1)])


def ratios(count: int, reach: float = 0.01) -> pd.DataFrame:
    """Shares of the draws of every group, all within `reach` of the shares of the faces."""
    rows = [
        (f"dbvae-{alpha}", epoch, name, 100 + number, 1 + reach * np.cos(number))
        for alpha in (0.1, 0.05, 0.01, 0.001)
        for epoch in range(1, 7)
        for number, name in enumerate(levels(count))
    ]
    table = pd.DataFrame(rows, columns=["model", "epoch", "group", "n", "ratio"])
    near = table.assign(low=table["ratio"] / (1 + reach), high=table["ratio"] * (1 + reach), natural_share=0.1)
    return near.assign(grouping="race", ess_share=0.4, seeds=6)


def preferred() -> pd.DataFrame:
    names = ["ita", "brightness", "distance", "probability in other seeds"]
    rows = [(model, name, form, 0.3) for model in MODELS for name in names for form in ("value", "rarity")]
    table = pd.DataFrame(rows, columns=["model", "covariate", "form", "value"])
    return table.assign(measure="spearman", low=0.2, high=0.4, n=500, seeds=6)


def steps() -> pd.DataFrame:
    ladder = (("vae", "shuffled-0.001"), ("shuffled-0.001", "dbvae-0.001"), ("vae", "dbvae-0.001"))
    rows = [
        (before, after, dataset, grouping, metric)
        for before, after in ladder
        for dataset in ("test", "fairface", "utkface", "synthetic", "ppb")
        for grouping in ("all faces", "race x gender", "skin tone x gender")
        for metric in (("overall",) if grouping == "all faces" else ("worst", "gap"))
    ]
    table = pd.DataFrame(rows, columns=["baseline", "model", "dataset", "grouping", "metric"])
    return table.assign(change=0.004, low=-0.01, high=0.02)


def protocols(count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    parts, gaps = [], []
    for protocol in ("given box", "sliding", "pyramid"):
        for matched, rule in (("crops", RULE), ("pictures", "fpr=0.2")):
            where = {"protocol": protocol, "matched": matched, "rule": rule}
            parts += [
                per_model(count).assign(metric=metric, **where) for metric in ("recall", "any window", "image FPR")
            ]
            gaps.append(measures().assign(**where))
    return pd.concat(parts, ignore_index=True), pd.concat(gaps, ignore_index=True)


def maps(count: int, models: tuple[str, ...], margins: bool = True) -> GroupMaps:
    """Maps of every group and model, groups below each other; small ones have none."""
    table = cells(count)
    table = table if margins else table[table["grouping"].isin(["race x gender", "all faces"])]
    table = table.loc[table.index.repeat(len(models))].reset_index(drop=True)
    table = table.assign(model=np.resize(models, len(table)), kind="raw", value=1234.5, low=1200.0, high=1300.0)
    table = table.assign(p=0.032, p_holm=0.04, moved=0.051, moved_by_seed=0.068)
    found = np.random.default_rng(0).normal(size=(len(table), GRID, GRID)) + 1
    found[table["small"]] = np.nan
    return GroupMaps(table, found, found - 0.1, found + 0.1, np.abs(found) > 2)


def regions(count: int) -> pd.DataFrame:
    table = per_model(count, ("cnn", "dbvae-0.001")).assign(kind="raw")
    return pd.concat([table.assign(region=name, area=1 / len(REGIONS)) for name in REGIONS], ignore_index=True)


def along_factors(count: int) -> pd.DataFrame:
    """Rates, gaps and changes along every factor, of two data sets and both views."""
    parts = []
    for dataset in ("test", "fairface"):
        for factor in FACTORS:
            for value in factor.grid:
                where = {"factor": factor.name, "dataset": dataset}
                here = per_model(count, ("cnn", "dbvae-0.001")).query("grouping in ('race', 'all faces')")
                parts += [
                    here.rename(columns={"value": "rate"}).assign(value=value, negatives=v, **where) for v in VIEWS
                ]
    return pd.concat(parts, ignore_index=True)


def gaps_along() -> pd.DataFrame:
    table = along_factors(FEW).query("negatives == 'unchanged' and grouping == 'all faces'").assign(grouping="race")
    parts = [
        table.assign(metric=metric, gap=0.1, corrected=0.08, low=0.05, high=0.12) for metric in ("gap", "null_gap")
    ]
    return pd.concat(parts, ignore_index=True)


def changes_along() -> pd.DataFrame:
    table = along_factors(FEW).query("grouping == 'all faces' and model != 'cnn'")
    return table.assign(metric="overall", baseline="cnn", change=0.01, low=-0.01, high=0.03)


def accuracy() -> tuple[pd.DataFrame, pd.DataFrame]:
    points = pd.DataFrame({"ita": np.linspace(-50, 70, 99), "measured": np.linspace(-60, 60, 99) ** 3 / 3600})
    bins = ["all", "under -0.75", "-0.75 to -0.25", "-0.25 to 0.25", "0.25 to 0.75", "1.25 and over"]
    table = pd.DataFrame({"by": ["all"] + ["exposure"] * 5, "level": bins, "quantity": "ita", "pearson": 0.8})
    table = pd.concat([table, table.assign(quantity="ita_normalised")], ignore_index=True)
    return points, table.assign(n=1234, measured=1200, median_error=12.0, low=10.0, high=14.0, bias=-3.0)


def race_tones(count: int) -> pd.DataFrame:
    rows = [(race, tone, 9 + len(race)) for race in levels(count) for tone in (*CLASSES, "not measurable")]
    return pd.DataFrame(rows, columns=["race", "skin_tone", "n"]).assign(share=1 / 7)


def benchmark(metric: str, methods: tuple[str, ...], direction: str = "", mean: float = 2.0) -> pd.DataFrame:
    rows = [(method, k, direction, mean) for method in methods for k in (0.1, 1.0, 10.0)]
    table = pd.DataFrame(rows, columns=["method", "k", "direction", "mean"])
    return table.assign(
        metric=metric, low=table["mean"] * 0.97, high=table["mean"] * 1.03, seed="all", group="all", n=500
    )


METHODS = ("fullgrad", "gradcam", "input_x_gradient", "integrated_gradients", "smoothgrad", "edges", "random")


def sanity() -> pd.DataFrame:
    parts = [benchmark(metric, METHODS, "cascading", 0.5) for metric in ("spearman", "spearman_signed", "ssim")]
    return pd.concat([*parts, benchmark("spearman", METHODS, "all layers", 0.5).query("k == 1")], ignore_index=True)


def retrained() -> pd.DataFrame:
    controls = ("base", "random", *(f"blurred random, as {name}" for name in METHODS[:3]))
    return benchmark("recall", (*controls, *METHODS[:3]), mean=0.9)


def short_training() -> Trained:
    """Its history alone."""
    table = pd.DataFrame({"epoch": range(1, 5), "fpr_half": [0.4, 0.2, 0.1, 0.1], "recall_half": [0.8, 0.9, 0.9, 0.95]})
    return Trained(None, None, table, np.empty((4, 0)), np.zeros(4))


def pictures(n: int, side: int = 64) -> np.ndarray:
    coarse = np.random.default_rng(n).integers(0, 255, (n, 4, 4, 3), np.uint8)
    return coarse.repeat(side // 4, axis=1).repeat(side // 4, axis=2)


def score_spread(count: int) -> pd.DataFrame:
    table = pd.DataFrame({"group": [*levels(count), "non-faces"], "model": "cnn", "dataset": "fairface", "n": 100})
    table = table.assign(grouping="race", small=[*[k % 5 == 4 for k in range(count)], False])
    return table.assign(q5=-1.0, q25=1.0, q50=2.0, q75=3.0, q95=5.0)


def calibrated(count: int) -> pd.DataFrame:
    rows = [(model, one, p) for model in MODELS for one in levels(count) for p in (0.05, 0.5, 0.95)]
    table = pd.DataFrame(rows, columns=["model", "group", "probability"]).assign(dataset="fairface", grouping="race")
    return table.assign(n=100, small=False, faces=table["probability"] ** 2, weight=1 / 3)


WHOLE_POINTS = ("as shipped", "1 % false alarms")


def whole_gaps() -> pd.DataFrame:
    rows = [(model, point, metric) for model in ("haar", "hog") for point in WHOLE_POINTS for metric in WHOLE_METRICS]
    table = pd.DataFrame(rows, columns=["model", "point", "metric"])
    value = table["metric"].map({"overall": 0.9, "worst": 0.8, "gap": 0.1, "null_gap": 0.05})
    return table.assign(value=value, corrected=value, low=value * 0.9, high=value * 1.05, dataset="fairface")


WHOLE_METRICS = ("overall", "worst", "gap", "null_gap")


def whole_groups(count: int) -> pd.DataFrame:
    parts = [cells(count).query("grouping in ('race', 'all faces')").assign(point=point) for point in WHOLE_POINTS]
    table = pd.concat([pd.concat(parts).assign(model=model) for model in ("haar", "hog")])
    return table.assign(value=0.8, low=0.7, high=0.9)


def whole_conditions(count: int) -> pd.DataFrame:
    rows = [(name, level, one) for name in ("exposure", "height") for level in (0.0, 1.0, 2.0) for one in levels(count)]
    table = pd.DataFrame(rows, columns=["condition", "level", "group"])
    return table.assign(value=0.9 - 0.1 * table["level"], low=0.5, high=0.95, small=False, point=WHOLE_POINTS[0])


def whole_misses() -> pd.DataFrame:
    rows = [(name, point, ita) for name in ("haar", "hog") for point in WHOLE_POINTS for ita in range(-80, 61, 20)]
    return pd.DataFrame(rows, columns=["model", "point", "ita"]).assign(n=40.0, value=0.2, low=0.1, high=0.3)


def whole_means() -> tuple[pd.DataFrame, list[np.ndarray]]:
    table = pd.DataFrame({"model": ["haar", "hog"], "group": "Southeast Asian", "found": 1234, "missed": 30})
    return table, [np.full((2, 64, 64, 3), 90, np.uint8)] * 2
