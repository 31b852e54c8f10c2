"""Reads request bodies as they arrive, without holding them whole."""
