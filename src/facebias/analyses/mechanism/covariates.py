"""What a picture of a face is like, in a few numbers: against these, the faces that resampling prefers are read."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.ndimage import laplace
from skimage.color import rgb2lab

from facebias.data.sources.base import FACTOR_PREFIX

MEASURED = ("ita", "brightness", "contrast", "sharpness", "asymmetry", "distance")
# True factors of rendered faces: light, pose, framing, the camera's blur; pigment is `ita`
TRUE = ("exposure", "azimuth", "yaw", "pitch", "roll", "size", "blur")
_WORN = ("glasses", "covering", "occluder")
_CHUNK = 512


def covariates(images: np.ndarray, table: pd.DataFrame) -> pd.DataFrame:
    """Measured and, for rendered faces, true properties of each picture.

    Args:
        images: uint8 (n, side, side, 3) RGB, faces alone.
        table: their n rows of a packed file's table.

    Returns:
        n rows, float: `ita` (degrees, as packed; NaN where it could not be measured); `brightness`, mean L* of the
        picture (0 to 100); `contrast`, standard deviation of L*; `sharpness`, log variance of the Laplacian of L* (low
        is blurred; Pech-Pacheco et al., ICPR 2000); `asymmetry`, share of the variance of L* that is odd under
        mirroring (0 to 1, high in profiles and side light); `distance`, root mean square difference from the mean
        face (0 to 255). Then the factors of `TRUE` and `covered` (1 with glasses, a covering or an occluder) where the
        table has them.
    """
    parts = [
        _of_lightness(rgb2lab(images[start : start + _CHUNK].astype(np.float32) / 255)[..., 0])
        for start in range(0, len(images), _CHUNK)
    ]
    found = {"ita": table["ita"].to_numpy(dtype=float)}
    found |= dict(zip(MEASURED[1:-1], np.concatenate(parts, axis=1), strict=True))
    mean = images.mean(axis=0, dtype=np.float64).astype(np.float32)
    found["distance"] = np.sqrt([np.square(image - mean).mean() for image in images])
    if FACTOR_PREFIX + TRUE[0] in table:
        found |= {name: table[FACTOR_PREFIX + name].to_numpy(dtype=float) for name in TRUE}
        found["covered"] = (table[[FACTOR_PREFIX + name for name in _WORN]] != "none").any(axis=1).to_numpy(dtype=float)
    return pd.DataFrame(found)


def _of_lightness(light: np.ndarray) -> np.ndarray:
    """(4, n): brightness, contrast, sharpness and asymmetry of lightness (n, side, side)."""
    axes = (1, 2)
    variance = light.var(axis=axes)
    odd = (light - light[:, :, ::-1]) / 2
    edges = np.stack([laplace(one) for one in light]).var(axis=axes)
    flat = 1e-6  # a picture of one colour has no edges and no sides
    return np.stack(
        [
            light.mean(axis=axes),
            np.sqrt(variance),
            np.log(edges + flat),
            np.square(odd).mean(axis=axes) / (variance + flat),
        ]
    )
