"""Logs, metrics, traces and deadlines of a request."""
