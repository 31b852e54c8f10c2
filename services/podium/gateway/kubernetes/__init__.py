"""Pipelines as custom resources."""
