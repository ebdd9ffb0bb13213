"""The data sets that are known by name, as whole pictures with the place of each face.

Where the face is follows from how each set was made. In the tight framing of packed faces (`facebias.core.words.TIGHT`)
a chip has a quarter of the face's side round it, so the face is the middle 1 / 1.5 of the tight square: in FairFace's
padding 1.25 the middle 1 / 3.5 of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from facebias.analyses.pictures.scan import RENDERED
from facebias.analyses.whole_pictures.own_set import own_set
from facebias.analyses.whole_pictures.sets import EDGES, PictureSet, face_free, read_pictures
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.folder_sets import LABELS
from facebias.core.words import IMAGE_SIZE
from facebias.data.archive import Place
from facebias.data.pack.selection import select, taken
from facebias.data.pack.workers import batches, decode
from facebias.data.pixels import box_of
from facebias.data.remote import raw_folder
from facebias.data.rendering.pictures import render_pictures, render_scenes
from facebias.data.sources.base import Box, Sample, Source
from facebias.data.sources.celeba import CelebA, attributes_of
from facebias.data.sources.fairface import FairFace
from facebias.data.sources.ppb import PPB
from facebias.data.sources.utkface import UTKFace

SETS = ("rendered", "fairface-1.25", "celeba", "utkface", "ppb")
SCENES = 400  # rendered pictures without faces: 1 % of a half is two
TIGHT_SIDES = 1.5  # sides of the face in a side of the tight square
_MEASURED = ("skin_tone", "ita", "race", "gender", "age")
_ATTRIBUTES = {"Young": ("not young", "young"), "Pale_Skin": ("not pale", "pale")}
_TRUTH = {
    "fairface": "the middle 1 / 3.5 of the side, by construction",
    "celeba": "by the alignment of the eyes",
    "utkface": "the middle 1 / 1.5 of the side, by construction (pictures cut tight: few detectors are made for them)",
    "ppb": "given boxes",
}


def known_set(config: Config, name: str) -> PictureSet:
    """One of SETS, `config.audit_size` faces of it at most, with the measured skin tone of each face.

    Raises:
        FacebiasError: an unknown name, no such data, PPB without boxes (detections of the audited would select), or a
            picture that cannot be read.
    """
    if name == "rendered":
        return _rendered(config)
    source = _source(config, name)
    part = select(source, config.audit_size, config.data_seed)
    samples = [sample for sample in taken(part) if isinstance(sample, Sample)]
    tables = [table for batch in batches(samples) for table in _decoded(batch)]
    found = read_pictures([Place(sample.path, sample.member) for sample in samples], source.name)
    faces = pd.concat(tables, ignore_index=True)[["image_id", *_MEASURED]].assign(picture=range(len(samples)))
    edges = []
    for sample, picture in zip(samples, found, strict=True):
        tight = box_of(sample.crop, picture.width, picture.height)
        edge, side = (1 - 1 / TIGHT_SIDES) / 2 * tight.side, tight.side / TIGHT_SIDES
        edges.append((tight.left + edge, tight.top + edge, tight.left + edge + side, tight.top + edge + side))
    faces[list(EDGES)] = edges
    if source.name == "celeba":
        faces = faces.assign(**_attributes(config, faces["image_id"]))
    return PictureSet(source.name, found, faces, _TRUTH[source.name])


def _rendered(config: Config) -> PictureSet:
    """Rendered heads somewhere in rendered scenes, written where they are not there yet; skin tone as measured."""
    folder = config.path("data") / f"pictures-{config.data_seed}-{RENDERED}"
    if not (folder / LABELS).exists():
        render_pictures(folder, RENDERED, config.data_seed)
    found = own_set(folder, folder / LABELS, name="synthetic")
    boxes = [Box(row.x1, row.y1, row.x2 - row.x1) for row in found.faces.itertuples()]
    samples = [
        Sample(name, 1, name, name, found.pictures[row].place.path, crop=box)
        for name, row, box in zip(found.faces["image_id"], found.faces["picture"], boxes, strict=True)
    ]
    measured = pd.concat([table for batch in batches(samples) for table in _decoded(batch)], ignore_index=True)
    return replace(found, faces=found.faces.assign(skin_tone=measured["skin_tone"], ita=measured["ita"]))


def known_negatives(config: Config, name: str) -> PictureSet:
    """Pictures without faces that go with one of SETS: rendered scenes with rendered heads, else those of nonfaces/.

    Raises:
        FacebiasError: none is there.
    """
    if name != "rendered":
        return face_free(raw_folder(config, "nonfaces"))
    folder = config.path("data") / f"scenes-{config.data_seed}-{SCENES}"
    if not folder.is_dir():
        render_scenes(folder, SCENES, config.data_seed)
    return face_free(folder)


def _source(config: Config, name: str) -> Source:
    match name:
        case "fairface-1.25":
            return FairFace(raw_folder(config, "fairface"), padding=1.25)
        case "celeba":
            return CelebA(raw_folder(config, "celeba"))
        case "utkface":
            return UTKFace(raw_folder(config, "utkface"))
        case "ppb":
            source = PPB(raw_folder(config, "ppb"))
            if not source.given:
                raise FacebiasError(
                    "PICTURES",
                    raw_folder(config, "ppb"),
                    "no boxes.csv says where the faces are",
                    "Add it, or audit imgs/ as a folder of your own with --faces central",
                )
            return source
    raise FacebiasError("PICTURES", name, "no such data set", f"Use {', '.join(SETS)}, or a folder with --labels")


def _decoded(batch: object) -> Iterator[pd.DataFrame]:
    assert isinstance(batch, list)
    found = decode(batch, IMAGE_SIZE)
    if found.rejects:
        first = found.rejects[0]
        raise FacebiasError(first.code, first.where, first.reason, "Mend the picture, or remove its row")
    yield found.block.table


def _attributes(config: Config, names: pd.Series) -> dict[str, list[str]]:
    table = {
        row.values["0"]: values for row, values in attributes_of(raw_folder(config, "celeba") / "list_attr_celeba.txt")
    }
    return {name.lower(): [words[table[file][name] == "1"] for file in names] for name, words in _ATTRIBUTES.items()}
