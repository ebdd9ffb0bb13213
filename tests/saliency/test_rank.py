"""The place that README and docs give to FullGrad among the methods is that of the committed tables."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from facebias.saliency.benchmarks.rows import area

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("faces", ["fairface", "utkface"])
def test_the_place_of_fullgrad_by_area_is_the_one_that_is_stated(faces):
    table = pd.read_csv(ROOT / f"figures/saliency-{faces}/pixels-least-cnn.csv")
    curves = table[table["metric"] == "relative change"].pivot(index="method", columns="k", values="mean")
    heights = pd.Series(area(curves.to_numpy(), tuple(curves.columns)), curves.index)
    place, methods = int((heights <= heights["fullgrad"]).sum()), len(heights)
    for document in ("README.md", "docs/saliency.md"):
        text = re.sub(r"\s+", " ", (ROOT / document).read_text(encoding="utf-8"))
        assert f"{place}th of {methods} methods" in text
