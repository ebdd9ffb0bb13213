"""`facebias benchmark-saliency`: saliency methods, measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from facebias.cli.completion import complete_runs
from facebias.cli.options import COMPUTING, with_config
from facebias.core.config import Config


@with_config(*COMPUTING, default="the first run's")
def benchmark_saliency(
    runs: Annotated[
        list[str], typer.Argument(help="Trained runs; those of one arm are its seeds.", autocompletion=complete_runs)
    ],
    config: Config,
    given: dict[str, Any],
    data: Annotated[
        Path | None,
        typer.Option(help="Packed audit set.  [default: the first one of the first run]", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for tables and figures.")] = Path("benchmark-saliency"),
    parts: Annotated[
        str, typer.Option(help="Of pixels, retrain, sanity, faithfulness, separated by commas.")
    ] = "pixels,sanity",
    methods: Annotated[str, typer.Option(help="Names separated by commas, or all.")] = "all",
    images: Annotated[int, typer.Option(help="Faces for pixel perturbation.")] = 500,
    sanity_images: Annotated[int, typer.Option(help="Of these, for the sanity checks and faithfulness.")] = 100,
    train_images: Annotated[int, typer.Option(help="Training images of each retraining, half of them faces.")] = 4000,
    retrain_epochs: Annotated[int, typer.Option(help="Epochs of each retraining.")] = 4,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Also a sanity check on shuffled labels.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the draws of images.")] = 0,
) -> str:
    """Measure saliency methods: pixel perturbation, remove and retrain, and sanity checks, with intervals.

    \b
    Example: facebias benchmark-saliency cnn-s0 --parts pixels --methods fullgrad,random --images 16
    """
    from facebias.data.dataset import FaceDataset
    from facebias.data.pack import pack_audit
    from facebias.saliency.benchmarks import Settings, run_suite
    from facebias.saliency.benchmarks.rows import in_words
    from facebias.saliency.subjects import find_subject
    from facebias.training.run import Run
    from facebias.training.threads import threads

    settings = Settings(parts, methods, images, sanity_images, train_images, retrain_epochs, labels, seed)
    own = Run.find(runs[0], config).config.with_(**given)
    with threads(config.threads):
        subjects = [find_subject(name, config) for name in runs]
        packed = FaceDataset.load(data or pack_audit(own, own.audit_names[0]))
        few = f"{packed.path.name} holds {len(packed.faces)} faces, fewer than {images}: all are taken\n"
        table = run_suite(subjects, packed, out.resolve(), settings, own)
    return f"{few * (len(packed.faces) < images)}{in_words(table)}\ntables and figures: {out.resolve()}"
