"""Figures on disk: a PNG and the CSV behind it, under one name, with the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from facebias.audit.names import dataset_name
from facebias.audit.tables import write_csv
from facebias.audit.thresholds import rule_text
from facebias.plots.style import mark, styled
from facebias.storage import atomic_write, code_version


def save(figure: Figure, table: pd.DataFrame | None, path: str | Path, *, synthetic: bool,
         provenance: str = "") -> Path:
    """Mark a figure with its footer and write it, with the numbers behind it beside it.

    Args:
        figure: from any function of this package.
        table: what it shows; None for pictures.
        path: of the PNG; the CSV has the same stem.
        synthetic: whether any image behind it is rendered; the figure then says so.
        provenance: data set, n, seeds, rule, code version; see `provenance`.

    Returns:
        The path of the PNG.

    Raises:
        FacebiasError: the folder cannot be written to.
    """
    path = Path(path).with_suffix(".png")
    mark(figure, synthetic=synthetic, provenance=provenance)
    with styled(), atomic_write(path) as temporary:
        # neither time nor software version: the same numbers give the same bytes
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None})
    if table is not None:
        write_csv(table, path.with_suffix(".csv"))
    return path


def provenance(summary: pd.DataFrame, *parts: str) -> str:
    """The footer of a figure from `facebias.audit.summarise`: data sets with n, seeds, rule, code version.

    Args:
        summary: the rows shown; columns of `dataset`, `n`, `seeds` and `rule` that are missing are left out.
        parts: whatever else belongs there, for example the name of the training source.
    """
    found = list(parts)
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
