"""Podium: video of athletes in, key points, biomechanics and overlays out."""

__version__ = "0.1.0"
