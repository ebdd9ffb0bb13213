"""Figures on disk: a PNG and the CSV behind it, under one name, with the same bytes each time."""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from facebias.audit.thresholds import rule_text
from facebias.core.csv import write_csv
from facebias.core.files import atomic_write
from facebias.core.outputs import OutputFolder
from facebias.core.paths import code_version
from facebias.core.words import dataset_name
from facebias.plots.described import described
from facebias.plots.style import SCREEN, mark, styled


def save(
    figure: Figure,
    table: pd.DataFrame | None,
    path: str | Path,
    *,
    synthetic: bool,
    provenance: str = "",
    dpi: int = 150,
) -> Path:
    """Mark a figure with its footer and write it, with the numbers behind it beside it.

    Args:
        figure: from any function of this package.
        table: what it shows; None for pictures.
        path: of the PNG; the CSV has the same stem.
        synthetic: whether any image behind it is rendered; the figure then says so.
        provenance: data set, n, seeds, rule, code version; see `provenance`.
        dpi: dots an inch; panels of maps cost much and gain nothing from more than 100.

    Returns:
        The path of the PNG.

    Raises:
        FacebiasError: the folder cannot be written to.
    """
    path = Path(path).with_suffix(".png")
    mark(figure, synthetic=synthetic, provenance=provenance)
    with atomic_write(path) as temporary:
        temporary.write_bytes(_png(figure, dpi))
    if table is not None:
        write_csv(table, path.with_suffix(".csv"))
    return path


def _png(figure: Figure, dpi: int) -> bytes:
    """The figure in at most 256 colours: a third of the size, and noisy faces look no worse.

    Neither time nor software version is in it: the same numbers give the same bytes.
    """
    with styled(), io.BytesIO() as drawn, io.BytesIO() as packed:
        figure.savefig(drawn, format="rgba", dpi=dpi)  # as they are: packed once, below
        width, height = figure.get_size_inches() * dpi
        image = Image.frombuffer("RGBA", (int(width), int(height)), drawn.getvalue()).convert("RGB")
        image = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        image.save(packed, format="PNG", optimize=True, dpi=(dpi, dpi))
        return packed.getvalue()


@dataclass(frozen=True)
class Shown:
    """A figure that Jupyter shows at its own size, in as few bytes as that allows; the saved file is larger.

    Attributes:
        figure: the matplotlib figure; None where it was drawn earlier (`kept.py`).
        path: where it was saved.
        words: what it shows, for those who do not see it.
        files: that were saved.
        drawn: the PNG as Jupyter shows it, where it was drawn earlier.
    """

    figure: Figure | None
    path: Path
    words: str
    files: tuple[Path, ...] = ()
    drawn: bytes = b""

    def __repr__(self) -> str:
        return f"<{self.path.name}>"  # what a notebook keeps as text: no path of this machine

    @cached_property
    def screen(self) -> bytes:
        """The PNG as Jupyter shows it."""
        return _png(self.figure, SCREEN) if self.figure else self.drawn

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """The picture, and its words as metadata, of which our HTML of a notebook makes an alt text.

        Not HTML with a picture in it, which GitHub would take out.
        """
        picture = base64.b64encode(self.screen).decode()
        return {"image/png": picture, "text/plain": repr(self)}, {"image/png": {"alt": self.words}}

    def _ipython_display_(self) -> None:
        """The picture, and its words once more for JupyterLab, which gives pictures no alt text: read, and not seen."""
        from IPython.display import display

        picture, about = self._repr_mimebundle_()
        display(picture, raw=True, metadata=about)
        hidden = f'<p class="jp-sr-only">{html.escape(self.words)}</p>'
        display({"text/html": hidden, "text/plain": self.words}, raw=True)


def show(figure: Figure, *, synthetic: bool, provenance: str = "") -> Shown:
    """Mark a figure with its footer, for Jupyter to show small; nothing is written.

    Args:
        figure: from any function of this package.
        synthetic: whether any image behind it is rendered; the figure then says so.
        provenance: as `save` takes it.
    """
    return Shown(mark(figure, synthetic=synthetic, provenance=provenance), Path("figure"), described(figure))


@dataclass(frozen=True)
class FigureFolder:
    """Where the figures of one study go, and what each of their footers says.

    Attributes:
        outputs: the folder of the PNG files and the CSV behind each, which records them.
        synthetic: whether any image behind them is rendered; every figure then says so.
        dpi: dots an inch of the saved files.
        key: fingerprint of the data that they are drawn of, by which those drawn earlier are found; "" draws anew.
    """

    outputs: OutputFolder
    synthetic: bool
    dpi: int = 150
    key: str = ""

    @property
    def folder(self) -> Path:
        """The folder itself."""
        return self.outputs.folder

    def save(
        self, figure: Figure, table: pd.DataFrame | None, name: str, *parts: str, behind: pd.DataFrame | None = None
    ) -> Shown:
        """Save as `name`.png, with the table as `name`.csv.

        Args:
            figure: from a function of `facebias.plots` or of an analysis.
            table: what it shows; None for pictures.
            name: of the files, without a suffix.
            parts: what the footer says first, for example a number of faces.
            behind: rows of a summary from which the footer tells n, seeds and rule; the table itself unless told.

        Raises:
            FacebiasError: the folder cannot be written to.
        """
        footer = provenance(table if behind is None else behind, *parts)
        path = self.outputs.path(f"{name}.png")
        save(figure, table, path, synthetic=self.synthetic, provenance=footer, dpi=self.dpi)
        saved = (path,) if table is None else (path, path.with_suffix(".csv"))
        self.outputs.add(*saved)
        return Shown(figure, path, described(figure, table), saved)

    def show(self, figure: Figure, table: pd.DataFrame | None, *parts: str) -> Shown:
        """As `save`, and nothing is written: for a figure that a reader changes while looking at it."""
        mark(figure, synthetic=self.synthetic, provenance=provenance(table, *parts))
        return Shown(figure, Path("figure"), described(figure, table))


def provenance(summary: pd.DataFrame | None, *parts: str) -> str:
    """The footer of a figure from `facebias.audit.summarise`: data sets with n, seeds, rule, code version.

    Args:
        summary: the rows shown; columns of `dataset`, `n`, `seeds` and `rule` that are missing are left out. None of
            pictures.
        parts: whatever else belongs there, for example the name of the training source.
    """
    found, summary = list(parts), pd.DataFrame() if summary is None else summary
    if {"dataset", "n", "model", "grouping"} <= set(summary):
        first = summary[summary["model"] == summary["model"].iloc[0]]
        first = first[first["metric"] == "TPR"] if "metric" in first else first
        sizes = first.groupby(["dataset", "grouping"], sort=False)["n"].sum().groupby("dataset", sort=False).max()
        found += [f"{dataset_name(str(name))}: n\u00a0=\u00a0{n:,}" for name, n in sizes.items()]
    if "seeds" in summary:
        found.append(f"seeds an arm: {int(summary['seeds'].min())}")
    if "rule" in summary:
        found.append("threshold at " + ", ".join(rule_text(rule) for rule in summary["rule"].unique()))
    return "; ".join([*found, f"facebias {code_version()}"])
