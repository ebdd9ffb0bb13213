"""The primary comparison of a study, written down before it runs: what alone is tested at 5 %.

The setting `primary` has it in words: ``dbvae-0.01 over vae, cnn: recall of skin_tone brown, dark rises``. That is an
arm, its baselines (a contrast each), a metric, a group column, the levels that are taken together, and which way the
change is expected to go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from facebias.core.arms import parse_arm
from facebias.core.errors import FacebiasError

DIRECTIONS = ("rises", "falls")
# Named before the run: the method at an alpha of the paper, for those whom it is to help. Against the same network,
# drawn evenly, it is resampling alone; against the standard CNN it is what was published.
PRIMARY = "dbvae-0.01 over vae, cnn: recall of skin_tone brown, dark rises"
_FORM = re.compile(r"(\S+) over ([^:]+): recall of (\w+) (.+) (\w+)")


@dataclass(frozen=True)
class Primary:
    """One comparison.

    Attributes:
        arm: whose recall is expected to change.
        baselines: from which; each is a contrast of its own.
        column: a group column of the predictions.
        levels: of it, taken together.
        direction: one of DIRECTIONS.
    """

    arm: str
    baselines: tuple[str, ...]
    column: str
    levels: tuple[str, ...]
    direction: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From its words; None of no words: no comparison is primary.

        Raises:
            FacebiasError: the words are of another form, or name no arm.
        """
        if not text.strip():
            return None
        found = _FORM.fullmatch(" ".join(text.split()))
        if not found or found[5] not in DIRECTIONS:
            raise FacebiasError("CONFIG", "primary", f"{text!r} names no comparison", f"Write it like {PRIMARY!r}")
        arm, baselines, levels = found[1], _listed(found[2]), _listed(found[4])
        for name in (arm, *baselines):
            parse_arm(name)
        return cls(arm, baselines, found[3], levels, found[5])

    @property
    def group(self) -> str:
        """Whose recall, in words: "brown and dark skin tone"."""
        return f"{' and '.join(self.levels)} {self.column.replace('_', ' ')}"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
