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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facebias.core.arms import ARM_FIELDS
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import read_json, write_json, write_text
from facebias.core.paths import anchored
from facebias.core.progress import MARK


@dataclass(frozen=True)
class Executed:
    """What came of it: the verdict ("" for a chapter, which has none) and where things lie."""

    verdict: str
    places: dict[str, Path]


def execute(config: Config, source: str) -> Executed:
    """Execute a notebook with the settings that differ from the defaults.

    Args:
        config: the study.
        source: the notebook, from the project root.

    Raises:
        FacebiasError: no such notebook, no kernel, or a cell failed; the executed part is kept and named.
    """
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel

    path = anchored(source)
    if not path.exists():
        raise FacebiasError("NOTEBOOK", path, "no such notebook", "Name it from the project root")
    folder = config.path("runs") / f"study-{config.study_id}"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    verdict_file = config.path("figures") / config.figures_name / "verdict.json"
    verdict_file.unlink(missing_ok=True)
    try:
        with _relayed_output():
            papermill.execute_notebook(
                str(path),
                str(target),
                parameters(config),
                kernel_name="python3",
                log_output=True,
                progress_bar=sys.stderr.isatty(),
                cwd=str(path.parent),
                config=_transport(),
            )
    except NoSuchKernel as error:
        raise FacebiasError(
            "KERNEL",
            "python3",
            "no Jupyter kernel of this name",
            "Install one: python -m ipykernel install --sys-prefix",
        ) from error
    except papermill.PapermillExecutionError as error:
        what = error.evalue if error.ename == "FacebiasError" else f"{error.ename}: {error.evalue}"
        raise FacebiasError(
            "NOTEBOOK",
            target,
            f"cell {error.exec_count} failed: {what}",
            "Open it to see the cell; runs that were finished are kept",
        ) from error
    _forget_paths(target)
    places = {"executed notebook": target, "HTML": export_html(target)}
    if not verdict_file.exists():
        return Executed("", places)
    places |= {"figures": verdict_file.parent, "runs": config.path("runs")}
    return Executed(read_json(verdict_file)["text"], places)


def _forget_paths(notebook: Path) -> None:
    """Papermill writes absolute paths into the metadata; a notebook that is shared should not tell them."""
    content = read_json(notebook)
    about = content["metadata"]["papermill"]
    about.update(input_path=notebook.name, output_path=notebook.name)
    write_json(notebook, content)


def _transport() -> Any:
    # sockets in the file system where there are any: a TCP port would be open to other users of the machine
    from traitlets.config import Config as Traits

    return Traits({"KernelManager": {"transport": "ipc"}} if os.name == "posix" else {})


def parameters(config: Config) -> dict[str, object]:
    """The settings that differ from the defaults, as papermill takes them."""
    default = Config().as_dict()
    return {
        name: value for name, value in config.as_dict().items() if value != default[name] and name not in ARM_FIELDS
    }


def export_html(notebook: Path) -> Path:
    """Write the notebook as one HTML file that asks for nothing from the network; return its path."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="lab", require_js_url="", jquery_url="", mathjax_url="", mermaid_js_url="")
    html, _ = exporter.from_filename(str(notebook))
    html = re.sub(r'<script src="">\s*</script>', "", html)  # what is left of the libraries that would be fetched
    target = notebook.with_suffix(".html")
    write_text(target, html)
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
