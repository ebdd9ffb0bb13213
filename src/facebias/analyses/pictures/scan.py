"""Whole pictures searched by several window protocols, for every run of a study: one row a run, protocol and picture.

The place of each face is known: by construction in FairFace padding 1.25, from a box in PPB. A window that shares half
of its area with the face (IoU 0.5) finds it. One that shares less than a tenth is background, which gives false
positives the group of the person in the picture.

FairFace's faces lie exactly in the middle, where every grid of windows has one too: a coarse grid then looks far better
than it is. Each of its pictures is therefore cut to a square view at a seeded place, with the whole face in it. This
was decided after a trial on FairFace's own pictures had shown it, not before the data were seen, and how far views
reach (`VIEW`) is a choice: by how many points protocols differ is a finding about such views. PPB's portraits, whose
faces lie where they lie, are searched whole.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from facebias.analyses.pictures.detect import Scorer, score_windows, scorer
from facebias.core.boxes import ious
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.folder_sets import LABELS, PREFIX, FolderSet
from facebias.core.manifest import fingerprint
from facebias.core.progress import bar
from facebias.core.words import IMAGE_SIZE
from facebias.data.archive import Place, read_bytes
from facebias.data.pack.selection import select, taken
from facebias.data.pack.workers import decode
from facebias.data.pixels import box_of, read_rgb
from facebias.data.remote import raw_folder
from facebias.data.rendering.pictures import render_pictures
from facebias.data.sources.base import Box, Sample, Source
from facebias.data.sources.fairface import FairFace
from facebias.data.sources.ppb import PPB
from facebias.data.sources.user_folder import UserFolder
from facebias.detectors.windows import Scan, boxes_of
from facebias.training.run import Run

SCHEMA = "facebias.window_scores/2"
SETS = ("fairface", "ppb", "synthetic")  # audit sets of which whole pictures are published, or can be rendered
RENDERED = 180  # rendered pictures: thirty a skin tone, and a search takes minutes
FACE, BACKGROUND = 0.5, 0.1  # IoU with the face: from the first a window finds it, under the second it is background
VIEW = 0.7  # of the shorter side at least, of a view of a picture whose face is centred
NEVER = float(np.finfo(np.float32).min)  # the score where a picture has no such window: no threshold is that low
_DEMOGRAPHICS = ("image_id", "skin_tone", "ita", "race", "gender", "age")


@dataclass(frozen=True)
class Pictures:
    """The whole pictures of an audit set.

    Attributes:
        name: of the set.
        samples: where each picture lies, and its face as a crop.
        table: demographics, one row a picture.
        faces: uint8 (N, 64, 64, 3), each face in its own box.
        key: fingerprint of the pictures' bytes and boxes, and of how views are drawn.
        seed: of the views; None where pictures are searched whole.
    """

    name: str
    samples: tuple[Sample, ...]
    table: pd.DataFrame
    faces: np.ndarray
    key: str
    seed: int | None = None


def whole_pictures(config: Config, name: str) -> Pictures:
    """Read an audit set as whole pictures; skin tone is measured on the face as for packed sets.

    Raises:
        FacebiasError: a set without whole pictures, faults of its source, or a picture that cannot be read.
    """
    source = _source(config, name)
    part = select(source, config.audit_size, config.data_seed)
    samples = tuple(sample for sample in taken(part) if isinstance(sample, Sample))
    found = decode(list(samples), IMAGE_SIZE)
    if found.rejects:
        first = found.rejects[0]
        raise FacebiasError(
            first.code,
            first.where,
            f"{first.reason} ({len(found.rejects)} such)",
            "Mend the picture, or remove its row",
        )
    boxes = [(file.hex(), repr(sample.crop)) for (file, _), sample in zip(found.files, samples, strict=True)]
    seed = config.data_seed if name == "fairface" else None
    digest = hashlib.sha256(repr((boxes, seed, VIEW)).encode()).hexdigest()
    return Pictures(name, samples, found.block.table, found.block.images, digest, seed)


def has_pictures(config: Config, name: str) -> bool:
    """Whether whole pictures of an audit set can be searched; a folder of somebody's own tells where its faces are."""
    return name in SETS or name in config.folder_sets


def _source(config: Config, name: str) -> Source:
    if name in config.folder_sets:
        return UserFolder(config.folder_sets[name])
    if name == "synthetic":
        return _rendered(config)
    if name == "fairface":
        return FairFace(raw_folder(config, name), padding=1.25)
    if name == "ppb":
        return PPB(raw_folder(config, name))
    raise FacebiasError(
        "PICTURES", name, "its faces are published as crops alone", f"Name one of {', '.join(SETS)} in audit_sets"
    )


def _rendered(config: Config) -> UserFolder:
    """Whole pictures of rendered faces, written beside the packed files where they are not there yet."""
    folder = config.path("data") / f"pictures-{config.data_seed}-{RENDERED}"
    if not (folder / LABELS).exists():
        render_pictures(folder, RENDERED, config.data_seed)
    return UserFolder(FolderSet.parse(f"{PREFIX}rendered={folder}"))


def scan_runs(runs: Sequence[Run], pictures: Pictures, scans: Mapping[str, Scan], device: str = "auto") -> pd.DataFrame:
    """Search every picture with every run by every protocol; what was found before is read, not repeated.

    Windows that several protocols share are scored once. Each run's scores are kept in its folder, a file a protocol.

    Args:
        runs: finished runs.
        pictures: of one set.
        scans: protocols by name.
        device: where networks run.

    Returns:
        One row a run, protocol and picture: run_id, model, seed, dataset, protocol, image_id, skin_tone, ita, race,
        gender, age, `given` (logit of the face in its own box), `found` (best window at the face), `any` (best of all
        windows), `background` (best of the background), `clear` (logits of all background windows), `windows`.

    Raises:
        FacebiasError: an incomplete run, or a protocol none of whose windows fit a picture.
    """
    todo = [
        run
        for run in runs
        if not all(run.holds(_file(pictures, scan), _key(run, pictures, scan)) for scan in scans.values())
    ]
    if todo:
        rows = _search(pictures, scans, {run.id: scorer(run.model(device)) for run in todo})
        for run in todo:
            for name, scan in scans.items():
                run.write_parquet(
                    _file(pictures, scan), pd.DataFrame(rows[run.id, name]), SCHEMA, _key(run, pictures, scan)
                )
    parts = []
    for run in runs:
        config = run.config
        for name, scan in scans.items():
            parts.append(
                pd.read_parquet(run.path / _file(pictures, scan))
                .join(pictures.table[list(_DEMOGRAPHICS)])
                .assign(run_id=run.id, model=config.arm, seed=config.seed, dataset=pictures.name, protocol=name)
            )
    return pd.concat(parts, ignore_index=True)


def _file(pictures: Pictures, scan: Scan) -> str:
    return f"windows-{pictures.name}-{fingerprint({'scan': str(scan), 'top': scan.top})}.parquet"


def _key(run: Run, pictures: Pictures, scan: Scan) -> str:
    return fingerprint({"schema": SCHEMA, "run": run.id, "pictures": pictures.key, "scan": str(scan), "top": scan.top})


def _search(
    pictures: Pictures, scans: Mapping[str, Scan], scorers: Mapping[str, Scorer]
) -> dict[tuple[str, str], list[dict[str, object]]]:
    rows: dict[tuple[str, str], list[dict[str, object]]] = {(run, name): [] for run in scorers for name in scans}
    given = {run: score(pictures.faces) for run, score in scorers.items()}
    with bar(total=len(pictures.samples), desc=f"windows of {pictures.name}", unit="picture") as progress:
        for number, sample in enumerate(pictures.samples):
            image, face = view(sample, pictures.seed)
            places, members = union(scan.places(*image.size) for scan in scans.values())
            overlap = overlaps(boxes_of(places, *image.size), face)
            scores = score_windows(image, places, list(scorers.values()))
            for run, mine in zip(scorers, scores, strict=True):
                for (name, scan), inside in zip(scans.items(), members, strict=True):
                    rows[run, name].append(
                        {"given": given[run][number], **reduce(mine[inside], overlap[inside], scan.top)}
                    )
            progress.update(1)
    return rows


def union(grids: Iterable[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """All windows of several protocols, each once, and the rows of each protocol among them."""
    grids = list(grids)
    places, which = np.unique(np.concatenate(grids), axis=0, return_inverse=True)
    return places, np.split(which.ravel(), np.cumsum([len(grid) for grid in grids])[:-1])


def view(sample: Sample, seed: int | None) -> tuple[Image.Image, Box]:
    """What is searched of a picture, and the face's box in it.

    Args:
        sample: the picture and its face.
        seed: of the view, a square of VIEW to 1 of the shorter side that holds the face's box; None for the whole.
    """
    image = read_rgb(read_bytes(Place(sample.path, sample.member)), sample.where)
    face = box_of(sample.crop, *image.size)
    if seed is None:
        return image, face
    rng = np.random.default_rng([seed, zlib.crc32(sample.image_id.encode())])
    side = max(round(rng.uniform(VIEW, 1) * min(image.size)), int(np.ceil(face.side)))
    left, top = (
        _start(rng, at, face.side, side, length) for at, length in zip((face.left, face.top), image.size, strict=True)
    )
    return image.crop((left, top, left + side, top + side)), Box(face.left - left, face.top - top, face.side)


def _start(rng: np.random.Generator, at: float, face: float, side: int, length: int) -> int:
    low, high = max(0, int(np.ceil(at + face - side))), min(int(at), length - side)
    return int(rng.integers(low, high + 1))


def overlaps(boxes: np.ndarray, face: Box) -> np.ndarray:
    """IoU (n,) of windows (n, 4) with a face."""
    return ious(boxes, np.array([face.left, face.top, face.left + face.side, face.top + face.side], dtype=float))


def reduce(scores: np.ndarray, overlap: np.ndarray, top: int) -> dict[str, object]:
    """One picture's windows as `found`, `any`, `background`, `clear` and `windows` (see `scan_runs`)."""
    clear = scores[overlap < BACKGROUND]
    return {
        "found": highest(scores[overlap >= FACE], top),
        "any": highest(scores, top),
        "background": highest(clear, top),
        "clear": clear,
        "windows": len(scores),
    }


def highest(scores: np.ndarray, top: int) -> float:
    """Mean of the `top` highest scores, of all where there are fewer; NEVER where there are none."""
    return float(np.sort(scores)[-top:].mean()) if len(scores) else NEVER
