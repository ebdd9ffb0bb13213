"""`facebias detect`: faces in whole pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facebias.cli.completion import complete_runs
from facebias.cli.ending import printable
from facebias.cli.options import with_config
from facebias.core.config import Config
from facebias.core.words import IMAGE_SIZE
from facebias.detectors.windows import NAMED, Scan

_SCAN = f"One of {', '.join(NAMED)}, or SMALLEST:LARGEST:RATIO@STRIDE, sizes as shares or in pixels."


@with_config("runs_dir", "device", "threads")
def detect(
    images: Annotated[list[Path], typer.Argument(help="Pictures, folders of pictures, or zip archives.")],
    config: Config,
    run: Annotated[
        str, typer.Option(help="A scored run: folder, id, or beginning of an id.", autocompletion=complete_runs)
    ],
    out: Annotated[Path, typer.Option(help="Folder for drawn pictures, table and manifest.")] = Path("detected"),
    windows: Annotated[str, typer.Option(help=_SCAN)] = "fine",
    rule: Annotated[str, typer.Option(help="fpr=RATE of held-out crops, per window, or p=PROBABILITY.")] = "fpr=0.001",
    overlap: Annotated[
        float, typer.Option(help="IoU above which the lower of two boxes is dropped.", min=0, max=1)
    ] = 0.3,
) -> str:
    """Find faces in whole pictures: boxes drawn, a table (CSV) and a manifest.

    \b
    Example: facebias detect pictures/000.png pictures/001.png --run cnn-s0 --rule fpr=0.01
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
        typer.echo(printable(f"[{reject.code}] {reject.where}: {reject.reason}"), err=True)
    faces = sum(line["faces"] for line in made["pictures"])
    left = f", {made['rejected']} left out: see rejects.csv" if made["rejected"] else ""
    return f"{out.resolve()}: {faces} boxes in {len(made['pictures'])} pictures{left}"
