"""Groups by one spelling each: Black, black and "Black " are one group, and nan, unknown and "" are one unknown."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping

from facebias.core.label_files import plain

# "NA" and "none" are names of groups that people use
_UNKNOWN = frozenset({"", "nan", "<na>", "unknown", "null", "n/a", "undefined", "not available", "?"})


def one_spelling(values: Iterable[str] | Mapping[str, int], column: str) -> Mapping[str, str]:
    """What each value of a group column is taken for: the commonest of its spellings, or "" of a kind of unknown.

    What is taken for something else is told in one warning a column.

    Args:
        values: the column's cells, or how often each value is there.
        column: its name, for the warning.

    Returns:
        Every value that occurs, mapped.
    """
    counts = Counter(values)
    common: dict[str, str] = {}
    for value, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        common.setdefault(plain(value), value.strip())
    found = {value: "" if plain(value) in _UNKNOWN else common[plain(value)] for value in counts}
    groups = [value for value in counts if found[value] not in ("", value)]
    unknown = [value for value in counts if found[value] == "" != value]
    told = [f"{value!r} ({counts[value]:,}) is taken for {found[value]!r}" for value in groups]
    told += [f"{', '.join(f'{value!r} ({counts[value]:,})' for value in unknown)} count as unknown"] if unknown else []
    if told:
        warnings.warn(f"{column}: {'; '.join(told)}", stacklevel=2)
    return found
