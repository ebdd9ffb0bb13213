"""Figures made of images. Of real people only means over groups are shown, never one person."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facebias.core.errors import FacebiasError
from facebias.plots.crowd import LEVELS, drawn_groups, short
from facebias.plots.style import SCREEN, WIDEST, figure_title, layout_of, new_figure, styled

MEAN_OF = 8  # fewest real faces that a mean may be of: fewer and one of them might be recognised
# Inches of a picture's side. A notebook shows a picture of 64 pixels in its own pixels at 64 / 96.
_SMALL, NATIVE, _LARGE = 0.5, 64 / SCREEN, 1.0


def contact_sheet(rows: Mapping[str, np.ndarray], title: str) -> Figure:
    """Pictures side by side, a row a kind, for rendered faces and for non-faces.

    Args:
        rows: name of each row to uint8 (n, side, side, 3) RGB; rows may differ in n.
        title: what is shown.
    """
    for images in rows.values():
        check_images(images, 4)
    return picture_grid(list(rows.values()), title, labels=list(rows), cell=_SMALL)


def mean_faces(groups: Mapping[str, np.ndarray], columns: int = 6, *, fewest: int = MEAN_OF) -> Figure:
    """The mean image of each group, titled with the group and n.

    Args:
        groups: name to uint8 (n, side, side, 3); of more than 24 the largest are shown.
        columns: pictures a row.
        fewest: a group of fewer images is refused; lower it for rendered faces alone.

    Raises:
        FacebiasError: a group is too small to hide the people in it.
    """
    for name, images in groups.items():
        check_images(images, 4)
        if len(images) < fewest:
            raise FacebiasError(
                "FIGURE",
                name,
                f"a mean of {len(images)} faces, {fewest} or more are needed",
                "Merge groups, or leave this one out",
            )
    sizes = pd.DataFrame({"group": list(groups), "n": [len(images) for images in groups.values()]})
    names, note = drawn_groups(sizes, most=LEVELS)
    means = np.stack([_mean(groups[name]) for name in names])
    titles = ["\n".join([*_lines(name), f"n = {len(groups[name]):,}"]) for name in names]
    rows = [means[start : start + columns] for start in range(0, len(means), columns)]
    return picture_grid(rows, "The mean of all faces in each group", note, titles=titles, cell=_LARGE)


def _lines(name: str) -> list[str]:
    """A group's name in lines that fit above a picture of `_LARGE` inches."""
    return [line for part in short(name).split(" · ") for line in textwrap.wrap(part, 16)]


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
    check_images(images, 4)
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
    of = "" if synthetic else f"\nmeans of {size} faces"
    labels = [f"{name} often\n{one:.2f} x uniform{of}" for name, one in zip(("most", "least"), ratio, strict=True)]
    return picture_grid(rows, "Training faces that resampling draws most and least often", labels=labels)


def _mean(images: np.ndarray) -> np.ndarray:
    return np.rint(images.mean(axis=0)).astype(np.uint8)


def check_images(images: np.ndarray, dimensions: int) -> None:
    """Refuse what is not uint8 RGB of so many dimensions."""
    if images.dtype != np.uint8 or images.ndim != dimensions or images.shape[-1] != 3 or not len(images):
        raise FacebiasError(
            "IMAGES",
            "figure",
            f"found {images.dtype} {images.shape}, expected uint8 (..., side, side, 3) of {dimensions} dimensions",
            "Give RGB images as packed",
        )


def picture_grid(
    rows: Sequence[np.ndarray],
    title: str,
    note: str = "",
    *,
    labels: list[str] | None = None,
    titles: list[str] | None = None,
    cell: float = NATIVE,
    beside: float = 0.0,
) -> Figure:
    """A figure of pictures in rows.

    Args:
        rows: each uint8 (n, side, side, 3).
        title, note: of the figure.
        labels: one a row, or none.
        titles: one a picture or one a column, or none.
        cell: inches of a picture's side, where the figure is wide enough.
        beside: inches that are left free to the right.
    """
    columns = max(len(row) for row in rows)
    margin = 0.2 + max(len(line) for label in labels for line in label.split("\n")) / 14.5 if labels else 0.0
    cell = min(cell, (WIDEST - margin - beside - 0.1) / columns)
    lines = 1 + max(one.count("\n") for one in titles) if titles else 0
    every = titles is not None and len(titles) > columns
    above = 0.135 * lines * (len(rows) if every else 1)
    width = max(margin + 0.1 + columns * cell + beside, 5.5)
    with styled():
        figure = new_figure(width, 0.1 + len(rows) * (cell + 0.03) + above, "compressed")
        figure_title(figure, title, note)
        head = figure.get_suptitle().count("\n") + 1
        figure.set_size_inches(figure.get_size_inches()[0], figure.get_size_inches()[1] + 0.18 * head)
        layout_of(figure).set(w_pad=0.025, h_pad=0.015, wspace=0, hspace=0)
        axes = figure.subplots(len(rows), columns, squeeze=False)
        for y, row in enumerate(rows):
            for x in range(columns):
                number = y * columns + x
                above_it = titles[number] if titles and number < len(titles) else ""
                _picture(axes[y, x], row[x] if x < len(row) else None, above_it)
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
