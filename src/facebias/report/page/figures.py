"""The figures of an audit inside the page: those that tell most, small enough, with a caption and an alt text."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from facebias.report.page.folder import read_numbers
from facebias.report.page.headline import HeadlineSubject
from facebias.report.page.kinds import KINDS, Kind, is_of, subject_of

ROOM = 1_150_000  # bytes of the page for all its figures
_LARGE, _WIDTH = 45_000, 1000  # bytes above which a figure loses detail; px across that it keeps then
_INCH = 96  # px of the page: a figure is as large as it was drawn, and so is its text
_TELLING = {"raw", "gaps"}  # beside the headline's own words: maps as they are, and what a shift does to gaps


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it.

    Attributes:
        name: of the file, without suffix.
        caption: what is drawn, and how to read it.
        alt: what is seen, in words.
        source: data URI.
        width, height: px on the page.
        files: what lies beside the page: the figure in full size, and the numbers behind it.
        printed: whether it is on paper too.
    """

    name: str
    caption: str
    alt: str
    source: str
    width: int
    height: int
    files: str
    printed: bool


@dataclass(frozen=True)
class Group:
    """The figures of one kind: its title, those shown, and the file names of the others."""

    title: str
    saliency: bool
    pictures: list[Picture]
    others: list[str]


def gather(files: Mapping[str, Path], about: HeadlineSubject, room: int = ROOM) -> list[Group]:
    """The figures among an audit's files, by kind: those that tell most shown, the others by name.

    First comes the figure of each kind that is nearest to the headline, then the second of each, until the room is
    full.

    Args:
        files: an audit's files by name.
        about: the headline.
        room: bytes of the page for all of them.
    """
    kinds = {kind: _nearest([file for file in files.values() if is_of(file, kind)], about) for kind in KINDS}
    waiting = sorted((place, number) for number, found in enumerate(kinds.values()) for place in range(len(found)))
    shown: dict[Path, Picture] = {}
    for place, number in waiting:
        kind = KINDS[number]
        picture = _picture(kinds[kind][place], kind, files, printed=kind.printed and place == 0)
        if len(picture.source) <= room:
            room -= len(picture.source)
            shown[kinds[kind][place]] = picture
    return [
        Group(
            kind.title,
            kind.prefix.startswith("saliency"),
            [shown[file] for file in found if file in shown],
            [file.name for file in found if file not in shown],
        )
        for kind, found in kinds.items()
        if found
    ]


def _nearest(found: list[Path], about: HeadlineSubject) -> list[Path]:
    """Figures of a kind, those of the headline's data set and groups first, by the words of their names."""
    wanted = {about.dataset, *about.grouping.split(), *about.arms} | _TELLING

    def far(file: Path) -> tuple[int, int, str]:
        """Words that are missing, words too many, and the name."""
        words = set(file.stem.split("-"))
        return -len(words & wanted), len(words - wanted), file.name

    return sorted(found, key=far)


def _picture(file: Path, kind: Kind, files: Mapping[str, Path], printed: bool) -> Picture:
    numbers, subject = files.get(f"{file.stem}.csv"), subject_of(file.stem, kind)
    told = kind.tell(read_numbers(numbers)) if kind.tell and numbers else ""
    data, width, height = _encoded(file)
    return Picture(
        file.stem,
        f"{subject}. {kind.caption}" if subject else kind.caption,
        " ".join(part for part in (f"{kind.title}.", f"{subject}." * bool(subject), told) if part),
        f"data:image/webp;base64,{base64.b64encode(data).decode()}",
        width,
        height,
        f"{file.name}{', .csv' * bool(numbers)}",
        printed,
    )


def beside(files: Mapping[str, Path]) -> list[tuple[str, str]]:
    """The audit's tables that are behind no figure: name, and size in words."""
    pictured = {file.stem for file in files.values() if file.suffix == ".png"}
    told = [file for file in files.values() if file.suffix in (".csv", ".json") and file.stem not in pictured]
    return [(file.name, f"{file.stat().st_size / 1000:,.0f} kB") for file in told]


def _encoded(file: Path) -> tuple[bytes, int, int]:
    """A PNG as WebP, and its size on the page: without loss where that is small, else narrower and with some."""
    with Image.open(file) as opened:
        dots, image = opened.info.get("dpi", (_INCH, _INCH))[0], opened.convert("RGB")
    width, height = (round(side * _INCH / dots) for side in image.size)
    packed = _webp(image, lossless=True, method=4)
    if len(packed) > _LARGE:
        if image.width > _WIDTH:
            image = image.resize((_WIDTH, round(image.height * _WIDTH / image.width)), Image.Resampling.LANCZOS)
        packed = min(packed, _webp(image, quality=55, method=5), key=len)
    return packed, width, height


def _webp(image: Image.Image, **options: object) -> bytes:
    with io.BytesIO() as written:
        image.save(written, "WEBP", **options)
        return written.getvalue()
