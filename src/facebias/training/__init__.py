"""Training: packed images to a run's folder (weights, scores), for every arm and seed of a study."""

from __future__ import annotations

import lazy_loader

# `fit` and `score` are modules here; the functions of these names are `facebias.fit` and `facebias.score`

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "draws": ["share_ratios"],
        "gather": ["Audited", "gather"],
        "latents": ["latent_means", "latent_table", "reconstruct", "traverse"],
        "predictions_file": ["read_table"],
        "resampling": ["effective_sample_size", "sampling_probabilities", "share_by_group"],
        "run": ["Run"],
        "study": ["Study", "run_study"],
    },
)
