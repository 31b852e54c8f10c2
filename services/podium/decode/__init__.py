"""The decode service: media bytes to frames, detector images and person crops."""
