"""`facebias explain`, `facebias explain-groups` and `facebias benchmark-saliency`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facebias.cli.options import with_config
from facebias.core.config import Config

if TYPE_CHECKING:
    import pandas as pd


@with_config("runtime")
def explain(
    images: Annotated[list[Path], typer.Argument(help="Pictures, folders of pictures, or zip archives.")],
    config: Config,
    model: Annotated[str, typer.Option(help="A run (folder, id, or beginning of an id), or torchvision:NAME.")],
    out: Annotated[Path, typer.Option(help="Folder for overlays, maps and the manifest.")] = Path("explained"),
    method: Annotated[
        str, typer.Option(help="fullgrad, input_gradient, gradcam, ...; a wrong one lists all.")
    ] = "fullgrad",
    weights: Annotated[
        Path | None, typer.Option(help="state_dict of a torchvision network; its own if left out.")
    ] = None,
    target: Annotated[int | None, typer.Option(help="Index of the output to explain; the highest if left out.")] = None,
    scope: Annotated[str, typer.Option(help="What FullGrad rescales at a time: layer or channel.")] = "layer",
) -> None:
    """Show what in each picture made a network answer as it did: overlay, raw map (.npy) and manifest.

    \b
    Example: facebias explain photographs --model cnn-s0 --out explained
    """
    from facebias.data.user_pictures import gather
    from facebias.saliency.explain import explain_pictures
    from facebias.saliency.subjects import find_subject
    from facebias.training.threads import threads

    places = gather(images)
    with threads(config.threads):
        made = explain_pictures(places, find_subject(model, config, weights), method, out.resolve(), target, scope)
    rejected = f", {made['rejected']} could not be read: see rejects.csv" if made["rejected"] else ""
    typer.echo(f"{out.resolve()}: {len(made['pictures'])} pictures explained{rejected}")


@with_config("data", "audit_data", "train", "study", "runtime")
def explain_groups(config: Config) -> None:
    """Draw FullGrad per group for a study, with its figures: means, differences, regions, CNN beside DB-VAE.

    Takes the settings that the study was run with, and finds its runs; any that is missing is trained first.

    \b
    Example: facebias explain-groups --arms cnn,dbvae-0.01 --seeds 2 --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.analyses.saliency.figures import SaliencyFigures
    from facebias.training.study import run_study
    from facebias.training.threads import threads

    figures = SaliencyFigures.of(run_study(config))
    with threads(config.threads):
        figures.all()
    typer.echo(f"FullGrad of {', '.join(figures.saliency_arms)}, {config.seeds} seeds: {figures.folder}")


@with_config("runtime")
def benchmark_saliency(
    runs: Annotated[list[str], typer.Argument(help="Trained runs; those of one arm are its seeds.")],
    config: Config,
    data: Annotated[Path | None, typer.Option(help="Packed audit set; the first run's first one if left out.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for tables and figures.")] = Path("benchmark-saliency"),
    parts: Annotated[str, typer.Option(help="Of pixels, retrain, sanity, separated by commas.")] = "pixels,sanity",
    methods: Annotated[str, typer.Option(help="Names separated by commas, or all.")] = "all",
    images: Annotated[int, typer.Option(help="Faces for pixel perturbation.")] = 500,
    sanity_images: Annotated[int, typer.Option(help="Of these, for the sanity checks.")] = 100,
    train_images: Annotated[int, typer.Option(help="Training images of each retraining, half of them faces.")] = 4000,
    retrain_epochs: Annotated[int, typer.Option(help="Epochs of each retraining.")] = 4,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Also a sanity check on shuffled labels.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the draws of images.")] = 0,
) -> None:
    """Measure saliency methods: pixel perturbation, remove and retrain, and sanity checks, with intervals.

    \b
    Example: facebias benchmark-saliency cnn-s0 --methods fullgrad,random --images 100 --sanity-images 20
    """
    from facebias.data.dataset import FaceDataset
    from facebias.data.pack import pack_audit
    from facebias.saliency.benchmarks import Settings, run_suite
    from facebias.saliency.subjects import find_subject
    from facebias.training.threads import threads

    settings = Settings(parts, methods, images, sanity_images, train_images, retrain_epochs, labels, seed)
    with threads(config.threads):
        subjects = [find_subject(name, config) for name in runs]
        own = subjects[0].run.config.with_(**config.as_dict("runtime"))
        packed = FaceDataset.load(data or pack_audit(own, own.audit_names[0]))
        if len(packed.faces) < images:
            typer.echo(f"{packed.path.name} holds {len(packed.faces)} faces, fewer than {images}: all are taken")
        table = run_suite(subjects, packed, out.resolve(), settings, own)
    typer.echo(summary(table))
    typer.echo(f"tables and figures: {out.resolve()}")


def summary(table: pd.DataFrame) -> str:
    """Least salient pixels against random ones, a line a method, for the reader of a terminal."""
    rows = table[
        (table["benchmark"] == "pixel_perturbation")
        & (table["direction"] == "least")
        & (table["metric"] == "relative change")
        & (table["seed"] == "all")
        & (table["group"] == "all")
        & (table["k"] >= 1)
    ]
    lines = []
    for (arm, method), mine in rows.groupby(["model", "method"], sort=False):
        cells = "  ".join(
            f"{row.mean_:.3f} [{row.low:.3f}, {row.high:.3f}]"
            for row in mine.rename(columns={"mean": "mean_"}).itertuples()
        )
        lines.append(f"{arm:<14}{method:<22}{cells}")
    head = "relative change, least salient pixels black, k = 1, 3, 5, 7, 10 %"
    return "\n".join([head, *lines]) if lines else "no pixel perturbation was asked for"


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command()(explain)
    app.command("explain-groups")(explain_groups)
    app.command("benchmark-saliency")(benchmark_saliency)
