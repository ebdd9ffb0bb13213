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
) -> str:
    """Execute a notebook of the study headlessly, with progress, and export it to HTML.

    \b
    Example: facebias notebook --notebook notebooks/01_data.ipynb \\
        --train-size 900 --negative-size 1200 --audit-size 240
    """
    from facebias.report.notebook import execute

    result = execute(config, source)
    places = "\n".join(f"{name:<18} {path}" for name, path in result.places.items())
    return f"\n{result.verdict}\n\n{places}" if result.verdict else f"\n{places}"
