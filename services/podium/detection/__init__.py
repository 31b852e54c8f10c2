"""The detection service: letterboxed images to person boxes."""
