"""`facebias protocols`: how far the grid of windows moves the answer."""

from __future__ import annotations

from typing import Annotated

import typer

from facebias.cli.options import COMPUTING, STUDIES, with_config
from facebias.core.config import Config
from facebias.detectors.windows import GRIDS, NAMED, Scan


@with_config(*COMPUTING, STUDIES, study=True)
def protocols(
    config: Config,
    grid: Annotated[
        str,
        typer.Option(
            help=f"Protocols to compare, of {', '.join(NAMED)} or as NAME=SMALLEST:LARGEST:RATIO@STRIDE, separated by "
            "commas."
        ),
    ] = ",".join(GRIDS),
    top: Annotated[int, typer.Option(help="A picture's score is the mean of so many best windows.", min=1)] = 1,
    image_fpr: Annotated[
        float,
        typer.Option(
            help="Share of pictures with a false alarm in their background, at "
            "whose thresholds the second comparison is made."
        ),
    ] = 0.1,
) -> str:
    """Audit a finished study in whole pictures by several window protocols: how far the protocol moves the answer.

    \b
    Example: facebias protocols synthetic --grid near=0.4:0.8:1.42@0.5
    """
    from facebias.analyses.pictures.figures import audit_protocols
    from facebias.training.threads import threads

    with threads(config.threads):
        found = audit_protocols(config, parse_grid(grid, top), image_fpr)
    for audit in found:
        audit.write()
    return "\n".join([*(audit.text for audit in found), f"tables and figures: {found[0].files.folder}"])


def parse_grid(text: str, top: int = 1) -> dict[str, Scan]:
    """Protocols by name, from "coarse,mine=0.3:0.6:1.2@0.2".

    Raises:
        FacebiasError: a protocol that is neither known nor spelled out.
    """
    found = {}
    for part in text.split(","):
        name, _, spelled = part.strip().partition("=")
        found[name] = Scan.parse(spelled or name, top)
    return found
