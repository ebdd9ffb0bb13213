"""What resampling does: which faces it prefers, whether seeds agree on them, and whether the choice matters.

Every table takes its interval over seeds, since a training is what would be repeated. No torch.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from facebias import audit
from facebias.audit.thresholds import HEADLINE
from facebias.core.errors import FacebiasError
from facebias.training.draws import mean_interval
from facebias.training.resampling import effective_sample_size

FORMS = ("value", "rarity")
OTHER_SEED, ALL = "probability in other seeds", "all together"
STEP_GROUPINGS = (("race", "gender"), ("skin_tone", "gender"), ())
RESAMPLES = 0.95  # effective share of the faces under which an arm is said to resample


def preferred_faces(drawn: pd.DataFrame, faces: pd.DataFrame) -> pd.DataFrame:
    """How far the log probability of a face goes with its covariates, ranks against ranks.

    Args:
        drawn: model, seed, row, probability of every training face in the last epoch, runs below each other.
        faces: covariates (`facebias.analyses.mechanism.covariates.covariates`), indexed by row.

    Returns:
        One row an arm and covariate: model, seeds, n (faces that have it), covariate, form, measure, value, low, high.
        `form` is "value", or "rarity": how far the covariate's rank is from the middle, since what is rare at either
        end is what resampling looks for. `measure` is "spearman"; "joint", the standardised coefficient of a linear
        model of the ranks on all covariates in both forms; "r2" of that model (covariate "all together"); and, for
        "probability in other seeds", the mean Spearman correlation of a seed's probabilities with each other seed's.
        Arms whose probabilities are all alike are left out.
    """
    parts = []
    for model, runs in drawn.groupby("model", sort=False):
        wide = runs.pivot(index="row", columns="seed", values="probability")
        if (np.ptp(wide.to_numpy(), axis=0) == 0).all():
            continue
        mine = faces.reindex(wide.index)
        found = pd.concat([_single(wide, mine), _joint(wide, mine), _between_seeds(wide)], ignore_index=True)
        parts.append(found.assign(model=model, seeds=wide.shape[1]))
    columns = ["model", "seeds", "n", "covariate", "form", "measure", "value", "low", "high"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _forms(values: pd.Series) -> dict[str, np.ndarray]:
    """Ranks of a covariate, and of how far they are from the middle; -1 to 1 and 0 to 1."""
    rank = 2 * stats.rankdata(values) / (len(values) + 1) - 1
    return {"value": rank, "rarity": np.abs(rank)} if values.nunique() > 2 else {"value": rank}


def _single(wide: pd.DataFrame, faces: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for name in faces:
        known = faces[name].notna().to_numpy()
        for form, rank in _forms(faces.loc[known, name]).items():
            each = np.array([_spearman(wide.loc[known, seed], rank) for seed in wide])
            rows.append((int(known.sum()), name, form, "spearman", *mean_interval(each)))
    return _table(rows)


def _joint(wide: pd.DataFrame, faces: pd.DataFrame) -> pd.DataFrame:
    known = faces.notna().all(axis=1).to_numpy()
    terms = [((name, form), rank) for name in faces for form, rank in _forms(faces.loc[known, name]).items()]
    terms = [(key, rank) for key, rank in terms if np.ptp(rank) > 0]
    if known.sum() <= len(terms) + 1:
        return _table([])
    design = stats.zscore(np.column_stack([rank for _, rank in terms]), axis=0)
    fits = []
    for seed in wide:
        target = stats.zscore(stats.rankdata(wide.loc[known, seed]))
        coefficients = np.linalg.lstsq(design, target, rcond=None)[0]
        fits.append([*coefficients, 1 - np.mean(np.square(target - design @ coefficients))])
    keys = [*[(*key, "joint") for key, _ in terms], (ALL, "", "r2")]
    return _table(
        [(int(known.sum()), *key, *mean_interval(each)) for key, each in zip(keys, np.array(fits).T, strict=True)]
    )


def _between_seeds(wide: pd.DataFrame) -> pd.DataFrame:
    if wide.shape[1] < 2:
        return _table([])
    matrix = np.atleast_2d(np.corrcoef(stats.rankdata(wide.to_numpy(), axis=0).T))
    each = (matrix.sum(axis=1) - 1) / (len(matrix) - 1)
    return _table([(len(wide), OTHER_SEED, "value", "spearman", *mean_interval(each))])


def _spearman(one: pd.Series, other: np.ndarray) -> float:
    if one.nunique() < 2 or np.ptp(other) == 0:
        return np.nan
    return float(stats.spearmanr(one, other).statistic)


def _table(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["n", "covariate", "form", "measure", "value", "low", "high"])


def resampling_arms(drawn: pd.DataFrame) -> list[str]:
    """The arms whose effective sample is under 95 % of the faces, mean over seeds."""
    share = drawn.groupby(["model", "seed"], sort=False)["probability"].agg(
        lambda p: effective_sample_size(p.to_numpy()) / len(p)
    )
    means = share.groupby("model", sort=False).mean()
    return [str(name) for name in means.index[means < RESAMPLES]]


def ladders(arms: list[str]) -> list[tuple[str, ...]]:
    """Arms that differ by one step each: uniform draws, unequal draws dealt at random, the same dealt by the latents.

    One ladder for each `shuffled-ALPHA` whose `dbvae-ALPHA` is there too, uniform first where there is a `vae`.
    """
    found = []
    for arm in arms:
        partner = arm.replace("shuffled-", "dbvae-", 1)
        if arm.startswith("shuffled-") and partner in arms:
            found.append((*[name for name in ("vae",) if name in arms], arm, partner))
    return found


def step_changes(predictions: pd.DataFrame, rule: str = HEADLINE) -> pd.DataFrame:
    """What each step of the ladders does to recall, worst group and gap: does it matter *which* faces are preferred?

    Returns:
        Rows of `facebias.audit.changes` without `p_holm`: from `baseline` to `model`, for each step of each
        ladder, and over the whole.

    Raises:
        FacebiasError: no shuffled arm with its DB-VAE is among the predictions.
    """
    steps = list(
        dict.fromkeys(
            step
            for ladder in ladders(list(predictions["model"].unique()))
            for step in [*pairwise(ladder), (ladder[0], ladder[-1])]
        )
    )
    if not steps:
        raise FacebiasError("ARMS", "mechanism", "no shuffled arm beside its DB-VAE", "Add shuffled-ALPHA to --arms")
    return pd.concat(
        [audit.compare(predictions[predictions["model"].isin(step)], step[0], rule, STEP_GROUPINGS) for step in steps],
        ignore_index=True,
    ).drop(columns="p_holm")  # over one step, not all of them
