"""Identities over a clip, and the choice of the athlete."""
