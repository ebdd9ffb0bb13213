"""Where images come from, one file a raw source; each yields samples to decode or blocks of pixels.

`training_faces`, `training_negatives` and `audit_faces` open the source that a configuration names.
"""

from __future__ import annotations

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.data.sources.base import Source


def training_faces(config: Config) -> Source:
    """The faces that detectors are trained and validated on.

    Raises:
        FacebiasError: rendered faces without a number (`train_size` 0).
    """
    # Each source is imported where it is opened: rendering and reading pull in different libraries
    root = config.path("data_root")
    match config.train_faces:
        case "synthetic":
            from facebias.data.sources.rendered import Rendered

            return Rendered(
                "faces",
                _number(config, "train_size"),
                config.data_seed,
                dark_share=config.dark_share,
                women_share=config.women_share,
            )
        case "celeba":
            from facebias.data.sources.celeba import CelebA

            return CelebA(root / "celeba")
        case "lab":
            from facebias.data.sources.lab_h5 import LabFile

            return LabFile(root / "lab" / "train_face.h5", label=1)
    return audit_faces(config, config.train_faces)


def training_negatives(config: Config) -> Source:
    """The non-faces that detectors are trained, thresholds fixed and false positive rates measured on."""
    root = config.path("data_root")
    match config.negatives:
        case "synthetic":
            from facebias.data.sources.rendered import Rendered

            return Rendered("negatives", _number(config, "negative_size"), config.data_seed)
        case "lab":
            from facebias.data.sources.lab_h5 import LabFile

            return LabFile(root / "lab" / "train_face.h5", label=0)
    from facebias.data.sources.negatives import Folder

    return Folder(root / "nonfaces", config.crops_per_picture, config.data_seed)


def audit_faces(config: Config, name: str) -> Source:
    """The faces of an audit set; rendered ones are balanced over skin and gender and share no seed with training.

    Raises:
        FacebiasError: rendered faces without a number (`audit_size` 0).
    """
    if name in config.folder_sets:
        from facebias.data.sources.user_folder import UserFolder

        return UserFolder(config.folder_sets[name])
    folder = config.path("data_root") / name
    match name:
        case "synthetic":
            from facebias.data.sources.rendered import Rendered

            return Rendered("faces", _number(config, "audit_size"), config.data_seed, purpose="audit")
        case "fairface":
            from facebias.data.sources.fairface import FairFace

            return FairFace(folder)
        case "utkface":
            from facebias.data.sources.utkface import UTKFace

            return UTKFace(folder)
        case "ppb":
            from facebias.data.sources.ppb import PPB

            return PPB(folder)
    raise FacebiasError("CONFIG", "audit_sets", f"{name!r} is no audit set", "Use synthetic, fairface, utkface or ppb")


def _number(config: Config, name: str) -> int:
    if number := getattr(config, name):
        return number
    raise FacebiasError(
        "CONFIG", name, "0 means all, and rendered images have no end", "Give a number, for example 8000"
    )
