"""`facebias runs`: which runs are there, and their removal."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from facebias.cli.completion import complete_runs
from facebias.cli.options import Answer, with_config
from facebias.core.config import Config

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="[rm RUN...]",
)


@app.callback()
@with_config("runs_dir", as_json=True)
def runs(ctx: typer.Context, config: Config) -> Answer | None:
    """List the runs: arm, seed, epochs, training data, size of the network and of the folder, state.

    \b
    Example: facebias runs
    """
    if ctx.invoked_subcommand:  # which looks in the same folder
        ctx.default_map = {ctx.invoked_subcommand: {"runs_dir": ctx.params["runs_dir"]}}
        return None
    from facebias.training.run_list import runs_table

    folder = config.path("runs")
    table = runs_table(folder)
    shown = table.assign(bytes=[f"{size / 1e6:.1f} MB" for size in table["bytes"]])
    text = shown.to_string(index=False) if len(shown) else "no runs"
    found = {"folder": str(folder), "runs": json.loads(table.to_json(orient="records"))}
    return Answer(f"{text}\nfolder: {folder}", found)


@app.command("rm", short_help="remove runs")
@with_config("runs_dir")
def remove(
    ids: Annotated[
        list[str], typer.Argument(help="Runs: id, beginning of an id, or folder.", autocompletion=complete_runs)
    ],
    config: Config,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> str:
    """Remove runs: their folders with weights, scores and tables. A run that is in use is refused.

    \b
    Example: facebias runs rm cnn-s0 --yes
    """
    from facebias.training.run_list import removable
    from facebias.training.run_list import remove as remove_run

    found = removable(ids, config)
    if not yes:
        typer.confirm(f"Remove {', '.join(run.id for run in found)}?", abort=True)
    for run in found:
        remove_run(run)
    return "\n".join(f"removed {run.path}" for run in found)
