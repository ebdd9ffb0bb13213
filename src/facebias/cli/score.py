"""`facebias score`: a run's logit for every held-out image."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from facebias.cli.completion import complete_runs
from facebias.cli.options import COMPUTING, Answer, with_config
from facebias.core.config import Config


@with_config("audit_data", *COMPUTING, default="the run's", as_json=True)
def score(
    runs: Annotated[
        list[str], typer.Argument(help="Runs: folder, id, or the beginning of an id.", autocompletion=complete_runs)
    ],
    config: Config,
    given: dict[str, Any],
) -> Answer:
    """Write a run's predictions.parquet: its logit for every held-out image and every face of the audit sets.

    What is not given is as the run has it.

    \b
    Example: facebias score cnn-s0 --audit-size 240
    """
    from facebias.training.run import Run
    from facebias.training.score import score as score_run

    lines, found = [], []
    for name in runs:
        run = Run.find(name, config)
        table = score_run(run, run.config.with_(**given))
        counts = {str(name): int(n) for name, n in table.groupby("dataset", sort=False).size().items()}
        path = run.path / "predictions.parquet"
        lines.append(f"{path}: {len(table)} rows, {', '.join(f'{name} {n}' for name, n in counts.items())}")
        found.append({"run": run.id, "predictions": str(path), "rows": counts})
    return Answer("\n".join(lines), {"runs": found})
