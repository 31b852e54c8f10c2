"""Runs whole videos through a gateway: in batches, with retries, resumable."""
