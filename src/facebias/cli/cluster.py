"""The options of a cluster, the same for every verb that can run there."""

from __future__ import annotations

from typing import Annotated

import typer

Kind = Annotated[str, typer.Option("--cluster", help="Tasks as jobs: slurm, local, or debug (in this process).")]
Partition = Annotated[str, typer.Option(help="Slurm's partition.  [default: its own]")]
Gpus = Annotated[int, typer.Option(help="GPUs of a job.")]
Memory = Annotated[float, typer.Option(help="Gigabytes of memory of a job.")]
Minutes = Annotated[int, typer.Option(help="Time of a job; one that needs more is queued again and goes on.")]
