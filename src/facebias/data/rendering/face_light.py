"""Rendering faces: from factors to linear light."""

from __future__ import annotations

import numpy as np

from facebias.data.rendering import features, scene, worn
from facebias.data.rendering.canvas import Factors, mix
from facebias.data.rendering.hair import build_hair
from facebias.data.rendering.shape import build_head


def face_light(f: Factors, rng: np.random.Generator, plain: bool = False) -> np.ndarray:
    """Linear light (n, 3, side, side) of the heads of `f`, from the background to what is in front of the face.

    Args:
        plain: leave out all features: a head seen from behind, for the negatives.
    """
    head = build_head(f)
    image = scene.background(f, rng)
    hair = build_hair(f, head, rng)
    mix(image, hair.colour * np.float32(0.7), hair.behind)
    scene.body(f, head, image, rng)
    scene.ears(f, head, image)
    face = features.skin(f, head, rng)
    if plain:
        mix(image, hair.colour, np.maximum(hair.behind, head.inside))
        return image
    features.nose(f, head, face)
    features.mouth(f, head, face)
    features.beard(f, head, face, rng)
    features.eyes(f, head, face)
    features.brows(f, head, face)
    face *= head.light[:, None]
    face += (head.gloss * f.gloss)[:, None]
    mix(image, face, head.inside)
    mix(image, hair.colour, hair.over)
    scene.earrings(f, head, image)
    worn.glasses(f, head, image)
    worn.covering(f, head, image, rng)
    worn.occluder(f, head, image, rng)
    return image
