"""Figures made of images. Of real people only means over groups are shown, never one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facebias.core.errors import FacebiasError
from facebias.core.numbers import minus
from facebias.plots.style import layout_of, new_figure, styled

MEAN_OF = 8  # fewest real faces that a mean may be of: fewer and one of them might be recognised


def contact_sheet(images: np.ndarray, titles: Sequence[str] | None = None, columns: int = 12) -> Figure:
    """Images side by side, for rendered faces and for negatives.

    Args:
        images: uint8 (n, side, side, 3) RGB.
        titles: one a picture, or none.
        columns: pictures a row.
    """
    _check(images, 4)
    return _pictures(
        [images[start : start + columns] for start in range(0, len(images), columns)],
        titles=list(titles) if titles is not None else None,
    )


def mean_faces(groups: Mapping[str, np.ndarray], columns: int = 6, *, fewest: int = MEAN_OF) -> Figure:
    """The mean image of each group, titled with the group and n.

    Args:
        groups: name to uint8 (n, side, side, 3).
        columns: pictures a row.
        fewest: a group of fewer images is refused; lower it for rendered faces alone.

    Raises:
        FacebiasError: a group is too small to hide the people in it.
    """
    for name, images in groups.items():
        _check(images, 4)
        if len(images) < fewest:
            raise FacebiasError(
                "FIGURE",
                name,
                f"a mean of {len(images)} faces, {fewest} or more are needed",
                "Merge groups, or leave this one out",
            )
    means = np.stack([_mean(images) for images in groups.values()])
    names = [name.replace("_", " ").replace(" · ", "\n") for name in groups]
    titles = [f"{name}\nn = {len(images):,}" for name, images in zip(names, groups.values(), strict=True)]
    return _pictures([means[start : start + columns] for start in range(0, len(means), columns)], titles=titles)


def likely_faces(
    images: np.ndarray, probability: np.ndarray, *, synthetic: bool, count: int = 8, each: int = 24
) -> Figure:
    """The training faces that resampling draws most and least often.

    Args:
        images: uint8 (n, side, side, 3), the training faces.
        probability: (n,) sampling probability of each.
        synthetic: rendered faces are shown one by one; real ones as means of `each` faces next to each other in
            probability.
        count: pictures a row.
        each: faces a mean.

    Raises:
        FacebiasError: fewer faces than both rows need, or unequal lengths.
    """
    _check(images, 4)
    size = 1 if synthetic else max(each, MEAN_OF)
    if len(images) != len(probability) or len(images) < 2 * count * size:
        raise FacebiasError(
            "FIGURE",
            "likely_faces",
            f"{len(images)} images, {len(probability)} probabilities, {2 * count * size} needed",
            "Give more images or ask for fewer pictures",
        )
    order = np.argsort(-np.asarray(probability), kind="stable")
    picks = (order[: count * size], order[::-1][: count * size])
    rows = [np.stack([_mean(images[part]) for part in pick.reshape(count, size)]) for pick in picks]
    ratio = [np.asarray(probability)[pick].mean() / np.mean(probability) for pick in picks]
    of = "" if synthetic else f"\nmeans of {size}"
    return _pictures(
        rows,
        labels=[f"{name} likely\n{one:.2f} x uniform{of}" for name, one in zip(("most", "least"), ratio, strict=True)],
    )


def reconstructions(originals: np.ndarray, reconstructed: np.ndarray) -> Figure:
    """Faces above what the decoder makes of them.

    Args:
        originals: uint8 (n, side, side, 3).
        reconstructed: the same shape.
    """
    _check(originals, 4)
    _check(reconstructed, 4)
    return _pictures([originals, reconstructed], labels=["input", "decoded"])


def traversal(grid: np.ndarray, labels: Sequence[str], steps: Sequence[float]) -> Figure:
    """Decoded images along latent directions, a row a latent.

    Args:
        grid: uint8 (rows, columns, side, side, 3).
        labels: one a row, for example "z 12".
        steps: value of the latent in each column, in standard deviations.
    """
    _check(grid, 5)
    titles = [minus(f"{step:+g} SD") if step else "0" for step in steps]
    return _pictures(list(grid), labels=list(labels), titles=titles)


def _mean(images: np.ndarray) -> np.ndarray:
    return np.rint(images.mean(axis=0)).astype(np.uint8)


def _check(images: np.ndarray, dimensions: int) -> None:
    if images.dtype != np.uint8 or images.ndim != dimensions or images.shape[-1] != 3 or not len(images):
        raise FacebiasError(
            "IMAGES",
            "figure",
            f"found {images.dtype} {images.shape}, expected uint8 (..., side, side, 3) of {dimensions} dimensions",
            "Give RGB images as packed",
        )


def _pictures(
    rows: Sequence[np.ndarray], *, labels: list[str] | None = None, titles: list[str] | None = None
) -> Figure:
    columns = max(len(row) for row in rows)
    cell = min(1.05, 8.0 / columns)
    margin = 1.15 if labels else 0.0
    above = 0.17 * (1 + max(title.count("\n") for title in titles)) if titles else 0.0
    above = above if titles is None or len(titles) > columns or len(rows) == 1 else above / len(rows)
    with styled():
        figure = new_figure(margin + 0.1 + columns * cell, 0.1 + len(rows) * (cell + above), "compressed")
        layout_of(figure).set(w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
        axes = figure.subplots(len(rows), columns, squeeze=False)
        for y, row in enumerate(rows):
            for x in range(columns):
                number = y * columns + x
                title = titles[number] if titles and number < len(titles) else ""
                _picture(axes[y, x], row[x] if x < len(row) else None, title)
            if labels:
                axes[y, 0].set_ylabel(labels[y], rotation=0, ha="right", va="center", fontsize=8, labelpad=6)
    return figure


def _picture(axis: Axes, image: np.ndarray | None, title: str) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    if image is not None:
        axis.imshow(image, interpolation="nearest")
        if title:
            axis.set_title(title, fontsize=7.5, fontweight="normal", loc="center", pad=2)
