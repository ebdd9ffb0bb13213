"""`facebias audit`: groups compared at matched false positive rates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facebias.cli.completion import complete_runs
from facebias.cli.options import COMPUTING, Answer, with_config
from facebias.core.config import Config


@with_config("data", "audit_data", "fpr", *COMPUTING, as_json=True)
def audit(
    config: Config,
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Scored runs: folder, id, or the beginning of an id.", autocompletion=complete_runs),
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option(
            help="A detector that is not ours: package.module:function, file.py:function, file.pt or file.pt2."
        ),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="A table of scores, CSV or parquet: image, score, label, group columns.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="What to call each --detector, in order, and last the table.")
    ] = None,
    probability: Annotated[
        bool,
        typer.Option("--probability", help="Scores of --detector and --predictions are probabilities, not logits."),
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for tables and figures.")] = Path("audit"),
) -> Answer:
    """Compare groups at matched false positive rates: the group report, its figures and the verdict.

    \b
    Example: facebias audit cnn-s0 dbvae-0.01-s0

    A detector that is not ours is scored on the same packed images (64 x 64 pixels), beside runs or alone:

    \b
    Example: facebias audit cnn-s0 --detector facebias.adapters:lbp_cascade --out cascade
    """
    from facebias.report.audit_figures import figures_of_detectors
    from facebias.report.claims import claim_texts, claims_of
    from facebias.training.gather import gather

    found = gather(config, runs or (), detector or (), predictions, name or (), probability=probability)
    figures = figures_of_detectors(found, config.fpr, out.resolve())
    cautions = found.cautions(config.fpr, probability=probability)
    found.write(figures.files.outputs)
    if figures.audit.fixed:
        claims = claims_of(figures.audit)
        figures.files.outputs.csv(claims, "claims.csv")
        cautions = [*claim_texts(claims), *cautions]
    figures.write_tables()
    figures.all()
    figures.write_verdict()
    text = "\n".join([figures.audit.text, *cautions, f"tables and figures: {out.resolve()}"])
    return Answer(text, {"verdict": figures.audit.told, "cautions": cautions, "folder": str(out.resolve())})
