"""The 3D pose service: person crops to key points in metres."""
