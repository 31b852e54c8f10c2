"""Calls a gateway with whole videos: batches, retries and resumable runs."""
