"""Detectors of whole pictures: those that people use, each a file here, and anybody's function or program.

A file of these has PACKAGE (what to install), MODULE (what is imported), INPUT and LICENCE in words, SHIPPED (the score
from which on people get a detection), SETTINGS (what it is asked with), `weights()` and `Find`, whose instances find
faces in a picture. None is imported before it is asked for, so one missing package leaves the others alone.
"""

from __future__ import annotations

from facebias.detectors.pictures.interface import Card, Detections, PictureDetector
from facebias.detectors.pictures.known import KNOWN, load_known, overview

__all__ = ["KNOWN", "Card", "Detections", "PictureDetector", "load_known", "overview"]
