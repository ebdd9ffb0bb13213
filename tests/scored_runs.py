"""A run with made-up scores, and the command line as a person calls it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from facebias.audit.predictions import PREDICTION_COLUMNS
from facebias.cli import app
from facebias.core.outputs import OutputFolder
from facebias.core.studies import SETTINGS
from facebias.training.run import PREDICTIONS_SCHEMA
from made import untrained_run


def scored(config, seed=0, model="standard_cnn"):
    """A run with initial weights and made-up predictions, finished as training and scoring would leave it."""
    run = untrained_run(config, seed, model)
    config = run.config
    table = pd.DataFrame({"image_id": [f"n{i}" for i in range(200)], "score": np.linspace(-1, 1, 200)})
    table = table.assign(run_id=run.id, model=config.arm, seed=config.seed, dataset="validation", label=0)
    run.write_parquet("predictions.parquet", table.reindex(columns=list(PREDICTION_COLUMNS)), PREDICTIONS_SCHEMA, "")
    return run


def command(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def audited(config):
    """Leave the study of these settings as an audit would, so that a command finds it by its name."""
    OutputFolder(config.study_folder, config.study_id).json(config.as_dict(), SETTINGS)
    return config.study_id
