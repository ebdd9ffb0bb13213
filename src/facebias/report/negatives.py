"""What held-out non-faces are made of, and which of them each arm takes for faces."""

from __future__ import annotations

import pandas as pd

from facebias.audit.thresholds import fix_thresholds
from facebias.core.words import HELD_OUT
from facebias.data.dataset import FaceDataset
from facebias.data.describe import kinds_of_negatives
from facebias.data.pack import pack_training
from facebias.training.study import Study

NEGATIVES_COLUMNS = ("dataset", "kind", "n", "share", "model", "seeds", "false_alarms", "share_of_alarms")


def negatives_by_kind(study: Study) -> pd.DataFrame:
    """How many held-out non-faces of each kind there are, and what an arm's false alarms consist of.

    Returns:
        NEGATIVES_COLUMNS, one row a split, arm and kind: `share` of the split's non-faces, `false_alarms` the share of
        the kind that lies above the threshold, `share_of_alarms` the kind's part of all false alarms; both are means
        over the seeds. No rows where the data tell no kinds.
    """
    files = pack_training(study.config)
    kinds = {split: kinds_of_negatives(FaceDataset.load(files[split])) for split in HELD_OUT}
    if any(one is None for one in kinds.values()):
        return pd.DataFrame(columns=list(NEGATIVES_COLUMNS))
    told = pd.concat(kinds, names=["dataset", "image_id"]).rename("kind").reset_index()
    predictions = study.predictions
    fixed = fix_thresholds(predictions, (study.rule,)).set_index("run_id")["threshold"]
    scored = predictions[predictions["label"] == 0].merge(told, on=["dataset", "image_id"])
    scored = scored.assign(alarm=scored["score"] >= scored["run_id"].map(fixed))
    by = ["dataset", "model", "kind"]
    table = scored.groupby(by, sort=False).agg(
        rows=("alarm", "size"), alarms=("alarm", "sum"), seeds=("seed", "nunique")
    )
    table = table.reset_index()
    whole = table.groupby(["dataset", "model"], sort=False)[["rows", "alarms"]].transform("sum")
    table = table.assign(n=table["rows"] // table["seeds"], share=table["rows"] / whole["rows"])
    table = table.assign(
        false_alarms=table["alarms"] / table["rows"], share_of_alarms=table["alarms"] / whole["alarms"]
    )
    return table[list(NEGATIVES_COLUMNS)].round(6)
