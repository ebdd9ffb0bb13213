"""One latent at a time, moved as far as the reader likes."""

from __future__ import annotations

import numpy as np

from facebias import plots
from facebias.core.numbers import minus
from facebias.data.dataset import FaceDataset
from facebias.plots import Shown
from facebias.plots.sliders import Adjustable, Choice
from facebias.training.latents import traverse
from facebias.training.run import Run

_STEPS = tuple(np.arange(-3, 3.25, 0.5).tolist())  # standard deviations


def explored_latents(run: Run, data: FaceDataset, count: int = 12) -> Adjustable:
    """What is decoded from the mean of all faces, the same moved along a latent, and what that changes.

    Nothing here is a photograph, as in `facebias.training.traverse`.

    Args:
        run: a finished run of a DB-VAE.
        data: the training split.
        count: how many latents can be picked, those that tell most of a face first.

    Raises:
        FacebiasError: the run is of a network without latents, or its weights cannot be read.
    """
    grid, labels = traverse(run, data, count, _STEPS)
    middle = _STEPS.index(0)
    far = grid[:, [middle, -1]]  # sets one scale for all
    steps = {minus(f"{step:+g} SD") if step else "mean": number for number, step in enumerate(_STEPS)}

    def draw(latent: int, step: int) -> Shown:
        """The mean face, and the same with one latent moved by one step."""
        pictures = grid[[latent]][:, [middle, step]]
        figure = plots.traversal(pictures, [labels[latent]], (0, _STEPS[step]), far)
        rendered = str(data.attrs["source"]).startswith("synthetic")
        return plots.show(figure, synthetic=rendered, provenance=f"{run.config.arm}, seed {run.config.seed}")

    latents = {label.replace("\n", ", "): number for number, label in enumerate(labels)}
    return Adjustable(
        draw,
        {
            "latent": Choice("latent", latents, next(iter(latents)), ordered=False),
            "step": Choice("moved by", steps, list(steps)[-1]),
        },
    )
