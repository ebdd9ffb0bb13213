"""facenet-pytorch's MTCNN: three small networks, each of which looks closer at what the one before let through.

Source: Zhang et al., Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, IEEE Signal
Processing Letters 23(10), 2016; weights of davidsandberg/facenet, trained on WIDER FACE and CelebA, in the wheel.
CelebA's photographs are among its training data: recall on held-out CelebA faces is no held-out recall of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from facebias.core.errors import FacebiasError

MARGIN = 16  # pixels of the border repeated around a crop of 64: the first network finds no face that fills its view
SIDE = 160  # pixels that the crop with its margin is scaled to
SMALLEST = 40  # side of the smallest face that is searched for, pixels of SIDE
BATCH = 64  # crops at a time: the candidates of all are held at once
NO_CANDIDATE = -20.0  # log odds of a crop in which the first two networks see nothing that could be a face
_LOWEST = -19.0  # of those in which they do


def mtcnn(images: np.ndarray) -> np.ndarray:
    """Log odds that the last of MTCNN's networks gives the best candidate of each crop.

    The first two networks propose candidates with their usual thresholds (0.6 and 0.7); the last one's threshold (0.7)
    is left out, and its logits are read before its softmax, which would round sure faces to 1. Crops without any
    candidate share one score below all others: most non-faces are such, so false positive rates above a few per cent
    cannot be reached.

    Args:
        images: uint8 (N, 64, 64, 3) RGB.

    Returns:
        float64 (N,).

    Raises:
        FacebiasError: facenet-pytorch is not installed.
    """
    import torch
    from torch.nn.functional import interpolate, pad

    detector = _detector()
    scores = []
    for part in torch.from_numpy(images).permute(0, 3, 1, 2).split(BATCH):
        wide = pad(part.float(), (MARGIN,) * 4, mode="replicate")
        wide = interpolate(wide, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
        _, found = detector.detect(wide.permute(0, 2, 3, 1))
        scores += [NO_CANDIDATE if odds[0] is None else max(float(max(odds)), _LOWEST) for odds in found]
    return np.array(scores, dtype=np.float64)


@cache
def _detector() -> Any:
    try:
        from facenet_pytorch import MTCNN
    except ImportError as error:
        raise FacebiasError(
            "MISSING",
            "facenet_pytorch",
            "not installed" if error.name == "facenet_pytorch" else f"cannot be imported ({error})",
            "Install it without its pins, which ask for an old torch: pip install --no-deps facenet-pytorch",
        ) from error
    detector = MTCNN(min_face_size=SMALLEST, thresholds=[0.6, 0.7, -np.inf], keep_all=True, device="cpu").eval()
    detector.onet.softmax6_1 = _log_odds()
    return detector


def _log_odds() -> Any:
    """In the place of a softmax over (non-face, face): their log odds, negated and as they are."""
    import torch
    from torch import nn

    class LogOdds(nn.Module):
        """Stands where the softmax does."""

        def forward(self, logits: torch.Tensor) -> torch.Tensor:
            """(N, 2) logits of non-face and face to (N, 2) log odds, negated and as they are."""
            odds = logits[:, 1] - logits[:, 0]
            return torch.stack([-odds, odds], dim=1)

    return LogOdds()
