"""Rendered faces and hard negatives: a training and audit source of which every factor is known.

    from facebias.data.rendering import render_faces
    audit = render_faces(4000, seed=7)  # balanced over skin tone x gender
    skewed = render_faces(8000, seed=0, dark_share=0.06, women_share=0.6)

`colour` is the model of skin; `difficulty` says how hard the pictures are; `cells` draws who is shown, `factors`
everything else about a picture; `shape`, `features`, `hair`, `worn` and `scene` paint, `faces` puts them together,
`negatives` and `textures` make what is no face, `camera` photographs, `stream` renders by blocks.
Every figure made from these images says "synthetic".
"""

from __future__ import annotations

from facebias.data.rendering.colour import skin_albedo, skin_lab
from facebias.data.rendering.difficulty import Difficulty
from facebias.data.rendering.stream import BLOCK, blocks, render_faces, render_negatives

__all__ = ["BLOCK", "Difficulty", "blocks", "render_faces", "render_negatives", "skin_albedo", "skin_lab"]
