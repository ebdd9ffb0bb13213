"""Which measure of skin tone is nearer to the truth: ITA as pictured, or with exposure normalised.

    .venv/bin/python benchmarks/skin_tone.py [faces]

Rendered faces have a known tone, spread evenly over the six classes. The two constants of the normalisation were chosen
on other rendered faces than these (seed 11). `figures/skin-tone.csv` gets the median absolute error in degrees with its
interval, and the share of faces in the right class, over all faces, by exposure in stops and by true class. Faces that
cannot be measured have no error, and count as in no class. Last come brown and dark faces taken together, the group of
the primary comparison: the share of them, and of all others, that each measure calls so.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from facebias.analyses.tone.tables import tone_accuracy
from facebias.core.csv import write_csv
from facebias.data.rendering import render_faces
from facebias.data.rendering.colour import skin_lab
from facebias.data.skin_tone import measure, nearest_monk

SEED = 2026
DARK = ("brown", "dark")
OUT = Path(__file__).parent.parent / "figures" / "skin-tone.csv"
SHOWN = ["quantity", "by", "level", "n", "measured", "median_error", "low", "high", "bias", "pearson", "same"]


def checked(faces: int) -> pd.DataFrame:
    """The accuracy of both measures on `faces` rendered faces, a row a quantity and level."""
    block = render_faces(faces, SEED)
    lab = skin_lab(block.table["factor_melanin"].to_numpy(), block.table["factor_haemoglobin"].to_numpy())
    truth, measured = block.table.assign(monk=nearest_monk(lab)), measure(block.images)
    table = tone_accuracy(measured, truth, truth["factor_exposure"].to_numpy(dtype=float))
    return pd.concat([table, called_dark(measured, truth)], ignore_index=True)[SHOWN].round(4)


def called_dark(measured: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Of truly brown and dark faces and of all others, the share `same` whose measured class is brown or dark."""
    dark, rows = truth["skin_tone"].isin(DARK), []
    for quantity, name in (("ita", "skin_tone"), ("ita_normalised", "skin_tone_normalised")):
        called = measured[name].isin(DARK)
        for level, mine in (("brown and dark", dark), ("others", ~dark)):
            rows.append(
                (
                    quantity,
                    "called brown or dark",
                    level,
                    int(mine.sum()),
                    int(measured[mine][quantity].count()),
                    float(called[mine].mean()),
                )
            )
    return pd.DataFrame(rows, columns=["quantity", "by", "level", "n", "measured", "same"])


if __name__ == "__main__":
    table = checked(int(sys.argv[1]) if len(sys.argv) > 1 else 3600)
    write_csv(table, OUT)
    print(table.to_string(index=False))
