"""Identities over a clip, and which of the persons is the athlete."""
