"""Identifies, opens and decodes videos and pictures; frames are rotated upright."""
