"""``podium models quantize``: an INT8 copy of a model, and what it costs in accuracy."""
