"""Whole pictures: windows slid over them, and how far the grid of windows moves the answer."""
