"""Data: raw pictures to checked samples, packed HDF5 files, and the `FaceDataset` that reads them."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "dataset": ["FaceDataset"],
        "describe": ["composition_tables"],
        "pack": ["pack_audit", "pack_training"],
    },
)
