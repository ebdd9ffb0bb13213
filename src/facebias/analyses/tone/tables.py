"""Skin tone as measured, checked: against the truth of rendered faces by exposure, and beside the labels of race."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from facebias.audit.curves import recall_by_ita
from facebias.core.errors import FacebiasError
from facebias.core.tone_scale import CLASSES
from facebias.core.words import NOT_MEASURABLE, UNKNOWN
from facebias.data.skin_tone import NORMALISED

QUANTITIES = ("ita", "ita_normalised", "l_star", "l_star_normalised", "hue", "monk", "monk_normalised")
AXES = {"l_star": 60.0, "hue": 55.0}  # with the bounds of dark and of reddish skin of Thong et al., ICCV 2023
# Stops; the tone curve of the renderer is centred on 0.25
EXPOSURE_EDGES = (-np.inf, -0.75, -0.25, 0.25, 0.75, 1.25, np.inf)
_REPLICATES = 1000


def tone_accuracy(measured: pd.DataFrame, truth: pd.DataFrame, exposure: np.ndarray) -> pd.DataFrame:
    """How near measured skin colour comes to the truth, by exposure, by true class and over all.

    Args:
        measured: of `facebias.data.skin_tone.measure`, n rows.
        truth: n rows with the true `ita`, `l_star`, `hue`, `monk` and `skin_tone`, the truth of normalised ones too.
        exposure: (n,) stops.

    Returns:
        One row a quantity and level: quantity, by ("all", "exposure", "skin tone"), level, centre (median exposure), n,
        measured (faces with a value), median_error (median absolute error: degrees, L* units or steps of Monk) with
        low and high (95 %, bootstrap over faces), bias (median of measured less true), pearson, spearman, same
        (share of all n with the right class of ITA, or the right Monk tone; NaN for others), skin_share (median share
        of the region's pixels that were used).
    """
    levels = [("all", "all", np.ones(len(truth), dtype=bool))]
    bins = pd.cut(exposure, EXPOSURE_EDGES, right=False)
    levels += [("exposure", _stops(one), bins == one) for one in bins.categories]
    levels += [("skin tone", tone, (truth["skin_tone"] == tone).to_numpy()) for tone in CLASSES]
    rows = []
    for quantity in (name for name in QUANTITIES if name in measured):
        for by, level, mine in levels:
            if mine.any():
                rows.append(
                    {
                        "quantity": quantity,
                        "by": by,
                        "level": level,
                        "centre": float(np.median(exposure[mine])),
                        **_agreement(measured[mine], truth[mine], quantity),
                    }
                )
    return pd.DataFrame(rows)


def _stops(interval: pd.Interval) -> str:
    if np.isinf(interval.left):
        return f"under {interval.right:g}"
    return f"{interval.left:g} and over" if np.isinf(interval.right) else f"{interval.left:g} to {interval.right:g}"


def _agreement(measured: pd.DataFrame, truth: pd.DataFrame, quantity: str) -> dict[str, float]:
    base = quantity.removesuffix(NORMALISED)
    one, other = measured[quantity].to_numpy(dtype=float), truth[base].to_numpy(dtype=float)
    known = ~np.isnan(one) & ~np.isnan(other)
    found = {
        "n": len(one),
        "measured": int(known.sum()),
        "median_error": np.nan,
        "low": np.nan,
        "high": np.nan,
        "bias": np.nan,
        "pearson": np.nan,
        "spearman": np.nan,
        "same": np.nan,
        "skin_share": float(measured["skin_share"].median()),
    }
    if known.sum() < 3:
        return found
    one, other = one[known], other[known]
    error = np.abs(one - other)
    rng = np.random.default_rng(0)  # one draw at a time: all of them are a thousand times the faces
    drawn = [np.median(error[rng.integers(len(error), size=len(error))]) for _ in range(_REPLICATES)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    found |= {
        "median_error": float(np.median(error)),
        "low": float(low),
        "high": float(high),
        "bias": float(np.median(one - other)),
    }
    if np.ptp(one) and np.ptp(other):
        found |= {
            "pearson": float(stats.pearsonr(one, other).statistic),
            "spearman": float(stats.spearmanr(one, other).statistic),
        }
    if base == "ita":
        found["same"] = float((measured[quantity.replace("ita", "skin_tone")] == truth["skin_tone"]).mean())
    elif base == "monk":
        found["same"] = float((error == 0).sum() / len(measured))
    return found


def tone_by_race(measured: pd.DataFrame, race: pd.Series) -> pd.DataFrame:
    """The cross-table of race as labelled and tone as measured: neither stands for the other.

    Args:
        measured: of `facebias.data.skin_tone.measure`, n rows.
        race: n labels; "" is shown as unknown.

    Returns:
        One row a race and class, empty cells too: race, skin_tone (lightest first, then "not measurable"), n, share (of
        the race's faces).

    Raises:
        FacebiasError: no face has a label of race.
    """
    if not (race != "").any():
        raise FacebiasError("RACE", "tone by race", "no face has a label of race", "Take a set that labels it")
    labels = race.replace("", UNKNOWN).to_numpy()
    table = pd.crosstab(labels, measured["skin_tone"].replace("", NOT_MEASURABLE).to_numpy())
    table = table.reindex(columns=[*CLASSES, NOT_MEASURABLE], fill_value=0)
    counts = table.rename_axis("race").rename_axis("skin_tone", axis=1).stack().rename("n").reset_index()
    return counts.assign(share=counts["n"] / counts.groupby("race")["n"].transform("sum"))


def tone_summary(measured: pd.DataFrame, race: pd.Series) -> pd.DataFrame:
    """Measured skin colour of each race and of all faces.

    Returns:
        race ("all" last, and alone where no face has a label), n, measured, ita, ita_low, ita_high
        (median and quartiles, degrees), l_star, hue, monk,
        skin_share (medians), and explained: the share of the variance of ITA that the label accounts for (eta squared;
        in the row "all" alone, NaN elsewhere).
    """
    labels = race.replace("", UNKNOWN).to_numpy()
    known = sorted(set(labels)) if (race != "").any() else []
    groups = [*[(name, labels == name) for name in known], ("all", np.ones(len(labels), dtype=bool))]
    rows = []
    for name, mine in groups:
        part = measured[mine]
        low, middle, high = part["ita"].quantile([0.25, 0.5, 0.75])
        rows.append(
            {
                "race": name,
                "n": len(part),
                "measured": int(part["ita"].notna().sum()),
                "ita": middle,
                "ita_low": low,
                "ita_high": high,
                "l_star": part["l_star"].median(),
                "hue": part["hue"].median(),
                "monk": part["monk"].median(),
                "skin_share": part["skin_share"].median(),
                "explained": np.nan,
            }
        )
    if known:
        rows[-1]["explained"] = _explained(measured["ita"].to_numpy(dtype=float), labels)
    return pd.DataFrame(rows)


def recall_by_colour(predictions: pd.DataFrame, colour: pd.Series, dataset: str, rule: str) -> pd.DataFrame:
    """Recall along one number that describes the skin, in bins of equally many faces.

    Args:
        predictions: of the audit.
        colour: lightness L* or hue of each image of the data set, indexed by image_id; its name is the column's.
        dataset: which audit set.
        rule: threshold rule.

    Returns:
        The columns of `facebias.audit.recall_by_ita`, with `colour`'s name in the place of "ita"; no rows where no
        face has a value.
    """
    mine = predictions[(predictions["dataset"] == dataset) | (predictions["label"] == 0)]
    value = mine["image_id"].map(colour).where(mine["dataset"] == dataset)
    if value.isna().all():
        return pd.DataFrame()
    table = recall_by_ita(mine.assign(ita=value), dataset, rule)
    return table.rename(columns=lambda name: name.replace("ita", str(colour.name)))


def _explained(values: np.ndarray, labels: np.ndarray) -> float:
    known = ~np.isnan(values)
    frame = pd.DataFrame({"value": values[known], "label": labels[known]})
    total = frame["value"].var(ddof=0)
    within = frame["value"] - frame.groupby("label")["value"].transform("mean")
    return float(1 - np.mean(np.square(within)) / total) if total > 0 else np.nan
