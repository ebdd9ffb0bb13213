"""The published numbers, as reference rows beside our own.

Amini, Soleimany, Schwarting, Bhatia, Rus: "Uncovering and Mitigating Algorithmic Bias through Learned Latent
Structure", AIES 2019. Table 1, and the bars of Fig. 5B as digitised. What it calls accuracy is recall on the faces
of the Pilot Parliaments Benchmark, by sliding windows, at false positive rates that it does not state. Table and
figure disagree at alpha 0.001.

Of Mitnik, Nieuwenhuis, Fijen, de Marez Oyens: "FacialDebiasing" (2020, MIT licence), a reproduction, every training is
published (`reproduction.csv` says where). It judges PPB's portraits, squeezed to 64 x 64, by 15 sizes of windows at
p = 0.5. As it counts false alarms too, it shows what Table 1 cannot: recall that is bought with them.
"""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

GROUP_SIZES = {("dark", "Male"): 318, ("dark", "Female"): 271, ("light", "Male"): 386, ("light", "Female"): 295}

_TABLE = (  # setting, alpha, E[A], Var[A], dark male, dark female, light male, light female; percent
    ("no debiasing", None, 95.13, 28.84, 87.40, 95.06, 99.33, 98.18),
    ("alpha 0.1", 0.1, 95.84, 25.43, 88.61, 95.64, 99.66, 98.91),
    ("alpha 0.05", 0.05, 96.47, 18.08, 90.49, 95.88, 99.70, 99.25),
    ("alpha 0.01", 0.01, 97.13, 9.49, 92.68, 96.82, 99.44, 98.97),
    ("alpha 0.001", 0.001, 97.36, 9.43, 92.32, 96.91, 99.33, 99.46),
)


def paper_table() -> pd.DataFrame:
    """Table 1: setting, alpha, mean_percent, variance_percent2."""
    return pd.DataFrame([row[:4] for row in _TABLE], columns=["setting", "alpha", "mean_percent", "variance_percent2"])


def paper_bars() -> pd.DataFrame:
    """Fig. 5B, digitised, tidy: setting, alpha, skin ("dark", "light"), gender, n, value (a share in [0, 1])."""
    rows = [
        (row[0], row[1], skin, gender, n, round(percent / 100, 6))
        for row in _TABLE
        for ((skin, gender), n), percent in zip(GROUP_SIZES.items(), row[4:], strict=True)
    ]
    return pd.DataFrame(rows, columns=["setting", "alpha", "skin", "gender", "n", "value"])


def reproduction() -> pd.DataFrame:
    """The reproduction's trainings, one row each.

    Returns:
        rule and alpha as our arms have them ("uniform" has alpha NaN), training, "dark male", "dark female",
        "light male", "light female" (faces found, of `GROUP_SIZES`) and "false alarms" (of 1,270 pictures).
    """
    with files("facebias.audit").joinpath("reproduction.csv").open() as file:
        return pd.read_csv(file, comment="#")
