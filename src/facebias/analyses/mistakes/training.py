"""Short trainings, kept in memory: a network, right or wrong, on a few rendered images, through the project's epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch

from facebias.audit.groups import Groups, groups_of
from facebias.audit.thresholds import threshold
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.progress import bar
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_audit, pack_training
from facebias.detectors.inference import latent_means, logits
from facebias.detectors.networks import DBVAE
from facebias.training.epoch import State, train_epoch
from facebias.training.threads import threads


@dataclass(frozen=True)
class Lesson:
    """What all short trainings share.

    Attributes:
        config: settings of one DB-VAE.
        train, validation, test: splits of the training source.
        audit: faces of the first audit set.
        groups: their skin tones.
    """

    config: Config
    train: FaceDataset
    validation: FaceDataset
    test: FaceDataset
    audit: FaceDataset
    groups: Groups

    @classmethod
    def of(cls, config: Config, alpha: float = 0.01) -> Self:
        """Pack, where missing, and read the images that the settings of a study name.

        Raises:
            FacebiasError: data that cannot be packed, or an audit set without skin tones.
        """
        one = config.for_arm(f"dbvae-{alpha:g}", seed=0)
        splits = {name: FaceDataset.load(path) for name, path in pack_training(one).items()}
        audit = FaceDataset.load(pack_audit(one, one.audit_names[0]))
        groups = groups_of(audit.table, ("skin_tone",))
        if groups is None or not (audit.labels == 1).all():
            raise FacebiasError(
                "LESSON", one.audit_names[0], "no skin tones", "Take rendered faces: audit_sets synthetic"
            )
        return cls(one, splits["train"], splits["validation"], splits["test"], audit, groups)


@dataclass(frozen=True)
class Trained:
    """A short training.

    Attributes:
        lesson: what it was trained on.
        model: as it is after the last epoch.
        history: a row an epoch: epoch, loss and its parts, validation_recall, ess_share; fpr_half and recall_half, the
            shares of held-out non-faces and faces that are called faces at probability one half.
        audit_scores: (epochs, faces) logits of the audit set.
        limits: (epochs,) thresholds at the false positive rate of the settings, fixed on validation non-faces.
    """

    lesson: Lesson
    model: DBVAE
    history: pd.DataFrame
    audit_scores: np.ndarray
    limits: np.ndarray

    @property
    def recalls(self) -> np.ndarray:
        """Recall of each group of the audit set after each epoch, (epochs, groups), at the matched rate."""
        return self.lesson.groups.rates(self.audit_scores >= self.limits[:, None])

    def scores(self, data: FaceDataset) -> np.ndarray:
        """Logits (n,) of a data set's images."""
        found: np.ndarray = logits(self.model, data.tensor()).numpy()
        return found

    @property
    def mu(self) -> np.ndarray:
        """Mean latents (faces, k) of the training faces."""
        found: np.ndarray = latent_means(self.model, self.lesson.train.tensor()[self.lesson.train.faces]).numpy()
        return found


def train_short(lesson: Lesson, network: type[DBVAE]) -> Trained:
    """Train a network, the right one or one with a mistake, from the same weights on the same draws of images.

    Args:
        lesson: images and settings.
        network: `facebias.DBVAE`, or one of `facebias.analyses.mistakes.networks`.

    Raises:
        FacebiasError: the loss is not finite.
    """
    config = lesson.config
    model, faces = untrained(network, config), len(lesson.train.faces)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)  # as `fit` has it
    state = State(model, optimizer, 0, [], [], np.full(faces, 1 / faces))
    rows, scores, limits = [], [], []
    with threads(config.threads), bar(total=config.epochs, desc=network.__name__, unit="epoch") as progress:
        while state.epoch < config.epochs:
            train_epoch(config, state, lesson.train, lesson.validation)
            held_out = logits(model, lesson.validation.tensor()).numpy()
            limit = threshold(held_out[lesson.validation.negatives], f"fpr={config.fpr:g}", warn=False)
            rows.append(state.history[-1] | _at_one_half(model, lesson.test))
            scores.append(logits(model, lesson.audit.tensor()).numpy())
            limits.append(limit.value)
            progress.update(1)
    return Trained(lesson, model, pd.DataFrame(rows), np.stack(scores), np.array(limits))


def untrained(network: type[DBVAE], config: Config) -> DBVAE:
    """A network with the weights that every training begins with."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return network(config.size, config.latents).to(memory_format=torch.channels_last)


def _at_one_half(model: DBVAE, data: FaceDataset) -> dict[str, float]:
    called = logits(model, data.tensor()).numpy() >= 0
    return {"fpr_half": float(called[data.negatives].mean()), "recall_half": float(called[data.faces].mean())}
