"""Runs of made scores, for the tests of comparing any runs."""

from __future__ import annotations

import json
from functools import cache

from audit_tables import predictions
from facebias.core.config import Config
from facebias.core.outputs import OutputFolder
from facebias.core.studies import SETTINGS
from facebias.training.run import PREDICTIONS_SCHEMA, Run

BASE = Config(audit_sets="fairface", train_faces="celeba", negatives="folder")


def made(folder, config, table):
    """A run's folder as training and scoring leave it; `table` are predictions of any run."""
    run = Run(folder / config.run_id)
    run.path.mkdir(parents=True)
    run.start(config.with_(runs_dir=str(folder)))
    (run.path / "DONE.json").write_text(json.dumps({"train_sha256": "abcdef0123", "code_version": "1"}))
    table = table.assign(run_id=run.id, model=config.arm, seed=config.seed)
    run.write_parquet("predictions.parquet", table, PREDICTIONS_SCHEMA, "key")
    return run


@cache
def scored(lift):
    """Without skin tones, which would double the groupings."""
    return predictions(seeds=6, lift=lift, penalty=4.0, negatives=300).assign(skin_tone="")


class Shelf:
    """Runs in one folder; scores of (arm, seed) come from `predictions` with the arm's lift for Black faces."""

    def __init__(self, folder):
        self.folder = folder
        self.config = BASE.with_(runs_dir=str(folder))

    def add(self, arm, *seeds, lift=0.0, change=lambda table: table, **settings):
        scores, model = scored(lift), "dbvae-0.01" if lift else "cnn"
        return [
            made(
                self.folder,
                BASE.for_arm(arm, seed).with_(**settings),
                change(scores[(scores["model"] == model) & (scores["seed"] == seed)]),
            )
            for seed in seeds
        ]

    def study(self, seeds=2, lift=4.0, **settings):
        """A finished and audited study of two arms, whose runs lie here; returns its settings."""
        places = {"runs_dir": str(self.folder), "studies_dir": str(self.folder.parent / "studies")}
        config = BASE.with_(arms="cnn,dbvae-0.01", seeds=seeds, **places, **settings)
        for arm, gained in (("cnn", 0.0), ("dbvae-0.01", lift)):
            new = [seed for seed in range(seeds) if not Run.of(config.for_arm(arm, seed)).path.exists()]
            self.add(arm, *new, lift=gained, **settings)
        OutputFolder(config.study_folder, config.study_id).json(config.as_dict(), SETTINGS)
        return config


def change_of(found, **where):
    rows = found.changes
    for name, value in where.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]
