"""`facebias detect` and `facebias protocols`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facebias.cli.options import with_config
from facebias.core.config import Config
from facebias.core.words import IMAGE_SIZE
from facebias.detectors.windows import PROTOCOLS, Scan

_SCAN = f"One of {', '.join(PROTOCOLS)}, or SMALLEST:LARGEST:RATIO@STRIDE, sizes as shares or in pixels."


@with_config("runtime")
def detect(
    images: Annotated[list[Path], typer.Argument(help="Pictures, folders of pictures, or zip archives.")],
    config: Config,
    run: Annotated[str, typer.Option(help="A scored run: folder, id, or beginning of an id.")],
    out: Annotated[Path, typer.Option(help="Folder for drawn pictures, table and manifest.")] = Path("detected"),
    windows: Annotated[str, typer.Option(help=_SCAN)] = "fine",
    rule: Annotated[str, typer.Option(help="fpr=RATE of held-out crops, per window, or p=PROBABILITY.")] = "fpr=0.001",
    overlap: Annotated[
        float, typer.Option(help="IoU above which the lower of two boxes is dropped.", min=0, max=1)
    ] = 0.3,
) -> None:
    """Find faces in whole pictures: boxes drawn, a table (CSV) and a manifest.

    \b
    Example: facebias detect photographs --run cnn-s0 --out detected
    """
    from facebias.analyses.pictures.detect import detect_pictures, scorer
    from facebias.audit.thresholds import threshold
    from facebias.core.manifest import verify
    from facebias.data.user_pictures import gather
    from facebias.training.run import WEIGHTS_SCHEMA, Run
    from facebias.training.threads import threads

    scan, places, found = Scan.parse(windows), gather(images), Run.find(run, config)
    model, rows = found.model(config.device), found.predictions
    held_out = rows.loc[(rows["dataset"] == "validation") & (rows["label"] == 0), "score"]
    fixed = threshold(held_out.to_numpy(), rule)
    weights = verify(found.path / "weights.pt", WEIGHTS_SCHEMA)["sha256"]
    about = {
        "model": {"name": found.id, "weights_sha256": weights, "side": IMAGE_SIZE},
        "rule": rule,
        "held_out_negatives": fixed.negatives,
        "rate": fixed.rate,
    }
    with threads(config.threads):
        made = detect_pictures(places, scorer(model), scan, fixed.value, out.resolve(), about, overlap)
    for reject in made["rejects"]:
        typer.echo(f"[{reject.code}] {reject.where}: {reject.reason}", err=True)
    faces = sum(line["faces"] for line in made["pictures"])
    left = f", {made['rejected']} left out: see rejects.csv" if made["rejected"] else ""
    typer.echo(f"{out.resolve()}: {faces} boxes in {len(made['pictures'])} pictures{left}")


@with_config("data", "audit_data", "train", "study", "runtime")
def protocols(
    config: Config,
    grid: Annotated[
        str,
        typer.Option(
            help="Protocols to compare, by name or as NAME=SMALLEST:LARGEST:RATIO@STRIDE, separated by commas."
        ),
    ] = ",".join(PROTOCOLS),
    top: Annotated[int, typer.Option(help="A picture's score is the mean of so many best windows.", min=1)] = 1,
    image_fpr: Annotated[
        float,
        typer.Option(
            help="Share of pictures with a false alarm in their background, at "
            "whose thresholds the second comparison is made."
        ),
    ] = 0.1,
) -> None:
    """Audit a finished study in whole pictures by several window protocols: how far the protocol moves the answer.

    \b
    Example: facebias protocols --profile photographs --arms cnn,dbvae-0.001 --seeds 3
    """
    from facebias.analyses.pictures.figures import audit_protocols
    from facebias.training.threads import threads

    with threads(config.threads):
        found = audit_protocols(config, parse_grid(grid, top), image_fpr)
    for audit in found:
        audit.write()
        typer.echo(audit.text)
    typer.echo(f"tables and figures: {found[0].folder}")


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


def register(app: typer.Typer) -> None:
    """Mount both commands."""
    app.command()(detect)
    app.command()(protocols)
