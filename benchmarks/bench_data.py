"""Rows of the bench: packing pictures, and loading batches of what is packed."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import textbook
import torch
from measured import Row
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.v2 import functional as transforms

from facebias.data.pack.workers import decode
from facebias.data.sources.base import Sample
from facebias.detectors.inference import as_input

_SIDE = 64


def noise(rng: np.random.Generator, count: int, side: int, height: int = 0) -> np.ndarray:
    """Smooth pictures uint8 (count, height or side, side, 3): noise would make JPEGs of no usual size."""
    coarse = rng.integers(0, 256, (count, 8, 8, 3), np.uint8)
    size = (side, height or side)
    return np.stack([np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BICUBIC)) for one in coarse])


def jpegs(images: np.ndarray) -> list[bytes]:
    """Each picture as the bytes of a JPEG file."""
    found = []
    for image in images:
        with io.BytesIO() as buffer:
            Image.fromarray(image).save(buffer, "JPEG", quality=90)
            found.append(buffer.getvalue())
    return found


def data_rows(*, tiny: bool, only: str = "") -> Iterator[Row]:
    """All rows whose name holds `only`."""
    rng = np.random.default_rng(0)
    # one after the other: the pictures to be packed are there until the next row is asked for
    rows = chain([_loading(rng, tiny)], _packing(rng, tiny))
    yield from (row for row in rows if only in row.name)


def _loading(rng: np.random.Generator, tiny: bool) -> Row:
    count = 64 if tiny else 1024
    images = noise(rng, count, _SIDE)
    pixels, files, labels = torch.from_numpy(images).permute(0, 3, 1, 2), jpegs(images), np.zeros(count)
    order = np.random.default_rng(0).permutation(count).reshape(-1, 64)

    def ours() -> None:
        """All batches, drawn from the packed pixels."""
        for rows in order:
            as_input(pixels[rows])

    return Row(
        "loading batches",
        "packed pixels, batch 64",
        ours,
        "DataLoader, Pillow, batch 32",
        lambda: textbook.load(files, labels),
        units=count,
        bytes=7.0 * images.size,  # bytes read and gathered, floats written
    )


def _packing(rng: np.random.Generator, tiny: bool) -> Iterator[Row]:
    count = 4 if tiny else 256
    for width, height in ((178, 218), (224, 224)):
        files = jpegs(noise(rng, count, width, height))
        with tempfile.TemporaryDirectory() as folder:
            samples = _samples(Path(folder), files)
            row = {"name": f"packing, {width} x {height}", "mine": "checked, measured, hashed", "units": count}
            ours = lambda samples=samples: decode(samples, _SIDE)  # noqa: E731
            paths = [sample.path for sample in samples]
            yield Row(ours=ours, other="Pillow in a loop", peer=lambda paths=paths: [_pillow(p) for p in paths], **row)
            yield Row(ours=ours, other="torchvision", peer=lambda paths=paths: [_torchvision(p) for p in paths], **row)


def _samples(folder: Path, files: list[bytes]) -> list[Sample]:
    found = []
    for number, content in enumerate(files):
        path = folder / f"{number}.jpg"
        path.write_bytes(content)
        found.append(Sample(path.name, 1, path.name, f"list:{number}", path))
    return found


def _pillow(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        side = min(picture.size)
        cut = transforms.center_crop(picture.convert("RGB"), [side, side])
        return np.asarray(cut.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS))


def _torchvision(path: Path) -> torch.Tensor:
    content = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
    picture = decode_jpeg(content, ImageReadMode.RGB)
    cut = transforms.center_crop(picture, [min(picture.shape[1:])] * 2)
    return transforms.resize(cut, [_SIDE, _SIDE], antialias=True)
