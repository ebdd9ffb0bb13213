"""The committed top notebook was executed in order and without an error; the chapters are stripped."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def code_cells(path: Path) -> list[dict]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def faults() -> list[str]:
    top = code_cells(ROOT / "Bias_in_face_detection.ipynb")
    found = []
    counts = [cell["execution_count"] for cell in top]
    if counts != list(range(1, len(top) + 1)):
        found.append(f"top notebook: execution counts are {counts}")
    if any(output["output_type"] == "error" for cell in top for output in cell["outputs"]):
        found.append("top notebook: a cell failed")
    if not any(cell["outputs"] for cell in top):
        found.append("top notebook: no outputs")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if any(cell["outputs"] or cell["execution_count"] for cell in code_cells(path)):
            found.append(f"{path.name}: chapters are committed without outputs")
    return found


if __name__ == "__main__":
    problems = faults()
    print("\n".join(problems) or "notebooks: executed in order, chapters stripped")
    sys.exit(bool(problems))
