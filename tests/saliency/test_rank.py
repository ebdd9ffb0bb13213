"""The places that README and docs give to FullGrad among the methods are those of the committed tables."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from facebias.saliency.benchmarks.rows import area

ROOT = Path(__file__).resolve().parents[2]


def _text(document: str) -> str:
    return re.sub(r"\s+", " ", (ROOT / document).read_text(encoding="utf-8"))


def _place(heights: pd.Series) -> tuple[int, int]:
    """FullGrad's place among the methods of `heights`, and how many there are."""
    return int((heights <= heights["fullgrad"]).sum()), len(heights)


def _published(faces: str) -> tuple[int, int]:
    """The place by the area under the published curve, in the study of the saliency benchmark."""
    table = pd.read_csv(ROOT / f"figures/saliency-{faces}/pixels-least-cnn.csv")
    curves = table[table["metric"] == "relative change"].pivot(index="method", columns="k", values="mean")
    return _place(pd.Series(area(curves.to_numpy(), tuple(curves.columns)), curves.index))


def _steadier(faces: str) -> tuple[int, int]:
    """The place by the change over the mean score, on the CNNs of the primary study."""
    table = pd.read_csv(ROOT / f"figures/saliency-primary/areas-{faces}.csv")
    return _place(table[table["metric"] == "change over mean score, area"].set_index("method")["mean"])


@pytest.mark.parametrize("faces", ["fairface", "utkface"])
def test_the_place_of_fullgrad_is_the_one_that_is_stated_by_either_measure(faces):
    (published, methods), (steadier, again) = _published(faces), _steadier(faces)
    assert methods == again
    assert f"{published}th or {steadier}th of {methods} methods" in _text("README.md")
    assert f"{published}th of {methods} methods" in _text("docs/saliency.md")
    assert f"{steadier}th of {methods} on both face sets" in _text("docs/saliency.md")
