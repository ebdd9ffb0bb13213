"""`facebias data`: pack, fetch and describe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facebias.cli.options import with_config
from facebias.core.config import Config

if TYPE_CHECKING:
    from facebias.data.dataset import FaceDataset

app = typer.Typer(
    help="Fetch raw data sets, pack them, and see who is in them.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(short_help="pictures to checked HDF5 files")
@with_config("data", "audit_data", "data_dir", "workers")
def pack(
    config: Config,
    reject_share: Annotated[float, typer.Option(help="Stop when more of the pictures cannot be read.")] = 0.001,
) -> str:
    """Pack training and audit sets to HDF5 files; finished ones are found again.

    \b
    Example: facebias data pack --train-size 900 --negative-size 1200 --audit-size 240
    """
    from facebias.data.pack import pack_audit, pack_training

    paths = list(pack_training(config, reject_share).values())
    return "\n".join(map(str, paths + [pack_audit(config, name, reject_share) for name in config.audit_names]))


@app.command(short_help="download a set that may be downloaded freely")
@with_config("data_root")
def fetch(
    name: Annotated[str, typer.Argument(help="celeba, fairface, fairface-1.25 or lab; others say what to do by hand.")],
    config: Config,
) -> str:
    """Download a data set that may be downloaded freely, with checksums and resume.

    \b
    Example: facebias data fetch fairface
    """
    from facebias.data.fetch import fetch as run

    return "\n".join(map(str, run(name, config.path("data_root"))))


@app.command(short_help="who is in packed files")
@with_config("data_dir")
def describe(
    config: Config,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Packed files.  [default: all that there are]", show_default=False)
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="Also plot who is in it to this PNG; one file.")] = None,
) -> str:
    """Print who is in packed files: labels, gender, race, age and measured skin tone.

    \b
    Example: facebias data describe
    """
    from facebias.core.errors import FacebiasError
    from facebias.data.dataset import FaceDataset
    from facebias.data.describe import report

    paths = files or sorted(config.path("data").glob("*.h5"))
    if not paths:
        raise FacebiasError("MISSING", config.path("data"), "no packed file is there", "Run: facebias data pack")
    if figure and len(paths) > 1:
        raise FacebiasError("CONFIG", "figure", f"{len(paths)} files for one figure", "Name one packed file")
    sets = [FaceDataset.load(path) for path in paths]
    plotted = [str(_plot(sets[0], figure))] if figure else []
    return "\n".join([*(report(one) for one in sets), *plotted])


@app.command(short_help="rendered pictures with labels, to try a folder of your own")
@with_config()
def render(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go; made where it is not there.")],
    count: Annotated[int, typer.Option(help="Pictures.")] = 240,
    seed: Annotated[int, typer.Option(help="The same seed gives the same pictures.")] = 0,
) -> str:
    """Render whole pictures with a face in each, and labels.csv: to try a folder of your own, detect and explain.

    \b
    Example: facebias data render pictures
    """
    from facebias.data.rendering.pictures import render_pictures

    return f"{count} pictures of rendered faces (synthetic): {render_pictures(folder.resolve(), count, seed)}"


def _plot(dataset: FaceDataset, figure: Path) -> Path:
    from facebias.core.outputs import OutputFolder
    from facebias.plots import FigureFolder, composition, composition_counts

    counts, synthetic = composition_counts(dataset.table), bool(dataset.attrs.get("synthetic"))
    files, name = FigureFolder(OutputFolder(figure.resolve().parent, "data"), synthetic), figure.stem
    return files.save(composition(dataset.table), counts, name, dataset.path.name, behind=counts[[]]).path
