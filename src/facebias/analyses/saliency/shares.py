"""Share of saliency in each region of the face, per group, with intervals over seeds and faces."""

from __future__ import annotations

import numpy as np
import pandas as pd

from facebias.analyses.saliency.maps import REPLICATES, bootstrap_means, interval, row_of, stack_groups
from facebias.analyses.saliency.regions import REGIONS, region_areas
from facebias.analyses.saliency.stack import MapStack


def share_table(stack: MapStack, by: tuple[str, ...], *, replicates: int = REPLICATES, seed: int = 0) -> pd.DataFrame:
    """Mean share of each region in each known group of a grouping, of its margins and of all faces.

    Returns:
        One row an arm, group and region: dataset, kind, model, seeds, grouping, race, skin_tone, gender, group, n,
        small, region, area (share of the image), value with low and high (95 %, over seeds and faces), and change with
        change_low and change_high (from the first arm, same seeds and faces; NaN in the first arm).

    Raises:
        FacebiasError: nothing is known of a grouping column.
    """
    areas, parts = region_areas(stack.average.shape[-1]), []
    for grouping, cell, mine in stack_groups(stack, by):
        values = stack.shares[:, :, mine]
        draws, mean = bootstrap_means(values, replicates=replicates, seed=seed), values.mean(axis=(1, 2))
        low, high = interval(draws)
        change, change_low, change_high = mean - mean[0], *interval(draws - draws[:, :1])
        for number in range(len(stack.models)):
            changes = {"change": change, "change_low": change_low, "change_high": change_high}
            parts.append(
                pd.DataFrame(
                    row_of(stack, number, grouping, cell)
                    | {
                        "region": list(REGIONS),
                        "area": areas,
                        "value": mean[number],
                        "low": low[number],
                        "high": high[number],
                    }
                    | {name: side[number] if number else np.nan for name, side in changes.items()}
                )
            )
    return pd.concat(parts, ignore_index=True)
