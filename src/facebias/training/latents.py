"""What a DB-VAE's latents hold: faces decoded again, and what changes along one latent."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from facebias.core.errors import FacebiasError
from facebias.data.dataset import FaceDataset
from facebias.detectors.inference import as_input, inference, latent_means
from facebias.detectors.networks import DBVAE
from facebias.training.run import Run


def reconstruct(run: Run, images: np.ndarray) -> np.ndarray:
    """What the decoder makes of faces' mean latents.

    Args:
        run: a finished run of a DB-VAE.
        images: uint8 (n, 64, 64, 3).

    Returns:
        uint8 (n, 64, 64, 3).

    Raises:
        FacebiasError: the run is of a network without latents, or its weights cannot be read.
    """
    model = _with_latents(run)
    with inference(model):
        return _pixels(model.reconstruct(as_input(torch.from_numpy(images).permute(0, 3, 1, 2))))


def traverse(
    run: Run, data: FaceDataset, count: int = 6, steps: tuple[float, ...] = (-3, -2, -1, 0, 1, 2, 3)
) -> tuple[np.ndarray, list[str]]:
    """Images decoded along the latents that vary most over the training faces, all others at their mean.

    Nothing here is a photograph: every image is decoded from the mean of all faces, moved along one latent.

    Args:
        run: a finished run of a DB-VAE.
        data: the training split.
        count: how many latents, those with the largest standard deviation of the mean first.
        steps: positions, in standard deviations of the latent over the faces.

    Returns:
        uint8 (count, len(steps), 64, 64, 3), and a label for each row.

    Raises:
        FacebiasError: the run is of a network without latents, or its weights cannot be read.
    """
    model = _with_latents(run)
    mu = latent_means(model, data.tensor()[data.faces])
    centre, spread = mu.mean(0), mu.std(0)
    chosen = spread.argsort(descending=True)[:count].tolist()
    rows = []
    with inference(model):
        for latent in chosen:
            line = centre.repeat(len(steps), 1)
            line[:, latent] += torch.tensor(steps) * spread[latent]
            rows.append(_pixels(model.decode(line)))
    return np.stack(rows), [f"z {latent}" for latent in chosen]


def _with_latents(run: Run) -> DBVAE:
    model = run.model()
    if not isinstance(model, DBVAE):
        raise FacebiasError("MODEL", run.id, "a network without latents", "Name a run of vae or of a dbvae arm")
    return model


def _pixels(images: Tensor) -> np.ndarray:
    pixels: np.ndarray = images.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return pixels
