"""Calls to other services: endpoints, balancing, connections, retries."""
