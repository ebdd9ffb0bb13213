"""What mistakes of the loss and of resampling do to the numbers: the right value beside the mistaken one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn

from facebias.analyses.mistakes.networks import BroadcastLabels
from facebias.analyses.mistakes.training import Lesson, Trained, untrained
from facebias.audit.stats.variance import group_variance
from facebias.detectors.inference import as_input, inference
from facebias.detectors.networks import DBVAE
from facebias.training.resampling import effective_sample_size, sampling_probabilities, share_by_group

_BATCH = 64  # images among which gradients are looked at


def beside(mistake: int, rows: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """A table of one mistake: mistake (its number), measured, right, mistaken."""
    table = pd.DataFrame([(name, *pair) for name, pair in rows.items()], columns=["measured", "right", "mistaken"])
    table.insert(0, "mistake", mistake)
    return table


def alarm_table(right: Trained, wrong: Trained) -> pd.DataFrame:
    """Mistake 1: what is called a face at probability one half, and what is left at a matched false positive rate."""
    fpr = right.lesson.config.fpr
    return beside(
        1,
        {
            "recall at probability 0.5, %": _last(right, wrong, "recall_half", 100),
            "false positive rate there, %": _last(right, wrong, "fpr_half", 100),
            "variance between groups there, % squared": (_variance(right), _variance(wrong)),
            f"recall at a false positive rate of {100 * fpr:g} %": _last(right, wrong, "validation_recall", 100),
        },
    )


def _last(right: Trained, wrong: Trained, column: str, times: float = 1) -> tuple[float, float]:
    return times * right.history[column].iloc[-1], times * wrong.history[column].iloc[-1]


def _variance(trained: Trained) -> float:
    """The paper's Var[A] over skin tones, at probability one half."""
    groups = trained.lesson.groups
    return group_variance(groups.rates(trained.audit_scores[-1] >= 0)[groups.comparable])


def leak_table(lesson: Lesson, faces: int = 32, wrong: type[DBVAE] = BroadcastLabels) -> pd.DataFrame:
    """Mistake 2: how far the pixels of faces and of non-faces move the VAE's part of the loss, in an untrained network.

    Length of the gradient on the pixels of each kind; the cross-entropy is left out.

    Args:
        lesson: images and settings.
        faces: how many of the 64 images of the batch are faces.
        wrong: the network that is compared with the project's own.
    """
    rows = np.concatenate([lesson.train.faces[:faces], lesson.train.negatives[: _BATCH - faces]])
    labels = torch.from_numpy(lesson.train.labels[rows]).float()
    lengths = []
    for network in (DBVAE, wrong):
        model = untrained(network, lesson.config).eval()  # in training, batch norm mixes a batch's images anyway
        images = as_input(lesson.train.tensor()[rows]).requires_grad_()
        vae = model.loss(
            images, labels, lesson.config.with_(classification_weight=0.0), torch.Generator().manual_seed(0)
        )
        (gradient,) = torch.autograd.grad(vae.total, images)
        lengths.append([float(gradient[labels == kind].norm()) for kind in (1, 0)])
    (face, other), (wrong_face, wrong_other) = lengths
    return beside(
        2,
        {
            "gradient on the pixels of faces, x 1000": (1000 * face, 1000 * wrong_face),
            "gradient on the pixels of non-faces, x 1000": (1000 * other, 1000 * wrong_other),
        },
    )


def norm_table(right: Trained, wrong: Trained) -> pd.DataFrame:
    """Mistake 3: what batch norm learned, and how the network fares."""
    fpr = right.lesson.config.fpr
    return beside(
        3,
        {
            "batches that batch norm has seen": (_batches(right.model), _batches(wrong.model)),
            "classification loss of the last epoch, nats": _last(right, wrong, "classification"),
            f"recall at a false positive rate of {100 * fpr:g} %": _last(right, wrong, "validation_recall", 100),
        },
    )


def _batches(model: nn.Module) -> float:
    norm = next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    assert norm.num_batches_tracked is not None  # ours track
    return float(norm.num_batches_tracked)


def spread_table(right: Trained, wrong: Trained) -> pd.DataFrame:
    """Mistake 5: the divergence that the loss counts, and that of the noise which is in fact added to the latents."""
    (counted, drawn), (wrong_counted, wrong_drawn) = _divergences(right, 0.5), _divergences(wrong, 1.0)
    return beside(
        5,
        {
            "divergence that the loss counts, nats a face": (counted, wrong_counted),
            "divergence of the noise drawn, nats a face": (drawn, wrong_drawn),
            "decoding error with it, |difference| of 0..1": _last(right, wrong, "reconstruction", 2),
        },
    )


def _divergences(trained: Trained, power: float) -> tuple[float, float]:
    """Of the training faces' latents: with exp(log variance) as variance, and with exp(power * log variance) as sd."""
    faces = as_input(trained.lesson.train.tensor()[trained.lesson.train.faces])
    with inference(trained.model):
        encoding = trained.model.encode(faces)
    found = []
    for log_variance in (encoding.log_variance, 2 * power * encoding.log_variance):
        kl = 0.5 * (log_variance.exp() + encoding.mu.square() - 1 - log_variance)
        found.append(float(kl.sum(1).mean()))
    return found[0], found[1]


def relu_table(right: Trained, wrong: Trained) -> pd.DataFrame:
    """Mistake 6, the last layer: how much of what is decoded cannot learn, before and after training."""
    lesson = right.lesson
    before = [_stuck(untrained(type(one.model), lesson.config), lesson) for one in (right, wrong)]
    after = [_stuck(one.model, lesson) for one in (right, wrong)]
    return beside(
        6,
        {
            "decoded values without a gradient, untrained, %": (before[0], before[1]),
            "decoded values without a gradient, trained, %": (after[0], after[1]),
            "decoding error, |difference| of 0..1": _last(right, wrong, "reconstruction", 2),
        },
    )


def _stuck(model: DBVAE, lesson: Lesson) -> float:
    """Percent of the values decoded of held-out faces that are exactly 0, where a ReLU passes no gradient on."""
    with inference(model):
        decoded = model.decode(model.encode(as_input(lesson.test.tensor()[lesson.test.faces])).mu)
    return 100 * float((decoded == 0).float().mean())


def log_weights(mu: np.ndarray, alpha: float, bins: int = 10) -> np.ndarray:
    """Mistake 7: sum_i log(1 + 1 / (p_i + alpha)) taken for a probability, where p_i is the share of i's bin.

    Args:
        mu: latent means (N, k).
        alpha: as `sampling_probabilities` takes it.
        bins: of each latent's histogram.

    Returns:
        (N,) summing to 1.
    """
    weight = np.zeros(len(mu))
    for values in mu.T:
        counts, edges = np.histogram(values, bins)
        share = counts / len(values)
        weight += np.log(1 + 1 / (share[np.clip(np.digitize(values, edges) - 1, 0, bins - 1)] + alpha))
    found: np.ndarray = weight / weight.sum()
    return found


def weight_table(trained: Trained) -> pd.DataFrame:
    """Mistake 7, the weights: how far each rule is from drawing all faces alike, at the alpha of the settings."""
    config, train = trained.lesson.config, trained.lesson.train
    right = sampling_probabilities(trained.mu, config.alpha, config.bins)
    wrong = log_weights(trained.mu, config.alpha, config.bins)
    shares = [share_by_group(one, train.table.iloc[train.faces], ("skin_tone",)) for one in (right, wrong)]
    dark = [one[one["group"].isin(("brown", "dark"))][["share", "natural_share"]].sum() for one in shares]
    sizes = [100 * effective_sample_size(one) / len(one) for one in (right, wrong)]
    return beside(
        7,
        {
            "effective sample, % of the faces": (sizes[0], sizes[1]),
            "likeliest face over least likely": (right.max() / right.min(), wrong.max() / wrong.min()),
            "brown and dark faces, draws over occurrence": tuple(one["share"] / one["natural_share"] for one in dark),
        },
    )
