"""A run of ours as one more detector of whole pictures."""

from __future__ import annotations

import numpy as np
import pytest

import made
from facebias.analyses.whole_pictures.find import Spec
from facebias.core.errors import FacebiasError


def test_a_run_searches_with_the_windows_that_are_asked_for(tiny):
    run = made.untrained_run(tiny)
    fine, coarse = Spec(f"ours={run.path}")(), Spec(f"ours={run.path}@coarse")()
    assert fine.key != coarse.key and fine.card.weights == coarse.card.weights
    picture = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    found = coarse([picture])[0]
    assert (found.boxes >= 0).all() and (found.boxes[:, 2:] <= (120, 90)).all()


def test_a_folder_that_is_no_run_is_told(tmp_path):
    with pytest.raises(FacebiasError) as error:
        Spec(f"ours={tmp_path}@coarse")()
    assert "\n" not in str(error.value)
