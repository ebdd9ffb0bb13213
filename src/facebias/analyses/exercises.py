"""Answers to the exercises of docs/teaching.md, calculated from what was trained and scored, and held against a number.

A number is right where it is within a tenth. What is right is never told: a wrong one gets a hint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.analyses.mistakes.tables import leak_table
from facebias.analyses.mistakes.training import Lesson
from facebias.audit.groups import groups_of
from facebias.audit.thresholds import threshold
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.detectors.find import find_detector
from facebias.training.resampling import effective_sample_size
from facebias.training.run import Run
from facebias.training.score import score_detector

LOSS_FACES = 16  # faces in the batch of 64 of exercise 2
_NEAR = 0.1  # one decimal is asked for


@dataclass(frozen=True)
class Subject:
    """What an exercise is about.

    Attributes:
        config: data, audit sets, false positive rate and places.
        of: a run's id or its beginning, or a detector as `find_detector` takes it.
        by: a column to group by.
    """

    config: Config
    of: str = ""
    by: str = ""

    @property
    def run(self) -> Run:
        """The run that `of` names."""
        return Run.find(self.of, self.config)


def alpha(subject: Subject) -> float:
    """Exercise 1: the effective sample of a run's last epoch, % of the faces."""
    probability = subject.run.sampling_faces["probability"].to_numpy()
    return 100 * effective_sample_size(probability) / len(probability)


def loss(subject: Subject) -> float:
    """Exercise 2: a face's gradient with labels broadcast, % of the right one, where 16 of 64 images are faces."""
    places = {name: getattr(subject.config, name) for name in ("data_dir", "runs_dir")}
    row = leak_table(Lesson.of(profile("tiny", **places)), LOSS_FACES).iloc[0]
    return 100 * float(row["mistaken"] / row["right"])


def matched(subject: Subject) -> float:
    """Exercise 3: recall of the worst skin tone at probability one half less that at the matched rate, points."""
    faces, limit = _faces(subject.run.predictions, subject.config)
    faces = faces[faces["dataset"] == faces["dataset"].iloc[0]]  # others may have been added in exercise 4
    recalls = [_recalls(faces, "skin_tone", value).min() for value in (0.0, limit)]
    return 100 * float(recalls[0] - recalls[1])


def group(subject: Subject) -> float:
    """Exercise 4: the gap between the groups of an added column at the matched rate, points."""
    faces, limit = _faces(subject.run.predictions, subject.config)
    return 100 * float(np.ptp(_recalls(faces, subject.by, limit)))


def detector(subject: Subject) -> float:
    """Exercise 5: recall of a brought detector on the audit set at the matched rate, %."""
    scores = score_detector(find_detector(subject.of), subject.config)
    faces, limit = _faces(scores, subject.config)
    return 100 * float((faces["score"] >= limit).mean())


# What each exercise asks for: how it is calculated, and where a wrong answer often comes from
EXERCISES: dict[str, tuple[Callable[[Subject], float], str]] = {
    "alpha": (alpha, "The effective sample is 1 / sum(p * p), in % of the number of faces"),
    "loss": (loss, "The mean of a table (N, N) is the mean of its rows' factor times the mean of its columns'"),
    "matched": (
        matched,
        "In points, the worst skin tone of 30 faces or more at each rule, which need not be the same one",
    ),
    "group": (group, "In points, best less worst level of the column, at the threshold fixed on validation non-faces"),
    "detector": (detector, "In %, of all faces of the audit set, at the threshold fixed on validation non-faces"),
}


def check(exercise: str, answer: float, subject: Subject) -> tuple[bool, str]:
    """Whether a number is the answer to an exercise, and a sentence that says so.

    Args:
        exercise: one of `EXERCISES`.
        answer: the number, as the exercise asks for it.
        subject: the run or the detector that it is about.

    Raises:
        FacebiasError: no such exercise, or a run, detector or column that cannot be found.
    """
    if exercise not in EXERCISES:
        raise FacebiasError("EXERCISE", exercise, "no such exercise", f"Use one of {', '.join(EXERCISES)}")
    calculate, hint = EXERCISES[exercise]
    right = calculate(subject)
    if abs(answer - right) <= _NEAR:
        return True, f"right: {right:.1f}"
    hint = "It is asked for in % or points, not as a share" if abs(100 * answer - right) <= _NEAR else hint
    return False, f"not yet: {answer:g} is not it. {hint}"


def _faces(predictions: pd.DataFrame, config: Config) -> tuple[pd.DataFrame, float]:
    """Faces of the audit sets, and the threshold at the rate of the settings."""
    held_out = predictions[(predictions["dataset"] == "validation") & (predictions["label"] == 0)]
    faces = predictions[(predictions["label"] == 1) & ~predictions["dataset"].isin(("validation", "test"))]
    return faces, threshold(held_out["score"].to_numpy(), f"fpr={config.fpr:g}", warn=False).value


def _recalls(faces: pd.DataFrame, by: str, limit: float) -> np.ndarray:
    """Recall of each group that may be compared, (groups,)."""
    groups = groups_of(faces, (by,))
    if groups is None or groups.comparable.sum() < 2:
        raise FacebiasError("GROUPING", by, "no two groups of 30 faces or more", "Score the run on a larger audit set")
    found: np.ndarray = groups.rates((faces["score"] >= limit).to_numpy())[groups.comparable]
    return found
