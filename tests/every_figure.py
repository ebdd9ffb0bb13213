"""Every figure function of the package on small made inputs: of a few groups, and of more than a page holds."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import facebias
from facebias import plots
from facebias.analyses.mechanism.plots import preferred_faces, step_changes
from facebias.analyses.mistakes.plots import chance_gaps, false_alarms, sorted_weights
from facebias.analyses.pictures.plots import protocol_answer, protocol_groups
from facebias.analyses.saliency.changes import CHANGE
from facebias.analyses.saliency.plots import mean_face, saliency_differences, saliency_means
from facebias.analyses.saliency.plots_changes import saliency_beside
from facebias.analyses.saliency.plots_regions import region_shares
from facebias.analyses.shift.plots import shift_changes, shift_curves, shift_gaps
from facebias.analyses.tone.plots import recall_along, tone_accuracy, tone_by_race
from facebias.analyses.whole_pictures.plots import (
    condition_panels,
    detectors_overview,
    found_and_missed,
    groups_at_points,
    misses_against_ita,
)
from facebias.report.comparison.plots import group_changes, recall_beside_published
from facebias.saliency.benchmarks.plots import perturbation_curves, retrain_curves, sanity_curves
from figure_inputs import (
    BOTH,
    FEW,
    METHODS,
    accuracy,
    along_factors,
    benchmark,
    by_rate,
    by_tone,
    calibrated,
    changes_along,
    gaps_along,
    history,
    levels,
    maps,
    measures,
    model_changes,
    people,
    per_model,
    pictures,
    preferred,
    protocols,
    race_tones,
    ratios,
    regions,
    retrained,
    sanity,
    score_spread,
    short_training,
    steps,
    whole_conditions,
    whole_gaps,
    whole_groups,
    whole_means,
    whole_misses,
)


def figure_functions() -> set[str]:
    """Names of all public functions of the package that return a Figure, but for the tools they are made with."""
    found = set()
    for module in pkgutil.walk_packages(facebias.__path__, "facebias."):
        if not module.name.rpartition(".")[2].startswith("__main__"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if inspect.isfunction(value) and value.__module__ == module.name and not name.startswith("_"):
                    found |= {name} if value.__annotations__.get("return") in (Figure, "Figure") else set()
    return found - {"new_figure", "picture_grid", "mark"}


def drawers(count: int) -> dict[str, Callable[[], Figure]]:
    """What draws each figure, by the name of its function, of so many levels of race."""
    return of_audit(count) | of_data(count) | of_analyses(count)


def of_audit(count: int) -> dict[str, Callable[[], Figure]]:
    summary = per_model(count)
    return {
        "arms_overview": lambda: plots.arms_overview(
            measures(), model_changes(FEW).assign(distinguishable=True), "fairface", "race"
        ),
        "recall_against_threshold": lambda: plots.recall_against_threshold(by_rate(count)),
        "group_heatmap": lambda: plots.group_heatmap(summary, "fairface"),
        "group_recall": lambda: plots.group_recall(summary, "fairface"),
        "source_recall": lambda: plots.source_recall(pd.concat([summary, summary.assign(dataset="test")]), "celeba"),
        "paired_slope": lambda: plots.paired_slope(summary, "fairface", *BOTH),
        "recall_against_ita": lambda: plots.recall_against_ita(by_tone()),
        "training_curves": lambda: plots.training_curves(history()),
        "sampling_by_group": lambda: plots.sampling_by_group(ratios(count)),
        "recall_beside_published": lambda: recall_beside_published(summary, "fairface", "race x gender"),
        "group_scores": lambda: plots.group_scores(score_spread(count)),
        "group_calibration": lambda: plots.group_calibration(calibrated(count)),
        "group_changes": lambda: group_changes(model_changes(count), "fairface", "race x gender"),
    }


def of_data(count: int) -> dict[str, Callable[[], Figure]]:
    heads = {"alpha": pictures(16)} if count == FEW else {name: pictures(8, 16) for name in levels(count)}
    return {
        "contact_sheet": lambda: plots.contact_sheet(
            {"light\n55.0 %": pictures(8), "dark\n3.2 %": pictures(3)}, "Rendered"
        ),
        "mean_faces": lambda: plots.mean_faces(heads),
        "likely_faces": lambda: plots.likely_faces(pictures(40), np.arange(40) + 1.0, synthetic=True),
        "reconstructions": lambda: plots.reconstructions(pictures(12), pictures(12) // 2),
        "traversal": lambda: plots.traversal(
            pictures(35).reshape(5, 7, 64, 64, 3), [f"z {k}" for k in range(5)], range(-3, 4)
        ),
        "composition": lambda: plots.composition(people(count)),
        "ita_histogram": lambda: plots.ita_histogram(people(count)),
    }


def of_analyses(count: int) -> dict[str, Callable[[], Figure]]:
    points, checked = accuracy()
    groups, levels_at = protocols(count)
    face, along = mean_face(pictures(8)), along_factors(count)
    trained = {"scale": (0.85, 1.15), "offset": (-0.05, 0.05)}
    return {
        "preferred_faces": lambda: preferred_faces(preferred()),
        "step_changes": lambda: step_changes(steps(), "celeba"),
        "protocol_answer": lambda: protocol_answer(groups, levels_at),
        "protocol_groups": lambda: protocol_groups(groups, "recall", "race", BOTH),
        "saliency_means": lambda: saliency_means(maps(count, BOTH), face),
        "saliency_differences": lambda: saliency_differences(maps(count, BOTH), face),
        "saliency_beside": lambda: saliency_beside(maps(count, (*BOTH, CHANGE), margins=False), face),
        "region_shares": lambda: region_shares(regions(count)),
        "shift_curves": lambda: shift_curves(along, "scale", "celeba", trained["scale"]),
        "shift_gaps": lambda: shift_gaps(gaps_along(), trained, "celeba"),
        "shift_changes": lambda: shift_changes(changes_along(), trained, "celeba"),
        "tone_accuracy": lambda: tone_accuracy(points, checked, "synthetic"),
        "recall_along": lambda: recall_along(by_tone().rename(columns={"ita": "hue"}), "hue", "fairface"),
        "tone_by_race": lambda: tone_by_race(race_tones(count), "fairface", 0.4),
        "perturbation_curves": lambda: perturbation_curves(benchmark("relative change", METHODS, "least"), "least"),
        "retrain_curves": lambda: retrain_curves(retrained()),
        "sanity_curves": lambda: sanity_curves(sanity()),
        "false_alarms": lambda: false_alarms({"right": short_training(), "mistaken": short_training()}),
        "sorted_weights": lambda: sorted_weights({"maximum": np.arange(1, 41) / 820, "mistaken": np.full(40, 1 / 40)}),
        "chance_gaps": lambda: chance_gaps(),
        "detectors_overview": lambda: detectors_overview(whole_gaps(), "fairface", "race"),
        "groups_at_points": lambda: groups_at_points(whole_groups(FEW), "fairface", "race"),
        "condition_panels": lambda: condition_panels(whole_conditions(FEW), "hog", "fairface", "race"),
        "misses_against_ita": lambda: misses_against_ita(whole_misses(), "fairface"),
        "found_and_missed": lambda: found_and_missed(*whole_means(), "fairface", "race"),
    }
