"""`facebias explain-groups`: FullGrad per group."""

from __future__ import annotations

from facebias.cli.options import COMPUTING, STUDIES, with_config
from facebias.core.config import Config


@with_config(*COMPUTING, STUDIES, study=True)
def explain_groups(config: Config) -> str:
    """Draw FullGrad per group for a study, with its figures: means, differences, regions, CNN beside DB-VAE.

    A run of the study that is missing is trained first.

    \b
    Example: facebias explain-groups synthetic
    """
    from facebias.analyses.saliency.figures import SaliencyFigures
    from facebias.training.study import run_study
    from facebias.training.threads import threads

    figures = SaliencyFigures.of(run_study(config))
    with threads(config.threads):
        figures.all()
    return f"FullGrad of {', '.join(figures.saliency_arms)}, {config.seeds} seeds: {figures.files.folder}"
