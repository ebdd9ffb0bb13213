"""Pictures changed in one property at a time, faces and face-free pictures alike.

What depends on the size of the face (height in pixels, blur, covers, shift) is measured in heights of it. A face-free
picture has none: there, a face of the set's median height is supposed in the middle. Operations are those of
torchvision, scikit-image, SciPy and Pillow. Every result is stored as 8 bits again, as a picture file would be.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from facebias.core.errors import FacebiasError

if TYPE_CHECKING:  # at run time each process imports it when it changes a picture
    from facebias.analyses.whole_pictures.asking import Task

# Levels from nothing to the hardest; the unit of each stands in UNITS
LEVELS: dict[str, tuple[float, ...]] = {
    "height": (160, 120, 80, 60, 40, 30, 24, 16),
    "exposure": (1, 0, -1, -2, -3, -4),
    "noise": (0, 0.05, 0.1, 0.2, 0.3),
    "defocus": (0, 0.02, 0.04, 0.06, 0.1),
    "motion": (0, 0.1, 0.2, 0.3, 0.5),
    "jpeg": (90, 50, 30, 20, 10, 5),
    "contrast": (1, 0.6, 0.4, 0.2, 0.1),
    "rotation": (0, 15, 30, 45, 60, 90),
    "mask": (0, 0.2, 0.3, 0.4, 0.5),
    "sunglasses": (0, 0.1, 0.2, 0.3, 0.4),
    "shift": (0, 0.1, 0.2, 0.3, 0.4),
}
UNITS = {
    "height": "height of the face, pixels",
    "exposure": "stops, in linear light",
    "noise": "standard deviation, of full scale",
    "defocus": "sigma of the blur, heights of the face",
    "motion": "length of the blur, heights of the face",
    "jpeg": "JPEG quality",
    "contrast": "contrast left, share",
    "rotation": "turned in the plane, degrees",
    "mask": "lower part of the face covered, share",
    "sunglasses": "band at the eyes covered, height as a share",
    "shift": "part of the face beyond the edge, share",
}
OTHER_SIDE = {"exposure": (1,)}  # levels that lie on the other side of the picture as it is
# Levels at which a picture stays as it is, so that no detector is asked again
AS_IS = {
    "exposure": 0,
    "noise": 0,
    "defocus": 0,
    "motion": 0,
    "contrast": 1,
    "rotation": 0,
    "mask": 0,
    "sunglasses": 0,
    "shift": 0,
}
_EYES = 0.25  # of the face's height, from its top: where dlib's unpadded chip has the eyes
_GREY = 90


@dataclass(frozen=True)
class Condition:
    """One property at one level; called with a picture and its task, it gives the changed picture.

    Attributes:
        name: of LEVELS.
        level: in the unit of UNITS.
        height: median height of the set's faces, pixels, for pictures without a face.
    """

    name: str
    level: float
    height: float

    def __post_init__(self) -> None:
        if self.name not in LEVELS:
            raise FacebiasError("CONDITION", self.name, "no such condition", f"Use {', '.join(LEVELS)}")

    @property
    def text(self) -> str:
        """Name and level, as a folder is called."""
        return f"{self.name}={self.level:g}"

    def __call__(self, pixels: np.ndarray, task: Task) -> np.ndarray:
        """The changed picture, uint8 (H, W, 3) RGB; smaller where `height` or `shift` make it so."""
        face = self.face(pixels.shape[1], pixels.shape[0], task.face)
        seed = zlib.crc32(f"{self.text} {task.key}".encode())
        return np.ascontiguousarray(_CHANGES[self.name](pixels, self.level, face, seed))

    def face(self, width: int, height: int, given: tuple[float, ...]) -> np.ndarray:
        """The face's box (4,) before the change; one of the median height in the middle where none is given."""
        if given:
            return np.array(given, dtype=float)
        side = min(self.height, width, height)
        return np.array([(width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2])

    def moved(self, face: np.ndarray, width: int, height: int) -> np.ndarray:
        """Where a face (4,) of a picture of `width` x `height` lies after the change, as far as it is seen."""
        if self.name == "height":
            factor = self.level / (face[3] - face[1])
            sides = np.array([_scaled(width, factor) / width, _scaled(height, factor) / height])
            return face * np.tile(sides, 2)
        if self.name == "shift":
            left = _cut(face, self.level)
            return np.array([max(face[0] - left, 0), face[1], face[2] - left, face[3]])
        return face


def _scaled(side: int, factor: float) -> int:
    return max(1, round(side * factor))


def _cut(face: np.ndarray, share: float) -> int:
    """Columns that are cut off at the left, so that this share of the face is beyond the edge; none at 0."""
    return max(0, round(face[0] + share * (face[2] - face[0]))) if share else 0


def _tensor(pixels: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _back(tensor: Any) -> np.ndarray:
    found: np.ndarray = tensor.permute(1, 2, 0).numpy()
    return found


def _height(pixels: np.ndarray, level: float, face: np.ndarray, _: int) -> np.ndarray:
    from torchvision.transforms.v2 import functional as transforms

    factor = level / (face[3] - face[1])
    size = [_scaled(side, factor) for side in pixels.shape[:2]]
    return _back(transforms.resize(_tensor(pixels), size, antialias=True))


def _exposure(pixels: np.ndarray, level: float, *_: Any) -> np.ndarray:
    from facebias.analyses.shift.pictures import change

    return _back(change(_tensor(pixels)[None], "brightness", level)[0])


def _noise(pixels: np.ndarray, level: float, _: np.ndarray, seed: int) -> np.ndarray:
    from skimage.util import img_as_ubyte, random_noise

    noisy: np.ndarray = img_as_ubyte(random_noise(pixels, "gaussian", rng=seed, var=level**2)) if level else pixels
    return noisy


def _defocus(pixels: np.ndarray, level: float, face: np.ndarray, _: int) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    sigma = level * (face[3] - face[1])
    blurred: np.ndarray = gaussian_filter(pixels, (sigma, sigma, 0))
    return blurred


def _motion(pixels: np.ndarray, level: float, face: np.ndarray, _: int) -> np.ndarray:
    from scipy.ndimage import uniform_filter1d

    blurred: np.ndarray = uniform_filter1d(pixels, max(1, round(level * (face[3] - face[1]))), axis=1)
    return blurred


def _jpeg(pixels: np.ndarray, level: float, *_: Any) -> np.ndarray:
    with io.BytesIO() as packed:
        Image.fromarray(pixels).save(packed, "JPEG", quality=int(level))
        return np.array(Image.open(packed))


def _contrast(pixels: np.ndarray, level: float, *_: Any) -> np.ndarray:
    from torchvision.transforms.v2 import functional as transforms

    return _back(transforms.adjust_contrast(_tensor(pixels), level))


def _rotation(pixels: np.ndarray, level: float, face: np.ndarray, _: int) -> np.ndarray:
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2 import functional as transforms

    centre = [float(face[0] + face[2]) / 2, float(face[1] + face[3]) / 2]
    return _back(transforms.rotate(_tensor(pixels), level, InterpolationMode.BILINEAR, center=centre))


def _mask(pixels: np.ndarray, level: float, face: np.ndarray, _: int) -> np.ndarray:
    return _covered(pixels, face, 1 - level, 1)


def _sunglasses(pixels: np.ndarray, level: float, face: np.ndarray, _: int) -> np.ndarray:
    return _covered(pixels, face, _EYES - level / 2, _EYES + level / 2)


def _covered(pixels: np.ndarray, face: np.ndarray, top: float, bottom: float) -> np.ndarray:
    """A flat grey over the face's width, from `top` to `bottom` of its height."""
    found, height = pixels.copy(), face[3] - face[1]
    rows = slice(*(max(0, round(face[1] + share * height)) for share in (top, bottom)))
    found[rows, max(0, round(face[0])) : max(0, round(face[2]))] = _GREY
    return found


def _shift(pixels: np.ndarray, level: float, face: np.ndarray, _: int) -> np.ndarray:
    return pixels[:, min(_cut(face, level), pixels.shape[1] - 1) :]


_CHANGES: dict[str, Callable[[np.ndarray, float, np.ndarray, int], np.ndarray]] = {
    "height": _height,
    "exposure": _exposure,
    "noise": _noise,
    "defocus": _defocus,
    "motion": _motion,
    "jpeg": _jpeg,
    "contrast": _contrast,
    "rotation": _rotation,
    "mask": _mask,
    "sunglasses": _sunglasses,
    "shift": _shift,
}
