"""Predictions for the tests of the audit: small, believable, seeded."""

from __future__ import annotations

import numpy as np
import pandas as pd

from facebias.audit.predictions import PREDICTION_COLUMNS
from facebias.core.tone_scale import classify_ita

RACES = ("Black", "East Asian", "White")


def images(per_cell=40, negatives=400, seed=0):
    """One row an image: validation and test negatives, test faces, and an audit set of race x gender cells."""
    rng = np.random.default_rng(seed)

    def block(dataset, n, label):
        return pd.DataFrame(
            {
                "dataset": dataset,
                "image_id": [f"{label}/{k:05d}" for k in range(n)],
                "label": label,
                "skin_tone": "",
                "ita": np.nan,
                "race": "",
                "gender": "",
                "age": "",
            }
        )

    validation, test = block("validation", negatives, 0), block("test", negatives, 0)
    own = block("test", 200, 1).assign(gender=rng.choice(["Female", "Male"], 200), ita=rng.normal(35, 15, 200))
    audit = block("fairface", 2 * len(RACES) * per_cell, 1)
    audit = audit.assign(
        race=np.tile(np.repeat(RACES, per_cell), 2), gender=np.repeat(["Female", "Male"], len(RACES) * per_cell)
    )
    audit["ita"] = np.where(audit["race"] == "Black", -35, 35) + rng.normal(0, 20, len(audit))
    table = pd.concat([validation, test, own, audit], ignore_index=True)
    return table.assign(skin_tone=classify_ita(table["ita"].to_numpy()))


def predictions(models=("cnn", "dbvae-0.01"), seeds=3, lift=0.0, penalty=2.0, seed=0, **options):
    """Scores of each run: faces of Black people get `penalty` less, of which the second model gives back `lift`."""
    table = images(seed=seed, **options)
    rng = np.random.default_rng([seed, 1])
    hardness = rng.normal(0, 1, len(table))
    parts = []
    for number, model in enumerate(models):
        for run in range(seeds):
            off = np.where(table["race"] == "Black", penalty - lift * (number > 0), 0.0)
            score = np.where(table["label"] == 1, 3.2 - off, -3) + hardness + rng.normal(0, 0.6, len(table))
            parts.append(table.assign(run_id=f"{model}-s{run}", model=model, seed=run, score=score.astype(np.float32)))
    return pd.concat(parts, ignore_index=True)[list(PREDICTION_COLUMNS)]
