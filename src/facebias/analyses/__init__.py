"""Further questions to finished runs. Each package: what is measured, its tables, plots and figures."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["mistakes"],
    submod_attrs={
        "mechanism.figures": ["MechanismFigures"],
        "pictures.figures": ["audit_protocols"],
        "saliency.figures": ["SaliencyFigures"],
        "shift.figures": ["ShiftFigures"],
        "tone.figures": ["ToneFigures"],
    },
)
