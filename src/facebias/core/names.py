"""Names for readers: arms and data sets as sentences and figures spell them."""

from __future__ import annotations

DATASET_NAMES = {
    "fairface": "FairFace",
    "utkface": "UTKFace",
    "ppb": "PPB",
    "celeba": "CelebA",
    "lab": "the lab's faces",
    "synthetic": "rendered faces (synthetic)",
}
_ARMS = {
    "cnn": "CNN",
    "vae": "VAE, uniform sampling",
    "tempered": "DB-VAE, tempered",
    "balanced": "VAE, groups balanced",
    "cnn-balanced": "CNN, groups balanced",
    "jtt": "CNN, just train twice",
    "groupdro": "CNN, group DRO",
}
_FAMILIES = {"dbvae": "DB-VAE", "product": "DB-VAE, product", "shuffled": "DB-VAE, shuffled"}


def arm_name(arm: str) -> str:
    """An arm in words: "dbvae-0.01" is "DB-VAE alpha 0.01"; an arm that is not known keeps its name."""
    base = arm.removesuffix("-photometric")
    family, _, alpha = base.partition("-")
    named = _ARMS.get(base) or (f"{_FAMILIES[family]} alpha {alpha}" if family in _FAMILIES and alpha else base)
    return named if base == arm else f"{named}, photometric"


def dataset_name(dataset: str, source: str = "") -> str:
    """A data set in words; "test" is the held-out faces of the training source."""
    if dataset != "test":
        return DATASET_NAMES.get(dataset, dataset)
    name = DATASET_NAMES.get(source, source or "training-source")
    return f"held-out {name}" if "faces" in name else f"held-out {name} faces"
