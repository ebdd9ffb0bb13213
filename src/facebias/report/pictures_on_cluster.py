"""Detectors of whole pictures asked on a cluster, a task each; what they answer is kept, and the audit finds it."""

from __future__ import annotations

from dataclasses import dataclass

from facebias.analyses.whole_pictures.audited import audit_detectors
from facebias.analyses.whole_pictures.find import Spec
from facebias.core.config import Config
from facebias.report.pictures import PictureQuestion
from facebias.training.cluster import Cluster, run_on


@dataclass(frozen=True)
class Asking:
    """What a task does with the detector that it is given: the audit of that one alone.

    Attributes:
        config: where answers are kept; a task asks in one process.
        question: on which pictures, under which conditions.
    """

    config: Config
    question: PictureQuestion

    def __call__(self, spec: Spec) -> None:
        """Ask one detector about every picture that it has not answered yet."""
        question = self.question
        sets = question.sets(self.config)
        audit_detectors(self.config, [spec], *sets, question.groups, question.match, question.conditions)


def ask_on(cluster: Cluster, question: PictureQuestion, config: Config) -> None:
    """Ask every detector of the question, `config.workers` of them at a time.

    Raises:
        FacebiasError: as `facebias.training.cluster.run_on`.
    """
    tasks = [(spec.name or spec.text, spec) for spec in question.specs()]
    work = Asking(config.with_(workers=1), question)
    run_on(cluster, work, tasks, config.path("data") / "submitit", config.workers)
