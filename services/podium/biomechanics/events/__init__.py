"""Moments of a movement: contacts, repetitions."""
