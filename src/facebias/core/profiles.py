"""Named sets of settings: the embedded study, the two published ones, and a tiny one for trying a change."""

from __future__ import annotations

from typing import Any

from facebias.core.config import Config
from facebias.core.errors import FacebiasError

# Every arm of the protocol: baseline, DB-VAE and its shuffled control at four alphas, other readings of its latents,
# cheap remedies, and labelled ones on both networks
ALL_ARMS = (
    "cnn,vae,dbvae-0.1,dbvae-0.05,dbvae-0.01,dbvae-0.001,shuffled-0.1,shuffled-0.05,shuffled-0.01,shuffled-0.001,"
    "dbvae-used-0.01,dbvae-z-0.01,tempered,cnn-photometric,jtt,cnn-balanced,balanced,groupdro,vae-groupdro"
)

PROFILES: dict[str, dict[str, Any]] = {
    # The embedded default: rendered faces, minutes on two cores
    "embedded": {},
    # The long study on rendered faces, which the embedded one is held against: every arm, ten seeds, five times as long
    "evidence": {
        "audit_size": 3600,
        "epochs": 6,
        "epoch_faces": 0,
        "batch_size": 64,
        "arms": ALL_ARMS,
        "seeds": 10,
        "precision": "bfloat16",
    },
    # The same on photographs, ten seeds: CelebA and ImageNet-style negatives, half of them hard, audited on
    # FairFace and UTKFace, skin tone by the measure that is nearer to the rendered truth (benchmarks/skin_tone.py)
    "photographs": {
        "train_faces": "celeba",
        "negatives": "folder",
        "audit_sets": "fairface,utkface",
        "train_size": 0,
        "negative_size": 0,
        "audit_size": 0,
        "hard_share": 0.5,
        "tone": "normalised",
        "epochs": 10,
        "epoch_faces": 0,
        "batch_size": 64,
        "arms": ALL_ARMS,
        "seeds": 10,
        "precision": "bfloat16",
    },
    # Seconds: for tests and for trying a change
    "tiny": {
        "train_size": 96,
        "negative_size": 96,
        "audit_size": 96,
        "epochs": 1,
        "epoch_faces": 0,
        "batch_size": 16,
        "latents": 8,
        "arms": "cnn,dbvae-0.01",
        "seeds": 1,
        "workers": 1,
    },
}


def profile(name: str, **values: Any) -> Config:
    """A named set of settings (`PROFILES`), with some values changed."""
    if name not in PROFILES:
        raise FacebiasError("CONFIG", "profile", f"no profile {name!r}", f"Use one of {', '.join(PROFILES)}")
    return Config.make(**{**PROFILES[name], **values})
