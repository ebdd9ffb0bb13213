"""Who is drawn: gender and skin tone of each face, by the shares that a training or an audit set wants."""

from __future__ import annotations

import numpy as np

from facebias.core.errors import FacebiasError
from facebias.core.tone_scale import CLASSES

# The four lighter classes in a skewed set, as a share of the faces that are not brown or dark. Our reading of
# CelebA, whose 4 % Pale_Skin and few dark faces are the known ends; the paper's set is skewed the same way.
LIGHTER = (0.22, 0.38, 0.28, 0.12)
DARKER = (0.65, 0.35)  # brown and dark, of the faces that are one of the two


def tone_shares(dark_share: float | None) -> np.ndarray:
    """Share (6,) of each class of `facebias.data.skin_tone.CLASSES`; equal where `dark_share` is None.

    Raises:
        FacebiasError: a share outside 0..1.
    """
    if dark_share is None:
        return np.full(len(CLASSES), 1 / len(CLASSES))
    check_share("dark_share", dark_share)
    return np.concatenate([np.multiply(LIGHTER, 1 - dark_share), np.multiply(DARKER, dark_share)])


def check_share(name: str, value: float) -> None:
    """Refuse a share outside 0..1.

    Raises:
        FacebiasError: naming the setting.
    """
    if not 0 <= value <= 1:
        raise FacebiasError("SHARE", name, f"{value} is outside 0..1", "Give a share between 0 and 1")


def draw_cells(
    rng: np.random.Generator, n: int, dark_share: float | None, women_share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Index of the skin-tone class (n,) and whether a woman (n,) of each of n faces, in random order.

    The draw is stratified, so that n faces hold each cell in its share to within one face: a balanced block of
    48 has exactly four of each of the twelve cells.
    """
    check_share("women_share", women_share)
    tones = tone_shares(dark_share)
    cells = np.concatenate([tones * women_share, tones * (1 - women_share)])
    even = (rng.permutation(n) + rng.random(n)) / n
    cell = np.minimum(np.searchsorted(np.cumsum(cells), even, side="right"), len(cells) - 1)
    return cell % len(tones), cell < len(tones)
