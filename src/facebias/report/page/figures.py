"""The figures of an audit's folder inside the page: small enough, with a caption, and an alt text from the numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from facebias.core.words import DATASET_NAMES, dataset_name
from facebias.report.page import alt_texts as seen
from facebias.report.page.folder import read_numbers

_LARGE, _WIDTH = 200_000, 1200  # bytes of a PNG above which it is shown smaller; px
_CSV = 100_000  # bytes of a CSV that rides in the page; larger ones lie beside it


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it.

    Attributes:
        name: of the file, without suffix.
        caption: what is drawn, and how to read it.
        alt: what is seen, in words.
        source: data URI.
        width, height: pixels.
        csv: data URI of the numbers behind it; "" where there are none or they are too many to carry.
    """

    name: str
    caption: str
    alt: str
    source: str
    width: int
    height: int
    csv: str


def gather(files: Mapping[str, Path], *, saliency: bool) -> list[tuple[str, list[Picture]]]:
    """Figures among an audit's files by kind, titles first: those of FullGrad, or all others."""
    drawn = [file for file in files.values() if file.suffix == ".png" and file.stem.startswith("saliency") == saliency]
    found = [(kind.title, [_picture(file, kind) for file in drawn if _kind(file.stem) == kind]) for kind in _KINDS]
    return [(title, pictures) for title, pictures in found if pictures]


def _picture(file: Path, kind: Kind) -> Picture:
    numbers, subject = file.with_suffix(".csv"), _subject(file.stem, kind)
    told = kind.tell(read_numbers(numbers)) if kind.tell and numbers.exists() else ""
    data, size = _encoded(file)
    small = numbers.exists() and numbers.stat().st_size <= _CSV
    caption = f"{subject}. {kind.caption}" if subject else kind.caption
    return Picture(
        file.stem,
        caption,
        " ".join(part for part in (f"{kind.title}.", f"{subject}." * bool(subject), told) if part),
        data_uri(data, "image/webp"),
        *size,
        data_uri(numbers.read_bytes(), "text/csv") if small else "",
    )


def downloads(files: Mapping[str, Path]) -> list[tuple[str, str, str]]:
    """The audit's own tables as name, size in words, and data URI ("" where too large to carry)."""
    pictured = {file.stem for file in files.values() if file.suffix == ".png"}
    told = [file for file in files.values() if file.suffix in (".csv", ".json") and file.stem not in pictured]
    return [
        (
            file.name,
            f"{file.stat().st_size / 1000:,.0f} kB",
            data_uri(file.read_bytes(), f"text/{file.suffix[1:]}") if file.stat().st_size <= _CSV else "",
        )
        for file in told
    ]


def data_uri(data: bytes, kind: str) -> str:
    """Bytes as an address that needs no request."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _encoded(file: Path) -> tuple[bytes, tuple[int, int]]:
    """A PNG as WebP: without loss where it is small, else at most _WIDTH wide; the PNG stays beside the page."""
    with Image.open(file) as opened:
        image = opened.convert("RGB")
    options: dict[str, object] = {"lossless": True, "method": 2}
    if file.stat().st_size > _LARGE:
        options = {"quality": 75, "method": 4}
        if image.width > _WIDTH:
            image = image.resize((_WIDTH, round(image.height * _WIDTH / image.width)), Image.Resampling.LANCZOS)
    with io.BytesIO() as packed:
        image.save(packed, "WEBP", **options)
        return packed.getvalue(), image.size


@dataclass(frozen=True)
class Kind:
    """Figures of one kind: how their files' names begin, what they are called, how to read them, what is seen."""

    prefix: str
    title: str
    caption: str
    tell: Callable[[pd.DataFrame], str] | None = None


_KINDS = (
    Kind(
        "recall-by-source",
        "Recall before any group",
        "Held-out faces of the training source, and each audit set: a difference between them is domain shift.",
        seen.sources,
    ),
    Kind("arms", "All detectors", "Recall of all faces, worst group and gap of every detector, with intervals."),
    Kind(
        "group-recall",
        "Recall of groups",
        "A dot for each group and detector, a line for its 95 % interval over seeds and images. Grey: under 30 faces.",
        seen.groups,
    ),
    Kind("heatmap", "Recall of groups as a table", "Recall as colour and number in every cell, with n.", seen.groups),
    Kind("slope", "From the baseline to the DB-VAE", "A line for each group.", seen.groups),
    Kind(
        "recall-by-ita",
        "Recall against measured skin tone",
        "Without classes, which hide differences; light skin is on the right.",
        seen.tones,
    ),
    Kind(
        "trade-off",
        "Recall against false positives",
        "Recall of each group as more false positives are allowed.",
        seen.trade_off,
    ),
    Kind("who", "Who is in the data", "Shares of each level.", seen.who),
    Kind("mean-faces", "Mean faces of the training split", "Means over many faces; no single face is shown."),
    Kind("faces", "Rendered training faces", ""),
    Kind("negatives", "Rendered non-faces", ""),
    Kind("shift", "Domain shift told apart from bias", "Recall as framing, light and blur of the same faces change."),
    Kind("tone", "Measured skin tone", "How well skin tone is measured, and beside the labels of race."),
    Kind(
        "sampling",
        "What resampling draws",
        "How much more often than it occurs each group is drawn, over epochs; "
        "1 is uniform sampling. Band: 95 % t interval over seeds, three or more.",
        seen.sampling,
    ),
    Kind("mechanism", "Whom resampling prefers", "Which training faces are drawn more, and whether that matters."),
    Kind("likely-faces", "Least and most drawn faces", "Means of training faces by probability in the last epoch."),
    Kind("training", "Training", "Losses and validation recall of every training.", seen.training),
    Kind("traversal", "Latents", "What changes along the latents that vary most."),
    Kind("reconstructions", "Reconstructions", "Rendered faces, and what the decoder makes of their latents."),
    Kind("", "Further figures", ""),  # kinds that this list does not know yet, under their own names
    Kind("saliency-means", "Mean maps", "FullGrad of each group on one scale, with n; contours are of the mean face."),
    Kind(
        "saliency-differences",
        "Differences between groups",
        "FullGrad of each group less that of all others, with permutation p-values.",
        seen.moved,
    ),
    Kind("saliency-regions", "Regions of the face", "Share of saliency in each region, by group."),
    Kind("saliency", "Further maps", ""),
)


def _kind(stem: str) -> Kind:
    """The kind whose prefix is the longest that the name begins with."""
    return max(
        (kind for kind in _KINDS if not kind.prefix or f"{stem}-".startswith(f"{kind.prefix}-")),
        key=lambda kind: len(kind.prefix),
    )


def _subject(stem: str, kind: Kind) -> str:
    """What a figure is of, from its name: "FairFace, race x gender"."""
    first, _, rest = stem.removeprefix(kind.prefix).strip("-").partition("-")
    parts = (dataset_name(first), " ".join(map(dataset_name, rest.split("-"))))
    return (", " if first in DATASET_NAMES else " ").join(part for part in parts if part)
