"""The arms of a study: the short names of detectors, and the settings that each stands for.

Controls and remedies differ from their neighbour in one thing alone, so that a difference has one cause:

- ``cnn`` the standard CNN; ``vae`` the DB-VAE's network with uniform sampling.
- ``dbvae-ALPHA`` resampling by the maximum over latents; ``product-ALPHA`` the paper's literal product;
  ``tempered`` the product at a set effective sample size.
- ``dbvae-used-ALPHA`` the maximum over those latents alone that carry information; ``dbvae-z-ALPHA`` the maximum over
  latents of equal spread. In ``dbvae-ALPHA`` a near-empty latent has a narrow histogram, so it decides most.
- ``max5-ALPHA`` the product of the five largest over latents; ``gaussian`` the maximum by the density of all faces'
  posteriors in place of a histogram, with nothing added to it, and ``gaussian-ALPHA`` with an alpha. Both are rules of
  a known reproduction of the paper.
- ``shuffled-ALPHA`` the probabilities of ``dbvae-ALPHA``, dealt to other faces: the same inequality, no knowledge.
- ``balanced`` the DB-VAE's network, skin tone x gender drawn alike: labels are used, so it is a ceiling;
  ``cnn-balanced`` the same for the standard CNN.
- ``jtt`` the standard CNN, the errors of a first short training drawn more often (just train twice).
- ``groupdro`` the standard CNN, the worst group of skin tone x gender weighted up: a second labelled ceiling;
  ``vae-groupdro`` the same for the DB-VAE's network.

Each takes ``-photometric``: brightness, contrast, blur and compression in the augmentation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from facebias.core.errors import FacebiasError

ARM_FIELDS = ("model", "resampling", "alpha", "remedy", "photometric", "seed")  # what an arm and its seed decide
RULES = ("uniform", "max", "used", "z", "product", "tempered", "shuffled", "balanced", "max5", "gaussian")
REMEDIES = ("none", "jtt", "groupdro")

_PLAIN: dict[str, dict[str, Any]] = {
    "cnn": {"model": "standard_cnn", "resampling": "max", "remedy": "none"},  # without latents the rule is idle
    "vae": {"model": "db_vae", "resampling": "uniform", "remedy": "none"},
    "tempered": {"model": "db_vae", "resampling": "tempered", "remedy": "none"},
    "gaussian": {"model": "db_vae", "resampling": "gaussian", "remedy": "none", "alpha": 0.0},
    "balanced": {"model": "db_vae", "resampling": "balanced", "remedy": "none"},
    "cnn-balanced": {"model": "standard_cnn", "resampling": "balanced", "remedy": "none"},
    "jtt": {"model": "standard_cnn", "resampling": "uniform", "remedy": "jtt"},
    "groupdro": {"model": "standard_cnn", "resampling": "balanced", "remedy": "groupdro"},
    "vae-groupdro": {"model": "db_vae", "resampling": "balanced", "remedy": "groupdro"},
}
_FAMILIES = {
    **{"dbvae": "max", "dbvae-used": "used", "dbvae-z": "z", "product": "product", "shuffled": "shuffled"},
    **{"max5": "max5", "gaussian": "gaussian"},
}
_PHOTOMETRIC = "-photometric"


_NAMES = {
    "cnn": "CNN",
    "vae": "VAE, uniform sampling",
    "tempered": "DB-VAE, tempered",
    "gaussian": "DB-VAE, Gaussian densities",
    "balanced": "VAE, groups balanced",
    "cnn-balanced": "CNN, groups balanced",
    "jtt": "CNN, just train twice",
    "groupdro": "CNN, group DRO",
    "vae-groupdro": "VAE, group DRO",
}
_FAMILY_NAMES = {
    "dbvae": "DB-VAE",
    "dbvae-used": "DB-VAE, used latents",
    "dbvae-z": "DB-VAE, z-scored",
    "product": "DB-VAE, product",
    "shuffled": "DB-VAE, shuffled",
    "max5": "DB-VAE, five largest",
    "gaussian": "DB-VAE, Gaussian densities",
}


def parse_arm(arm: str) -> dict[str, Any]:
    """The settings that an arm's name stands for.

    Raises:
        FacebiasError: the name stands for nothing.
    """
    base = arm.removesuffix(_PHOTOMETRIC)
    photometric = {"photometric": base != arm}
    if base in _PLAIN:
        return _PLAIN[base] | photometric
    family, alpha = _family(base)
    if family in _FAMILIES and _is_number(alpha):
        return {
            "model": "db_vae",
            "resampling": _FAMILIES[family],
            "remedy": "none",
            "alpha": float(alpha),
            **photometric,
        }
    raise FacebiasError(
        "CONFIG",
        "arms",
        f"{arm!r} names no arm",
        f"Use {', '.join(_PLAIN)}, or "
        f"{', '.join(_FAMILIES)} with an alpha, as in dbvae-0.01; each with {_PHOTOMETRIC} if wanted",
    )


def debiased(arms: Iterable[str]) -> list[str]:
    """The DB-VAE arms (``dbvae-ALPHA``) of these, the one that resamples most, with the smallest alpha, first.

    Of two with one alpha the plain one is before the photometric one, whatever the order they came in. Those that treat
    their latents otherwise (``dbvae-used-ALPHA``, ``dbvae-z-ALPHA``) are not the published method, and not among them.

    Raises:
        FacebiasError: a name begins like a DB-VAE's and stands for nothing.
    """
    settings = {arm: parse_arm(arm) for arm in arms if arm.startswith("dbvae-")}
    plain = [arm for arm in settings if settings[arm]["resampling"] == "max"]
    return sorted(plain, key=lambda arm: (settings[arm]["alpha"], settings[arm]["photometric"]))


def counterpart(arms: Iterable[str]) -> str:
    """The one of these arms that is set against a baseline where one alone can be, in sentences as in figures.

    It is the DB-VAE that resamples most (`debiased`): furthest from uniform draws, and chosen by no result. Without a
    DB-VAE it is the first arm; "" of none.
    """
    arms = list(arms)
    return next(iter([*debiased(arms), *arms]), "")


def arm_of(model: str, resampling: str, remedy: str, alpha: float, photometric: bool) -> str:
    """The name of an arm from its settings; the inverse of `parse_arm`."""
    suffix = _PHOTOMETRIC if photometric else ""
    if remedy != "none":
        return ("vae-groupdro" if remedy == "groupdro" and model == "db_vae" else remedy) + suffix
    if model == "standard_cnn":
        return ("cnn-balanced" if resampling == "balanced" else "cnn") + suffix
    if resampling == "gaussian" and not alpha:
        return resampling + suffix
    for family, rule in _FAMILIES.items():
        if rule == resampling:
            return f"{family}-{alpha:g}{suffix}"
    return {"uniform": "vae"}.get(resampling, resampling) + suffix


def _family(base: str) -> tuple[str, str]:
    """Family and alpha of a name: ("dbvae-used", "0.01"); the longest family that it begins with, or ("", base)."""
    families = sorted(_FAMILIES, key=len, reverse=True)
    return next(((one, base[len(one) + 1 :]) for one in families if base.startswith(f"{one}-")), ("", base))


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and float(text) >= 0
    except ValueError:
        return False


def arm_name(arm: str) -> str:
    """An arm in words: "dbvae-0.01" is "DB-VAE alpha 0.01"; an arm that is not known keeps its name."""
    base = arm.removesuffix(_PHOTOMETRIC)
    family, alpha = _family(base)
    named = _NAMES.get(base) or (f"{_FAMILY_NAMES[family]} alpha {alpha}" if family and alpha else base)
    return named if base == arm else f"{named}, photometric"
