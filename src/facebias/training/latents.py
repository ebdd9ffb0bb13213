"""What a DB-VAE's latents hold: faces decoded again, and what changes along one latent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from facebias.core.errors import FacebiasError
from facebias.core.numbers import minus
from facebias.data.dataset import FaceDataset
from facebias.detectors.inference import as_input, inference, latent_means, posterior
from facebias.detectors.networks import DBVAE
from facebias.training.run import Run

__all__ = ["latent_means", "latent_table", "reconstruct", "traverse"]

_FEWEST = 30  # faces with a measured tone, under which a correlation with it says nothing


def reconstruct(run: Run, images: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """What the decoder makes of faces' mean latents.

    Args:
        run: a finished run of a DB-VAE.
        images: uint8 (n, 64, 64, 3).
        batch_size: faces decoded at once.

    Returns:
        uint8 (n, 64, 64, 3).

    Raises:
        FacebiasError: the run is of a network without latents, or its weights cannot be read.
    """
    model = _with_latents(run)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    with inference(model):
        return np.concatenate([_pixels(model.reconstruct(as_input(part))) for part in torch.split(pixels, batch_size)])


def latent_table(run: Run, data: FaceDataset) -> pd.DataFrame:
    """How much each latent tells of a face, and of its skin tone; a row a latent, those that tell most first.

    Args:
        run: a finished run of a DB-VAE.
        data: the training split.

    Returns:
        latent (its number), nats (mean Kullback-Leibler divergence from the prior: 0 is a latent that says the same of
        every face), sd (standard deviation of its mean over the faces), tone (rank correlation of its mean with the
        measured skin tone, ITA; NaN where fewer than 30 faces have one).

    Raises:
        FacebiasError: the run is of a network without latents, or its weights cannot be read.
    """
    mu, nats = (part.numpy() for part in posterior(_with_latents(run), data.tensor()[data.faces]))
    ita = data.table["ita"].iloc[data.faces].to_numpy(dtype=float)
    known = ~np.isnan(ita)
    means = pd.DataFrame(mu[known])
    enough = known.sum() >= _FEWEST
    tone = means.corrwith(pd.Series(ita[known]), method="spearman") if enough else np.full(mu.shape[1], np.nan)
    table = pd.DataFrame({"latent": range(mu.shape[1]), "nats": nats, "sd": mu.std(axis=0), "tone": np.asarray(tone)})
    return table.sort_values("nats", ascending=False, kind="stable", ignore_index=True)


def traverse(
    run: Run, data: FaceDataset, count: int = 6, steps: tuple[float, ...] = (-3, -2, -1, 0, 1, 2, 3)
) -> tuple[np.ndarray, list[str]]:
    """Images decoded along the latents that tell most of a face, all others at their mean.

    Nothing here is a photograph: every image is decoded from the mean of all faces, moved along one latent.

    Args:
        run: a finished run of a DB-VAE.
        data: the training split.
        count: how many latents, those with most nats first (`latent_table`).
        steps: positions, in standard deviations of the latent over the faces.

    Returns:
        uint8 (count, len(steps), 64, 64, 3), and a label for each row: the latent, its nats, and how its mean goes
        with measured skin tone.

    Raises:
        FacebiasError: the run is of a network without latents, or its weights cannot be read.
    """
    model = _with_latents(run)
    chosen = latent_table(run, data).head(count)
    mu = latent_means(model, data.tensor()[data.faces])
    centre, spread, rows = mu.mean(0), mu.std(0), []
    with inference(model):
        for latent in chosen["latent"]:
            line = centre.repeat(len(steps), 1)
            line[:, latent] += torch.tensor(steps) * spread[latent]
            rows.append(_pixels(model.decode(line)))
    return np.stack(rows), [_label(row) for row in chosen.to_dict("records")]


def _label(row: dict[str, float]) -> str:
    """ "z 53, 1.5 nats", and below it how the latent goes with skin tone where that was measured."""
    label, tone = f"z {row['latent']:.0f}, {row['nats']:.2g} nats", f"{row['tone']:+.2f}"
    return label if np.isnan(row["tone"]) else f"{label}\nskin tone r {minus(tone)}"


def _with_latents(run: Run) -> DBVAE:
    model = run.model()
    if not isinstance(model, DBVAE):
        raise FacebiasError("MODEL", run.id, "a network without latents", "Name a run of vae or of a dbvae arm")
    return model


def _pixels(images: Tensor) -> np.ndarray:
    pixels: np.ndarray = images.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return pixels
