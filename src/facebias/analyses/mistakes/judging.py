"""What mistakes of judging do to the numbers: how models are chosen, how many images are counted, what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import binom, norm

from facebias.analyses.mistakes.tables import beside
from facebias.analyses.mistakes.training import Trained
from facebias.audit.groups import Groups
from facebias.audit.thresholds import threshold

# Dark men, in percent, in the one reproduction of DB-VAE with full tables: without and with debiasing
PUBLISHED = {"recall": (85.0, 90.6), "false positive rate": (16.8, 24.4)}
_EQUAL, _GROUPS = 0.97, 4  # of mistake 9: the recall of every group, and how many there are
_HALVES = 200  # ways to part the faces of mistake 8


def precision_table(trained: Trained) -> pd.DataFrame:
    """Mistake 7, precision: of what is called a face, or of all faces found and all non-faces there are."""
    scores, data = trained.scores(trained.lesson.test), trained.lesson.test
    called = scores >= trained.limits[-1]
    found, alarms = called[data.faces].sum(), called[data.negatives].sum()
    precision = 100 * found / (found + alarms), 100 * found / (found + len(data.negatives))
    return beside(7, {"precision, %": precision})


def choice_table(trainings: Sequence[Trained]) -> pd.DataFrame:
    """Mistake 8: the model whose worst group is best is chosen on the very faces that it is then reported on.

    Candidates are all epochs of all trainings. The audit faces are parted in halves, many times; both columns are means
    over these. A second row compares faces that were trained on with faces that were not.

    Args:
        trainings: of one lesson, the right one first.
    """
    right = trainings[0]
    hits = np.concatenate([one.audit_scores >= one.limits[:, None] for one in trainings])
    rng, told = np.random.default_rng(0), []
    for _ in range(_HALVES):
        half = rng.permutation(hits.shape[1]) < hits.shape[1] // 2
        chosen = int(np.argmax(_worst(right.lesson.groups, hits, half)))
        told.append([_worst(right.lesson.groups, hits[[chosen]], part)[0] for part in (~half, half)])
    other, same = np.mean(told, axis=0)
    train, test = right.lesson.train, right.lesson.test
    recalls = [100 * float((right.scores(one)[one.faces] >= right.limits[-1]).mean()) for one in (test, train)]
    return beside(
        8,
        {
            f"worst group of the best of {len(hits)} models, %": (100 * other, 100 * same),
            "recall of faces held out, and trained on, %": (recalls[0], recalls[1]),
        },
    )


def _worst(groups: Groups, hits: np.ndarray, faces: np.ndarray | None = None) -> np.ndarray:
    """Recall of the worst group (models,), of hits (models, faces) or (faces,); among `faces`, where they are told."""
    some = np.ones(len(groups.codes), dtype=bool) if faces is None else faces
    codes, hits = groups.codes[some], np.atleast_2d(hits)[:, some]
    n = np.bincount(codes, minlength=len(groups.table))
    found: np.ndarray = np.nanmin(replace(groups, table=groups.table.assign(n=n), codes=codes).rates(hits), axis=1)
    return found


def chance_gap(n: int, share: float = _EQUAL, groups: int = _GROUPS) -> float:
    """Expected gap, in points, between the best and the worst of groups that do not differ.

    Args:
        n: images of each group.
        share: true recall of every group.
        groups: how many there are.
    """
    below = binom.cdf(np.arange(n), n, share)  # of fewer than n hits: the last one is never reached by all
    return float(100 * np.sum((1 - below**groups) - (1 - below) ** groups) / n)


def chance_table(sizes: Sequence[int] = (5, 50, 500)) -> pd.DataFrame:
    """Mistake 9: the gap that is there, none, and the one that so many images a group are expected to show."""
    found = {f"gap of {_GROUPS} equal groups, {n} images each, points": (0.0, chance_gap(n)) for n in sizes}
    return beside(9, found)


def threshold_table(trained: Trained) -> pd.DataFrame:
    """Mistake 11: a number added to every score raises each recall, and nothing was learned.

    The number is such that the false positive rate at probability one half rises as much as it did in `PUBLISHED`.
    The last row is the published gain itself, and what is left of it when the undebiased model's threshold is moved to
    the debiased one's false positive rate, on the model of equal normal distributions.
    """
    lesson, faces = trained.lesson, trained.audit_scores[-1]
    others = trained.scores(lesson.validation)[lesson.validation.negatives]
    own, debiased = (rate / 100 for rate in PUBLISHED["false positive rate"])
    added = -threshold(others, f"fpr={float(np.mean(others >= 0)) + debiased - own:g}", warn=False).value
    matched, moved = (threshold(others + more, f"fpr={lesson.config.fpr:g}", warn=False).value for more in (0, added))
    gain = [
        100 * (_worst(lesson.groups, faces + added >= after) - _worst(lesson.groups, faces >= before))[0]
        for before, after in ((matched, moved), (0, 0))
    ]
    alarms = [
        100 * float(np.mean(others + added >= after) - np.mean(others >= before))
        for before, after in ((matched, moved), (0, 0))
    ]
    before, after = PUBLISHED["recall"]
    return beside(
        11,
        {
            "gain of the worst group, points": (gain[0], gain[1]),
            "change of the false positive rate, points": (alarms[0], alarms[1]),
            "published gain of dark men, points": (after - moved_recall(), after - before),
        },
    )


def moved_recall() -> float:
    """Recall, in percent, that `PUBLISHED`'s undebiased model has at the debiased one's false positive rate.

    Scores of faces and of non-faces are taken for normal with one variance, so that both rates in normal quantiles move
    alike.
    """
    before, after = (norm.ppf(rate / 100) for rate in PUBLISHED["false positive rate"])
    return float(100 * norm.cdf(norm.ppf(PUBLISHED["recall"][0] / 100) + after - before))
