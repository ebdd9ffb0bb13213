"""`facebias explain`: what in a picture made a network answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facebias.cli.completion import complete_runs
from facebias.cli.options import with_config
from facebias.core.config import Config


@with_config("runs_dir", "device", "threads")
def explain(
    images: Annotated[list[Path], typer.Argument(help="Pictures, folders of pictures, or zip archives.")],
    config: Config,
    model: Annotated[
        str,
        typer.Option(
            help="A run (folder, id, or beginning of an id), or torchvision:NAME.", autocompletion=complete_runs
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for overlays, maps and the manifest.")] = Path("explained"),
    method: Annotated[
        str, typer.Option(help="fullgrad, input_gradient, gradcam, ...; a wrong one lists all.")
    ] = "fullgrad",
    weights: Annotated[
        Path | None, typer.Option(help="state_dict of a torchvision network.  [default: its own]", show_default=False)
    ] = None,
    target: Annotated[
        int | None, typer.Option(help="Index of the output to explain.  [default: the highest]", show_default=False)
    ] = None,
    scope: Annotated[str, typer.Option(help="What FullGrad rescales at a time: layer or channel.")] = "layer",
) -> str:
    """Show what in each picture made a network answer as it did: overlay, raw map (.npy) and manifest.

    \b
    Example: facebias explain pictures/000.png pictures/001.png --model cnn-s0
    """
    from facebias.data.user_pictures import gather
    from facebias.saliency.explain import explain_pictures
    from facebias.saliency.subjects import find_subject
    from facebias.training.threads import threads

    places = gather(images)
    with threads(config.threads):
        made = explain_pictures(places, find_subject(model, config, weights), method, out.resolve(), target, scope)
    rejected = f", {made['rejected']} could not be read: see rejects.csv" if made["rejected"] else ""
    return f"{out.resolve()}: {len(made['pictures'])} pictures explained{rejected}"
