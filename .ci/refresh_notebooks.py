"""`make notebooks`: execute the study and its chapters with the default settings, and keep their outputs.

What is kept is the same each time: no time, no path, no line of progress, and metadata that never change.
"""

from __future__ import annotations

from pathlib import Path

import nbformat

from facebias.core.config import Config
from facebias.core.progress import MARK
from facebias.report.notebook import execute

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = (ROOT / "Bias_in_face_detection.ipynb", *sorted((ROOT / "notebooks").glob("*.ipynb")))
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def is_progress(output: nbformat.NotebookNode) -> bool:
    """Whether an output holds lines of progress and nothing else."""
    return output.output_type == "stream" and all(line.startswith(MARK) for line in output.text.splitlines() if line)


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The executed notebook without what papermill and the kernel noted of this one execution."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not is_progress(output)]
    return notebook


if __name__ == "__main__":
    for path in NOTEBOOKS:
        print(path.name, flush=True)
        executed = execute(Config(), str(path)).places["executed notebook"]
        nbformat.write(clean(nbformat.read(executed, as_version=4)), path)
