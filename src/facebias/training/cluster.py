"""Tasks as jobs of a cluster, through submitit: each task is the very call that this machine would make itself.

On Slurm they are one array job. A task that Slurm preempts or stops for time is queued again and goes on from its last
checkpoint. submitit keeps logs, and what each task was given, in one folder; both are named where a task fails. It asks
Slurm's accounting (`sacct`) what became of a task, and many clusters keep none: the queue is asked, too.
"""

from __future__ import annotations

import getpass
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from facebias.core.errors import FacebiasError
from facebias.core.progress import say

T = TypeVar("T")
KINDS = ("slurm", "local", "debug")
_POLL = 1.0  # seconds between looks at the jobs
_LOOK = 30.0  # seconds between looks at Slurm's queue; a result may take as long to be seen from another node
_STOPS = 1000  # times that a task may be stopped for time and queued again
_RULE = "-" * 22


@dataclass(frozen=True)
class Cluster:
    """Where tasks run, and what each of them asks for.

    Attributes:
        kind: "slurm"; "local", a process each on this machine; "debug", one after the other in this process.
        partition: of Slurm; "" is its default.
        gpus: of a task.
        memory: gigabytes of a task.
        minutes: of a task; after them it is stopped, queued again, and goes on.
        cpus: cores of a task.
    """

    kind: str
    partition: str = ""
    gpus: int = 0
    memory: float = 8
    minutes: int = 240
    cpus: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FacebiasError("CLUSTER", "cluster", f"{self.kind!r} is not one of {', '.join(KINDS)}", "Choose one")


class Resumable(Generic[T]):
    """A task that may be cut off and called again: what it has finished lies in files."""

    def __init__(self, work: Callable[[T], object]) -> None:
        self.work = work

    def __call__(self, item: T) -> None:
        """Do it, or what is left of it."""
        self.work(item)

    def checkpoint(self, item: T) -> Any:
        """What submitit is to queue again when it stops the task."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, item)


def run_on(
    cluster: Cluster, work: Callable[[T], object], tasks: Sequence[tuple[str, T]], folder: Path, at_once: int
) -> None:
    """Do `work` on every task and wait for all of them, also where some fail.

    Args:
        cluster: where.
        work: of one task. Called again, it does nothing or goes on.
        tasks: name and argument of each.
        folder: of submitit's logs; it must be seen from all nodes.
        at_once: tasks that may run at a time.

    Raises:
        FacebiasError: submitit is not installed, there is no Slurm here, or tasks failed: they are named, with the end
            of each one's traceback. Finished tasks are kept.
    """
    executor, left = _executor(cluster, folder, at_once), list(tasks)
    lost = _Lost() if cluster.kind == "slurm" else None
    running: dict[str, Any] = {}
    faults: dict[str, str] = {}
    try:
        if cluster.kind == "slurm":
            jobs = executor.map_array(Resumable(work), [task for _, task in left])
            running, left = dict(zip([name for name, _ in left], jobs, strict=True)), []
            say(f"{len(jobs)} tasks are queued as Slurm's job {jobs[0].job_id.partition('_')[0]}, logs in {folder}")
        while left or running:
            while left and len(running) < at_once:
                name, task = left.pop(0)
                running[name] = executor.submit(Resumable(work), task)
            for name in [name for name, job in running.items() if cluster.kind == "debug" or job.done()]:
                job = running.pop(name)
                if (error := job.exception()) is not None:
                    faults[name] = f"{_fault(error)} (log: {job.paths.stderr})"
                    say(f"{name} failed: {error}")
                say(f"{len(tasks) - len(running) - len(left)} of {len(tasks)} tasks done, {len(faults)} failed")
            for name in lost.among(running) if lost else ():
                faults[name] = f"it left Slurm's queue without a result (log: {running.pop(name).paths.stderr})"
                say(f"{name} failed: {faults[name]}")
            time.sleep(_POLL if running else 0)
    finally:
        if cluster.kind == "local":
            for job in running.values():
                job.cancel()
    if faults:
        listed = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
        what = f"{len(faults)} of {len(tasks)} tasks failed: {listed}"
        raise FacebiasError("CLUSTER", folder, what, "Run the same command again: these alone are repeated")


@dataclass
class _Lost:
    """Tasks that Slurm's queue has no more and that left no result: killed from outside, or with their node."""

    next_look: float = 0.0
    missing: frozenset[str] = field(default_factory=frozenset)

    def among(self, running: Mapping[str, Any]) -> list[str]:
        """Those that were missing at the look before, too: a result may lie on its way. A look that fails is none."""
        if time.monotonic() < self.next_look:
            return []
        self.next_look = time.monotonic() + _LOOK
        command = ["squeue", "--noheader", "--array", "--format=%i", "--user", getpass.getuser()]
        look = subprocess.run(command, capture_output=True, text=True, check=False)
        if look.returncode:
            return []
        queued = set(look.stdout.split())
        missing = frozenset(name for name, job in running.items() if job.job_id not in queued)
        lost, self.missing = missing & self.missing, missing
        return sorted(lost)


def _executor(cluster: Cluster, folder: Path, at_once: int) -> Any:
    try:
        import submitit
    except ImportError as error:
        mend = "Run: pip install 'facebias[cluster]'"
        raise FacebiasError("CLUSTER", "submitit", "not installed", mend) from error
    try:
        again = {f"{kind}_max_num_timeout": _STOPS for kind in KINDS[:2]}
        executor = submitit.AutoExecutor(folder, cluster=cluster.kind, **again)
    except RuntimeError as error:
        raise FacebiasError("CLUSTER", cluster.kind, str(error), "Log in where sbatch is, or use local") from error
    if cluster.kind == "slurm" and not shutil.which("squeue"):
        raise FacebiasError("CLUSTER", "slurm", "no squeue here", "Log in where sbatch is, or use local")
    asked = {"timeout_min": cluster.minutes, "mem_gb": cluster.memory, "cpus_per_task": cluster.cpus}
    slurm = {"slurm_array_parallelism": at_once, "slurm_job_name": "facebias"}
    slurm |= {"slurm_partition": cluster.partition} if cluster.partition else {}
    executor.update_parameters(**asked, gpus_per_node=cluster.gpus, **slurm)
    return executor


def _fault(error: BaseException) -> str:
    """A task's own fault in one line: submitit's message has the traceback between two rules."""
    parts = str(error).split(_RULE)
    words = parts[1].strip().splitlines()[-1] if len(parts) == 3 else str(error) or type(error).__name__
    return " ".join(words.split())
