"""Draws results: overlays, plots, the HTML report. Takes arrays, returns pixels or text."""
