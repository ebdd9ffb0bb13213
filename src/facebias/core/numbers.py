"""Numbers as the report prints them: percent with one decimal, intervals in brackets, a real minus sign."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

NONE = "\N{EN DASH}"  # where a number is not defined


def percent(share: float, digits: int = 1) -> str:
    """A share in percent."""
    return f"{100 * share:.{digits}f}" if math.isfinite(share) else NONE


def interval(low: float, high: float, *, signed: bool = False) -> str:
    """An interval of shares, in percent."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{points(low)}, {points(high)}]" if signed else f"[{percent(low)}, {percent(high)}]"


def minus(text: str) -> str:
    """The text of a number with a real minus sign, which a hyphen is not."""
    return text.replace("-", "\N{MINUS SIGN}")


def points(change: float) -> str:
    """A change of shares in percentage points, with its sign."""
    return minus(f"{100 * change:+.1f}") if math.isfinite(change) else NONE


def number(value: Any, digits: int = 3) -> str:
    """Any number with some significant digits; text as it is."""
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return NONE
    if float(value).is_integer():
        return f"{int(value):,}"
    return minus(f"{value:#.{digits}g}".rstrip("."))


def p_value(p: float) -> str:
    """A p-value; small ones as a bound."""
    if not math.isfinite(p):
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def side(change: pd.Series) -> str:
    """Where 0 lies by the interval of a change; with one seed the interval is of images alone and judges nothing."""
    if change["distinguishable"]:
        return "excludes 0"
    return "one seed, not judged" if change["seeds"] < 2 else "includes 0"
