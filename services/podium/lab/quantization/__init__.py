"""Compares an INT8 copy of a model with the original: accuracy and speed."""
