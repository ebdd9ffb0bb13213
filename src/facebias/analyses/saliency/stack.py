"""Saliency maps of some trainings over the same faces, arms paired by seed, reduced to what statistics need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import pandas as pd

from facebias.analyses.saliency.regions import region_shares
from facebias.core.errors import FacebiasError

GRID = 16  # cells a side


class Stack(Protocol):
    """What tables of groups ask of any stack: whose trainings it holds, over which faces."""

    @property
    def dataset(self) -> str:
        """Name of the audit set."""

    @property
    def kind(self) -> str:
        """What was taken of each face."""

    @property
    def faces(self) -> pd.DataFrame:
        """N rows with the columns race, skin_tone and gender."""

    @property
    def models(self) -> tuple[str, ...]:
        """Arms."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds, the same for each arm."""


@dataclass(frozen=True)
class MapStack:
    """Maps of one kind over one audit set, all arms and seeds.

    Attributes:
        dataset: name of the audit set.
        kind: "rescaled" or "raw" (`facebias.saliency.maps_file`).
        faces: N rows with the columns race, skin_tone and gender.
        models: A arms.
        seeds: S seeds, the same for each arm.
        average: float32 (A, N, side, side), mean over seeds.
        cells: float32 (A, S, N, GRID * GRID), means of the pixels of each cell.
        shares: float32 (A, S, N, regions), share of each map in each region (`facebias.analyses.saliency.regions`).
    """

    dataset: str
    kind: str
    faces: pd.DataFrame
    models: tuple[str, ...]
    seeds: tuple[int, ...]
    average: np.ndarray
    cells: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, dataset: str, kind: str, faces: pd.DataFrame, maps: Iterable[tuple[str, int, np.ndarray]]) -> Self:
        """Stack maps that come one training at a time, so that one training's are in memory at once.

        Args:
            dataset: name of the audit set.
            kind: "rescaled" or "raw".
            faces: their demographics, in the order of the maps.
            maps: (arm, seed, maps (N, side, side)); every arm with every seed, once.

        Raises:
            FacebiasError: unequal numbers of faces, a training missing or given twice, or a side that GRID does not
                divide.
        """
        average: dict[str, np.ndarray] = {}
        cells: dict[tuple[str, int], np.ndarray] = {}
        shares: dict[tuple[str, int], np.ndarray] = {}
        for arm, seed, array in maps:
            if len(array) != len(faces) or array.shape[-1] % GRID or (arm, seed) in cells:
                raise FacebiasError(
                    "SALIENCY",
                    f"{arm}, seed {seed}",
                    f"maps {array.shape} for {len(faces)} faces, or a training given twice",
                    f"Give each training once, sides multiples of {GRID}",
                )
            array = array.astype(np.float32)
            average[arm] = average.get(arm, np.float32(0)) + array
            cells[arm, seed], shares[arm, seed] = pool(array), region_shares(array)
        models, seeds = tuple(dict.fromkeys(arm for arm, _ in cells)), tuple(sorted({seed for _, seed in cells}))
        if not cells or len(cells) != len(models) * len(seeds):
            raise FacebiasError(
                "SALIENCY",
                dataset,
                f"{len(cells)} trainings of {len(models)} arms with {len(seeds)} seeds",
                "Give every arm with the same seeds: they are paired",
            )

        def stacked(parts: dict[tuple[str, int], np.ndarray]) -> np.ndarray:
            """(A, S, ...) of parts by arm and seed."""
            return np.stack([np.stack([parts[arm, seed] for seed in seeds]) for arm in models])

        return cls(
            dataset,
            kind,
            faces.reset_index(drop=True),
            models,
            seeds,
            np.stack([average[arm] / len(seeds) for arm in models]),
            stacked(cells),
            stacked(shares),
        )


def pool(maps: np.ndarray) -> np.ndarray:
    """Means over the cells of the grid: (N, side, side) to float32 (N, GRID * GRID)."""
    step = maps.shape[-1] // GRID
    return maps.reshape(len(maps), GRID, step, GRID, step).mean(axis=(2, 4), dtype=np.float32).reshape(len(maps), -1)
