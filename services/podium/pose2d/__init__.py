"""The 2D pose service: person crops to key points in the picture."""
