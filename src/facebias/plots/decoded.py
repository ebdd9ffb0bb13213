"""What a decoder makes of faces: how much of them it draws at all, and what changes along one latent."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from facebias.core.numbers import minus, percent
from facebias.plots.images import NATIVE, check_images, picture_grid
from facebias.plots.style import styled

_CELLS = (1, 2, 4, 8, 16)  # pixels a side, over which pictures are averaged before they are compared
_BLURS = (0.5, 1, 1.5, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16)  # pixels
_LUMA = np.array([0.299, 0.587, 0.114])
_GAIN = 3.0  # at most: beyond it, what is amplified is the decoder's grain


def decoded_detail(originals: np.ndarray, reconstructed: np.ndarray) -> pd.DataFrame:
    """How much of the differences between faces the decoder draws, from fine to coarse.

    Args:
        originals: uint8 (n, side, side, 3), two faces or more.
        reconstructed: the same shape.

    Returns:
        part ("lightness", "colour"), cell (pixels a side that were averaged), share: of the variance over faces that
        is explained. It is below 0 where the mean face would be nearer to the faces than what is decoded.
    """
    truth, drawn = originals / 255.0, reconstructed / 255.0
    rows = []
    for cell in _CELLS:
        parts = zip(_split(_averaged(truth, cell)), _split(_averaged(drawn, cell)), strict=True)
        rows += [(name, cell, _explained(*pair)) for name, pair in zip(("lightness", "colour"), parts, strict=True)]
    return pd.DataFrame(rows, columns=["part", "cell", "share"]).sort_values(["part", "cell"], ignore_index=True)


def _split(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lightness (luma), and what is left of each channel without it."""
    luma = images @ _LUMA
    return luma, images - luma[..., None]


def _averaged(images: np.ndarray, cell: int) -> np.ndarray:
    n, side = len(images), images.shape[1] // cell
    return images[:, : side * cell, : side * cell].reshape(n, side, cell, side, cell, 3).mean(axis=(2, 4))


def _explained(truth: np.ndarray, drawn: np.ndarray) -> float:
    spread = np.square(truth - truth.mean(axis=0)).sum()
    return float(1 - np.square(truth - drawn).sum() / spread) if spread else np.nan


def nearest_blur(originals: np.ndarray, reconstructed: np.ndarray) -> float:
    """The blur (sigma in pixels) that brings the originals nearest to what was decoded, in root mean square."""
    truth, drawn = originals / 255.0, reconstructed / 255.0
    apart = [np.square(gaussian_filter(truth, (0, sigma, sigma, 0)) - drawn).mean() for sigma in _BLURS]
    return _BLURS[int(np.argmin(apart))]


def reconstructions(originals: np.ndarray, reconstructed: np.ndarray, count: int = 10) -> Figure:
    """Faces, the same as blurred as the decoder draws them, and what it draws of them.

    The middle row tells what to expect of the lowest: no more than its light and dark areas.

    Args:
        originals: uint8 (n, side, side, 3), two faces or more; all of them are measured.
        reconstructed: the same shape.
        count: how many are shown, the first ones.
    """
    check_images(originals, 4)
    check_images(reconstructed, 4)
    share = decoded_detail(originals, reconstructed).set_index(["part", "cell"])["share"]
    sigma = nearest_blur(originals, reconstructed)
    blurred = np.rint(gaussian_filter(originals[:count].astype(float), (0, sigma, sigma, 0))).astype(np.uint8)
    fine, coarse, colour = (_share(share[key]) for key in (("lightness", 1), ("lightness", 8), ("colour", 8)))
    note = (
        f"Of how {len(originals):,} faces differ it draws {fine} of lightness, {coarse} at 8 x 8 pixels, "
        f"and {colour} of colour (share of variance)"
    )
    beyond = " or more" if sigma == _BLURS[-1] else ""
    labels = ["face", f"blurred, sigma\n{sigma:g} pixels{beyond}", "decoded"]
    rows = [originals[:count], blurred, reconstructed[:count]]
    return picture_grid(rows, "What the decoder draws of a face from its latents", note, labels=labels)


def _share(value: float) -> str:
    return f"{percent(value, 0)} %" if value > 0 else "nothing"


def traversal(
    grid: np.ndarray, labels: Sequence[str], steps: Sequence[float], among: np.ndarray | None = None
) -> Figure:
    """Decoded images along latent directions, a row a latent, and where lightness changes from first to last.

    Decoded images are dim and flat: their contrast is amplified, all alike, and the title says how much.

    Args:
        grid: uint8 (rows, columns, side, side, 3).
        labels: one a row, for example "z 12".
        steps: value of the latent in each column, in standard deviations.
        among: pictures like `grid`, by which contrast and scale are set; its own unless told.
    """
    check_images(grid, 5)
    among, alone = grid if among is None else among, len(grid) == 1
    pictures, gain = amplified(grid, among)
    ends = [minus(f"{step:+g} SD") if step else "0" for step in steps]
    note = f"contrast x {gain:.1f}; last column: lightness of the last picture less that of the first"
    with styled():
        figure = picture_grid(
            [np.concatenate([row, row[-1:]]) for row in pictures],
            "What changes along a latent" if alone else "What changes along the latents that tell most of a face",
            note if gain > 1 else note.partition("; ")[2],
            labels=list(labels),
            titles=[*ends, "change"],
            cell=1.6 if alone else NATIVE,
            beside=0.7,
        )
        change = _change(grid)
        reach = max(1.0, float(np.quantile(np.abs(_change(among)), 0.995)))
        levels = np.asarray(mpl.ticker.MaxNLocator(10, symmetric=True).tick_values(-reach, reach))
        scale = mpl.colors.BoundaryNorm(levels, 256, extend="both")
        axes = [axis for axis in figure.axes if (place := axis.get_subplotspec()) and place.is_last_col()]
        for axis, values in zip(axes, change, strict=True):
            axis.images[0].remove()
            shade = axis.imshow(values, cmap="RdBu_r", norm=scale, interpolation="nearest")
        bar = figure.colorbar(shade, ax=axes, fraction=0.08, pad=0.04, aspect=30)
        bar.set_label("change, % of full" if alone else "change of lightness, % of full", fontsize=8)
        bar.outline.set_visible(False)
        bar.set_ticks(levels[len(levels) % 4 // 2 :: 2].tolist())  # 0 is one of them
    return figure


def _change(grid: np.ndarray) -> np.ndarray:
    """(rows, side, side) lightness of each row's last picture less that of its first, % of full."""
    change: np.ndarray = 100 * (grid[:, -1] / 255.0 - grid[:, 0] / 255.0) @ _LUMA
    return change


def amplified(images: np.ndarray, among: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """The pictures with the contrast about their mean lightness raised to fill the scale, and by how much.

    Args:
        images: uint8 (..., 3).
        among: the pictures whose mean and reach count; `images` unless told.

    Returns:
        uint8, same shape, around mid grey; and the gain, between 1 (then nothing is changed) and 3.
    """
    among = images if among is None else among
    middle = among.mean()
    reach = float(np.quantile(np.abs(among - middle), 0.995))
    gain = float(np.clip(127.5 / reach, 1, _GAIN)) if reach else 1.0
    if gain == 1:
        return images, gain
    return np.clip(np.rint(127.5 + gain * (images - middle)), 0, 255).astype(np.uint8), gain
