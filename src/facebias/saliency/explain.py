"""Explain pictures: an overlay, the raw map and one line of the manifest for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from facebias.core.errors import FacebiasError
from facebias.core.files import atomic_write, sweep_stale, write_json
from facebias.core.paths import code_version
from facebias.core.progress import bar
from facebias.core.rejects import Reject, write_rejects
from facebias.data.archive import Place
from facebias.data.pixels import square
from facebias.data.user_pictures import readable, spell
from facebias.detectors.inference import as_input, inference
from facebias.saliency.fullgrad import Explanation, FullGrad, SimpleFullGrad, SmoothFullGrad
from facebias.saliency.methods import Logits, method
from facebias.saliency.subjects import Subject
from facebias.saliency.targets import Output, Target, select

SCHEMA = "facebias.explanations/1"
OURS = {"fullgrad": FullGrad, "simple_fullgrad": SimpleFullGrad, "smooth_fullgrad": SmoothFullGrad}
BATCH = 16
_SHOWN = 256  # smallest side of an overlay: a map of 64 pixels is enlarged without smoothing


class _Picture(NamedTuple):
    name: str
    place: Place
    pixels: np.ndarray  # uint8 (side, side, 3)


def explain_pictures(
    places: Sequence[Place], subject: Subject, name: str, out: Path, target: int | None = None, scope: str = "layer"
) -> dict[str, Any]:
    """Write `<picture>.png` (overlay), `<picture>.npy` (map, float32 (side, side)), rejects.csv and manifest.json.

    Pictures are cut to their central square and resized to the network's side. Each file is written atomically, the
    manifest last; an old one is removed first, so that a manifest never describes other files than are there.

    Args:
        places: which pictures, see `naming.gather`.
        subject: the network.
        name: of the method, one of `METHODS`.
        out: folder.
        target: index of the explained output; None for the highest, or only, one.
        scope: what FullGrad's psi rescales at a time, "layer" or "channel"; of no effect on other methods.

    Returns:
        The manifest.

    Raises:
        FacebiasError: unknown method, target or scope, a map whose terms do not add up, or no picture can be read.
    """
    if name not in OURS:
        method(name, subject.model)  # an unknown name is refused before anything is written
    out.mkdir(parents=True, exist_ok=True)
    sweep_stale(out)
    (out / "manifest.json").unlink(missing_ok=True)
    rejects: list[Reject] = []
    lines: list[dict[str, Any]] = []
    with bar(total=len(places), desc=f"explain ({name})", unit="picture") as progress:
        read = (
            _Picture(label, place, square(image, 1.0, subject.side))
            for label, place, image in readable(places, rejects, progress)
        )
        while group := list(islice(read, BATCH)):
            lines += _explain_batch(group, subject, name, out, target, scope)
    write_rejects(out / "rejects.csv", rejects)
    manifest = {
        "schema": SCHEMA,
        "model": subject.record,
        "method": name,
        "psi": {"scope": scope, "align_corners": True} if name in OURS else None,
        "target": "highest output" if target is None else target,
        "score": "logit",
        "overlay": "map over its own maximum, each picture on its own scale",
        "rejected": len(rejects),
        "code_version": code_version(),
        "pictures": lines,
    }
    write_json(out / "manifest.json", manifest)
    if not lines:
        raise FacebiasError(
            "REJECTS",
            out / "rejects.csv",
            f"none of {len(places)} pictures can be read",
            "Mend or replace the pictures listed there",
        )
    return manifest


def _explain_batch(
    pictures: Sequence[_Picture], subject: Subject, name: str, out: Path, target: int | None, scope: str
) -> list[dict[str, Any]]:
    device = next(subject.model.parameters()).device
    pixels = torch.from_numpy(np.stack([picture.pixels for picture in pictures])).permute(0, 3, 1, 2)
    images = as_input(pixels, device)
    score, index = scores(subject.model, images, target)
    maps, exact = maps_of(name, subject.model, images, target, scope)
    lines = []
    for row, picture in enumerate(pictures):
        plane = maps[row, 0].cpu().numpy().astype(np.float32)
        with atomic_write(out / f"{picture.name}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, plane, allow_pickle=False)
        with atomic_write(out / f"{picture.name}.png") as temporary:
            Image.fromarray(overlay(picture.pixels, plane)).save(temporary, "PNG")
        terms = exact.decomposition if exact else None
        lines.append(
            {
                "source": spell(picture.place),
                "name": picture.name,
                "output": int(index[row]),
                "score": float(score[row]),
                "relative_error": _finite(terms.relative_error[row]) if terms else None,
                "non_spatial_share": _finite(terms.non_spatial_share[row]) if terms else None,
            }
        )
    return lines


def _finite(value: Tensor) -> float | None:
    return number if math.isfinite(number := float(value)) else None


def maps_of(
    name: str, model: nn.Module, images: Tensor, target: Target = None, scope: str = "layer"
) -> tuple[Tensor, Explanation | None]:
    """Maps (N, 1, H, W) of a batch by any of `METHODS`, and the decomposition where the method is one of FullGrad's."""
    if name not in OURS:
        return method(name, model)(images, target), None
    found = OURS[name](model).explain(images, target, scope)
    return found.map, found


def scores(model: nn.Module, images: Tensor, target: Output = None) -> tuple[Tensor, Tensor]:
    """Logit (N,) that is explained, and index (N,) of its output, on the CPU."""
    with inference(model):
        score, index = select(Logits(model)(images), target, None)
    return score.cpu(), index.cpu()


def overlay(pixels: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """The picture in grey under its map in colour: uint8 (side, side, 3), enlarged to 256 pixels or more.

    Args:
        pixels: uint8 (side, side, 3) RGB.
        plane: (side, side), not negative; shown over its own maximum.
    """
    top = float(plane.max())
    strength = plane / top if top > 0 else np.zeros_like(plane)
    colour = mpl.colormaps["inferno"](strength)[..., :3]
    grey = (pixels @ np.array([0.299, 0.587, 0.114]) / 255)[..., None]
    mixed = (255 * (0.45 * grey + 0.55 * colour)).round().astype(np.uint8)
    times = -(-_SHOWN // len(plane))
    return mixed.repeat(times, axis=0).repeat(times, axis=1)
