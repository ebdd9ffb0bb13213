"""Images of a packed set that does not fit in memory: a file beside it that the system pages in as rows are asked for.

The packed file is in chunks with checksums, which cannot be mapped. So its images are written once more, plainly, in
blocks of bounded memory, and that file is whole or absent. It costs 12 KiB of disk an image.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import h5py
import numpy as np

from facebias.core.files import atomic_write
from facebias.core.manifest import manifest_path, recorded_sha256, verify, write_manifest
from facebias.core.progress import bar
from facebias.core.records import read_record

SCHEMA = "facebias.pixels/1"
_SHARE = 0.25  # of the machine's memory that the images of one set may take; several processes hold their own
_ROWS = 4096  # images copied at a time: 48 MiB


def images_of(stored: h5py.Dataset, path: Path) -> np.ndarray:
    """The images uint8 (n, size, size, 3) of the packed file `path`: in memory, or mapped where they would fill it.

    Args:
        stored: the file's images.
        path: verified.

    Raises:
        FacebiasError: the mapped file differs from what was written, or there is no room for it.
    """
    if stored.nbytes <= most_in_memory():
        whole: np.ndarray = stored[:]
        return whole
    pixels = path.with_suffix(".pixels")
    if not _holds(pixels, path):
        _write(stored, pixels)
        write_manifest(pixels, SCHEMA, len(stored), recorded_sha256(path))
    # Copy on write: PyTorch takes arrays that may be written to alone, and the file must stay as it is
    return np.memmap(pixels, np.uint8, "c", shape=stored.shape)


def release(images: np.memmap) -> None:
    """Tell the system that this process needs none of these pages now: else they count as its own until it ends."""
    pages = images._mmap  # type: ignore[attr-defined]  # numpy has no other way to its map
    if hasattr(pages, "madvise"):
        pages.madvise(mmap.MADV_DONTNEED)


def most_in_memory() -> int:
    """Bytes of images that are read into memory; more are mapped."""
    return int(_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _holds(pixels: Path, path: Path) -> bool:
    if not manifest_path(pixels).exists():
        return False
    if read_record(manifest_path(pixels), fingerprint=str)["fingerprint"] != recorded_sha256(path):
        return False
    verify(pixels, SCHEMA)
    return True


def _write(stored: h5py.Dataset, pixels: Path) -> None:
    manifest_path(pixels).unlink(missing_ok=True)  # of an earlier file that is about to be replaced
    with atomic_write(pixels) as temporary, temporary.open("wb") as file, bar(total=len(stored), unit="image") as shown:
        for start in range(0, len(stored), _ROWS):
            file.write(stored[start : start + _ROWS].tobytes())
            shown.update(min(_ROWS, len(stored) - start))
