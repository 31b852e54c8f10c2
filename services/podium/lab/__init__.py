"""Measurements: benchmarks, accuracy against ground truth, and the rendered athlete."""
