"""Benchmarks of saliency: is a map about the model, and are the pixels it points at those that matter?

Pixel perturbation (`perturbation`), remove and retrain (`retrain`), sanity checks under randomisation (`sanity`). All
give rows of one tidy table, see `rows.COLUMNS`.
"""

from __future__ import annotations

from facebias.saliency.benchmarks.networks import network
from facebias.saliency.benchmarks.perturbation import SHARES, perturbation_changes, removal_order, remove
from facebias.saliency.benchmarks.plots import of_benchmark
from facebias.saliency.benchmarks.settings import Settings
from facebias.saliency.benchmarks.suite import run_suite

__all__ = [
    "SHARES",
    "Settings",
    "network",
    "of_benchmark",
    "perturbation_changes",
    "removal_order",
    "remove",
    "run_suite",
]
