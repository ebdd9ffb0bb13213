"""Which settings of the LBP cascade separate faces from non-faces best, on validation images of the training source.

    .venv/bin/python benchmarks/lbp_settings.py data/celeba-...-validation.h5 [faces negatives]

The file is a packed validation set (`facebias data pack`); a seeded part of its faces and negatives is scored under
every setting. No test image and none of an audit set is looked at. Settings are ordered by AUC, in which ties count
half, since recall at a false positive rate of 1 % hangs on the few negatives that it leaves; that recall and the false
positive rate reached (whole numbers tie) stand beside it. `cascade.SEARCH` of the adapter is the first line.
"""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from facebias.audit.thresholds import threshold
from facebias.data.dataset import FaceDataset
from facebias.detectors.adapters.cascade import Search, lbp_cascade

MARGINS, SMALLEST, FACTORS, STEPS = (0, 8, 16), (32, 40, 48, 56), (1.1, 1.2), (1.0, 2.0)
SEED = 0


def drawn(data: FaceDataset, faces: int, negatives: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a seeded part of the set."""
    rng = np.random.default_rng(SEED)
    rows = np.concatenate([rng.permutation(data.faces)[:faces], rng.permutation(data.negatives)[:negatives]])
    return data.images[rows], data.labels[rows]


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of pairs of a face and a non-face in which the face scores higher, ties half."""
    ranks, face = rankdata(scores), labels == 1
    n = int(face.sum())
    return float((ranks[face].sum() - n * (n + 1) / 2) / (n * (len(labels) - n)))


def main() -> None:
    """Print every setting, the best first."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    sizes = [int(word) for word in sys.argv[2:4]] or [500, 1000]
    images, labels = drawn(FaceDataset.load(Path(sys.argv[1])), *sizes)
    rows = []
    for values in itertools.product(MARGINS, SMALLEST, FACTORS, STEPS):
        search, start = Search(*values), time.process_time()
        scores = lbp_cascade(images, search)
        fixed = threshold(scores[labels == 0], "fpr=0.01", warn=False)
        recall = float(np.mean(scores[labels == 1] >= fixed.value))
        spent = (time.process_time() - start) / len(images)
        rows.append((auc(scores, labels), recall, fixed.rate, spent, search))
    print(f"{np.sum(labels == 1)} faces, {np.sum(labels == 0)} non-faces")
    print("   AUC  recall at FPR 1 %  FPR reached  ms a crop  margin  smallest  factor  step")
    for area, recall, rate, spent, search in sorted(rows, key=lambda row: (-row[0], row[3])):
        print(
            f"{area:.4f} {100 * recall:15.1f} % {100 * rate:10.2f} % {1000 * spent:10.1f} {search.margin:7d} "
            f"{search.smallest:9d} {search.factor:7.2f} {search.step:5.1f}"
        )


if __name__ == "__main__":
    main()
