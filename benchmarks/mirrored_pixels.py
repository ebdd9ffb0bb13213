"""How far the pixels that `facebias shift` mirrors in stand for the real ones, on FairFace with padding 1.25.

    python benchmarks/mirrored_pixels.py FAIRFACE_FOLDER RUN [RUN ...]

These pictures show more than the tight view, so a wider or moved view can be cut from the picture itself. Prints
recall at FPR 1 %, mean over the runs, on views cut from the picture and on the same views made from 64 x 64 pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from facebias.analyses.shift.pictures import change
from facebias.analyses.shift.tables import FACTORS
from facebias.audit import fix_thresholds
from facebias.core.profiles import profile
from facebias.core.progress import bar
from facebias.core.words import IMAGE_SIZE
from facebias.data.pixels import box_of, read_rgb, square
from facebias.data.sources.base import Box
from facebias.data.sources.fairface import FairFace
from facebias.detectors.inference import logits
from facebias.training.run import Run


def pictures(folder: Path) -> Iterator[tuple[Image.Image, Box]]:
    """Each picture and the box of its tight view."""
    for sample in FairFace(folder, padding=1.25, splits=("train",)):
        image = read_rgb(sample.path.read_bytes(), str(sample.path))
        yield image, box_of(sample.crop, image.width, image.height)


def moved(box: Box, factor: str, value: float) -> Box:
    """The box that shows the face as `change` does."""
    scale, offset = (value, 0.0) if factor == "scale" else (1.0, value)
    side = scale * box.side
    return Box(box.left + (box.side - side) / 2, box.top + (box.side - side) / 2 - offset * box.side, side)


def tensor(images: list[np.ndarray]) -> torch.Tensor:
    """uint8 (N, 3, side, side)."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fairface", type=Path)
    parser.add_argument("runs", nargs="+")
    options = parser.parse_args()
    torch.set_num_threads(1)
    runs = [Run.find(name, profile("photographs")) for name in options.runs]
    models = [run.model() for run in runs]
    thresholds = [float(fix_thresholds(run.predictions, ("fpr=0.01",))["threshold"].iloc[0]) for run in runs]

    def recall(images: torch.Tensor) -> float:
        return float(
            np.mean(
                [
                    (logits(model, images).numpy() >= least).mean()
                    for model, least in zip(models, thresholds, strict=True)
                ]
            )
        )

    found = list(bar(pictures(options.fairface), desc="reading", unit="picture"))
    tight = tensor([square(image, box, IMAGE_SIZE) for image, box in found])
    print(f"{len(found)} pictures, {len(runs)} runs; tight view {100 * recall(tight):.1f} %")
    for factor in FACTORS[:2]:
        for value in factor.values:
            real = tensor([square(image, moved(box, factor.name, value), IMAGE_SIZE) for image, box in found])
            print(
                f"{factor.name} {value:+.3f}  real {100 * recall(real):5.1f} %   "
                f"mirrored {100 * recall(change(tight, factor.name, value)):5.1f} %",
                flush=True,
            )


if __name__ == "__main__":
    main()
