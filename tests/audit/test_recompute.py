"""The script that computes ten numbers of an audit once more: it agrees, and sees where a table was changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from audit_tables import predictions
from facebias.audit.whole import Audit
from facebias.core.outputs import OutputFolder

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks/recompute.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root, table = tmp_path_factory.mktemp("study"), predictions(seeds=2, lift=1.0, per_cell=35)
    Audit(table).write(OutputFolder(root / "study", "made"))
    for run, rows in table.groupby("run_id"):
        (root / "runs" / run).mkdir(parents=True)
        rows.to_parquet(root / "runs" / run / "predictions.parquet", index=False)
    return root


def recomputed(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, root / "study", root / "runs"], capture_output=True, text=True)


def test_ten_numbers_agree_and_nothing_of_ours_is_imported(folder):
    done = recomputed(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["same"] * 10
    assert not any(line.startswith(("import facebias", "from facebias")) for line in SCRIPT.read_text().splitlines())


def test_a_number_that_was_changed_is_found(folder):
    path = folder / "study/measures.csv"
    table, before = pd.read_csv(path), path.read_bytes()
    table["value"] += 0.001 * (table["metric"] == "gap")
    table.to_csv(path, index=False)
    done = recomputed(folder)
    path.write_bytes(before)
    assert done.returncode == 1 and done.stdout.count("DIFFERS") == 1 and "DIFFERS  gap" in done.stdout
