"""facebias: audit face detectors for demographic bias.

The words that this package uses, as the field does:

face, non-face
    What a detector tells apart, label 1 and 0. Non-faces carry no demographics.
score
    A detector's logit for one image: 0 is probability one half. Scores are stored, decisions never.
threshold
    The score from which an image is called a face. It is fixed on held-out non-faces at a stated false positive
    rate (FPR), by the same rule for every detector, before any group is looked at.
group
    A cell of skin tone x gender, or race x gender, or a margin of one of them.
TPR, recall
    Share of a group's faces that are called faces. The paper calls it accuracy.
gap
    Recall of the best group minus that of the worst, in points; the null gap is the gap expected by chance alone if
    all groups were equal.
matched FPR
    Groups and detectors are compared where each detector makes the same share of false alarms. A recall without a
    false positive rate says nothing: lowering the threshold raises it for everybody.
arm
    One way of training: the standard CNN, the DB-VAE at one alpha, a control. Each has the same seeds.
run
    One training of one arm with one seed; a study is all runs of its arms.
ITA
    Individual typology angle of skin in CIELAB, in degrees; higher is lighter.
ESS
    Effective sample size of the sampling probabilities: how many images resampling in fact trains on.
framing
    How tightly a crop holds the face. One convention holds for training and audit.

The flow, each stage reading only what the one before wrote: pack -> train -> score -> audit -> report.
"""

from __future__ import annotations

from importlib.metadata import version

import lazy_loader

__version__ = version("facebias")

# Loaded when first asked for, so that the audit and its figures never import torch
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["analyses", "audit", "plots", "saliency"],
    submod_attrs={
        "audit": ["Audit", "GroupReport", "group_report", "verdict"],
        "core.config": ["Config"],
        "core.errors": ["FacebiasError"],
        "core.notebook_settings": ["notebook_config"],
        "core.profiles": ["profile"],
        "data.dataset": ["FaceDataset"],
        "data.pack": ["pack_audit", "pack_training"],
        "detectors": ["find_detector"],
        "detectors.networks": ["DBVAE", "StandardCNN"],
        "report": ["AuditFigures", "StudyFigures", "compare_runs"],
        "report.pictures": ["PictureQuestion"],
        "saliency": ["FullGrad"],
        "training": ["Run", "Study", "gather", "run_study", "sampling_probabilities"],
        "training.fit": ["fit"],
        "training.score": ["score"],
    },
)
