"""Hard negatives of photographs: what a careless face detector takes for a face, made by rule and by no network.

Random crops alone are soon told from faces, and a threshold fixed on them says little. Each kind here shares with faces
what a shortcut would live on:

- "upside_down": faces of the training source, turned by 180 degrees: all of a face but its order;
- "part": a small square of such a face, too near for a face to be seen;
- "skin_colour": a random square of a picture, its light kept and its colour replaced by that of some skin;
- "animal": further squares of pictures whose name has the WordNet id of a mammal, as ImageNet's have.

Faces keep the identity of their person and squares that of their picture, so every split is made of its own. People
seen from behind are among the random crops; ImageNet has no class for them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from skimage.color import rgb2xyz, xyz2rgb

from facebias.core.errors import FacebiasError
from facebias.data.pixels import box_of
from facebias.data.skin_tone import MONK_HEX
from facebias.data.sources.base import FACTOR_PREFIX, Box, Crop, Sample, Source
from facebias.data.sources.negatives import Folder, RandomSquare, seed_of
from facebias.data.splits import place_of

KINDS = ("upside_down", "part", "skin_colour", "animal")
PART = (0.3, 0.5)  # of the face's side: too near for a whole face to be seen
ANIMAL_CROPS = 8  # squares at most of a mammal's picture: a folder has fewer of them than of anything else
# ImageNet's classes in order of their WordNet ids: marsupials and monotremes; whales, dogs, cats, bears and mongooses;
# rabbits to primates, elephants and pandas. Between them lie birds, crabs and insects.
_MAMMALS = ((1871265, 1883070), (2066245, 2138441), (2325366, 2510455))
_WORDNET = re.compile(r"n(\d{8})")


@dataclass(frozen=True, slots=True)
class UpsideDown:
    """An image turned by 180 degrees."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The turned image, same shape."""
        return image[::-1, ::-1]


@dataclass(frozen=True, slots=True)
class Tinted:
    """An image in shades of one tone of the Monk scale.

    Attributes:
        tone: 0 (lightest) to 9.
    """

    tone: int

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Its linear light, at the tone's own mean and colour, same shape uint8."""
        code = MONK_HEX[self.tone]
        colour = rgb2xyz(np.array([[[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)]]]))
        light = rgb2xyz(image)[..., 1:2]
        shades: np.ndarray = np.rint(255 * xyz2rgb(colour * light / max(float(light.mean()), 1e-3))).astype(np.uint8)
        return shades


@dataclass(frozen=True, slots=True)
class Part:
    """A small square inside another crop, where the crop is inside the picture.

    Attributes:
        whole: the other crop.
        seed: of the square's side and place.
    """

    whole: Box | float | Crop
    seed: int

    def box(self, width: int, height: int) -> Box:
        """The square to cut from a picture of `width` x `height` pixels."""
        whole, rng = box_of(self.whole, width, height), np.random.default_rng(self.seed)
        side = rng.uniform(*PART) * whole.side
        left, top = (start + rng.random() * (whole.side - side) for start in (whole.left, whole.top))
        return Box(float(np.clip(left, 0, width - side)), float(np.clip(top, 0, height - side)), side)


class HardNegatives:
    """The four kinds in equal numbers, fewer of one where its pictures do not suffice.

    Args:
        faces: a source of photographs of faces.
        pictures: pictures without faces.
        cap: random crops at most that are packed beside these, 0 for all.
        share: of hard ones among all negatives.
        seed: of who is taken, and of squares and tones.

    Raises:
        FacebiasError: while iterating: the faces are no photographs.
    """

    name = "hard"
    framing = "hard negatives"
    rule = f"faces upside down, squares of {PART[0]} to {PART[1]} of a face, skin-coloured squares, squares of mammals"

    def __init__(self, faces: Source, pictures: Folder, cap: int, share: float, seed: int) -> None:
        self.faces, self.pictures, self.cap, self.share, self.seed = faces, pictures, cap, share, seed
        self.counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Sample]:
        crops = list(self.pictures)
        plain = min(len(crops), self.cap or len(crops))
        each = round(plain * self.share / (1 - self.share) / len(KINDS))
        faces, pictures = list(self._photographs()), list({crop.identity: crop for crop in crops}.values())
        mammals = [one for one in pictures if _is_mammal(one.identity)]
        candidates = {
            "upside_down": [replace(face, change=UpsideDown()) for face in faces],
            "part": [replace(face, crop=Part(face.crop, self._seed("part", face))) for face in faces],
            "skin_colour": [self._square(one, "skin", Tinted(self._seed("tone", one) % 10)) for one in pictures],
            "animal": [self._square(one, number) for one in mammals for number in range(ANIMAL_CROPS)],
        }
        for kind, samples in candidates.items():
            yield from self._some(kind, samples, each)

    def _photographs(self) -> Iterator[Sample]:
        for face in self.faces:
            if not isinstance(face, Sample):
                what = f"{self.faces.name} has no photographs to make hard negatives of"
                raise FacebiasError("CONFIG", "hard_share", what, "Set hard_share 0, or train on photographs of faces")
            yield face

    def _square(self, crop: Sample, name: object, change: Tinted | None = None) -> Sample:
        square = RandomSquare(seed_of(self.seed, crop.identity, "hard", name))
        return replace(crop, image_id=f"{crop.identity}#{name}", crop=square, change=change)

    def _seed(self, purpose: str, sample: Sample) -> int:
        return seed_of(self.seed, purpose, sample.image_id)

    def _some(self, kind: str, samples: Iterable[Sample], count: int) -> Iterator[Sample]:
        """`count` of them in their order, chosen by a seeded hash, as negatives of a kind, without demographics."""
        samples = list(samples)
        chosen = sorted(samples, key=lambda one: (place_of(one.image_id, self.seed, kind), one.image_id))[:count]
        names = {one.image_id for one in chosen}
        for one in samples:
            if one.image_id in names:
                name, kinds = f"{kind}/{one.image_id}", ((f"{FACTOR_PREFIX}kind", kind),)
                yield replace(one, image_id=name, label=0, race="", gender="", age="", skin_tone="", more=kinds)


def _is_mammal(name: str) -> bool:
    found = _WORDNET.search(name)
    return found is not None and any(low <= int(found[1]) <= high for low, high in _MAMMALS)
