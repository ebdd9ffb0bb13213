"""Rendered faces that several tests look at."""

from __future__ import annotations

import pytest

from facebias.data.rendering import Difficulty, render_faces
from facebias.data.sources.base import Block


@pytest.fixture(scope="session")
def plain() -> Difficulty:
    """Frontal, evenly lit, nothing in front, a perfect camera."""
    return Difficulty(
        yaw=0,
        pitch=0,
        roll=0,
        scale=0,
        shift=0,
        exposure=0,
        azimuth=0,
        elevation=0,
        tint=0,
        ambient=(0.6, 0.6),
        contrast=(1, 1),
        grey=0,
        occluder=0,
        covering=0,
        glasses=0,
        blur=0.3,
        noise=0,
        jpeg=(95, 95),
    )


@pytest.fixture(scope="session")
def audit() -> Block:
    return render_faces(480, 5)
