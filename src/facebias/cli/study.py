"""`facebias study`: every arm and seed, trained, scored and audited."""

from __future__ import annotations

from facebias.cli.cluster import Gpus, Kind, Memory, Minutes, Partition
from facebias.cli.options import EVERYTHING, Answer, with_config
from facebias.core.config import Config


@with_config(*EVERYTHING, as_json=True)
def study(
    config: Config,
    cluster: Kind = "",
    partition: Partition = "",
    gpus: Gpus = 0,
    memory: Memory = 8,
    minutes: Minutes = 240,
) -> Answer:
    """Train, score and audit every arm with every seed; finished runs are kept, so it can be stopped and resumed.

    \b
    Example: facebias study --arms cnn,dbvae-0.01 --seeds 2 --epochs 4 \\
        --train-size 900 --negative-size 1200 --audit-size 240

    Pictures of your own are an audit set too: --audit-sets synthetic,folder:mine=pictures, with pictures/labels.csv
    (file, and any columns to group by). facebias data render makes such a folder to try.

    On a cluster: --cluster slurm --workers 50 --gpus 1. Called again, it repeats what failed and nothing else.
    """
    from facebias.report.study_figures import write_study
    from facebias.training.cluster import Cluster
    from facebias.training.study import run_study

    asked = Cluster(cluster, partition, gpus, memory, minutes, config.threads) if cluster else None
    done = run_study(config, asked)
    audit, folder = write_study(done), config.study_folder
    text = f"{audit.text}\nruns: {config.path('runs')}\nstudy: {folder}"
    runs = [run.id for run in done.runs]
    return Answer(text, {"study": config.study_id, "folder": str(folder), "runs": runs, "verdict": audit.told})
