"""Headless execution of the study's notebooks with papermill, and their HTML export.

The state of a run is never read from an executed notebook (papermill marks cells of a killed kernel as completed):
the verdict comes from the file that the study wrote last.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facebias.core.arms import ARM_FIELDS
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import read_json, write_json, write_text
from facebias.core.kept import keep, known
from facebias.core.manifest import fingerprint, sha256
from facebias.core.outputs import RECORD
from facebias.core.paths import anchored, checkout
from facebias.core.progress import MARK, quiet
from facebias.core.records import read_record
from facebias.core.studies import plan

_PATIENCE = 600  # seconds for a kernel to start: a minute is short on a machine that trains


@dataclass(frozen=True)
class Executed:
    """What came of it: the verdict ("" for a chapter, which has none) and where things lie."""

    verdict: str
    places: dict[str, Path]


def execute(config: Config, source: str) -> Executed:
    """Execute a notebook with the settings that differ from the defaults.

    The verdict of an earlier execution stays until this one has written its own; a chapter writes none. A new one is
    followed by the report.

    Args:
        config: the study.
        source: the notebook, from the project root.

    Raises:
        FacebiasError: no such notebook, no kernel, a folder that cannot be written to, or a cell failed; the executed
            part is kept and named.
    """
    path = anchored(source)
    if not path.exists():
        raise FacebiasError("NOTEBOOK", path, "no such notebook", "Name it from the project root")
    target = config.study_folder / path.name
    verdict_file = config.study_folder / "verdict.json"
    before = _written(verdict_file)
    _execute(path, target, parameters(config))
    _forget_paths(target)
    places = {"executed notebook": target, "HTML": export_html(target)}
    if _written(verdict_file) == before:
        return Executed("", places)
    places |= {"tables and figures": config.study_folder, "runs": config.path("runs")}
    if (config.study_folder / RECORD).exists():  # a notebook of somebody's own may write a verdict and no audit
        places |= {"report": _report(config)}
    return Executed(read_record(verdict_file, text=str)["text"], places)


def _report(config: Config) -> Path:
    """The study's report; one of the same study, model card and day stays as it is."""
    folder, runs, root = config.study_folder, config.path("runs"), checkout()
    read = [folder / RECORD, *(runs / one.run_id / "DONE.json" for one in plan(config))]
    read += [root / "docs" / "model_card.md"] if root else []  # a wheel's own is part of the code
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    key = fingerprint({"date": date} | {str(path): sha256(path) for path in read if path.exists()}, 64)
    page = folder / "report.html"
    if known(folder, "report", key) is None:
        from facebias.report.page import AuditFolder, write_report  # here: its tables take a second to import

        write_report(AuditFolder(folder, runs), page, date)
        keep(folder, "report", key, [page])
    return page


def _written(file: Path) -> tuple[int, int] | None:
    """Tells one writing of a file from the next: each has a new inode, a new time, or both."""
    if not file.exists():
        return None
    return file.stat().st_ino, file.stat().st_mtime_ns


def _execute(path: Path, target: Path, values: dict[str, object]) -> None:
    """Run `path` with papermill into `target`; whatever goes wrong becomes one line."""
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel
    from zmq import ZMQError

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _relayed_output(), kernel_traits() as traits:
            papermill.execute_notebook(
                str(path),
                str(target),
                values,
                kernel_name="python3",
                language="python",
                log_output=True,
                progress_bar=sys.stderr.isatty() and not quiet(),
                start_timeout=_PATIENCE,
                cwd=str(path.parent),
                config=traits,
            )
    except NoSuchKernel as error:
        mend = "Install one: python -m ipykernel install --sys-prefix"
        raise FacebiasError("KERNEL", "python3", "no Jupyter kernel of this name", mend) from error
    except papermill.PapermillExecutionError as error:
        what = error.evalue if error.ename == "FacebiasError" else f"{error.ename}: {error.evalue}"
        mend = "Open it to see the cell; runs that were finished are kept"
        raise FacebiasError("NOTEBOOK", target, f"cell {error.exec_count} failed: {what}", mend) from error
    except OSError as error:
        mend = "Name folders that can be written to: --runs-dir, --data-dir, --studies-dir"
        raise FacebiasError("WRITE", error.filename or target, str(error.strerror or error), mend) from error
    except (RuntimeError, ZMQError) as error:  # nbclient's, when a kernel does not start or dies
        what = str(error).strip().split("\n")[0]
        raise FacebiasError("KERNEL", target, what, "Run it again; finished runs are kept") from error


@contextlib.contextmanager
def kernel_traits() -> Iterator[Any]:
    """How a kernel is started: its sockets and keys in a folder of this user alone, which is removed afterwards.

    Sockets in the file system, where there are any: a TCP port would be open to other users of the machine. Jupyter
    would put them into the working directory, which may be read-only, and where two executions would meet.
    """
    from traitlets.config import Config as Traits

    with tempfile.TemporaryDirectory(prefix="facebias-") as folder:  # mode 0700
        manager = {"connection_file": str(Path(folder) / "kernel.json")}
        if os.name == "posix":
            manager["transport"] = "ipc"  # sockets are named after the connection file
        # a kernel is interrupted before it is shut down, and would report that as an error of its own
        quiet = {"extra_arguments": ["--IPKernelApp.log_level=CRITICAL"]}
        yield Traits({"KernelManager": manager, "NotebookClient": quiet})


def _forget_paths(notebook: Path) -> None:
    """Papermill writes absolute paths into the metadata; a notebook that is shared should not tell them."""
    content = read_json(notebook)
    about = content["metadata"]["papermill"]
    about.update(input_path=notebook.name, output_path=notebook.name)
    write_json(notebook, content)


def parameters(config: Config) -> dict[str, object]:
    """The settings that differ from the defaults, as papermill takes them."""
    default = Config().as_dict()
    return {
        name: value for name, value in config.as_dict().items() if value != default[name] and name not in ARM_FIELDS
    }


def export_html(notebook: Path) -> Path:
    """Write the notebook as one HTML file that asks for nothing from the network, its figures with alt texts.

    One of the same text and outputs stays as it is.

    Returns:
        The path of the HTML file.
    """
    cells = [
        {name: cell[name] for name in sorted(cell) if name not in ("id", "metadata")}
        for cell in read_json(notebook)["cells"]
    ]
    target, work, key = notebook.with_suffix(".html"), f"html-{notebook.stem}", fingerprint({"cells": cells}, 64)
    if known(notebook.parent, work, key) is not None:
        return target
    from nbconvert import HTMLExporter

    nothing = dict.fromkeys(("require_js_url", "jquery_url", "mathjax_url", "mermaid_js_url"), "")
    templates = str(Path(__file__).parent / "templates")
    exporter = HTMLExporter(template_name="described", extra_template_basedirs=[templates], **nothing)
    html, _ = exporter.from_filename(str(notebook))
    html = re.sub(r'<script src="">\s*</script>', "", html)  # what is left of the libraries that would be fetched
    write_text(target, html)
    keep(notebook.parent, work, key, [target])
    return target


@contextlib.contextmanager
def _relayed_output() -> Iterator[None]:
    """Show what the kernel prints while it works; it prints lines, since nobody watches its own screen."""
    logger, handler = logging.getLogger("papermill"), logging.StreamHandler(sys.stdout)
    handler.addFilter(_relay_line)
    level, propagate, before = logger.level, logger.propagate, os.environ.get("FACEBIAS_HEADLESS")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    os.environ["FACEBIAS_HEADLESS"] = "1"  # inherited by the kernel
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
        os.environ.pop("FACEBIAS_HEADLESS")
        if before is not None:
            os.environ["FACEBIAS_HEADLESS"] = before


def _relay_line(record: logging.LogRecord) -> bool:
    """Keep the lines of progress alone; a notebook's results are read in the notebook."""
    lines = [line for line in record.getMessage().splitlines() if line.startswith(MARK)]
    record.msg, record.args = "\n".join(lines), None
    return bool(lines)
