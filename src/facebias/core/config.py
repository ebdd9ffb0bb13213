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

from facebias.core.arms import REMEDIES, RULES, arm_of, parse_arm
from facebias.core.errors import FacebiasError
from facebias.core.folder_sets import PREFIX, FolderSet, hashed
from facebias.core.manifest import fingerprint
from facebias.core.paths import anchored
from facebias.core.primary import PRIMARY, Primary

FACE_SOURCES = ("synthetic", "celeba", "fairface", "utkface", "lab")
NEGATIVE_SOURCES = ("synthetic", "folder", "lab")
AUDIT_SOURCES = ("synthetic", "fairface", "utkface", "ppb")
MODELS = ("standard_cnn", "db_vae")
SIZES = ("lab", "paper")
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("float32", "bfloat16")
LOGGERS = ("none", "tensorboard", "mlflow")
TONES = ("plain", "normalised")
# Settings added after runs were published, with the value that stands for how those were trained: at that value they
# are left out of a fingerprint, so that runs trained before are still found
ADDED = {
    **{"remedy": "none", "jtt_epochs": 1, "jtt_weight": 20.0, "dro_step": 0.01, "precision": "float32"},
    **{"hard_share": 0.0, "tone": "plain", "epoch_faces": 0},
    **{"primary": PRIMARY},
}

# Settings by the name that runs of an earlier version have for them
_RENAMED = {"figures_dir": "studies_dir"}


def _at(
    stage: str, default: Any, text: str, *, among: tuple[str, ...] = (), low: float = -math.inf, high: float = math.inf
) -> Any:
    return field(default=default, metadata={"stage": stage, "help": text, "among": among, "low": low, "high": high})


@dataclass(frozen=True)
class Config:
    """All settings of a study. Unknown names and wrong types are refused, never coerced.

    Raises:
        FacebiasError: a value of the wrong type, outside its range, or not one of its choices.
    """

    # What the detectors are trained on, and what they are audited on
    train_faces: str = _at("data", "synthetic", "source of training faces", among=FACE_SOURCES)
    negatives: str = _at("data", "synthetic", "source of non-faces", among=NEGATIVE_SOURCES)
    audit_sets: str = _at("audit_data", "synthetic", f"audit sets, of {', '.join(AUDIT_SOURCES)}, or folder:NAME=PATH")
    data_root: str = _at("data", "data/raw", "folder that holds celeba/, fairface/, utkface/, nonfaces/, ppb/, lab/")
    train_size: int = _at("data", 4800, "faces at most, over all splits; 0 for all", low=0)
    negative_size: int = _at("data", 14000, "negative crops at most, over all splits; 0 for all", low=0)
    audit_size: int = _at("audit_data", 2400, "faces at most in an audit set; 0 for all", low=0)
    crops_per_picture: int = _at("data", 4, "random crops of each negative picture", low=1, high=1000)
    hard_share: float = _at("data", 0.0, "share of hard negatives: faces upside down, ... (0: none)", low=0, high=0.9)
    tone: str = _at("data", "plain", "skin tone of photographs: as pictured, or exposure normalised", among=TONES)
    validation_share: float = _at("data", 0.15, "share of identities that fix thresholds", low=0.01, high=0.5)
    test_share: float = _at("data", 0.15, "share of identities held out to the end", low=0.01, high=0.5)
    dark_share: float = _at("data", 0.06, "rendered training faces: share with brown or dark skin", low=0, high=1)
    women_share: float = _at("data", 0.6, "rendered training faces: share of women", low=0, high=1)
    data_seed: int = _at("data", 0, "seed of splits, crops and rendering", low=0, high=2**31 - 1)

    # The network and its loss (weights c1, c2, c3 of the paper's eq. 1)
    model: str = _at("train", "db_vae", "network (set by the arm)", among=MODELS)
    size: str = _at("train", "lab", "size of the network", among=SIZES)
    latents: int = _at("train", 100, "latent dimensions k", low=1, high=4096)
    classification_weight: float = _at("train", 1.0, "c1, of the cross-entropy", low=0)
    reconstruction_weight: float = _at("train", 1.0, "c2, of the mean absolute error of pixels", low=0)
    kl_weight: float = _at("train", 0.0005, "c3, of the Kullback-Leibler divergence", low=0)

    # Which faces an epoch draws
    resampling: str = _at("train", "max", "from densities to probabilities (set by the arm)", among=RULES)
    alpha: float = _at("train", 0.01, "added to the densities; larger is closer to uniform (set by the arm)", low=0)
    bins: int = _at("train", 10, "bins of each latent's histogram", low=2, high=1024)
    target_ess: float = _at("train", 0.5, "effective share of the faces, rule tempered", low=0.001, high=1)

    # Other remedies: just train twice, and group DRO
    remedy: str = _at("train", "none", "remedy beside resampling (set by the arm)", among=REMEDIES)
    jtt_epochs: int = _at("train", 1, "epochs of the first training, whose errors jtt draws more", low=1, high=1000)
    jtt_weight: float = _at("train", 20.0, "how much more often it draws them", low=1, high=10000)
    dro_step: float = _at("train", 0.01, "step of groupdro's weights of groups", low=0, high=10)

    # The optimisation
    epochs: int = _at("train", 3, "times that faces are drawn, and latents looked at", low=1, high=100000)
    epoch_faces: int = _at("train", 1400, "faces drawn an epoch at most; 0: as many as there are", low=0)
    batch_size: int = _at("train", 32, "images a step, half of them faces", low=4, high=65536)
    learning_rate: float = _at("train", 0.001, "of Adam, at the start of a cosine to 0", low=1e-8, high=10)
    flip: bool = _at("train", True, "mirror half of the images")
    scale: float = _at("train", 0.15, "side of the view drawn from 1 - scale .. 1 + scale", low=0, high=0.5)
    shift: float = _at("train", 0.05, "centre moved by at most this share of the side", low=0, high=0.5)
    photometric: bool = _at("train", False, "vary brightness, contrast, blur, compression (set by the arm)")
    precision: str = _at("train", "float32", "of products in training; scores are always float32", among=PRECISIONS)
    seed: int = _at("train", 0, "seed of weights and draws (set by the study)", low=0, high=2**31 - 1)

    # The study: which detectors, how often, judged at which false positive rate
    arms: str = _at(
        "study", "cnn,vae,dbvae-0.01,shuffled-0.01", "detectors, of facebias.core.arms: cnn, dbvae-ALPHA, ..."
    )
    seeds: int = _at("study", 6, "trainings of each arm", low=1, high=1000)
    fpr: float = _at("study", 0.01, "false positive rate at which groups are compared", low=1e-6, high=0.5)
    primary: str = _at("study", PRIMARY, "the comparison that alone is tested at 5 %, written down before the run")

    # Where and on what; without influence on what is learned but for rounding
    runs_dir: str = _at("runtime", "runs", "folder of the runs")
    data_dir: str = _at("runtime", "data", "folder of the packed files")
    studies_dir: str = _at("runtime", "studies", "folder of the studies: tables, figures, notebook and report")
    device: str = _at("runtime", "auto", "auto takes CUDA, then MPS, then the CPU", among=DEVICES)
    threads: int = _at("runtime", 1, "threads of one training", low=1, high=1024)
    workers: int = _at("runtime", 2, "trainings, or decoding processes, at a time", low=1, high=1024)
    logger: str = _at("runtime", "none", "who else is told of each epoch of a training", among=LOGGERS)

    def __post_init__(self) -> None:
        for spec in fields(self):
            value, kind = getattr(self, spec.name), _kind(spec)
            _check(spec, value)
            # 1 and 1.0 are the same setting and must give the same fingerprint
            object.__setattr__(self, spec.name, kind(value))
        object.__setattr__(self, "audit_sets", self._checked_sets())
        if self.validation_share + self.test_share >= 1:
            mend = "Make validation_share + test_share less than 1"
            raise FacebiasError("CONFIG", "validation_share", "nothing is left for training", mend)
        for name, found in (("arms", self.arm_names), ("audit_sets", self._sets)):
            if not found:
                raise FacebiasError(
                    "CONFIG", name, "names none", f"Name one or more, as {getattr(Config, name)!r} does"
                )
        for arm in self.arm_names:
            parse_arm(arm)
        Primary.parse(self.primary)

    def _checked_sets(self) -> str:
        """The audit sets as they are kept: folders of somebody's own with the hash of what they hold."""
        items = self._sets
        for item in items:
            if item not in AUDIT_SOURCES and not item.startswith(PREFIX):
                what = f"{item!r} is not one of {', '.join(AUDIT_SOURCES)}"
                mend = f"Name some, or {PREFIX}NAME=PATH, separated by commas{_nearest(item, AUDIT_SOURCES)}"
                raise FacebiasError("CONFIG", "audit_sets", what, mend)
        return hashed(self.audit_sets, items, AUDIT_SOURCES)

    # --- making one ---------------------------------------------------------------------------------------
    @classmethod
    def make(cls, **values: Any) -> Self:
        """A configuration from names and values, for example a notebook's parameters.

        Raises:
            FacebiasError: an unknown name (the nearest known one is named) or a wrong value.
        """
        values = {_RENAMED.get(name, name): value for name, value in values.items()}
        known = [spec.name for spec in fields(cls)]
        for name in values:
            if name not in known:
                mend = f"See facebias train --help for all of them{_nearest(name, known)}"
                raise FacebiasError("CONFIG", name, "no such setting", mend)
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
        """Names of the audit sets of the study, in order."""
        return tuple(FolderSet.parse(item).name if item.startswith(PREFIX) else item for item in self._sets)

    @property
    def folder_sets(self) -> dict[str, FolderSet]:
        """Those of them that are folders of somebody's own, by name."""
        own = [FolderSet.parse(item) for item in self._sets if item.startswith(PREFIX)]
        return {one.name: one for one in own}

    @property
    def _sets(self) -> tuple[str, ...]:
        return _split(self.audit_sets)

    @property
    def arm(self) -> str:
        """The name of this configuration's arm, as `arms` would spell it."""
        return arm_of(self.model, self.resampling, self.remedy, self.alpha, self.photometric)

    @property
    def data_key(self) -> str:
        """Name of the packed training data: source and fingerprint of the settings it depends on.

        Where the raw files lie is not part of it: the same photographs on another disk are the same data.
        """
        return f"{self.train_faces}-{fingerprint(self._identifying('data'))}"

    def audit_key(self, name: str) -> str:
        """Name of the packed audit set `name`."""
        own = self.folder_sets.get(name)
        values = {"set": own.identity if own else name, "audit_size": self.audit_size, "data_seed": self.data_seed}
        values |= {} if self.tone == ADDED["tone"] else {"tone": self.tone}
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
        values = self.identity(*stages)
        return {name: value for name, value in values.items() if name not in ADDED or value != ADDED[name]}

    def identity(self, *stages: str) -> dict[str, Any]:
        """What results of these stages depend on, by name: all settings but the places where files lie."""
        values = self.as_dict(*stages)
        values.pop("data_root", None)
        for own in self.folder_sets.values() if "audit_sets" in values else ():
            values["audit_sets"] = values["audit_sets"].replace(own.spelled, own.identity)
        return values

    @property
    def study_folder(self) -> Path:
        """The absolute folder of the study's results, a folder a study."""
        return self.path("studies") / self.study_id

    @property
    def synthetic(self) -> bool:
        """Whether any image of the study is rendered; every figure then says so."""
        return "synthetic" in (self.train_faces, self.negatives, *self.audit_names)

    def path(self, kind: str) -> Path:
        """The absolute folder for `kind`: "runs", "data", "studies" or "data_root", of a URL that of its copy."""
        if kind == "data_root" and "://" in self.data_root:
            return self.path("data") / f"raw-{fingerprint({'data_root': self.data_root.rstrip('/')})}"
        return anchored(getattr(self, kind if kind == "data_root" else f"{kind}_dir"))


def _kind(spec: dataclasses.Field[Any]) -> type[Any]:
    return type(spec.default)


def _check(spec: dataclasses.Field[Any], value: Any) -> None:
    expected = _kind(spec)
    # bool is an int to Python and 1 is a float to the reader: say exactly which are taken
    right = type(value) is expected or (expected is float and type(value) is int)
    if not right:
        raise FacebiasError(
            "CONFIG",
            spec.name,
            f"expected {expected.__name__}, found {type(value).__name__} {value!r}",
            f"Give it like {spec.default!r}",
        )
    if among := spec.metadata["among"]:
        if value not in among:
            raise FacebiasError(
                "CONFIG",
                spec.name,
                f"{value!r} is not one of {', '.join(among)}",
                f"Choose one of them{_nearest(value, among)}",
            )
    elif expected in (int, float):
        low, high = spec.metadata["low"], spec.metadata["high"]
        if not (math.isfinite(value) and low <= value <= high):
            raise FacebiasError("CONFIG", spec.name, f"{value} is outside {low:g} .. {high:g}", "Choose a value inside")


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    found = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {found[0]}?)" if found else ""
