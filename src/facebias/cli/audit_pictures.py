"""`facebias audit-pictures`: detectors of whole pictures, groups compared as shipped and at matched false alarms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facebias.cli.options import Answer, with_config
from facebias.core.config import Config


@with_config("data_root", "data_dir", "audit_size", "workers", "data_seed", as_json=True)
def audit_pictures(
    config: Config,
    detectors: Annotated[
        str, typer.Option(help="Detectors, separated by commas: names of facebias detectors, file.py:function, ...")
    ],
    pictures: Annotated[
        str, typer.Option(help="A folder or zip of pictures, or rendered, fairface-1.25, celeba, utkface, ppb.")
    ] = "fairface-1.25",
    labels: Annotated[
        Path | None, typer.Option(help="CSV of your own pictures: file, x1, y1, x2, y2, and columns to group by.")
    ] = None,
    negatives: Annotated[
        Path | None, typer.Option(help="Folder or zip of pictures without faces.  [default: nonfaces/ of data-root]")
    ] = None,
    groups: Annotated[
        str, typer.Option(help="Columns to group by, separated by commas; two at once as a+b.  [default: all]")
    ] = "",
    match: Annotated[
        str, typer.Option(help="Which detection finds a face: centre or iou; tables have both.")
    ] = "centre",
    faces: Annotated[
        str, typer.Option(help="Where faces are, if the CSV has no boxes: central, one in the middle of each picture.")
    ] = "",
    name: Annotated[list[str] | None, typer.Option(help="What to call each detector, in order.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Score from which on a function's detections count as shipped.  [default: all]")
    ] = None,
    batch: Annotated[bool, typer.Option("--batch", help="Functions take a list of pictures.")] = False,
    conditions: Annotated[
        str, typer.Option(help="Properties to change, separated by commas: height, exposure, noise, defocus, ...")
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder for tables, figures and report.")] = Path("audit-pictures"),
) -> Answer:
    """Compare groups in whole pictures: who is found, as shipped and at the same share of false alarms.

    \b
    Example: facebias audit-pictures --detectors lbp --pictures rendered

    Pictures of your own, with a CSV that says who is in them and where:

    facebias audit-pictures --detectors haar,mine.py:find --pictures photos --labels photos.csv --negatives scenes
    """
    from facebias.report.pictures import PictureQuestion

    asked = PictureQuestion(
        tuple(detectors.split(",")),
        pictures,
        labels,
        negatives,
        tuple(filter(None, groups.split(","))),
        match,
        faces,
        tuple(name or ()),
        threshold,
        batch,
        tuple(filter(None, conditions.split(","))),
    )
    found = asked.answer(config, out.resolve())
    return Answer(
        f"{found.text}\ntables, figures and report: {out.resolve()}", found.told | {"folder": str(out.resolve())}
    )
