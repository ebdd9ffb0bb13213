"""Every choice of a study in one frozen dataclass of scalars, checked when it is made.

The same names are the flags of the command line and the parameters of the notebooks. Each field belongs to a
stage (`data`, `audit_data`, `train`, `study`, `runtime`); the fields of `data` and `train` alone make the
fingerprint of a run, so that a run is found again whatever machine or audit set is used next.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from facebias.errors import FacebiasError
from facebias.storage import anchored, fingerprint

FACE_SOURCES = ("synthetic", "celeba", "fairface", "utkface", "lab")
NEGATIVE_SOURCES = ("synthetic", "folder", "lab")
AUDIT_SOURCES = ("synthetic", "fairface", "utkface", "ppb")
MODELS = ("standard_cnn", "db_vae")
SIZES = ("lab", "paper")
RULES = ("uniform", "max", "product", "tempered")


def _at(stage: str, default: Any, *, among: tuple[str, ...] = (), low: float = -math.inf, high: float = math.inf,
        ) -> Any:
    return field(default=default, metadata={"stage": stage, "among": among, "low": low, "high": high})


@dataclass(frozen=True)
class Config:
    """All settings of a study. Unknown names and wrong types are refused, never coerced.

    Raises:
        FacebiasError: a value of the wrong type, outside its range, or not one of its choices.
    """

    # What the detectors are trained on, and what they are audited on
    train_faces: str = _at("data", "synthetic", among=FACE_SOURCES)
    negatives: str = _at("data", "synthetic", among=NEGATIVE_SOURCES)
    audit_sets: str = _at("audit_data", "synthetic")  # comma-separated, of AUDIT_SOURCES
    data_root: str = _at("data", "data/raw")  # holds celeba/, fairface/, utkface/, nonfaces/, ppb/, lab/
    train_size: int = _at("data", 8000, low=0)  # faces at most, over all splits; 0 means all
    negative_size: int = _at("data", 12000, low=0)  # negative crops at most, over all splits; 0 means all
    audit_size: int = _at("audit_data", 4000, low=0)  # faces at most an audit set; 0 means all
    crops_per_picture: int = _at("data", 4, low=1, high=1000)  # seeded random crops of each negative picture
    validation_share: float = _at("data", 0.15, low=0.01, high=0.5)  # by identity; fixes the thresholds
    test_share: float = _at("data", 0.15, low=0.01, high=0.5)  # by identity; recall and FPR are measured here
    dark_share: float = _at("data", 0.06, low=0, high=1)  # rendered training faces with brown or dark skin
    women_share: float = _at("data", 0.6, low=0, high=1)  # rendered training faces that are women
    data_seed: int = _at("data", 0, low=0, high=2**31 - 1)  # splits, crops and rendering

    # The network and its loss (dbvae.md; c1, c2, c3 of the paper's eq. 1)
    model: str = _at("train", "db_vae", among=MODELS)
    size: str = _at("train", "lab", among=SIZES)
    latents: int = _at("train", 100, low=1, high=4096)
    classification_weight: float = _at("train", 1.0, low=0)
    reconstruction_weight: float = _at("train", 1.0, low=0)
    kl_weight: float = _at("train", 0.0005, low=0)

    # Which faces an epoch draws
    resampling: str = _at("train", "max", among=RULES)
    alpha: float = _at("train", 0.01, low=0)
    bins: int = _at("train", 10, low=2, high=1024)
    target_ess: float = _at("train", 0.5, low=0.001, high=1)  # `tempered`: effective share of the faces

    # The optimisation
    epochs: int = _at("train", 10, low=1, high=100000)
    batch_size: int = _at("train", 64, low=4, high=65536)
    learning_rate: float = _at("train", 0.001, low=1e-8, high=10)
    flip: bool = _at("train", True)
    scale: float = _at("train", 0.15, low=0, high=0.5)  # side of the crop drawn from 1 +- scale
    shift: float = _at("train", 0.05, low=0, high=0.5)  # centre moved by at most this share of the side
    photometric: bool = _at("train", False)  # brightness, contrast, blur and compression
    seed: int = _at("train", 0, low=0, high=2**31 - 1)

    # The study: which detectors, how often, judged at which false positive rate
    arms: str = _at("study", "cnn,dbvae-0.01,dbvae-0.001")
    seeds: int = _at("study", 3, low=1, high=1000)
    fpr: float = _at("study", 0.01, low=1e-6, high=0.5)

    # Where and on what; without influence on what is learned but for rounding
    runs_dir: str = _at("runtime", "runs")
    data_dir: str = _at("runtime", "data")
    figures_dir: str = _at("runtime", "figures")
    device: str = _at("runtime", "auto", among=("auto", "cpu", "cuda", "mps"))
    threads: int = _at("runtime", 1, low=1, high=1024)  # of one training
    workers: int = _at("runtime", 2, low=1, high=1024)  # trainings, or decoding processes, at a time

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            _check(spec, value)
            # 1 and 1.0 are the same setting and must give the same fingerprint
            object.__setattr__(self, spec.name, type(spec.default)(value))
        self._check_list("audit_sets", AUDIT_SOURCES)
        if self.validation_share + self.test_share >= 1:
            raise FacebiasError("CONFIG", "validation_share", "nothing is left for training",
                                "Make validation_share + test_share less than 1")
        for arm in self.arm_names:
            parse_arm(arm)

    def _check_list(self, name: str, among: tuple[str, ...]) -> None:
        for item in _split(getattr(self, name)):
            if item not in among:
                raise FacebiasError("CONFIG", name, f"{item!r} is not one of {', '.join(among)}",
                                    f"Name one or more of them, separated by commas{_nearest(item, among)}")

    # --- making one ---------------------------------------------------------------------------------------
    @classmethod
    def make(cls, **values: Any) -> Self:
        """A configuration from names and values, for example a notebook's parameters.

        Raises:
            FacebiasError: an unknown name (the nearest known one is named) or a wrong value.
        """
        known = [spec.name for spec in fields(cls)]
        for name in values:
            if name not in known:
                raise FacebiasError("CONFIG", name, "no such setting",
                                    f"See facebias train --help for all of them{_nearest(name, known)}")
        return cls(**values)

    def with_(self, **values: Any) -> Self:
        """The same configuration with some values changed; checked again."""
        return type(self).make(**{**self.as_dict(), **values})

    def for_arm(self, arm: str, seed: int) -> Self:
        """The configuration of one training of a study: an arm by name and a seed."""
        return self.with_(**parse_arm(arm), seed=seed)

    # --- asking it ----------------------------------------------------------------------------------------
    def as_dict(self, *stages: str) -> dict[str, Any]:
        """Names and values, of some stages or of all."""
        return {s.name: getattr(self, s.name) for s in fields(self) if not stages or s.metadata["stage"] in stages}

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The arms of the study, in order."""
        return _split(self.arms)

    @property
    def audit_names(self) -> tuple[str, ...]:
        """The audit sets of the study, in order."""
        return _split(self.audit_sets)

    @property
    def arm(self) -> str:
        """The name of this configuration's arm, as `arms` would spell it."""
        if self.model == "standard_cnn":
            return "cnn-photometric" if self.photometric else "cnn"
        suffix = "-photometric" if self.photometric else ""
        return {"uniform": "vae", "tempered": "tempered", "product": f"product-{self.alpha:g}",
                "max": f"dbvae-{self.alpha:g}"}[self.resampling] + suffix

    @property
    def data_key(self) -> str:
        """Name of the packed training data: source and fingerprint of the settings it depends on.

        Where the raw files lie is not part of it: the same photographs on another disk are the same data.
        """
        return f"{self.train_faces}-{fingerprint(self._identifying('data'))}"

    def audit_key(self, name: str) -> str:
        """Name of the packed audit set `name`."""
        values = {"set": name, "audit_size": self.audit_size, "data_seed": self.data_seed}
        return f"{name}-{fingerprint(values)}"

    @property
    def run_id(self) -> str:
        """Arm, seed and fingerprint of everything that training depends on."""
        return f"{self.arm}-s{self.seed}-{fingerprint(self._identifying('data', 'train'))}"

    @property
    def study_id(self) -> str:
        """Training source, audit sets and fingerprint of the whole study, seeds and arms included."""
        values = self._identifying("data", "audit_data", "train", "study")
        return f"{self.train_faces}-on-{'-'.join(self.audit_names)}-{fingerprint(values)}"

    def _identifying(self, *stages: str) -> dict[str, Any]:
        values = self.as_dict(*stages)
        values.pop("data_root", None)
        return values

    @property
    def synthetic(self) -> bool:
        """Whether any image of the study is rendered; every figure then says so."""
        return "synthetic" in (self.train_faces, self.negatives, *self.audit_names)

    def path(self, kind: str) -> Path:
        """The absolute folder for `kind`: "runs", "data", "figures" or "data_root"."""
        return anchored(getattr(self, kind if kind == "data_root" else f"{kind}_dir"))


def parse_arm(arm: str) -> dict[str, Any]:
    """The settings that an arm's name stands for.

    ``cnn`` the standard CNN; ``vae`` the DB-VAE's network with uniform sampling; ``dbvae-ALPHA`` resampling by
    the maximum over latents; ``product-ALPHA`` the paper's literal product; ``tempered``; each with
    ``-photometric`` for brightness, contrast, blur and compression in the augmentation.

    Raises:
        FacebiasError: the name stands for nothing.
    """
    base = arm.removesuffix("-photometric")
    photometric = {"photometric": base != arm}
    if base == "cnn":
        return {"model": "standard_cnn", **photometric}
    if base in ("vae", "tempered"):
        return {"model": "db_vae", "resampling": "uniform" if base == "vae" else base, **photometric}
    kind, _, alpha = base.partition("-")
    if kind in ("dbvae", "product") and _is_number(alpha):
        rule = "max" if kind == "dbvae" else "product"
        return {"model": "db_vae", "resampling": rule, "alpha": float(alpha), **photometric}
    raise FacebiasError("CONFIG", "arms", f"{arm!r} names no arm",
                        "Use cnn, vae, dbvae-0.01 (any alpha), product-0.01, tempered, with -photometric behind if wanted")


PROFILES: dict[str, dict[str, Any]] = {
    # The embedded default: rendered faces, minutes on two cores
    "embedded": {},
    # Photographs: CelebA and ImageNet-style negatives, audited on FairFace and UTKFace
    "photographs": {"train_faces": "celeba", "negatives": "folder", "audit_sets": "fairface,utkface", "train_size": 0,
                    "negative_size": 0, "audit_size": 0, "epochs": 20},
    # Seconds: for tests and for trying a change
    "tiny": {"train_size": 96, "negative_size": 96, "audit_size": 96, "epochs": 1, "batch_size": 16, "latents": 8,
             "arms": "cnn,dbvae-0.01", "seeds": 1, "workers": 1},
}


def profile(name: str, **values: Any) -> Config:
    """A named set of settings (`PROFILES`), with some values changed."""
    if name not in PROFILES:
        raise FacebiasError("CONFIG", "profile", f"no profile {name!r}", f"Use one of {', '.join(PROFILES)}")
    return Config.make(**{**PROFILES[name], **values})


def _check(spec: dataclasses.Field[Any], value: Any) -> None:
    expected = type(spec.default)
    # bool is an int to Python and 1 is a float to the reader: say exactly which are taken
    right = type(value) is expected or (expected is float and type(value) is int)
    if not right:
        raise FacebiasError("CONFIG", spec.name, f"expected {expected.__name__}, found {type(value).__name__} {value!r}",
                            f"Give it like {spec.default!r}")
    if among := spec.metadata["among"]:
        if value not in among:
            raise FacebiasError("CONFIG", spec.name, f"{value!r} is not one of {', '.join(among)}",
                                f"Choose one of them{_nearest(value, among)}")
    elif expected in (int, float):
        low, high = spec.metadata["low"], spec.metadata["high"]
        if not (math.isfinite(value) and low <= value <= high):
            raise FacebiasError("CONFIG", spec.name, f"{value} is outside {low:g} .. {high:g}", "Choose a value inside")


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    found = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and float(text) >= 0
    except ValueError:
        return False
