"""`facebias score`: a run's logit for every held-out image."""

from __future__ import annotations

from typing import Annotated

import typer

from facebias.cli.options import with_config
from facebias.core.config import Config


@with_config("audit_data", "runtime")
def score(
    runs: Annotated[list[str], typer.Argument(help="Runs: folder, id, or the beginning of an id.")],
    config: Config,
    data_root: Annotated[str, typer.Option(help="Folder of the raw photographs.")] = "",
) -> None:
    """Write a run's predictions.parquet: its logit for every held-out image and every face of the audit sets.

    \b
    Example: facebias score cnn-s0 --audit-sets synthetic --audit-size 600
    """
    from facebias.training.run import Run
    from facebias.training.score import score as score_run

    for name in runs:
        run = Run.find(name, config)
        where = {"data_root": data_root} if data_root else {"data_root": run.config.data_root}
        own = run.config.with_(**config.as_dict("audit_data", "runtime"), **where)
        table = score_run(run, own)
        typer.echo(
            f"{run.path / 'predictions.parquet'}: {len(table)} rows, "
            + ", ".join(f"{name} {n}" for name, n in table["dataset"].value_counts(sort=False).items())
        )
