"""The command line: one verb a stage, and two that run them all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facebias.cli.options import with_config
from facebias.core.config import Config
from facebias.core.errors import FacebiasError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 110},
    help="Audit face detectors for demographic bias.\n\nStages: data, train, score, audit. All of them: study, or "
    "notebook for the same inside Bias_in_face_detection.ipynb.",
)
EVERYTHING = ("data", "audit_data", "train", "study", "runtime")


@app.command()
@with_config("data", "train", "runtime", arm=True)
def train(config: Config) -> None:
    """Train one detector; a finished one is found, an interrupted one goes on.

    \b
    Example: facebias train --model standard_cnn --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.training.fit import fit

    typer.echo(fit(config).path)


@app.command()
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


@app.command()
@with_config("data", "audit_data", "study", "runtime")
def audit(
    config: Config,
    runs: Annotated[
        list[str] | None, typer.Argument(help="Scored runs: folder, id, or the beginning of an id.")
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
) -> None:
    """Compare groups at matched false positive rates: the group report, its figures and the verdict.

    \b
    Example: facebias audit cnn-s0 dbvae-0.01-s0 --out audit

    A detector that is not ours is scored on the same packed images (64 x 64 pixels), beside runs or alone:

    \b
        facebias audit cnn-s0 --detector facebias.detectors.adapters:lbp_cascade
    """
    from facebias.detectors import DetectorFigures, gather

    found = gather(config, runs or (), detector or (), predictions, name or (), probability=probability)
    figures = DetectorFigures.of(found, config.fpr, out.resolve())
    cautions = found.cautions(config.fpr, probability=probability)
    found.write(out.resolve())
    figures.all()
    figures.findings.write(out.resolve())
    typer.echo("\n".join([figures.findings.text, *cautions, f"tables and figures: {out.resolve()}"]))


@app.command()
@with_config(*EVERYTHING)
def study(config: Config) -> None:
    """Train, score and audit every arm with every seed; finished runs are kept, so it can be stopped and resumed.

    \b
    Example: facebias study --arms cnn,dbvae-0.01 --seeds 2 --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.report.study_figures import write_study
    from facebias.training.study import run_study

    found = run_study(config)
    typer.echo(write_study(found).text)
    typer.echo(f"runs: {config.path('runs')}\nfigures: {config.path('figures') / config.figures_name}")


@app.command()
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


def _mount() -> None:
    from facebias.cli.compare import register as mount_comparison
    from facebias.cli.data import app as data
    from facebias.cli.detect import register as mount_detection
    from facebias.cli.explain import register as mount_saliency
    from facebias.cli.report import register as mount_report
    from facebias.cli.shift import register as mount_evidence

    mount_comparison(app)
    mount_detection(app)
    mount_evidence(app)
    mount_saliency(app)
    mount_report(app)
    app.add_typer(data, name="data", help="Fetch, pack and describe the images.")


def main() -> None:
    """Run the command line: exit status 1 and one line for a fault, 130 when interrupted."""
    _mount()
    try:
        app()
    except FacebiasError as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("interrupted; finished epochs and runs are kept, the same command goes on from them", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
