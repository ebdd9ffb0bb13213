"""FullGrad of one run over one audit set, on disk: maps, signed sums and logits, one row a face. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import h5py
import numpy as np

from facebias.core.errors import FacebiasError
from facebias.core.files import atomic_write
from facebias.core.manifest import verify, write_manifest

SALIENCY_SCHEMA = "facebias.saliency/1"
KINDS = ("rescaled", "raw")
CELLS = 256  # of the image's area to which raw maps refer: a cell of 4 x 4 pixels in an image of 64 x 64
_ARRAYS = ("rescaled", "raw", "terms", "output")


@dataclass(frozen=True)
class SaliencyMaps:
    """Maps of N faces and the terms that they were drawn from.

    Attributes:
        image_id: (N,) names of the faces, in the order of the packed file.
        output: (N,) float32, the face logit f.
        terms: (N, T) float64, signed sums of the input term and of each bias term, in logits; they add up to f.
        names: the T terms' names, "input" first, then in order of execution.
        spatial: (T,) bool, whether a term is laid out like the image; these alone are in the maps.
        rescaled: (N, side, side) float16, FullGrad's map: every layer rescaled to 0..1 for each image, then summed.
        raw: (N, side, side) float16, not rescaled: |contributions| in logits per 1/256 of the image, so that the mean
            over pixels times 256 is the sum of all |contributions|. Contributions cancel: that sum is far above |f|.
    """

    image_id: np.ndarray
    output: np.ndarray
    terms: np.ndarray
    names: tuple[str, ...]
    spatial: np.ndarray
    rescaled: np.ndarray
    raw: np.ndarray

    @property
    def non_spatial_share(self) -> np.ndarray:
        """(N,) what no map can show: |sum of the terms that are not spatial| / |f|. May exceed 1."""
        return np.abs(self.terms[:, ~self.spatial].sum(axis=1)) / np.abs(self.output)

    def write(self, path: Path, key: str) -> None:
        """Write HDF5 and its manifest atomically; `key` is the fingerprint of what it was computed from.

        Raises:
            FacebiasError: a map holds values that float16 cannot, or the folder cannot be written to.
        """
        for kind in KINDS:
            if not np.isfinite(getattr(self, kind)).all():
                raise FacebiasError(
                    "SALIENCY",
                    path,
                    f"the {kind} maps hold values that are not finite in float16",
                    "Look for logits of thousands: the network may have diverged",
                )
        with atomic_write(path) as temporary, h5py.File(temporary, "w") as file:
            for name in _ARRAYS:
                values = getattr(self, name)
                packed = {"compression": "lzf", "shuffle": True} if values.ndim == 3 else {}
                file.create_dataset(name, data=values, track_times=False, **packed)
            file.create_dataset("image_id", data=list(self.image_id), dtype=h5py.string_dtype(), track_times=False)
            file.attrs["names"], file.attrs["spatial"] = list(self.names), self.spatial
        write_manifest(path, SALIENCY_SCHEMA, len(self.output), key)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote, after its SHA-256 and schema are checked.

        Raises:
            FacebiasError: missing, changed, or of another schema.
        """
        verify(path, SALIENCY_SCHEMA)
        with h5py.File(path, "r") as file:
            arrays = {name: file[name][:] for name in _ARRAYS}
            return cls(
                image_id=file["image_id"].asstr()[:],
                names=tuple(file.attrs["names"]),
                spatial=file.attrs["spatial"].astype(bool),
                **arrays,
            )
