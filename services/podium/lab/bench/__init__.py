"""Benchmarks of the services and the networks against alternatives."""
