"""Skin tone: how near the measurement is to the truth, and what race tells of it."""
