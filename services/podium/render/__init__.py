"""Pictures of results: overlays, plots, the HTML report. Arrays in, pixels or text out."""
