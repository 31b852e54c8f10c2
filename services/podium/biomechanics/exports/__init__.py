"""Writes tables and motion capture files."""
