"""`facebias notebook`: a notebook, executed headlessly."""

from __future__ import annotations

from typing import Annotated

import typer

from facebias.cli.options import EVERYTHING, with_config
from facebias.core.config import Config


@with_config(*EVERYTHING)
def notebook(
    config: Config,
    source: Annotated[
        str, typer.Option("--notebook", help="Which notebook, from the project root.")
    ] = "Bias_in_face_detection.ipynb",
) -> None:
    """Execute a notebook of the study headlessly, with progress, and export it to HTML.

    \b
    Example: facebias notebook --epochs 2 --seeds 1 --train-size 600 --negative-size 600
    """
    from facebias.report.notebook import execute

    result = execute(config, source)
    typer.echo(f"\n{result.verdict}\n" if result.verdict else "")
    typer.echo("\n".join(f"{name:<18} {path}" for name, path in result.places.items()))
