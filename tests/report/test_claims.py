"""The report of detectors that are not ours, of which one set of weights is all there is."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from facebias.core.config import Config
from facebias.report.audit_figures import figures_of_detectors
from facebias.report.claims import claim_texts, claims_of
from facebias.report.page import AuditFolder, write_report
from facebias.training.gather import gather


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    """A table of scores in which group b is found far less often than a: its figures, and its report as text."""
    folder = tmp_path_factory.mktemp("brought")
    rng, n = np.random.default_rng(0), 200
    score = np.concatenate([rng.normal(4, 1, n), rng.normal(2, 1, n), rng.normal(0, 1, 2000)])
    table = pd.DataFrame({"image": range(len(score)), "score": score, "label": np.repeat([1, 0], [2 * n, 2000])})
    table["race"] = [*["a"] * n, *["b"] * n, *[""] * 2000]
    table.to_csv(folder / "their.csv", index=False)
    audited = gather(Config.make(), table=folder / "their.csv", names=("their detector",))
    figures = figures_of_detectors(audited, 0.01, folder / "out")
    audited.write(figures.files.outputs)
    figures.files.outputs.csv(claims_of(figures.audit), "claims.csv")
    figures.write()
    page = write_report(AuditFolder(folder / "out", folder / "runs"), folder / "report.html", "2026-01-02").read_text()
    return figures, re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", page, flags=re.S)


def test_a_claim_is_made_over_images_and_threshold(brought):
    claims = claims_of(brought[0].audit)
    assert claims["differs"].tolist() == [True] and claims["low"].iloc[0] > 0.1
    (text,) = claim_texts(claims)
    assert text.startswith("their detector, their by race: groups differ (gap ")


def test_no_word_is_said_of_trainings_and_seeds(brought):
    figures, page = brought
    assert not any("seed" in line for line in figures.audit.verdict.cautions)
    assert not re.search(r"trained on|Training seeds|seed an arm|seeds an arm|Variation over seeds", page)


def test_the_page_speaks_of_that_detector_and_shows_no_card_of_ours(brought):
    page = brought[1]
    assert "Bias audit of their detector: crops of their" in page and "one set of weights" in page
    assert "Do the groups differ?" in page and "Not a network of this project" in page
    assert "Standard CNN" not in page and "Amini" not in page
