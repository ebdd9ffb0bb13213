"""What a reader gets: figures of an audit, comparisons of runs, the page, the executed notebook."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "audit_figures": ["AuditFigures", "figures_of_detectors", "figures_of_study"],
        "comparison": ["Comparison", "compare_runs"],
        "explored_latents": ["explored_latents"],
        "pictures": ["PictureQuestion", "figures_of_pictures"],
        "study_figures": ["StudyFigures", "write_study"],
    },
)
