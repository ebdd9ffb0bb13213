"""Mistakes of published implementations, each switched on in small trainings, to see what it does to the numbers."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "images": ["input_table", "pixel_table", "squash_table", "whole_pictures"],
        "judging": ["PUBLISHED", "chance_gap", "chance_table", "choice_table", "precision_table", "threshold_table"],
        "networks": [
            "BroadcastLabels",
            "EvalLeftOn",
            "FacesClassifiedAlone",
            "ImageByImage",
            "ReluAtTheEnd",
            "VarianceAsSpread",
        ],
        "plots": ["chance_gaps", "false_alarms", "sorted_weights"],
        "tables": [
            "alarm_table",
            "leak_table",
            "log_weights",
            "norm_table",
            "relu_table",
            "spread_table",
            "weight_table",
        ],
        "training": ["Lesson", "Trained", "train_short"],
    },
)
