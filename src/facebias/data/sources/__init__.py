"""Where images come from, one file a raw source; each yields samples to decode or blocks of pixels.

`training_faces`, `training_negatives` and `audit_faces` open the source that a configuration names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.data.remote import raw_folder
from facebias.data.sources.base import Source

if TYPE_CHECKING:
    from facebias.data.sources.negatives import Folder


def training_faces(config: Config) -> Source:
    """The faces that detectors are trained and validated on.

    Raises:
        FacebiasError: rendered faces without a number (`train_size` 0).
    """
    # Each source is imported where it is opened: rendering and reading pull in different libraries
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

            return CelebA(raw_folder(config, "celeba"))
        case "lab":
            from facebias.data.sources.lab_h5 import LabFile

            return LabFile(raw_folder(config, "lab") / "train_face.h5", label=1)
    return audit_faces(config, config.train_faces)


def training_negatives(config: Config) -> Source:
    """The non-faces that detectors are trained, thresholds fixed and false positive rates measured on."""
    match config.negatives:
        case "synthetic":
            from facebias.data.sources.rendered import Rendered

            number = _number(config, "negative_size")
            return Rendered("negatives", number, config.data_seed, hard_share=config.hard_share)
        case "lab":
            from facebias.data.sources.lab_h5 import LabFile

            return LabFile(raw_folder(config, "lab") / "train_face.h5", label=0)
    return _pictures(config)


def _pictures(config: Config) -> Folder:
    from facebias.data.sources.negatives import Folder

    return Folder(raw_folder(config, "nonfaces"), config.crops_per_picture, config.data_seed)


def plain_negatives(config: Config) -> int:
    """How many negatives at most are packed of `training_negatives`; 0 for all."""
    if config.negatives != "folder":
        return config.negative_size
    return round(config.negative_size * (1 - config.hard_share))


def further_negatives(config: Config) -> Source | None:
    """Hard negatives packed beside the plain ones; None where there are none, or the renderer makes them.

    Raises:
        FacebiasError: hard negatives are asked for beside the lab's file, which has crops and no pictures.
    """
    if not config.hard_share or config.negatives == "synthetic":
        return None
    if config.negatives == "lab":
        mend = "Set hard_share 0, or negatives folder"
        raise FacebiasError("CONFIG", "hard_share", "the lab's file has no pictures to cut hard negatives from", mend)
    from facebias.data.sources.hard_negatives import HardNegatives

    cap = plain_negatives(config)
    return HardNegatives(training_faces(config), _pictures(config), cap, config.hard_share, config.data_seed)


def audit_faces(config: Config, name: str) -> Source:
    """The faces of an audit set; rendered ones are balanced over skin and gender and share no seed with training.

    Raises:
        FacebiasError: rendered faces without a number (`audit_size` 0).
    """
    if name in config.folder_sets:
        from facebias.data.sources.user_folder import UserFolder

        return UserFolder(config.folder_sets[name])
    match name:
        case "synthetic":
            from facebias.data.sources.rendered import Rendered

            return Rendered("faces", _number(config, "audit_size"), config.data_seed, purpose="audit")
        case "fairface":
            from facebias.data.sources.fairface import FairFace

            return FairFace(raw_folder(config, name))
        case "utkface":
            from facebias.data.sources.utkface import UTKFace

            return UTKFace(raw_folder(config, name))
        case "ppb":
            from facebias.data.sources.ppb import PPB

            return PPB(raw_folder(config, name))
    raise FacebiasError("CONFIG", "audit_sets", f"{name!r} is no audit set", "Use synthetic, fairface, utkface or ppb")


def _number(config: Config, name: str) -> int:
    if number := getattr(config, name):
        return number
    raise FacebiasError(
        "CONFIG", name, "0 means all, and rendered images have no end", "Give a number, for example 8000"
    )
