"""Scores whose groups are large, small and empty, and their summary."""

from __future__ import annotations

import pytest

from audit_tables import predictions
from facebias import audit


@pytest.fixture(scope="module")
def scored():
    table = predictions(models=("cnn", "dbvae-0.01", "vae"), seeds=2)
    # White men: two images. East Asian women: none.
    few = (table["race"] == "White") & (table["gender"] == "Male") & (table["image_id"] > "1/00201")
    none = (table["race"] == "East Asian") & (table["gender"] == "Female")
    return table[~few & ~none]


@pytest.fixture(scope="module")
def summary(scored):
    return audit.summarise(scored)
