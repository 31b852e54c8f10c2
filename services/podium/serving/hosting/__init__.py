"""Models behind a service: engines, batching, loading."""
